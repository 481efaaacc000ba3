//! Which calls rules admit and what is asked of the source: each `admit/NAME.yaml` holds rules
//! and, under `calls`, what becomes of calls. `{T:text}` stands for a token of that original.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail the test"
)]

use hushgate_rules::endpoint::{Call, CallPath, CallQuery, ReverseError, RuleSet};
use hushgate_rules::language::LoadOptions;
use proptest::prelude::*;
use serde::Deserialize;
use std::fmt::Write as _;
use std::path::Path;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    #[serde(default)]
    compat: bool,
    rules: String,
    calls: Vec<Expected>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    call: String,
    #[serde(default)]
    content_type: Option<String>,
    #[serde(default)]
    body: Option<String>,
    /// The endpoint that admits the call, as its rule is written.
    #[serde(default)]
    by: Option<String>,
    /// The target with tokens turned back.
    #[serde(default)]
    target: Option<String>,
    /// The body with tokens turned back.
    #[serde(default)]
    sent: Option<String>,
    /// The caller's headers that go on to the source, in the order of their names.
    #[serde(default)]
    headers: Option<Vec<String>>,
    /// Code of the refusal.
    #[serde(default)]
    refused: Option<String>,
}

#[test]
fn calls_are_admitted_as_the_rules_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/admit");
    let mut wrong = Vec::new();
    let mut calls = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let cases: Vec<Case> =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        for case in cases {
            let rules = load(&case.rules, case.compat);
            for expected in &case.calls {
                calls += 1;
                if let Some(problem) = compare(&rules, expected) {
                    wrong.push(format!("{name}: {}: {problem}", expected.call));
                }
            }
        }
    }
    assert!(calls > 100, "only {calls} calls");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn load(text: &str, compat: bool) -> RuleSet {
    let options = LoadOptions { compat, kind: None };
    match RuleSet::load("case", text, options) {
        Ok((rules, _)) => rules,
        Err(found) => {
            let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
            panic!("{}\n{text}", lines.join("\n"))
        }
    }
}

fn compare(rules: &RuleSet, expected: &Expected) -> Option<String> {
    let outcome = run(rules, expected);
    match (&outcome, &expected.refused) {
        (Err(code), Some(wanted)) if code == wanted => None,
        (Err(code), _) => Some(format!("refused with {code}")),
        (Ok(actual), None) => {
            let wanted = (&expected.by, &expected.target, &expected.sent);
            let by = wanted.0.as_ref().is_none_or(|it| *it == actual.by);
            let target = wanted.1.as_ref().is_none_or(|it| *it == actual.target);
            let sent = wanted
                .2
                .as_ref()
                .is_none_or(|it| Some(it) == actual.sent.as_ref());
            let headers = expected.headers.as_ref();
            let headers = headers.is_none_or(|it| *it == actual.headers);
            (!(by && target && sent && headers)).then(|| {
                format!(
                    "by {}, target {}, sent {:?}, headers {:?}",
                    actual.by, actual.target, actual.sent, actual.headers
                )
            })
        }
        (Ok(actual), Some(_)) => Some(format!("admitted by {}", actual.by)),
    }
}

struct Actual {
    by: String,
    target: String,
    sent: Option<String>,
    headers: Vec<String>,
}

fn run(rules: &RuleSet, expected: &Expected) -> Result<Actual, String> {
    let text = with_tokens(&expected.call);
    let (method, url) = text.split_once(' ').unwrap();
    let (path, query) = match url.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (url, None),
    };
    let path = CallPath::normalize(path).map_err(|refused| refused.code().to_owned())?;
    let query = CallQuery::parse(query).map_err(|refused| refused.code().to_owned())?;
    let body = with_tokens(expected.body.as_deref().unwrap_or_default());
    let content_type = expected.content_type.as_deref();
    let call = Call {
        method,
        path: &path,
        query: &query,
        content_type,
        body: body.as_bytes(),
    };
    let admitted = rules
        .admit(&call)
        .map_err(|refused| refused.code().to_owned())?;
    let code = |error: ReverseError<()>| error.code().to_owned();
    let target = admitted.reverse_call(original).map_err(code)?;
    let sent = admitted
        .reverse_body(content_type, body.as_bytes(), original)
        .map_err(code)?;
    let own = admitted.endpoint.allowed_request_headers();
    let shared = rules.allowed_request_headers();
    let mut headers: Vec<String> = own.iter().chain(shared).cloned().collect();
    headers.sort();
    headers.dedup();
    Ok(Actual {
        headers,
        by: admitted.endpoint.label().to_owned(),
        target: match target.query {
            Some(query) => format!("{}?{query}", target.path),
            None => target.path,
        },
        sent: sent.map(|bytes| String::from_utf8(bytes).unwrap()),
    })
}

