//! Secret Manager: Google's client before drongo.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hushgate_gateway::ports::{Locked, Secret, SecretStore as _, StoreError};
use hushgate_gcp::secrets::{SecretManager, secrets};
use hushgate_host::config::Environment;
use hushgate_host::store::remote::{Ages, RemoteStore};
use hushgate_host::store::{AdminStore as _, SaveError, entry, testing};

use crate::emulator::{self, drongo, unique};
use crate::front::Front;
use crate::mishap::Mishap;

/// A project of its own, and the server before it.
pub(crate) struct Project {
    pub(crate) id: String,
    pub(crate) front: Front,
}

impl Project {
    pub(crate) async fn new() -> Option<Self> {
        let front = Front::before(&drongo()?.url).await;
        Some(Self {
            id: unique("project"),
            front,
        })
    }

    pub(crate) fn environment(&self) -> Environment {
        emulator::environment("SECRET_MANAGER_EMULATOR_HOST", &self.front.address)
    }

    /// One more instance, which knows nothing yet.
    pub(crate) fn store(&self) -> RemoteStore {
        secrets(&self.id, "acme", &self.environment()).unwrap()
    }

    /// The same with other times.
    fn store_with(&self, ages: Ages) -> RemoteStore {
        let manager = SecretManager::of(&self.id, "acme", &self.environment());
        RemoteStore::with_ages(manager.unwrap(), ages)
    }

    async fn states(&self, id: &str) -> Vec<(u64, String)> {
        self.front.versions(&self.id, id).await
    }
}

macro_rules! project {
    () => {
        match Project::new().await {
            Some(project) => project,
            None => return,
        }
    };
}

async fn text(store: &RemoteStore, name: &str) -> Option<String> {
    let read = store.read(name).await.unwrap();
    read.map(|secret| secret.reveal().to_owned())
}

async fn newest(store: &RemoteStore, name: &str) -> Option<String> {
    let read = store.read_newest(name).await.unwrap();
    read.map(|secret| secret.reveal().to_owned())
}

