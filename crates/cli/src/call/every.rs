//! `--all`: the example calls of a source, one after the other.
//!
//! Where an example needs a reversible pseudonym, one is taken from an earlier answer: from the place
//! where the example's own answer has the value. So the calls work at any account, without a key.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::ExitCode;

use anyhow::Context as _;
use bytes::Bytes;
use hushgate_gateway::refusal::Cause;
use serde_json::Value;

use super::clean;
use super::code::Code;
use super::exposed;
use super::identity::Identity;
use super::request::Common;
use super::show::{self, Form};
use super::verdict::Verdict;
use super::wire::{Answer, Line};
use crate::connection::failure::Failure;
use crate::engine::{Engine, Keys};
use crate::examples::{Call, Folder, replace_placeholders};
use crate::print;
use crate::sources::BuiltIn;

/// Refusals that do not depend on what is called.
const NOT_KNOWN: &[Cause] = &[
    Cause::TokenMissing,
    Cause::TokenInvalid,
    Cause::CallerNotAllowed,
];

struct Example {
    call: Call,
    /// What the source answers in the example.
    original: Option<Value>,
}

/// What there is to do with an example.
enum Outcome {
    Fine,
    /// The rules admit it, and the account has no such thing.
    NotThere,
    Failed,
    /// The function does not know this caller, with this code: no call will go better.
    NotKnown(String),
    /// A pseudonym for it is not known yet.
    Later,
}

#[derive(Default)]
struct Count {
    fine: usize,
    not_there: usize,
    failed: usize,
    skipped: usize,
}

/// Calls all examples of `source`, with `refused` those that must be refused as well.
pub(super) async fn run(
    source: &str,
    refused: bool,
    common: &Common<'_>,
    identity: &Identity,
    line: &mut Line,
    form: Form,
) -> Result<ExitCode, Failure> {
    let (examples, endpoints) = load(source).map_err(|error| {
        let what = if exposed::is_secret(source) {
            "--all names no source and no folder of one".to_owned()
        } else {
            format!("{error:#}")
        };
        Failure::usage(Code::SourceUnknown, what)
    })?;
    let mut run = Run {
        common,
        identity,
        line,
        form,
        wanted: wanted(&examples),
        known: BTreeMap::new(),
        count: Count::default(),
    };
    let mut waiting: Vec<&Example> = Vec::new();
    for example in &examples {
        let call = &example.call;
        if call.refused.is_some() && !refused {
            continue;
        }
        if call.refused.is_some() && !matches!(call.method(), "GET" | "HEAD") {
            run.skip(
                &call.call,
                "not sent: it would change data if the function had other rules",
            );
            continue;
        }
        waiting.push(example);
    }
    while !waiting.is_empty() {
        let before = run.known.len();
        let mut later = Vec::new();
        for (at, example) in waiting.iter().enumerate() {
            match run.call(example).await? {
                Outcome::Later => later.push(*example),
                Outcome::NotKnown(code) => {
                    run.count.skipped += later.len() + waiting.len() - at - 1;
                    return Ok(run.stop(&code));
                }
                _ => {}
            }
        }
        waiting = later;
        if run.known.len() == before {
            break;
        }
    }
    for example in waiting {
        run.skip(
            &example.call.call,
            "skipped: no answer so far had a pseudonym for it",
        );
    }
    for endpoint in endpoints {
        run.skip(&endpoint, "the rules list it, and no example calls it");
    }
    Ok(run.end())
}

struct Run<'a> {
    common: &'a Common<'a>,
    identity: &'a Identity,
    line: &'a mut Line,
    form: Form,
    /// The values that calls need pseudonyms of.
    wanted: Vec<String>,
    known: BTreeMap<String, String>,
    count: Count,
}

