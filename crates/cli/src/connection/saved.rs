//! Waiting until what a vendor gave is saved, with a word about it.

use std::time::Duration;

use hushgate_gateway::connect::Connector;

use crate::print;

/// How long it is waited without a word; what every store needs is far less.
const SILENT: Duration = Duration::from_secs(3);
/// The time between two words.
const PAUSE: Duration = Duration::from_secs(30);

/// Ends when everything that an exchange gave is saved. Says so where that takes long: a store that
/// can't be written is tried on, since a refresh token that was not saved can't be had again.
pub(super) async fn saved(connector: &Connector) {
    let mut quiet = std::pin::pin!(connector.quiet());
    let mut patience = SILENT;
    while tokio::time::timeout(patience, &mut quiet).await.is_err() {
        print::note(
            "what the vendor gave is not saved yet: the store can't be written, or others hold its lock; it is tried \
             until it works. Check HUSHGATE_SECRETS, its space and permissions. Killing this command may lose the connection.",
        );
        patience = PAUSE;
    }
}
