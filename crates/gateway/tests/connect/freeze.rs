//! Before a host freezes the process: what is waited for, and what is left in memory instead.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hushgate_gateway::connect::Connector;
use hushgate_gateway::connect::lifecycle::LOCK_ENTRY;
use hushgate_gateway::ports::{Locked, MemoryStore, PortFuture, Secret, SecretStore, StoreError};

use crate::server::{Action, Server, json};
use crate::setup::{Setup, TestClock, bearer};

/// More time than any of these tests takes.
const PLENTY: Duration = Duration::from_mins(1);
/// What is at once, on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(4);

/// How writes of an entry fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Denied,
    ReadOnly,
    Unavailable,
}

/// A store in which some entry can't be written.
struct Faulty {
    memory: MemoryStore,
    has_locks: bool,
    /// How long a write takes.
    slow: Duration,
    fault: Mutex<Option<(&'static str, Fault)>>,
    begun: AtomicUsize,
    ended: AtomicUsize,
}

impl Faulty {
    fn mended(&self) {
        *self.fault.lock().unwrap() = None;
    }

    /// How many writes began, and how many ended.
    fn writes(&self) -> (usize, usize) {
        let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
        (count(&self.begun), count(&self.ended))
    }

    async fn stored(&self, name: &str) -> String {
        let token = self.memory.read(name).await.unwrap().unwrap();
        token.reveal().to_owned()
    }
}

impl SecretStore for Faulty {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        self.memory.read(name)
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.begun.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(self.slow).await;
            let fault = self.fault.lock().unwrap().filter(|(n, _)| *n == name);
            let written = match fault {
                None => self.memory.write(name, value).await,
                Some((_, Fault::ReadOnly)) => Err(StoreError::ReadOnly(name.to_owned())),
                Some((_, Fault::Unavailable)) => Err(StoreError::Unavailable("test".to_owned())),
                Some((_, Fault::Denied)) => Err(StoreError::Denied {
                    name: name.to_owned(),
                    hint: "test".to_owned(),
                }),
            };
            self.ended.fetch_add(1, Ordering::SeqCst);
            written
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        if self.has_locks {
            self.memory.lock(name, owner, ttl)
        } else {
            Box::pin(async { Err(StoreError::NoLocks) })
        }
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        self.memory.unlock(name, owner)
    }
}

/// One process before a store with a fault; the vendor's refresh token is `r0`.
struct Process {
    connector: Connector,
    store: Arc<Faulty>,
    _server: Server,
}

