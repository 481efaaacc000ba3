//! When an exchange is made, and when none is.

use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::{Connector, Credential};
use hushgate_gateway::refusal::Refusal;

use crate::server::{Action, Server, json, reply, reply_with};
use crate::setup::{Setup, TestClock, bearer};

const SECRETS: &[(&str, &str)] = &[
    ("CLIENT_ID", "i"),
    ("CLIENT_SECRET", "s"),
    ("ACCOUNT_ID", "a"),
];

fn numbered(number: usize) -> Action {
    json(&format!(
        r#"{{"access_token":"t{number}","expires_in":3600}}"#
    ))
}

fn zoom(server: &Server) -> (Connector, Arc<TestClock>) {
    let setup = Setup::shipped("zoom", &server.origin, SECRETS);
    let clock = Arc::clone(&setup.clock);
    (setup.connector(), clock)
}

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
    let server = Server::start(|n| match numbered(n) {
        Action::Reply(bytes) => Action::After(Duration::from_millis(100), bytes),
        other => other,
    })
    .await;
    let (connector, _) = zoom(&server);
    for result in hundred(&connector, None).await {
        assert_eq!(bearer(&result.unwrap()), "Bearer t0");
    }
    let first = connector.credential(None).await.unwrap();
    for result in hundred(&connector, Some(&first)).await {
        assert_eq!(bearer(&result.unwrap()), "Bearer t1");
    }
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_callers_share_one_failure() {
    let server = Server::start(|_| {
        Action::After(
            Duration::from_millis(100),
            b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_vec(),
        )
    })
    .await;
    let (connector, _) = zoom(&server);
    for result in hundred(&connector, None).await {
        assert_eq!(result.unwrap_err().cause().code(), "source-unreachable");
    }
    // Callers that came after the failure may start one more, but never one each.
    assert!(server.requests().len() <= 2, "{}", server.requests().len());
}

#[tokio::test]
async fn renews_at_a_random_point_from_ten_to_one_minutes_before_the_end() {
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let server = Server::start(numbered).await;
        let (connector, clock) = zoom(&server);
        connector.credential(None).await.unwrap();
        clock.advance(Duration::from_secs(3600 - 601));
        assert_eq!(
            bearer(&connector.credential(None).await.unwrap()),
            "Bearer t0"
        );
        let mut minutes = 0;
        while server.requests().len() == 1 {
            clock.advance(Duration::from_mins(1));
            connector.credential(None).await.unwrap();
            minutes += 1;
            assert!(minutes <= 10, "not renewed one minute before the end");
        }
        assert_eq!(
            bearer(&connector.credential(None).await.unwrap()),
            "Bearer t1"
        );
        seen.insert(minutes);
    }
    assert!(seen.len() >= 3, "{seen:?}");
}

#[tokio::test]
async fn keeps_the_living_token_when_an_early_renewal_fails() {
    let server = Server::start(|n| {
        if n == 0 {
            numbered(0)
        } else {
            reply("503 Busy", "text/plain", "")
        }
    })
    .await;
    let (connector, clock) = zoom(&server);
    connector.credential(None).await.unwrap();
    clock.advance(Duration::from_secs(3600 - 50));
    for _ in 0..10 {
        assert_eq!(
            bearer(&connector.credential(None).await.unwrap()),
            "Bearer t0"
        );
    }
    assert_eq!(server.requests().len(), 2, "a failed early renewal pauses");
    clock.advance(Duration::from_secs(31));
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer t0"
    );
    assert_eq!(server.requests().len(), 3);
    clock.advance(Duration::from_secs(30));
    assert_eq!(
        connector.credential(None).await.unwrap_err().cause().code(),
        "source-unreachable"
    );
}

