//! Waiting until what a vendor gave is saved, with a word about it.

use std::time::Duration;

use hushgate_gateway::connect::Connector;

use crate::print;

/// How long it is waited without a word. The lock of a shared token is kept for some seconds after each
/// exchange, until what was written stands.
const SILENT: Duration = Duration::from_secs(10);
/// The time between two words.
const PAUSE: Duration = Duration::from_secs(30);

/// Ends when everything that an exchange gave is saved. Says so where that takes long: a store that
/// can't be written is tried on, since a refresh token that was not saved can't be had again.
pub(super) async fn saved(connector: &Connector) {
    let mut quiet = std::pin::pin!(connector.quiet());
    let mut patience = SILENT;
    while tokio::time::timeout(patience, &mut quiet).await.is_err() {
        print::note(
            "still waiting: the vendor's answer is not there, or what it gave is not saved yet, as when the store can't be \
             written or others hold its lock. Check HUSHGATE_SECRETS, its space and permissions; it is tried until it \
             works, and killing this command may lose the connection.",
        );
        patience = PAUSE;
    }
}
