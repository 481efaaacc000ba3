use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::super::testing;
use super::*;

mod crossing;
mod listing;
mod reading;

/// A service that counts versions, can be made to fail, and can answer with older states.
#[derive(Default, Clone)]
struct Service(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    entries: BTreeMap<String, (String, i64)>,
    locks: BTreeMap<String, (String, tokio::time::Instant)>,
    count: i64,
    /// Names whose writes fail, and whether all calls do.
    failing: Vec<String>,
    out: bool,
    /// Names that are deleted without an answer.
    lost: Vec<String>,
    /// Names that are told to be deleted, and stay.
    staying: Vec<String>,
    /// Names that lists do not have yet, and names that they have still.
    unlisted: Vec<String>,
    listed: Vec<String>,
    /// Answers given in place of the present state.
    old: BTreeMap<String, Option<(String, i64)>>,
    /// How long an answer takes, which is of the state at its question.
    slow: Duration,
    /// Whether reads fail after that time.
    unanswered: bool,
    /// How long a removal takes before it is done.
    late: Duration,
    is_exact: bool,
    /// All calls, and those that read.
    calls: usize,
    reads: usize,
    /// What was known at each question.
    known: Vec<(Option<Version>, Care)>,
    deleted: Vec<String>,
}

impl Service {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn call<T>(&self, name: &str, work: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let mut state = self.state();
        state.calls += 1;
        if state.out || state.failing.iter().any(|n| n == name) {
            return Err(StoreError::Unavailable("out".to_owned()));
        }
        Ok(work(&mut state))
    }

    /// Another process writes.
    fn set(&self, name: &str, value: &str) {
        let mut state = self.state();
        state.count += 1;
        let entry = (value.to_owned(), state.count);
        state.entries.insert(name.to_owned(), entry);
    }
}

impl Backend for Service {
    fn whole_name(&self, name: &str) -> String {
        format!("`acme/{name}` in a service")
    }

    fn get<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            let (slow, found) = self.call("", |state| {
                state.reads += 1;
                let present = state.entries.get(name).cloned();
                let found = state.old.get(name).cloned().unwrap_or(present);
                let found = found.map(|(value, version)| Entry {
                    value: Secret::new(value),
                    version: Version::Number(version),
                });
                (state.slow, found)
            })?;
            if slow > Duration::ZERO {
                tokio::time::sleep(slow).await;
            }
            if self.state().unanswered {
                return Err(StoreError::Unavailable("no answer".to_owned()));
            }
            Ok(found)
        })
    }

    fn look<'a>(
        &'a self,
        name: &'a str,
        known: Option<Version>,
        care: Care,
    ) -> PortFuture<'a, Result<Found, StoreError>> {
        self.state().known.push((known, care));
        Box::pin(async move { Ok(self.get(name).await?.into()) })
    }

    fn is_exact(&self) -> bool {
        self.state().is_exact
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a Secret,
        how: Write,
    ) -> PortFuture<'a, Result<Option<Version>, StoreError>> {
        Box::pin(async move {
            let (slow, written) = self.call(name, |state| {
                if how == Write::OnlyNew && state.entries.contains_key(name) {
                    return (Duration::ZERO, None);
                }
                state.count += 1;
                let entry = (value.reveal().to_owned(), state.count);
                state.entries.insert(name.to_owned(), entry);
                (state.slow, Some(Version::Number(state.count)))
            })?;
            if slow > Duration::ZERO {
                tokio::time::sleep(slow).await;
            }
            Ok(written)
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let late = self.state().late;
            if late > Duration::ZERO {
                tokio::time::sleep(late).await;
            }
            self.call(name, |state| {
                state.deleted.push(name.to_owned());
                if state.staying.iter().any(|stays| stays == name) {
                    return Ok(());
                }
                state.entries.remove(name);
                state.locks.remove(name);
                if state.lost.iter().any(|lost| lost == name) {
                    return Err(StoreError::Unavailable("lost".to_owned()));
                }
                Ok(())
            })?
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            self.call("", |state| {
                let names = state.entries.keys().chain(state.locks.keys());
                let names = names.filter(|n| !state.unlisted.contains(n));
                let names = names.chain(&state.listed);
                let ours = names.filter(|n| n.starts_with(prefix));
                ours.cloned().collect()
            })
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move {
            self.call(name, |state| {
                let now = tokio::time::Instant::now();
                let held = state.locks.get(name);
                if held.is_some_and(|(by, until)| by != owner && now < *until) {
                    return Locked::Held;
                }
                state
                    .locks
                    .insert(name.to_owned(), (owner.to_owned(), now + ttl));
                Locked::Acquired
            })
        })
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.call(name, |state| {
                if state.locks.get(name).is_some_and(|(by, _)| by == owner) {
                    state.locks.remove(name);
                }
            })
        })
    }

    fn largest(&self) -> usize {
        4096
    }
}

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

#[tokio::test]
async fn does_what_every_store_does() {
    let (_, store) = store();
    testing::check(Arc::new(store.clone())).await;
    testing::check_admin(Arc::new(store)).await;
}

