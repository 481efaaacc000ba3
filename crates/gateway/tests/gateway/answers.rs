//! What comes back: sanitized bodies, checked headers, nothing else.

use std::io::{Read as _, Write as _};

use http::StatusCode;

use crate::support::{
    Bench, check_refusal, get, header_of, json_of, pseudonym_of, request, text_of,
};
use crate::upstream::{Step, Upstream, answer, json};

const USERS: &str =
    r#"{"users":[{"id":"u-17","email":"ada@example.com","name":"Ada Lovelace"}],"next":"secret"}"#;

#[tokio::test]
async fn answers_with_pseudonyms_and_without_what_is_not_listed() {
    let gateway = Bench::default().before(&Upstream::answering(json(USERS)).await);
    let reply = get("/v1/users").to(&gateway).await;
    assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
    assert_eq!(header_of(&reply, "content-type"), Some("application/json"));
    let body = json_of(&reply);
    assert_eq!(body["users"][0]["id"], pseudonym_of("u-17", false));
    assert!(
        body["users"][0]["email"]
            .as_str()
            .unwrap()
            .starts_with("t~")
    );
    let text = text_of(&reply);
    assert!(
        !text.contains("Ada")
            && !text.contains("ada@")
            && !text.contains("u-17")
            && !text.contains("secret"),
        "{text}"
    );
}

#[tokio::test]
async fn compatibility_mode_adds_the_reference_s_headers() {
    let upstream = Upstream::answering(json(USERS)).await;
    let gateway = Bench {
        compat: true,
        ..Bench::default()
    }
    .before(&upstream);
    let reply = get("/x")
        .header("X-Psoxy-TargetPath", "/v1/users")
        .to(&gateway)
        .await;
    assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
    for name in [
        "x-psoxy-rules-sha",
        "x-psoxy-psoxy-version",
        "x-psoxy-pii-salt-sha256",
        "x-hushgate-rules",
    ] {
        assert!(header_of(&reply, name).is_some(), "{name}");
    }
    let reply = get("/nowhere").to(&gateway).await;
    assert_eq!(header_of(&reply, "x-psoxy-error"), Some("BLOCKED_BY_RULES"));
}

