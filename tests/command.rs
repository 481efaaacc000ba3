//! The `hushgate` command, run as a person runs it.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::function::{binary, root, scratch};
use crate::support::world::KEY;

fn hushgate(
    arguments: &[&str],
    environment: &[(&str, &str)],
    input: &str,
    folder: &Path,
) -> Output {
    let mut child = Command::new(binary("hushgate"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(input.as_bytes())
        // A command that ends early on wrong usage doesn't read its input.
        .ok();
    child.wait_with_output().expect("it ends")
}

fn texts(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

const RULES: &str = "\
endpoints:
  - pathTemplate: /v1/users
    allowedMethods: [GET]
    allowedQueryParams: [page]
    responseSchema:
      type: object
      properties:
        id: {type: integer}
        mail: {type: string}
    transforms:
      - !<pseudonymize>
        jsonPaths: [$.mail]
";

#[test]
fn every_example_of_every_source_is_sanitized_as_reviewed() {
    let output = hushgate(&["rules", "test"], &[], "", &root());
    let (out, error) = texts(&output);
    assert!(output.status.success(), "{out}{error}");
}

#[test]
fn the_shipped_rules_have_no_error() {
    let output = hushgate(&["rules", "check"], &[], "", &root());
    let (out, error) = texts(&output);
    assert!(output.status.success(), "{out}{error}");
}

#[test]
fn examples_are_listed_with_files_that_exist() {
    let output = hushgate(&["rules", "examples", "--json"], &[], "", &root());
    let (out, error) = texts(&output);
    assert!(output.status.success(), "{error}");
    let mut count = 0;
    for line in out.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        for member in ["rules", "original", "sanitized"] {
            let file = line[member].as_str().expect("a path");
            assert!(root().join(file).is_file(), "{file}");
        }
        assert!(
            line["url"]
                .as_str()
                .is_some_and(|u| u.starts_with("https://")),
            "{line}"
        );
        count += 1;
    }
    assert!(count > 30, "{count} examples");
}

#[test]
fn a_wrong_rule_file_is_reported_with_line_and_column_all_errors_at_once() {
    let folder = scratch("check");
    let wrong = RULES
        .replace("pseudonymize", "pseudonymise")
        .replace("$.mail", "\"$.[\"");
    std::fs::write(folder.join("rules.yaml"), wrong).expect("a file");
    let output = hushgate(&["rules", "check", "rules.yaml"], &[], "", &folder);
    let (out, _) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{out}");
    assert!(out.contains("rules.yaml:11:"), "{out}");
    assert!(
        out.contains("pseudonymize"),
        "it suggests the right name: {out}"
    );
}

#[test]
fn a_wrong_declaration_is_reported_with_line_and_column_alone_and_beside_its_rules() {
    const SOURCE: &str = "\
id: notes
name: Notes
docs: https://docs.notes.example
host: api.notes.example
auth:
  type: apiKey
  send: {in: header, name: x-api-key, value: \"{{API_KEY}}\"}
  fields:
    - {name: APIKEY, label: Key}
";
    let folder = scratch("check-source").join("notes");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("rules.yaml"), RULES).expect("a file");
    std::fs::write(folder.join("source.yaml"), SOURCE).expect("a file");
    std::fs::write(folder.join("other.yaml"), SOURCE).expect("a file");
    for file in ["source.yaml", "rules.yaml", ".", "other.yaml"] {
        let output = hushgate(&["rules", "check", file], &[], "", &folder);
        let (out, error) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{file}: {out}{error}");
        assert!(out.contains(".yaml:7:46\n"), "{file}: {out}");
        assert!(out.contains("`API_KEY` is used but not declared"), "{out}");
        assert!(out.contains(".yaml:9:14\n"), "{file}: {out}");
        assert!(
            out.contains("field `APIKEY` is declared but not used"),
            "{out}"
        );
    }
    let right = SOURCE.replace("APIKEY", "API_KEY");
    std::fs::write(folder.join("source.yaml"), &right).expect("a file");
    let output = hushgate(
        &["rules", "check", "--strict", "rules.yaml"],
        &[],
        "",
        &folder,
    );
    let (out, error) = texts(&output);
    assert!(output.status.success(), "{out}{error}");
    assert!(
        error.contains("2 files checked: 0 errors, 0 warnings"),
        "{error}"
    );
    let moved = right.replace("id: notes", "id: other\nconnect_button: logo.svg");
    std::fs::write(folder.join("source.yaml"), moved).expect("a file");
    let output = hushgate(
        &["rules", "check", "--strict", "--json", "."],
        &[],
        "",
        &folder,
    );
    let (out, _) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{out}");
    for (code, line) in [("id-not-folder", 1), ("image-missing", 2)] {
        let told = out
            .lines()
            .map(|l| serde_json::from_str::<Value>(l).expect("JSON"));
        assert!(
            told.into_iter()
                .any(|f| f["code"] == code && f["line"] == line),
            "{out}"
        );
    }
}

#[test]
fn one_body_is_sanitized_from_standard_input() {
    let folder = scratch("sanitize");
    std::fs::write(folder.join("rules.yaml"), RULES).expect("a file");
    let arguments = [
        "sanitize",
        "--rules",
        "rules.yaml",
        "--url",
        "https://x.example/v1/users?page=2",
    ];
    let body = "{\"id\": 7, \"mail\": \"ada@example.com\", \"name\": \"Ada\"}";
    let output = hushgate(&arguments, &[("PSEUDONYM_KEY", KEY)], body, &folder);
    let (out, error) = texts(&output);
    assert!(output.status.success(), "{error}");
    let value: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(value["id"], 7);
    assert!(
        value["mail"]
            .as_str()
            .is_some_and(|m| m.starts_with("t~") && m.ends_with("@example.com"))
    );
    assert!(value.get("name").is_none());
}

#[test]
fn a_call_that_is_not_listed_exits_with_three() {
    let folder = scratch("sanitize");
    std::fs::write(folder.join("rules.yaml"), RULES).expect("a file");
    let arguments = [
        "sanitize",
        "--rules",
        "rules.yaml",
        "--url",
        "https://x.example/v1/other",
    ];
    let output = hushgate(&arguments, &[("PSEUDONYM_KEY", KEY)], "{}", &folder);
    let (out, error) = texts(&output);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        out.is_empty() && error.contains("endpoint-not-listed"),
        "{out}{error}"
    );
}

#[test]
fn missing_keys_are_named_and_usage_errors_exit_with_two() {
    let folder = scratch("sanitize");
    std::fs::write(folder.join("rules.yaml"), RULES).expect("a file");
    let arguments = [
        "sanitize",
        "--rules",
        "rules.yaml",
        "--url",
        "https://x.example/v1/users",
    ];
    let output = hushgate(&arguments, &[], "{}", &folder);
    let (_, error) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("PSEUDONYM_KEY"), "{error}");
    assert_eq!(
        hushgate(&["sanitize"], &[], "", &folder).status.code(),
        Some(2)
    );
}

