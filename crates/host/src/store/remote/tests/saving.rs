//! Connections that are saved whole or not at all.

use super::*;

#[tokio::test]
async fn a_connection_is_saved_whole_or_not_at_all() {
    let (service, store) = store();
    let entries = |service: &Service| service.state().entries.clone();
    let all = vec![
        change("connection", Some("{}")),
        change("CLIENT_ID", Some("1")),
        change("SECRET", Some("2")),
    ];
    let failing = "connections/one/SECRET".to_owned();
    service.state().failing.push(failing);
    let saved = store.save("one", true, all.clone()).await;
    assert!(matches!(saved, Err(SaveError::Store(_))));
    assert!(entries(&service).is_empty(), "a new one");
    service.state().failing.clear();
    store.save("one", true, all).await.unwrap();
    let before: Vec<_> = entries(&service).into_values().map(|(v, _)| v).collect();
    service
        .state()
        .failing
        .push("connections/one/SECRET".to_owned());
    let changes = vec![
        change("CLIENT_ID", Some("3")),
        change("ADDED", Some("4")),
        change("SECRET", None),
    ];
    let saved = store.save("one", false, changes).await;
    assert!(matches!(saved, Err(SaveError::Store(_))));
    let after: Vec<_> = entries(&service).into_values().map(|(v, _)| v).collect();
    assert_eq!(after, before, "a changed one");
    assert_eq!(
        text(&store, "connections/one/CLIENT_ID").await.as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn an_unknown_outcome_of_the_first_entry_never_takes_anothers_away() {
    let (service, store) = store();
    let name = "connections/one/connection".to_owned();
    service.state().failing.push(name.clone());
    let theirs = ("theirs".to_owned(), 1);
    // Another created it between our look and our write, whose answer was lost.
    let race = RemoteStore::new(Race(service.clone(), name.clone(), theirs));
    let saved = race
        .save("one", true, vec![change("connection", Some("ours"))])
        .await;
    assert!(matches!(saved, Err(SaveError::Store(_))));
    assert_eq!(service.state().entries.get(&name).unwrap().0, "theirs");
    drop(store);
}

/// A service in which another writes an entry in the moment in which we do and get no answer.
struct Race(Service, String, (String, i64));

impl Backend for Race {
    fn whole_name(&self, name: &str) -> String {
        self.0.whole_name(name)
    }

    fn permission(&self, name: &str) -> String {
        self.0.permission(name)
    }

    fn get<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Entry>, StoreError>> {
        self.0.get(name)
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a Secret,
        how: Write,
    ) -> PortFuture<'a, Result<Option<Version>, StoreError>> {
        let theirs = self.2.clone();
        self.0.state().entries.insert(self.1.clone(), theirs);
        self.0.put(name, value, how)
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        self.0.delete(name)
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Result<Vec<String>, StoreError>> {
        self.0.list(prefix)
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        self.0.lock(name, owner, ttl)
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        self.0.unlock(name, owner)
    }

    fn largest(&self) -> usize {
        self.0.largest()
    }
}
