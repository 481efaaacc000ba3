//! The step from a source's answer to a body that may leave.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};

use crate::upstream::Received;

/// A body that may leave, with its status and headers. Only this module makes one.
#[derive(Debug)]
pub(crate) struct Sanitized {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Sanitized {
    /// Status, headers and body, for the reply.
    pub(crate) fn into_parts(self) -> (StatusCode, HeaderMap, Bytes) {
        (self.status, self.headers, self.body)
    }
}
