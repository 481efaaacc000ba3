//! What a provider can answer instead of what it should, where the answer is no token answer.

use super::scenarios::{refused, taken};
use super::shape::Scenario;
use crate::server::{Action, json, reply, reply_with};
use crate::setup::MARK;

const ADDRESS: &str = "https://login.peer.example/device";

/// A device authorization answer; later members replace earlier ones.
pub(super) fn device(members: &str) -> Action {
    json(&format!(
        r#"{{"device_code":"at-{MARK}","user_code":"WDJB-MJHT","verification_uri":"{ADDRESS}","expires_in":600{members}}}"#
    ))
}

/// A form-encoded answer with credentials, and these further members.
pub(super) fn credentials(members: &str) -> Action {
    encoded(&format!(
        "oauth_token=at-{MARK}&oauth_token_secret=secret-{MARK}&oauth_callback_confirmed=true{members}"
    ))
}

fn encoded(body: &str) -> Action {
    reply("200 OK", "application/x-www-form-urlencoded", body)
}

pub(super) fn wrong_device() -> Vec<Scenario> {
    let with = |name: &str, value: &str| device(&format!(r#","{name}":{value}"#));
    let long = format!("\"{}\"", "a".repeat(20_000));
    let rows = vec![
        (
            "no code",
            json(r#"{"user_code":"do-not-show","expires_in":600}"#),
        ),
        ("a number as code", with("device_code", "12345")),
        ("an empty code", with("device_code", "\"\"")),
        (
            "a code that splits a line",
            with("device_code", r#""do-not-show\r\n""#),
        ),
        ("a huge code", with("device_code", &long)),
        (
            "a code for people with an escape",
            with("user_code", r#""do-not-show\u001b[2J""#),
        ),
        (
            "a code for people that nobody types",
            with("user_code", &long),
        ),
        ("no lifetime", with("expires_in", "null")),
        ("a negative lifetime", with("expires_in", "-1")),
        ("a word as lifetime", with("expires_in", "\"do-not-show\"")),
        ("a lifetime of a century", with("expires_in", "3155760000")),
        ("a negative interval", with("interval", "-5")),
        ("an interval of a year", with("interval", "31536000")),
        ("no address", with("verification_uri", "null")),
        (
            "an address that is a script",
            with("verification_uri", "\"javascript:alert(1)\""),
        ),
        (
            "an address in the clear",
            with("verification_uri", "\"http://login.peer.example/device\""),
        ),
        (
            "an address with a password",
            with("verification_uri", "\"https://u:p@login.peer.example/\""),
        ),
        (
            "another host with the code",
            with("verification_uri_complete", "\"https://evil.example/?c=1\""),
        ),
    ];
    let fine = vec![
        ("an interval", with("interval", "7")),
        ("unknown members", with("more", "[1]")),
        (
            "an address with the code",
            with("verification_uri_complete", &format!("\"{ADDRESS}?c=1\"")),
        ),
    ];
    let invalid = refused("source-error", "connect-answer-invalid", 0, rows);
    [invalid, taken(fine)].concat()
}

pub(super) fn wrong_credentials() -> Vec<Scenario> {
    let secret = "oauth_token_secret=do-not-show&oauth_callback_confirmed=true";
    let token = |value: &str| encoded(&format!("oauth_token={value}&{secret}"));
    let rows = vec![
        ("nothing", encoded("")),
        (
            "a page with 200",
            reply("200 OK", "text/html", format!("<html>{MARK}</html>")),
        ),
        (
            "JSON",
            json(r#"{"oauth_token":"do-not-show","oauth_token_secret":"do-not-show"}"#),
        ),
        (
            "JSON said to be form-encoded",
            encoded(r#"{"oauth_token":"do-not-show"}"#),
        ),
        (
            "not UTF-8",
            reply(
                "200 OK",
                "text/plain",
                b"oauth_token=\xff&oauth_token_secret=x",
            ),
        ),
        ("no token", encoded(secret)),
        (
            "no secret",
            encoded("oauth_token=do-not-show&oauth_callback_confirmed=true"),
        ),
        ("an empty token", token("")),
        ("a token twice", credentials("&oauth_token=do-not-show")),
        (
            "a token that splits a header",
            token("do-not-show%0D%0Ax:%20y"),
        ),
        ("a token with a zero", token("do-not-show%00")),
        ("a token that is no UTF-8", token("do-not-show%FF")),
        ("a token beyond ASCII", token("do-not-show-%C3%A9")),
        ("a huge token", token(&"a".repeat(20_000))),
        (
            "an unknown coding",
            reply_with("200 OK", "content-encoding: compress\r\n", MARK),
        ),
    ];
    let fine = vec![
        (
            "unknown members",
            credentials("&user_id=7&x_auth_expires=0"),
        ),
        (
            "credentials said to be a page",
            reply(
                "200 OK",
                "text/html",
                "oauth_callback_confirmed=true&oauth_token_secret=x&oauth_token=at-do-not-show\n",
            ),
        ),
    ];
    let problem = vec![(
        "a problem that is named",
        reply(
            "401 Unauthorized",
            "application/x-www-form-urlencoded",
            "oauth_problem=signature_invalid&oauth_problem_advice=do-not-show",
        ),
    )];
    [
        refused("source-error", "connect-answer-invalid", 0, rows),
        refused("credential-rejected", "connect-rejected", 15, problem),
        taken(fine),
    ]
    .concat()
}