async fn put(store: &RemoteStore, name: &str, value: &str) {
    store.write(name, Secret::new(value)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn behaves_as_every_store() {
    let project = project!();
    testing::check(Arc::new(project.store())).await;
    testing::check_admin(Arc::new(project.store())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_instances_behave_as_one_store() {
    let project = project!();
    let (one, other) = (project.store(), project.store());
    for round in 0..3 {
        let value = format!("value {round}");
        put(&one, "A", &value).await;
        assert_eq!(newest(&other, "A").await, Some(value));
    }
    one.remove("A").await.unwrap();
    assert_eq!(newest(&other, "A").await, None);
    // Numbers begin again; what the other knew of the former secret counts for nothing.
    put(&one, "A", "again").await;
    assert_eq!(newest(&other, "A").await.as_deref(), Some("again"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_the_newest_version_while_latest_and_lists_are_old() {
    let project = project!();
    let writer = project.store();
    put(&writer, "TOKEN", "first").await;
    let knows = project.store();
    assert_eq!(newest(&knows, "TOKEN").await.as_deref(), Some("first"));
    project.front.be_late(&project.id).await;
    for round in 0..6 {
        put(&writer, "TOKEN", &format!("token {round}")).await;
        put(&writer, "NEW", &format!("new {round}")).await;
    }
    // By now the version that `latest` stands for may be destroyed.
    for store in [&knows, &project.store()] {
        assert_eq!(newest(store, "TOKEN").await.as_deref(), Some("token 5"));
        assert_eq!(newest(store, "NEW").await.as_deref(), Some("new 5"));
    }
    // What was seen once is never gone back on.
    assert_eq!(text(&knows, "TOKEN").await.as_deref(), Some("token 5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_exact_while_what_is_read_of_it_is_old() {
    let project = project!();
    let (one, other) = (project.store(), project.store());
    let long = Duration::from_mins(1);
    assert_eq!(one.lock("L", "one", long).await.unwrap(), Locked::Acquired);
    one.unlock("L", "one").await.unwrap();
    project.front.be_late(&project.id).await;
    // Everybody reads for ever that the lock is free; the tag of that state is good for one change.
    assert_eq!(one.lock("L", "one", long).await.unwrap(), Locked::Acquired);
    for _ in 0..3 {
        assert_eq!(other.lock("L", "other", long).await.unwrap(), Locked::Held);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_answer_was_lost_is_the_owners() {
    let project = project!();
    let store = project.store();
    let long = Duration::from_mins(1);
    project.front.mishap("POST", 1, Mishap::Lost);
    assert_eq!(
        store.lock("L", "one", long).await.unwrap(),
        Locked::Acquired
    );
    project.front.mishap("PATCH", 1, Mishap::Lost);
    assert_eq!(
        store.lock("L", "one", long).await.unwrap(),
        Locked::Acquired
    );
    assert_eq!(store.lock("L", "two", long).await.unwrap(), Locked::Held);
    project.front.mishap("PATCH", 1, Mishap::Lost);
    store.unlock("L", "one").await.unwrap();
    assert_eq!(
        store.lock("L", "two", long).await.unwrap(),
        Locked::Acquired
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn old_versions_do_not_pile_up() {
    let project = project!();
    let store = project.store();
    let id = "acme--connections--a--REFRESH_TOKEN";
    for round in 0..8 {
        put(
            &store,
            &entry("a", "REFRESH_TOKEN"),
            &format!("token {round}"),
        )
        .await;
    }
    eventually(|| async { enabled(&project, id).await == [6, 7, 8] }).await;
    // What another process left is cleared by the next.
    let again = project.store();
    put(&again, &entry("a", "REFRESH_TOKEN"), "token 8").await;
    eventually(|| async { enabled(&project, id).await == [7, 8, 9] }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_go_on_when_old_versions_may_not_be_destroyed() {
    let project = project!();
    project.front.create(&project.id, "acme--A").await;
    project
        .front
        .grant(&[("versions.access", "acme--A"), ("versions.add", "acme--A")]);
    let store = project.store();
    for round in 0..5 {
        put(&store, "A", &format!("{round}")).await;
    }
    assert_eq!(newest(&store, "A").await.as_deref(), Some("4"));
}

async fn enabled(project: &Project, id: &str) -> Vec<u64> {
    let states = project.states(id).await.into_iter();
    states
        .filter(|(_, s)| s == "ENABLED")
        .map(|(n, _)| n)
        .collect()
}

async fn eventually<F: Future<Output = bool>>(done: impl Fn() -> F) {
    let start = Instant::now();
    while !done().await {
        assert!(start.elapsed() < Duration::from_secs(10), "it never comes");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_newest_version_is_an_error_and_never_the_one_before() {
    let project = project!();
    let store = project.store();
    put(&store, "A", "old").await;
    put(&store, "A", "new").await;
    project
        .front
        .set(&project.id, "acme--A", 2, "disable")
        .await;
    for store in [store, project.store()] {
        let error = store.read_newest("A").await.unwrap_err();
        let StoreError::Denied { name, hint } = &error else {
            panic!("{error}");
        };
        assert_eq!(*name, format!("projects/{}/secrets/acme--A", project.id));
        assert!(
            hint.contains("version 2 is disabled or destroyed"),
            "{hint}"
        );
    }
    project.front.set(&project.id, "acme--A", 2, "enable").await;
    assert_eq!(newest(&project.store(), "A").await.as_deref(), Some("new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_is_used_through_an_outage_for_a_bounded_time() {
    let project = project!();
    let store = project.store_with(Ages {
        fresh: Duration::from_millis(100),
        stale: Duration::from_millis(2500),
        ..Ages::default()
    });
    put(&store, "A", "kept").await;
    assert_eq!(text(&store, "A").await.as_deref(), Some("kept"));
    tokio::time::sleep(Duration::from_millis(150)).await;
    project
        .front
        .mishap("GET", usize::MAX, Mishap::Status(503, "UNAVAILABLE"));
    assert_eq!(text(&store, "A").await.as_deref(), Some("kept"));
    let asked = project.front.calls().len();
    for _ in 0..50 {
        assert_eq!(text(&store, "A").await.as_deref(), Some("kept"));
    }
    assert_eq!(
        project.front.calls().len(),
        0,
        "asked {asked} times before: it is left alone"
    );
    // Only what may be old is; a renewal must not go on with it.
    let error = store.read_newest("A").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    assert!(
        error.to_string().contains("acme--A`: it answered 503"),
        "{error}"
    );
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let error = store.read("A").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    project.front.calm();
    assert_eq!(text(&store, "A").await.as_deref(), Some("kept"));
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_access_ends_the_use_of_what_was_read() {
    let project = project!();
    let fresh = Duration::from_millis(50);
    let store = project.store_with(Ages {
        fresh,
        ..Ages::default()
    });
    put(&store, "A", "kept").await;
    project.front.grant(&[]);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let error = store.read("A").await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_one_secret_share_one_call() {
    let project = project!();
    put(&project.store(), "A", "x").await;
    let store = Arc::new(project.store());
    project.front.calls();
    let reads = (0..20).map(|_| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { text(&store, "A").await })
    });
    for read in reads.collect::<Vec<_>>() {
        assert_eq!(read.await.unwrap().as_deref(), Some("x"));
    }
    assert_eq!(project.front.calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_short_failures_are_waited_out() {
    let project = project!();
    let store = project.store();
    put(&store, "A", "x").await;
    for mishap in [
        Mishap::Status(429, "RESOURCE_EXHAUSTED"),
        Mishap::Status(500, "INTERNAL"),
        Mishap::Status(503, "UNAVAILABLE"),
        Mishap::Cut,
        Mishap::Slow(Duration::from_millis(2500)),
    ] {
        project.front.mishap("GET", 1, mishap);
        assert_eq!(
            newest(&store, "A").await.as_deref(),
            Some("x"),
            "{mishap:?}"
        );
        project.front.mishap("POST", 1, mishap);
        put(&store, "A", "x").await;
    }
    // A write that was carried out and whose answer was lost is made again; that does no harm.
    project.front.mishap("addVersion", 1, Mishap::Lost);
    put(&store, "A", "y").await;
    assert_eq!(newest(&project.store(), "A").await.as_deref(), Some("y"));
}

#[tokio::test(flavor = "multi_thread")]
async fn patience_ends_within_five_seconds() {
    let project = project!();
    let store = project.store();
    put(&store, "A", "x").await;
    for mishap in [
        Mishap::Status(429, "RESOURCE_EXHAUSTED"),
        Mishap::Cut,
        Mishap::Slow(Duration::from_mins(1)),
    ] {
        project.front.mishap("/secrets", usize::MAX, mishap);
        project.front.calls();
        let start = Instant::now();
        let error = store.read_newest("A").await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        let error = store
            .write("A", Secret::new("secret text"))
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{mishap:?}: {:?}",
            start.elapsed()
        );
        assert!(!format!("{error} {error:?}").contains("secret text"));
        assert!(project.front.calls().len() <= 9, "a budget of attempts");
        project.front.calm();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_name_the_secret_and_the_permission_and_nothing_else() {
    let project = project!();
    let store = project.store();
    put(&store, "A", "the value").await;
    project.front.create(&project.id, "acme--L").await;
    project.front.grant(&[]);
    let minute = Duration::from_mins(1);
    let a = "acme--A";
    for (denied, id, permission) in [
        (
            store.read_newest("A").await.map(drop),
            a,
            "secretmanager.versions.access",
        ),
        (
            store.write("A", Secret::new("the value")).await,
            a,
            "secretmanager.versions.add",
        ),
        (store.remove("A").await, a, "secretmanager.secrets.delete"),
        (
            store.lock("L", "o", minute).await.map(drop),
            "acme--L",
            "secretmanager.secrets.get",
        ),
        (
            store.unlock("L", "o").await,
            "acme--L",
            "secretmanager.secrets.get",
        ),
        (
            store.connections().await.map(drop),
            "acme--connections--*",
            "secretmanager.secrets.list",
        ),
    ] {
        let error = denied.unwrap_err();
        let StoreError::Denied { name, hint } = &error else {
            panic!("{error}");
        };
        assert_eq!(*name, format!("projects/{}/secrets/{id}", project.id));
        assert!(hint.contains(permission), "{hint}");
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("the value") && !shown.contains("a message of"),
            "{shown}"
        );
    }
    project.front.grant(&[("secrets.get", "acme--L")]);
    let error = store.lock("L", "o", minute).await.unwrap_err();
    assert!(
        error.to_string().contains("secretmanager.secrets.update"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_the_service_can_t_hold_is_refused_without_showing_it() {
    let project = project!();
    let store = project.store();
    let largest = "x".repeat(64 << 10);
    put(&store, "A", &largest).await;
    assert_eq!(newest(&project.store(), "A").await, Some(largest.clone()));
    let error = store
        .write("A", Secret::new(format!("{largest}x")))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("at most 65536") && !error.to_string().contains("xx"),
        "{error}"
    );
    let error = store.read(&"N.".repeat(45)).await.unwrap_err();
    assert!(error.to_string().contains("255 characters"), "{error}");
    for bad in [
        "",
        "a b",
        "../A",
        "connections/a/../B",
        "connections/A B/C",
        "ü",
        "A.lock",
    ] {
        let error = store.read(bad).await.unwrap_err();
        assert!(matches!(error, StoreError::Unfit { .. }), "{bad}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_is_saved_whole_or_not_at_all() {
    let project = project!();
    let store = project.store();
    let changes = || {
        ["connection", "CLIENT_ID", "CLIENT_SECRET"]
            .map(|f| (f.to_owned(), Some(Secret::new(format!("value of {f}")))))
            .to_vec()
    };
    for call in [
        "CLIENT_SECRET:addVersion",
        "connection:addVersion",
        "secretId=acme--connections--a--CLIENT_SECRET",
    ] {
        project
            .front
            .mishap(call, 3, Mishap::Status(403, "PERMISSION_DENIED"));
        let failed = store.save("a", true, changes()).await.unwrap_err();
        assert!(
            matches!(failed, SaveError::Store(StoreError::Denied { .. })),
            "{failed}"
        );
        project.front.calm();
        assert_eq!(
            store.connections().await.unwrap(),
            Vec::<String>::new(),
            "{call}"
        );
    }
    store.save("a", true, changes()).await.unwrap();
    assert_eq!(store.connections().await.unwrap(), ["a"]);
    // What functions write is there for them, empty.
    for id in ["ACCESS_TOKEN", "OAUTH_REFRESH_TOKEN"] {
        let id = format!("acme--connections--a--{id}");
        assert_eq!(project.states(&id).await, [], "{id}");
    }
    let changes = vec![
        ("CLIENT_ID".to_owned(), Some(Secret::new("changed"))),
        ("CLIENT_SECRET".to_owned(), None),
        ("connection".to_owned(), Some(Secret::new("changed"))),
    ];
    project
        .front
        .mishap("DELETE", 3, Mishap::Status(403, "PERMISSION_DENIED"));
    store.save("a", false, changes).await.unwrap_err();
    project.front.calm();
    for field in ["connection", "CLIENT_ID", "CLIENT_SECRET"] {
        let kept = newest(&project.store(), &entry("a", field)).await;
        assert_eq!(kept, Some(format!("value of {field}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_taken_away_leaves_its_secret_to_the_function() {
    let project = project!();
    let store = project.store();
    let changes = vec![("connection".to_owned(), Some(Secret::new("{}")))];
    store.save("a", true, changes).await.unwrap();
    let journal = entry("a", "ACCESS_TOKEN");
    put(&store, &journal, "token").await;
    store
        .save("a", false, vec![("ACCESS_TOKEN".to_owned(), None)])
        .await
        .unwrap();
    let function = project.store();
    assert_eq!(newest(&function, &journal).await, None);
    project
        .front
        .grant(&[("versions.add", "acme--connections--a--ACCESS_TOKEN")]);
    put(&function, &journal, "next").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_made_beforehand_are_no_connection_yet() {
    let project = project!();
    for field in ["connection", "CLIENT_ID", "OAUTH_REFRESH_TOKEN"] {
        let id = format!("acme--connections--a--{field}");
        project.front.create(&project.id, &id).await;
    }
    let store = project.store();
    assert_eq!(store.connections().await.unwrap(), Vec::<String>::new());
    let changes = vec![("connection".to_owned(), Some(Secret::new("{}")))];
    store.save("a", true, changes).await.unwrap();
    assert_eq!(store.connections().await.unwrap(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_beforehand_outlives_a_save_that_fails() {
    let project = project!();
    let token = "acme--connections--a--REFRESH_TOKEN";
    project.front.create(&project.id, token).await;
    let store = project.store();
    let changes = ["connection", "REFRESH_TOKEN", "SECRET"]
        .map(|f| (f.to_owned(), Some(Secret::new("value"))))
        .to_vec();
    let denied = Mishap::Status(403, "PERMISSION_DENIED");
    project.front.mishap("SECRET:addVersion", 1, denied);
    store.save("a", true, changes).await.unwrap_err();
    assert_eq!(store.connections().await.unwrap(), Vec::<String>::new());
    let function = project.store();
    let name = entry("a", "REFRESH_TOKEN");
    assert_eq!(newest(&function, &name).await, None);
    project.front.grant(&[("versions.add", token)]);
    put(&function, &name, "next").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_goes_before_its_lock_and_the_record_last() {
    let project = project!();
    let store = project.store();
    let changes = ["connection", "CLIENT_ID", "REFRESH_TOKEN"]
        .map(|f| (f.to_owned(), Some(Secret::new("value"))))
        .to_vec();
    store.save("a", true, changes).await.unwrap();
    put(&store, &entry("a", "ACCESS_TOKEN"), "token").await;
    project.front.calls();
    store.forget("a").await.unwrap();
    let start = format!(
        "DELETE /v1/projects/{}/secrets/acme--connections--a--",
        project.id
    );
    let calls = project.front.calls();
    let mut deleted: Vec<_> = calls
        .iter()
        .filter_map(|c| c.strip_prefix(&start))
        .collect();
    let end = deleted.split_off(3);
    let bare = |call: &&str| call.split('?').next().unwrap().to_owned();
    let end: Vec<_> = end.iter().map(bare).collect();
    assert_eq!(end, ["OAUTH_REFRESH_TOKEN", "connection"], "{deleted:?}");
    // What no list shows yet is deleted too.
    store.forget("a").await.unwrap();
    let again = project.front.calls();
    assert_eq!(again.iter().filter(|c| c.starts_with(&start)).count(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_value_is_not_looked_for_in_the_version_before() {
    let project = project!();
    let store = project.store();
    let changes = vec![("connection".to_owned(), Some(Secret::new("{}")))];
    store.save("a", true, changes).await.unwrap();
    let journal = entry("a", "ACCESS_TOKEN");
    put(&store, &journal, "token").await;
    project.front.be_late_about_versions(&project.id).await;
    let changes = vec![("ACCESS_TOKEN".to_owned(), None)];
    store.save("a", false, changes).await.unwrap();
    // `latest` still stands for the token.
    for _ in 0..3 {
        assert_eq!(text(&store, &journal).await, None);
        assert_eq!(newest(&store, &journal).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_at_once_leave_one_of_them_and_all_see_the_same() {
    let project = project!();
    put(&project.store(), "A", "first").await;
    let writers = (0..8).map(|n| {
        let store = project.store();
        tokio::spawn(async move { put(&store, "A", &format!("{n}")).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let kept = newest(&project.store(), "A").await;
    assert!(kept.as_deref().is_some_and(|k| k != "first"));
    for _ in 0..3 {
        assert_eq!(newest(&project.store(), "A").await, kept);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_called_before_the_first_use() {
    let project = project!();
    let store = project.store();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(project.front.calls(), Vec::<String>::new());
    assert_eq!(text(&store, "A").await, None);
    assert_eq!(project.front.calls().len(), 1);
}
