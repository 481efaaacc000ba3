//! What every secret store must do, as checks that the tests of each store run.
//!
//! A check panics when the store does otherwise. The names it uses start with `SUITE_`, or belong to
//! the connections `suite-a` and `suite-b`.
#![expect(clippy::expect_used, reason = "a check stops where the store fails")]

use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::{Locked, Secret, SecretStore};

pub mod faults;
pub mod life;

use super::admin::{AdminStore, SaveError, entry};
use super::view::ConnectionView;

/// Values that a store must give back unchanged.
const VALUES: &[&str] = &[
    "plain",
    "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n",
    "{\"a\": \"b\\n\", \"c\": [1, 2]}",
    "  spaces \t and = \" ' \\ $ # ",
    "Grüße, 鍵, \u{1f511}",
];

/// Runs every check for a store in which single secrets are read and written.
pub async fn check(store: Arc<dyn SecretStore>) {
    gives_back_what_was_written(store.as_ref()).await;
    removes(store.as_ref()).await;
    locks(store.as_ref()).await;
    lets_one_of_many_lock(Arc::clone(&store)).await;
    keeps_all_writes_at_once(Arc::clone(&store)).await;
    keeps_connections_apart(store).await;
}

/// Runs every check for a store in which connections are set up.
pub async fn check_admin(store: Arc<dyn AdminStore>) {
    saves_and_forgets(store.as_ref()).await;
    lets_one_of_many_create(store).await;
}

async fn read(store: &dyn SecretStore, name: &str) -> Option<String> {
    let value = store.read(name).await.expect("the store answers");
    let newest = store.read_newest(name).await.expect("the store answers");
    let text = |secret: Option<Secret>| secret.map(|s| s.reveal().to_owned());
    let value = text(value);
    assert_eq!(value, text(newest), "`{name}` read from cache and anew");
    value
}

async fn write(store: &dyn SecretStore, name: &str, value: &str) {
    let written = store.write(name, Secret::new(value)).await;
    written.expect("the store can be written");
}

async fn gives_back_what_was_written(store: &dyn SecretStore) {
    for name in ["SUITE_A", "connections/suite-a/SUITE_A"] {
        assert_eq!(read(store, name).await, None, "`{name}` before any write");
        for value in VALUES {
            write(store, name, value).await;
            assert_eq!(read(store, name).await.as_deref(), Some(*value));
        }
    }
    write(store, "SUITE_A", "other").await;
    let connection = read(store, "connections/suite-a/SUITE_A").await;
    assert_eq!(connection.as_deref(), VALUES.last().copied());
}

async fn removes(store: &dyn SecretStore) {
    write(store, "SUITE_B", "kept").await;
    for name in ["SUITE_A", "connections/suite-a/SUITE_A"] {
        store.remove(name).await.expect("it can be removed");
        assert_eq!(read(store, name).await, None);
        let again = store.remove(name).await;
        again.expect("what is not there can be removed");
    }
    assert_eq!(read(store, "SUITE_B").await.as_deref(), Some("kept"));
    store.remove("SUITE_B").await.expect("it can be removed");
}

async fn locks(store: &dyn SecretStore) {
    let name = "connections/suite-a/SUITE_LOCK";
    let long = Duration::from_mins(1);
    let acquire = |owner: &'static str, ttl: Duration| async move {
        let locked = store.lock(name, owner, ttl).await;
        locked.expect("the store has locks")
    };
    assert_eq!(acquire("one", long).await, Locked::Acquired);
    assert_eq!(acquire("two", long).await, Locked::Held);
    assert_eq!(acquire("one", long).await, Locked::Acquired, "kept on");
    store.unlock(name, "two").await.expect("it answers");
    assert_eq!(acquire("two", long).await, Locked::Held, "another's unlock");
    store.unlock(name, "one").await.expect("it answers");
    // One whose owner died ends by itself.
    assert_eq!(
        acquire("two", Duration::from_millis(50)).await,
        Locked::Acquired
    );
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(acquire("three", long).await, Locked::Acquired);
    // The late owner must not take away what is not its own any more.
    store.unlock(name, "two").await.expect("it answers");
    assert_eq!(acquire("four", long).await, Locked::Held);
    store.unlock(name, "three").await.expect("it answers");
}

async fn lets_one_of_many_lock(store: Arc<dyn SecretStore>) {
    let name = "connections/suite-a/SUITE_LOCK";
    let tasks: Vec<_> = (0..16)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let owner = format!("owner {number}");
                let locked = store.lock(name, &owner, Duration::from_mins(1)).await;
                (owner, locked.expect("the store has locks"))
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        let (owner, locked) = task.await.expect("a task");
        winners.extend((locked == Locked::Acquired).then_some(owner));
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    for owner in winners {
        store.unlock(name, &owner).await.expect("it answers");
    }
}

