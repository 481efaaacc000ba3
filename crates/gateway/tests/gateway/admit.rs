//! What reaches the source: nothing but what the rules list, with pseudonyms turned back in place.

use http::StatusCode;

use crate::support::{Bench, Request, check_refusal, get, pseudonym_of, request, text_of};
use crate::upstream::{Seen, Upstream, json};

async fn source() -> Upstream {
    Upstream::answering(json(r#"{"users":[],"count":1}"#)).await
}

/// Sends an admitted request and gives what the source saw.
async fn forwarded(request: Request) -> Seen {
    let upstream = source().await;
    let reply = request.to(&Bench::default().before(&upstream)).await;
    assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
    upstream.seen().pop().unwrap()
}

/// Sends a request that must be refused without a call to the source.
async fn refused(request: Request, code: &str) {
    let upstream = source().await;
    let reply = request.to(&Bench::default().before(&upstream)).await;
    check_refusal(&reply, code);
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn forwards_only_listed_headers_and_its_own() {
    let seen = forwarded(
        get("/v1/users")
            .header("x-plain", "a")
            .header("x-plain", "b")
            .header("x-secret-of-the-caller", "1")
            .header("cookie", "session=1")
            .header("x-forwarded-for", "203.0.113.9")
            .header("proxy-authorization", "Basic eA==")
            .header("accept-language", "de")
            .header("x-hushgate-target-query", "page=2"),
    )
    .await;
    assert_eq!(
        (seen.method.as_str(), seen.target.as_str()),
        ("GET", "/v1/users?page=2")
    );
    let mut names: Vec<String> = seen.headers.iter().map(|(n, _)| n.to_lowercase()).collect();
    names.sort();
    names.dedup();
    assert_eq!(
        names,
        [
            "accept",
            "accept-encoding",
            "authorization",
            "host",
            "user-agent",
            "x-plain"
        ]
    );
    let plain: Vec<&str> = seen
        .headers
        .iter()
        .filter(|(n, _)| n == "x-plain")
        .map(|(_, v)| v.as_str())
        .collect();
    assert_eq!(plain, ["a", "b"]);
    assert_eq!(seen.header("accept"), Some("application/json"));
    assert_eq!(
        seen.header("user-agent"),
        Some(concat!("hushgate/", env!("CARGO_PKG_VERSION")))
    );
}

#[tokio::test]
async fn reserved_headers_are_not_forwarded_even_where_rules_list_them() {
    let upstream = source().await;
    let bench = Bench {
        listed: Some(
            "Authorization, Cookie, Host, X-Forwarded-For, Proxy-Authorization, User-Agent",
        ),
        ..Bench::default()
    };
    get("/v1/users")
        .header("cookie", "session=1")
        .header("x-forwarded-for", "203.0.113.9")
        .header("proxy-authorization", "Basic eA==")
        .header("user-agent", "the caller's")
        .to(&bench.before(&upstream))
        .await;
    let seen = upstream.seen().pop().unwrap();
    for name in ["cookie", "x-forwarded-for", "proxy-authorization"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
    // It is the source's credential, not the caller's.
    assert!(!seen.header("authorization").unwrap().contains("eyJ"));
    assert!(seen.header("user-agent").unwrap().starts_with("hushgate/"));
}

/// What platforms tell their functions in headers, and what callers sign with.
const OF_PLATFORMS: &[(&str, &str)] = &[
    ("x-serverless-authorization", "Bearer of.the.caller"),
    ("x-amz-date", "20270115T080000Z"),
    ("x-amz-content-sha256", "of-the-caller"),
    ("x-amz-security-token", "of-the-caller"),
    ("x-amz-cf-id", "of-the-caller"),
    ("x-amzn-trace-id", "Root=of-the-caller"),
    ("x-amzn-request-context", r#"{"a":"of-the-caller"}"#),
    ("x-amzn-lambda-context", r#"{"a":"of-the-caller"}"#),
    ("x-amzn-oidc-identity", "of-the-caller"),
    ("x-goog-iap-jwt-assertion", "of.the.caller"),
    ("x-goog-authenticated-user-email", "of-the-caller"),
    ("x-goog-api-key", "of-the-caller"),
    ("x-goog-user-project", "of-the-caller"),
    ("x-goog-encode-response-if-executable", "base64"),
    ("x-cloud-trace-context", "of-the-caller/1;o=1"),
];

#[tokio::test]
async fn what_is_between_a_caller_and_a_platform_is_not_the_source_s() {
    let names: Vec<&str> = OF_PLATFORMS.iter().map(|(name, _)| *name).collect();
    // As rules list them, and in other letters.
    for listed in [
        "x-other".to_owned(),
        names.join(", "),
        names.join(", ").to_uppercase(),
    ] {
        let upstream = source().await;
        let bench = Bench {
            listed: Some(listed.clone().leak()),
            ..Bench::default()
        };
        let gateway = bench.before(&upstream);
        let mut request = get("/v1/users").header("x-plain", "a");
        for (name, value) in OF_PLATFORMS {
            request = request.header(name, value);
        }
        let reply = request.to(&gateway).await;
        assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
        // Where the platform takes `Authorization`, the caller's own token is in the other header.
        let token = get("/v1/users").bearer();
        let reply = get("/v1/users")
            .without("authorization")
            .header("x-serverless-authorization", &token)
            .header("x-plain", "a")
            .to(&gateway)
            .await;
        assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
        let seen = upstream.seen();
        assert_eq!(seen.len(), 2);
        for seen in seen {
            assert_eq!(seen.header("x-plain"), Some("a"), "the control");
            for (name, value) in &seen.headers {
                let ours = OF_PLATFORMS
                    .iter()
                    .any(|(n, _)| name.eq_ignore_ascii_case(n));
                assert!(!ours, "{name} was forwarded ({listed})");
                for hidden in ["of-the-caller", "of.the.caller", "Root=", &token] {
                    assert!(!value.contains(hidden), "{name}: {value}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_listed_accept_header_replaces_the_usual_one() {
    let seen = forwarded(get("/v1/users").header("accept", "application/vnd.sample+json")).await;
    assert_eq!(seen.header("accept"), Some("application/vnd.sample+json"));
}

#[tokio::test]
async fn turns_pseudonyms_back_in_declared_places_only() {
    let token = pseudonym_of("ada@example.com", false);
    let seen = forwarded(get(&format!("/v1/users/{token}/items?page=1"))).await;
    assert_eq!(seen.target, "/v1/users/ada@example.com/items?page=1");
    let seen = forwarded(get(&format!("/v1/users?user={token}"))).await;
    assert_eq!(seen.target, "/v1/users?user=ada@example.com");
    let seen = forwarded(get("/v1/users").header("x-acting-user", &token)).await;
    assert_eq!(seen.header("x-acting-user"), Some("ada@example.com"));
    let seen = forwarded(request("POST", "/v1/search").body(
        "application/json",
        &format!(r#"{{"user": "{token}", "limit": 5}}"#),
    ))
    .await;
    assert_eq!(seen.body, r#"{"user":"ada@example.com","limit":5}"#);
    assert_eq!(seen.header("content-type"), Some("application/json"));
    let seen = forwarded(request("POST", "/v1/search").body(
        "application/x-www-form-urlencoded",
        &format!("user={token}"),
    ))
    .await;
    assert_eq!(seen.body, "user=ada@example.com");
}

#[tokio::test]
async fn encodes_an_original_so_that_it_stays_in_its_component() {
    let hostile = "a/../b?c=d&e=f#g%2F @;";
    let token = pseudonym_of(hostile, false);
    let seen = forwarded(get(&format!("/v1/users?user={token}"))).await;
    assert_eq!(
        seen.target,
        "/v1/users?user=a%2F..%2Fb%3Fc%3Dd%26e%3Df%23g%252F%20@%3B"
    );
    refused(
        get(&format!("/v1/users/{token}/items")),
        "pseudonym-invalid",
    )
    .await;
    let line_break = pseudonym_of("a\r\nx-evil: 1", false);
    refused(
        get("/v1/users").header("x-acting-user", &line_break),
        "pseudonym-invalid",
    )
    .await;
}

#[tokio::test]
async fn forged_pseudonyms_are_refused_alike_everywhere() {
    let good = pseudonym_of("ada@example.com", false);
    let (head, domain) = good.split_once('@').unwrap();
    let mut flipped = head.to_owned();
    let last = if flipped.pop() == Some('A') { 'B' } else { 'A' };
    flipped.push(last);
    for bad in [
        format!("{flipped}@{domain}"),
        format!("{head}@evil.example.org"),
        format!("p~{}", "A".repeat(86)),
        format!("p~{}", "A".repeat(43)),
    ] {
        refused(get(&format!("/v1/users/{bad}/items")), "pseudonym-invalid").await;
        refused(get(&format!("/v1/users?user={bad}")), "pseudonym-invalid").await;
        refused(
            get("/v1/users").header("x-acting-user", &bad),
            "pseudonym-invalid",
        )
        .await;
        refused(
            request("POST", "/v1/search")
                .body("application/json", &format!(r#"{{"user":"{bad}"}}"#)),
            "pseudonym-invalid",
        )
        .await;
    }
}

#[tokio::test]
async fn whatever_may_stand_in_a_query_reaches_the_source_as_it_was_written() {
    // All that RFC 3986 lets stand in a query but `&` and `;`, which separate parameters.
    for (written, sent) in [
        ("page=-._~!$()*+,:@/?=", "page=-._~!$()*+,:@/?="),
        (
            "page=%2f%2F%41%00%0a%C3%BC%c3%bc",
            "page=%2f%2F%41%00%0a%C3%BC%c3%bc",
        ),
        ("page=2&page=&page=1&page", "page=2&page=&page=1&page"),
        // The one that no URL can have as it is.
        (
            "page=start'2026-03-01'&page=%27",
            "page=start%272026-03-01%27&page=%27",
        ),
    ] {
        let upstream = source().await;
        let reply = get(&format!("/v1/users?{written}"));
        let reply = reply.to(&Bench::default().before(&upstream)).await;
        assert_eq!(reply.status(), 200, "{written}: {}", text_of(&reply));
        let targets: Vec<_> = upstream
            .seen()
            .into_iter()
            .map(|seen| seen.target)
            .collect();
        assert_eq!(targets, [format!("/v1/users?{sent}")]);
    }
}

#[tokio::test]
async fn hostile_paths_never_reach_the_source() {
    for path in [
        "/v1/./users",
        "/v1/../v1/users",
        "/v1/%2e%2e/users",
        "/v1/%2E/users",
        "//v1/users",
        "/v1//users",
        "/v1/users/",
        "/v1/users;x=1",
        "/v1%2Fusers",
        "/v1/users%00",
        "/v1/users%0d%0ax: y",
        "/v1\\users",
        "/v1/us%zzers",
        "/v1/users%",
        "/v1/%c3%28",
        "/v1/users%252F..",
        "http://evil.example.com/",
        "v1/users",
        "",
        "*",
        "/v1/users/ada%40example.com/items",
        "/v1/users/a/b/items",
    ] {
        let upstream = source().await;
        let reply = get(path).to(&Bench::default().before(&upstream)).await;
        assert!(
            reply.status().is_client_error(),
            "{path}: {}",
            reply.status()
        );
        assert!(upstream.seen().is_empty(), "{path}");
        let reply = get("/v1/users")
            .header("x-hushgate-target-path", path)
            .to(&Bench::default().before(&upstream))
            .await;
        assert!(
            reply.status().is_client_error() && upstream.seen().is_empty(),
            "{path} as target"
        );
    }
}

#[tokio::test]
async fn each_miss_has_its_cause() {
    refused(get("/v1/nothing"), "endpoint-not-listed").await;
    refused(request("DELETE", "/v1/users"), "method-not-listed").await;
    refused(request("X", "/v1/users"), "method-not-listed").await;
    refused(get("/v1/users?secret=1"), "parameter-not-listed").await;
    refused(get("/v1/users?status=all"), "parameter-not-listed").await;
    refused(
        get("/v1/users?status=active&status=all"),
        "parameter-not-listed",
    )
    .await;
    refused(
        get("/v1/users?user=ada@example.com"),
        "parameter-not-listed",
    )
    .await;
    refused(get("/v1/%2e%2e/users"), "path-not-normal").await;
    let search = || request("POST", "/v1/search");
    refused(search(), "body-not-listed").await;
    refused(
        search().body("application/json", r#"{"other":1}"#),
        "body-not-listed",
    )
    .await;
    refused(search().body("application/json", "{"), "body-not-listed").await;
    refused(search().body("text/plain", "x"), "body-not-listed").await;
    refused(
        search().body("application/json; charset=utf-16", "{}"),
        "request-invalid",
    )
    .await;
    refused(
        search()
            .body("application/json", "{}")
            .header("content-encoding", "gzip"),
        "request-invalid",
    )
    .await;
    refused(
        search()
            .body("application/json", "{}")
            .header("content-type", "text/plain"),
        "request-invalid",
    )
    .await;
    refused(
        get("/v1/users").body("application/json", "{}"),
        "request-invalid",
    )
    .await;
}

#[tokio::test]
async fn header_twins_and_control_headers_are_checked() {
    for name in [
        "x_plain",
        "x-hushgate_target-path",
        "authorization_",
        "x_forwarded_for",
        "content_length",
    ] {
        refused(get("/v1/users").header(name, "1"), "request-invalid").await;
    }
    refused(
        get("/v1/users").header("x-hushgate-skip-sanitizer", "true"),
        "request-invalid",
    )
    .await;
    refused(
        get("/v1/users").header("x-psoxy-targetpath", "/v1/users"),
        "request-invalid",
    )
    .await;
    refused(
        get("/v1/users").header("x-hushgate-target-path", "/nowhere"),
        "endpoint-not-listed",
    )
    .await;
    let seen = forwarded(
        get("/anything?x=1")
            .header("x-hushgate-target-path", "/v1/users")
            .header("x-hushgate-target-query", ""),
    )
    .await;
    assert_eq!(seen.target, "/v1/users");
}
