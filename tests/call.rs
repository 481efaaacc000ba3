//! `hushgate call` as a tester runs it, before a real function and before hostile servers.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Response};
use hushgate_cli::sources::{BuiltIn, sample_secrets};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::support::World;
use crate::support::function::{binary, free_port, root, scratch};
use crate::support::world::{AUDIENCE, SUBJECT};
use crate::tls::TlsSource;

const USERS: &str = "/v2/users?status=active&page_size=30";
const SECRET_KEY: &str = "aws-secret-that-never-shows";

/// Names and values: of variables, of headers.
type Pairs<'a> = &'a [(&'a str, &'a str)];

/// What a run of the command gave.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    out: String,
    error: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("one JSON document: {self:?}"))
    }

    fn lines(&self) -> Vec<Value> {
        let line = |line| serde_json::from_str(line).expect("a JSON object per line");
        self.out.lines().map(line).collect()
    }
}

/// Runs `hushgate call`; no output may ever have a token or a secret in it.
async fn call(arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Ran {
    let mut command = Command::new(binary("hushgate"));
    command.arg("call").args(arguments);
    run(command, environment, input).await
}

async fn run(mut command: Command, environment: &[(&str, &str)], input: &str) -> Ran {
    let folder = binary("hushgate");
    let folder = folder.parent().expect("its folder").display().to_string();
    let mut child = command
        .env_clear()
        .env("PATH", format!("{folder}:/usr/bin:/bin"))
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("its input");
    // A command that ends early doesn't read its input.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.expect("it ends");
    let ran = Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        error: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    for text in [&ran.out, &ran.error] {
        for secret in ["eyJ", SECRET_KEY, "PRIVATE KEY", "opaque-secret"] {
            assert!(!text.contains(secret), "`{secret}` is shown: {ran:?}");
        }
    }
    ran
}

/// A file with a good token for the world's function.
fn token_file(world: &World) -> String {
    kept(&world.token())
}

fn kept(text: &str) -> String {
    let file = scratch("call").join("token.jwt");
    std::fs::write(&file, format!("{text}\n")).expect("a file");
    file.display().to_string()
}

#[tokio::test]
async fn a_call_shows_what_the_function_answers_whatever_its_identity_comes_from() {
    let world = World::start().await;
    let expected = world.get(USERS).await.bytes().await.expect("a body");
    let url = world.function.url();
    let file = token_file(&world);
    let command = format!("cat '{file}'");
    let token = world.token();
    let ways: [(&[&str], Pairs<'_>); 3] = [
        (&["--token-file", &file], &[]),
        (&["--token-command", &command], &[]),
        (&[], &[("HUSHGATE_CALL_TOKEN", &token)]),
    ];
    for (options, environment) in ways {
        let mut arguments = vec![url.as_str(), USERS, "--raw"];
        arguments.extend_from_slice(options);
        let ran = call(&arguments, environment, "").await;
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert_eq!(ran.out.as_bytes(), expected, "{options:?}");
        assert!(ran.error.contains("→ 200 OK") && ran.error.contains("x-hushgate-rules: "));
    }
    let whole = format!("{url}{USERS}");
    let pretty = call(&[&whole, "--token-file", &file], &[], "").await;
    let document: Value = serde_json::from_slice(&expected).expect("JSON");
    assert_eq!(pretty.json(), document);
    assert!(
        pretty.out.contains("\n  ") && !pretty.out.contains('\x1b'),
        "no terminal, no colours"
    );
    let object = call(&[&url, USERS, "--token-file", &file, "--json"], &[], "").await;
    assert_eq!(object.out.lines().count(), 1);
    let object = object.json();
    assert_eq!(object["body"], document);
    assert_eq!(
        (&object["status"], &object["fine"]),
        (&200.into(), &true.into())
    );
    assert!(object["request_id"].is_string() && object["timing"]["connect"].is_number());
}

#[tokio::test]
async fn refusals_tell_code_next_step_and_what_the_token_says() {
    let world = World::start().await;
    let url = world.function.url();
    let good = token_file(&world);
    let strange = world
        .issuer
        .token(SUBJECT, "https://other.example", Duration::from_mins(5));
    let strange = kept(&strange.expect("a token"));
    let late = world
        .issuer
        .token(SUBJECT, AUDIENCE, Duration::ZERO)
        .expect("a token");
    let late = kept(&late);
    let garbage = kept("opaque-secret");
    for (arguments, code, says) in [
        (
            vec!["/not/listed", "--token-file", &good],
            3,
            vec![
                "403 Forbidden",
                "endpoint-not-listed: ",
                "next: Call an endpoint the rules list",
            ],
        ),
        (
            vec!["/v2/users", "-X", "DELETE", "--token-file", &good],
            3,
            vec!["method-not-listed"],
        ),
        (
            vec!["/v2/a/../users", "--token-file", &good],
            3,
            vec!["path-not-normal"],
        ),
        (
            vec!["/v2/%2e%2e/users", "--token-file", &good],
            3,
            vec!["path-not-normal"],
        ),
        (
            vec!["/v2//users", "--token-file", &good],
            3,
            vec!["path-not-normal"],
        ),
        (
            vec!["/v2/users?q=1", "--token-file", &good],
            3,
            vec!["parameter-not-listed"],
        ),
        (
            vec![
                "/v2/users",
                "-H",
                "X-Hushgate-Nonsense: 1",
                "--token-file",
                &good,
            ],
            1,
            vec!["request-invalid"],
        ),
        (
            vec![USERS, "--anonymous"],
            1,
            vec!["token-missing", "401 Unauthorized"],
        ),
        (
            vec![USERS, "--token-file", &strange],
            1,
            vec![
                "token-invalid",
                "audience is `https://other.example`",
                "subject is `112233`",
            ],
        ),
        (
            vec![USERS, "--token-file", &garbage],
            1,
            vec!["token-invalid", "no JSON Web Token"],
        ),
    ] {
        let mut all = vec![url.as_str()];
        all.extend(&arguments);
        let ran = call(&all, &[], "").await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        for says in says {
            assert!(ran.error.contains(says), "{arguments:?}: {}", ran.error);
        }
        assert!(ran.out.is_empty(), "the refusal is told once: {}", ran.out);
        all.push("--json");
        let object = call(&all, &[], "").await;
        assert_eq!(object.code, Some(code));
        assert!(object.json()["next"].is_string() && object.json()["code"].is_string());
    }
    let ran = call(&[&url, USERS, "--token-file", &late], &[], "").await;
    assert!(
        ran.error.contains("note: the token expired"),
        "{}",
        ran.error
    );
}

#[tokio::test]
async fn the_health_check_is_shown_for_a_known_caller_a_stranger_and_without_identity() {
    let world = World::start().await;
    let url = world.function.url();
    let ran = call(
        &[&url, "--health", "--token-file", &token_file(&world)],
        &[],
        "",
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for says in [
        "up: the function knows this caller",
        "client               vendor-test",
        "source               zoom",
        "missing secrets      none",
    ] {
        assert!(ran.out.contains(says), "{says}: {}", ran.out);
    }
    let bare = call(&[&url, "--health"], &[], "").await;
    assert_eq!(bare.code, Some(0), "{bare:?}");
    assert!(bare.out.starts_with("up: the function runs"), "{bare:?}");
    let strange = world
        .issuer
        .token("somebody", AUDIENCE, Duration::from_mins(5));
    let strange = kept(&strange.expect("a token"));
    let ran = call(&[&url, "--health", "--token-file", &strange], &[], "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.error.contains("did not accept this identity") && ran.error.contains("`somebody`"));
    let object = call(
        &[&url, "--health", "--json", "--token-file", &strange],
        &[],
        "",
    )
    .await;
    assert_eq!(object.json()["code"], "identity-not-accepted");

    let poor = World::with(&[("CLIENT_SECRET", "")]).await;
    let ran = call(
        &[
            &poor.function.url(),
            "--health",
            "--token-file",
            &token_file(&poor),
        ],
        &[],
        "",
    )
    .await;
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.out.contains("missing secrets      CLIENT_SECRET") && ran.error.contains("not-ready"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn all_calls_of_a_source_are_made_with_pseudonyms_from_earlier_answers() {
    let world = World::start().await;
    let (url, file) = (world.function.url(), token_file(&world));
    let ran = call(&[&url, "--all", "zoom", "--token-file", &file], &[], "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("/v2/users/p~"), "{}", ran.out);
    assert!(
        ran.error
            .contains(" fine, 0 failed, 0 admitted and not there, 0 not called"),
        "{}",
        ran.error
    );
    let folder = root().join("rules/zoom").display().to_string();
    let ran = call(
        &[
            &url,
            "--all",
            &folder,
            "--refused",
            "--json",
            "--token-file",
            &file,
        ],
        &[],
        "",
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let lines = ran.lines();
    let refused = lines
        .iter()
        .filter(|line| line["code"] == "path-not-normal")
        .count();
    assert!(
        lines.len() > 40 && refused > 5,
        "{} lines, {refused} refused",
        lines.len()
    );
    assert!(lines.iter().all(|line| line["fine"] == true));
    assert!(
        !ran.out.contains("DELETE "),
        "calls that change data are never sent"
    );
    let source = world.source.as_ref().expect("a source");
    let before = source.calls();
    let gcal = call(&[&url, "--all", "gcal", "--token-file", &file], &[], "").await;
    assert_eq!(
        gcal.code,
        Some(1),
        "a function of another source fails: {gcal:?}"
    );
    assert!(
        gcal.out.contains("endpoint-not-listed") && gcal.error.starts_with("0 fine"),
        "{gcal:?}"
    );
    assert_eq!(source.calls(), before);
}

#[tokio::test]
async fn repeated_calls_give_percentiles_and_errors_by_code() {
    let world = World::start().await;
    let (url, file) = (world.function.url(), token_file(&world));
    let many = [
        "--repeat",
        "60",
        "--concurrency",
        "4",
        "--token-file",
        &file,
    ];
    let ran = call(&[&[url.as_str(), USERS], &many[..]].concat(), &[], "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for says in [
        "60 calls, 4 at once",
        "fine 60, failed 0",
        "60  200",
        "p50 ",
        "p90 ",
        "p99 ",
        "max ",
    ] {
        assert!(ran.out.contains(says), "{says}: {}", ran.out);
    }
    let refused = call(
        &[&[url.as_str(), "/not/listed"], &many[..]].concat(),
        &[],
        "",
    )
    .await;
    assert_eq!(refused.code, Some(3), "{refused:?}");
    assert!(
        refused.out.contains("60  403 endpoint-not-listed"),
        "{}",
        refused.out
    );
    let objects = call(
        &[&[url.as_str(), USERS, "--json"], &many[..]].concat(),
        &[],
        "",
    )
    .await;
    assert_eq!(objects.lines().len(), 60);
    assert!(
        objects
            .lines()
            .iter()
            .all(|line| line["fine"] == true && line["body"].is_null())
    );
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let nothing = call(&[&nowhere, "/x", "--anonymous", "--repeat", "3"], &[], "").await;
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
    assert!(nothing.out.contains("3  connection-refused"), "{nothing:?}");
}

#[tokio::test]
async fn method_body_headers_and_path_arrive_as_they_were_given() {
    let (server, seen) = recording().await;
    let folder = scratch("call-body");
    std::fs::write(folder.join("body.json"), "{\"a\": 1}").expect("a file");
    let body = folder.join("body.json").display().to_string();
    let target = "/v1/a%2Fb//../c?x=%31&x=&=&y==";
    let url = format!("{}/prod", server.url());
    call(
        &[
            &url,
            target,
            "--body",
            &body,
            "-H",
            "X-One: 1",
            "--as-user",
            "p~abc@x.example",
            "--anonymous",
        ],
        &[],
        "",
    )
    .await;
    let request = last(&seen);
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/prod/v1/a%2Fb//../c?x=%31&x=&=&y==")
    );
    assert_eq!(request.body, "{\"a\": 1}");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(
        (
            request.header("x-one"),
            request.header("x-hushgate-user-to-impersonate")
        ),
        ("1", "p~abc@x.example")
    );
    assert_eq!(request.header("authorization"), "");
    let piped = [
        "--body",
        "-",
        "--content-type",
        "application/x-www-form-urlencoded",
        "-X",
        "PUT",
        "--as-user",
        "u",
        "--compat",
        "psoxy",
        "--anonymous",
    ];
    call(&[&[url.as_str(), "/x"], &piped[..]].concat(), &[], "k=v").await;
    let request = last(&seen);
    assert_eq!(
        (request.method.as_str(), request.body.as_str()),
        ("PUT", "k=v")
    );
    assert_eq!(
        request.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        (
            request.header("x-psoxy-user-to-impersonate"),
            request.header("x-hushgate-user-to-impersonate")
        ),
        ("u", "")
    );
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn wrong_use_is_told_with_what_to_do_and_nothing_is_sent() {
    let (server, seen) = recording().await;
    let url = server.url();
    let u = url.as_str();
    let empty = kept("");
    let words = kept("Bearer opaque-secret");
    let missing = "/nonexistent/token";
    for (arguments, code, says) in [
        (vec![], 2, "<URL>"),
        (vec![u], 2, "identity-missing"),
        (vec![u, "--anonymous"], 2, "path-missing"),
        (vec![u, "/x"], 2, "--anonymous"),
        (vec![u, "x", "--anonymous"], 2, "start with `/`"),
        (vec![u, "/x y", "--anonymous"], 2, "percent-encoded"),
        (vec![u, "/x#y", "--anonymous"], 2, "%23"),
        (
            vec!["http://fn.example", "/x", "--anonymous"],
            2,
            "this machine only",
        ),
        (
            vec!["https://u:opaque-secret@fn.example", "/x", "--anonymous"],
            2,
            "name or password",
        ),
        (vec!["fn.example", "/x", "--anonymous"], 2, "no scheme"),
        (
            vec![u, "/x", "--token", "opaque-secret"],
            2,
            "token-in-argument",
        ),
        (
            vec![
                u,
                "/x",
                "-H",
                "Authorization: Bearer opaque-secret",
                "--anonymous",
            ],
            2,
            "made by this command",
        ),
        (
            vec![u, "/x", "-H", "nonsense", "--anonymous"],
            2,
            "'Name: value'",
        ),
        (
            vec![u, "/x", "-X", "GE T", "--anonymous"],
            2,
            "method-invalid",
        ),
        (
            vec![u, "/x", "-X", "CONNECT", "--anonymous"],
            2,
            "method-invalid",
        ),
        (
            vec![u, "/x", "--as-user", "a\nb", "--anonymous"],
            2,
            "user-invalid",
        ),
        (
            vec![u, "/x", "--token-file", "a", "--token-command", "b"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--google", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (
            vec![u, "/x", "--audience", "a", "--anonymous"],
            2,
            "required",
        ),
        (vec![u, "/x", "--health"], 2, "cannot be used with"),
        (
            vec![u, "/x", "--refused", "--anonymous"],
            2,
            "cannot be used with",
        ),
        (vec![u, "/x", "--repeat", "0", "--anonymous"], 2, "not in"),
        (
            vec![u, "/x", "--concurrency", "2", "--anonymous"],
            2,
            "--repeat",
        ),
        (
            vec![u, "/x", "--compat", "other", "--anonymous"],
            2,
            "psoxy",
        ),
        (vec![u, "/x", "--timeout", "0", "--anonymous"], 2, "not in"),
        (
            vec![u, "--all", "no-such", "--anonymous"],
            2,
            "no source `no-such`",
        ),
        (
            vec![u, "--all", "asana", "--anonymous"],
            2,
            "has no rules yet",
        ),
        (
            vec![u, "/x", "--token-file", missing],
            1,
            "can't read the token file",
        ),
        (vec![u, "/x", "--token-file", &empty], 1, "no token in it"),
        (
            vec![u, "/x", "--token-file", &words],
            1,
            "leave the word out",
        ),
        (
            vec![u, "/x", "--token-command", "echo oh >&2; exit 7"],
            1,
            "exit status: 7",
        ),
        (vec![u, "/x", "--token-command", "yes"], 1, "token-"),
        (
            vec![u, "/x", "--token-command", "true"],
            1,
            "no token in it",
        ),
        (
            vec![u, "/x", "--body", missing, "--anonymous"],
            1,
            "can't read the body",
        ),
        (
            vec![u, "/x", "--google-key", missing],
            1,
            "google-key-unreadable",
        ),
        (vec![u, "/x", "--google-key", &words], 1, "not the key file"),
        (vec![u, "/x", "--aws-iam"], 1, "AWS_ACCESS_KEY_ID"),
        (
            vec![u, "/x", "--aws-iam", "--region", "x"],
            1,
            "aws configure export-credentials",
        ),
    ] {
        let ran = call(&arguments, &[("HOME", "/nonexistent")], "").await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        assert!(ran.error.contains(says), "{arguments:?}: {}", ran.error);
    }
    assert_eq!(seen.lock().expect("the record").len(), 0);
}

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
    let Some(source) = TlsSource::start("1.3") else {
        return;
    };
    let authority = source.authority.display().to_string();
    let trusted = ("SSL_CERT_FILE", authority.as_str());
    let ran = call(&[&source.origin, "/healthz", "--anonymous"], &[trusted], "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(
        ran.error.contains("TLS ") && ran.out.contains("\"users\""),
        "{ran:?}"
    );
    let localhost = source.origin.replace("127.0.0.1", "localhost");
    let ran = call(&[&localhost, "/healthz", "--anonymous"], &[trusted], "").await;
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

#[tokio::test]
async fn google_tokens_come_from_the_metadata_server_or_a_key_file() {
    let world = World::start().await;
    let token = world.token();
    let metadata = metadata_server(&token).await;
    let place = metadata.url().replace("http://", "");
    let machine = [("GCE_METADATA_HOST", place.as_str())];
    let url = world.function.url();
    let ran = call(
        &[&url, USERS, "--google", "--audience", AUDIENCE],
        &machine,
        "",
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = call(
        &[
            &url,
            USERS,
            "--google",
            "--audience",
            "https://other.example",
        ],
        &machine,
        "",
    )
    .await;
    assert!(
        ran.code == Some(1) && ran.error.contains("google-metadata-refused"),
        "{ran:?}"
    );

    let endpoint = token_endpoint(&token).await;
    let key = key_file(&format!("{}/token", endpoint.url()));
    let ran = call(
        &[&url, USERS, "--google-key", &key, "--audience", AUDIENCE],
        &[],
        "",
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = call(
        &[
            &url,
            USERS,
            "--google-key",
            &key,
            "--audience",
            "https://other.example",
        ],
        &[],
        "",
    )
    .await;
    assert!(
        ran.code == Some(1) && ran.error.contains("google-key-refused"),
        "{ran:?}"
    );
    let clear = key_file("http://oauth2.example/token");
    let ran = call(&[&url, USERS, "--google-key", &clear], &[], "").await;
    assert!(
        ran.code == Some(1) && ran.error.contains("not https"),
        "{ran:?}"
    );

    let (server, seen) = recording().await;
    let file = token_file(&world);
    call(
        &[
            &server.url(),
            "/x",
            "--token-file",
            &file,
            "--google",
            "--audience",
            AUDIENCE,
        ],
        &machine,
        "",
    )
    .await;
    let request = last(&seen);
    assert!(request.header("authorization").starts_with("Bearer eyJ"));
    assert_eq!(
        request.header("x-serverless-authorization"),
        format!("Bearer {token}")
    );
}

#[tokio::test]
async fn signed_calls_carry_the_signature_and_never_the_secret() {
    let (server, seen) = recording().await;
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", "session-1"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let ran = call(
        &[&server.url(), "/v2/users?x=1", "--aws-iam", "-i"],
        &environment,
        "",
    )
    .await;
    assert!(!format!("{ran:?}").contains("session-1"));
    let request = last(&seen);
    let authorization = request.header("authorization");
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20"),
        "{authorization}"
    );
    assert!(authorization.contains("/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="));
    assert_eq!(request.header("x-amz-security-token"), "session-1");
    assert_eq!(
        request.header("x-amz-content-sha256"),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let all: Vec<_> = request
        .headers
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    assert!(!all.concat().contains(SECRET_KEY));
}

#[tokio::test]
async fn the_examples_of_the_page_work_as_written() {
    let world = World::start().await;
    let metadata = metadata_server(&world.token()).await;
    let place = metadata.url().replace("http://", "");
    let folder = reader(&world);
    let page = std::fs::read_to_string(root().join("docs/call.md")).expect("the page");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let hushgate = binary("hushgate").display().to_string();
    let mut ran_lines = 0;
    for line in examples(&page) {
        let real = line
            .replace("hushgate call", &format!("{hushgate} call"))
            .replace(
                "https://zoom.gw.example/",
                &format!("{}/", world.function.url()),
            )
            .replace(
                "https://zoom.gw.example ",
                &format!("{} ", world.function.url()),
            );
        let mut command = Command::new("sh");
        command.args(["-c", &real]).current_dir(&folder);
        let ran = run(
            command,
            &[("PATH", &path), ("GCE_METADATA_HOST", &place)],
            "",
        )
        .await;
        assert_eq!(ran.code, Some(0), "`{line}`: {ran:?}");
        ran_lines += 1;
    }
    assert!(ran_lines >= 8, "{ran_lines} examples");
}

/// The commands in the page's shell blocks, one per line.
fn examples(page: &str) -> Vec<String> {
    let blocks = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(|block| block.lines().filter(|line| line.contains("hushgate call")))
        .map(|line| line.split("   #").next().unwrap_or(line).trim().to_owned())
        .collect()
}

/// A folder with what the examples name, and a `gcloud` that gives the world's token.
fn reader(world: &World) -> PathBuf {
    let folder = scratch("call-docs");
    std::fs::write(folder.join("token.jwt"), world.token()).expect("a file");
    let gcloud = folder.join("gcloud");
    std::fs::write(&gcloud, "#!/bin/sh\ncat token.jwt\n").expect("a file");
    executable(&gcloud);
    folder
}

fn executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("its mode");
}

/// A request that a recording server got.
#[derive(Debug, Clone)]
struct Seen {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }
}

type Record = Arc<Mutex<Vec<Seen>>>;

fn last(record: &Record) -> Seen {
    let record = record.lock().expect("the record");
    record.last().cloned().expect("a request")
}

async fn recording() -> (LoopbackServer, Record) {
    let record = Record::default();
    let kept = Arc::clone(&record);
    let server = LoopbackServer::start(move |request| {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter();
        let seen = Seen {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: String::from_utf8_lossy(request.body()).into_owned(),
        };
        kept.lock().expect("the record").push(seen);
        Response::new(Bytes::from_static(b"{}"))
    });
    (server.await.expect("a server"), record)
}

async fn answering(status: u16, headers: &[(&str, &str)], body: &'static [u8]) -> LoopbackServer {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let server = LoopbackServer::start(move |_| {
        let mut response = http::Response::builder().status(status);
        for (name, value) in &headers {
            response = response.header(name, value);
        }
        response.body(Bytes::from_static(body)).expect("a response")
    });
    server.await.expect("a server")
}

/// A server that sends these bytes to everybody and closes; after `\0wait` it holds the line instead.
async fn raw(answer: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (bytes, waits) = match answer.strip_suffix("\0wait") {
        Some(bytes) => (bytes.to_owned(), true),
        None => (answer.to_owned(), false),
    };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(bytes.as_bytes()).await;
            if waits {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        }
    });
    url
}

/// Google's metadata server, which gives `token` for the audience of the tests.
async fn metadata_server(token: &str) -> LoopbackServer {
    let token = token.to_owned();
    let audience = AUDIENCE.replace(':', "%3A").replace('/', "%2F");
    let expected = format!(
        "/computeMetadata/v1/instance/service-accounts/default/identity?audience={audience}&format=full"
    );
    let server = LoopbackServer::start(move |request| {
        let asked = request
            .headers()
            .get("metadata-flavor")
            .is_some_and(|flavor| flavor == "Google");
        let known = asked && request.uri().to_string() == expected;
        http::Response::builder()
            .status(if known { 200 } else { 404 })
            .header("metadata-flavor", "Google")
            .body(Bytes::from(if known {
                token.clone()
            } else {
                String::new()
            }))
            .expect("a response")
    });
    server.await.expect("a server")
}

/// Google's token endpoint, which gives `token` for an assertion for the audience of the tests.
async fn token_endpoint(token: &str) -> LoopbackServer {
    let token = token.to_owned();
    let server = LoopbackServer::start(move |request| {
        let form = String::from_utf8_lossy(request.body()).into_owned();
        let assertion = form.strip_prefix(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=",
        );
        let payload = assertion.and_then(|jwt| URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok());
        let claims: Value =
            serde_json::from_slice(&payload.unwrap_or_default()).unwrap_or_default();
        let good = claims["target_audience"] == AUDIENCE
            && claims["iss"] == claims["sub"]
            && claims["aud"]
                .as_str()
                .is_some_and(|aud| aud.ends_with("/token"));
        let body = if good {
            serde_json::json!({ "id_token": token })
        } else {
            serde_json::json!({ "error": "invalid_grant" })
        };
        http::Response::builder()
            .status(if good { 200 } else { 400 })
            .body(Bytes::from(body.to_string()))
            .expect("a response")
    });
    server.await.expect("a server")
}

/// A service account's key file, with a key made for the test.
fn key_file(token_uri: &str) -> String {
    let secrets = sample_secrets(BuiltIn::find("gcal").expect("a source")).expect("its secrets");
    let key = secrets
        .iter()
        .find(|(_, value)| value.contains("service_account"));
    let mut key: Value = serde_json::from_str(&key.expect("a key").1).expect("JSON");
    key["token_uri"] = token_uri.into();
    let file = scratch("call-google").join("key.json");
    std::fs::write(&file, key.to_string()).expect("a file");
    file.display().to_string()
}
