//! Starting and stopping.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushgate_cli::sample::{LoopbackServer, Response};

use crate::support::World;
use crate::support::function::{binary, scratch};
use crate::support::world::policy;

#[tokio::test(flavor = "multi_thread")]
async fn a_running_call_is_finished_when_the_function_is_told_to_stop() {
    let server = LoopbackServer::start(|request| {
        let body = if request.method() == http::Method::POST {
            "{\"access_token\":\"sample-access-token\",\"expires_in\":3600,\"token_type\":\"bearer\"}"
        } else {
            std::thread::sleep(Duration::from_millis(700));
            "{\"users\":[]}"
        };
        let mut response = Response::new(bytes::Bytes::from_static(body.as_bytes()));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    })
    .await
    .expect("a slow source");
    let world = World::before(&server.address().to_string(), &[]).await;
    let request = world.request(reqwest::Method::GET, "/v2/users");
    let call = tokio::spawn(async move { request.send().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut world = world;
    let code = tokio::task::block_in_place(|| world.function.terminate());
    let response = call
        .await
        .expect("the call ends")
        .expect("an answer, not a cut connection");
    assert_eq!(response.status(), 200);
    assert_eq!(code, Some(0));
}

#[tokio::test]
async fn a_policy_that_lets_nobody_in_is_told_before_the_function_is_ready() {
    const NOBODY: &str = "no client may use `zoom` now";
    let usual = policy("http://127.0.0.1:9", "[zoom]");
    for (given, says) in [
        (usual.clone(), None),
        (
            usual.replace("[zoom]", "[zooom]"),
            Some("the `sources` of none list it, but one lists `zooom`"),
        ),
        (
            usual.replace("2099", "2025"),
            Some("the access of `vendor-test` has ended"),
        ),
    ] {
        let world = World::with(&[("HUSHGATE_ACCESS", &given)]).await;
        let alive = format!("{}/healthz", world.function.url());
        world.client.get(alive).send().await.expect("an answer");
        let log = world.function.log();
        let (before, _) = log.split_once("\"ready\"").expect("it is ready");
        assert_eq!(before.contains(NOBODY), says.is_some(), "{log}");
        assert!(before.contains(says.unwrap_or("")), "{log}");
    }
}

#[test]
fn an_argument_starts_no_server_and_two_questions_are_answered() {
    let run = |arguments: &[&str]| {
        let output = Command::new(binary("zoom"))
            .args(arguments)
            .env_clear()
            .env("PORT", "0")
            .current_dir(scratch("arguments"))
            .output()
            .expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (
            output.status.code(),
            text(&output.stdout),
            text(&output.stderr),
        )
    };
    let version = concat!("hushgate function zoom ", env!("CARGO_PKG_VERSION"));
    for (arguments, code, says) in [
        (["--version"], 0, version),
        (["--help"], 0, "HUSHGATE_ACCESS"),
    ] {
        let (ended, out, error) = run(&arguments);
        assert_eq!(ended, Some(code), "{error}");
        assert!(out.contains(says) && error.is_empty(), "{out}{error}");
    }
    for wrong in [["--port=8080"], ["serve"], ["--check"]] {
        let (ended, out, error) = run(&wrong);
        assert_eq!(ended, Some(2), "{wrong:?}: {error}");
        assert!(error.contains("error: unknown argument"), "{error}");
        assert!(out.is_empty(), "it began: {out}");
    }
}

#[test]
fn a_wrong_configuration_stops_the_start_and_names_every_problem() {
    let output = Command::new(binary("zoom"))
        .env_clear()
        .env("PORT", "eighty")
        .env("HUSHGATE_COMPAT", "other")
        .env("HUSHGATE_SECRETS", "file:")
        .current_dir(scratch("wrong"))
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    for name in ["PORT", "HUSHGATE_COMPAT", "HUSHGATE_SECRETS"] {
        assert!(text.contains(name), "{name} is not named:\n{text}");
    }
}

#[tokio::test]
async fn without_an_access_policy_every_call_is_refused() {
    let world = World::with(&[("HUSHGATE_ACCESS", "")]).await;
    let response = world.get("/v2/users").await;
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn loopback_is_refused_as_a_source_unless_switched_on() {
    let world = Arc::new(World::with(&[]).await);
    assert_eq!(
        world
            .get("/v2/users?status=active&page_size=30")
            .await
            .status(),
        200
    );
    let output = Command::new(binary("zoom"))
        .env_clear()
        .env("PORT", "0")
        .env("K_SERVICE", "zoom")
        .env("HUSHGATE_DEV_LOOPBACK", "1")
        .current_dir(scratch("cloud"))
        .output()
        .expect("it starts");
    assert!(
        !output.status.success(),
        "loopback on a cloud host must stop the start"
    );
}

#[test]
fn a_signal_at_the_moment_of_readiness_ends_the_function_in_order() {
    for signal in ["-TERM", "-INT"] {
        let mut child = Command::new(binary("zoom"))
            .env_clear()
            .env("PORT", "0")
            .env("HUSHGATE_LISTEN", "127.0.0.1")
            .current_dir(scratch("signal"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let pid = child.id().to_string();
        for line in output.lines() {
            if line.expect("text").contains("\"ready\"") {
                let sent = Command::new("kill").args([signal, &pid]).status();
                assert!(sent.expect("kill runs").success());
            }
        }
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), Some(0), "{signal}: {status}");
    }
}

#[test]
fn addresses_that_no_source_has_stop_the_start() {
    let cases = [
        ("zoom", "HUSHGATE_TARGET_HOST", "169.254.169.254"),
        ("salesforce", "HUSHGATE_TARGET_HOST", "169.254.169.254"),
        ("salesforce", "HUSHGATE_TARGET_HOST", "[fd00:ec2::254]"),
        ("salesforce", "HUSHGATE_TARGET_HOST", "10.0.0.7"),
        (
            "salesforce",
            "HUSHGATE_TARGET_HOST",
            "my.salesforce.com.evil.example",
        ),
        ("zoom", "HUSHGATE_TOKEN_ORIGIN", "http://10.0.0.7:9000"),
        ("zoom", "HUSHGATE_TOKEN_ORIGIN", "http://169.254.169.254"),
        (
            "zoom",
            "HUSHGATE_TOKEN_ORIGIN",
            "https://[::ffff:169.254.169.254]",
        ),
    ];
    for (source, name, value) in cases {
        let mut command = Command::new(binary(source));
        command
            .env_clear()
            .env("PORT", "0")
            .env("HUSHGATE_DEV_LOOPBACK", "1")
            .env("HUSHGATE_TARGET_HOST", "127.0.0.1:9")
            .env(name, value)
            .current_dir(scratch("address"));
        let (status, text) = end_of(command);
        assert!(
            status.is_some_and(|s| !s.success()),
            "{name}={value}: {text}"
        );
        assert!(text.contains(name), "{name} is not named:\n{text}");
        assert!(!text.contains("\"ready\""), "{text}");
    }
}

/// How a process ends within five seconds, and what it wrote; one that runs on is ended.
fn end_of(mut command: Command) -> (Option<std::process::ExitStatus>, String) {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("it starts");
    let start = Instant::now();
    let mut status = None;
    while status.is_none() && start.elapsed() < Duration::from_secs(5) {
        status = child.try_wait().expect("the process can be asked");
        std::thread::sleep(Duration::from_millis(5));
    }
    if status.is_none() {
        let _ = child.kill();
    }
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (status, text + &String::from_utf8_lossy(&output.stdout))
}
