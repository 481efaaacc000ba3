//! Refresh tokens that change with their use.

use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushgate_gateway::ports::{MemoryStore, PortFuture, Secret, SecretStore, StoreError};

use crate::bench::Bench;
use crate::server::{Action, json};
use crate::setup::{MARK, logs};

const TWO_HOURS: u64 = 2 * 3600;

/// A store in which saving the refresh token fails a number of times, and which tells when it was saved.
struct Flaky {
    inner: MemoryStore,
    failures: Mutex<u32>,
    events: Mutex<Vec<String>>,
}

impl SecretStore for Flaky {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        self.inner.read(name)
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            if name == "REFRESH_TOKEN" {
                let mut failures = self.failures.lock().unwrap();
                let mut events = self.events.lock().unwrap();
                if *failures > 0 {
                    *failures -= 1;
                    events.push("failed".to_owned());
                    return Err(StoreError::Unavailable("test".to_owned()));
                }
                events.push(value.reveal().to_owned());
            }
            self.inner.write(name, value).await
        })
    }
}

/// Source jira-cloud with the refresh token `r0`, before a [`Flaky`] store.
struct Rotating {
    bench: Bench,
    store: Arc<Flaky>,
}

impl Deref for Rotating {
    type Target = Bench;

    fn deref(&self) -> &Bench {
        &self.bench
    }
}

impl Rotating {
    async fn start(
        failures: u32,
        script: impl Fn(usize) -> Action + Send + Sync + 'static,
    ) -> Self {
        let store = Arc::new(Flaky {
            inner: MemoryStore::new([
                ("CLIENT_ID", "i"),
                ("CLIENT_SECRET", "s"),
                ("REFRESH_TOKEN", "r0"),
            ]),
            failures: Mutex::new(failures),
            events: Mutex::default(),
        });
        let given = Arc::clone(&store);
        let bench = Bench::shipped("jira-cloud", &[], script, |setup| setup.store = given).await;
        Self { bench, store }
    }

    async fn stored(&self) -> String {
        let token = self.store.read("REFRESH_TOKEN").await.unwrap().unwrap();
        token.reveal().to_owned()
    }

    /// Waits, for two seconds at most, until this is the stored token.
    async fn comes_to_store(&self, token: &str) {
        for _ in 0..200 {
            if self.stored().await == token {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("`{}` is stored, not `{token}`", self.stored().await);
    }

    /// Stores a token as another process or a person would.
    async fn store(&self, token: &str) {
        let written = self.store.inner.write("REFRESH_TOKEN", Secret::new(token));
        written.await.unwrap();
    }

    /// The refresh tokens that were sent.
    fn used(&self) -> Vec<String> {
        let requests = self.server.requests();
        requests
            .iter()
            .map(|r| r.form()["refresh_token"].clone())
            .collect()
    }
}

/// A new pair at every use: `a1` with `r1`, `a2` with `r2`, …
fn rotating(number: usize) -> Action {
    let next = number + 1;
    json(&format!(
        r#"{{"access_token":"a{next}","expires_in":3600,"refresh_token":"r{next}"}}"#
    ))
}

#[tokio::test]
async fn a_returned_refresh_token_is_saved_before_the_access_token_is_used() {
    let jira = Rotating::start(0, rotating).await;
    for round in 1..=3 {
        assert_eq!(jira.token().await, format!("a{round}"));
        assert_eq!(jira.stored().await, format!("r{round}"));
        jira.later(TWO_HOURS);
    }
    assert_eq!(jira.used(), ["r0", "r1", "r2"]);
}

#[tokio::test]
async fn a_failing_store_is_tried_three_times() {
    let jira = Rotating::start(2, rotating).await;
    jira.token().await;
    assert_eq!(
        *jira.store.events.lock().unwrap(),
        ["failed", "failed", "r1"]
    );
}

#[tokio::test]
async fn an_unsaved_token_is_kept_in_memory_told_loudly_and_saved_later() {
    let jira = Rotating::start(3, rotating).await;
    jira.token().await;
    assert_eq!(jira.stored().await, "r0");
    let said = logs();
    let mut lines = said.lines();
    let line = lines.find(|line| line.contains("a new refresh token could not be saved"));
    // With why: a permission that is missing is named there.
    let why = StoreError::Unavailable("test".to_owned()).to_string();
    assert!(line.is_some_and(|line| line.contains(&why)), "{line:?}");
    // The store works again: the next call saves it without an exchange.
    jira.token().await;
    jira.comes_to_store("r1").await;
    jira.later(TWO_HOURS);
    jira.token().await;
    assert_eq!(jira.used(), ["r0", "r1"]);
}

#[tokio::test]
async fn while_the_store_is_down_the_newest_token_is_used_from_memory() {
    let jira = Rotating::start(1000, rotating).await;
    for _ in 0..3 {
        jira.token().await;
        jira.later(TWO_HOURS);
    }
    assert_eq!(jira.used(), ["r0", "r1", "r2"]);
}

/// What stands in the store after `r0` was used for `r1`, and what is used next.
#[tokio::test]
async fn a_token_of_an_administrator_wins_and_a_stale_read_does_not() {
    for (stored, next) in [("from-new-consent", "from-new-consent"), ("r0", "r1")] {
        let jira = Rotating::start(0, rotating).await;
        jira.token().await;
        jira.store(stored).await;
        jira.later(TWO_HOURS);
        jira.token().await;
        assert_eq!(jira.used(), ["r0", next]);
    }
}

#[tokio::test]
async fn an_answer_without_a_new_refresh_token_keeps_the_old_one() {
    let jira = Rotating::start(0, |_| json(r#"{"access_token":"a","expires_in":3600}"#)).await;
    for _ in 0..2 {
        jira.token().await;
        jira.later(TWO_HOURS);
    }
    assert_eq!(jira.used(), ["r0", "r0"]);
    assert_eq!(jira.stored().await, "r0");
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_lose_the_token() {
    let jira = Rotating::start(0, |n| rotating(n).after(Duration::from_millis(300))).await;
    let gone = tokio::time::timeout(Duration::from_millis(50), jira.token()).await;
    assert!(gone.is_err());
    jira.comes_to_store("r1").await;
    assert_eq!(jira.token().await, "a1");
    assert_eq!(jira.asked(), 1);
    let shown = |line: &str| line.contains("hushgate") && line.contains(MARK);
    assert!(!logs().lines().any(shown));
}
