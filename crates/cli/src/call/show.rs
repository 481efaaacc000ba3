//! An answer as people and as scripts read it. The body goes to standard output, all about it to
//! standard error.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::time::Duration;

use http::HeaderMap;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::verdict::Verdict;
use super::wire::{Answer, Timing};
use super::{clean, pretty};
use crate::connection::failure::Failure;
use crate::print;

/// How answers are shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// The body byte for byte.
    pub(super) raw: bool,
    /// One JSON object per call.
    pub(super) json: bool,
    /// All headers.
    pub(super) include: bool,
}

/// Headers that tell a tester something.
const TELLING: &[&str] = &[
    "content-type",
    "link",
    "etag",
    "retry-after",
    "location",
    "www-authenticate",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-cloud-trace-context",
];

/// Shows the answer to one call; `facts` are about the identity, for a refusal of it.
///
/// # Errors
/// When standard output can't be written.
pub(super) fn answer(
    call: &str,
    answer: &Answer,
    verdict: &Verdict,
    facts: &[String],
    form: Form,
) -> std::io::Result<()> {
    if form.json {
        print::line(&object(call, Some(answer), verdict, true));
        return Ok(());
    }
    print::note(&head(call, answer, form.include));
    judged(verdict, facts);
    let own_refusal = answer.headers.contains_key("x-hushgate-error");
    if form.raw {
        return raw(&answer.body);
    }
    if !own_refusal && !answer.body.is_empty() {
        body(&answer.body);
    }
    Ok(())
}

/// Says why a call failed, if it did.
pub(super) fn judged(verdict: &Verdict, facts: &[String]) {
    if let Some(code) = &verdict.code {
        print::note(&refusal(code, verdict, facts));
    }
}

/// Status line and headers.
pub(super) fn head(call: &str, answer: &Answer, all: bool) -> String {
    let status = answer.status;
    let mut text = format!(
        "{} → {} {}   {}   {} bytes",
        clean::line(call),
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        timing(answer.timing),
        answer.body.len()
    );
    for (name, value) in shown(&answer.headers, all) {
        let _ = write!(text, "\n  {name}: {value}");
    }
    text
}

fn refusal(code: &str, verdict: &Verdict, facts: &[String]) -> String {
    let mut text = format!("{code}: {}", verdict.message.as_deref().unwrap_or_default());
    for fact in facts {
        let _ = write!(text, "\n  {fact}");
    }
    if let Some(next) = &verdict.next {
        let _ = write!(text, "\nnext: {next}");
    }
    text
}

fn shown(headers: &HeaderMap, all: bool) -> Vec<(String, String)> {
    let telling = |name: &str| {
        TELLING.contains(&name)
            || name.starts_with("x-hushgate-")
            || name.starts_with("x-psoxy-")
            || name.contains("ratelimit")
    };
    headers
        .iter()
        .filter(|(name, _)| all || telling(name.as_str()))
        .map(|(name, value)| {
            let value = clean::line(&String::from_utf8_lossy(value.as_bytes()));
            (name.as_str().to_owned(), value)
        })
        .collect()
}

fn timing(timing: Timing) -> String {
    let steps = [
        ("name", timing.name),
        ("connect", timing.connect),
        ("TLS", timing.tls),
        ("answer", Some(timing.first_byte)),
    ];
    let steps: Vec<_> = steps
        .iter()
        .filter_map(|(name, time)| Some(format!("{name} {}", milliseconds((*time)?))))
        .collect();
    format!("{} ms ({})", milliseconds(timing.total), steps.join(", "))
}

/// Milliseconds with one decimal.
pub(super) fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

fn body(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        print::note("the body is no text; --raw writes it as it is");
        return;
    };
    match pretty::pretty(text, print::color()) {
        Some(pretty) => print::line(&pretty),
        None => print::line(clean::lines(text).trim_end()),
    }
}

/// The bytes themselves, unless a terminal would obey them.
fn raw(bytes: &[u8]) -> std::io::Result<()> {
    if std::io::stdout().is_terminal() {
        print::line(&clean::lines(&String::from_utf8_lossy(bytes)));
        return Ok(());
    }
    print::bytes(bytes)
}

/// One call as a line of JSON; `with_body` adds headers and body.
pub(super) fn object(
    call: &str,
    answer: Option<&Answer>,
    verdict: &Verdict,
    with_body: bool,
) -> String {
    let mut members = Map::new();
    members.insert("call".to_owned(), json!(call));
    members.insert("fine".to_owned(), json!(verdict.fine));
    if let Some(answer) = answer {
        members.insert("status".to_owned(), json!(answer.status.as_u16()));
    }
    members.insert("code".to_owned(), json!(verdict.code));
    members.insert("message".to_owned(), json!(verdict.message));
    members.insert("next".to_owned(), json!(verdict.next));
    let Some(answer) = answer else {
        return clean::json(&Value::Object(members).to_string());
    };
    members.insert(
        "request_id".to_owned(),
        json!(answer.header("x-hushgate-request-id")),
    );
    members.insert("milliseconds".to_owned(), number(answer.timing.total));
    members.insert("timing".to_owned(), steps(answer.timing));
    members.insert("bytes".to_owned(), json!(answer.body.len()));
    if !with_body {
        return clean::json(&Value::Object(members).to_string());
    }
    let headers = shown(&answer.headers, true);
    let headers: Vec<Value> = headers
        .iter()
        .map(|(name, value)| json!([name, value]))
        .collect();
    members.insert("headers".to_owned(), Value::Array(headers));
    let mut line = Value::Object(members).to_string();
    line.pop();
    let text = String::from_utf8_lossy(&answer.body);
    let document = serde_json::from_str::<&RawValue>(&text).ok();
    let document = document.filter(|document| pretty::is_shallow(document.get()));
    let _ = match document {
        Some(document) => write!(line, ",\"body\":{}}}", document.get()),
        None => write!(line, ",\"text\":{}}}", Value::String(text.into_owned())),
    };
    clean::json(&line)
}

fn steps(timing: Timing) -> Value {
    let step = |time: Option<Duration>| time.map_or(Value::Null, number);
    json!({
        "name": step(timing.name), "connect": step(timing.connect), "tls": step(timing.tls),
        "first_byte": number(timing.first_byte),
    })
}

fn number(time: Duration) -> Value {
    // Microseconds are as fine as anything here.
    json!((time.as_secs_f64() * 1_000_000.0).round() / 1000.0)
}

/// A call that got no answer.
pub(super) fn failure(call: &str, failure: &Failure, form: Form) {
    if form.json {
        print::line(&object(call, None, &Verdict::unanswered(failure), false));
    } else {
        print::note(&format!("{} → no answer", clean::line(call)));
        print::note(&format!("error: {}", failure.lines()));
    }
}