#[tokio::test]
async fn passes_checked_headers_only() {
    let headers = [
        ("content-type", "application/vnd.sample+json; charset=utf-8"),
        ("etag", "\"v1\""),
        ("cache-control", "private, max-age=5, user=ada"),
        ("x-ratelimit-remaining", "41"),
        ("x-quota-left", "7"),
        ("x-ratelimit-user", "ada@example.com"),
        ("set-cookie", "session=ada"),
        ("x-user", "ada"),
        ("server", "ada/1"),
        (
            "link",
            "<?page=2>; rel=\"next\", <https://evil.example.org/users?user=ada>; rel=\"prev\"",
        ),
    ];
    let gateway = Bench::default()
        .before(&Upstream::answering(answer(200, &headers, r#"{"users":[]}"#)).await);
    let reply = get("/v1/users?page=1").to(&gateway).await;
    assert_eq!(reply.status(), StatusCode::OK);
    assert_eq!(header_of(&reply, "content-type"), Some("application/json"));
    assert_eq!(header_of(&reply, "etag"), Some("\"v1\""));
    assert_eq!(
        header_of(&reply, "cache-control"),
        Some("private, max-age=5")
    );
    assert_eq!(header_of(&reply, "x-ratelimit-remaining"), Some("41"));
    assert_eq!(header_of(&reply, "x-quota-left"), Some("7"));
    assert_eq!(
        header_of(&reply, "link"),
        Some("</v1/users?page=2>; rel=\"next\"")
    );
    let mut headers = reply.headers().clone();
    headers.remove("x-hushgate-request-id");
    headers.remove("x-hushgate-rules");
    let all = format!("{headers:?}");
    assert!(!all.contains("ada") && !all.contains("evil"), "{all}");
}

#[tokio::test]
async fn errors_of_the_source_keep_their_status_and_lose_their_body() {
    for status in [400, 403, 404, 409, 418, 429, 500, 503] {
        let headers = [
            ("content-type", "application/json"),
            ("retry-after", "30"),
            ("x-error", "ada"),
        ];
        let upstream = Upstream::answering(answer(
            status,
            &headers,
            r#"{"message":"no such user ada@example.com"}"#,
        ))
        .await;
        let reply = get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await;
        assert_eq!(reply.status().as_u16(), status);
        check_refusal(&reply, "source-error");
        assert_eq!(header_of(&reply, "retry-after"), Some("30"));
        assert!(!text_of(&reply).contains("ada") && header_of(&reply, "x-error").is_none());
    }
}

#[tokio::test]
async fn a_refused_credential_is_renewed_once() {
    let upstream = Upstream::start(|seen| {
        let fresh = seen
            .header("authorization")
            .is_some_and(|v| v.ends_with("tok2"));
        vec![Step::Send(if fresh {
            json(r#"{"users":[]}"#)
        } else {
            answer(401, &[], "who are you")
        })]
    })
    .await;
    let reply = get("/v1/users")
        .to(&Bench::default().before(&upstream))
        .await;
    assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
    assert_eq!(upstream.seen().len(), 2);
    let upstream = Upstream::answering(answer(401, &[], "who is ada")).await;
    let reply = get("/v1/users")
        .to(&Bench::default().before(&upstream))
        .await;
    check_refusal(&reply, "credential-rejected");
    assert_eq!(upstream.seen().len(), 2);
}

#[tokio::test]
async fn bodies_that_can_t_be_sanitized_are_refused() {
    for (content_type, body, code) in [
        ("text/html", "<p>ada</p>", "content-type-refused"),
        ("application/octet-stream", "{}", "content-type-refused"),
        (
            "application/json; charset=utf-16",
            "{}",
            "content-type-refused",
        ),
        ("application/json", "<p>ada</p>", "not-sanitizable"),
        ("application/json", "{\"users\":", "not-sanitizable"),
        ("application/json", "{\"users\":[]} ada", "not-sanitizable"),
        (
            "application/json",
            "{\"users\":[\"\u{1}\"]}",
            "not-sanitizable",
        ),
    ] {
        let upstream =
            Upstream::answering(answer(200, &[("content-type", content_type)], body)).await;
        let reply = get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await;
        check_refusal(&reply, code);
        assert!(!text_of(&reply).contains("ada"));
    }
    let untyped = Upstream::answering(answer(200, &[], "{}")).await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&untyped))
            .await,
        "content-type-refused",
    );
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let upstream = Upstream::answering(json(&deep)).await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await,
        "not-sanitizable",
    );
}

