//! What holds for every body.

use hushgate_rules::pseudonym::Scheme;
use proptest::prelude::*;
use serde_json::Value;

use crate::support::{good_plan, sanitized, sanitizer};

/// Every transform at once, on names that the generated documents use.
const RULES: &str = "
augments:
  - !<textDigest>
    jsonPaths: ['$..f']
    keywords: [secret]
transforms:
  - !<redact>
    jsonPaths: ['$..a', '$.b.c', '$..l[?(@.a == 1)]']
  - !<pseudonymize>
    jsonPaths: ['$..b']
  - !<pseudonymize>
    jsonPaths: ['$..b', '$..l[*]']
    encoding: JSON
  - !<pseudonymizeEmailHeader>
    jsonPaths: ['$..c']
  - !<pseudonymizeRegexMatches>
    jsonPaths: ['$..d']
    regex: '(secret)'
  - !<redactRegexMatches>
    jsonPaths: ['$..e']
    redactions: [secret]
  - !<redactExceptPhrases>
    jsonPaths: ['$..f']
    allowedPhrases: [plain]
  - !<filterTokenByRegex>
    jsonPaths: ['$..g']
    filters: ['\\d+']
  - !<tokenize>
    jsonPaths: ['$..h']
    regex: '^(.+)$'
  - !<textDigest>
    jsonPaths: ['$..i']
  - !<hashIp>
    jsonPaths: ['$..j']
";

const SCHEMA: &str = "
responseSchema:
  type: object
  properties:
    a: {type: string}
    b: {type: integer}
    l: {type: array, items: {type: object, properties: {a: {type: boolean}}}}
";

/// Names of which no value may be left as it was.
const COVERED: [&str; 9] = ["b", "c", "d", "e", "f", "g", "h", "i", "j"];

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "l", "k", "+f:x",
    ])
    .prop_map(str::to_owned)
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
        prop::sample::select(vec![
            "secret",
            " secret plain 10.0.0.1",
            "secret@example.com",
            ""
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn values<'v>(value: &'v Value, wanted: &str, found: &mut Vec<&'v Value>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if name == wanted {
                    found.push(member);
                }
                values(member, wanted, found);
            }
        }
        Value::Array(elements) => elements
            .iter()
            .for_each(|value| values(value, wanted, found)),
        _ => {}
    }
}

fn run(rules: &str, body: &str, scheme: Scheme) -> Value {
    let done = sanitized(&good_plan(rules, scheme), body.as_bytes(), scheme);
    serde_json::from_slice(done.bytes()).expect("the output is JSON")
}

/// The same document with members in reverse order.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .rev()
                .map(|(name, member)| (name.clone(), reversed(member)))
                .collect(),
        ),
        Value::Array(elements) => elements.iter().map(reversed).collect(),
        other => other.clone(),
    }
}

/// Members in order of name, so that only what is there counts.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.as_str());
            let members = members.into_iter();
            Value::Object(
                members
                    .map(|(name, member)| (name.clone(), sorted(member)))
                    .collect(),
            )
        }
        Value::Array(elements) => elements.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn any_bytes_give_an_answer(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for scheme in [Scheme::Native, Scheme::Compat] {
            let _ = sanitizer(scheme).sanitize(&good_plan(SCHEMA, scheme), &body);
        }
    }

    #[test]
    fn nothing_of_a_covered_name_stays_as_it_was(document in document()) {
        for scheme in [Scheme::Native, Scheme::Compat] {
            let out = run(RULES, &document.to_string(), scheme);
            let mut redacted = Vec::new();
            values(&out, "a", &mut redacted);
            prop_assert!(redacted.is_empty(), "{out}");
            for name in COVERED {
                let mut left = Vec::new();
                values(&out, name, &mut left);
                for value in left {
                    let text = value.as_str();
                    prop_assert!(value.is_null() || text.is_some(), "{name}: {value}");
                    let text = text.unwrap_or_default();
                    prop_assert!(!text.contains("secret"), "{name}: {value}");
                }
            }
        }
    }

    #[test]
    fn order_and_white_space_do_not_matter(document in document()) {
        for scheme in [Scheme::Native, Scheme::Compat] {
            for rules in [RULES, SCHEMA] {
                let plain = run(rules, &document.to_string(), scheme);
                let pretty = serde_json::to_string_pretty(&document).unwrap();
                prop_assert_eq!(&run(rules, &pretty, scheme), &plain);
                let turned = run(rules, &reversed(&document).to_string(), scheme);
                prop_assert_eq!(sorted(&turned), sorted(&plain));
            }
        }
    }

    #[test]
    fn a_schema_leaves_nothing_it_does_not_name(document in document()) {
        for scheme in [Scheme::Native, Scheme::Compat] {
            let out = run(SCHEMA, &document.to_string(), scheme);
            let named = out.as_object().is_none_or(|members| {
                members.iter().all(|(name, value)| match name.as_str() {
                    "a" => value.is_string() || value.is_null(),
                    "b" => value.is_i64() || value.is_null(),
                    "l" => value.is_array() || value.is_null(),
                    _ => false,
                })
            });
            prop_assert!((out.is_object() || out.is_null()) && named, "{out}");
        }
    }
}
