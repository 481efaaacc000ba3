//! The native pseudonyms, beside another implementation made from the documentation alone.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::function::{binary, root, scratch};
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
        println!("skipped: HUSHGATE_PYTHON is not set; `cargo xtask test` sets it");
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
