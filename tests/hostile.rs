//! Requests that no well-behaved client sends. None reaches the source.

use crate::support::World;
use crate::support::raw::{exchange, status};

/// Targets that must be refused: each could be read in two ways, or leads elsewhere.
const TARGETS: &[&str] = &[
    "/v2/users/../users",
    "/v2/./users",
    "/v2/%2e%2e/v2/users",
    "/v2/users/%2e%2e/%2e%2e/v2/users",
    "/v2/.%2e/v2/users",
    "/v2//users",
    "//v2/users",
    "//evil.example/v2/users",
    "/v2/users/",
    "/v2/users;x=1",
    "/v2/users%3bx=1",
    "/v2/users%00",
    "/v2/users%0d%0aX-Evil:1",
    "/v2/users%2f..%2fusers",
    "/v2%2fusers",
    "/v2%5cusers",
    "/v2\\users",
    "/v2/users%",
    "/v2/users%zz",
    "/v2/users%ff",
    "/V2/../v2/users",
    "/v2/users?page_size=30&unknown=1",
    "/v2/users?page_size=30;unknown=1",
    "/v2/users?%75nknown=1",
    "/v2/users/a%2fb/meetings",
    "/v2/users/p~/meetings",
    "/v2/users/p~AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA/meetings",
    "*",
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_targets_are_refused_and_never_reach_the_source() {
    let world = World::start().await;
    let token = world.token();
    let mut reached = Vec::new();
    for target in TARGETS {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let answer =
            tokio::task::block_in_place(|| exchange(world.function.address(), request.as_bytes()));
        let status = status(&answer);
        let calls = world.source.as_ref().expect("a source").calls();
        if !(400..500).contains(&status) || calls > 0 {
            reached.push(format!("{target}: {status}, {calls} calls"));
        }
    }
    assert_eq!(reached, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_absolute_target_is_refused_in_the_words_of_the_mode() {
    let compat = [("HUSHGATE_COMPAT", "psoxy"), ("PSOXY_SALT", "e2e-salt")];
    for (mode, named) in [(&[][..], false), (&compat[..], true)] {
        let world = World::with(mode).await;
        let token = world.token();
        let request = format!(
            "GET http://evil.example/v2/users?status=active&page_size=30 HTTP/1.1\r\nhost: evil.example\r\n\
             authorization: Bearer {token}\r\nconnection: close\r\n\r\n"
        );
        let answer =
            tokio::task::block_in_place(|| exchange(world.function.address(), request.as_bytes()));
        let lower = answer.to_lowercase();
        assert_eq!(status(&answer), 400, "{answer}");
        assert!(
            lower.contains("x-hushgate-error: request-invalid"),
            "{answer}"
        );
        assert_eq!(
            lower.contains("x-psoxy-error: invalid_request"),
            named,
            "{answer}"
        );
        assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
    }
}

/// Header lines that must not be forwarded, obeyed or misread.
const HEADERS: &[(&str, &str)] = &[
    ("two tokens", "authorization: Bearer x\r\n"),
    (
        "twin with underscore",
        "x_hushgate_target_path: /v2/users\r\nx-hushgate-target-path: /v2/users\r\n",
    ),
    (
        "control header twice",
        "x-hushgate-target-path: /v2/users\r\nx-hushgate-target-path: /v2/meetings\r\n",
    ),
    (
        "both lengths",
        "content-length: 0\r\ntransfer-encoding: chunked\r\n",
    ),
    ("two lengths", "content-length: 0\r\ncontent-length: 5\r\n"),
    ("folded line", "x-a: b\r\n c\r\n"),
    ("space before colon", "x-a : b\r\n"),
    ("bare CR", "x-a: b\rx-b: c\r\n"),
    ("NUL", "x-a: b\0c\r\n"),
];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_headers_are_refused() {
    let world = World::start().await;
    let token = world.token();
    let mut wrong = Vec::new();
    for (name, lines) in HEADERS {
        let request = format!(
            "GET /v2/users?status=active&page_size=30 HTTP/1.1\r\nhost: gw\r\nauthorization: Bearer {token}\r\n{lines}connection: close\r\n\r\n"
        );
        let answer =
            tokio::task::block_in_place(|| exchange(world.function.address(), request.as_bytes()));
        if status(&answer) == 200
            || !(status(&answer) == 0 || (400..500).contains(&status(&answer)))
        {
            wrong.push(format!("{name}: {}", status(&answer)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn oversize_requests_are_refused() {
    let world = World::start().await;
    let address = world.function.address();
    let long = format!(
        "GET /{} HTTP/1.1\r\nhost: gw\r\nconnection: close\r\n\r\n",
        "a".repeat(200_000)
    );
    let answer = tokio::task::block_in_place(|| exchange(address, long.as_bytes()));
    assert!(
        status(&answer) == 0 || (400..500).contains(&status(&answer)),
        "{answer}"
    );

    // Its own client: a connection whose body was refused half-way must not serve the next call.
    let response = reqwest::Client::new()
        .post(format!("{}/v2/users", world.function.url()))
        .bearer_auth(world.token())
        .body(vec![b'x'; 3 << 20])
        .send()
        .await;
    if let Ok(response) = response {
        assert_eq!(response.status(), 413);
        assert!(
            response
                .text()
                .await
                .expect("a body")
                .contains("request-too-large")
        );
    }
    assert_eq!(
        world
            .get("/v2/users?status=active&page_size=30")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn duplicated_parameters_are_validated_one_by_one() {
    let world = World::start().await;
    let response = world
        .get("/v2/users?page_size=30&page_size=evil%26x%3D1")
        .await;
    assert_eq!(response.status(), 403);
    assert!(
        response
            .text()
            .await
            .expect("a body")
            .contains("parameter-not-listed")
    );
}
