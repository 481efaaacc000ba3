//! The shipped rules against answers that are not what the vendor documents.
//!
//! Every example answer goes through every endpoint of its source with a marker in each place
//! where the vendor could send something new: a member that no schema lists, and an object or an
//! array where the vendor documents a plain value. No marker may come out.
#![expect(clippy::unwrap_used, reason = "a failure is the test's failure")]

use hushgate_rules::language::{LoadOptions, RuleFile, parse};
use hushgate_rules::pseudonym::{NativeKeys, Options, Pseudonymizer};
use hushgate_rules::sanitize::{ResponsePlan, Sanitizer};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

const MARKER: &str = "unlisted-by-every-schema";

#[test]
fn unlisted_members_never_pass() {
    let checked = check_all(add_members);
    assert!(checked > 0, "no examples were checked");
}

#[test]
fn objects_in_the_place_of_plain_values_never_pass() {
    let object = json!({"id": MARKER, "name": MARKER, "value": MARKER, "email": MARKER});
    let checked = check_all(|value| replace_scalars(value, &object));
    assert!(checked > 0, "no examples were checked");
}

#[test]
fn arrays_in_the_place_of_plain_values_never_pass() {
    let array = json!([MARKER, [MARKER]]);
    let checked = check_all(|value| replace_scalars(value, &array));
    assert!(checked > 0, "no examples were checked");
}

/// Runs every changed example through every endpoint of its source; gives the number of runs.
fn check_all(change: impl Fn(&mut Value)) -> usize {
    let keys = NativeKeys::from_master(b"a key of these tests and of nothing else").unwrap();
    let sanitizer = Sanitizer::new(Pseudonymizer::native(keys, Options::default()));
    let mut runs = 0;
    for source in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules")) {
        let originals = files(&source.join("examples/original"));
        for (template, plan) in plans(&source) {
            for original in &originals {
                let text = std::fs::read_to_string(original).unwrap();
                let Ok(mut value) = serde_json::from_str::<Value>(&text) else {
                    continue;
                };
                change(&mut value);
                let body = value.to_string();
                assert!(body.contains(MARKER), "{} is unchanged", original.display());
                let out = sanitizer.sanitize(&plan, body.as_bytes()).unwrap();
                let out = String::from_utf8_lossy(out.bytes());
                assert!(
                    !out.contains(MARKER),
                    "{} as an answer of {template} lets it pass: {out}",
                    original.display()
                );
                runs += 1;
            }
        }
    }
    runs
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The response plans of a source, with the paths they are for.
fn plans(source: &Path) -> Vec<(String, ResponsePlan)> {
    let file = source.join("rules.yaml");
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Vec::new();
    };
    let options = LoadOptions {
        compat: false,
        kind: None,
    };
    let mut parsed = parse(&file.display().to_string(), &text, options).unwrap();
    let mut found = std::mem::take(&mut parsed.found);
    let RuleFile::Rest(rules) = &parsed.rules else {
        return Vec::new();
    };
    let plan = |endpoint| ResponsePlan::compile(endpoint, &rules.definitions, &mut found).unwrap();
    let plans: Vec<ResponsePlan> = rules.endpoints.iter().map(plan).collect();
    let paths = rules.endpoints.iter().map(|endpoint| {
        let path = endpoint.path_template.as_ref();
        let path = path.or(endpoint.path_regex.as_ref());
        path.map_or_else(String::new, |path| path.value.clone())
    });
    paths.zip(plans).collect()
}

fn add_members(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.values_mut().for_each(add_members);
            members.insert("unlisted".to_owned(), json!(MARKER));
            members.insert("+unlisted:textDigest".to_owned(), json!(MARKER));
        }
        Value::Array(elements) => elements.iter_mut().for_each(add_members),
        _ => {}
    }
    if let Value::Array(elements) = value {
        elements.push(json!({"unlisted": MARKER}));
    }
}

fn replace_scalars(value: &mut Value, with: &Value) {
    match value {
        Value::Object(members) => members
            .values_mut()
            .for_each(|member| replace_scalars(member, with)),
        Value::Array(elements) => elements
            .iter_mut()
            .for_each(|element| replace_scalars(element, with)),
        // It may stand for an object, whose members are then listed.
        Value::Null => {}
        scalar => *scalar = with.clone(),
    }
}
