//! Secret Manager: outages, throttling, and rights that are not given.

use std::time::{Duration, Instant};

use hushgate_gateway::ports::{Secret, SecretStore as _, StoreError};
use hushgate_host::store::AdminStore as _;
use hushgate_host::store::remote::Ages;

use crate::mishap::Mishap;
use crate::secrets::{Project, newest, project, put, text};

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
