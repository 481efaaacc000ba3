//! What Secret Manager's client makes of outages, throttling, and rights that are not given; what every store
//! does then is in `secrets_world`.

use std::time::{Duration, Instant};

use hushgate_gateway::ports::{Secret, SecretStore as _, StoreError};
use hushgate_host::store::AdminStore as _;

use crate::mishap::Mishap;
use crate::secrets::{Project, newest, project, put};

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
