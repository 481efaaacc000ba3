//! The reference of `source.yaml` stays true.

use std::collections::{BTreeMap, BTreeSet};

use hushgate_gateway::connect::consent::ConsentFault;
use hushgate_gateway::connect::forecast::Ending;
use hushgate_gateway::connect::source::{
    AuthType, ClientAuthKind, FieldKind, Grant, SignatureMethod,
};
use hushgate_gateway::connect::{
    CheckFault, ConnectFault, ConnectorError, Diagnosis, HostError, Source, SourceOptions,
};

const SCHEMA: &str = include_str!("../../../../docs/source.schema.json");
/// One unknown key in every mapping that has fixed keys; `{}` stands for the type.
const UNKNOWN: &str = "
id: x
zzz: 1
target_host: {zzz: 1}
auth:
  type: {}
  grant: token_exchange
  zzz: 1
  send: {zzz: 1}
  assertion: {zzz: 1}
  answer: {zzz: 1}
  renew_before: {zzz: 1}
  client_auth: {zzz: 1}
  token_exchange: {zzz: 1}
  authorization: {zzz: 1}
  device: {zzz: 1}
  body: {zzz: 1}
  validate: {zzz: 1, success: {zzz: 1}}
  profile: {zzz: 1}
  revoke: {zzz: 1}
  forecast: {zzz: 1}
  fields: [{zzz: 1, options: [{zzz: 1}]}]
";
const TYPES: [&str; 4] = ["apiKey", "pwd", "oauth1", "oauth2"];
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
    assert!(seen >= 7);
}

#[test]
fn the_reference_names_every_key() {
    let mut keys = 0;
    for (_, known) in known_keys() {
        for key in known {
            assert!(
                PAGE.contains(&format!("`{key}`")),
                "docs/connections.md does not explain `{key}`"
            );
            keys += 1;
        }
    }
    assert!(keys > 120, "{keys}");
}

#[test]
fn the_page_says_what_every_code_means_and_what_to_do_and_has_no_other() {
    let tables = [
        ConnectFault::CODES,
        ConnectorError::CODES,
        HostError::CODES,
        ConsentFault::CODES,
        CheckFault::CODES,
    ];
    let known: BTreeSet<&str> = tables.into_iter().flatten().copied().collect();
    let mut told = BTreeSet::new();
    for line in PAGE.lines() {
        let code = line.strip_prefix("| `").and_then(|l| l.split_once("` | "));
        let Some((code, rest)) = code else { continue };
        let prefixes = ["connect-", "consent-", "check-", "source-host-"];
        // Foreseen ends and causes have their own tests.
        let other =
            code == Ending::Consent.code() || Diagnosis::ALL.iter().any(|d| d.code() == code);
        if !other && prefixes.iter().any(|prefix| code.starts_with(prefix)) {
            assert!(told.insert(code), "`{code}` stands twice");
            let cells: Vec<&str> = rest.trim_end_matches('|').split('|').collect();
            assert!(cells.len() >= 2, "{line}");
            assert!(cells.iter().all(|cell| cell.trim().len() > 3), "{line}");
        }
    }
    assert_eq!(known, told);
}

#[test]
fn the_page_says_which_ends_are_foreseen() {
    for ending in [
        Ending::Consent,
        Ending::Unused,
        Ending::Key,
        Ending::KeyAge,
        Ending::Certificate,
        Ending::Declared,
    ] {
        let row = format!("| `{}` | ", ending.code());
        let row = PAGE.lines().find(|line| line.starts_with(&row));
        let row = row.unwrap_or_else(|| panic!("{} is not on the page", ending.code()));
        assert!(
            row.ends_with(&format!("| {} |", ending.next_step())),
            "{row}"
        );
    }
}

#[test]
fn the_page_says_what_every_cause_of_a_refusal_means_and_what_to_do() {
    for cause in Diagnosis::ALL {
        let (code, meaning, step) = (cause.code(), cause.meaning(), cause.next_step());
        let row = format!("| `{code}` | {meaning} | {step} |\n");
        assert!(PAGE.contains(&row), "docs/connections.md lacks: {row}");
    }
}

