//! Every control header: what it does, when it counts, and that none of them is forwarded.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hushgate_cli::sample::{LoopbackServer, Response};
use reqwest::Method;
use serde_json::Value;

use crate::support::World;
use crate::support::world::json;

const USERS: &str = "/v2/users?status=active&page_size=30";

const COMPAT: &[(&str, &str)] = &[
    ("HUSHGATE_COMPAT", "psoxy"),
    ("PSOXY_SALT", "e2e-salt"),
    ("PSOXY_ENCRYPTION_KEY", "e2e-password"),
    ("IS_DEVELOPMENT_MODE", "true"),
];

/// Status, and the code of a refusal or nothing.
async fn outcome(world: &World, target: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = world.request(Method::GET, target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("an answer");
    let code = response.headers().get("x-hushgate-error");
    let code = code.and_then(|v| v.to_str().ok()).unwrap_or("").to_owned();
    (response.status().as_u16(), code)
}

fn fine() -> (u16, String) {
    (200, String::new())
}

fn invalid() -> (u16, String) {
    (400, "request-invalid".to_owned())
}

#[tokio::test]
async fn path_and_query_in_headers_replace_those_of_the_target() {
    let world = World::start().await;
    let plain = json(world.get(USERS).await).await;
    let request = world
        .request(Method::GET, "/anything?else=1")
        .header("x-hushgate-target-path", "/v2/users")
        .header("x-hushgate-target-query", "status=active&page_size=30");
    let answer = json(request.send().await.expect("an answer")).await;
    assert_eq!(answer, plain);
    let mark = [("x-hushgate-target-query", "?status=active&page_size=30")];
    assert_eq!(outcome(&world, "/v2/users?x=1", &mark).await, fine());
}

#[tokio::test]
async fn an_empty_query_in_the_header_removes_the_query() {
    let (source, seen) = recording_source().await;
    let world = World::before(&source.address().to_string(), &[]).await;
    let none = [("x-hushgate-target-query", "")];
    assert_eq!(outcome(&world, "/v2/users?unknown=1", &none).await, fine());
    assert_eq!(last(&seen).target, "/v2/users");
}

#[tokio::test]
async fn targets_in_headers_are_held_to_the_rules() {
    let world = World::start().await;
    let long = format!("/{}", "a".repeat(4096));
    let path = "x-hushgate-target-path";
    let query = "x-hushgate-target-query";
    let cases = [
        (path, "/not/listed", 403, "endpoint-not-listed"),
        (path, "/v2/x/../users", 400, "path-not-normal"),
        (path, "/v2/%2e%2e/v2/users", 400, "path-not-normal"),
        (path, "//evil.example/v2/users", 400, "path-not-normal"),
        (path, "v2/users", 400, "request-invalid"),
        (path, "http://evil.example/v2/users", 400, "request-invalid"),
        (path, "/v2/users?x=1", 400, "request-invalid"),
        (path, "/v2/users#x", 400, "request-invalid"),
        (path, "/v2/us ers", 400, "request-invalid"),
        (path, "", 400, "request-invalid"),
        (path, &long, 400, "request-invalid"),
        (query, "unknown=1", 403, "parameter-not-listed"),
        (query, "a=b c", 400, "request-invalid"),
        (query, "a=b#c", 400, "request-invalid"),
    ];
    for (name, value, status, code) in cases {
        assert_eq!(
            outcome(&world, "/v2/users", &[(name, value)]).await,
            (status, code.to_owned()),
            "{name}: {}",
            value.get(..30).unwrap_or(value)
        );
    }
    let latin = world.request(Method::GET, "/v2/users").header(
        path,
        http::HeaderValue::from_bytes(b"/v2/\xfcsers").expect("a value"),
    );
    assert_eq!(latin.send().await.expect("an answer").status(), 400);
    assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
}

#[tokio::test]
async fn control_headers_count_once_and_under_one_name() {
    let world = World::with(COMPAT).await;
    let ours = "x-hushgate-target-path";
    let twice = [(ours, "/v2/users"), (ours, "/v2/users")];
    assert_eq!(outcome(&world, USERS, &twice).await, invalid());
    let both = [(ours, "/v2/users"), ("x-psoxy-targetpath", "/v2/users")];
    assert_eq!(outcome(&world, USERS, &both).await, invalid());
}

#[tokio::test]
async fn the_health_check_answers_to_any_value_and_tells_strangers_nothing() {
    let world = World::with(COMPAT).await;
    for name in ["x-hushgate-health-check", "x-psoxy-health-check"] {
        for value in ["", "1", "false", "anything"] {
            let request = world.request(Method::GET, "/").header(name, value);
            let health = json(request.send().await.expect("an answer")).await;
            assert_eq!(health["configuredSource"], "zoom", "{name}: {value}");
        }
        let url = format!("{}/", world.function.url());
        let stranger = world.client.get(url).header(name, "1");
        let stranger = stranger.send().await.expect("an answer");
        assert!(!stranger.headers().contains_key("x-hushgate-version"));
        assert_eq!(json(stranger).await, serde_json::json!({"status": "up"}));
    }
    assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
}

#[tokio::test]
async fn the_health_check_says_what_is_missing() {
    let world = World::with(&[("CLIENT_SECRET", ""), ("PSEUDONYM_KEY", "")]).await;
    let request = world.request(Method::GET, "/");
    let request = request.header("x-hushgate-health-check", "1");
    let response = request.send().await.expect("an answer");
    assert_eq!(response.status(), 412);
    let health = json(response).await;
    assert_eq!(
        health["missingConfigProperties"],
        serde_json::json!(["CLIENT_SECRET", "PSEUDONYM_KEY"])
    );
    assert_eq!(health["unusableConfigProperties"], serde_json::json!({}));
}

#[tokio::test]
async fn a_connections_missing_entry_is_told_to_the_log_by_its_whole_name() {
    // All that the source needs is there, but not where this connection has it.
    let world = World::with(&[("HUSHGATE_CONNECTION", "work")]).await;
    let (status, code) = outcome(&world, USERS, &[]).await;
    assert_eq!((status, code.as_str()), (500, "credential-missing"));
    let log = world.function.log();
    let whole = "secret `connections/work/CLIENT_ID` in the environment is missing or blank; check that \
                 HUSHGATE_SECRETS and HUSHGATE_CONNECTION name the right place";
    assert!(log.contains(whole), "{log}");
    let request = world
        .request(Method::GET, "/")
        .header("x-hushgate-health-check", "1");
    let health = request.send().await.expect("an answer").text().await;
    let health = health.expect("a body");
    assert!(
        health.contains("\"CLIENT_SECRET\"") && !health.contains("connections/"),
        "{health}"
    );
}

#[tokio::test]
async fn a_malformed_key_is_unusable_and_not_missing() {
    let world = World::with(&[("PSEUDONYM_KEY", "not*base64")]).await;
    let request = world.request(Method::GET, "/");
    let request = request.header("x-hushgate-health-check", "1");
    let health = json(request.send().await.expect("an answer")).await;
    assert_eq!(health["missingConfigProperties"], serde_json::json!([]));
    let unusable = &health["unusableConfigProperties"];
    assert_eq!(*unusable, serde_json::json!({"PSEUDONYM_KEY": "invalid"}));
    let log = world.function.log();
    let told = "secret `PSEUDONYM_KEY` in the environment: `PSEUDONYM_KEY`, generation 1: the key is not Base64";
    assert!(log.contains(told), "{log}");
}

/// Names that the reference has, and a value it would take.
const REFERENCE: &[(&str, &str)] = &[
    ("x-psoxy-health-check", "1"),
    ("x-psoxy-targetpath", "/v2/users"),
    ("x-psoxy-targetquery", "status=active&page_size=30"),
    ("x-psoxy-user-to-impersonate", "someone@example.com"),
    ("x-psoxy-pseudonym-implementation", "v0.4"),
    ("x-psoxy-skip-sanitizer", "false"),
];

#[tokio::test]
async fn names_of_the_reference_count_only_in_compatibility_mode() {
    let ours = World::with(&[("IS_DEVELOPMENT_MODE", "true")]).await;
    let compat = World::with(COMPAT).await;
    for header in REFERENCE {
        assert_eq!(
            outcome(&ours, USERS, &[*header]).await,
            invalid(),
            "{header:?}"
        );
        assert_eq!(
            outcome(&compat, USERS, &[*header]).await,
            fine(),
            "{header:?}"
        );
    }
    assert_eq!(ours.source.as_ref().expect("a source").calls(), 0);
    let elsewhere = [REFERENCE[1], REFERENCE[2]];
    assert_eq!(outcome(&compat, "/anything?x=1", &elsewhere).await, fine());
}

#[tokio::test]
async fn no_header_skips_the_sanitizer() {
    let development = [("IS_DEVELOPMENT_MODE", "true")];
    for environment in [&development, COMPAT] {
        let world = World::with(environment).await;
        for name in ["x-psoxy-skip-sanitizer", "x-hushgate-skip-sanitizer"] {
            for value in ["true", "TRUE", "1", "yes", ""] {
                let header = [(name, value)];
                assert_eq!(
                    outcome(&world, USERS, &header).await,
                    invalid(),
                    "{header:?}"
                );
            }
        }
        let target = format!("{USERS}&skipSanitizer=true");
        let code = outcome(&world, &target, &[]).await;
        assert_eq!(code, (403, "parameter-not-listed".to_owned()));
        assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
    }
}

#[tokio::test]
async fn older_pseudonyms_are_refused_and_not_replaced_by_others() {
    let world = World::with(COMPAT).await;
    for value in ["v0.3", "default", ""] {
        let header = [("x-psoxy-pseudonym-implementation", value)];
        assert_eq!(outcome(&world, USERS, &header).await, invalid(), "{value}");
    }
}

#[tokio::test]
async fn unknown_control_headers_are_refused() {
    let world = World::start().await;
    for name in [
        "x-hushgate-other",
        "x-hushgate-targetpath",
        "x-hushgate-no-response-body",
        "x-hushgate-",
    ] {
        assert_eq!(
            outcome(&world, USERS, &[(name, "1")]).await,
            invalid(),
            "{name}"
        );
    }
    assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
}

#[tokio::test]
async fn a_source_without_delegation_takes_no_notice_of_the_account() {
    let world = World::start().await;
    let header = [("x-hushgate-user-to-impersonate", "someone@example.com")];
    assert_eq!(outcome(&world, USERS, &header).await, fine());
}

#[tokio::test]
async fn the_source_is_asked_in_the_name_of_the_account() {
    let (source, seen) = recording_source().await;
    let world = World::of_before("gcal", &source.address().to_string(), &[]).await;
    let settings = "/calendar/v3/users/me/settings";
    let name = "x-hushgate-user-to-impersonate";
    let header = [(name, "someone@example.com")];
    assert_eq!(outcome(&world, settings, &header).await, fine());
    let grants = |user: &str| {
        let seen = seen.lock().expect("what was seen");
        seen.iter()
            .filter(|s| s.subject.as_deref() == Some(user))
            .count()
    };
    assert_eq!(grants("someone@example.com"), 1);
    // Each account has a token of its own, which is kept.
    assert_eq!(outcome(&world, settings, &header).await, fine());
    let other = [(name, "other@example.com")];
    assert_eq!(outcome(&world, settings, &other).await, fine());
    assert_eq!(
        (grants("someone@example.com"), grants("other@example.com")),
        (1, 1)
    );
    for wrong in ["", "no-address", "two words@example.com", "@example.com"] {
        assert_eq!(
            outcome(&world, settings, &[(name, wrong)]).await,
            invalid(),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn an_account_may_be_given_as_a_pseudonym() {
    let (source, seen) = recording_source().await;
    let world = World::of_before("gcal", &source.address().to_string(), &[]).await;
    let settings = "/calendar/v3/users/me/settings";
    let calendars = json(world.get("/calendar/v3/users/me/calendarList").await).await;
    let id = calendars["items"][0]["id"].as_str().expect("an id");
    assert!(id.starts_with("p~"), "{id}");
    let name = "x-hushgate-user-to-impersonate";
    assert_eq!(outcome(&world, settings, &[(name, id)]).await, fine());
    let found = seen
        .lock()
        .expect("what was seen")
        .iter()
        .any(|s| s.subject.as_deref() == Some("owner@example.com"));
    assert!(found, "the pseudonym is turned back for the source");
    let half = id.get(..40).expect("a long id");
    let code = outcome(&world, settings, &[(name, half)]).await;
    assert!(code.0 == 400 || code.0 == 409, "{code:?}");
}

#[tokio::test]
async fn no_control_header_and_no_token_of_the_caller_is_forwarded() {
    let (source, seen) = recording_source().await;
    let world = World::before(&source.address().to_string(), COMPAT).await;
    let token = world.token();
    let headers = [
        ("x-hushgate-target-path", "/v2/users"),
        ("x-hushgate-user-to-impersonate", "someone@example.com"),
        ("x-psoxy-targetquery", "page_size=30"),
        ("x-psoxy-skip-sanitizer", "false"),
        ("x-psoxy-anything-else", "1"),
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "for=198.51.100.7"),
        ("cookie", "session=e2e"),
        ("x-custom", "1"),
    ];
    assert_eq!(outcome(&world, "/", &headers).await, fine());
    let seen = last(&seen);
    assert_eq!(seen.target, "/v2/users?page_size=30");
    for (name, value) in &seen.headers {
        assert!(
            !headers.iter().any(|(n, _)| n == name),
            "{name} was forwarded"
        );
        assert!(!value.contains(&token), "the caller's token is in {name}");
    }
}

/// One request as the source saw it.
#[derive(Debug, Clone)]
struct Seen {
    target: String,
    headers: Vec<(String, String)>,
    /// Whom a token was asked for.
    subject: Option<String>,
}

type Record = Arc<Mutex<Vec<Seen>>>;

/// A source that keeps what it was asked, and answers with an owner's address.
async fn recording_source() -> (LoopbackServer, Record) {
    let record = Record::default();
    let writer = Arc::clone(&record);
    let server = LoopbackServer::start(move |request| {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let headers = request.headers().iter();
        writer.lock().expect("the record").push(Seen {
            target: request.uri().to_string(),
            headers: headers
                .map(|(n, v)| {
                    (
                        n.to_string(),
                        String::from_utf8_lossy(v.as_bytes()).into_owned(),
                    )
                })
                .collect(),
            subject: subject(&body),
        });
        let answer: &'static str = if request.method() == Method::POST {
            "{\"access_token\":\"sample-access-token\",\"expires_in\":3600,\"token_type\":\"bearer\"}"
        } else {
            "{\"items\":[{\"id\":\"owner@example.com\"}]}"
        };
        let mut response = Response::new(bytes::Bytes::from_static(answer.as_bytes()));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    });
    (server.await.expect("a source"), record)
}

/// The last request that is not one for a token.
fn last(record: &Record) -> Seen {
    let seen = record.lock().expect("the record");
    let call = seen.iter().rfind(|s| !s.target.contains("token"));
    call.expect("a call arrived").clone()
}

/// The `sub` of the assertion in a token request.
fn subject(form: &str) -> Option<String> {
    let assertion = form
        .split('&')
        .find_map(|pair| pair.strip_prefix("assertion="))?;
    let claims = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    claims["sub"].as_str().map(str::to_owned)
}
