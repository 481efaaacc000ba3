//! Instances of a function that share a connection through the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hushgate_gateway::connect::Connector;
use hushgate_gateway::connect::lifecycle::{Intent, JOURNAL_ENTRY, Journal, LOCK_ENTRY, Print};
use hushgate_gateway::ports::{Locked, MemoryStore, PortFuture, Secret, SecretStore, StoreError};
use hushgate_gateway::refusal::Refusal;

use crate::server::{Action, Server, json, reply};
use crate::setup::{Setup, TestClock, bearer, logs};

/// Several instances of source jira-cloud, with the refresh token `r0` in their store.
struct Fleet {
    server: Server,
    store: Arc<MemoryStore>,
    clock: Arc<TestClock>,
    instances: Vec<Connector>,
}

impl Fleet {
    async fn start(count: usize, script: impl Fn(usize) -> Action + Send + Sync + 'static) -> Self {
        let server = Server::start(script).await;
        let clock = TestClock::at(crate::setup::START);
        let entries = [
            ("CLIENT_ID", "i"),
            ("CLIENT_SECRET", "s"),
            ("REFRESH_TOKEN", "r0"),
        ];
        let store = Arc::new(MemoryStore::with_clock(entries, clock.clone()));
        let mut fleet = Self {
            server,
            store,
            clock,
            instances: Vec::new(),
        };
        for _ in 0..count {
            let instance = fleet.instance();
            fleet.instances.push(instance);
        }
        fleet
    }

    /// One more instance, which begins with nothing in memory.
    fn instance(&self) -> Connector {
        let mut setup = Setup::shipped("jira-cloud", &self.server.origin, &[]);
        setup.store = self.store.clone();
        setup.clock = self.clock.clone();
        setup.connector()
    }

    /// The tokens that all instances get when all ask at once.
    async fn tokens(&self) -> BTreeSet<String> {
        let mut asking = tokio::task::JoinSet::new();
        for instance in self.instances.clone() {
            asking.spawn(async move { bearer(&instance.credential(None).await.unwrap()) });
        }
        asking.join_all().await.into_iter().collect()
    }

    async fn refused(&self, instance: usize) -> Refusal {
        self.instances[instance].credential(None).await.unwrap_err()
    }

    async fn journal(&self) -> Journal {
        let text = self.store.read(JOURNAL_ENTRY).await.unwrap().unwrap();
        Journal::read(text.reveal()).unwrap()
    }

    async fn stored(&self) -> String {
        let token = self.store.read("REFRESH_TOKEN").await.unwrap().unwrap();
        token.reveal().to_owned()
    }

    /// The refresh tokens that were sent.
    fn used(&self) -> Vec<String> {
        let requests = self.server.requests();
        let sent = requests.iter().map(|r| r.form()["refresh_token"].clone());
        sent.collect()
    }
}

/// A store that can only be read, such as the environment.
struct ReadOnly(MemoryStore);

impl SecretStore for ReadOnly {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        self.0.read(name)
    }

    fn write<'a>(&'a self, name: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
    }
}

/// A store that does not let the function see the journal, while it is closed.
struct Guarded {
    store: MemoryStore,
    is_closed: AtomicBool,
}

impl SecretStore for Guarded {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            if name == JOURNAL_ENTRY && self.is_closed.load(Ordering::Relaxed) {
                return Err(StoreError::Denied {
                    name: name.to_owned(),
                    hint: "test".to_owned(),
                });
            }
            self.store.read(name).await
        })
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        self.store.write(name, value)
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        self.store.lock(name, owner, ttl)
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        self.store.unlock(name, owner)
    }
}

fn rotating(number: usize) -> Action {
    let next = number + 1;
    json(&format!(
        r#"{{"access_token":"a{next}","expires_in":3600,"refresh_token":"r{next}"}}"#
    ))
}

fn set(token: &str) -> BTreeSet<String> {
    BTreeSet::from([format!("Bearer {token}")])
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_instances_make_one_exchange_per_expiry() {
    let slow = |n| rotating(n).after(Duration::from_millis(200));
    let fleet = Fleet::start(10, slow).await;
    for round in 1..=2 {
        assert_eq!(fleet.tokens().await, set(&format!("a{round}")));
        assert_eq!(fleet.stored().await, format!("r{round}"));
        fleet.clock.advance(Duration::from_hours(2));
    }
    assert_eq!(fleet.used(), ["r0", "r1"]);
}

#[tokio::test]
async fn an_instance_that_starts_takes_the_token_from_the_store() {
    let fleet = Fleet::start(1, rotating).await;
    assert_eq!(fleet.tokens().await, set("a1"));
    let begun = Instant::now();
    let late = fleet.instance();
    assert_eq!(bearer(&late.credential(None).await.unwrap()), "Bearer a1");
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "it waited for the lock"
    );
    assert_eq!(fleet.used(), ["r0"]);
}

