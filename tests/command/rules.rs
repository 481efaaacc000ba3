//! `hushgate rules`: tests, checks and lists of rules and declarations.

use serde_json::Value;

use super::{RULES, hushgate, texts};
use crate::support::function::{root, scratch};

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