#[test]
fn a_batch_answers_every_line_whatever_stands_in_the_others() {
    let folder = scratch("batch");
    std::fs::write(folder.join("rules.yaml"), RULES).expect("a file");
    let input = concat!(
        "{\"id\":1,\"rules\":\"rules.yaml\",\"method\":\"GET\",\"url\":\"https://x/v1/users\",\"body\":{\"id\":12345678901234567890123,\"mail\":\"ada@example.com\"}}\n",
        "{\"id\":\"two\",\"rules\":\"rules.yaml\",\"method\":\"POST\",\"url\":\"https://x/v1/users\",\"body\":{}}\n",
        "no json\n",
        "\n",
        "{\"id\":4,\"rules\":\"absent.yaml\",\"method\":\"GET\",\"url\":\"https://x/v1/users\",\"body\":{}}\n",
        "{\"id\":5,\"rules\":\"rules.yaml\",\"method\":\"GET\",\"url\":\"https://x/v1/users\",\"body\":\"{broken\"}\n",
        "{\"id\":6,\"rules\":\"rules.yaml\",\"method\":\"GET\",\"url\":\"https://x/v1/users\",\"body\":\"{\\\"id\\\":1}\\n{\\\"id\\\":2}\"}\n",
    );
    let output = hushgate(
        &["sanitize", "--batch"],
        &[("PSEUDONYM_KEY", KEY)],
        input,
        &folder,
    );
    let (out, error) = texts(&output);
    assert!(output.status.success(), "{error}");
    let lines: Vec<Value> = out
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 6, "{out}");
    assert_eq!(lines[0]["status"], "ok");
    assert_eq!(
        (&lines[1]["id"], &lines[1]["status"]),
        (&"two".into(), &"blocked".into())
    );
    assert_eq!(lines[1]["code"], "method-not-listed");
    assert_eq!(
        (&lines[2]["id"], &lines[2]["status"]),
        (&Value::Null, &"error".into())
    );
    assert_eq!(
        (&lines[3]["id"], &lines[3]["code"]),
        (&4.into(), &"rules-invalid".into())
    );
    assert_eq!(
        (&lines[4]["id"], &lines[4]["status"]),
        (&5.into(), &"error".into())
    );
    assert_eq!(lines[5]["body"], "{\"id\":1}\n{\"id\":2}");
    assert!(!out.contains("ada@"), "{out}");
}