#[tokio::test]
async fn after_a_401_the_newer_token_of_another_instance_is_taken_up() {
    let fleet = Fleet::start(3, rotating).await;
    assert_eq!(fleet.tokens().await, set("a1"));
    let mut renewed = BTreeSet::new();
    for instance in &fleet.instances {
        let refused = instance.credential(None).await.unwrap();
        renewed.insert(bearer(&instance.renew(None, &refused).await.unwrap()));
    }
    assert_eq!(renewed, set("a2"));
    assert_eq!(fleet.used(), ["r0", "r1"]);
}

#[tokio::test]
async fn the_lock_is_given_back_and_the_journal_holds_no_refresh_token() {
    let fleet = Fleet::start(1, rotating).await;
    fleet.tokens().await;
    fleet.instances[0].quiet().await;
    let free = fleet
        .store
        .lock(LOCK_ENTRY, "another", Duration::from_secs(1));
    assert_ne!(free.await.unwrap(), Locked::Held);
    let journal = fleet.journal().await;
    assert_eq!(journal.refresh, Some(Print::of("r1")));
    assert_eq!(journal.used, [Print::of("r0")]);
    assert!(journal.intent.is_none());
    let text = fleet.store.read(JOURNAL_ENTRY).await.unwrap().unwrap();
    assert!(!text.reveal().contains("r1"));
}

#[tokio::test]
async fn an_exchange_that_another_instance_did_not_end_is_not_repeated_at_once() {
    let fleet = Fleet::start(1, rotating).await;
    let journal = Journal {
        seq: 1,
        intent: Some(Intent {
            owner: "dead.1".to_owned(),
            at: hushgate_gateway::ports::Clock::now(fleet.clock.as_ref()),
            refresh: Print::of("r0"),
            lost: false,
            unsure: false,
        }),
        ..Journal::default()
    };
    fleet
        .store
        .write(JOURNAL_ENTRY, journal.write())
        .await
        .unwrap();
    let begun = Instant::now();
    let refused = fleet.refused(0).await;
    assert_eq!(refused.cause().code(), "overloaded");
    assert!(refused.detail().starts_with("connect-rotation-pending: "));
    assert!(begun.elapsed() < Duration::from_millis(2_500));
    assert!(fleet.used().is_empty());
    // Its outcome is there after all.
    let written = fleet.store.write("REFRESH_TOKEN", Secret::new("r9"));
    written.await.unwrap();
    assert_eq!(fleet.tokens().await, set("a1"));
    assert_eq!(fleet.used(), ["r9"]);
}

