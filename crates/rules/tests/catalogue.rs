//! Each shipped rule file admits the calls that the catalogue of sources lists, with their methods,
//! query parameters and forwarded headers, but for listed and reasoned differences.
//!
//! The catalogue is a shared folder beside the repository; without it the comparison is skipped.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a failure is the test's failure"
)]

#[path = "catalogue/cautions.rs"]
mod cautions;
#[path = "support/evidence.rs"]
mod evidence;

use std::collections::BTreeSet;

use evidence::{root, shared};
use hushgate_rules::language::{EndpointSpec, LoadOptions, RestRules, RuleFile, Spanned, parse};
use serde::Deserialize;

/// Source, path, what ours lacks, and why.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[(
    "jira-cloud",
    "/ex/jira/{cloudId}/rest/api/{apiVersion}/group/member",
    "query parameter groupname",
    "a name that people type; `groupId` says the same",
)];

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    endpoints: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    path: String,
    methods: Vec<String>,
    query: Query,
    #[serde(default)]
    forward_headers: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Query {
    Named(Vec<String>),
    #[expect(dead_code, reason = "`any`: the vendor's reference decides")]
    Open(String),
}

#[test]
fn shipped_rules_admit_what_the_catalogue_lists() {
    let Some(catalogue) = shared("catalogue") else {
        return;
    };
    let rules = root().join("rules");
    let mut lacking = BTreeSet::new();
    let mut compared = 0;
    for source in std::fs::read_dir(rules).unwrap() {
        let folder = source.unwrap().path();
        let id = folder.file_name().unwrap().to_str().unwrap();
        let listed = std::fs::read_to_string(catalogue.join(format!("{id}.yaml")));
        let written = std::fs::read_to_string(folder.join("rules.yaml"));
        let (Ok(listed), Ok(written)) = (listed, written) else {
            continue;
        };
        let entry: Entry = serde_saphyr::from_str(&listed).unwrap();
        let parsed = parse(id, &written, LoadOptions::default()).unwrap();
        let RuleFile::Rest(own) = parsed.rules else {
            continue;
        };
        compared += 1;
        for wanted in &entry.endpoints {
            for what in missing(&own, wanted) {
                lacking.insert(format!("{} {}: {what}", entry.id, wanted.path));
            }
        }
    }
    let expected: BTreeSet<String> = DIFFERENCES
        .iter()
        .map(|(id, path, what, _)| format!("{id} {path}: {what}"))
        .collect();
    assert_eq!(lacking, expected);
    assert!(compared >= 7, "{compared}");
}

/// What the rules lack of a listed call; several endpoints may share its path.
fn missing(rules: &RestRules, wanted: &Listed) -> Vec<String> {
    let shape = shape(&wanted.path);
    let own: Vec<&EndpointSpec> = rules
        .endpoints
        .iter()
        .filter(|e| {
            e.path_template
                .as_ref()
                .is_some_and(|t| self::shape(t) == shape)
        })
        .collect();
    if own.is_empty() {
        return vec!["the endpoint".to_owned()];
    }
    let methods = names(own.iter().flat_map(|e| e.allowed_methods.iter().flatten()));
    let query = names(
        own.iter()
            .flat_map(|e| e.allowed_query_params.iter().flatten()),
    );
    let headers = own.iter().flat_map(|e| &e.allowed_request_headers);
    let headers = names(headers.chain(&rules.allowed_request_headers));
    let mut lacking = without("method", &wanted.methods, &methods);
    if let Query::Named(listed) = &wanted.query {
        lacking.extend(without("query parameter", listed, &query));
    }
    // It is sent with every body; no list is asked.
    let forwarded = wanted.forward_headers.iter();
    let forwarded: Vec<String> = forwarded
        .filter(|name| !name.eq_ignore_ascii_case("content-type"))
        .cloned()
        .collect();
    lacking.extend(without("header", &forwarded, &headers));
    lacking
}

fn without(what: &str, wanted: &[String], own: &BTreeSet<String>) -> Vec<String> {
    let lower = wanted.iter().map(|name| name.to_ascii_lowercase());
    lower
        .filter(|name| !own.contains(name))
        .map(|name| format!("{what} {name}"))
        .collect()
}

fn names<'s>(texts: impl Iterator<Item = &'s Spanned<String>>) -> BTreeSet<String> {
    texts.map(|text| text.to_ascii_lowercase()).collect()
}

/// A template without the names of its parameters.
fn shape(template: &str) -> String {
    let mut shape = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (_, after) = after
            .split_once('}')
            .unwrap_or_else(|| panic!("{template}"));
        shape += before;
        shape += "{}";
        rest = after;
    }
    shape + rest
}
