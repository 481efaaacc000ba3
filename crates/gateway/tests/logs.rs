//! What the log gets: one line per request, and nothing that anybody sent.
//!
//! A test program of its own, since the log is one for the whole process.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test fails by panicking, in its helpers too, and holds a table"
)]

#[path = "gateway/issuer.rs"]
mod issuer;
#[path = "gateway/support.rs"]
#[expect(dead_code, reason = "shared with the other tests of the gateway")]
mod support;
#[path = "gateway/upstream.rs"]
#[expect(dead_code, reason = "shared with the other tests of the gateway")]
mod upstream;

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tracing_subscriber::fmt::MakeWriter;

use support::{Bench, get, pseudonym_of, request};
use upstream::{Step, Upstream, answer, json};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Sink {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Collects all lines, of every level and crate, while the guard lives.
fn listen() -> (Sink, tracing::subscriber::DefaultGuard) {
    let sink = Sink::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing::Level::TRACE)
        .with_writer(sink.clone())
        .finish();
    (sink, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_caller_that_goes_away_gets_its_line_too() {
    let (sink, guard) = listen();
    let upstream = Upstream::start(|_| vec![Step::Hang]).await;
    let gateway = Bench::default().before(&upstream);
    let waited = tokio::time::timeout(
        std::time::Duration::from_millis(300),
        get("/v1/users").to(&gateway),
    )
    .await;
    assert!(waited.is_err());
    drop(guard);
    let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    let line = log.lines().find(|l| l.contains("hushgate::audit")).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["cause"], "caller-gone");
    assert_eq!(line["phase"], "send");
    assert_eq!(line["client"], "vendor");
}

#[tokio::test]
async fn writes_one_line_per_request_without_anything_that_was_sent() {
    let (sink, guard) = listen();
    let upstream = Upstream::start(|seen| {
        vec![Step::Send(match seen.target.as_str() {
            target if target.contains("page=404") => answer(
                404,
                &[("x-user", "lovelace")],
                r#"{"message":"lovelace@example.com"}"#,
            ),
            target if target.contains("page=7") => json("{\"users\": lovelace"),
            _ => {
                json(r#"{"users":[{"id":"lovelace-17","email":"lovelace@example.com"}],"count":1}"#)
            }
        })]
    })
    .await;
    let gateway = Bench::default().before(&upstream);
    let token = pseudonym_of("lovelace@example.com", false);
    let requests = [
        (get("/v1/users"), 200, ""),
        (get(&format!("/v1/users/{token}/items")), 200, ""),
        (get("/v1/users?page=404"), 404, "source-error"),
        (get("/v1/users?page=7"), 502, "not-sanitizable"),
        (get("/lovelace?q=lovelace"), 403, "endpoint-not-listed"),
        (get("/v1/users?lovelace=1"), 403, "parameter-not-listed"),
        (
            get("/v1/users").header("x-hushgate-lovelace", "lovelace"),
            400,
            "request-invalid",
        ),
        (
            get("/v1/users").header("lovelace_", "lovelace"),
            400,
            "request-invalid",
        ),
        (
            get("/v1/users").token("lovelace.lovelace.lovelace"),
            401,
            "token-invalid",
        ),
        (request("LOVELACE", "/v1/users"), 403, "method-not-listed"),
        (
            request("POST", "/v1/search").body("application/json", r#"{"lovelace":"lovelace"}"#),
            403,
            "body-not-listed",
        ),
    ];
    let expected: Vec<(u64, String)> = requests
        .iter()
        .map(|(_, status, cause)| (*status, (*cause).to_owned()))
        .collect();
    let mut ids = Vec::new();
    for (request, status, _) in requests {
        let reply = request.to(&gateway).await;
        assert_eq!(u64::from(reply.status().as_u16()), status);
        ids.push(
            reply.headers()["x-hushgate-request-id"]
                .to_str()
                .unwrap()
                .to_owned(),
        );
    }
    drop(guard);
    let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<Value> = log
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    let audit: Vec<&Value> = lines
        .iter()
        .filter(|l| l["target"] == "hushgate::audit")
        .collect();
    let written: Vec<(u64, String)> = audit
        .iter()
        .map(|l| {
            (
                l["status"].as_u64().unwrap(),
                l["cause"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    assert_eq!(written, expected);
    assert!(
        audit
            .iter()
            .zip(&ids)
            .all(|(line, id)| line["request_id"] == id.as_str())
    );
    assert_eq!(audit[0]["client"], "vendor");
    assert_eq!(audit[0]["endpoint"], "/v1/users");
    assert!(
        audit[0]["transformed"]
            .as_str()
            .unwrap()
            .contains("pseudonymize=2"),
        "{}",
        audit[0]
    );
    assert_eq!(audit[1]["endpoint"], "/v1/users/{userId}/items");
    assert!(!log.to_lowercase().contains("lovelace"), "{log}");
    for secret in [token.as_str(), "secret-of-the-client", "tok1", "eyJ"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