#[tokio::test]
async fn a_lost_answer_that_used_the_token_up_is_told_as_such_and_a_new_consent_heals_it() {
    let fleet = Fleet::start(2, |n| match n {
        0 => Action::Reset(Vec::new()),
        1 => reply("400 No", "application/json", r#"{"error":"invalid_grant"}"#),
        n => rotating(n),
    })
    .await;
    let lost = fleet.refused(0).await;
    assert!(lost.detail().starts_with("connect-network: "), "{lost}");
    fleet.instances[0].quiet().await;
    // Whoever asks next repeats the exchange; all learn of its end, and nobody tries again.
    for instance in [1, 0, 1] {
        let refused = fleet.refused(instance).await;
        assert_eq!(refused.cause().code(), "credential-rejected");
        let told = "connect-rotation-interrupted: an exchange that began at 2026-11-21T10:00:00Z ";
        assert!(refused.detail().starts_with(told), "{refused}");
    }
    assert_eq!(fleet.used(), ["r0", "r0"]);
    let written = fleet.store.write("REFRESH_TOKEN", Secret::new("new"));
    written.await.unwrap();
    fleet.clock.advance(Duration::from_secs(16));
    assert_eq!(fleet.tokens().await, set("a3"));
    assert_eq!(fleet.used(), ["r0", "r0", "new"]);
}

#[tokio::test]
async fn a_used_up_token_that_is_written_back_is_never_sent() {
    let fleet = Fleet::start(1, rotating).await;
    fleet.tokens().await;
    fleet.instances[0].quiet().await;
    fleet
        .store
        .write("REFRESH_TOKEN", Secret::new("r0"))
        .await
        .unwrap();
    fleet.clock.advance(Duration::from_hours(2));
    // An instance that knows nothing refuses; the one that holds the successor puts it right.
    let refused = fleet.instance().credential(None).await.unwrap_err();
    assert!(
        refused
            .detail()
            .starts_with("connect-refresh-token-stale: "),
        "{refused}"
    );
    assert_eq!(fleet.tokens().await, set("a2"));
    assert_eq!(fleet.used(), ["r0", "r1"]);
    assert_eq!(fleet.stored().await, "r2");
}

#[tokio::test]
async fn a_refresh_token_in_an_unusable_answer_is_kept() {
    let fleet = Fleet::start(1, |n| match n {
        0 => json(r#"{"access_token":"a1","token_type":"mac","refresh_token":"r1"}"#),
        n => rotating(n),
    })
    .await;
    let refused = fleet.refused(0).await;
    assert!(
        refused.detail().starts_with("connect-answer-invalid: "),
        "{refused}"
    );
    assert_eq!(fleet.stored().await, "r1");
    assert_eq!(fleet.tokens().await, set("a2"));
    assert_eq!(fleet.used(), ["r0", "r1"]);
}

#[tokio::test]
async fn a_store_that_can_only_be_read_serves_each_process_for_itself_and_says_what_is_unsafe() {
    let server = Server::start(|n| {
        json(&format!(
            r#"{{"access_token":"a{n}","expires_in":3600,"refresh_token":"read-only-{n}"}}"#
        ))
    })
    .await;
    let entries = [
        ("CLIENT_ID", "i"),
        ("CLIENT_SECRET", "s"),
        ("REFRESH_TOKEN", "only-read"),
    ];
    let store = Arc::new(ReadOnly(MemoryStore::new(entries)));
    let mut used = Vec::new();
    for instance in 0..2 {
        let mut setup = Setup::shipped("jira-cloud", &server.origin, &[]);
        setup.store = store.clone();
        let clock = setup.clock.clone();
        let connector = setup.connector();
        for _ in 0..2 {
            let held = connector.credential(None).await;
            assert!(held.is_ok(), "instance {instance}");
            clock.advance(Duration::from_hours(2));
        }
    }
    for request in server.requests() {
        used.push(request.form()["refresh_token"].clone());
    }
    // Each goes on with what it was given itself.
    assert_eq!(
        used,
        ["only-read", "read-only-0", "only-read", "read-only-2"]
    );
    assert!(logs().contains("instances can't agree on who renews the refresh token"));
}

#[tokio::test]
async fn without_the_right_to_share_a_process_goes_by_itself_and_sends_no_token_for_one_use() {
    let fields = [
        ("CLIENT_ID", "i"),
        ("CLIENT_SECRET", "s"),
        ("ACCOUNT_ID", "a"),
        ("REFRESH_TOKEN", "r0"),
    ];
    for (source, is_for_one_use) in [("zoom", false), ("jira-cloud", true)] {
        let fleet = Fleet::start(0, rotating).await;
        let mut setup = Setup::shipped(source, &fleet.server.origin, &[]);
        let clock = setup.clock.clone();
        let store = Arc::new(Guarded {
            store: MemoryStore::with_clock(fields, clock.clone()),
            is_closed: AtomicBool::new(true),
        });
        setup.store = store.clone();
        let connector = setup.connector();
        let first = connector.credential(None).await;
        assert_eq!(first.is_err(), is_for_one_use, "{source}");
        let asked = usize::from(!is_for_one_use);
        assert_eq!(fleet.server.requests().len(), asked, "{source}");
        if let Err(fault) = first {
            let told = format!("{fault:?}");
            assert!(told.contains("connect-store-refused"), "{told}");
        }
        let stored = store.read("REFRESH_TOKEN").await.unwrap().unwrap();
        assert_eq!(stored.reveal(), "r0", "{source}");
        // The right came a moment later.
        store.is_closed.store(false, Ordering::Relaxed);
        clock.advance(Duration::from_secs(30));
        let credential = connector.credential(None).await.unwrap();
        assert_eq!(bearer(&credential), "Bearer a1", "{source}");
        let stored = store.read("REFRESH_TOKEN").await.unwrap().unwrap();
        let newest = if is_for_one_use { "r1" } else { "r0" };
        assert_eq!(stored.reveal(), newest, "{source}");
    }
}

#[tokio::test]
async fn before_a_freeze_only_a_refresh_token_is_looked_after_for_seconds() {
    let fields = [
        ("CLIENT_ID", "i"),
        ("CLIENT_SECRET", "s"),
        ("ACCOUNT_ID", "a"),
        ("REFRESH_TOKEN", "r0"),
    ];
    for (source, given_back) in [("zoom", false), ("jira-cloud", true)] {
        let server = Server::start(rotating).await;
        let clock = TestClock::at(crate::setup::START);
        let store = Arc::new(MemoryStore::with_clock(fields, clock.clone()));
        let mut setup = Setup::shipped(source, &server.origin, &[]);
        setup.store = store.clone();
        setup.clock = clock;
        let instance = setup.connector();
        instance.credential(None).await.unwrap();
        instance.secured(Duration::from_mins(1)).await;
        let journal = store.read(JOURNAL_ENTRY).await.unwrap();
        assert!(journal.is_some(), "{source}: the token is not kept");
        let free = store.lock(LOCK_ENTRY, "another", Duration::from_secs(1));
        let free = free.await.unwrap() != Locked::Held;
        assert_eq!(free, given_back, "{source}");
    }
}
