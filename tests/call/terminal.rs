//! What a terminal shows.

use std::io::Write as _;
use std::path::Path;

use tokio::process::Command;

use super::servers::answering;
use super::{Pairs, Ran, USERS, run, token_file};
use crate::support::World;
use crate::support::function::binary;

/// Runs `hushgate call` in a terminal of its own, whose whole content becomes `out`. None where
/// `script` (util-linux) is missing.
async fn in_terminal(arguments: &[&str], environment: Pairs<'_>) -> Option<Ran> {
    if !Path::new("/usr/bin/script").exists() {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
            "/usr/bin/script is missing; install util-linux"
        );
        // Past the capture of passing tests' output.
        let _ = writeln!(std::io::stderr(), "skipped: /usr/bin/script not found");
        return None;
    }
    let words: Vec<String> = arguments
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
        .collect();
    let line = format!(
        "'{}' call {}",
        binary("hushgate").display(),
        words.join(" ")
    );
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    Some(run(command, environment, "").await)
}

#[tokio::test]
async fn bodies_have_colours_on_a_terminal_that_wants_them() {
    let world = World::start().await;
    let (url, file) = (world.function.url(), token_file(&world));
    let call = [url.as_str(), USERS, "--token-file", &file];
    let xterm = ("TERM", "xterm-256color");
    for environment in [vec![xterm], vec![], vec![xterm, ("NO_COLOR", "")]] {
        let Some(ran) = in_terminal(&call, &environment).await else {
            return;
        };
        assert_eq!(ran.code, Some(0), "{ran:?}");
        for says in [
            "\x1b[34m\"users\"\x1b[0m: [",
            "\x1b[35m\"p~",
            "\x1b[36m30\x1b[0m",
            "\u{2192} 200 OK",
        ] {
            assert!(ran.out.contains(says), "{environment:?} {says:?}: {ran:?}");
        }
    }
    for environment in [
        [("NO_COLOR", "1")],
        [("NO_COLOR", "false")],
        [("TERM", "dumb")],
    ] {
        let Some(ran) = in_terminal(&call, &environment).await else {
            return;
        };
        assert_eq!(ran.code, Some(0), "{ran:?}");
        assert!(ran.out.contains("\"users\": ["), "{ran:?}");
        assert!(!ran.out.contains('\x1b'), "{environment:?}: {ran:?}");
    }
    let object = [&call[..], &["--json"]].concat();
    let Some(ran) = in_terminal(&object, &[xterm]).await else {
        return;
    };
    assert!(
        !ran.out.contains('\x1b') && ran.out.contains("\"fine\":true"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_body_as_it_came_does_not_steer_the_terminal() {
    let ours = [("x-hushgate-request-id", "r1")];
    let server = answering(200, &ours, b"\x1b[2J\x1b]0;title\x07 plain").await;
    let url = server.url();
    for options in [&["--raw"][..], &[]] {
        let arguments = [&[url.as_str(), "/x", "--anonymous"], options].concat();
        let Some(ran) = in_terminal(&arguments, &[("TERM", "xterm")]).await else {
            return;
        };
        assert!(ran.out.contains("\\u{1b}[2J"), "{ran:?}");
        assert!(!ran.out.contains(['\x1b', '\x07']), "{ran:?}");
    }
}
