//! Who may call, and what callers learn before they are known.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use crate::issuer::{token, token_with};
use crate::support::{Bench, check_refusal, get, header_of, json_of, request, text_of};
use crate::upstream::{Upstream, json};

async fn source() -> Upstream {
    Upstream::answering(json(r#"{"users":[]}"#)).await
}

#[tokio::test]
async fn every_bad_token_gets_one_indistinguishable_answer() {
    let upstream = source().await;
    let gateway = Bench::default().before(&upstream);
    let bad = [
        token_with(|c| c["exp"] = json!(1)),
        token_with(|c| c["aud"] = json!("https://other.example.com")),
        token_with(|c| c["iss"] = json!("https://evil.example.org")),
        token_with(|c| c["sub"] = json!("nobody")),
        token_with(|c| {
            c.as_object_mut().unwrap().remove("exp");
        }),
        format!("{}x", token()),
        token().rsplit_once('.').unwrap().0.to_owned() + ".",
        "x".to_owned(),
        "a.b.c".to_owned(),
    ];
    let mut answers = Vec::new();
    for token in bad {
        let reply = get("/v1/users").token(&token).to(&gateway).await;
        check_refusal(&reply, "token-invalid");
        let mut headers = reply.headers().clone();
        headers.remove("x-hushgate-request-id").unwrap();
        let body = text_of(&reply);
        answers.push((reply.status(), headers, body));
    }
    assert!(
        answers.windows(2).all(|pair| pair[0] == pair[1]),
        "{answers:#?}"
    );
    assert_eq!(answers[0].0, StatusCode::UNAUTHORIZED);
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn without_a_token_nothing_is_told_but_that() {
    let upstream = source().await;
    let gateway = Bench::default().before(&upstream);
    // Each would be refused with another code if the caller were known.
    for bare in [
        get("/nowhere"),
        get("/v1/../x"),
        get("/v1/users").header("x-hushgate-target-path", "bad"),
        get("/v1/users").header("a_b", "1"),
        request("DELETE", "/v1/users"),
    ] {
        let reply = bare.without("authorization").to(&gateway).await;
        check_refusal(&reply, "token-missing");
        assert_eq!(header_of(&reply, "x-hushgate-rules"), None);
        assert_eq!(header_of(&reply, "x-hushgate-version"), None);
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn a_known_caller_learns_the_cause_and_the_rules_digest() {
    let upstream = source().await;
    let gateway = Bench::default().before(&upstream);
    let reply = get("/nowhere").to(&gateway).await;
    check_refusal(&reply, "endpoint-not-listed");
    assert_eq!(header_of(&reply, "x-hushgate-rules").unwrap().len(), 64);
    assert_eq!(
        header_of(&reply, "x-hushgate-version"),
        Some(env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn callers_without_access_and_from_elsewhere_are_refused() {
    let upstream = source().await;
    let gateway = Bench::default().before(&upstream);
    let stranger = token_with(|c| c["sub"] = json!("workload-2"));
    check_refusal(
        &get("/v1/users").token(&stranger).to(&gateway).await,
        "caller-not-allowed",
    );
    let far_away = token_with(|c| c["sub"] = json!("workload-3"));
    let reply = get("/v1/users")
        .token(&far_away)
        .header("x-forwarded-for", "198.51.100.7")
        .to(&gateway)
        .await;
    check_refusal(&reply, "address-not-allowed");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn an_issuer_that_is_down_is_told_as_such() {
    let upstream = source().await;
    let gateway = Bench {
        issuer_available: false,
        ..Bench::default()
    }
    .before(&upstream);
    check_refusal(&get("/v1/users").to(&gateway).await, "issuer-unavailable");
}

#[tokio::test]
async fn plain_http_in_front_is_refused_before_anything_else() {
    let gateway = Bench::default().before(&source().await);
    for value in ["http", "https,http", "HTTP", "", "ws"] {
        let reply = get("/v1/users")
            .header("x-forwarded-proto", value)
            .to(&gateway)
            .await;
        check_refusal(&reply, "https-required");
    }
    let reply = get("/v1/users")
        .header("x-forwarded-proto", "https")
        .header("x-forwarded-proto", "http")
        .to(&gateway)
        .await;
    check_refusal(&reply, "https-required");
    let reply = get("/v1/users")
        .header("x-forwarded-proto", "https")
        .to(&gateway)
        .await;
    assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
}

#[tokio::test]
async fn the_health_check_tells_strangers_only_that_the_process_runs() {
    let gateway = Bench {
        store: std::sync::Arc::new(hushgate_gateway::ports::MemoryStore::default()),
        ..Bench::default()
    }
    .before(&source().await);
    let bad = token_with(|c| c["exp"] = json!(1));
    for stranger in [
        get("/").without("authorization"),
        get("/").token(&bad),
        request("POST", "/x?y").without("authorization"),
    ] {
        let reply = stranger
            .header("x-hushgate-health-check", "")
            .to(&gateway)
            .await;
        assert_eq!(reply.status(), StatusCode::OK);
        assert_eq!(text_of(&reply), "{\"status\":\"up\"}\r\n");
    }
}

#[tokio::test]
async fn the_health_check_tells_callers_what_is_there_and_what_is_missing() {
    let upstream = source().await;
    let gateway = Bench::default().before(&upstream);
    let reply = get("/")
        .header("X-Hushgate-Health-Check", "1")
        .to(&gateway)
        .await;
    assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
    assert!(text_of(&reply).ends_with("}\r\n"));
    let health = json_of(&reply);
    assert_eq!(health["configuredSource"], "sample");
    assert_eq!(health["configuredHost"], "127.0.0.1");
    assert_eq!(health["callerIp"], "127.0.0.1");
    assert_eq!(health["nonDefaultSalt"], true);
    assert_eq!(health["missingConfigProperties"], json!([]));
    let names: Vec<&String> = health.as_object().unwrap().keys().collect();
    assert!(names.is_sorted());

    let empty = std::sync::Arc::new(hushgate_gateway::ports::MemoryStore::default());
    let gateway = Bench {
        store: empty,
        compat: true,
        timeout: Duration::from_secs(5),
        ..Bench::default()
    }
    .before(&upstream);
    let reply = get("/")
        .header("X-Psoxy-Health-Check", "1")
        .to(&gateway)
        .await;
    assert_eq!(reply.status(), StatusCode::PRECONDITION_FAILED);
    assert!(
        json_of(&reply)["missingConfigProperties"]
            .as_array()
            .unwrap()
            .contains(&json!("PSOXY_SALT"))
    );
    assert!(upstream.seen().is_empty());
}
