//! Both HTTP versions at one port, and no other protocol.

use std::sync::Arc;

use reqwest::Version;

use super::h2c;
use crate::support::{World, raw};

/// A call that the examples answer.
const USERS: &str = "/v2/users?status=active&page_size=30";

#[tokio::test(flavor = "multi_thread")]
async fn http2_without_tls_gives_the_same_answers() {
    let world = World::start().await;
    let h2c = Arc::new(h2c());
    let plain = world.get(USERS).await;
    assert_eq!(plain.version(), Version::HTTP_11);
    let plain = plain.bytes().await.expect("a body");
    let token = world.token();
    let ask = |path: &str| {
        let url = format!("{}{path}", world.function.url());
        h2c.get(url).bearer_auth(&token).send()
    };
    // Many at once, on one connection.
    let calls = (0..20).map(|_| ask(USERS));
    for call in futures_of(calls.collect()).await {
        let response = call.expect("an answer");
        assert_eq!(response.version(), Version::HTTP_2);
        assert_eq!(response.status(), 200);
        let length = response.headers()["content-length"].clone();
        let body = response.bytes().await.expect("a body");
        assert_eq!(length, body.len().to_string().as_str());
        assert_eq!(body, plain);
    }
    // Refusals too, with the same code.
    for (path, token) in [("/v2/not/listed", Some(token.as_str())), (USERS, None)] {
        let mut codes = Vec::new();
        for client in [&world.client, h2c.as_ref()] {
            let mut request = client.get(format!("{}{path}", world.function.url()));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.expect("an answer");
            let error = response.headers().get("x-hushgate-error").cloned();
            codes.push((response.status(), error.expect("a code")));
        }
        assert_eq!(codes[0], codes[1], "{path}");
    }
}

/// All of them at once, in their order.
async fn futures_of<F>(futures: Vec<F>) -> Vec<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    let tasks: Vec<_> = futures.into_iter().map(tokio::spawn).collect();
    let mut all = Vec::with_capacity(tasks.len());
    for task in tasks {
        all.push(task.await.expect("it does not panic"));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_can_turn_a_connection_into_another_protocol() {
    let world = World::start().await;
    for upgrade in ["h2c", "websocket", "TLS/1.2", "HTTP/2.0"] {
        let request = format!(
            "GET /v2/users HTTP/1.1\r\nhost: x\r\nconnection: Upgrade, HTTP2-Settings\r\nupgrade: {upgrade}\r\n\
             http2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             sec-websocket-version: 13\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        );
        let address = world.function.address();
        let answer = tokio::task::block_in_place(|| raw::exchange(address, request.as_bytes()));
        assert_eq!(raw::status(&answer), 401, "{upgrade}: {answer}");
        // The connection speaks on as it did.
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
        assert!(answer.ends_with("\r\n\r\nok\n"), "{answer}");
        assert!(!answer.contains("101"), "{answer}");
    }
}
