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
#[path = "shared/ward.rs"]
mod ward;

use std::io;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use issuer::token_with;
use support::{Bench, get, json_of, pseudonym_of, request, text_of};
use upstream::{Step, Upstream, answer, json as json_answer};
use ward::{Fails, Ward};

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
            target if target.contains("page=7") => json_answer("{\"users\": lovelace"),
            _ => json_answer(
                r#"{"users":[{"id":"lovelace-17","email":"lovelace@example.com"}],"count":1}"#,
            ),
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

/// The lines of the audit that were collected.
fn audit(sink: &Sink) -> Vec<Value> {
    let log = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
    let lines = log
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap());
    lines.filter(|l| l["target"] == "hushgate::audit").collect()
}

/// Entries that are there, those that can't be read; what the health check calls missing and unusable, the
/// cause of a call, and what the log says.
type Lacking<'a> = (
    &'a [(&'a str, &'a str)],
    &'a [(&'static str, Fails)],
    Value,
    Value,
    &'a str,
    &'a [&'a str],
);

#[tokio::test]
async fn what_a_function_lacks_is_told_apart_by_name_and_in_full_by_the_log() {
    const KEY: (&str, &str) = (
        "PSEUDONYM_KEY",
        "Zm9yIHRlc3RzIG9ubHksIG5ldmVyIHVzZSB0aGlzIGtleQ==",
    );
    const ID: (&str, &str) = ("CLIENT_ID", "client");
    const SECRET: (&str, &str) = ("CLIENT_SECRET", "secret-of-the-client");
    let check_first =
        "check first that HUSHGATE_SECRETS names the right place; where there never was one";
    let rows: [Lacking<'_>; 9] = [
        (
            &[],
            &[],
            json!(["CLIENT_ID", "CLIENT_SECRET", "PSEUDONYM_KEY"]),
            json!({}),
            "configuration-invalid",
            &[
                "secret `/acme/zom/PSEUDONYM_KEY` in a service (reading it takes `service:Read` on `/acme/zom/PSEUDONYM_KEY`) is missing",
                check_first,
                "connect-secret-missing: secret `/acme/zom/CLIENT_ID` in a service (reading it takes `service:Read` on `/acme/zom/CLIENT_ID`) is missing or blank; check that HUSHGATE_SECRETS and HUSHGATE_CONNECTION name the right place",
                "`/acme/zom/CLIENT_SECRET`",
            ],
        ),
        (
            &[KEY, ID, ("CLIENT_SECRET", " \n")],
            &[],
            json!(["CLIENT_SECRET"]),
            json!({}),
            "credential-missing",
            &[
                "secret `/acme/zom/CLIENT_SECRET` in a service (reading it takes `service:Read` on `/acme/zom/CLIENT_SECRET`) is missing or blank",
            ],
        ),
        (
            &[KEY, ID, SECRET],
            &[("CLIENT_SECRET", Fails::Denied)],
            json!([]),
            json!({"CLIENT_SECRET": "denied"}),
            "configuration-invalid",
            &[
                "connect-store-refused",
                "the role needs to read `/acme/zom/CLIENT_SECRET`",
            ],
        ),
        (
            &[KEY, ID, SECRET],
            &[("CLIENT_SECRET", Fails::Unfit)],
            json!([]),
            json!({"CLIENT_SECRET": "invalid"}),
            "configuration-invalid",
            &[
                "connect-store-refused",
                "`/acme/zom/CLIENT_SECRET`: it is no text",
            ],
        ),
        (
            &[KEY, ID, SECRET],
            &[("CLIENT_SECRET", Fails::Unavailable)],
            json!([]),
            json!({"CLIENT_SECRET": "unavailable"}),
            "store-unavailable",
            &["connect-store: ", "`/acme/zom/CLIENT_SECRET`: no answer"],
        ),
        (
            &[KEY, ID, SECRET],
            &[("PSEUDONYM_KEY", Fails::Denied)],
            json!([]),
            json!({"PSEUDONYM_KEY": "denied"}),
            "configuration-invalid",
            &["the role needs to read `/acme/zom/PSEUDONYM_KEY`"],
        ),
        (
            &[KEY, ID, SECRET],
            &[("PSEUDONYM_KEY", Fails::Unavailable)],
            json!([]),
            json!({"PSEUDONYM_KEY": "unavailable"}),
            "store-unavailable",
            &["`/acme/zom/PSEUDONYM_KEY`: no answer"],
        ),
        (
            &[("PSEUDONYM_KEY", "not*base64"), ID, SECRET],
            &[],
            json!([]),
            json!({"PSEUDONYM_KEY": "invalid"}),
            "configuration-invalid",
            &[
                "secret `/acme/zom/PSEUDONYM_KEY` in a service",
                "is not Base64",
            ],
        ),
        (
            &[KEY, SECRET],
            &[("CLIENT_SECRET", Fails::Denied)],
            json!(["CLIENT_ID"]),
            json!({"CLIENT_SECRET": "denied"}),
            "",
            &[
                "`/acme/zom/CLIENT_ID`",
                "the role needs to read `/acme/zom/CLIENT_SECRET`",
            ],
        ),
    ];
    let upstream = Upstream::answering(json_answer("{}")).await;
    for (entries, failing, missing, unusable, cause, told) in rows {
        let (sink, guard) = listen();
        let bench = Bench {
            store: Arc::new(Ward::new(entries, failing)),
            ..Bench::default()
        };
        let gateway = bench.before(&upstream);
        let check = get("/").header("x-hushgate-health-check", "1");
        let health = check.to(&gateway).await;
        let call = get("/v1/users").to(&gateway).await;
        drop(guard);
        assert_eq!(health.status(), 412);
        let answer = json_of(&health);
        assert_eq!(answer["missingConfigProperties"], missing);
        assert_eq!(answer["unusableConfigProperties"], unusable);
        let gone = unusable.to_string().contains("unavailable");
        assert_eq!(
            text_of(&health).contains("not available at the moment"),
            gone
        );
        // Whole names are for the log.
        for answer in [text_of(&health), text_of(&call)] {
            assert!(
                !answer.contains("acme") && !answer.contains("role"),
                "{answer}"
            );
        }
        let lines = audit(&sink);
        assert_eq!(lines.len(), 2);
        let (checked, called) = (&lines[0], &lines[1]);
        assert_eq!(checked["status"], 412);
        assert_eq!(checked["cause"], called["cause"], "{checked} {called}");
        if !cause.is_empty() {
            assert_eq!(checked["cause"], cause, "{checked}");
        }
        let detail = checked["detail"].as_str().unwrap();
        for part in told {
            assert!(detail.contains(part), "{part}: {detail}");
        }
        for secret in ["secret-of-the-client", "not*base64", KEY.1] {
            assert!(!detail.contains(secret), "{detail}");
        }
    }
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn the_log_says_why_a_health_check_is_answered_as_to_a_stranger() {
    let upstream = Upstream::answering(json_answer("{}")).await;
    let gateway = Bench::default().before(&upstream);
    let (late, other, source) = (
        token_with(|c| c["exp"] = json!(1)),
        token_with(|c| c["aud"] = json!("https://other.example.com")),
        token_with(|c| c["sub"] = json!("workload-2")),
    );
    let (sink, guard) = listen();
    for stranger in [
        get("/").without("authorization"),
        get("/").token(&late),
        get("/").token(&other),
        get("/").token(&source),
    ] {
        let reply = stranger.header("x-hushgate-health-check", "1").to(&gateway);
        assert_eq!(text_of(&reply.await), "{\"status\":\"up\"}\r\n");
    }
    drop(guard);
    let lines = audit(&sink);
    let causes: Vec<_> = lines.iter().map(|l| l["cause"].as_str().unwrap()).collect();
    let wanted = [
        "token-missing",
        "token-invalid",
        "token-invalid",
        "caller-not-allowed",
    ];
    assert_eq!(causes, wanted);
    for (line, word) in lines.iter().zip(["", "expired", "audience", "source"]) {
        assert_eq!(
            (&line["status"], &line["client"]),
            (&json!(200), &json!(""))
        );
        let detail = line["detail"].as_str().unwrap();
        assert!(!detail.is_empty() && detail.contains(word), "{line}");
    }
}
