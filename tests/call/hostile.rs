//! Servers that answer what no function would.

use std::time::Duration;

use super::servers::{answering, early, raw, recording};
use super::{Pairs, call, kept, token_file};
use crate::support::World;
use crate::support::function::{free_port, scratch};
use crate::tls::TlsSource;

#[tokio::test]
async fn hostile_answers_are_bounded_and_harmless() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let deep: &'static [u8] = deep.into_bytes().leak();
    let answers: [(&str, u16, Pairs<'_>, &[u8]); 6] = [
        (
            "html",
            200,
            &[("content-type", "text/html")],
            b"<html>\x1b[2J\xc2\x9b31m<title>Sign in</title>",
        ),
        (
            "escapes",
            200,
            &[
                ("x-hushgate-request-id", "r1"),
                ("content-type", "application/json"),
            ],
            "{\"a\":\"\u{9b}2J\u{202e}\"}".as_bytes(),
        ),
        (
            "unknown",
            403,
            &[
                ("x-hushgate-request-id", "r1"),
                ("x-hushgate-error", "brand-new"),
            ],
            b"{}",
        ),
        ("deep", 200, &[("x-hushgate-request-id", "r1")], deep),
        (
            "binary",
            200,
            &[("x-hushgate-request-id", "r1")],
            b"\xff\xfe\x00\x1b[2J",
        ),
        (
            "aws",
            403,
            &[("x-amzn-errortype", "AccessDeniedException")],
            b"{\"Message\":\"Forbidden\"}",
        ),
    ];
    for (name, status, headers, body) in answers {
        let server = answering(status, headers, body).await;
        let ran = call(&[&server.url(), "/x", "--anonymous", "-i"], &[], "").await;
        let all = format!("{}{}", ran.out, ran.error);
        let harmful = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}');
        assert!(!all.chars().any(harmful), "{name}: {all:?}");
        let (code, says) = match name {
            "html" => (1, "not from a Hushgate function"),
            "escapes" => (0, "\\u009b2J\\u202e"),
            "unknown" => (
                1,
                "brand-new: this version of the command does not know the code",
            ),
            "deep" => (0, "[[[["),
            "binary" => (0, "no text"),
            _ => (1, "sign with --aws-iam"),
        };
        assert_eq!(ran.code, Some(code), "{name}: {all}");
        assert!(all.contains(says), "{name}: {all}");
        let object = call(&[&server.url(), "/x", "--anonymous", "--json"], &[], "").await;
        assert_eq!(object.out.lines().count(), 1, "{name}");
        assert!(
            object.json()["fine"].is_boolean() && !object.out.trim_end().chars().any(harmful),
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_no_token_goes_elsewhere() {
    let (elsewhere, seen) = recording().await;
    let to = format!("{}/steal?x=y", elsewhere.url());
    for status in [301, 302, 303, 307, 308] {
        let server = answering(status, &[("location", &to)], b"").await;
        let ran = call(
            &[&server.url(), "/x", "--token-file", &kept("opaque-secret")],
            &[],
            "",
        )
        .await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(
            ran.error.contains("redirected: ") && ran.error.contains(&elsewhere.url()),
            "{ran:?}"
        );
    }
    assert_eq!(seen.lock().expect("the record").len(), 0);
}

#[tokio::test]
async fn servers_that_break_the_protocol_end_in_a_clear_failure() {
    let huge = format!(
        "HTTP/1.1 200 OK\r\nx-hushgate-request-id: r\r\ncontent-length: 5000000\r\n\r\n{}",
        "x".repeat(100_000)
    );
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(2_000_000));
    for (answer, options, says) in [
        ("", vec![], "answer-broken"),
        ("SSH-2.0-OpenSSH_9.2\r\n\r\n", vec![], "no HTTP/1.1"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
            vec![],
            "answer-broken",
        ),
        (
            huge.as_str(),
            vec!["--max-bytes", "50000"],
            "answer-too-large",
        ),
        (endless.as_str(), vec![], "answer-broken"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc\0wait",
            vec!["--timeout", "1"],
            "answer-timeout",
        ),
        ("\0wait", vec!["--timeout", "1"], "answer-timeout"),
    ] {
        let server = raw(answer).await;
        let mut arguments = vec![server.as_str(), "/x", "--anonymous"];
        arguments.extend(&options);
        let ran = call(&arguments, &[], "").await;
        assert_eq!(ran.code, Some(1), "{says}: {ran:?}");
        assert!(
            ran.error.contains(says) && ran.error.contains("next: "),
            "{says}: {ran:?}"
        );
        arguments.push("--json");
        assert!(call(&arguments, &[], "").await.json()["code"].is_string());
    }
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let ran = call(&[&nowhere, "/x", "--anonymous"], &[], "").await;
    assert!(
        ran.code == Some(1) && ran.error.contains("connection-refused"),
        "{ran:?}"
    );
}

/// A file with a body that fits into no buffer on the way.
fn large_body() -> String {
    let file = scratch("call-large").join("body.json");
    std::fs::write(&file, vec![b' '; 60_000_000]).expect("a file");
    file.display().to_string()
}

#[tokio::test]
async fn an_answer_before_the_body_is_the_answer_and_does_not_hold_up_the_next_call() {
    let server = early(
        "HTTP/1.1 413 Content Too Large\r\nx-hushgate-request-id: r\r\nx-hushgate-error: request-too-large\r\ncontent-length: 2\r\n\r\n{}",
    )
    .await;
    let body = large_body();
    let many = [
        "--repeat",
        "3",
        "--timeout",
        "10",
        "--anonymous",
        "--body",
        &body,
    ];
    let arguments = [&[server.as_str(), "/x"], &many[..]].concat();
    let ran = call(&arguments, &[], "");
    let ran = tokio::time::timeout(Duration::from_mins(1), ran).await;
    let ran = ran.expect("it ends");
    assert!(ran.out.contains("3  413 request-too-large"), "{ran:?}");
}

#[tokio::test]
async fn each_body_that_is_too_large_for_a_function_is_told_so() {
    let world = World::start().await;
    let (url, file, body) = (world.function.url(), token_file(&world), large_body());
    let many = ["--repeat", "30", "--token-file", &file, "--body", &body];
    let ran = call(&[&[url.as_str(), "/v2/users"], &many[..]].concat(), &[], "").await;
    assert!(ran.out.contains("30  413 request-too-large"), "{ran:?}");
}

#[tokio::test]
async fn tls_is_checked_and_cannot_be_switched_off() {
    let plain = answering(200, &[], b"{}").await;
    let https = plain.url().replace("http://", "https://");
    let certificates = ("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt");
    let ran = call(&[&https, "/x", "--anonymous"], &[certificates], "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        ran.error.contains("tls-failed") || ran.error.contains("certificates-missing"),
        "{ran:?}"
    );
    let nothing = ("SSL_CERT_FILE", "/nowhere/certificates.pem");
    let ran = call(&[&https, "/x", "--anonymous"], &[nothing], "").await;
    assert!(
        ran.code == Some(1)
            && ran.error.contains("certificates-missing")
            && ran.error.contains("ca-certificates"),
        "{ran:?}"
    );
    let Some(source) = TlsSource::start("1.3") else {
        return;
    };
    let authority = source.authority.display().to_string();
    let trusted = ("SSL_CERT_FILE", authority.as_str());
    let ran = call(&[&source.origin, "/healthz", "--anonymous"], &[trusted], "").await;
    assert_eq!(ran.code, Some(1), "no function: {ran:?}");
    assert!(
        ran.error.contains("TLS ") && ran.out.contains("\"users\""),
        "{ran:?}"
    );
    // The same socket by an address that the certificate does not name.
    let mapped = source.origin.replace("127.0.0.1", "[::ffff:127.0.0.1]");
    let ran = call(&[&mapped, "/healthz", "--anonymous"], &[trusted], "").await;
    assert!(
        ran.code == Some(1) && ran.error.contains("for another name"),
        "{ran:?}"
    );
    let ran = call(
        &[&source.origin, "/healthz", "--anonymous"],
        &[certificates],
        "",
    )
    .await;
    assert!(
        ran.code == Some(1) && ran.error.contains("does not trust"),
        "{ran:?}"
    );
}