#[test]
fn the_schema_has_exactly_the_keys_that_are_read() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let keys = |pointer: &str| -> BTreeSet<String> {
        let properties = schema
            .pointer(pointer)
            .unwrap_or_else(|| panic!("no {pointer}"));
        properties.as_object().unwrap().keys().cloned().collect()
    };
    let auth = "/properties/auth/properties";
    let places = [
        ("a source", String::new()),
        ("`target_host`", "/properties/target_host".to_owned()),
        ("`auth`", "/properties/auth".to_owned()),
        ("`send`", format!("{auth}/send/anyOf/0")),
        ("`assertion`", format!("{auth}/assertion")),
        ("`answer`", format!("{auth}/answer")),
        ("`renew_before`", format!("{auth}/renew_before/anyOf/0")),
        ("`client_auth`", format!("{auth}/client_auth/anyOf/1")),
        ("`token_exchange`", format!("{auth}/token_exchange")),
        ("`authorization`", format!("{auth}/authorization")),
        ("`device`", format!("{auth}/device")),
        ("`body`", format!("{auth}/body")),
        ("`validate`", format!("{auth}/validate")),
        ("`success`", format!("{auth}/validate/properties/success")),
        ("`profile`", format!("{auth}/profile")),
        ("`revoke`", format!("{auth}/revoke")),
        ("`forecast`", format!("{auth}/forecast")),
        ("a field", format!("{auth}/fields/items")),
        (
            "an option",
            format!("{auth}/fields/items/properties/options/items/anyOf/1"),
        ),
    ];
    let mut known = known_keys();
    for (what, pointer) in places {
        let read = known
            .remove(what)
            .unwrap_or_else(|| panic!("no problem about {what}"));
        let schema = keys(&format!("{pointer}/properties"));
        assert_eq!(schema, read, "{what}");
    }
    assert!(known.is_empty(), "not in the schema: {known:?}");
}

#[test]
fn the_schema_lists_the_words_that_are_read() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    let listed = |pointer: &str| -> Vec<String> {
        let words = schema
            .pointer(&format!("/properties/auth/properties{pointer}"))
            .and_then(|w| w.as_array())
            .unwrap_or_else(|| panic!("no {pointer}"));
        words
            .iter()
            .map(|w| w.as_str().unwrap().to_owned())
            .collect()
    };
    let client = "/client_auth/anyOf/1/properties";
    let words: [(&str, Vec<&str>); 8] = [
        ("/type/enum", words(AuthType::ALL)),
        ("/grant/enum", words(Grant::ALL)),
        ("/signature_method/enum", words(SignatureMethod::ALL)),
        ("/fields/items/properties/type/enum", words(FieldKind::ALL)),
        ("/client_auth/anyOf/0/enum", words(ClientAuthKind::ALL)),
        (
            "/fields/items/properties/when/items/enum",
            words(ClientAuthKind::ALL),
        ),
        (
            &format!("{client}/options/items/enum"),
            words(ClientAuthKind::ALL),
        ),
        (
            "/revoke/properties/client_auth/enum",
            words(ClientAuthKind::ALL),
        ),
    ];
    for (pointer, mut read) in words {
        let mut listed = listed(pointer);
        listed.sort();
        read.sort_unstable();
        assert_eq!(listed, read, "{pointer}");
    }
}

fn words<T>(all: &[(&'static str, T)]) -> Vec<&'static str> {
    all.iter().map(|(word, _)| *word).collect()
}

#[test]
fn the_schema_knows_which_keys_a_type_has() {
    let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
    for kind in TYPES {
        let rules = schema.pointer("/properties/auth/allOf").unwrap();
        let rule = rules
            .as_array()
            .unwrap()
            .iter()
            .find(|rule| rule.pointer("/if/properties/type/const") == Some(&kind.into()));
        let listed = rule
            .unwrap()
            .pointer("/then/propertyNames/enum")
            .unwrap()
            .as_array()
            .unwrap();
        let listed: BTreeSet<String> = listed
            .iter()
            .map(|k| k.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(listed, keys_of_type(kind)["`auth`"], "{kind}");
    }
}

/// The keys of every mapping, over all types: the help of an unknown key lists them.
fn known_keys() -> BTreeMap<String, BTreeSet<String>> {
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for kind in TYPES {
        for (what, keys) in keys_of_type(kind) {
            known.entry(what).or_default().extend(keys);
        }
    }
    known
}

fn keys_of_type(kind: &str) -> BTreeMap<String, BTreeSet<String>> {
    let text = UNKNOWN.replace("{}", kind);
    let problems = Source::load("x", &text, SourceOptions::default()).unwrap_err();
    let unknown = problems
        .iter()
        .filter(|p| p.message.starts_with("`zzz` is not a key of "));
    unknown
        .map(|problem| {
            let what = problem.message.split(" is not a key of ").nth(1).unwrap();
            let keys = problem.help.split("allowed: ").nth(1).unwrap().split(", ");
            (what.to_owned(), keys.map(str::to_owned).collect())
        })
        .collect()
}
