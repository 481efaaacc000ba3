//! What each transform makes of each type of value: `tests/cases/types.yaml`.

use hushgate_rules::pseudonym::Scheme;
use hushgate_rules::transform::TRANSFORMS;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{good_plan, sanitized};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    transform: String,
    #[serde(default)]
    options: String,
    null: String,
    blank: String,
    number: String,
    boolean: String,
    container: String,
}

#[test]
fn every_transform_treats_every_type_as_the_table_says() {
    let rows: Vec<Row> = serde_saphyr::from_str(include_str!("../cases/types.yaml")).unwrap();
    for name in TRANSFORMS.iter().map(|it| it.name) {
        assert!(rows.iter().any(|row| row.transform == name), "{name}");
    }
    let mut wrong = Vec::new();
    for row in &rows {
        for (value, outcome) in values(row) {
            for scheme in [Scheme::Native, Scheme::Compat] {
                let got = outcome_of(row, &value, scheme);
                let stays_empty = outcome == "empty" && got == "same" && value == "";
                if got != outcome && !stays_empty {
                    let (name, options) = (&row.transform, &row.options);
                    wrong.push(format!("{scheme:?} {name} {options} {value}: {got}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn values(row: &Row) -> Vec<(Value, &str)> {
    let of = |values: &[Value], outcome| values.iter().map(|v| (v.clone(), outcome)).collect();
    let lists: [Vec<(Value, &str)>; 5] = [
        of(&[Value::Null], row.null.as_str()),
        of(&[json!(""), json!(" "), json!("\n\t ")], &row.blank),
        of(
            &[json!(0), json!(-75), json!(1.5), json!(1e300)],
            &row.number,
        ),
        of(&[json!(true), json!(false)], &row.boolean),
        of(
            &[
                json!([]),
                json!(["secret"]),
                json!({}),
                json!({"a": "secret"}),
            ],
            &row.container,
        ),
    ];
    lists.concat()
}

fn outcome_of(row: &Row, value: &Value, scheme: Scheme) -> String {
    let transform = format!("- !<{}>\n    jsonPaths: [$.v]", row.transform);
    let rules = format!("transforms:\n  {transform}\n    {}\n", row.options);
    let body = json!({"v": value, "k": "kept"}).to_string();
    let done = sanitized(&good_plan(&rules, scheme), body.as_bytes(), scheme);
    let after: Value = serde_json::from_slice(done.bytes()).unwrap();
    assert_eq!(after["k"], "kept");
    let failures = done.report().failures();
    let outcome = match (after.get("v"), failures) {
        (None, 0) => "removed",
        (Some(Value::Null), 0) => "none",
        (Some(Value::Null), 1) => "failed",
        (Some(same), 0) if same == value => "same",
        (Some(Value::String(text)), 0) if text.is_empty() => "empty",
        (Some(Value::String(text)), 0) if text.starts_with("{\"length\":") => "digest",
        (Some(Value::String(text)), 0) if text.len() >= 43 => "pseudonym",
        _ => return format!("{after}, {failures} failed"),
    };
    outcome.to_owned()
}
