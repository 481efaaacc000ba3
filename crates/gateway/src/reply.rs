//! What goes back to the caller.
//!
//! A [`Reply`] can be made from a [`Refusal`], which holds nothing of a response, or inside this
//! crate from a sanitized body. There is no other way, so a host can't send anything else.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::json;

use crate::refusal::{Cause, Refusal};
use crate::request_id::RequestId;
use crate::sanitize::Sanitized;

mod encoding;
#[cfg(test)]
mod tests;

/// The stable code of a refusal.
pub const ERROR: HeaderName = HeaderName::from_static("x-hushgate-error");
/// The id under which the log knows the request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-hushgate-request-id");
/// The digest of the rules that were applied.
pub const RULES: HeaderName = HeaderName::from_static("x-hushgate-rules");
/// The version of the gateway.
pub const VERSION: HeaderName = HeaderName::from_static("x-hushgate-version");

const PSOXY_ERROR: HeaderName = HeaderName::from_static("x-psoxy-error");
const PSOXY_RULES: HeaderName = HeaderName::from_static("x-psoxy-rules-sha");
const PSOXY_VERSION: HeaderName = HeaderName::from_static("x-psoxy-psoxy-version");
const PSOXY_KEY: HeaderName = HeaderName::from_static("x-psoxy-pii-salt-sha256");

/// A complete answer, ready to be written by a host.
#[derive(Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What the gateway tells a verified caller about itself, in headers of every answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Badge {
    /// Digest of the rules.
    pub(crate) rules_digest: String,
    /// Fingerprint of the pseudonym key, under compatibility only.
    pub(crate) key_fingerprint: Option<String>,
    /// Whether the reference's header names are sent as well.
    pub(crate) compat: bool,
}

impl Reply {
    /// The answer to a refused request: the code, one fixed sentence, the next step, the request id.
    ///
    /// The detail of the refusal is for the log and never part of the answer.
    pub fn refused(refusal: &Refusal, id: &RequestId) -> Self {
        let cause = refusal.cause();
        let body = json!({"error": {
            "code": cause.code(),
            "message": cause.sentence(),
            "next": cause.next_step(),
            "request_id": id.as_str(),
        }});
        let mut headers = refusal.passed_headers().cloned().unwrap_or_default();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(ERROR, HeaderValue::from_static(cause.code()));
        if refusal.status() == StatusCode::UNAUTHORIZED && cause != Cause::SourceError {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if cause == Cause::Overloaded {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        set(&mut headers, REQUEST_ID, id.as_str());
        Self {
            status: refusal.status(),
            headers,
            body: Bytes::from(body.to_string()),
        }
    }

    /// The answer with a sanitized body.
    pub(crate) fn sanitized(sanitized: Sanitized, id: &RequestId) -> Self {
        let (status, mut headers, body) = sanitized.into_parts();
        set(&mut headers, REQUEST_ID, id.as_str());
        Self {
            status,
            headers,
            body,
        }
    }

    /// An answer the gateway itself composed, as JSON text.
    pub(crate) fn own(status: StatusCode, body: String, id: &RequestId) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        set(&mut headers, REQUEST_ID, id.as_str());
        Self {
            status,
            headers,
            body: Bytes::from(body),
        }
    }

    /// Adds the headers which only a verified caller sees.
    pub(crate) fn badge(mut self, badge: &Badge) -> Self {
        set(&mut self.headers, RULES, &badge.rules_digest);
        set(&mut self.headers, VERSION, env!("CARGO_PKG_VERSION"));
        if badge.compat {
            set(&mut self.headers, PSOXY_RULES, &badge.rules_digest);
            set(&mut self.headers, PSOXY_VERSION, env!("CARGO_PKG_VERSION"));
            if let Some(fingerprint) = &badge.key_fingerprint {
                set(&mut self.headers, PSOXY_KEY, fingerprint);
            }
        }
        self
    }

    /// Adds the reference's name for the cause of a refusal.
    pub(crate) fn psoxy_error(mut self, cause: Cause) -> Self {
        if let Some(name) = cause.psoxy() {
            self.headers
                .insert(PSOXY_ERROR, HeaderValue::from_static(name));
        }
        self
    }

    /// Compresses the body if the caller's `Accept-Encoding` takes it and it is worth it.
    pub(crate) fn compress_for(mut self, request: &HeaderMap) -> Self {
        self.body = encoding::compress(self.body, request, &mut self.headers);
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers; a host adds only what frames the message.
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The id in its headers.
    pub(crate) fn request_id(&self) -> RequestId {
        let sent = self.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
        sent.map_or_else(RequestId::fresh, RequestId::of_reply)
    }

    /// The answer as an HTTP response.
    pub fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
