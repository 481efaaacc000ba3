//! Consent on another device (RFC 8628).

use hushgate_gateway::connect::consent::{Device, Polled};

use super::*;
use crate::server::{json, reply};
use crate::setup::logs;

const AUTH: &str = "type: oauth2, grant: device_code, token_url: 'https://peer.example/token', client_auth: none, scope: [read, offline],
    device: {url: 'https://peer.example/device', params: {audience: api}},
    fields: [{name: CLIENT_ID, label: a}, {name: REFRESH_TOKEN, label: c}]";
const SECRETS: &[(&str, &str)] = &[("CLIENT_ID", "id")];
const GRANT: &str = r#"{"device_code":"dc-do-not-show","user_code":"WDJB-MJHT","verification_uri":"https://peer.example/go",
    "verification_uri_complete":"https://peer.example/go?c=WDJB-MJHT","expires_in":600,"interval":2}"#;
const TOKEN: &str =
    r#"{"access_token":"at-do-not-show","refresh_token":"rt-do-not-show","token_type":"bearer"}"#;

fn error(code: &str) -> Action {
    let body = format!(r#"{{"error":"{code}","error_description":"do-not-show\u001b[2J"}}"#);
    reply("400 Bad Request", "application/json", body)
}

/// A vendor that grants a device code and then answers polls with these.
async fn begun(polls: Vec<Action>) -> (Server, Arc<TestClock>, Device) {
    let last = polls.len();
    let server = Server::start(move |n| match n {
        0 => json(GRANT),
        n => polls[n.min(last) - 1].clone(),
    })
    .await;
    let setup = setup(AUTH, SECRETS, &server);
    let clock = Arc::clone(&setup.clock);
    let (source, parts) = setup.into_parts();
    let device = Device::begin(source, parts).await.unwrap();
    (server, clock, device)
}

async fn wait(device: &mut Device) -> Duration {
    match device.poll().await.unwrap() {
        Polled::Wait(time) => time,
        Polled::Obtained(_) => panic!("obtained too early"),
    }
}

#[tokio::test]
async fn asks_as_often_as_it_may_until_the_consent_is_there() {
    let polls = vec![
        error("authorization_pending"),
        error("slow_down"),
        reply("503 Service Unavailable", "text/plain", ""),
        json(TOKEN),
    ];
    let (server, clock, mut device) = begun(polls).await;
    assert_eq!(device.user_code(), "WDJB-MJHT");
    assert_eq!(device.address().as_str(), "https://peer.example/go");
    let complete = device.complete_address().unwrap();
    assert_eq!(complete.as_str(), "https://peer.example/go?c=WDJB-MJHT");

    let seconds = Duration::from_secs;
    // Before the interval is over nothing is asked; then 2 s, 2 + 5 s, and twice that after a failure.
    assert_eq!(wait(&mut device).await, seconds(2));
    assert_eq!(server.requests().len(), 1);
    for next in [2, 7, 14] {
        clock.advance(wait(&mut device).await);
        assert_eq!(wait(&mut device).await, seconds(next));
    }
    clock.advance(seconds(14));
    let Polled::Obtained(obtained) = device.poll().await.unwrap() else {
        panic!("not obtained");
    };
    assert_eq!(
        entries(obtained),
        [("REFRESH_TOKEN".to_owned(), "rt-do-not-show".to_owned())]
    );
    assert_eq!(device.poll().await.unwrap_err().code(), "consent-used");

    let sent = server.requests();
    assert_eq!(sent.len(), 5);
    assert_eq!(sent[0].line, "POST /device HTTP/1.1");
    assert_eq!(
        sent[0].body,
        "client_id=id&scope=read%20offline&audience=api"
    );
    for poll in &sent[1..] {
        assert_eq!(poll.line, "POST /token HTTP/1.1");
        assert_eq!(
            poll.body,
            format!(
                "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=dc-{MARK}&client_id=id"
            )
        );
    }
    let shown = format!("{device:?} {}", logs());
    assert!(!shown.contains(MARK));
}

#[tokio::test]
async fn a_final_answer_ends_it() {
    for (answer, wanted) in [
        (error("access_denied"), "consent-refused"),
        (error("expired_token"), "consent-expired"),
        (error("invalid_client"), "connect-rejected"),
        (error("do-not-show"), "connect-rejected"),
        (
            json(r#"{"access_token":"at-do-not-show"}"#),
            "consent-no-refresh-token",
        ),
        (
            json(r#"{"refresh_token":"rt-do-not-show"}"#),
            "connect-answer-invalid",
        ),
        (
            reply("200 OK", "text/html", "<html>do-not-show"),
            "connect-answer-invalid",
        ),
    ] {
        let (server, clock, mut device) = begun(vec![answer]).await;
        clock.advance(Duration::from_secs(2));
        let fault = device.poll().await.unwrap_err();
        is_quiet(&fault);
        assert_eq!(fault.code(), wanted);
        clock.advance(Duration::from_mins(1));
        assert_eq!(device.poll().await.unwrap_err().code(), "consent-used");
        assert_eq!(server.requests().len(), 2);
    }
}

#[tokio::test]
async fn a_code_that_ended_is_not_asked_for() {
    let (server, clock, mut device) = begun(vec![json(TOKEN)]).await;
    clock.advance(Duration::from_mins(10));
    assert_eq!(device.poll().await.unwrap_err().code(), "consent-expired");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_failed_connection_is_tried_again_later() {
    let (_, clock, mut device) = begun(vec![Action::Break(Vec::new()), json(TOKEN)]).await;
    clock.advance(Duration::from_secs(2));
    assert_eq!(wait(&mut device).await, Duration::from_secs(4));
    clock.advance(Duration::from_secs(4));
    assert!(matches!(device.poll().await.unwrap(), Polled::Obtained(_)));
}

#[tokio::test]
async fn an_answer_that_could_deceive_a_person_is_refused() {
    for (member, value) in [
        ("device_code", "null"),
        ("device_code", r#""do-not-show\r\n""#),
        ("user_code", r#""""#),
        ("user_code", r#""\u001b]0;do-not-show\u0007""#),
        (
            "user_code",
            r#""do-not-show-do-not-show-do-not-show-do-not-show""#,
        ),
        ("user_code", r#""\u202edo-not-show""#),
        ("verification_uri", "null"),
        ("verification_uri", r#""javascript:do-not-show""#),
        ("verification_uri", r#""http://peer.example/do-not-show""#),
        (
            "verification_uri",
            r#""https://user:do-not-show@peer.example/""#,
        ),
        (
            "verification_uri_complete",
            r#""https://evil.example/do-not-show""#,
        ),
        ("expires_in", "-1"),
        ("expires_in", "0"),
        ("expires_in", "1e99"),
        ("expires_in", r#""600""#),
        ("interval", "86400"),
        ("interval", "-5"),
    ] {
        let mut grant: serde_json::Value = serde_json::from_str(GRANT).unwrap();
        grant[member] = serde_json::from_str(value).unwrap();
        let grant = grant.to_string();
        let server = Server::start(move |_| json(&grant)).await;
        let (source, parts) = setup(AUTH, SECRETS, &server).into_parts();
        let fault = Device::begin(source, parts).await.unwrap_err();
        is_quiet(&fault);
        assert_eq!(fault.code(), "connect-answer-invalid", "{member}: {value}");
    }
}
