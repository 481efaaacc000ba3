//! Bodies that still arrive when the gateway has the head.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hushgate_gateway::refusal::{Cause, Refusal};

use crate::support::{Bench, Request, check_refusal, get, request};
use crate::upstream::{Upstream, json};

/// What comes of a request with this body, and whether the body was asked for.
async fn sent(request: Request, body: Result<Bytes, Refusal>) -> (String, bool) {
    let upstream = Upstream::answering(json("{}")).await;
    let gateway = Bench::default().before(&upstream);
    let asked = Arc::new(AtomicBool::new(false));
    let seen = asked.clone();
    let arriving = async move {
        seen.store(true, Ordering::Relaxed);
        body
    };
    let reply = gateway.handle_arriving(request.inbound(), arriving).await;
    let code = reply.headers().get("x-hushgate-error");
    let code = code.and_then(|code| code.to_str().ok()).unwrap_or_default();
    (code.to_owned(), asked.load(Ordering::Relaxed))
}

#[tokio::test]
async fn a_body_is_asked_for_only_of_a_verified_caller() {
    let body = || Ok(Bytes::from_static(b"{}"));
    let post = || request("POST", "/v1/users");
    let (code, asked) = sent(post().without("authorization"), body()).await;
    assert_eq!((code.as_str(), asked), ("token-missing", false));
    let (code, asked) = sent(post().token("a.b.c"), body()).await;
    assert_eq!((code.as_str(), asked), ("token-invalid", false));
    let plain = post().header("x-forwarded-proto", "http");
    assert_eq!(
        sent(plain, body()).await,
        ("https-required".to_owned(), false)
    );
    let health = post().header("x-hushgate-health-check", "1");
    assert!(!sent(health, body()).await.1);
    assert!(sent(post(), body()).await.1);
}

#[tokio::test]
async fn what_a_body_fails_with_is_the_answer() {
    let failed = || Err(Refusal::new(Cause::RequestTooLarge, "too much"));
    let (code, _) = sent(get("/v1/users"), failed()).await;
    assert_eq!(code, "request-too-large");
}

#[tokio::test]
async fn a_body_that_never_ends_is_the_callers_fault() {
    let gateway = Bench {
        timeout: Duration::from_millis(300),
        ..Bench::default()
    };
    let gateway = gateway.at("127.0.0.1:9");
    let inbound = get("/v1/users").inbound();
    let reply = gateway
        .handle_arriving(inbound, std::future::pending())
        .await;
    check_refusal(&reply, "request-invalid");
}
