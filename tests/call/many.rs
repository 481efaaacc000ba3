//! One call repeated.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::servers::{crowded, every_second};
use super::{USERS, call, kept, strange, token_file};
use crate::support::World;
use crate::support::function::{free_port, scratch};
use crate::support::world::{AUDIENCE, SUBJECT};

#[tokio::test]
async fn as_many_calls_run_at_once_as_was_said() {
    for at_once in ["1", "4"] {
        let (url, most) = crowded().await;
        let asked = ["--anonymous", "--repeat", "12", "--concurrency", at_once];
        let arguments = [&[url.as_str(), USERS], &asked[..]].concat();
        let ran = call(&arguments, &[], "").await;
        assert!(ran.out.contains("12 calls"), "{ran:?}");
        let most = most.load(Ordering::SeqCst).to_string();
        assert_eq!(most, at_once, "{ran:?}");
    }
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