impl Run<'_> {
    async fn call(&mut self, example: &Example) -> Result<Outcome, Failure> {
        let call = &example.call;
        let Some((target, body)) = self.filled(call) else {
            return Ok(Outcome::Later);
        };
        let target = match self.common.target.with(&target) {
            Ok(target) => target,
            Err(failure) => {
                let shown = format!("{} {target}", call.method());
                return Ok(self.failed(&shown, &failure));
            }
        };
        let shown = format!("{} {target}", call.method());
        let content_type = body
            .is_some()
            .then(|| call.content_type.as_deref().unwrap_or("application/json"));
        let body = Bytes::from(body.unwrap_or_default());
        let mut request = self
            .common
            .request(call.method(), &target, body, content_type)?;
        for (name, value) in &call.headers {
            let (name, value) = super::request::header(&format!("{name}: {value}"))?;
            request.headers_mut().insert(name, value);
        }
        self.identity.apply(&mut request).await?;
        let answer = match self.line.send(&request).await {
            Ok(answer) => answer,
            Err(failure) => return Ok(self.failed(&shown, &failure)),
        };
        let verdict = Verdict::of(&answer, target.path(), self.common.target, self.identity);
        let outcome = judge(call, &answer, &verdict);
        if verdict.fine {
            self.learn(example, &answer);
        }
        self.show(&shown, &answer, &verdict, &outcome, call);
        match outcome {
            Outcome::Fine => self.count.fine += 1,
            Outcome::NotThere => self.count.not_there += 1,
            _ => self.count.failed += 1,
        }
        Ok(outcome)
    }

    /// Target and body with pseudonyms in their places; nothing while one is unknown.
    fn filled(&self, call: &Call) -> Option<(String, Option<String>)> {
        let unknown = RefCell::new(false);
        let pseudonym = |value: &str| {
            let known = self.known.get(value).cloned();
            *unknown.borrow_mut() |= known.is_none();
            known.unwrap_or_default()
        };
        let target = call.target(pseudonym);
        let body = call.request_body(pseudonym);
        (!*unknown.borrow()).then_some((target, body))
    }

    fn learn(&mut self, example: &Example, answer: &Answer) {
        let live: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let (Some(original), Some(live)) = (&example.original, live) else {
            return;
        };
        for value in &self.wanted {
            if self.known.contains_key(value) {
                continue;
            }
            let mut places = Vec::new();
            find(original, value, &mut String::new(), &mut places);
            let found = places
                .iter()
                .find_map(|place| reversible(live.pointer(place)?));
            if let Some(found) = found {
                self.known.insert(value.clone(), found);
            }
        }
    }

    fn show(
        &self,
        shown: &str,
        answer: &Answer,
        verdict: &Verdict,
        outcome: &Outcome,
        call: &Call,
    ) {
        if self.form.json {
            let fine = matches!(outcome, Outcome::Fine | Outcome::NotThere);
            let verdict = Verdict {
                fine,
                ..verdict.clone()
            };
            print::line(&show::object(shown, Some(answer), &verdict, true));
            return;
        }
        let note = match (outcome, &verdict.code, &call.refused) {
            (Outcome::Fine, Some(code), _) => format!("   {code}, as it must be"),
            (Outcome::NotThere, ..) => "   admitted; this account has no such thing".to_owned(),
            (Outcome::Failed, code, Some(expected)) => {
                format!(
                    "   {}, but must be {expected}",
                    code.as_deref().unwrap_or("admitted")
                )
            }
            (Outcome::NotKnown(code), ..) | (_, Some(code), None) => format!(
                "   {code}: {}\n{:19}next: {}",
                verdict.message.as_deref().unwrap_or_default(),
                "",
                verdict.next.as_deref().unwrap_or_default()
            ),
            _ => String::new(),
        };
        print::line(&format!(
            "{:>3} {:>10} ms  {}{note}",
            answer.status.as_u16(),
            show::milliseconds(answer.timing.total),
            clean::line(shown)
        ));
    }

    fn failed(&mut self, shown: &str, failure: &Failure) -> Outcome {
        self.count.failed += 1;
        if self.form.json {
            print::line(&show::object(
                shown,
                None,
                &Verdict::unanswered(failure),
                false,
            ));
        } else {
            print::line(&format!(
                "  – {:>10}     {}   {}",
                "",
                clean::line(shown),
                failure.lines()
            ));
        }
        Outcome::Failed
    }

    fn skip(&mut self, call: &str, why: &str) {
        self.count.skipped += 1;
        if !self.form.json {
            print::line(&format!("  – {:>10}     {}   {why}", "", clean::line(call)));
        }
    }

    /// Ends before the other calls.
    fn stop(&self, code: &str) -> ExitCode {
        for fact in self.identity.facts(Some(code)) {
            print::note(&format!("  {fact}"));
        }
        print::note("stopped: the function would refuse the other calls of this identity as well");
        self.end()
    }

    fn end(&self) -> ExitCode {
        let Count {
            fine,
            not_there,
            failed,
            skipped,
        } = self.count;
        print::note(&format!(
            "{fine} fine, {failed} failed, {not_there} admitted and not there, {skipped} not called"
        ));
        ExitCode::from(u8::from(failed > 0 || fine == 0))
    }
}

fn judge(call: &Call, answer: &Answer, verdict: &Verdict) -> Outcome {
    match (&call.refused, &verdict.code) {
        (Some(expected), Some(code)) if code == expected => return Outcome::Fine,
        (_, Some(code)) if NOT_KNOWN.iter().any(|cause| cause.code() == code) => {
            return Outcome::NotKnown(code.clone());
        }
        (Some(_), _) => return Outcome::Failed,
        (None, _) => {}
    }
    let missing = verdict.code.as_deref() == Some("source-error")
        && matches!(answer.status.as_u16(), 404 | 410);
    match verdict.fine {
        true => Outcome::Fine,
        false if missing => Outcome::NotThere,
        false => Outcome::Failed,
    }
}

