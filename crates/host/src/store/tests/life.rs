//! A connection's life cycle over a file that several instances have open.

use super::testing::life::{
    Store, check_chain, check_died_in_exchange, check_one_exchange, connect,
};
use super::*;

/// A file, and stores of so many instances over it.
fn instances(name: &str, text: &str, count: usize) -> (Scratch, Vec<Store>) {
    let scratch = Scratch::new(&format!("life-{name}"), text, 0o600);
    let open = |_| Arc::new(FileStore::open(&scratch.0).unwrap()) as Store;
    let stores = (0..count).map(open).collect();
    (scratch, stores)
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_make_one_exchange_over_a_file() {
    for (form, text) in [("json", "{}"), ("lines", "")] {
        let (_scratch, stores) = instances(&format!("one-{form}"), text, 5);
        connect(&stores[0]).await;
        check_one_exchange(stores).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_go_on_in_one_chain_over_a_file() {
    let (_scratch, stores) = instances("chain", "{}", 4);
    connect(&stores[0]).await;
    check_chain(&stores[0], &stores[1..]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_in_an_exchange_over_a_file_is_gone_on_from() {
    let scratch = Scratch::new("life-died", "{}", 0o600);
    let path = scratch.0.clone();
    check_died_in_exchange(move || Arc::new(FileStore::open(&path).unwrap()) as Store).await;
}
