//! The reference of `source.yaml` stays true.

use hushgate_gateway::connect::{ConnectFault, Source, SourceOptions};

const SCHEMA: &str = include_str!("../../../../docs/source.schema.json");
/// One unknown key in every mapping that has fixed keys.
const UNKNOWN: &str = "id: x\nzzz: 1\ntarget_host: {zzz: 1}\nauth:\n  type: oauth2\n  zzz: 1\n  send: {zzz: 1}\n  assertion: {zzz: 1}\n  answer: {zzz: 1}\n  renew_before: {zzz: 1}\n  client_auth: {zzz: 1}\n  fields: [{zzz: 1}]\n";
const PAGE: &str = include_str!("../../../../docs/connections.md");

#[test]
fn every_example_of_the_reference_loads() {
    let mut seen = 0;
    for block in PAGE.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        if text.starts_with("id:") {
            let loaded = Source::load("docs/connections.md", text, SourceOptions::default());
            assert!(loaded.is_ok(), "{}", loaded.unwrap_err()[0]);
            seen += 1;
        }
    }
    assert!(seen >= 4);
}

#[test]
fn the_reference_names_every_key_and_the_page_every_fault() {
    // The help of an unknown key lists all keys that are known there.
    let problems = Source::load("x", UNKNOWN, SourceOptions::default()).unwrap_err();
    let mut keys = 0;
    for problem in problems.iter().filter(|p| p.code == "unknown-key") {
        for key in problem.help.split("allowed: ").nth(1).unwrap().split(", ") {
            assert!(
                PAGE.contains(&format!("`{key}`")),
                "docs/connections.md does not explain `{key}`"
            );
            keys += 1;
        }
    }
    assert!(keys > 50, "{keys}");
    let faults = [
        ConnectFault::PlatformMissing,
        ConnectFault::UserInvalid,
        ConnectFault::RefusedWhenFresh,
        ConnectFault::TooLarge,
        ConnectFault::Internal,
    ];
    for fault in faults {
        assert!(
            PAGE.contains(&format!("`{}`", fault.code())),
            "{}",
            fault.code()
        );
    }
}

#[test]
fn the_schema_has_exactly_the_keys_that_are_read() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |pointer: &str| -> Vec<String> {
        let properties = schema
            .pointer(pointer)
            .unwrap_or_else(|| panic!("no {pointer}"));
        properties.as_object().unwrap().keys().cloned().collect()
    };
    let auth = "/properties/auth/properties";
    let places = [
        ("a source", "/properties".to_owned()),
        (
            "`target_host`",
            "/properties/target_host/properties".to_owned(),
        ),
        ("`auth`", auth.to_owned()),
        ("`send`", format!("{auth}/send/properties")),
        ("`assertion`", format!("{auth}/assertion/properties")),
        ("`answer`", format!("{auth}/answer/properties")),
        ("`renew_before`", format!("{auth}/renew_before/properties")),
        (
            "`client_auth`",
            format!("{auth}/client_auth/anyOf/1/properties"),
        ),
        ("a field", format!("{auth}/fields/items/properties")),
    ];
    let problems = Source::load("x", UNKNOWN, SourceOptions::default()).unwrap_err();
    for (what, pointer) in places {
        let ending = format!("is not a key of {what}");
        let problem = problems
            .iter()
            .find(|p| p.code == "unknown-key" && p.message.ends_with(&ending));
        let problem = problem.unwrap_or_else(|| panic!("no problem about {what}"));
        let mut read: Vec<String> = problem
            .help
            .split("allowed: ")
            .nth(1)
            .unwrap()
            .split(", ")
            .map(str::to_owned)
            .collect();
        let mut schema = keys(&pointer);
        read.sort();
        schema.sort();
        assert_eq!(schema, read, "{what}");
    }
}
