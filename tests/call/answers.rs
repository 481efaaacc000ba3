//! What a tester sees of a function's answers.

use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;

use super::servers::{last, recording};
use super::{Pairs, USERS, call, kept, run, token_file};
use crate::support::World;
use crate::support::function::{binary, free_port, root, scratch};
use crate::support::world::{AUDIENCE, SUBJECT};

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
                "audience is `https://other.example`: the access policy must name exactly the same",
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
    // What is wrong is not known here: no advice about an audience that is right.
    assert!(!ran.error.contains("must name exactly the same"), "{ran:?}");
    let id = ran.error.split("log it is request ").nth(1);
    let id = id
        .and_then(|rest| rest.lines().next())
        .expect("a request id");
    let log = world.function.log();
    let line = log
        .lines()
        .find(|line| line.contains(id))
        .expect("its line");
    assert!(
        line.contains("token-invalid") && line.contains("subject"),
        "{line}"
    );
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
async fn the_help_has_each_option_under_its_own_heading() {
    let ran = call(&["--help"], &[], "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let (first, rest) = ran.out.split_once("\nIdentity:\n").expect("a heading");
    let (identity, rest) = rest.split_once("\nAnswer:\n").expect("a heading");
    let (answer, load) = rest.split_once("\nLoad and limits:\n").expect("a heading");
    for (part, options) in [
        (
            first,
            &[
                "--health",
                "--all <",
                "--refused",
                "--method",
                "--header",
                "--body",
                "--as-user",
            ][..],
        ),
        (
            identity,
            &[
                "--token-file",
                "--token-command",
                "--google ",
                "--google-key",
                "--audience",
                "--aws-iam",
                "--anonymous",
            ],
        ),
        (answer, &["--raw", "--json", "--include"]),
        (
            load,
            &[
                "--repeat",
                "--concurrency",
                "--timeout",
                "--max-bytes",
                "Exit codes: 0 answered",
            ],
        ),
    ] {
        for option in options {
            assert!(part.contains(option), "{option} not in:\n{part}");
        }
    }
    assert!(
        !ran.out.contains("--token <"),
        "a token never stands in an argument"
    );
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
