//! What the catalogue warns of is not repeated by the shipped rules: `cautions.yaml` says which calls and answers
//! show it, and names every caution that the catalogue has of these sources.

use std::collections::BTreeSet;

use hushgate_rules::endpoint::{
    Admitted, Call, CallPath, CallQuery, NotAdmitted, PathRefused, QueryRefused, ReverseError,
    RuleSet,
};
use hushgate_rules::language::{LoadOptions, PseudonymEncoding};
use hushgate_rules::pseudonym::{Include, NativeKeys, Options, Pseudonymizer, TokenInvalid};
use hushgate_rules::sanitize::{SanitizeError, Sanitizer};
use hushgate_rules::transform::EXAMPLE_KEY;
use serde::Deserialize;
use serde_json::Value;

use crate::evidence::{Evidence, root, shared};

const SOURCES: [&str; 7] = [
    "zoom",
    "gcal",
    "slack-discovery-api",
    "github",
    "outlook-cal",
    "jira-cloud",
    "salesforce",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Caution {
    source: String,
    says: Vec<String>,
    #[serde(default)]
    calls: Vec<CallCase>,
    #[serde(default)]
    answers: Vec<AnswerCase>,
    #[serde(default)]
    headers: Vec<HeaderCase>,
    #[serde(default)]
    tests: Vec<String>,
    vendor: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallCase {
    call: String,
    #[serde(default)]
    body: String,
    by: Option<String>,
    /// What the source is asked, with tokens turned back.
    target: Option<String>,
    refused: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AnswerCase {
    to: String,
    #[serde(default)]
    body: String,
    original: Value,
    sanitized: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderCase {
    call: String,
    forwarded: Vec<String>,
}

#[test]
fn no_caution_of_the_catalogue_is_repeated() {
    let tester = Tester::new();
    let mut evidence = Evidence::default();
    let mut wrong = Vec::new();
    let mut shown = 0;
    for caution in &table() {
        let rules = rules(&caution.source);
        let place = format!("{}: {}", caution.source, caution.says.join(" / "));
        let calls = caution.calls.iter().filter_map(|c| tester.call(&rules, c));
        let answers = caution.answers.iter();
        let answers = answers.filter_map(|case| tester.answer(&rules, case));
        let headers = caution.headers.iter();
        let headers = headers.filter_map(|case| tester.headers(&rules, case));
        let tests = caution.tests.iter();
        let tests = tests.filter_map(|name| evidence.problem(name));
        let problems = calls.chain(answers).chain(headers).chain(tests);
        wrong.extend(problems.map(|problem| format!("{place}\n  {problem}")));
        let cases = caution.calls.len() + caution.answers.len() + caution.headers.len();
        shown += cases;
        if cases == 0 && (caution.vendor.is_none() || caution.tests.is_empty()) {
            wrong.push(format!("{place}\n  neither a case nor a reason and a test"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(shown > 100, "only {shown} cases");
}

#[test]
fn every_caution_of_the_catalogue_is_in_the_table() {
    let Some(catalogue) = shared("catalogue") else {
        return;
    };
    let table = table();
    let named: BTreeSet<(String, String)> = table
        .iter()
        .flat_map(|caution| {
            let says = caution.says.iter();
            says.map(|text| (caution.source.clone(), text.clone()))
        })
        .collect();
    let mut given = BTreeSet::new();
    for source in SOURCES {
        let text = std::fs::read_to_string(catalogue.join(format!("{source}.yaml"))).unwrap();
        let entry: Value = serde_saphyr::from_str(&text).unwrap();
        let endpoints = entry["endpoints"].as_array().unwrap();
        let general = ["cautions", "example_calls_not_admitted"].map(|key| &entry[key]);
        let own = endpoints
            .iter()
            .flat_map(|e| [&e["special"], &e["original_kept_beside_pseudonym"]]);
        let lists = general.into_iter().chain(own);
        let texts = lists.flat_map(|list| list.as_array().into_iter().flatten());
        given.extend(texts.map(|text| (source.to_owned(), text.as_str().unwrap().to_owned())));
    }
    let unshown: Vec<_> = given.difference(&named).collect();
    assert!(unshown.is_empty(), "not in the table: {unshown:#?}");
    let stale: Vec<_> = named.difference(&given).collect();
    assert!(stale.is_empty(), "not in the catalogue: {stale:#?}");
    assert!(given.len() >= 40, "{}", given.len());
}

fn table() -> Vec<Caution> {
    let file = root().join("crates/rules/tests/catalogue/cautions.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn rules(source: &str) -> RuleSet {
    let file = root().join(format!("rules/{source}/rules.yaml"));
    let text = std::fs::read_to_string(file).unwrap();
    let (rules, _) = RuleSet::load(source, &text, LoadOptions::default()).unwrap();
    rules
}

struct Tester {
    pseudonymizer: Pseudonymizer,
    sanitizer: Sanitizer,
}

impl Tester {
    fn new() -> Self {
        let keys = NativeKeys::parse(EXAMPLE_KEY).unwrap();
        let pseudonymizer = Pseudonymizer::native(keys, Options::default());
        Self {
            sanitizer: Sanitizer::new(pseudonymizer.clone()),
            pseudonymizer,
        }
    }

    fn call(&self, rules: &RuleSet, case: &CallCase) -> Option<String> {
        let outcome = self.admit(rules, &case.call, &case.body, |admitted| {
            let reverse = |token: &str| self.pseudonymizer.reverse(token);
            let target = admitted.reverse_call(reverse);
            let target = target.map_err(|error: ReverseError<TokenInvalid>| error.code())?;
            let query = target.query.map(|query| format!("?{query}"));
            let target = target.path + query.as_deref().unwrap_or_default();
            Ok((admitted.endpoint.label().to_owned(), target))
        });
        let agrees = match &outcome {
            Ok((by, target)) => {
                case.refused.is_none()
                    && case.by.as_ref() == Some(by)
                    && case.target.as_ref().is_none_or(|wanted| wanted == target)
            }
            Err(code) => case.by.is_none() && case.refused.as_deref() == Some(code),
        };
        (!agrees).then(|| format!("{} {}: {outcome:?}", case.call, case.body))
    }

    fn answer(&self, rules: &RuleSet, case: &AnswerCase) -> Option<String> {
        let sanitized = self.admit(rules, &case.to, &case.body, |admitted| {
            let body = case.original.to_string();
            let done = self
                .sanitizer
                .sanitize(admitted.endpoint.response(), body.as_bytes());
            let done = done.as_ref().map_err(SanitizeError::code)?;
            Ok(serde_json::from_slice::<Value>(done.bytes()).unwrap())
        });
        let mut wanted = case.sanitized.clone();
        self.fill_in(&mut wanted);
        let agrees = sanitized.as_ref().is_ok_and(|actual| *actual == wanted);
        (!agrees).then(|| match sanitized {
            Ok(actual) => format!("{}:\n  wanted {wanted}\n  got    {actual}", case.to),
            Err(code) => format!("{}: {code}", case.to),
        })
    }

    fn headers(&self, rules: &RuleSet, case: &HeaderCase) -> Option<String> {
        let forwarded = self.admit(rules, &case.call, "", |admitted| {
            let own = admitted.endpoint.allowed_request_headers();
            let shared = rules.allowed_request_headers();
            Ok(own.iter().chain(shared).cloned().collect::<Vec<_>>())
        });
        let agrees = forwarded.as_ref().is_ok_and(|it| *it == case.forwarded);
        (!agrees).then(|| format!("{}: {forwarded:?}", case.call))
    }

    fn admit<T>(
        &self,
        rules: &RuleSet,
        call: &str,
        body: &str,
        then: impl FnOnce(&Admitted<'_, '_>) -> Result<T, &'static str>,
    ) -> Result<T, &'static str> {
        let text = self.with_pseudonyms(call);
        let (method, url) = text.split_once(' ').unwrap();
        let (path, query) = match url.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (url, None),
        };
        let path = CallPath::normalize(path).map_err(PathRefused::code)?;
        let query = CallQuery::parse(query).map_err(QueryRefused::code)?;
        let call = Call {
            method,
            path: &path,
            query: &query,
            content_type: (!body.is_empty()).then_some("application/json"),
            body: body.as_bytes(),
        };
        let admitted = rules.admit(&call).map_err(NotAdmitted::code)?;
        then(&admitted)
    }

    fn fill_in(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.with_pseudonyms(text),
            Value::Array(elements) => elements.iter_mut().for_each(|it| self.fill_in(it)),
            Value::Object(members) => members.values_mut().for_each(|it| self.fill_in(it)),
            _ => {}
        }
    }

    fn with_pseudonyms(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (stand_in, after) = after.split_once("}}").unwrap();
            let (kind, original) = stand_in.split_once(':').unwrap();
            let token = PseudonymEncoding::UrlSafeToken;
            let pseudonym = |encoding, include| {
                self.pseudonymizer
                    .pseudonymize(original, encoding, include)
                    .unwrap()
            };
            out += before;
            out += &match kind {
                "hash" => pseudonym(token, Include::NOTHING),
                "reversible" => pseudonym(token, Include::REVERSIBLE),
                "bare" => pseudonym(PseudonymEncoding::UrlSafeHashOnly, Include::NOTHING),
                "token" => self.pseudonymizer.tokenize(original).unwrap(),
                other => panic!("{other}: no such stand-in"),
            };
            rest = after;
        }
        out + rest
    }
}