#[tokio::test]
async fn empty_answers_stay_empty() {
    for bytes in [
        answer(204, &[], ""),
        answer(200, &[("content-type", "text/html")], ""),
        answer(304, &[("etag", "\"a\"")], ""),
    ] {
        let reply = get("/v1/users")
            .to(&Bench::default().before(&Upstream::answering(bytes).await))
            .await;
        assert!(reply.body().is_empty() && reply.headers().get("content-type").is_none());
        assert!(reply.status().as_u16() < 400, "{}", reply.status());
    }
    let head = Upstream::answering(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 99\r\nconnection: close\r\n\r\n".to_vec()).await;
    let reply = request("HEAD", "/v1/users")
        .to(&Bench::default().before(&head))
        .await;
    assert_eq!((reply.status(), reply.body().len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn several_json_values_come_back_one_a_line() {
    let body = "{\"users\":[]}\n{\"users\":[{\"email\":\"ada@example.com\"}]}\n";
    let upstream = Upstream::answering(answer(
        200,
        &[("content-type", "application/x-ndjson")],
        body,
    ))
    .await;
    let reply = get("/v1/users")
        .to(&Bench::default().before(&upstream))
        .await;
    assert_eq!(
        header_of(&reply, "content-type"),
        Some("application/x-ndjson")
    );
    assert_eq!(text_of(&reply).lines().count(), 2);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn decodes_what_the_source_compressed_and_bounds_what_comes_out() {
    let coded = |coding: &str, body: Vec<u8>| {
        answer(
            200,
            &[
                ("content-type", "application/json"),
                ("content-encoding", coding),
            ],
            body,
        )
    };
    let upstream = Upstream::answering(coded("gzip", gzip(USERS.as_bytes()))).await;
    let reply = get("/v1/users")
        .to(&Bench::default().before(&upstream))
        .await;
    assert_eq!(
        json_of(&reply)["users"][0]["id"],
        pseudonym_of("u-17", false)
    );
    let accepted = upstream.seen()[0]
        .header("accept-encoding")
        .unwrap()
        .to_owned();
    for coding in ["gzip", "br", "deflate", "zstd"] {
        assert!(accepted.contains(coding), "{accepted}");
    }
    let bomb = gzip(&vec![b' '; 8 << 20]);
    assert!(bomb.len() < 100_000);
    let upstream = Upstream::answering(coded("gzip", bomb)).await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await,
        "response-too-large",
    );
    for (coding, body) in [
        ("compress", b"x".to_vec()),
        ("gzip, gzip", gzip(&gzip(USERS.as_bytes()))),
    ] {
        let upstream = Upstream::answering(coded(coding, body)).await;
        check_refusal(
            &get("/v1/users")
                .to(&Bench::default().before(&upstream))
                .await,
            "content-type-refused",
        );
    }
    let mut cut = gzip(USERS.as_bytes());
    cut.truncate(cut.len() / 2);
    let upstream = Upstream::answering(coded("gzip", cut)).await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await,
        "source-interrupted",
    );
}

#[tokio::test]
async fn compresses_for_callers_that_take_it() {
    // The second is large enough to be treated on a thread of its own.
    for count in [500, 22_000] {
        let many = format!(
            r#"{{"users":[{}]}}"#,
            vec![r#"{"id":"u-17"}"#; count].join(",")
        );
        let upstream = Upstream::answering(json(&many)).await;
        let gateway = Bench::default().before(&upstream);
        let plain = get("/v1/users").to(&gateway).await;
        let packed = get("/v1/users")
            .header("accept-encoding", "br, gzip")
            .to(&gateway)
            .await;
        assert_eq!(json_of(&plain)["users"].as_array().unwrap().len(), count);
        assert_eq!(header_of(&packed, "content-encoding"), Some("gzip"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed.body()[..])
            .take(64 << 20)
            .read_to_string(&mut text)
            .unwrap();
        assert!(text == text_of(&plain));
    }
}

#[tokio::test]
async fn follows_redirects_within_the_endpoint_and_origin_only() {
    let redirects = |location: &'static str, status: u16| async move {
        let upstream = Upstream::start(move |seen| {
            vec![Step::Send(if seen.target == "/v1/users?page=2" {
                json(r#"{"users":[]}"#)
            } else {
                answer(status, &[("location", location)], "ada")
            })]
        })
        .await;
        let reply = get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await;
        (reply, upstream.seen())
    };
    for status in [301, 302, 303, 307, 308] {
        let (reply, seen) = redirects("/v1/users?page=2", status).await;
        assert_eq!(reply.status(), StatusCode::OK, "{}", text_of(&reply));
        assert!(seen.iter().all(|s| s.header("authorization").is_some()));
    }
    for location in [
        "https://evil.example.org/v1/users?page=2",
        "http://127.0.0.1:1/v1/users?page=2",
        "//evil.example.org/",
        "/v1/search",
        "/nowhere",
        "/v1/users?page=2&secret=1",
        "/v1/users/ada%40example.com/items",
        "\\\\evil.example.org\\x",
        "javascript:1",
        "http://u:p@127.0.0.1/v1/users?page=2",
        "/v1/users?page=1",
    ] {
        let (reply, seen) = redirects(location, 302).await;
        check_refusal(&reply, "redirect-refused");
        assert!(
            seen.len() <= 4 && !text_of(&reply).contains("ada"),
            "{location}"
        );
    }
    let upstream = Upstream::answering(answer(302, &[], "")).await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await,
        "redirect-refused",
    );
    let upstream = Upstream::answering(answer(307, &[("location", "/v1/search")], "")).await;
    let reply = request("POST", "/v1/search")
        .body("application/json", "{}")
        .to(&Bench::default().before(&upstream))
        .await;
    check_refusal(&reply, "redirect-refused");
}
