//! What `docs/cloud-stores.md` says that must be permitted: enough, and no more, for a connection whose refresh
//! token changes, for objects and for queues.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, stream};
use hushgate_gateway::ports::objects::{Head, ObjectError, Objects, Put};
use hushgate_gateway::ports::queue::{Message, QueueError};
use hushgate_gateway::ports::{Queue as _, Secret, SecretStore as _};
use hushgate_host::store::testing::life::{CONNECTION, Store, check_one_exchange, connect};
use hushgate_host::store::{AdminStore as _, entry};

use crate::messages::{address, open as open_queue};
use crate::objects::{PART, bucket, large, open, write};
use crate::policy::{Grant, Judge, policy, rows};
use crate::proxy::Proxy;
use crate::support::{KINDS, Kind, logs, services, unique};

/// The page's policy for a function whose source has a refresh token and no account's id: what the page says
/// is to be changed in it, is.
fn of_a_rotating_source(kind: Kind, prefix: &str) -> Vec<Grant> {
    let number = match kind {
        Kind::Parameters => 1,
        Kind::Secrets => 2,
    };
    let given = policy(number, prefix);
    let is_of = |(_, name): &Grant, field: &str| name.contains(&format!("/{field}"));
    let mut grants: Vec<_> = given
        .iter()
        // The key of pseudonyms and the record are the function's; here is the life of its tokens alone.
        .filter(|g| {
            !["ACCOUNT_ID", "PSEUDONYM_KEY", "work/connection"]
                .iter()
                .any(|f| is_of(g, f))
        })
        .cloned()
        .collect();
    let journal = given.iter().filter(|g| is_of(g, "ACCESS_TOKEN"));
    grants.extend(journal.map(|(action, name)| {
        let name = name.replace("/ACCESS_TOKEN", "/REFRESH_TOKEN");
        (action.clone(), name)
    }));
    // It is there from the beginning.
    let is_for_none = |(action, name): &Grant| {
        action == "secretsmanager:CreateSecret"
            || action == "secretsmanager:GetSecretValue" && !name.ends_with('?')
    };
    grants.retain(|g| !is_for_none(g) || !is_of(g, "REFRESH_TOKEN"));
    grants
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_changes_takes_what_is_documented_and_no_more() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let prefix = unique("rotating");
        connect(&(Arc::new(kind.store(port, &prefix)) as Store)).await;
        let judge = Judge::default();
        for field in ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"] {
            judge.made(&format!("{prefix}/{}", entry(CONNECTION, field)));
        }
        judge.grant(of_a_rotating_source(kind, &prefix));
        let proxy = Proxy::start(port, judge.script()).await;
        let store = || Arc::new(kind.store(proxy.port, &prefix)) as Store;
        check_one_exchange((0..3).map(|_| store()).collect()).await;
        // The lock is given back behind the credential.
        until(|| judge.unused().is_empty()).await;
        assert!(judge.denied().is_empty(), "{:?}", judge.denied());
        // Another connection's entries are none of its, nor are removing, listing and the key.
        let store = kind.store(proxy.port, &prefix);
        let own = entry(CONNECTION, "REFRESH_TOKEN");
        for (what, done) in [
            ("read", store.read("PSEUDONYM_KEY").await.map(drop)),
            (
                "read",
                store.read(&entry("other", "CLIENT_ID")).await.map(drop),
            ),
            (
                "write",
                store
                    .write(&entry(CONNECTION, "CLIENT_ID"), Secret::new("x"))
                    .await,
            ),
            ("remove", store.remove(&own).await),
            ("list", store.connections().await.map(drop)),
        ] {
            let error = done.expect_err(what);
            assert!(error.to_string().contains("the role needs `"), "{error}");
        }
    }
}

