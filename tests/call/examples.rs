//! The examples of a source, all called.

use tokio::process::Command;

use super::servers::recording;
use super::{USERS, call, run, strange, token_file};
use crate::support::World;
use crate::support::function::{binary, root, scratch};

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

/// A source's folder in which one endpoint has no example.
fn half_a_source() -> String {
    let folder = scratch("call-half");
    for part in ["examples/original", "examples/sanitized"] {
        std::fs::create_dir_all(folder.join(part)).expect("a folder");
    }
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("a file");
    let endpoint = |path: &str| {
        format!(
            "  - pathTemplate: {path}\n    allowedMethods: [GET]\n    allowedQueryParams: [status, page_size]\n    responseSchema: {{type: object, properties: {{page_size: {{type: integer}}}}}}\n"
        )
    };
    let rules = format!(
        "endpoints:\n{}{}",
        endpoint("/v2/users"),
        endpoint("/v2/groups")
    );
    write("rules.yaml", &rules);
    let call = format!("- name: users\n  call: GET {USERS}\n");
    write("examples/calls.yaml", &call);
    write("examples/original/users.json", "{\"page_size\": 30}");
    folder.display().to_string()
}

#[tokio::test]
async fn all_means_every_endpoint_and_those_without_example_are_named() {
    let world = World::start().await;
    let (url, file) = (world.function.url(), token_file(&world));
    let ran = call(&[&url, "--all", "zoom", "--token-file", &file], &[], "").await;
    let rules = std::fs::read_to_string(root().join("rules/zoom/rules.yaml")).expect("rules");
    let endpoints = rules.matches("pathTemplate:").count() + rules.matches("pathRegex:").count();
    let called = ran
        .out
        .lines()
        .filter(|line| line.starts_with("200 "))
        .count();
    assert!(
        endpoints > 10 && called >= endpoints,
        "{called} of {endpoints}: {ran:?}"
    );
    let half = half_a_source();
    let ran = call(&[&url, "--all", &half, "--token-file", &file], &[], "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let named = ran
        .out
        .lines()
        .find(|line| line.contains("no example calls it"));
    assert!(
        named.is_some_and(|line| line.contains("/v2/groups")),
        "{ran:?}"
    );
    assert!(
        ran.error
            .contains("1 fine, 0 failed, 0 admitted and not there, 1 not called"),
        "{ran:?}"
    );
    // The same is a problem for the test of rules, to which all built-in sources are put.
    let mut tested = Command::new(binary("hushgate"));
    tested.args(["rules", "test", &half]);
    let ran = run(tested, &[], "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(
        format!("{ran:?}").contains("endpoint 2 has no example"),
        "{ran:?}"
    );
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
