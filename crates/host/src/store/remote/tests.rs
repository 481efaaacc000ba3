//! The store over a service: what every store does, and what fits.

use std::sync::Arc;

use super::super::testing;
use super::*;

mod crossing;
mod faults;
mod listing;
mod outage;
mod reading;
mod remembering;
mod saving;
mod service;

use service::Service;

fn store() -> (Service, RemoteStore) {
    let service = Service::default();
    (service.clone(), RemoteStore::new(service))
}

async fn text(store: &RemoteStore, name: &str) -> Option<String> {
    let value = store.read(name).await.unwrap();
    value.map(|s| s.reveal().to_owned())
}

async fn newest(store: &RemoteStore, name: &str) -> Option<String> {
    let value = store.read_newest(name).await.unwrap();
    value.map(|s| s.reveal().to_owned())
}

fn change(field: &str, value: Option<&str>) -> Change {
    (field.to_owned(), value.map(Secret::new))
}

#[tokio::test]
async fn does_what_every_store_does() {
    let (_, store) = store();
    testing::check(Arc::new(store.clone())).await;
    testing::check_admin(Arc::new(store)).await;
}

#[tokio::test]
async fn what_does_not_fit_is_refused_before_it_is_sent() {
    let (service, store) = store();
    service.state().out = true;
    for (name, value) in [
        ("", "x"),
        ("a b", "x"),
        ("..", "x"),
        ("connections/a/..", "x"),
        ("connections/a", "x"),
        ("connections/../A", "x"),
        ("connections/a/b/c", "x"),
        ("connections/a/%2e", "x"),
        ("A.lock", "x"),
        ("A", ""),
        ("A", &"x".repeat(4097)),
    ] {
        let error = store.write(name, Secret::new(value)).await.unwrap_err();
        assert!(matches!(error, StoreError::Unfit { .. }), "{name}: {error}");
        assert!(!error.to_string().contains("xxxx"), "{error}");
    }
    let error = store.lock("a/b", "me", Duration::from_secs(1)).await;
    assert!(matches!(error, Err(StoreError::Unfit { .. })));
}
