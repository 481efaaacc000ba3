//! The public compliance suite of RFC 9535: each case has the standard's result, or stands with a
//! reason in the list of deliberate differences. A listed case that begins to agree is an error.
#![expect(clippy::expect_used, reason = "a failure is the test's failure")]

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use hushgate_rules::json::{Document, Limits, NodeId, Symbols};
use hushgate_rules::jsonpath::JsonPath;
use serde_json::Value;

/// Reason → names of cases.
const DIFFERENCES: &str = include_str!("jsonpath/differences.json");

fn suite() -> PathBuf {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared");
    let shared = std::env::var_os("HUSHGATE_SHARED").unwrap_or_else(|| beside.into());
    PathBuf::from(shared).join("suites/jsonpath/cts.json")
}

#[test]
fn agrees_with_rfc_9535_but_for_the_listed_differences() {
    let file = suite();
    let Ok(text) = std::fs::read_to_string(&file) else {
        // Past the capture of passing tests' output.
        let _ = writeln!(std::io::stderr(), "skipped: {} not found", file.display());
        return;
    };
    let suite: Value = serde_json::from_str(&text).expect("the suite is JSON");
    let cases = suite["tests"].as_array().expect("the suite has tests");
    let mut listed = listed();
    let mut wrong = Vec::new();
    for case in cases {
        let name = case["name"].as_str().expect("a case has a name");
        let reason = listed.remove(name);
        match (outcome(case), reason) {
            (Err(_), Some(_)) if says_nothing(case) => {
                wrong.push(format!("differs, but rule authors are not told: {name}"));
            }
            (Ok(()), None) | (Err(_), Some(_)) => {}
            (Ok(()), Some(_)) => wrong.push(format!("agrees now, but is listed: {name}")),
            (Err(difference), None) => {
                wrong.push(format!("{name}: {} {difference}", case["selector"]));
            }
        }
    }
    for name in listed.keys() {
        wrong.push(format!("listed, but not in the suite: {name}"));
    }
    assert!(
        wrong.is_empty(),
        "{}\n{} wrong",
        wrong.join("\n"),
        wrong.len()
    );
    assert!(cases.len() >= 700, "only {} cases", cases.len());
}

/// True if a path that we read has no warning that the standard reads it otherwise.
fn says_nothing(case: &Value) -> bool {
    let selector = case["selector"].as_str().unwrap_or_default();
    let path = JsonPath::parse(selector, &mut Symbols::new());
    path.is_ok_and(|path| path.rfc9535_difference().is_none())
}

fn listed() -> BTreeMap<String, String> {
    let groups: BTreeMap<String, Vec<String>> =
        serde_json::from_str(DIFFERENCES).expect("the list maps reasons to names");
    let mut listed = BTreeMap::new();
    for (reason, names) in groups {
        for name in names {
            let twice = listed.insert(name.clone(), reason.clone());
            assert!(twice.is_none(), "listed twice: {name}");
        }
    }
    listed
}

/// Whether a case has the standard's result: refused if invalid, else the same values. Their order
/// is compared as far as the standard fixes it for both, that is not at all for objects: as a bag.
fn outcome(case: &Value) -> Result<(), String> {
    let mut symbols = Symbols::new();
    let selector = case["selector"].as_str().unwrap_or_default();
    let path = JsonPath::parse(selector, &mut symbols);
    if case["invalid_selector"] == true {
        let path = path.err().map(|_| ()).ok_or("is accepted");
        return path.map_err(str::to_owned);
    }
    let path = path.map_err(|error| format!("is refused: {error}"))?;
    let text = case["document"].to_string();
    let document = Document::parse(text.as_bytes(), &symbols, Limits::default())
        .map_err(|error| error.to_string())?;
    let found = bag(&document, &path.query(&document));
    let single = std::slice::from_ref(&case["result"]);
    let expected = case["results"].as_array().map_or(single, Vec::as_slice);
    if expected.iter().any(|values| written(values) == found) {
        return Ok(());
    }
    let expected = expected.first().unwrap_or(&Value::Null);
    Err(format!("on {text} finds {found:?}, not {expected}"))
}

fn written(values: &Value) -> Vec<String> {
    let text = values.to_string();
    let symbols = Symbols::new();
    let document = Document::parse(text.as_bytes(), &symbols, Limits::default());
    document.map_or(Vec::new(), |document| {
        let elements: Vec<_> = document.children(document.root()).collect();
        bag(&document, &elements)
    })
}

fn bag(document: &Document<'_>, places: &[NodeId]) -> Vec<String> {
    let text = |&place: &NodeId| {
        let mut out = Vec::new();
        document.write_node(place, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    };
    let mut texts: Vec<_> = places.iter().map(text).collect();
    texts.sort();
    texts
}
