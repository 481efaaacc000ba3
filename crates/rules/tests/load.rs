//! Reading rule files: encodings, limits, words that YAML might mistake, and hostile texts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hushgate_rules::endpoint::RuleSet;
use hushgate_rules::language::{LoadOptions, MAX_RULES_BYTES, RuleFile, RuleKind, parse};
use proptest::prelude::*;
use std::fmt::Write as _;
use std::io::Write as _;

const RULES: &str = "\
endpoints:
  - pathTemplate: /v1/users
    allowedMethods: [GET]
    allowedQueryParams: [no, 1.10, 2024-01-01]
    responseSchema: {type: object, properties: {id: {type: string}}}
    transforms:
      - !<pseudonymize>
        jsonPaths: [\"$.id\"]
";

fn codes(text: &str) -> Vec<&'static str> {
    let loaded = RuleSet::load("rules.yaml", text, LoadOptions::default());
    let found = loaded.map_or_else(|found| found, |(_, found)| found);
    found.iter().map(|found| found.code).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn rest(text: &str) -> hushgate_rules::language::RestRules {
    match parse("rules.yaml", text, LoadOptions::default())
        .unwrap()
        .rules
    {
        RuleFile::Rest(rules) => rules,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_encodings_give_the_same_rules() {
    let json = r#"{"endpoints": [{"pathTemplate": "/v1/users", "allowedMethods": ["GET"],
        "allowedQueryParams": ["no", "1.10", "2024-01-01"],
        "responseSchema": {"type": "object", "properties": {"id": {"type": "string"}}},
        "transforms": [{"method": "pseudonymize", "jsonPaths": ["$.id"]}]}]}"#;
    let digest = RuleSet::load("r", RULES, LoadOptions::default())
        .unwrap()
        .0
        .digest()
        .to_owned();
    assert_eq!(digest.len(), 64);
    for text in [
        STANDARD.encode(RULES),
        STANDARD.encode(gzip(RULES.as_bytes())),
        format!("  {}\n", STANDARD.encode(RULES)),
        format!("\u{feff}{RULES}"),
    ] {
        let (rules, found) = RuleSet::load("r", &text, LoadOptions::default()).unwrap();
        assert_eq!(rules.endpoints().len(), 1);
        assert_eq!(rules.digest(), digest);
        assert!(found.is_empty(), "{found:?}");
    }
    for text in [json.to_owned(), STANDARD.encode(gzip(json.as_bytes()))] {
        let rules = rest(&text);
        let names = rules.endpoints[0].allowed_query_params.clone().unwrap();
        let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
        assert_eq!(names, ["no", "1.10", "2024-01-01"]);
        assert_eq!(
            rules.endpoints[0].transforms[0].kind,
            rest(RULES).endpoints[0].transforms[0].kind
        );
    }
}

#[test]
fn crlf_and_tags_in_both_forms_are_read() {
    let rules = rest(
        &RULES
            .replace('\n', "\r\n")
            .replace("!<pseudonymize>", "!pseudonymize"),
    );
    assert_eq!(rules.endpoints[0].transforms[0].kind.name(), "pseudonymize");
}

#[test]
fn anchors_and_merge_keys_are_followed() {
    let text = "\
endpoints:
  - &first
    pathTemplate: /a
    allowedMethods: &methods [GET]
    allowedQueryParams: []
  - <<: *first
    pathTemplate: /b
    allowedMethods: *methods
";
    let rules = rest(text);
    assert_eq!(
        rules.endpoints[1].path_template.as_ref().unwrap().value,
        "/b"
    );
    assert_eq!(rules.endpoints[1].allowed_query_params, Some(Vec::new()));
}

