//! The request target, byte for byte where the platform hands it over so.
//!
//! | way | path | query |
//! |---|---|---|
//! | Function URL | as the caller wrote it | as the caller wrote it |
//! | HTTP API, format 2.0 | decoded by the platform: encoded again | as the caller wrote it |
//! | HTTP API, format 1.0 | decoded by the platform: encoded again | decoded: encoded again, in the event's order |
//! | REST API | as the caller wrote it | decoded: encoded again, in the event's order |
//! | load balancer | as the caller wrote it | as the caller wrote it, in groups by name; without multi-value headers only the last of each arrives |
//!
//! "Encoded again" means the one canonical form: unreserved characters (RFC 3986 section 2.3) as they
//! are, in paths `/` and the other characters that may stand in a segment as well, everything else
//! percent-encoded in upper case. HTTP APIs put a stage with a name before the path; it is taken off.
//! They also cut the path at an encoded question mark, and nothing in the event tells it.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::uri::PathAndQuery;
use hushgate_gateway::refusal::{Cause, Refusal};

use super::event::{Event, Way};

/// The path and query of a request, in the form in which an HTTP server receives them.
///
/// # Errors
/// `request-invalid` when they are not of the form of a request target.
pub(super) fn target(event: &Event, way: Way) -> Result<(String, Option<String>), Refusal> {
    let path = path(event, way).into_owned();
    let query = match way {
        Way::FunctionUrl | Way::HttpApi => event.raw_query_string.clone(),
        Way::HttpApiV1 | Way::RestApi => Some(rebuilt_query(event)),
        Way::LoadBalancer { .. } => Some(plain_query(event)?),
    };
    let query = query.filter(|query| !query.is_empty());
    check(&path, query.as_deref())?;
    Ok((path, query))
}

/// The path of a request without its stage, not checked yet.
pub(super) fn path(event: &Event, way: Way) -> Cow<'_, str> {
    let given = match way {
        Way::FunctionUrl | Way::HttpApi => event.raw_path.as_deref(),
        Way::HttpApiV1 | Way::RestApi | Way::LoadBalancer { .. } => event.path.as_deref(),
    };
    let given = given.unwrap_or_default();
    match way {
        Way::HttpApi | Way::HttpApiV1 => decoded_path(given, event.stage()).into(),
        Way::FunctionUrl | Way::RestApi | Way::LoadBalancer { .. } => given.into(),
    }
}

fn decoded_path(path: &str, stage: Option<&str>) -> String {
    let below = stage
        .and_then(|stage| path.strip_prefix('/')?.strip_prefix(stage))
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let path = match below {
        Some("") => "/",
        Some(rest) => rest,
        None => path,
    };
    encode(path, is_path_character)
}

/// Parameters that were decoded, all values of one after the other.
fn rebuilt_query(event: &Event) -> String {
    let mut query = String::new();
    for (name, value) in parameters(event) {
        let name = encode(name, is_unreserved);
        append(&mut query, &name, &encode(value, is_unreserved));
    }
    query
}

/// Parameters that are still encoded.
fn plain_query(event: &Event) -> Result<String, Refusal> {
    let mut query = String::new();
    for (name, value) in parameters(event) {
        if name.contains(['&', '=']) || value.contains('&') {
            return Err(not_a_target());
        }
        append(&mut query, name, value);
    }
    Ok(query)
}

fn parameters(event: &Event) -> Vec<(&str, &str)> {
    if let Some(members) = &event.multi_value_query_string_parameters {
        let all = members.0.iter();
        return all
            .flat_map(|(name, values)| values.iter().map(move |v| (name.as_str(), v.as_str())))
            .collect();
    }
    let single = event.query_string_parameters.as_ref();
    single.map_or_else(Vec::new, |members| {
        let all = members.0.iter();
        all.map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    })
}

fn append(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(name);
    query.push('=');
    query.push_str(value);
}

fn encode(text: &str, stays: fn(u8) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if stays(byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String can't fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// `pchar` of RFC 3986 without escapes, and `/`.
fn is_path_character(byte: u8) -> bool {
    is_unreserved(byte) || b"/!$&'()*+,;=:@".contains(&byte)
}

/// Checks that both are what an HTTP server would take them for.
fn check(path: &str, query: Option<&str>) -> Result<(), Refusal> {
    if !path.starts_with('/') {
        return Err(not_a_target());
    }
    let whole = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let parsed = PathAndQuery::try_from(whole).map_err(|_| not_a_target())?;
    if parsed.path() == path && parsed.query() == query {
        Ok(())
    } else {
        Err(not_a_target())
    }
}

fn not_a_target() -> Refusal {
    Refusal::new(
        Cause::RequestInvalid,
        "the event's path or query is not of the form of a request target",
    )
}
