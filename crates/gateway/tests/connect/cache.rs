//! When an exchange is made, and when none is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushgate_gateway::connect::{Connector, Credential};
use hushgate_gateway::lacking::Lack;
use hushgate_gateway::ports::{MemoryStore, Secret, SecretStore as _};
use hushgate_gateway::refusal::Refusal;

use crate::bench::{Bench, ZOOM, at_first, numbered};
use crate::server::{Action, json, reply, reply_with};
use crate::setup::{Setup, bearer};

/// A hundred callers at once; with a rejected credential they ask for its renewal.
async fn hundred(
    connector: &Connector,
    rejected: Option<&Credential>,
) -> Vec<Result<Credential, Refusal>> {
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (connector, rejected) = (connector.clone(), rejected.cloned());
        running.spawn(async move {
            match &rejected {
                Some(rejected) => connector.renew(None, rejected).await,
                None => connector.credential(None).await,
            }
        });
    }
    running.join_all().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_share_one_exchange() {
    let bench = Bench::zoom(|n| numbered(n).after(Duration::from_millis(100))).await;
    for result in hundred(&bench.connector, None).await {
        assert_eq!(bearer(&result.unwrap()), "Bearer t0");
    }
    let first = bench.connector.credential(None).await.unwrap();
    for result in hundred(&bench.connector, Some(&first)).await {
        assert_eq!(bearer(&result.unwrap()), "Bearer t1");
    }
    assert_eq!(bench.asked(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_share_one_failure() {
    let failure = reply("500 Oops", "text/plain", "").after(Duration::from_millis(100));
    let bench = Bench::zoom(move |_| failure.clone()).await;
    for result in hundred(&bench.connector, None).await {
        assert_eq!(result.unwrap_err().cause().code(), "source-unreachable");
    }
    // Callers that came after the failure may start one more, but never one each.
    assert!(bench.asked() <= 2, "{}", bench.asked());
}

#[tokio::test]
async fn renews_at_a_random_point_from_ten_to_one_minutes_before_the_end() {
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let bench = Bench::zoom(numbered).await;
        bench.token().await;
        bench.later(3600 - 601);
        assert_eq!(bench.token().await, "t0");
        let mut minutes = 0;
        while bench.asked() == 1 {
            bench.later(60);
            bench.token().await;
            minutes += 1;
            assert!(minutes <= 10, "not renewed one minute before the end");
        }
        assert_eq!(bench.token().await, "t1");
        seen.insert(minutes);
    }
    assert!(seen.len() >= 3, "{seen:?}");
}

#[tokio::test]
async fn keeps_the_living_token_when_an_early_renewal_fails() {
    let bench = Bench::zoom(|n| match n {
        0 => numbered(0),
        _ => reply("503 Busy", "text/plain", ""),
    })
    .await;
    bench.token().await;
    bench.later(3600 - 50);
    for _ in 0..10 {
        assert_eq!(bench.token().await, "t0");
    }
    assert_eq!(bench.asked(), 2, "a failed early renewal pauses");
    bench.later(31);
    assert_eq!(bench.token().await, "t0");
    assert_eq!(bench.asked(), 3);
    bench.later(30);
    assert_eq!(bench.refused().await.cause().code(), "source-unreachable");
}

#[tokio::test]
async fn a_slow_early_renewal_does_not_hold_up_calls() {
    let script = |n| if n == 0 { numbered(0) } else { Action::Silence };
    let bench = Bench::shipped("zoom", ZOOM, script, |setup| {
        setup.read_timeout = Duration::from_secs(10);
    })
    .await;
    bench.token().await;
    bench.later(3600 - 50);
    let begun = Instant::now();
    assert_eq!(bench.token().await, "t0");
    assert_eq!(bench.token().await, "t0");
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(bench.asked(), 2);
}

/// The lifetime in the answer, how long the first token is used at least, and after how many further
/// seconds it no longer is.
#[tokio::test]
async fn a_token_is_used_for_the_lifetime_that_the_answer_or_the_declaration_gives() {
    for (member, used, renewed) in [("", 2999, 601), (r#","expires_in":60"#, 29, 17)] {
        let bench = Bench::zoom(move |n| json(&format!(r#"{{"access_token":"t{n}"{member}}}"#)));
        let bench = bench.await;
        bench.token().await;
        bench.later(used);
        bench.token().await;
        assert_eq!(bench.asked(), 1, "{member}");
        bench.later(renewed);
        assert_eq!(bench.token().await, "t1", "{member}");
    }
}

#[tokio::test]
async fn a_refused_credential_is_not_hammered() {
    let refusal = reply(
        "401 No",
        "application/json",
        r#"{"error":"invalid_client"}"#,
    );
    let bench = Bench::zoom(at_first(3, refusal)).await;
    let mut codes = Vec::new();
    for _ in 0..50 {
        let refused = bench.refused().await;
        assert_eq!(refused.cause().code(), "credential-rejected");
        codes.push(refused.detail().split(':').next().unwrap().to_owned());
    }
    assert_eq!(codes[0], "connect-rejected");
    assert!(codes[1..].iter().all(|c| c == "connect-cooling-down"));
    assert_eq!(bench.asked(), 1);
    // The pause doubles.
    for (pause, requests) in [(14, 1), (2, 2), (28, 2), (3, 3), (57, 3)] {
        bench.later(pause);
        bench.refused().await;
        assert_eq!(bench.asked(), requests, "after {pause} more seconds");
    }
    bench.later(4);
    assert_eq!(bench.token().await, "t3");
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_five_minutes() {
    let slow = reply_with("429 Slow", "retry-after: 86400\r\n", "");
    let bench = Bench::zoom(at_first(1, slow)).await;
    bench.refused().await;
    bench.later(299);
    assert_eq!(bench.refused().await.cause().code(), "source-unreachable");
    assert_eq!(bench.asked(), 1);
    bench.later(2);
    assert_eq!(bench.token().await, "t1");
}

#[tokio::test]
async fn renewals_forced_by_the_api_are_few() {
    let bench = Bench::zoom(numbered).await;
    let mut credential = bench.connector.credential(None).await.unwrap();
    for _ in 0..3 {
        credential = bench.connector.renew(None, &credential).await.unwrap();
    }
    for _ in 0..20 {
        let refused = bench.connector.renew(None, &credential).await.unwrap_err();
        assert_eq!(refused.cause().code(), "credential-rejected");
        assert!(refused.detail().starts_with("connect-refused-when-fresh"));
    }
    assert_eq!(bench.asked(), 4);
    bench.later(61);
    assert!(bench.connector.renew(None, &credential).await.is_ok());
}

#[tokio::test]
async fn a_static_credential_is_read_again_after_a_refusal() {
    let store = Arc::new(MemoryStore::new([("ACCESS_TOKEN", "old")]));
    let mut setup = Setup::shipped("slack-discovery-api", "http://127.0.0.1:9", &[]);
    setup.store = store.clone();
    let connector = setup.connector();
    let old = connector.credential(None).await.unwrap();
    assert_eq!(bearer(&old), "Bearer old");
    let refused = connector.renew(None, &old).await.unwrap_err();
    assert!(refused.detail().starts_with("connect-refused-when-fresh"));
    store
        .write("ACCESS_TOKEN", Secret::new("new"))
        .await
        .unwrap();
    let renewed = connector.renew(None, &old).await.unwrap();
    let next = connector.credential(None).await.unwrap();
    assert_eq!([bearer(&renewed), bearer(&next)], ["Bearer new"; 2]);
}

#[tokio::test]
async fn the_health_check_learns_which_secrets_are_missing() {
    let (blank, federated) = (
        [("CLIENT_ID", "i"), ("ACCOUNT_ID", " ")],
        [("TENANT_ID", "t"), ("CLIENT_ID", "c")],
    );
    let mut zoom = Setup::shipped("zoom", "http://127.0.0.1:9", &blank);
    zoom.settings = &[];
    let mut outlook = Setup::shipped("outlook-cal", "http://127.0.0.1:9", &[]);
    outlook.settings = &federated;
    for (setup, missing) in [
        (zoom, vec!["CLIENT_SECRET", "ACCOUNT_ID"]),
        (outlook, vec![]),
    ] {
        let lacking = setup.connector().lacking_secrets().await;
        assert!(lacking.iter().all(|l| l.why == Lack::Missing));
        let names: Vec<_> = lacking.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(names, missing);
    }
}
