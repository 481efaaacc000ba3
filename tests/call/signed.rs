//! Signatures of calls, checked by botocore from what came over the wire.

use serde_json::Value;

use super::{SECRET_KEY, call};
use crate::support::function::scratch;
use crate::support::peer::Peer;

const SESSION: &str = "session-with/+=of-the-tests";

/// Who checks the signatures of one key.
fn checker(session: &str) -> Option<Peer> {
    Peer::start(
        "sigv4",
        &[
            ("KEY_ID", "AKIDEXAMPLE"),
            ("SECRET", SECRET_KEY),
            ("SESSION", session),
            ("REGION", "eu-west-1"),
        ],
    )
}

fn keys(secret: &'static str, session: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut all = vec![
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", secret),
        ("AWS_REGION", "eu-west-1"),
    ];
    if !session.is_empty() {
        all.push(("AWS_SESSION_TOKEN", session));
    }
    all
}

/// What the checker said of the last call.
async fn last(checker: &Peer) -> Value {
    let (_, log) = checker.ask("GET", "/control/log", "").await;
    log.as_array()
        .expect("a list")
        .last()
        .cloned()
        .expect("a call")
}

#[tokio::test]
async fn what_is_signed_is_what_is_sent_however_odd_the_address() {
    for session in ["", SESSION] {
        let Some(checker) = checker(session) else {
            return;
        };
        for target in [
            "/",
            "/v2/users",
            "/v2/users/",
            "/v2/a%2Fb/c%252Fd/%2e%2E%20e",
            "/v2/~user/-._/(a)*'!;,=@:$&+/x",
            "/v2/gr%C3%BC%c3%9fe/%E2%82%AC",
            "/v2/a/../b/./c//d/",
            "/v2/../../x",
            "/v2/b?page=2&q=b&page=10&q=a&page=1",
            "/v2/c?empty=&flag&=x&y==&z=a=b",
            "/v2/d?q=a+b&r=a%20b&s=%2B&t=%7E~&u=%c3%bc%C3%BC&v=%2f/",
            "/v2/e?A=1&a=2&a%20b=3&a-b=4&a=%21&a=!",
            "/v2/f?x=%00%0d%0a&&&y=1&",
            "/v2/g?next=https://x.example/?a=b",
            "/v2/h?",
        ] {
            let url = [checker.issuer(), "/prod"].concat();
            for url in [checker.issuer(), &url] {
                let ran = call(&[url, target, "--aws-iam"], &keys(SECRET_KEY, session), "").await;
                let told = last(&checker).await;
                assert_eq!(told["wrong"], Value::Null, "{target}: {told} {ran:?}");
                let stage = if url.ends_with("/prod") { "/prod" } else { "" };
                // An empty query is none.
                let sent = format!("{stage}{target}");
                assert_eq!(told["target"], sent.as_str(), "{told}");
            }
        }
    }
}

#[tokio::test]
async fn bodies_methods_and_headers_are_signed_as_they_are_sent() {
    let Some(checker) = checker(SESSION) else {
        return;
    };
    let url = checker.issuer();
    let keys = keys(SECRET_KEY, SESSION);
    let file = scratch("call-signed").join("body");
    let every: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    std::fs::write(&file, &every).expect("a file");
    let file = file.display().to_string();
    let rows: &[(&str, &[&str], &str, usize)] = &[
        ("POST", &["--body", "-"], "{\"a\": \"grüße\"}", 16),
        ("POST", &["--body", &file], "", 70_000),
        (
            "PUT",
            &[
                "--body",
                "-",
                "-X",
                "PUT",
                "--content-type",
                "application/x-www-form-urlencoded",
            ],
            "k=v&k=w",
            7,
        ),
        ("DELETE", &["-X", "DELETE"], "", 0),
        ("HEAD", &["-X", "HEAD"], "", 0),
        (
            "GET",
            &[
                "-H",
                "X-Amz-Meta: a   b\tc ",
                "-H",
                "X-Other: 1",
                "--as-user",
                "p~abc@x.example",
            ],
            "",
            0,
        ),
    ];
    for (method, options, input, bytes) in rows {
        let start = [url, "/v2/a%2Fb?q=2&q=1", "--aws-iam"];
        let ran = call(&[&start[..], options].concat(), &keys, input).await;
        let told = last(&checker).await;
        assert_eq!(told["wrong"], Value::Null, "{options:?}: {told} {ran:?}");
        assert_eq!(
            (&told["method"], &told["bytes"]),
            (&Value::from(*method), &Value::from(*bytes)),
            "{ran:?}"
        );
    }
}

#[tokio::test]
async fn the_checker_refuses_what_another_key_signed() {
    let Some(checker) = checker(SESSION) else {
        return;
    };
    let url = checker.issuer();
    for (keys, wrong) in [
        (
            keys("another-secret", SESSION),
            "another signature than of ",
        ),
        (keys(SECRET_KEY, "another-session"), "another session"),
        (keys(SECRET_KEY, ""), "another session"),
    ] {
        let ran = call(&[url, "/v2/users?b=1&a=2", "--aws-iam"], &keys, "").await;
        let told = last(&checker).await;
        let text = told["wrong"].as_str().unwrap_or_default();
        assert!(text.starts_with(wrong), "{told}");
        // And the command takes its answer for what it is.
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.error.contains("lambda:InvokeFunctionUrl"), "{ran:?}");
    }
}
