//! `hushgate sanitize`: one body, and a batch of them.

use serde_json::Value;

use super::{RULES, hushgate, texts};
use crate::support::function::scratch;
use crate::support::world::KEY;

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