#[test]
fn wrong_rules_are_told_before_a_missing_key() {
    let folder = scratch("rules-first");
    std::fs::write(
        folder.join("rules.yaml"),
        RULES.replace("allowed", "alowed"),
    )
    .expect("rules");
    let output = hushgate(
        &["sanitize", "--rules", "rules.yaml", "--url", "/v1/users"],
        &[],
        "{}",
        &folder,
    );
    let (_, error) = texts(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("error[unknown-key]"), "{error}");
    std::fs::write(folder.join("rules.yaml"), RULES).expect("rules");
    let output = hushgate(
        &["sanitize", "--rules", "rules.yaml", "--url", "/v1/users"],
        &[],
        "{}",
        &folder,
    );
    let (_, error) = texts(&output);
    assert!(error.contains("PSEUDONYM_KEY"), "{error}");
}

#[test]
fn the_configuration_is_listed_and_checked() {
    let folder = scratch("config");
    let output = hushgate(&["config"], &[], "", &folder);
    assert!(texts(&output).0.contains("HUSHGATE_ACCESS"));
    let output = hushgate(
        &["config", "--check"],
        &[("PORT", "x"), ("HUSHGATE_ACESS", "1")],
        "",
        &folder,
    );
    let (out, _) = texts(&output);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        out.contains("PORT") && out.contains("HUSHGATE_ACESS"),
        "{out}"
    );
}

/// What `config --check` says about the words of an operator: exit code and problems.
fn checked(environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = hushgate(&["config", "--check"], environment, "", &scratch("config"));
    (output.status.code(), texts(&output).0)
}

