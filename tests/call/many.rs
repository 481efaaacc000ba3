//! Many calls: the examples of a source, and one call repeated.

use std::time::Duration;

use super::servers::{every_second, recording};
use super::{USERS, call, kept, token_file};
use crate::support::World;
use crate::support::function::{free_port, scratch};
use crate::support::world::{AUDIENCE, SUBJECT};

/// A file with a token that the world's function refuses.
fn strange(world: &World) -> String {
    let token = world
        .issuer
        .token(SUBJECT, "https://other.example", Duration::from_mins(5));
    kept(&token.expect("a token"))
}

#[tokio::test]
async fn no_example_is_called_after_the_identity_was_refused() {
    let world = World::start().await;
    let (url, file) = (world.function.url(), strange(&world));
    let ran = call(&[&url, "--all", "zoom", "--token-file", &file], &[], "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert_eq!(ran.out.matches("token-invalid: ").count(), 1, "{ran:?}");
    assert_eq!(ran.out.matches("next: ").count(), 1, "{ran:?}");
    for says in [
        "issuer is `",
        "audience is `https://other.example`",
        "stopped: ",
    ] {
        assert!(ran.error.contains(says), "{says}: {ran:?}");
    }
    assert!(
        ran.error
            .contains("0 fine, 1 failed, 0 admitted and not there, ")
            && !ran.error.contains(" 0 not called"),
        "{ran:?}"
    );
    let options = ["--all", "zoom", "--refused", "--json", "--anonymous"];
    let ran = call(&[&[url.as_str()], &options[..]].concat(), &[], "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let lines = ran.lines();
    assert!(
        lines.len() == 1 && lines[0]["code"] == "token-missing",
        "{ran:?}"
    );
    assert_eq!(lines[0]["fine"], false);
}

#[tokio::test]
async fn examples_are_shown_with_the_target_that_was_sent() {
    let (server, seen) = recording().await;
    let url = format!("{}/prod", server.url());
    let ran = call(&[&url, "--all", "zoom", "--anonymous"], &[], "").await;
    let seen = seen.lock().expect("the record");
    assert!(!seen.is_empty() && seen.iter().all(|seen| seen.target.starts_with("/prod/v2/")));
    for seen in seen.iter() {
        let sent = format!("{} {}", seen.method, seen.target);
        assert!(ran.out.contains(&sent), "{sent}: {}", ran.out);
    }
}

#[tokio::test]
async fn a_load_tells_the_next_step_of_each_failure_once() {
    let world = World::start().await;
    let (url, strange) = (world.function.url(), strange(&world));
    let many = [
        "--repeat",
        "5",
        "--concurrency",
        "2",
        "--token-file",
        &strange,
    ];
    for options in [&[][..], &["--json"]] {
        let ran = call(
            &[&[url.as_str(), USERS], &many[..], options].concat(),
            &[],
            "",
        )
        .await;
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert_eq!(ran.error.matches("next: ").count(), 1, "{ran:?}");
        assert_eq!(
            ran.error
                .matches("audience is `https://other.example`")
                .count(),
            1
        );
    }
    let file = token_file(&world);
    let arguments = [&url, "/not/listed", "--repeat", "5", "--token-file", &file];
    let ran = call(&arguments, &[], "").await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.error.starts_with("endpoint-not-listed: ") && ran.error.matches("next: ").count() == 1,
        "{ran:?}"
    );
}

#[tokio::test]
async fn calls_that_ran_out_of_time_count_in_percentiles() {
    let server = every_second(
        "HTTP/1.1 200 OK\r\nx-hushgate-request-id: r\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}",
    )
    .await;
    let many = [
        "--repeat",
        "4",
        "--concurrency",
        "9",
        "--timeout",
        "1",
        "--anonymous",
    ];
    let ran = call(&[&[server.as_str(), "/x"], &many[..]].concat(), &[], "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for says in [
        "4 calls, 4 at once",
        "fine 2, failed 2",
        "2  answer-timeout",
        "last byte: p50",
    ] {
        assert!(ran.out.contains(says), "{says}: {}", ran.out);
    }
    for name in ["p90 ", "p99 ", "max "] {
        let (_, rest) = ran.out.split_once(name).expect("a percentile");
        let time = rest.split_whitespace().next().expect("a time");
        let time: f64 = time.parse().expect("milliseconds");
        assert!(time >= 1000.0, "{name}: {}", ran.out);
    }
    let nowhere = format!("http://127.0.0.1:{}", free_port());
    let ran = call(&[&nowhere, "/x", "--repeat", "2", "--anonymous"], &[], "").await;
    assert!(!ran.out.contains("p50"), "nothing was waited for: {ran:?}");
}

#[tokio::test]
async fn a_command_that_gives_old_tokens_is_not_run_for_every_call() {
    let world = World::start().await;
    let late = world.issuer.token(SUBJECT, AUDIENCE, Duration::ZERO);
    let late = kept(&late.expect("a token"));
    let runs = scratch("call-runs").join("runs");
    let command = format!("echo run >> '{}'; cat '{late}'", runs.display());
    let url = world.function.url();
    let many = ["--repeat", "6", "--token-command", &command];
    let ran = call(&[&[url.as_str(), USERS], &many[..]].concat(), &[], "").await;
    assert!(ran.out.contains("6 calls, 1 at once"), "{ran:?}");
    let runs = std::fs::read_to_string(runs).expect("the runs");
    assert_eq!(runs.lines().count(), 1, "{ran:?}");
}