async fn keeps_all_writes_at_once(store: Arc<dyn SecretStore>) {
    let names: Vec<_> = (0..12)
        .map(|n| format!("connections/suite-b/SUITE_{n}"))
        .collect();
    let tasks: Vec<_> = names
        .iter()
        .map(|name| {
            let (store, name) = (Arc::clone(&store), name.clone());
            tokio::spawn(async move { write(store.as_ref(), &name, &name).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("a task");
    }
    for name in &names {
        assert_eq!(
            read(store.as_ref(), name).await.as_deref(),
            Some(name.as_str())
        );
        store.remove(name).await.expect("it can be removed");
    }
}

async fn keeps_connections_apart(store: Arc<dyn SecretStore>) {
    let one = ConnectionView::new(Arc::clone(&store), "suite-a");
    let other = ConnectionView::new(Arc::clone(&store), "suite-b");
    write(&one, "SUITE_C", "of one").await;
    assert_eq!(read(&one, "SUITE_C").await.as_deref(), Some("of one"));
    let full = read(store.as_ref(), "connections/suite-a/SUITE_C").await;
    assert_eq!(full.as_deref(), Some("of one"));
    assert_eq!(read(store.as_ref(), "SUITE_C").await, None);
    assert_eq!(read(&other, "SUITE_C").await, None);
    // A name that looks like a path stays inside, or is refused.
    for name in ["../suite-a/SUITE_C", "connections/suite-a/SUITE_C"] {
        let found = other.read(name).await;
        assert!(
            !matches!(found, Ok(Some(_))),
            "`{name}` leaves its connection"
        );
    }
    one.remove("SUITE_C").await.expect("it can be removed");
}

async fn saves_and_forgets(store: &dyn AdminStore) {
    let put = |field: &str, value: &str| (field.to_owned(), Some(Secret::new(value)));
    write(store, "SUITE_B", "kept").await;
    let before = store.connections().await.expect("it answers");
    assert!(
        !before.iter().any(|id| id.starts_with("suite-")),
        "{before:?}"
    );
    let all = vec![
        put("connection", "{}"),
        put("CLIENT_ID", "1"),
        put("CLIENT_SECRET", "2"),
    ];
    for id in ["suite-b", "suite-a"] {
        let saved = store.save(id, true, all.clone()).await;
        saved.expect("a new connection is saved");
    }
    let ids = store.connections().await.expect("it answers");
    let ours: Vec<_> = ids.iter().filter(|id| id.starts_with("suite-")).collect();
    assert_eq!(ours, ["suite-a", "suite-b"]);
    let second = store
        .save("suite-a", true, vec![put("CLIENT_ID", "9")])
        .await;
    assert!(matches!(second, Err(SaveError::Exists(_))), "made twice");
    assert_eq!(
        read(store, &entry("suite-a", "CLIENT_ID")).await.as_deref(),
        Some("1")
    );
    let changes = vec![put("CLIENT_ID", "3"), ("CLIENT_SECRET".to_owned(), None)];
    let saved = store.save("suite-a", false, changes).await;
    saved.expect("a connection is changed");
    for (field, value) in [("CLIENT_ID", Some("3")), ("CLIENT_SECRET", None)] {
        assert_eq!(
            read(store, &entry("suite-a", field)).await.as_deref(),
            value
        );
    }
    for _ in 0..2 {
        store.forget("suite-a", &[]).await.expect("it is forgotten");
    }
    assert_eq!(read(store, &entry("suite-a", "CLIENT_ID")).await, None);
    assert_eq!(
        read(store, &entry("suite-b", "CLIENT_ID")).await.as_deref(),
        Some("1")
    );
    store.forget("suite-b", &[]).await.expect("it is forgotten");
    let after = store.connections().await.expect("it answers");
    assert_eq!(after, before);
    assert_eq!(read(store, "SUITE_B").await.as_deref(), Some("kept"));
    store.remove("SUITE_B").await.expect("it can be removed");
}

async fn lets_one_of_many_create(store: Arc<dyn AdminStore>) {
    let tasks: Vec<_> = (0..8)
        .map(|number: u8| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let value = Some(Secret::new(number.to_string()));
                let changes = vec![("connection".to_owned(), value)];
                store.save("suite-a", true, changes).await.map(|()| number)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.expect("a task").ok());
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let kept = read(store.as_ref(), &entry("suite-a", "connection")).await;
    assert_eq!(kept, winners.first().map(ToString::to_string));
    store.forget("suite-a", &[]).await.expect("it is forgotten");
}