#[test]
fn callers_of_a_platform_are_checked_before_a_function_starts() {
    const AWS: &str = "clients:\n  - id: reports\n    identity: {aws_iam: {role: 'arn:aws:iam::111122223333:role/reporting'}}\n    sources: [zoom]\n";
    const GOOGLE: &str = "clients:\n  - id: reports\n    identity: {cloud_run: {subject: '1048576', audience: https://zoom.run.example}}\n    sources: [zoom]\n";
    let aws_said = format!("{AWS}aws_iam: {{direct_invoke: refused}}\n");
    let google_said = format!("{GOOGLE}cloud_run: {{unauthenticated: refused}}\n");
    let lambda = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    let run = ("K_SERVICE", "zoom");
    let on = |word| ("HUSHGATE_PLATFORM_CALLERS", word);
    let access = |policy| ("HUSHGATE_ACCESS", policy);
    for environment in [
        vec![access(aws_said.as_str()), lambda, on("aws-iam")],
        vec![access(&google_said), run, on("cloud-run")],
    ] {
        let (code, out) = checked(&environment);
        assert_eq!(code, Some(0), "{environment:?}: {out}");
    }
    // The switch, where that platform is not; the policy, without the switch or with that of another
    // platform; the policy, without the operator's word.
    for (environment, says) in [
        (
            vec![on("aws-iam")],
            "HUSHGATE_PLATFORM_CALLERS: this host is not that platform (AWS_LAMBDA_RUNTIME_API is not set)",
        ),
        (vec![on("cloud-run"), lambda], "K_SERVICE is not set"),
        (vec![on("google"), run], "allowed: `aws-iam`"),
        (
            vec![access(&aws_said), lambda],
            "HUSHGATE_ACCESS: inline:3:25: clients[0].identity.aws_iam: is taken only with HUSHGATE_PLATFORM_CALLERS=aws-iam, which is not set",
        ),
        (
            vec![access(&google_said), lambda, on("aws-iam")],
            "clients[0].identity.cloud_run: is taken only with HUSHGATE_PLATFORM_CALLERS=cloud-run, which is `aws-iam`",
        ),
        (
            vec![access(AWS), lambda, on("aws-iam")],
            "aws_iam: {direct_invoke: refused}",
        ),
        (
            vec![access(GOOGLE), run, on("cloud-run")],
            "cloud_run: {unauthenticated: refused}",
        ),
    ] {
        let (code, out) = checked(&environment);
        assert_eq!(code, Some(1), "{environment:?}: {out}");
        assert!(out.contains(says), "{environment:?}: {out}");
    }
    let folder = scratch("config");
    std::fs::write(
        folder.join("policy.yaml"),
        "clients: [{id: a, identity: {}}]\n",
    )
    .expect("a file");
    let in_file = [("HUSHGATE_ACCESS", "policy.yaml")];
    let output = hushgate(&["config", "--check"], &in_file, "", &folder);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        texts(&output).0.contains("HUSHGATE_ACCESS: policy.yaml:1:"),
        "{output:?}"
    );
    let (code, out) = checked(&[access("no-such.yaml")]);
    assert!(
        code == Some(1) && out.contains("HUSHGATE_ACCESS: the file can't be read"),
        "{out}"
    );
}

#[test]
fn the_check_compiles_rules_and_says_what_it_did_not_look_at() {
    let (code, out) = checked(&[("HUSHGATE_RULES", RULES)]);
    assert_eq!(code, Some(0), "{out}");
    // Without its methods the endpoint gives a warning too.
    let wrong = RULES.replace("allowedMethods", "allowedMethds");
    let folder = scratch("config");
    std::fs::write(folder.join("bad.yaml"), &wrong).expect("a file");
    for given in ["bad.yaml", &wrong] {
        let environment = [
            ("HUSHGATE_RULES", given),
            ("HUSHGATE_ACCESS", "clients: 1\n"),
        ];
        let output = hushgate(&["config", "--check"], &environment, "", &folder);
        let (out, _) = texts(&output);
        assert_eq!(output.status.code(), Some(1), "{out}");
        assert!(
            out.contains("error[unknown-key]") && out.contains("HUSHGATE_ACCESS: inline:1:"),
            "all problems at once: {out}"
        );
        assert!(
            !out.contains("is valid") && !out.contains("warning["),
            "only what stops the start: {out}"
        );
    }
    // As a start does: options of psoxy without effect are wrong unless it is asked for.
    let psoxy = "defaultScopeIdForSource: zoom\n".to_owned() + RULES;
    let (strict, out) = checked(&[("HUSHGATE_RULES", &psoxy)]);
    let (compatible, _) = checked(&[("HUSHGATE_RULES", &psoxy), ("HUSHGATE_COMPAT", "psoxy")]);
    assert_eq!((strict, compatible), (Some(1), Some(0)), "{out}");
    for elsewhere in ["store:RULES", "s3://acme-rules/zoom.yaml"] {
        for name in ["HUSHGATE_RULES", "HUSHGATE_ACCESS"] {
            let output = hushgate(&["config", "--check"], &[(name, elsewhere)], "", &folder);
            let (_, told) = texts(&output);
            assert!(output.status.success(), "{output:?}");
            for says in [
                &format!("not looked at: {name} lies in a store or bucket"),
                "not looked at: secrets",
                "hushgate call URL --health",
            ] {
                assert!(told.contains(says), "{says}: {told}");
            }
        }
    }
}