/// A stand-in token: the original in hex, filled up with `-`.
fn token(original: &str) -> String {
    let mut token = "p~".to_owned();
    for byte in original.bytes() {
        write!(token, "{byte:02x}").unwrap();
    }
    format!("{token:-<45}")
}

fn with_tokens(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{T:") {
        let (original, after) = after.split_once('}').unwrap();
        let original = original.replace("\\r", "\r").replace("\\n", "\n");
        out.push_str(before);
        out.push_str(&token(&original));
        rest = after;
    }
    out.push_str(rest);
    out
}

fn original(token: &str) -> Result<String, ()> {
    let body = token.strip_prefix("p~").ok_or(())?;
    let body = body.split('@').next().ok_or(())?;
    let hex = body.trim_end_matches('-');
    let bytes: Option<Vec<u8>> = (0..hex.len())
        .step_by(2)
        .map(|at| {
            hex.get(at..at + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect();
    String::from_utf8(bytes.ok_or(())?).map_err(|_| ())
}

const OPEN: &str = r#"
endpoints:
  - {pathTemplate: "/v1/users/{id}/{name}.{kind}", allowedQueryParams: [q, p]}
  - {pathTemplate: "/v1/{a}"}
  - {pathRegex: "/v2/(?<x>[^/]+)/.*"}
"#;

proptest! {
    /// Whatever is asked, the answer comes without panic, and what is asked of the source keeps
    /// the number of segments and parameters and holds no raw control, blank, `#` or dot segment.
    #[test]
    fn targets_keep_their_shape(
        path in "(/([a-z%.;~@=]|%[0-9a-f]{2}|\\PC){0,6}){1,4}|/v1/users/[a-z]{1,4}/[a-z]{1,3}\\.[a-z]{1,3}|/v1/[a-z%4]{1,5}",
        query in "([pq]=([a-z+&;=]|%[0-9a-f]{2}){0,9}&?){0,3}",
        secret in "\\PC{1,12}",
        compat: bool,
    ) {
        let rules = load(OPEN, compat);
        let token = token(&secret);
        let path = path.replace('m', &token);
        let query = query.replace('m', &token);
        let Ok(path) = CallPath::normalize(&path) else { return Ok(()) };
        let Ok(query) = CallQuery::parse(Some(&query)) else { return Ok(()) };
        let call = Call { method: "GET", path: &path, query: &query, content_type: None, body: b"" };
        let Ok(admitted) = rules.admit(&call) else { return Ok(()) };
        let Ok(target) = admitted.reverse_call(original) else { return Ok(()) };
        prop_assert_eq!(target.path.matches('/').count(), path.as_str().matches('/').count());
        prop_assert!(target.path.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert!(!target.path.contains(['?', '#']));
        prop_assert!(!target.path.split('/').any(|segment| segment == "." || segment == ".."));
        let sent = target.query.unwrap_or_default();
        prop_assert!(sent.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#'));
        let count = |text: &str| text.split('&').filter(|part| !part.is_empty()).count();
        prop_assert_eq!(count(&sent), query.pairs().len());
    }

    /// A normal path stays as it is when it is brought into its form again.
    #[test]
    fn normalizing_twice_changes_nothing(path in "(/([a-zA-Z0-9._~-]|%[0-9a-fA-F]{2}){0,6}){1,4}") {
        if let Ok(once) = CallPath::normalize(&path) {
            let twice = CallPath::normalize(once.as_str()).unwrap();
            prop_assert_eq!(once.as_str(), twice.as_str());
        }
    }
}
