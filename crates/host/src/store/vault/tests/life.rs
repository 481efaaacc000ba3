//! A connection's life cycle over a vault that several instances have open, whole or in part.

use super::super::super::testing::life::{
    CONNECTION, Store, check_chain, check_died_in_exchange, check_one_exchange, connect,
};
use super::*;

/// Stores of so many functions, each of which was handed the key of the connection alone.
fn functions(folder: &Path, vault: &Vault, count: usize) -> Vec<Store> {
    let keys = handed(vault, &[&format!("connections/{CONNECTION}")]);
    let open = |_| Arc::new(Vault::open_handed(folder, keys.clone()).unwrap()) as Store;
    (0..count).map(open).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_make_one_exchange_over_a_vault() {
    let scratch = Scratch::new("life-one");
    let vault = create(&scratch.0);
    let whole = Arc::new(vault.clone()) as Store;
    connect(&whole).await;
    let mut stores = functions(&scratch.0, &vault, 4);
    stores.push(whole);
    check_one_exchange(stores).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_go_on_in_one_chain_over_a_vault() {
    let scratch = Scratch::new("life-chain");
    let vault = create(&scratch.0);
    let whole = Arc::new(vault.clone()) as Store;
    connect(&whole).await;
    check_chain(&whole, &functions(&scratch.0, &vault, 3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_died_in_an_exchange_over_a_vault_is_gone_on_from() {
    let scratch = Scratch::new("life-died");
    let key = Key::random().unwrap();
    Vault::create(&scratch.0, Lock::keyring().unwrap(), &key).unwrap();
    let folder = scratch.0.clone();
    check_died_in_exchange(move || Arc::new(Vault::open(&folder, &key).unwrap()) as Store).await;
}
