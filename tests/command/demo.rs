//! `hushgate demo`: what it shows without a vendor or a deployment.

use super::{hushgate, texts};
use crate::support::function::scratch;

#[test]
fn the_demonstration_shows_one_answer_and_two_refusals() {
    // One of each way to a source's access token that a demonstration has to imitate.
    for source in [
        "zoom",
        "jira-cloud",
        "gcal",
        "github",
        "slack-discovery-api",
    ] {
        let output = hushgate(&["demo", source, "--once"], &[], "", &scratch("demo"));
        let (out, error) = texts(&output);
        assert!(output.status.success(), "{out}{error}");
        assert!(out.contains("200 OK"), "{out}");
        assert!(
            out.contains("token-missing") && out.contains("endpoint-not-listed"),
            "{out}"
        );
        assert!(!out.contains('\x1b'), "no colours into a pipe");
    }
}

#[test]
fn an_unknown_source_lists_the_known_ones() {
    let output = hushgate(&["demo", "zom"], &[], "", &scratch("demo"));
    assert_eq!(output.status.code(), Some(1));
    assert!(texts(&output).1.contains("zoom"));
}
