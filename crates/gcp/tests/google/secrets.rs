//! Secret Manager: Google's client before drongo.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hushgate_gateway::ports::{Locked, Secret, SecretStore as _, StoreError};
use hushgate_gcp::secrets::secrets;
use hushgate_host::config::Environment;
use hushgate_host::store::remote::RemoteStore;
use hushgate_host::store::{AdminStore as _, entry, testing};

use crate::emulator::{self, drongo, unique};
use crate::front::Front;
use crate::mishap::Mishap;

/// A project of its own, and the server before it.
#[derive(Clone)]
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

    pub(crate) async fn states(&self, id: &str) -> Vec<(u64, String)> {
        self.front.versions(&self.id, id).await
    }
}

/// A project, or the end of a test where the emulator is not there.
macro_rules! project {
    () => {
        match Project::new().await {
            Some(project) => project,
            None => return,
        }
    };
}
pub(crate) use project;

pub(crate) async fn text(store: &RemoteStore, name: &str) -> Option<String> {
    let read = store.read(name).await.unwrap();
    read.map(|secret| secret.reveal().to_owned())
}

pub(crate) async fn newest(store: &RemoteStore, name: &str) -> Option<String> {
    let read = store.read_newest(name).await.unwrap();
    read.map(|secret| secret.reveal().to_owned())
}

pub(crate) async fn put(store: &RemoteStore, name: &str, value: &str) {
    store.write(name, Secret::new(value)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn behaves_as_every_store() {
    let project = project!();
    let whole = format!(
        "`projects/{}/secrets/acme--connections--a--B` in Secret Manager",
        project.id
    );
    assert_eq!(project.store().whole_name("connections/a/B"), whole);
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