#[tokio::test]
async fn a_slow_early_renewal_does_not_hold_up_calls() {
    let server = Server::start(|n| if n == 0 { numbered(0) } else { Action::Silence }).await;
    let mut setup = Setup::shipped("zoom", &server.origin, SECRETS);
    setup.read_timeout = Duration::from_secs(10);
    let clock = Arc::clone(&setup.clock);
    let connector = setup.connector();
    connector.credential(None).await.unwrap();
    clock.advance(Duration::from_secs(3600 - 50));
    let begun = std::time::Instant::now();
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer t0"
    );
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer t0"
    );
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_missing_lifetime_is_the_declared_one() {
    let server = Server::start(|n| json(&format!(r#"{{"access_token":"t{n}"}}"#))).await;
    let (connector, clock) = zoom(&server);
    connector.credential(None).await.unwrap();
    clock.advance(Duration::from_secs(2999));
    connector.credential(None).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    clock.advance(Duration::from_secs(601));
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer t1"
    );
}

#[tokio::test]
async fn a_short_lived_token_is_used_for_half_its_life() {
    let server =
        Server::start(|n| json(&format!(r#"{{"access_token":"t{n}","expires_in":60}}"#))).await;
    let (connector, clock) = zoom(&server);
    connector.credential(None).await.unwrap();
    clock.advance(Duration::from_secs(29));
    connector.credential(None).await.unwrap();
    assert_eq!(server.requests().len(), 1);
    clock.advance(Duration::from_secs(17));
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer t1"
    );
}

#[tokio::test]
async fn a_refused_credential_is_not_hammered() {
    let server = Server::start(|n| {
        if n < 3 {
            reply(
                "401 No",
                "application/json",
                r#"{"error":"invalid_client"}"#,
            )
        } else {
            numbered(n)
        }
    })
    .await;
    let (connector, clock) = zoom(&server);
    let mut codes = Vec::new();
    for _ in 0..50 {
        let refused = connector.credential(None).await.unwrap_err();
        assert_eq!(refused.cause().code(), "credential-rejected");
        codes.push(refused.detail().split(':').next().unwrap().to_owned());
    }
    assert_eq!(codes[0], "connect-rejected");
    assert!(codes[1..].iter().all(|c| c == "connect-cooling-down"));
    assert_eq!(server.requests().len(), 1);
    // The pause doubles.
    for (pause, requests) in [(14, 1), (2, 2), (28, 2), (3, 3), (57, 3)] {
        clock.advance(Duration::from_secs(pause));
        assert!(connector.credential(None).await.is_err());
        assert_eq!(
            server.requests().len(),
            requests,
            "after {pause} more seconds"
        );
    }
    clock.advance(Duration::from_secs(4));
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer t3"
    );
}

#[tokio::test]
async fn retry_after_is_honoured_up_to_five_minutes() {
    let server = Server::start(|n| {
        if n == 0 {
            reply_with("429 Slow", "retry-after: 86400\r\n", "")
        } else {
            numbered(n)
        }
    })
    .await;
    let (connector, clock) = zoom(&server);
    assert!(connector.credential(None).await.is_err());
    clock.advance(Duration::from_secs(299));
    assert_eq!(
        connector.credential(None).await.unwrap_err().cause().code(),
        "source-unreachable"
    );
    assert_eq!(server.requests().len(), 1);
    clock.advance(Duration::from_secs(2));
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer t1"
    );
}

#[tokio::test]
async fn renewals_forced_by_the_api_are_few() {
    let server = Server::start(numbered).await;
    let (connector, clock) = zoom(&server);
    let mut credential = connector.credential(None).await.unwrap();
    for _ in 0..3 {
        credential = connector.renew(None, &credential).await.unwrap();
    }
    for _ in 0..20 {
        let refused = connector.renew(None, &credential).await.unwrap_err();
        assert_eq!(refused.cause().code(), "credential-rejected");
        assert!(refused.detail().starts_with("connect-refused-when-fresh"));
    }
    assert_eq!(server.requests().len(), 4);
    clock.advance(Duration::from_secs(61));
    assert!(connector.renew(None, &credential).await.is_ok());
}

#[tokio::test]
async fn a_static_credential_is_read_again_after_a_refusal() {
    use hushgate_gateway::ports::{MemoryStore, Secret, SecretStore as _};
    let store = Arc::new(MemoryStore::new([("ACCESS_TOKEN", "old")]));
    let mut setup = Setup::shipped("slack-discovery-api", "http://127.0.0.1:9", &[]);
    setup.store = store.clone();
    let connector = setup.connector();
    let old = connector.credential(None).await.unwrap();
    assert_eq!(bearer(&old), "Bearer old");
    assert!(
        connector
            .renew(None, &old)
            .await
            .unwrap_err()
            .detail()
            .starts_with("connect-refused-when-fresh")
    );
    store
        .write("ACCESS_TOKEN", Secret::new("new"))
        .await
        .unwrap();
    assert_eq!(
        bearer(&connector.renew(None, &old).await.unwrap()),
        "Bearer new"
    );
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer new"
    );
}

#[tokio::test]
async fn the_health_check_learns_which_secrets_are_missing() {
    let setup = Setup::shipped(
        "zoom",
        "http://127.0.0.1:9",
        &[("CLIENT_ID", "i"), ("ACCOUNT_ID", " ")],
    );
    assert_eq!(
        setup.connector().missing_secrets().await.unwrap(),
        ["CLIENT_SECRET", "ACCOUNT_ID"]
    );
    let mut setup = Setup::shipped("outlook-cal", "http://127.0.0.1:9", &[]);
    setup.settings = &[("TENANT_ID", "t"), ("CLIENT_ID", "c")];
    assert!(
        setup
            .connector()
            .missing_secrets()
            .await
            .unwrap()
            .is_empty()
    );
}