#[tokio::test(start_paused = true)]
async fn asks_the_service_once_in_a_while_and_past_the_memory_always() {
    let (service, store) = store();
    store.write("A", Secret::new("1")).await.unwrap();
    for _ in 0..5 {
        assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
    }
    assert_eq!(service.state().reads, 0, "what was written is known");
    tokio::time::advance(Duration::from_secs(15)).await;
    for _ in 0..5 {
        assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
    }
    assert_eq!(service.state().reads, 1);
    newest(&store, "A").await;
    newest(&store, "A").await;
    assert_eq!(service.state().reads, 3);
    // That there is nothing is known like a value, and no longer.
    for _ in 0..5 {
        assert_eq!(text(&store, "B").await, None);
    }
    assert_eq!(service.state().reads, 4);
    service.set("B", "1");
    assert_eq!(newest(&store, "B").await.as_deref(), Some("1"));
    assert_eq!(text(&store, "B").await.as_deref(), Some("1"));
    assert_eq!(text(&store, "C").await, None);
    service.set("C", "1");
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(text(&store, "C").await.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn goes_on_with_what_was_read_for_five_minutes_of_an_outage() {
    let (service, store) = store();
    store.write("A", Secret::new("1")).await.unwrap();
    service.state().out = true;
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
    let error = store.read_newest("A").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(store.read("A").await.is_err(), "older than five minutes");
    assert!(store.read("B").await.is_err(), "never read");
    service.state().out = false;
    assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn goes_on_without_what_was_not_there_for_five_minutes_of_an_outage() {
    let (service, store) = store();
    assert_eq!(text(&store, "A").await, None);
    service.state().out = true;
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(text(&store, "A").await, None);
    tokio::time::advance(Duration::from_secs(1)).await;
    store.read("A").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_undo_a_change_whose_outcome_is_not_known() {
    for removed in [false, true] {
        let (service, store) = store();
        store.write("A", Secret::new("old")).await.unwrap();
        service.state().out = true;
        let changed = if removed {
            store.remove("A").await
        } else {
            store.write("A", Secret::new("new")).await
        };
        changed.unwrap_err();
        for _ in 0..2 {
            store.read("A").await.unwrap_err();
            tokio::time::advance(Duration::from_secs(20)).await;
        }
        service.state().out = false;
        assert_eq!(text(&store, "A").await.as_deref(), Some("old"));
        service.state().out = true;
        assert_eq!(
            text(&store, "A").await.as_deref(),
            Some("old"),
            "sure again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_old_answer_does_not_hide_what_this_process_wrote() {
    let (service, store) = store();
    store.write("A", Secret::new("old")).await.unwrap();
    let old = service.state().entries.get("A").cloned();
    store.write("A", Secret::new("new")).await.unwrap();
    for behind in [old.clone(), None] {
        service.state().old.insert("A".to_owned(), behind);
        assert_eq!(newest(&store, "A").await.as_deref(), Some("new"));
    }
    // The service settles within two seconds; after that its word counts.
    service.state().old.insert("A".to_owned(), old.clone());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(newest(&store, "A").await.as_deref(), Some("old"));
    service.state().old.clear();
    store.remove("A").await.unwrap();
    service.state().old.insert("A".to_owned(), old);
    assert_eq!(newest(&store, "A").await, None, "it was removed here");
}

#[tokio::test]
async fn a_newer_version_of_another_process_is_taken_at_once() {
    let (service, store) = store();
    store.write("A", Secret::new("ours")).await.unwrap();
    let theirs = RemoteStore::new(service);
    theirs.write("A", Secret::new("theirs")).await.unwrap();
    assert_eq!(newest(&store, "A").await.as_deref(), Some("theirs"));
    assert_eq!(text(&store, "A").await.as_deref(), Some("theirs"));
}

#[tokio::test]
async fn versions_without_order_are_told_apart_by_what_was_replaced() {
    let memory = Memory::new(Ages::default(), false);
    let entry = |value: &str| Entry {
        value: Secret::new(value),
        version: Version::Id(format!("id of {value}")),
    };
    let answered = |value: &str| {
        let shown = memory.answered("A", memory.now(), Some(entry(value)).into());
        shown.map(|s| s.reveal().to_owned())
    };
    assert_eq!(answered("1").as_deref(), Some("1"));
    let version = Some(Version::Id("id of 2".to_owned()));
    memory.wrote("A", memory.now(), &Secret::new("2"), version);
    assert_eq!(answered("1").as_deref(), Some("2"), "replaced here");
    assert_eq!(answered("3").as_deref(), Some("3"), "unknown, so newer");
    assert_eq!(answered("2").as_deref(), Some("3"));
    memory.removed("A", None);
    assert_eq!(answered("3"), None);
}

#[tokio::test]
async fn a_failed_write_is_not_read_from_memory() {
    let (service, store) = store();
    store.write("A", Secret::new("1")).await.unwrap();
    service.state().failing.push("A".to_owned());
    assert!(store.write("A", Secret::new("2")).await.is_err());
    let entry = ("2".to_owned(), 9);
    service.state().entries.insert("A".to_owned(), entry);
    assert_eq!(text(&store, "A").await.as_deref(), Some("2"));
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

fn change(field: &str, value: Option<&str>) -> Change {
    (field.to_owned(), value.map(Secret::new))
}

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