impl Process {
    async fn start(
        source: &str,
        has_locks: bool,
        fault: (&'static str, Fault),
        slow: Duration,
    ) -> Self {
        let server = Server::start(rotating).await;
        let clock = TestClock::at(crate::setup::START);
        let fields = [
            ("CLIENT_ID", "i"),
            ("CLIENT_SECRET", "s"),
            ("ACCOUNT_ID", "a"),
            ("REFRESH_TOKEN", "r0"),
        ];
        let store = Arc::new(Faulty {
            memory: MemoryStore::with_clock(fields, clock.clone()),
            has_locks,
            slow,
            fault: Mutex::new(Some(fault)),
            begun: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
        });
        let mut setup = Setup::shipped(source, &server.origin, &[]);
        setup.store = store.clone();
        setup.clock = clock;
        Self {
            connector: setup.connector(),
            store,
            _server: server,
        }
    }

    /// One request: a credential, and what a host waits for before the answer; how long the latter took.
    async fn request(&self, patience: Duration) -> Duration {
        let held = self.connector.credential(None).await.unwrap();
        assert_eq!(bearer(&held), "Bearer a1");
        let begun = Instant::now();
        let secured = self.connector.secured(patience);
        let secured = tokio::time::timeout(PLENTY / 2, secured).await;
        assert!(secured.is_ok(), "it waits for what waiting can't change");
        begun.elapsed()
    }

    /// Lets the time pass after which a later call tries to save again.
    async fn rest(&self) {
        tokio::time::sleep(Duration::from_millis(1600)).await;
    }

    async fn lock_is_free(&self) -> bool {
        let store = &self.store.memory;
        let taken = store.lock(LOCK_ENTRY, "another", Duration::from_secs(1));
        taken.await.unwrap() != Locked::Held
    }
}

fn rotating(number: usize) -> Action {
    let next = number + 1;
    json(&format!(
        r#"{{"access_token":"a{next}","token_type":"bearer","expires_in":3600,"refresh_token":"r{next}"}}"#
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_save_that_the_store_refuses_is_not_waited_for_and_made_up_for_later() {
    for (has_locks, fault) in [
        (true, Fault::Denied),
        (true, Fault::ReadOnly),
        (false, Fault::Denied),
        (false, Fault::ReadOnly),
    ] {
        let place = format!("locks: {has_locks}, {fault:?}");
        let fault = ("REFRESH_TOKEN", fault);
        let process = Process::start("jira-cloud", has_locks, fault, Duration::ZERO).await;
        for _ in 0..2 {
            let took = process.request(PLENTY).await;
            assert!(took < AT_ONCE, "{place}: {took:?}");
            assert_eq!(process.store.stored("REFRESH_TOKEN").await, "r0", "{place}");
            // The process may be frozen at any moment now, so it begins nothing by itself.
            let writes = process.store.writes();
            process.rest().await;
            assert_eq!(process.store.writes(), writes, "{place}");
        }
        process.store.mended();
        process.request(PLENTY).await;
        assert_eq!(process.store.stored("REFRESH_TOKEN").await, "r1", "{place}");
        assert!(process.lock_is_free().await, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_to_save_is_never_frozen_half_way() {
    let fault = ("REFRESH_TOKEN", Fault::Denied);
    let process = Process::start("jira-cloud", true, fault, Duration::from_millis(600)).await;
    for _ in 0..3 {
        // The second and third call find a living token and try to save beside it.
        process.request(PLENTY).await;
        let (begun, ended) = process.store.writes();
        assert_eq!(begun, ended);
        process.rest().await;
        assert_eq!(process.store.writes(), (begun, ended));
    }
    let (begun, _) = process.store.writes();
    // Of the intent, and three times of the refresh token.
    assert!(begun >= 4, "{begun}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_seconds_is_waited_out_and_nothing_is_lost_by_it() {
    let fault = ("REFRESH_TOKEN", Fault::Unavailable);
    let process = Process::start("jira-cloud", true, fault, Duration::ZERO).await;
    let store = process.store.clone();
    let mended = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(2)).await;
        store.mended();
    });
    process.request(PLENTY).await;
    assert!(mended.is_finished(), "it did not wait");
    assert_eq!(process.store.stored("REFRESH_TOKEN").await, "r1");
    assert!(process.lock_is_free().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_longer_outage_is_waited_for_some_seconds_once_and_survived_in_memory() {
    let fault = ("REFRESH_TOKEN", Fault::Unavailable);
    let process = Process::start("jira-cloud", true, fault, Duration::ZERO).await;
    let took = process.request(PLENTY).await;
    assert!(took >= Duration::from_secs(6), "{took:?}");
    assert!(took < Duration::from_secs(16), "{took:?}");
    process.rest().await;
    let took = process.request(PLENTY).await;
    assert!(took < AT_ONCE, "every answer waits: {took:?}");
    process.store.mended();
    process.rest().await;
    process.request(PLENTY).await;
    assert_eq!(process.store.stored("REFRESH_TOKEN").await, "r1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_comes_too_late_is_not_waited_for() {
    let fault = ("REFRESH_TOKEN", Fault::Unavailable);
    let process = Process::start("jira-cloud", true, fault, Duration::ZERO).await;
    // The next attempt is a second after the last.
    let took = process.request(Duration::from_millis(300)).await;
    assert!(took < Duration::from_millis(300), "{took:?}");
    process.store.mended();
    process.rest().await;
    process.request(PLENTY).await;
    assert_eq!(process.store.stored("REFRESH_TOKEN").await, "r1");
}
