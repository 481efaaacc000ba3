//! The native pseudonyms, beside another implementation made from the documentation alone.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::function::{binary, root, scratch};
use crate::support::skipped;
use crate::support::world::KEY;

const RULES: &str = "\
endpoints:
  - pathTemplate: /v1/ids
    allowedMethods: [GET]
    responseSchema: {type: array, items: {type: object, properties: {plain: {type: string}, back: {type: string}}}}
    transforms:
      - !<pseudonymize> {jsonPaths: ['$[*].plain']}
      - !<pseudonymize> {jsonPaths: ['$[*].back'], includeReversible: true}
";

/// Identifiers that are no e-mail addresses, so that text and hash input are the same.
const IDENTIFIERS: &[&str] = &[
    "a",
    "u-48213",
    "fifteen-bytes-x",
    "sixteen-byte-id!",
    "ünïcødé 名前",
    "p~not-a-token",
    "0",
    "😀 x",
];

#[test]
fn another_implementation_makes_the_same_pseudonyms_from_the_documentation() {
    let Some(python) = std::env::var_os("HUSHGATE_PYTHON") else {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
            "HUSHGATE_PYTHON is not set; run `cargo xtask test`"
        );
        skipped("HUSHGATE_PYTHON is not set; `cargo xtask test` sets it");
        return;
    };
    let (number, key) = KEY.split_once(':').expect("a numbered key");
    let lines = IDENTIFIERS.join("\n") + "\n";
    let expected = output(
        Command::new(python)
            .arg(root().join("tests/peers/pseudonym_oracle.py"))
            .args([key, number]),
        &lines,
    );
    let folder = scratch("oracle");
    std::fs::write(folder.join("rules.yaml"), RULES).expect("a file");
    let body: Vec<Value> = IDENTIFIERS
        .iter()
        .map(|id| json!({"plain": id, "back": id}))
        .collect();
    let mut command = Command::new(binary("hushgate"));
    command.args([
        "sanitize",
        "--rules",
        "rules.yaml",
        "--url",
        "https://x.example/v1/ids",
    ]);
    command.env("PSEUDONYM_KEY", KEY).current_dir(&folder);
    let actual: Vec<Value> =
        serde_json::from_str(&output(&mut command, &Value::from(body).to_string())).expect("JSON");
    let pairs: Vec<String> = actual
        .iter()
        .map(|v| {
            format!(
                "{} {}",
                v["plain"].as_str().unwrap_or(""),
                v["back"].as_str().unwrap_or("")
            )
        })
        .collect();
    assert_eq!(pairs, expected.lines().collect::<Vec<_>>());
}

/// Published pairs of the reference: identifier, hashed form, reversible form. Salt `salt`, password `secret`.
const PUBLISHED: &[(&str, &str, &str)] = &[
    (
        "blah",
        "t~nVPSMYD7ZO_ptGIMJ65TAFo5_vVVQQ2af5Bfg7bW0Jo",
        "p~nVPSMYD7ZO_ptGIMJ65TAFo5_vVVQQ2af5Bfg7bW0Jq9JIOXfBWhts_zA5Ns0r4m",
    ),
    (
        "alice@acme.com",
        "t~UFdK0TvVTvZ23c6QslyCy0o2MSq2DRtDjEXfTPJyyMk@acme.com",
        "p~UFdK0TvVTvZ23c6QslyCy0o2MSq2DRtDjEXfTPJyyMnKYUk8FJevl3wvFyZY0eF-@acme.com",
    ),
    (
        "Alice@Acme.COM",
        "t~UFdK0TvVTvZ23c6QslyCy0o2MSq2DRtDjEXfTPJyyMk@Acme.COM",
        "p~UFdK0TvVTvZ23c6QslyCy0o2MSq2DRtDjEXfTPJyyMnD-iukYfQVA_xqdZmzK3qx@Acme.COM",
    ),
    (
        "\"Zo\u{eb} Q\" <zoe@acme.com>",
        "t~LcSvyqRyr-G1cxGQV73iMEIFIYOzB27m8vTGAcIYu9Q@acme.com",
        "p~LcSvyqRyr-G1cxGQV73iMEIFIYOzB27m8vTGAcIYu9S2M_F8CW3z1lYLLbIJlhfyYnNPe10h51m0i9j8KwoPYw@acme.com",
    ),
    (
        "alice@localhost",
        "t~tUmUYUz8UjssgjdDKdL4eSEX_kBcCpPVNTzVwpZKK8s",
        "p~tUmUYUz8UjssgjdDKdL4eSEX_kBcCpPVNTzVwpZKK8vhx1KH3mR042507rBWJ2Ij",
    ),
];

#[test]
fn compatibility_mode_makes_the_published_pseudonyms_in_a_batch() {
    let folder = scratch("published");
    std::fs::write(folder.join("rules.yaml"), RULES).expect("a file");
    let calls: Vec<String> = PUBLISHED
        .iter()
        .enumerate()
        .map(|(number, (id, _, _))| {
            json!({
                "id": number, "rules": "rules.yaml", "method": "GET",
                "url": "https://x.example/v1/ids", "body": [{"plain": id, "back": id}],
            })
            .to_string()
        })
        .collect();
    let mut command = Command::new(binary("hushgate"));
    command
        .args(["sanitize", "--batch"])
        .env_clear()
        .env("HUSHGATE_COMPAT", "psoxy")
        .env("PSOXY_SALT", "salt")
        .env("PSOXY_ENCRYPTION_KEY", "secret")
        .current_dir(&folder);
    let answers = output(&mut command, &(calls.join("\n") + "\n"));
    assert_eq!(answers.lines().count(), PUBLISHED.len(), "{answers}");
    for (line, (id, plain, back)) in answers.lines().zip(PUBLISHED) {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["status"], "ok", "{line}");
        let body = match &line["body"] {
            Value::String(text) => serde_json::from_str(text).expect("JSON"),
            body => body.clone(),
        };
        assert_eq!(body, json!([{"plain": plain, "back": back}]), "{id}");
    }
}

fn output(command: &mut Command, input: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child
        .stdin
        .take()
        .expect("its input")
        .write_all(input.as_bytes())
        .expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    String::from_utf8(output.stdout).expect("text")
}
