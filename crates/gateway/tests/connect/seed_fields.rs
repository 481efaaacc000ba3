//! The form of the values that shipped declarations ask for: what a vendor's console shows is taken,
//! and what stands beside it there is not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hushgate_gateway::connect::{Source, SourceOptions};
use serde::Deserialize;

use crate::seed::shipped;

/// `seed_fields.yaml`: a field of these sources.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    sources: Vec<String>,
    field: String,
    takes: Vec<String>,
    /// By code.
    refuses: BTreeMap<String, Vec<String>>,
}

#[test]
fn a_value_of_another_kind_is_refused_when_it_is_entered() {
    let mut seen = BTreeSet::new();
    for form in forms() {
        for id in &form.sources {
            let source = source(id);
            let fields = &source.auth.fields;
            let field = fields.iter().find(|f| f.name == form.field);
            let field = field.unwrap_or_else(|| panic!("{id} has no {}", form.field));
            for value in &form.takes {
                let taken = field.accept(value);
                let taken = taken.unwrap_or_else(|problem| panic!("{id}: `{value}`: {problem}"));
                assert_eq!(taken.as_deref(), Some(value.trim()), "{id}");
            }
            for (code, values) in &form.refuses {
                for value in values {
                    let problem = field.accept(value).unwrap_err();
                    assert_eq!(problem.code(), code, "{id}: `{value}`");
                    let pattern = field.pattern.as_ref().map_or("", |p| p.as_str());
                    let told = problem.to_string().replace(pattern, "");
                    assert!(value.is_empty() || !told.contains(value.as_str()), "{told}");
                }
            }
            seen.insert((id.clone(), form.field.clone()));
        }
    }
    for id in shipped() {
        let source = source(&id);
        for field in source.auth.fields.iter().filter(|f| f.pattern.is_some()) {
            let told = seen.contains(&(id.clone(), field.name.clone()));
            assert!(told, "no example of {} of {id}", field.name);
        }
    }
}

fn forms() -> Vec<Form> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connect/seed_fields.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn source(id: &str) -> Source {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let text = std::fs::read_to_string(rules.join(id).join("source.yaml")).unwrap();
    Source::load(id, &text, SourceOptions::default()).unwrap_or_else(|found| panic!("{}", found[0]))
}
