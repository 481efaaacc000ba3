//! How long a connection lasts, as far as that is known.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hushgate_gateway::connect::Connector;
use hushgate_gateway::connect::forecast::{Ending, Foreseen, Urgency};
use hushgate_gateway::time::rfc3339_text;
use hushgate_host::connection::Record;
use serde_json::{Value, json};

use super::failure::Failure;

/// What ends, when, and what to do about it, soonest first.
pub(super) async fn of(connector: &Connector, record: &Record) -> Result<Vec<Value>, Failure> {
    let at = |seconds: u64| UNIX_EPOCH + Duration::from_secs(seconds);
    let used = record.validated.map(at);
    let foreseen = connector
        .forecast(Some(at(record.authorized)), used)
        .await?;
    Ok(foreseen.iter().map(row).collect())
}

fn row(end: &Foreseen) -> Value {
    let when = end.when.map(|when| day(seconds(when)));
    let subject = match end.what {
        Ending::Consent => "the consent ends",
        Ending::Unused => "it ends unless it is used",
        Ending::Key => "the key ends",
        Ending::KeyAge => "the key should be replaced",
        Ending::Certificate => "the certificate ends",
        Ending::Declared => "it ends",
    };
    let mut text = match &when {
        Some(when) => format!("{subject} by {when}"),
        None => format!("{subject} at a time that can't be read"),
    };
    if end.urgency != Urgency::Fine {
        text = format!("{text}; {}", end.what.next_step());
    }
    json!({
        "code": end.what.code(), "field": end.field, "at": when,
        "urgency": end.urgency.word(), "text": text,
    })
}

/// That nothing is known, and why.
pub(super) fn unknown(failure: &Failure) -> Value {
    json!({"code": failure.code(), "field": null, "at": null, "urgency": "soon", "text": format!("unknown: {}", failure.message)})
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Seconds since 1970 as a day, `2026-11-21`.
pub(super) fn day(seconds: u64) -> String {
    let mut text = rfc3339_text(seconds);
    text.truncate("2026-11-21".len());
    text
}
