//! Lists that lack what was written a moment ago, and name what is gone.

use super::super::super::admin::entry;
use super::*;

const FIELDS: [&str; 4] = [
    "connection",
    "ACCESS_TOKEN",
    "CLIENT_SECRET",
    "REFRESH_TOKEN",
];

fn name(field: &str) -> String {
    entry("one", field)
}

/// A connection that was made a moment ago, of which lists show nothing.
async fn unlisted() -> (Service, RemoteStore) {
    let (service, store) = store();
    let changes = FIELDS.map(|field| change(field, Some("value"))).to_vec();
    store.save("one", true, changes).await.unwrap();
    let lock = name("OAUTH_REFRESH_TOKEN");
    let locked = store.lock(&lock, "me", Duration::from_mins(2)).await;
    assert_eq!(locked.unwrap(), Locked::Acquired);
    service.state().unlisted = FIELDS.map(name).to_vec();
    service.state().unlisted.push(format!("{lock}.lock"));
    (service, store)
}

#[tokio::test(start_paused = true)]
async fn what_no_list_shows_yet_is_forgotten() {
    let (service, store) = unlisted().await;
    assert_eq!(store.connections().await.unwrap(), Vec::<String>::new());
    let fields = ["CLIENT_SECRET".to_owned(), "REFRESH_TOKEN".to_owned()];
    store.forget("one", &fields).await.unwrap();
    let state = service.state();
    assert!(state.entries.is_empty(), "{:?}", state.entries);
    assert!(state.locks.is_empty(), "{:?}", state.locks);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_there_still_is_not_told_as_forgotten() {
    let (service, store) = unlisted().await;
    service.state().staying.push(name("connection"));
    let error = store.forget("one", &[]).await.unwrap_err();
    assert!(error.to_string().contains("there still"), "{error}");
    service.state().staying.clear();
    store.forget("one", &[]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_no_list_shows_yet_is_not_replaced_by_a_new_connection() {
    for field in FIELDS {
        let (service, store) = store();
        service.set(&name(field), "left");
        service.state().unlisted.push(name(field));
        let changes = FIELDS.iter().filter(|f| **f != "ACCESS_TOKEN");
        let changes = changes.map(|f| change(f, Some("new"))).collect();
        let saved = store.save("one", true, changes).await;
        assert!(matches!(saved, Err(SaveError::Exists(_))), "{field}");
        let entries = service.state().entries.clone();
        assert_eq!(entries.len(), 1, "{field}");
        assert_eq!(entries[&name(field)].0, "left");
    }
}

#[tokio::test(start_paused = true)]
async fn what_lists_show_still_is_no_connection() {
    let (service, store) = store();
    service.state().listed = FIELDS.map(name).to_vec();
    assert_eq!(store.connections().await.unwrap(), Vec::<String>::new());
    let changes = vec![change("connection", Some("{}"))];
    store.save("one", true, changes).await.unwrap();
    assert_eq!(store.connections().await.unwrap(), ["one"]);
}
