//! Getting an issuer's documents over HTTPS.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header};

use crate::egress::{Egress, EgressError, root_cause};
use crate::ports::PortFuture;

/// The largest document that is read.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// How long a fetch may take, from connecting to the last byte.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Where issuers' discovery documents and key sets come from.
pub trait KeySource: Send + Sync {
    /// Fetches one document; takes at most [`FETCH_TIMEOUT`]. The source checks that the address
    /// is one that may be called, as it may come from a discovery document.
    fn fetch<'a>(&'a self, url: &'a str) -> PortFuture<'a, Result<Document, FetchFault>>;
}

/// A fetched document.
#[derive(Debug, Clone)]
pub struct Document {
    /// The whole body, at most [`MAX_DOCUMENT_BYTES`].
    pub body: Bytes,
    /// `max-age` of the answer's `Cache-Control`, if it has one; zero for `no-store` and `no-cache`.
    pub max_age: Option<Duration>,
}

/// Why a document could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchFault {
    /// The address may not be called.
    #[error(transparent)]
    Refused(#[from] EgressError),
    /// No connection, a broken answer, or too slow.
    #[error("the issuer did not answer: {0}")]
    Unreachable(String),
    /// Any status but 200; redirects are not followed.
    #[error("the issuer answered with status {0}")]
    Status(u16),
    /// More than [`MAX_DOCUMENT_BYTES`].
    #[error("the issuer's answer is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
}

impl FetchFault {
    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Refused(error) => error.code(),
            Self::Unreachable(_) => "issuer-unreachable",
            Self::Status(_) => "issuer-status",
            Self::TooLarge => "issuer-answer-too-large",
        }
    }
}

/// Fetches through the gateway's one way out, which checks every address.
#[derive(Debug, Clone)]
pub struct HttpKeySource {
    egress: Egress,
}

impl HttpKeySource {
    /// A source on this egress. Nothing is connected or built before the first fetch.
    pub fn new(egress: Egress) -> Self {
        Self { egress }
    }

    async fn get(&self, url: &str) -> Result<Document, FetchFault> {
        let url = self.egress.parse(url)?;
        let mut response = self
            .egress
            .request(Method::GET, url)?
            .header(header::ACCEPT, "application/json")
            .send()
            .await
            .map_err(|e| FetchFault::Unreachable(root_cause(&e)))?;
        if response.status() != StatusCode::OK {
            return Err(FetchFault::Status(response.status().as_u16()));
        }
        let max_age = max_age(response.headers());
        let mut body = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|e| FetchFault::Unreachable(root_cause(&e)))?
        {
            if body.len() + chunk.len() > MAX_DOCUMENT_BYTES {
                return Err(FetchFault::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Document {
            body: body.freeze(),
            max_age,
        })
    }
}

impl KeySource for HttpKeySource {
    fn fetch<'a>(&'a self, url: &'a str) -> PortFuture<'a, Result<Document, FetchFault>> {
        Box::pin(async move {
            tokio::time::timeout(FETCH_TIMEOUT, self.get(url))
                .await
                .unwrap_or_else(|_| Err(FetchFault::Unreachable("too slow".to_owned())))
        })
    }
}

/// `max-age` in seconds, per RFC 9111 section 5.2.2.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let mut found = None;
    for value in headers.get_all(header::CACHE_CONTROL) {
        for directive in value.to_str().ok()?.split(',') {
            let directive = directive.trim().to_ascii_lowercase();
            if directive == "no-store" || directive == "no-cache" {
                return Some(Duration::ZERO);
            }
            if let Some(seconds) = directive.strip_prefix("max-age=") {
                found = seconds.parse().ok().map(Duration::from_secs);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_long_an_answer_may_be_kept() {
        let read = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::CACHE_CONTROL, value.parse().unwrap());
            }
            max_age(&headers).map(|d| d.as_secs())
        };
        assert_eq!(read(&[]), None);
        assert_eq!(
            read(&["public, Max-Age=19800, must-revalidate"]),
            Some(19_800)
        );
        assert_eq!(read(&["public", "max-age=60"]), Some(60));
        assert_eq!(read(&["max-age=60, no-store"]), Some(0));
        assert_eq!(read(&["no-cache"]), Some(0));
        assert_eq!(read(&["max-age=-1"]), None);
        assert_eq!(read(&["max-age=abc"]), None);
    }
}
