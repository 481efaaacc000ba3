//! Refresh tokens that change with their use.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushgate_gateway::ports::{MemoryStore, PortFuture, Secret, SecretStore, StoreError};

use crate::server::{Action, Server, json};
use crate::setup::{MARK, Setup, bearer, logs};

/// A store whose writes fail a number of times, and which tells when it was written.
struct Flaky {
    inner: MemoryStore,
    failures: Mutex<u32>,
    events: Arc<Mutex<Vec<String>>>,
}

impl SecretStore for Flaky {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        self.inner.read(name)
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            {
                let mut failures = self.failures.lock().unwrap();
                if *failures > 0 {
                    *failures -= 1;
                    self.events.lock().unwrap().push("failed".to_owned());
                    return Err(StoreError::Unavailable("test".to_owned()));
                }
            }
            self.events.lock().unwrap().push(value.reveal().to_owned());
            self.inner.write(name, value).await
        })
    }
}

fn store(failures: u32) -> Arc<Flaky> {
    let secrets = [
        ("CLIENT_ID", "i"),
        ("CLIENT_SECRET", "s"),
        ("REFRESH_TOKEN", "r0"),
    ];
    Arc::new(Flaky {
        inner: MemoryStore::new(secrets),
        failures: Mutex::new(failures),
        events: Arc::default(),
    })
}

fn rotating(number: usize) -> Action {
    let next = number + 1;
    json(&format!(
        r#"{{"access_token":"a{next}","expires_in":3600,"refresh_token":"r{next}"}}"#
    ))
}

async fn stored(store: &Flaky) -> String {
    store
        .read("REFRESH_TOKEN")
        .await
        .unwrap()
        .unwrap()
        .reveal()
        .to_owned()
}

fn used(server: &Server) -> Vec<String> {
    server
        .requests()
        .iter()
        .map(|r| r.form()["refresh_token"].clone())
        .collect()
}

#[tokio::test]
async fn a_returned_refresh_token_is_saved_before_the_access_token_is_used() {
    let server = Server::start(rotating).await;
    let store = store(0);
    let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
    setup.store = store.clone();
    let clock = Arc::clone(&setup.clock);
    let connector = setup.connector();
    for round in 1..=3 {
        assert_eq!(
            bearer(&connector.credential(None).await.unwrap()),
            format!("Bearer a{round}")
        );
        assert_eq!(stored(&store).await, format!("r{round}"));
        clock.advance(Duration::from_hours(2));
    }
    assert_eq!(used(&server), ["r0", "r1", "r2"]);
}

#[tokio::test]
async fn a_failing_store_is_tried_three_times() {
    let server = Server::start(rotating).await;
    let store = store(2);
    let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
    setup.store = store.clone();
    setup.connector().credential(None).await.unwrap();
    assert_eq!(*store.events.lock().unwrap(), ["failed", "failed", "r1"]);
}

#[tokio::test]
async fn an_unsaved_token_is_kept_in_memory_told_loudly_and_saved_later() {
    let server = Server::start(rotating).await;
    let store = store(3);
    let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
    setup.store = store.clone();
    let clock = Arc::clone(&setup.clock);
    let connector = setup.connector();
    connector.credential(None).await.unwrap();
    assert_eq!(stored(&store).await, "r0");
    assert!(logs().contains("a new refresh token could not be saved"));
    // The store works again: the next call saves it without an exchange.
    connector.credential(None).await.unwrap();
    for _ in 0..100 {
        if stored(&store).await == "r1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(stored(&store).await, "r1");
    clock.advance(Duration::from_hours(2));
    connector.credential(None).await.unwrap();
    assert_eq!(used(&server), ["r0", "r1"]);
}

#[tokio::test]
async fn while_the_store_is_down_the_newest_token_is_used_from_memory() {
    let server = Server::start(rotating).await;
    let store = store(1000);
    let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
    setup.store = store.clone();
    let clock = Arc::clone(&setup.clock);
    let connector = setup.connector();
    for _ in 0..3 {
        connector.credential(None).await.unwrap();
        clock.advance(Duration::from_hours(2));
    }
    assert_eq!(used(&server), ["r0", "r1", "r2"]);
}

#[tokio::test]
async fn a_token_that_an_administrator_stored_wins() {
    let server = Server::start(rotating).await;
    let store = store(0);
    let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
    setup.store = store.clone();
    let clock = Arc::clone(&setup.clock);
    let connector = setup.connector();
    connector.credential(None).await.unwrap();
    store
        .inner
        .write("REFRESH_TOKEN", Secret::new("from-new-consent"))
        .await
        .unwrap();
    clock.advance(Duration::from_hours(2));
    connector.credential(None).await.unwrap();
    assert_eq!(used(&server), ["r0", "from-new-consent"]);
}

#[tokio::test]
async fn a_stale_read_of_the_store_does_not_bring_a_used_token_back() {
    let server = Server::start(rotating).await;
    let store = store(0);
    let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
    setup.store = store.clone();
    let clock = Arc::clone(&setup.clock);
    let connector = setup.connector();
    connector.credential(None).await.unwrap();
    store
        .inner
        .write("REFRESH_TOKEN", Secret::new("r0"))
        .await
        .unwrap();
    clock.advance(Duration::from_hours(2));
    connector.credential(None).await.unwrap();
    assert_eq!(used(&server), ["r0", "r1"]);
}

#[tokio::test]
async fn an_answer_without_a_new_refresh_token_keeps_the_old_one() {
    let server = Server::start(|_| json(r#"{"access_token":"a","expires_in":3600}"#)).await;
    let store = store(0);
    let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
    setup.store = store.clone();
    let clock = Arc::clone(&setup.clock);
    let connector = setup.connector();
    connector.credential(None).await.unwrap();
    clock.advance(Duration::from_hours(2));
    connector.credential(None).await.unwrap();
    assert_eq!(used(&server), ["r0", "r0"]);
    assert!(store.events.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_lose_the_token() {
    let server = Server::start(|n| match rotating(n) {
        Action::Reply(bytes) => Action::After(Duration::from_millis(300), bytes),
        other => other,
    })
    .await;
    let store = store(0);
    let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
    setup.store = store.clone();
    let connector = setup.connector();
    let gone = tokio::time::timeout(Duration::from_millis(50), connector.credential(None)).await;
    assert!(gone.is_err());
    for _ in 0..200 {
        if stored(&store).await == "r1" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(stored(&store).await, "r1");
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer a1"
    );
    assert_eq!(server.requests().len(), 1);
    assert!(
        !logs()
            .lines()
            .any(|l| l.contains("hushgate") && l.contains(MARK))
    );
}