#[test]
fn refuses_bombs_and_damaged_encodings() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{inner}]").unwrap();
    }
    assert_eq!(codes(&laughs), ["too-complex"]);
    let mut ladder = "a0: &a0 [x]\n".to_owned();
    for level in 1..5000 {
        writeln!(ladder, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert_eq!(codes(&ladder), ["too-complex"]);
    assert_eq!(codes(&"[".repeat(5000)), ["yaml-syntax"]);
    assert_eq!(codes(&"- ".repeat(5000)), ["yaml-syntax"]);
    assert_eq!(codes("a: &a [*a]"), ["yaml-syntax"]);
    let bomb = gzip(&vec![b' '; MAX_RULES_BYTES * 8]);
    assert_eq!(codes(&STANDARD.encode(bomb)), ["too-large"]);
    assert_eq!(codes(&" ".repeat(MAX_RULES_BYTES + 1)), ["too-large"]);
    let cut = gzip(RULES.as_bytes());
    assert_eq!(
        codes(&STANDARD.encode(&cut[..cut.len() / 2])),
        ["bad-compression"]
    );
    assert_eq!(codes(&STANDARD.encode([0xff, 0xfe, 0xfd])), ["not-utf-8"]);
}

#[test]
fn tells_the_type_by_its_keys() {
    let kind = |text: &str| {
        parse("r", text, LoadOptions::default()).map(|parsed| match parsed.rules {
            RuleFile::Rest(_) => RuleKind::Rest,
            RuleFile::Columnar(_) => RuleKind::Columnar,
            RuleFile::Record(_) => RuleKind::Record,
            RuleFile::MultiType(_) => RuleKind::MultiType,
            RuleFile::Webhook(_) => RuleKind::Webhook,
        })
    };
    assert_eq!(kind("endpoints: []").unwrap(), RuleKind::Rest);
    assert_eq!(kind("delimiter: ';'").unwrap(), RuleKind::Columnar);
    assert_eq!(kind("transforms: [redact: $.a]").unwrap(), RuleKind::Record);
    assert_eq!(
        kind("fileRules: {a.csv: {delimiter: ';'}}").unwrap(),
        RuleKind::MultiType
    );
    let webhook = "endpoints: [{jwtClaimsToVerify: {sub: {payloadContents: [$.a]}}}]";
    assert_eq!(kind(webhook).unwrap(), RuleKind::Webhook);
    assert_eq!(kind("{}").unwrap_err()[0].code, "unknown-rules-type");
}

#[test]
fn quoted_and_plain_null_differ() {
    use hushgate_rules::language::SchemaType;
    let text = "\
endpoints:
  - pathTemplate: /a
    responseSchema: {type: object, properties: {a: {type: null}, b: {type: \"null\"}, c: {}}}
";
    let rules = rest(text);
    let schema = rules.endpoints[0].response_schema.clone().unwrap();
    let types: Vec<_> = schema
        .properties
        .unwrap()
        .into_iter()
        .map(|(_, schema)| schema.kind.map(|kind| kind.value))
        .collect();
    assert_eq!(
        types,
        [Some(SchemaType::AnyScalar), Some(SchemaType::Null), None]
    );
}

/// Every construct of the language at once, loaded without an error.
#[test]
fn loads_a_rule_file_with_everything() {
    let text = include_str!("everything.yaml");
    let (rules, found) = RuleSet::load("everything.yaml", text, LoadOptions::default())
        .unwrap_or_else(|found| {
            let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            panic!("{}", lines.join("\n"))
        });
    assert_eq!(rules.endpoints().len(), 5);
    assert_eq!(
        rules.allowed_request_headers(),
        ["prefer", "consistencylevel"]
    );
    assert_eq!(rules.endpoints()[0].response().transform_count(), 12);
    let codes: Vec<&str> = found.iter().map(|found| found.code).collect();
    assert!(!codes.contains(&"overlapping-endpoints"), "{codes:?}");
}

proptest! {
    /// Loading never panics, whatever is in the file.
    #[test]
    fn never_panics_on_noise(text in "\\PC{0,200}") {
        let _ = RuleSet::load("noise", &text, LoadOptions::default());
        let _ = parse("noise", &text, LoadOptions::default());
    }

    /// Nor on a real file in which something was cut out, doubled or overwritten.
    #[test]
    fn never_panics_on_damaged_rules(
        at in 0usize..6000, length in 0usize..60, patch in "[\\[\\]{}:,&*!<>|?'\"#%@\\- \\n\ta-z$]{0,8}",
        compat: bool,
    ) {
        let text: Vec<char> = include_str!("everything.yaml").chars().collect();
        let at = at.min(text.len());
        let end = (at + length).min(text.len());
        let damaged: String =
            text[..at].iter().copied().chain(patch.chars()).chain(text[end..].iter().copied()).collect();
        let options = LoadOptions { compat, kind: None };
        if let Err(found) = RuleSet::load("damaged", &damaged, options) {
            prop_assert!(!found.is_empty());
            prop_assert!(found.iter().all(|found| found.span.line > 0), "{:?}", found);
        }
    }
}
