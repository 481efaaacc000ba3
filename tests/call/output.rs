//! What becomes of a verdict when its reader leaves, the disk is full, or the tester loses patience.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::Command;

use super::servers::answering;
use super::{Pairs, Ran, run};
use crate::support::function::{binary, scratch};

const OURS: Pairs<'_> = &[("x-hushgate-request-id", "r1")];
const REFUSED: Pairs<'_> = &[
    ("x-hushgate-request-id", "r1"),
    ("x-hushgate-error", "endpoint-not-listed"),
];

/// Runs a line of the shell, where `hushgate` is the command.
async fn shell(line: &str) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", line]);
    run(command, &[], "").await
}

/// Rules with a finding.
fn wrong_rules() -> String {
    let file = scratch("call-rules").join("rules.yaml");
    std::fs::write(&file, "endpoints: 7\n").expect("a file");
    file.display().to_string()
}

#[tokio::test]
async fn a_full_disk_fails_every_call() {
    let fine = answering(200, OURS, b"{\"a\":1}").await;
    let refused = answering(403, REFUSED, b"{}").await;
    for (server, options) in [
        (&fine, ""),
        (&fine, "--raw"),
        (&fine, "--json"),
        (&refused, "--json"),
        (&fine, "--repeat 3"),
        (&refused, "--repeat 3 --json"),
        (&refused, "--all zoom --json"),
    ] {
        let path = if options.contains("--all") { "" } else { "/x" };
        let url = server.url();
        let line = format!("hushgate call '{url}' {path} --anonymous {options} > /dev/full");
        let ran = shell(&line).await;
        assert_eq!(ran.code, Some(1), "{options}: {ran:?}");
        assert!(
            ran.error.contains("(output-failed)") && ran.error.contains("next: check the disk"),
            "{options}: {ran:?}"
        );
    }
    // The other commands have results, too.
    let findings = format!("hushgate rules check --json '{}'", wrong_rules());
    for line in ["hushgate demo --once", &findings] {
        let ran = shell(&format!("{line} > /dev/full")).await;
        assert_eq!(ran.code, Some(1), "{line}: {ran:?}");
        assert!(ran.error.contains("(output-failed)"), "{line}: {ran:?}");
    }
    // Where nobody can be told, the exit code still does.
    let url = fine.url();
    let ran = shell(&format!(
        "hushgate call '{url}' /x --anonymous 2> /dev/full"
    ))
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[tokio::test]
async fn a_reader_that_left_does_not_change_the_verdict() {
    let fine = answering(200, OURS, b"{\"a\":1}").await;
    let refused = answering(403, REFUSED, b"{}").await;
    let failed = answering(502, &[], b"").await;
    for (server, options, code) in [
        (&fine, "/x", 0),
        (&fine, "/x --raw", 0),
        (&refused, "/x --json", 3),
        (&failed, "/x --json", 1),
        (&refused, "/x --repeat 3", 3),
        (&refused, "/x --repeat 3 --json", 3),
        (&refused, "--all zoom", 1),
    ] {
        let url = server.url();
        let line = format!(
            "{{ sleep 0.3; hushgate call '{url}' {options} --anonymous; echo \"code $?\" >&2; }} | true"
        );
        let ran = shell(&line).await;
        assert!(
            ran.error.ends_with(&format!("code {code}\n")),
            "{options}: {ran:?}"
        );
        assert!(!ran.error.contains("output-failed"), "{options}: {ran:?}");
    }
    let line = format!(
        "{{ sleep 0.3; hushgate rules check --json '{}'; echo \"code $?\" >&2; }} | true",
        wrong_rules()
    );
    let ran = shell(&line).await;
    assert!(ran.error.ends_with("code 1\n"), "{ran:?}");
    // A load for nobody ends.
    let url = fine.url();
    let line = format!("hushgate call '{url}' /x --anonymous --repeat 1000000 --json | head -n 5");
    let ran = shell(&line).await;
    assert_eq!(ran.lines().len(), 5, "{ran:?}");
}

#[tokio::test]
async fn an_interrupted_load_tells_what_it_has_and_does_not_pass_for_fine() {
    let server = answering(200, OURS, b"{}").await;
    let mut child = Command::new(binary("hushgate"))
        .args(["call", &server.url(), "/x", "--anonymous"])
        .args(["--repeat", "1000000", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    lines.next_line().await.expect("a line");
    let reading = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    let pid = child.id().expect("it runs").to_string();
    let kill = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(kill.expect("kill").success());
    let status = child.wait().await.expect("it ends");
    let mut told = String::new();
    let mut error = child.stderr.take().expect("its notes");
    error.read_to_string(&mut told).await.expect("text");
    reading.await.expect("all was read");
    assert_eq!(status.code(), Some(130), "{told}");
    assert!(
        told.contains("interrupted") && told.contains("p50 "),
        "{told}"
    );
}
