//! What leads to a refusal, case by case; that every cause is met at all is in `causes`.

use std::time::Duration;

use hushgate_cli::sample::Issuer;
use reqwest::Method;

use crate::support::World;
use crate::support::canned::{JSON, source_that_answers};
use crate::support::world::{AUDIENCE, SUBJECT, json, policy};

async fn code_of(response: reqwest::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = response.text().await.expect("a body");
    let value: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
    let error = &value["error"];
    for member in ["code", "message", "next", "request_id"] {
        assert!(error[member].is_string(), "`{member}` is missing: {body}");
    }
    (status, error["code"].as_str().expect("a code").to_owned())
}

#[tokio::test]
async fn calls_that_the_rules_do_not_list() {
    let world = World::start().await;
    let cases = [
        (Method::GET, "/not/listed", 403, "endpoint-not-listed"),
        (Method::DELETE, "/v2/users", 403, "method-not-listed"),
        (Method::GET, "/v2/users?x=1", 403, "parameter-not-listed"),
        (Method::GET, "/v2//users", 400, "path-not-normal"),
    ];
    for (method, target, status, code) in cases {
        let response = world
            .request(method.clone(), target)
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            code_of(response).await,
            (status, code.to_owned()),
            "{method} {target}"
        );
    }
    assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
}

#[tokio::test]
async fn a_pseudonym_that_was_tampered_with() {
    let world = World::start().await;
    let users = json(world.get("/v2/users?status=active&page_size=30").await).await;
    let id = users["users"][0]["id"].as_str().expect("an id");
    let flipped: String = {
        let mut characters: Vec<char> = id.chars().collect();
        characters[60] = if characters[60] == 'A' { 'B' } else { 'A' };
        characters.into_iter().collect()
    };
    let response = world.get(&format!("/v2/users/{flipped}/meetings")).await;
    assert_eq!(
        code_of(response).await,
        (409, "pseudonym-invalid".to_owned())
    );
}

#[tokio::test]
async fn every_kind_of_bad_token_looks_the_same() {
    let world = World::start().await;
    let other = Issuer::start().await.expect("another issuer");
    let issue = |subject: &str, audience: &str, lifetime| {
        world
            .issuer
            .token(subject, audience, Duration::from_secs(lifetime))
            .expect("a token")
    };
    let good = world.token();
    let bad = [
        issue(SUBJECT, "https://other.example", 600),
        issue("other", AUDIENCE, 600),
        other
            .token(SUBJECT, AUDIENCE, Duration::from_mins(10))
            .expect("a token"),
        format!("{good}x"),
        good.replace('.', "_"),
        "x".to_owned(),
        "a.b.c".to_owned(),
        "x".repeat(20_000),
    ];
    let mut seen = Vec::new();
    for token in &bad {
        let response = world
            .client
            .get(format!("{}/v2/users", world.function.url()))
            .bearer_auth(token)
            .send()
            .await
            .expect("an answer");
        let mut headers: Vec<String> = response
            .headers()
            .iter()
            .filter(|(name, _)| *name != "date" && *name != "x-hushgate-request-id")
            .map(|(name, value)| format!("{name}: {value:?}"))
            .collect();
        headers.sort();
        let status = response.status();
        let body = response.text().await.expect("a body");
        let value: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let id = value["error"]["request_id"]
            .as_str()
            .unwrap_or("-")
            .to_owned();
        seen.push(format!("{status} {headers:?} {}", body.replace(&id, "ID")));
    }
    assert!(seen[0].starts_with("401"), "{}", seen[0]);
    assert!(seen.iter().all(|s| *s == seen[0]), "{seen:#?}");
}

#[tokio::test]
async fn callers_the_policy_does_not_let_in() {
    let issuer = Issuer::start().await.expect("an issuer");
    let token = issuer
        .token(SUBJECT, AUDIENCE, Duration::from_mins(10))
        .expect("a token");
    let usual = policy(&issuer.url(), "[zoom]");
    let cases = [
        (policy(&issuer.url(), "[gcal]"), 403, "caller-not-allowed"),
        (
            usual.replace("2099-12-31", "2020-01-01"),
            403,
            "caller-not-allowed",
        ),
        (
            format!("{usual}    ip_allow: [203.0.113.0/24]\n"),
            403,
            "address-not-allowed",
        ),
    ];
    for (policy, status, code) in cases {
        let world = World::with(&[("HUSHGATE_ACCESS", &policy)]).await;
        let request = world
            .client
            .get(format!("{}/v2/users", world.function.url()));
        let response = request.bearer_auth(&token).send().await.expect("an answer");
        assert_eq!(code_of(response).await, (status, code.to_owned()));
    }
}

/// Status, headers and body of the source's answer; status and code of ours.
type Case = (
    u16,
    &'static [(&'static str, &'static str)],
    &'static [u8],
    u16,
    &'static str,
);

#[tokio::test]
async fn answers_of_the_source_that_can_not_be_passed_on() {
    let person = b"<html>Quentin Hollis quentin.hollis@example.com</html>";
    let broken = b"{\"users\":[{\"email\":\"quentin.hollis@example.com\"";
    let cases: [Case; 9] = [
        (
            200,
            &[("content-type", "text/html")],
            person,
            502,
            "content-type-refused",
        ),
        (200, &[], person, 502, "content-type-refused"),
        (200, &[JSON], person, 502, "not-sanitizable"),
        (200, &[JSON], broken, 502, "not-sanitizable"),
        (
            404,
            &[JSON],
            b"{\"message\":\"Quentin Hollis\"}",
            404,
            "source-error",
        ),
        (
            429,
            &[JSON, ("retry-after", "7")],
            b"{}",
            429,
            "source-error",
        ),
        (
            500,
            &[JSON],
            b"{\"message\":\"Quentin Hollis\"}",
            500,
            "source-error",
        ),
        (
            302,
            &[("location", "http://127.0.0.2:1/x")],
            b"",
            502,
            "redirect-refused",
        ),
        (
            200,
            &[JSON, ("content-encoding", "gzip")],
            b"no gzip at all",
            502,
            "source-interrupted",
        ),
    ];
    for (status, headers, body, expected, code) in cases {
        let source = source_that_answers(status, headers, body).await;
        let world = World::before(&source.address().to_string(), &[]).await;
        let response = world.get("/v2/users").await;
        if status == 429 {
            assert_eq!(response.headers()["retry-after"], "7");
        }
        assert_eq!(
            code_of(response).await,
            (expected, code.to_owned()),
            "for {status} {headers:?}"
        );
    }
}

#[tokio::test]
async fn answers_nested_deeper_than_configured() {
    for (deep, limit, expected) in [
        (20, "20", 200),
        (21, "20", 502),
        (256, "", 200),
        (257, "", 502),
    ] {
        // Two levels are the page and its list of users.
        let inner = format!("{}{}", "[".repeat(deep - 2), "]".repeat(deep - 2));
        let body = format!("{{\"users\":[{inner}]}}");
        let source = source_that_answers(200, &[JSON], body.leak().as_bytes()).await;
        let address = source.address().to_string();
        let world = World::before(&address, &[("HUSHGATE_MAX_RESPONSE_DEPTH", limit)]).await;
        let response = world.get("/v2/users").await;
        assert_eq!(response.status(), expected, "{deep} levels, limit {limit}");
        if expected != 200 {
            assert_eq!(code_of(response).await.1, "not-sanitizable");
        }
    }
}
