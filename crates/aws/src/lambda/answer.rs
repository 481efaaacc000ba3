//! Answers in the forms that the ways to a function take, within what the platform carries.

use std::convert::Infallible;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream::{self, Iter};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use hushgate_gateway::refusal::{Cause, Refusal};
use hushgate_host::config::LambdaResponse;
use lambda_http::lambda_runtime::{FunctionResponse, MetadataPrelude, StreamResponse};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::event::Way;

/// Most bytes of a whole answer (AWS Lambda quotas: 6 MB, of which Lambda counts 6,291,556).
pub(super) const WHOLE: usize = 6_291_556;
/// Most bytes of a whole answer to a load balancer (Elastic Load Balancing, Lambda targets: 1 MB).
pub(super) const TO_LOAD_BALANCER: usize = 1 << 20;
/// Most bytes of a streamed answer (AWS Lambda quotas: 200 MB), head and delimiter included.
pub(super) const STREAMED: usize = 200 << 20;

/// Bytes of a streamed answer that Lambda takes as fast as they come, and how many in a second of those
/// beyond them (AWS Lambda, bandwidth limits for response streaming: 6 MB, then 2 MB/s at most).
const UNCAPPED: usize = 6_000_000;
const RATE: usize = 2_000_000;

/// Null bytes between the head and the body of a streamed answer.
const DELIMITER: usize = 8;
/// How much of a streamed answer is handed on at once.
const PIECE: usize = 64 << 10;

/// What the runtime hands to Lambda.
pub(super) type Outcome = FunctionResponse<Box<RawValue>, Iter<Pieces>>;

/// Whether answers to a request that came this way are streamed.
pub(super) fn is_streamed(way: Way, configured: LambdaResponse) -> bool {
    let can = matches!(way, Way::FunctionUrl | Way::RestApi);
    can && configured == LambdaResponse::Streamed
}

/// Whether an answer may be compressed. A REST API undoes base64 only for media types that its
/// configuration lists, so what is not text would arrive as base64.
pub(super) fn is_compressible(way: Way, configured: LambdaResponse) -> bool {
    way != Way::RestApi || is_streamed(way, configured)
}

/// The answer in the form for this way, when the invocation ends after this time.
///
/// # Errors
/// `response-too-large` when it is larger than the platform carries, or carries in this time.
pub(super) fn outcome(
    response: Response<Bytes>,
    way: Way,
    configured: LambdaResponse,
    left: Duration,
) -> Result<Outcome, Refusal> {
    if is_streamed(way, configured) {
        streamed(response, left)
    } else {
        let limit = match way {
            Way::LoadBalancer { .. } => TO_LOAD_BALANCER,
            _ => WHOLE,
        };
        whole(&response, way, limit).map(FunctionResponse::BufferedResponse)
    }
}

fn whole(response: &Response<Bytes>, way: Way, limit: usize) -> Result<Box<RawValue>, Refusal> {
    let detail = "larger than Lambda carries whole; HUSHGATE_LAMBDA_RESPONSE=streamed carries more to a Function URL or a REST API";
    let too_large = || Refusal::new(Cause::ResponseTooLarge, detail);
    // Every byte of the body is at least one in the answer.
    if response.body().len() > limit {
        return Err(too_large());
    }
    let fault = |_| Refusal::new(Cause::Internal, "the answer can't be written as JSON");
    let text = to_raw_value(&Envelope::of(response, way)).map_err(fault)?;
    if text.get().len() > limit {
        return Err(too_large());
    }
    Ok(text)
}

