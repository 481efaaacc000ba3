//! What every store of secrets must do.

use std::sync::Arc;

use hushgate_host::store::testing;

use crate::support::{KINDS, Kind, services, unique};

#[tokio::test(flavor = "multi_thread")]
async fn parameters_do_what_every_store_does() {
    runs(Kind::Parameters).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_do_what_every_store_does() {
    runs(Kind::Secrets).await;
}

async fn runs(kind: Kind) {
    let Some(port) = services() else { return };
    let store = kind.store(port, &unique("suite"));
    testing::check(Arc::new(store.clone())).await;
    testing::check_admin(Arc::new(store)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_of_other_prefixes_see_nothing_of_each_other() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let prefix = unique("apart");
        let one = kind.store(port, &prefix);
        testing::check(Arc::new(one.clone())).await;
        // One name begins with the other.
        for other in [
            format!("{prefix}-b"),
            format!("{prefix}/b"),
            unique("apart"),
        ] {
            let other = kind.store(port, &other);
            testing::check_admin(Arc::new(other)).await;
        }
    }
}
