//! The health check of a function, readable.

use serde_json::{Map, Value};

use super::clean;
use super::code::Code;
use super::identity::Identity;
use super::target::Target;
use super::verdict::Verdict;
use super::wire::Answer;
use crate::print;

/// Members of the answer and what they are called here, in this order; all others follow as they are.
const NAMES: &[(&str, &str)] = &[
    ("callerClient", "client"),
    ("callerIp", "called from"),
    ("configuredSource", "source"),
    ("configuredHost", "host of the source"),
    ("rulesDigest", "rules"),
    ("pseudonymImplementation", "pseudonyms"),
    ("version", "version"),
    ("missingConfigProperties", "missing secrets"),
    ("unusableConfigProperties", "unusable secrets"),
    ("warningMessages", "warnings"),
];

/// Judges the answer to a health check, which was asked for at `path`.
pub(super) fn judge(answer: &Answer, path: &str, target: &Target, identity: &Identity) -> Verdict {
    if let Some(refused) = Verdict::refusal(answer, path, target, identity) {
        return refused;
    }
    let failed =
        |code: Code, message: &str| Verdict::failed(code.known().code, message, code.known().next);
    let Some(members) = members(answer) else {
        return failed(Code::NotAFunction, "the answer is no health check");
    };
    if members.contains_key("status") {
        if identity.is_anonymous() {
            return Verdict::by_status(answer);
        }
        return failed(
            Code::IdentityNotAccepted,
            "the function runs, but did not accept this identity",
        );
    }
    if !answer.status.is_success() {
        return failed(
            Code::NotReady,
            "the function runs and knows this caller, but could not serve a call",
        );
    }
    Verdict::by_status(answer)
}

/// Shows what the function told about itself.
pub(super) fn show(answer: &Answer, verdict: &Verdict) {
    let Some(members) = members(answer) else {
        return;
    };
    if members.contains_key("status") {
        if verdict.fine {
            print::line("up: the function runs; it tells more to a caller it knows");
        }
        return;
    }
    if verdict.fine {
        print::line("up: the function knows this caller and has all it needs");
    }
    let known = NAMES
        .iter()
        .filter_map(|(member, name)| Some((*name, members.get(*member)?)));
    let others = members
        .iter()
        .filter(|(member, _)| !NAMES.iter().any(|(known, _)| known == member))
        .map(|(member, value)| (member.as_str(), value));
    for (name, value) in known.chain(others) {
        print::line(&format!("  {:<20} {}", clean::line(name), brief(value)));
    }
}

/// Where the function's log says more of a check that failed.
pub(super) fn in_the_log(answer: &Answer) -> Option<String> {
    let id = answer.header("x-hushgate-request-id")?;
    Some(format!(
        "in the function's log it is request {}",
        clean::line(id)
    ))
}

fn members(answer: &Answer) -> Option<Map<String, Value>> {
    serde_json::from_slice(&answer.body).ok()
}

fn brief(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => items.iter().map(brief).collect::<Vec<_>>().join(", "),
        Value::Object(items) if items.is_empty() => "none".to_owned(),
        Value::Object(items) => {
            let items = items.iter().map(|(n, v)| format!("{n} ({})", brief(v)));
            items.collect::<Vec<_>>().join(", ")
        }
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    clean::line(&text)
}