fn streamed(response: Response<Bytes>, left: Duration) -> Result<Outcome, Refusal> {
    let (head, body) = response.into_parts();
    let mut headers = HeaderMap::with_capacity(head.headers.len() + 1);
    for (name, value) in joined(&head.headers) {
        if let Ok(value) = HeaderValue::from_str(&value) {
            headers.insert(name.clone(), value);
        }
    }
    // The runtime would add it after the size was checked.
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/octet-stream"));
    let prelude = MetadataPrelude {
        status_code: head.status,
        headers,
        cookies: Vec::new(),
    };
    let fault = |_| {
        Refusal::new(
            Cause::Internal,
            "the answer's head can't be written as JSON",
        )
    };
    let size = serde_json::to_vec(&prelude).map_err(fault)?.len() + DELIMITER + body.len();
    if size > STREAMED {
        let detail = "larger than Lambda streams";
        return Err(Refusal::new(Cause::ResponseTooLarge, detail));
    }
    // Lambda would cut it off in the middle, under the status of a whole one.
    if size > carried_within(left) {
        let detail = "larger than Lambda streams in the time that is left; give the function more time, or ask for less at once";
        return Err(Refusal::new(Cause::ResponseTooLarge, detail));
    }
    let mut answer = StreamResponse::from(stream::iter(Pieces(body)));
    answer.metadata_prelude = prelude;
    Ok(FunctionResponse::StreamingResponse(answer))
}

/// How many bytes Lambda streams in this time.
fn carried_within(left: Duration) -> usize {
    let slowly = left.as_millis().saturating_mul(RATE as u128) / 1000;
    UNCAPPED.saturating_add(usize::try_from(slowly).unwrap_or(usize::MAX))
}

/// A body in pieces, which share its memory.
#[derive(Debug)]
pub(super) struct Pieces(Bytes);

impl Iterator for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        Some(Ok(self.0.split_to(self.0.len().min(PIECE))))
    }
}

/// The JSON of a whole answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'r> {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Single<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<Multiple<'r>>,
    body: Text<'r>,
    is_base64_encoded: bool,
}

impl<'r> Envelope<'r> {
    fn of(response: &'r Response<Bytes>, way: Way) -> Self {
        let (status, headers) = (response.status(), response.headers());
        let multi = way == Way::LoadBalancer { multi: true };
        let body = Text::of(response);
        Self {
            status_code: status.as_u16(),
            status_description: matches!(way, Way::LoadBalancer { .. }).then(|| status.to_string()),
            headers: (!multi).then_some(Single(headers)),
            multi_value_headers: multi.then_some(Multiple(headers)),
            is_base64_encoded: matches!(body, Text::Encoded(_)),
            body,
        }
    }
}

/// A body as text: as it is where it is text, else in base64.
enum Text<'r> {
    Plain(&'r str),
    Encoded(&'r [u8]),
}

impl<'r> Text<'r> {
    fn of(response: &'r Response<Bytes>) -> Self {
        let body = response.body();
        let coded = response.headers().contains_key(CONTENT_ENCODING);
        match std::str::from_utf8(body) {
            Ok(text) if !coded => Self::Plain(text),
            _ => Self::Encoded(body),
        }
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text),
            Self::Encoded(bytes) => serializer.serialize_str(&STANDARD.encode(bytes)),
        }
    }
}

/// Headers with one value each.
struct Single<'r>(&'r HeaderMap);

impl Serialize for Single<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in joined(self.0) {
            map.serialize_entry(name.as_str(), &value)?;
        }
        map.end()
    }
}

/// Headers with a list of values each.
struct Multiple<'r>(&'r HeaderMap);

impl Serialize for Multiple<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for name in names(self.0) {
            let values: Vec<&str> = readable(self.0, name).collect();
            map.serialize_entry(name.as_str(), &values)?;
        }
        map.end()
    }
}

/// Repeated headers as one list (RFC 9110 section 5.3).
fn joined(headers: &HeaderMap) -> impl Iterator<Item = (&HeaderName, String)> {
    names(headers).map(|name| {
        let values: Vec<&str> = readable(headers, name).collect();
        (name, values.join(", "))
    })
}

/// The headers that are sent: no answer sets cookies, and a value has to be text.
fn names(headers: &HeaderMap) -> impl Iterator<Item = &HeaderName> {
    let all = headers.keys().filter(|name| **name != SET_COOKIE);
    all.filter(|name| readable(headers, name).next().is_some())
}

fn readable<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let values = headers.get_all(name).iter();
    values.filter_map(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests;