/// Waits until it is so.
async fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it never was so");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Does what a row of the table of objects is about.
async fn use_objects(objects: &dyn Objects, operation: &str) -> Result<(), ObjectError> {
    match operation {
        "read" => {
            objects.facts("dir/a").await?;
            objects.read("dir/a").await.map(drop)
        }
        "write" => {
            let head = Head::default();
            write(objects, "dir/a", Put::Replace, b"small").await?;
            let parts = objects.write("dir/a", &head, Put::Replace, large(b'a', PART + 1));
            parts.await?;
            // A body that breaks off, whose parts are removed.
            let broken =
                stream::once(async { Err(ObjectError::Unavailable("broken off".to_owned())) });
            let broken = large(b'a', PART + 1).chain(broken);
            let error = objects.write("dir/a", &head, Put::Replace, Box::pin(broken));
            assert_eq!(error.await.unwrap_err().code(), "objects-unavailable");
            Ok(())
        }
        "remove" => objects.remove("dir/a").await,
        "list" => objects.list("dir/", None).await.map(drop),
        other => panic!("a row of the table that no test is for: {other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_objects_is_enough_and_needed() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    write(&open(port, &name), "dir/a", Put::Replace, b"x")
        .await
        .unwrap();
    let rows = rows("Objects in S3");
    assert_eq!(rows.len(), 4);
    let judge = Judge::default();
    let proxy = Proxy::start(port, judge.script()).await;
    let objects = open(proxy.port, &name);
    for (operation, actions) in &rows {
        let on = match operation.as_str() {
            "list" => format!("arn:aws:s3:::{name}"),
            _ => format!("arn:aws:s3:::{name}/dir/a"),
        };
        let grants: Vec<_> = actions.iter().map(|a| (a.clone(), on.clone())).collect();
        assert!(!grants.is_empty());
        for missing in &grants {
            let mut fewer = grants.clone();
            fewer.retain(|grant| grant != missing);
            judge.grant(fewer);
            let done = use_objects(&objects, operation).await;
            // What was begun and can't be removed is told to the log, behind the writer's back.
            until(|| judge.denied().first() == Some(missing)).await;
            let told = || match &done {
                Err(error) => error.to_string(),
                Ok(()) => logs(),
            };
            until(|| told().contains(&format!("`{}`", missing.0))).await;
        }
        judge.grant(grants);
        use_objects(&objects, operation).await.unwrap();
        until(|| judge.unused().is_empty()).await;
        assert!(judge.denied().is_empty(), "{:?}", judge.denied());
        assert_eq!(judge.unused(), [], "{operation}");
    }
    // The condition of the list's row holds: it is always of one prefix.
    let lists = proxy
        .calls()
        .into_iter()
        .filter(|c| c.operation == "ListObjectsV2");
    let targets: Vec<_> = lists.map(|c| c.target).collect();
    assert!(
        targets.iter().all(|t| t.contains("prefix=dir%2F")),
        "{targets:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_queues_is_enough_and_needed() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    let on = format!(
        "arn:aws:sqs:eu-central-1:123456789012:{}",
        url.rsplit('/').next().unwrap()
    );
    let rows = rows("Queues in SQS");
    assert_eq!(rows.len(), 2);
    let judge = Judge::default();
    let proxy = Proxy::start(port, judge.script()).await;
    let queue = open_queue(proxy.port, &url);
    let (hold, wait) = (Duration::from_mins(1), Duration::from_secs(5));
    let use_queue = async |operation: &str| -> Result<(), QueueError> {
        let message = Message {
            body: "a".to_owned(),
            ..Message::default()
        };
        if operation == "send" {
            return queue.send(vec![message]).await;
        }
        assert_eq!(operation, "receive, done, hold");
        open_queue(port, &url).send(vec![message]).await.unwrap();
        let received = queue.receive(1, wait, hold).await?;
        queue.hold(&received[0].receipt, hold).await?;
        queue.done(&received[0].receipt).await
    };
    for (operation, actions) in &rows {
        let grants: Vec<_> = actions.iter().map(|a| (a.clone(), on.clone())).collect();
        assert!(!grants.is_empty());
        for missing in &grants {
            let mut fewer = grants.clone();
            fewer.retain(|grant| grant != missing);
            judge.grant(fewer);
            let error = use_queue(operation).await.unwrap_err();
            let said = error.to_string();
            assert_eq!(error.code(), "queue-denied", "{said}");
            assert!(
                said.contains(&format!("`{}` on `{url}`", missing.0)),
                "{said}"
            );
        }
        judge.grant(grants);
        use_queue(operation).await.unwrap();
        assert!(judge.denied().is_empty(), "{:?}", judge.denied());
        assert_eq!(judge.unused(), [], "{operation}");
    }
}
