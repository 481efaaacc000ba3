//! A connection's life cycle over the stores: one exchange for all instances, and no token lost.

use std::sync::Arc;

use hushgate_host::store::testing::life::{
    Store, check_chain, check_died_in_exchange, check_one_exchange, connect,
};

use crate::proxy::{Action, Proxy};
use crate::support::{Kind, services, unique};

#[tokio::test(flavor = "multi_thread")]
async fn instances_make_one_exchange_over_parameters() {
    one_exchange(Kind::Parameters).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_make_one_exchange_over_secrets() {
    one_exchange(Kind::Secrets).await;
}

async fn one_exchange(kind: Kind) {
    let Some(port) = services() else { return };
    let prefix = unique("life");
    let store = || Arc::new(kind.store(port, &prefix)) as Store;
    connect(&store()).await;
    check_one_exchange((0..5).map(|_| store()).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_go_on_in_one_chain_over_parameters() {
    chain(Kind::Parameters).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_go_on_in_one_chain_over_secrets() {
    chain(Kind::Secrets).await;
}

/// Three instances through a service that loses answers, fails, and answers the reads with what it
/// answered before.
async fn chain(kind: Kind) {
    let Some(port) = services() else { return };
    let prefix = unique("chain");
    let plain: Store = Arc::new(kind.store(port, &prefix));
    connect(&plain).await;
    let mut proxies = Vec::new();
    let mut stores = Vec::new();
    for number in 0..3 {
        let proxy = Proxy::start(port, move |call| match (call.before + number) % 7 {
            1 => Action::LoseAnswer,
            3 => Action::Fail(500, "InternalServerError", ""),
            5 => Action::Fail(400, "ThrottlingException", ""),
            6 if call.operation.starts_with("Get") && call.before > 1 => {
                Action::Replay(call.before - 1)
            }
            _ => Action::Pass,
        })
        .await;
        stores.push(Arc::new(kind.store(proxy.port, &prefix)) as Store);
        proxies.push(proxy);
    }
    check_chain(&plain, &stores).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_in_an_exchange_over_parameters_is_gone_on_from() {
    died(Kind::Parameters).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_in_an_exchange_over_secrets_is_gone_on_from() {
    died(Kind::Secrets).await;
}

async fn died(kind: Kind) {
    let Some(port) = services() else { return };
    let prefix = unique("died");
    check_died_in_exchange(move || Arc::new(kind.store(port, &prefix)) as Store).await;
}