/// Where a document has a value, as JSON pointers (RFC 6901).
fn find(node: &Value, value: &str, place: &mut String, found: &mut Vec<String>) {
    let length = place.len();
    match node {
        Value::Object(members) => {
            for (name, member) in members {
                place.push('/');
                place.push_str(&name.replace('~', "~0").replace('/', "~1"));
                find(member, value, place, found);
                place.truncate(length);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                place.push('/');
                place.push_str(&index.to_string());
                find(item, value, place, found);
                place.truncate(length);
            }
        }
        Value::String(text) if text == value => found.push(place.clone()),
        Value::Number(number) if number.to_string() == value => found.push(place.clone()),
        _ => {}
    }
}

/// The reversible pseudonym that a value is, percent-encoded where a path or query needs it.
fn reversible(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Object(members) => {
            let mut texts = members.values().filter_map(Value::as_str);
            texts.find(|text| text.starts_with("p~"))?
        }
        _ => return None,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '~' | '-' | '_' | '.' | '@');
    (text.starts_with("p~") && text.chars().all(plain)).then(|| text.to_owned())
}

fn wanted(examples: &[Example]) -> Vec<String> {
    let wanted = RefCell::new(Vec::new());
    let collect = |value: &str| {
        wanted.borrow_mut().push(value.to_owned());
        String::new()
    };
    for example in examples {
        example.call.target(collect);
        if let Some(body) = &example.call.body {
            replace_placeholders(body, collect);
        }
    }
    let mut wanted = wanted.into_inner();
    wanted.sort();
    wanted.dedup();
    wanted
}

/// The examples of a built-in source, or of a folder with one, and the endpoints that have none.
fn load(source: &str) -> anyhow::Result<(Vec<Example>, Vec<String>)> {
    let keys = Keys::examples()?;
    let (calls, examples, engine) = if source.contains(['/', '.']) {
        let folder = Folder::find(source)?;
        let original = |name: &str| std::fs::read_to_string(folder.original(name)).ok();
        let calls = folder.calls()?;
        let engine = Engine::load(&folder.rules(), &keys, false)?;
        (calls.clone(), with_originals(calls, original), engine)
    } else {
        let built_in = BuiltIn::find(source)?;
        let original = |name: &str| built_in.original(name).map(str::to_owned);
        let calls = built_in.calls()?;
        let engine = Engine::from_text("rules.yaml", built_in.rules, &keys, false)?;
        (calls.clone(), with_originals(calls, original), engine)
    };
    let named = examples.iter().any(|example| example.call.name.is_some());
    let endpoints = engine.without_example(&calls);
    let endpoints = endpoints.iter().map(|i| engine.template(*i).to_owned());
    named
        .then(|| (examples, endpoints.collect()))
        .context("the source has no example calls")
}

fn with_originals(calls: Vec<Call>, original: impl Fn(&str) -> Option<String>) -> Vec<Example> {
    let parsed = |call: &Call| {
        let text = original(call.name.as_deref()?)?;
        serde_json::from_str(&text).ok()
    };
    let with = |call| Example {
        original: parsed(&call),
        call,
    };
    calls.into_iter().map(with).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn finds_the_pseudonym_where_the_example_has_the_value() {
        let original = json!({"users": [{"id": "u1", "pmi": 55}, {"a/b~": "u1"}]});
        let mut places = Vec::new();
        find(&original, "u1", &mut String::new(), &mut places);
        assert_eq!(places, ["/users/0/id", "/users/1/a~1b~0"]);
        assert!(
            places
                .iter()
                .all(|place| original.pointer(place) == Some(&json!("u1")))
        );
        places.clear();
        find(&original, "55", &mut String::new(), &mut places);
        assert_eq!(places, ["/users/0/pmi"]);
    }

    #[test]
    fn takes_only_what_has_the_form_of_a_reversible_pseudonym() {
        for (value, expected) in [
            (json!("p~abc-_1@x.example"), Some("p~abc-_1@x.example")),
            (json!({"hash": "t~x", "reversible": "p~abc"}), Some("p~abc")),
            (json!("t~abc"), None),
            (json!("p~abc/../../x?y=1"), None),
            (json!("p~a\r\nx: y"), None),
            (json!(5), None),
        ] {
            assert_eq!(reversible(&value).as_deref(), expected, "{value}");
        }
    }
}
