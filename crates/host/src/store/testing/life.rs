//! A connection's life cycle over a store: one exchange for all instances, and no token lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::lifecycle::{JOURNAL_ENTRY, Journal, Timing};
use hushgate_gateway::ports::{Secret, SecretStore};

use super::super::view::ConnectionView;

mod dying;
mod vendor;

pub use dying::check_died_in_exchange;

use vendor::{Manner, Vendor, bearer};

/// The connection that is used.
pub const CONNECTION: &str = "work";

/// A store; each of one test is an instance's own, over the same service.
pub type Store = Arc<dyn SecretStore>;

/// Sets the connection up, as its refresh token is at first.
///
/// # Panics
/// When the store does not take it.
pub async fn connect(store: &Store) {
    connect_as(store, CONNECTION).await;
}

async fn connect_as(store: &Store, id: &str) {
    let view = view(store, id);
    for (name, value) in [
        ("CLIENT_ID", "i"),
        ("CLIENT_SECRET", "s"),
        ("REFRESH_TOKEN", "r0"),
    ] {
        let mut written = view.write(name, Secret::new(value)).await;
        // An emulator takes its time with the first calls.
        for _ in 0..5 {
            if written.is_ok() {
                break;
            }
            written = view.write(name, Secret::new(value)).await;
        }
        written.expect("the connection is set up");
    }
}

/// Instances that start at once make one exchange, and a later one takes its token from the store. The
/// connection is [set up](connect) already.
///
/// # Panics
/// When it is otherwise, or there are not two stores at least.
pub async fn check_one_exchange(mut stores: Vec<Store>) {
    let vendor = Vendor::start(3600, Manner::Prompt).await;
    let late = stores.pop().expect("more than one store");
    let mut asking = tokio::task::JoinSet::new();
    for store in &stores {
        let instance = vendor.instance(store, CONNECTION, Timing::default());
        asking.spawn(async move {
            // Without a living token, who waits too long is told to come again.
            for _ in 0..20 {
                if let Ok(credential) = instance.credential(None).await {
                    return bearer(&credential);
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            String::new()
        });
    }
    let tokens: BTreeSet<_> = asking.join_all().await.into_iter().collect();
    assert_eq!(tokens, BTreeSet::from(["Bearer a1".to_owned()]));
    assert_eq!(vendor.sent(), ["r0"]);
    assert_eq!(stored(&late, CONNECTION, "REFRESH_TOKEN").await, "r1");
    let journal = Journal::read(&stored(&late, CONNECTION, JOURNAL_ENTRY).await);
    assert!(journal.expect("a journal").intent.is_none());
    let credential = vendor
        .instance(&late, CONNECTION, Timing::default())
        .credential(None)
        .await;
    assert_eq!(bearer(&credential.expect("a credential")), "Bearer a1");
    assert_eq!(vendor.sent().len(), 1);
}

/// Tokens that live for six seconds are renewed by instances whose stores have bad lines; `plain` has a
/// good one. The connection is [set up](connect) already.
///
/// # Panics
/// When a token is sent twice or lost, or an instance has to go without for long.
pub async fn check_chain(plain: &Store, stores: &[Store]) {
    let vendor = Vendor::start(6, Manner::Prompt).await;
    let mut asking = tokio::task::JoinSet::new();
    for store in stores {
        let instance = vendor.instance(store, CONNECTION, Timing::default());
        asking.spawn(async move {
            let mut got = 0;
            for _ in 0..40 {
                got += usize::from(instance.credential(None).await.is_ok());
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            instance.quiet().await;
            got
        });
    }
    let got = asking.join_all().await;
    assert!(got.iter().all(|got| *got > 20), "{got:?}");
    // Each token was sent once, and each is the one that the exchange before gave.
    let sent = vendor.sent();
    let expected: Vec<_> = (0..sent.len()).map(|n| format!("r{n}")).collect();
    assert_eq!(sent, expected);
    assert!(sent.len() >= 3, "{sent:?}");
    let last = format!("r{}", sent.len());
    assert_eq!(stored(plain, CONNECTION, "REFRESH_TOKEN").await, last);
}

fn view(store: &Store, id: &str) -> ConnectionView {
    ConnectionView::new(Arc::clone(store), id)
}

async fn stored(store: &Store, id: &str, name: &str) -> String {
    let value = view(store, id).read_newest(name).await;
    let value = value.expect("the store answers").expect("a value");
    value.reveal().to_owned()
}