#[test]
fn the_check_warns_of_a_policy_that_lets_nobody_in() {
    let policy = |rest: &str| {
        format!(
            "issuers: [{{issuer: 'https://issuer.example', algorithms: [RS256]}}]\nclients:\n  - id: reports\n    identity: {{issuer: 'https://issuer.example', subject: '1048576', audience: 'https://zoom.gw.example'}}\n    {rest}\n"
        )
    };
    for (rest, warnings) in [
        ("sources: [zoom, asana]\n    expires: 2199-12-31", &[][..]),
        (
            "sources: [zooom]\n    expires: 2025-01-01",
            &[
                "warning: HUSHGATE_ACCESS: client `reports`: there is no built-in source `zooom`; did you mean `zoom`?",
                "warning: HUSHGATE_ACCESS: client `reports`: its access has ended",
            ],
        ),
        ("sources: []", &["it may use no source"]),
    ] {
        let (code, out) = checked(&[("HUSHGATE_ACCESS", &policy(rest))]);
        assert_eq!(code, Some(0), "{out}");
        assert_eq!(out.matches("warning: ").count(), warnings.len(), "{out}");
        assert!(
            warnings.iter().all(|warning| out.contains(warning)),
            "{out}"
        );
    }
    let (code, out) = checked(&[]);
    assert!(
        code == Some(0) && out.contains("warning: HUSHGATE_ACCESS is not set"),
        "{out}"
    );
}

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

/// What the command says of a cloud that it was built without; nothing when this one has every cloud.
#[test]
fn without_a_cloud_it_says_how_to_get_a_command_with_it() {
    let folder = scratch("clouds");
    let table: &[(&[&str], &str, &str, &str)] = &[
        (
            &["connection", "list"],
            "HUSHGATE_SECRETS",
            "gcp-secretmanager:a-project/zoom",
            "gcp",
        ),
        (
            &["connection", "list"],
            "HUSHGATE_SECRETS",
            "aws-ssm:/hushgate/zoom",
            "aws",
        ),
        (
            &["connection", "list"],
            "HUSHGATE_SECRETS",
            "aws-secretsmanager:zoom",
            "aws",
        ),
        (
            &["serve", "zoom"],
            "HUSHGATE_SECRETS",
            "aws-ssm:/hushgate/zoom",
            "aws",
        ),
        (
            &["serve", "zoom"],
            "HUSHGATE_RULES",
            "s3://a-bucket/rules.yaml",
            "aws",
        ),
        (
            &["serve", "zoom"],
            "HUSHGATE_ACCESS",
            "gs://a-bucket/access.yaml",
            "gcp",
        ),
    ];
    for (arguments, variable, place, cloud) in table {
        let output = hushgate(arguments, &[(variable, place)], "", &folder);
        let (out, err) = texts(&output);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?} {place}: {out}{err}"
        );
        let build = format!("`cargo install --locked --path crates/cli --features {cloud}`");
        let start = format!("{variable}: this `hushgate` was built without `{cloud}`");
        assert!(
            err.contains(&start) && err.contains(&build),
            "{arguments:?} {place}: {err}"
        );
        // That is for whoever deploys a function.
        assert!(
            !err.contains("deploy") && !out.contains("deploy"),
            "{out}{err}"
        );
    }
}
