//! As whom Google is called, and what is said when it can't be as anybody.

use std::time::{Duration, Instant};

use hushgate_gateway::ports::queue::{Message, QueueError};
use hushgate_gateway::ports::{Objects as _, Queue as _, Secret, SecretStore as _, StoreError};
use hushgate_gcp::objects::CloudStorage;
use hushgate_gcp::queue::PubSub;
use hushgate_gcp::secrets::secrets;
use hushgate_host::config::Environment;
use hushgate_host::store::remote::RemoteStore;

use crate::emulator::{environment, free_port};
use crate::metadata::{Metadata, Mood};
use crate::secrets::Project;
use crate::{objects, queue};

/// The environment with one more variable.
fn with(mut environment: Environment, name: &str, value: &str) -> Environment {
    environment.insert(name.to_owned(), value.to_owned());
    environment
}

fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Denied { .. } => "denied",
        StoreError::Unavailable(_) => "unavailable",
        _ => "other",
    }
}

impl Project {
    fn store_as(&self, metadata: &str) -> RemoteStore {
        let environment = with(self.environment(), "GCE_METADATA_HOST", metadata);
        secrets(&self.id, "acme", &environment).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_carries_the_service_accounts_token() {
    let Some(project) = Project::new().await else {
        return;
    };
    let metadata = Metadata::start(Mood::Gives(3600)).await;
    let store = project.store_as(&metadata.address);
    assert_eq!(metadata.asked(), 0, "nothing is asked before the first use");
    store.write("A", Secret::new("x")).await.unwrap();
    for _ in 0..3 {
        store.read_newest("A").await.unwrap();
    }
    store
        .lock("A", "one", Duration::from_mins(1))
        .await
        .unwrap();
    let bearers = project.front.bearers();
    assert!(bearers.len() >= 5, "{bearers:?}");
    assert!(
        bearers.iter().all(|b| b == "Bearer secret-t1"),
        "{bearers:?}"
    );
    assert_eq!(metadata.asked(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_and_queues_are_used_with_it_too() {
    let metadata = Metadata::start(Mood::Gives(3600)).await;
    if let Some(place) = objects::Place::new().await {
        let usual = environment("STORAGE_EMULATOR_HOST", &place.wire.address);
        let usual = with(usual, "GCE_METADATA_HOST", &metadata.address);
        let objects = CloudStorage::open(&place.bucket, &usual).unwrap();
        objects.list("", None).await.unwrap();
        objects.facts("none").await.unwrap();
        assert_eq!(place.wire.mishaps.bearers(), ["Bearer secret-t1"; 2]);
    }
    let before = metadata.asked();
    if let Some(place) = queue::Place::new().await {
        let usual = environment("PUBSUB_EMULATOR_HOST", &place.wire.address);
        let usual = with(usual, "GCE_METADATA_HOST", &metadata.address);
        let queue = PubSub::open("acme-data", &place.id, &place.id, &usual).unwrap();
        let message = Message {
            body: "x".to_owned(),
            ..Message::default()
        };
        queue.send(vec![message]).await.unwrap();
        let token = format!("Bearer secret-t{}", before + 1);
        assert_eq!(place.wire.mishaps.bearers(), [token]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_replaced_before_it_ends() {
    let Some(project) = Project::new().await else {
        return;
    };
    let metadata = Metadata::start(Mood::Gives(1)).await;
    let store = project.store_as(&metadata.address);
    store.write("A", Secret::new("x")).await.unwrap();
    metadata.be(Mood::Gives(3600));
    tokio::time::sleep(Duration::from_millis(1500)).await;
    project.front.bearers();
    store.read_newest("A").await.unwrap();
    let bearers = project.front.bearers();
    assert!(!bearers.is_empty());
    assert!(
        bearers.iter().all(|b| b != "Bearer secret-t1"),
        "{bearers:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_failure_of_the_metadata_server_is_waited_out() {
    let Some(project) = Project::new().await else {
        return;
    };
    for moods in [
        [Mood::Says(500), Mood::Says(503)],
        [Mood::Says(429), Mood::Says(500)],
    ] {
        let metadata = Metadata::start(Mood::Gives(3600)).await;
        metadata.be_first(&moods);
        let store = project.store_as(&metadata.address);
        store.read_newest("A").await.unwrap();
        assert_eq!(metadata.asked(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_identity_is_named_within_five_seconds() {
    let Some(project) = Project::new().await else {
        return;
    };
    let nobody = format!("127.0.0.1:{}", free_port());
    let metadata = Metadata::start(Mood::Says(404)).await;
    for (mood, host, code, words) in [
        (
            None,
            &nobody,
            "unavailable",
            "gives no access token; it is there on Google Cloud only",
        ),
        (
            Some(Mood::Hangs),
            &metadata.address,
            "unavailable",
            "gives no access token; it is there on",
        ),
        (
            Some(Mood::Says(503)),
            &metadata.address,
            "unavailable",
            "gives no access token; it is there on",
        ),
        (
            Some(Mood::Says(404)),
            &metadata.address,
            "denied",
            "no service account is attached; deploy with one",
        ),
        (
            Some(Mood::Says(403)),
            &metadata.address,
            "denied",
            "no service account is attached; deploy with one",
        ),
        (
            Some(Mood::Babbles),
            &metadata.address,
            "",
            "gives no access token",
        ),
    ] {
        if let Some(mood) = mood {
            metadata.be(mood);
        }
        let store = project.store_as(host);
        let start = Instant::now();
        let error = store.read_newest("A").await.unwrap_err();
        let time = start.elapsed();
        assert!(time < Duration::from_secs(5), "{mood:?}: {time:?}");
        let text = error.to_string();
        assert!(
            text.contains(words)
                && text.contains(host.as_str())
                && text.contains("secrets/acme--A"),
            "{mood:?}: {text}"
        );
        assert!(code.is_empty() || kind(&error) == code, "{mood:?}: {text}");
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("a message of"), "{shown}");
    }
    assert_eq!(
        project.front.bearers(),
        Vec::<String>::new(),
        "nothing is asked as nobody"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_and_queues_name_it_too() {
    let metadata = Metadata::start(Mood::Says(404)).await;
    let at = |variable: &str| {
        let usual = environment(variable, "127.0.0.1:9");
        with(usual, "GCE_METADATA_HOST", &metadata.address)
    };
    let objects = CloudStorage::open("bucket", &at("STORAGE_EMULATOR_HOST")).unwrap();
    let queue = PubSub::open("acme-data", "work", "work", &at("PUBSUB_EMULATOR_HOST")).unwrap();
    for (mood, code, words) in [
        (
            Mood::Says(404),
            "denied",
            "no service account is attached; deploy with one",
        ),
        (
            Mood::Hangs,
            "unavailable",
            "gives no access token; it is there on Google Cloud only",
        ),
    ] {
        metadata.be(mood);
        let start = Instant::now();
        let listed = objects.list("", None).await.unwrap_err();
        assert_eq!(listed.code(), format!("objects-{code}"));
        let received = queue.receive(1, Duration::ZERO, Duration::from_secs(30));
        let received: QueueError = received.await.unwrap_err();
        assert_eq!(received.code(), format!("queue-{code}"));
        for text in [listed.to_string(), received.to_string()] {
            assert!(text.contains(words), "{text}");
        }
        assert!(start.elapsed() < Duration::from_secs(9));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_that_comes_later_is_used() {
    let Some(project) = Project::new().await else {
        return;
    };
    for mood in [Mood::Says(404), Mood::Says(503), Mood::Hangs] {
        let metadata = Metadata::start(mood).await;
        let store = project.store_as(&metadata.address);
        store.read_newest("A").await.unwrap_err();
        metadata.be(Mood::Gives(3600));
        let start = Instant::now();
        store.read_newest("A").await.unwrap();
        assert!(start.elapsed() < Duration::from_secs(2), "{mood:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_google_refuses_is_told_as_that() {
    let Some(project) = Project::new().await else {
        return;
    };
    let metadata = Metadata::start(Mood::Gives(3600)).await;
    let store = project.store_as(&metadata.address);
    let refusal = crate::mishap::Mishap::Status(401, "UNAUTHENTICATED");
    project.front.mishap("GET", usize::MAX, refusal);
    let error = store.read_newest("A").await.unwrap_err();
    assert!(matches!(error, StoreError::Denied { .. }), "{error}");
    let shown = format!("{error} {error:?}");
    assert!(
        shown.contains("Google refused the access token (401)"),
        "{shown}"
    );
    assert!(!shown.contains("secret-t"), "{shown}");
}

#[tokio::test]
async fn a_credential_file_that_can_t_be_used_is_named() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("credentials-{}.json", std::process::id()));
    let place = file.to_str().unwrap();
    for (content, words) in [
        (None, "names a file that is not there"),
        (
            Some("-----BEGIN PRIVATE KEY-----"),
            "names is no credential file",
        ),
        (
            Some(r#"{"private_key": "do-not-show"}"#),
            "names is no credential file",
        ),
    ] {
        if let Some(content) = content {
            std::fs::write(&file, content).unwrap();
        }
        let usual = environment("SECRET_MANAGER_EMULATOR_HOST", "127.0.0.1:9");
        let usual = with(usual, "GOOGLE_APPLICATION_CREDENTIALS", place);
        let store = secrets("acme-data", "acme", &usual).unwrap();
        let error = store.read_newest("A").await.unwrap_err();
        assert_eq!(kind(&error), "denied", "{error}");
        let shown = format!("{error} {error:?}");
        assert!(
            shown.contains(&format!("GOOGLE_APPLICATION_CREDENTIALS {words}")),
            "{shown}"
        );
        assert!(
            !shown.contains("do-not-show") && !shown.contains("PRIVATE"),
            "{shown}"
        );
    }
    std::fs::remove_file(&file).unwrap();
}
