//! The call to a token endpoint: one request, one capped answer, no redirects.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Url;
use zeroize::Zeroizing;

use super::fault::ConnectFault;
use crate::egress::{self, Egress, EgressError};
use crate::ports::PortFuture;
use crate::refusal::Cause;

/// Most bytes of an answer, after decoding.
pub const LARGEST_ANSWER: usize = 64 * 1024;
/// The time for one exchange, all included.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(20);

/// A request to a token endpoint, or to another address of the vendor that setting a connection up
/// needs. Its `Debug` shows nothing of the content.
pub struct TokenRequest {
    /// The method; `POST` for every exchange.
    pub method: Method,
    /// The address, with the parameters when they go to the query.
    pub url: Url,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, a form unless the headers say otherwise; may be empty.
    pub body: Zeroizing<String>,
}

impl std::fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenRequest")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}

/// What a token endpoint answered. Its `Debug` shows nothing of the content.
pub struct TokenResponse {
    /// The status.
    pub status: u16,
    /// The content type as sent, or empty.
    pub content_type: String,
    /// The `Retry-After` header as sent.
    pub retry_after: Option<String>,
    /// The body, decoded, at most [`LARGEST_ANSWER`] bytes.
    pub body: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for TokenResponse {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenResponse")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// How a token endpoint is called; a port, so that a simulation can answer instead.
pub trait TokenEndpoint: Send + Sync {
    /// Sends one request and reads the answer, at most [`LARGEST_ANSWER`] bytes.
    fn call(&self, request: TokenRequest) -> PortFuture<'_, Result<TokenResponse, ConnectFault>>;
}

impl TokenEndpoint for Egress {
    fn call(&self, request: TokenRequest) -> PortFuture<'_, Result<TokenResponse, ConnectFault>> {
        Box::pin(async move {
            let answer = tokio::time::timeout(EXCHANGE_TIMEOUT, send(self, request));
            answer.await.unwrap_or_else(|_| {
                Err(ConnectFault::Network {
                    cause: Cause::SourceTimeout,
                    reason: format!("no complete answer within {} s", EXCHANGE_TIMEOUT.as_secs()),
                })
            })
        })
    }
}

async fn send(egress: &Egress, request: TokenRequest) -> Result<TokenResponse, ConnectFault> {
    let mut headers = request.headers;
    if request.body.is_empty() && request.method != Method::GET {
        // The client leaves the length of an empty body out, and some servers answer that with 411.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    let body = Bytes::from(request.body.as_bytes().to_vec());
    let call = egress
        .request(request.method, request.url)
        .map_err(|e| refused(&e))?;
    let mut response = call
        .headers(headers)
        .body(body)
        .send()
        .await
        .map_err(|e| failed(&e))?;
    let text = |name| {
        let value = response.headers().get(name).and_then(|v| v.to_str().ok());
        value.map(str::to_owned)
    };
    let status = response.status().as_u16();
    let content_type = text(CONTENT_TYPE).unwrap_or_default();
    let retry_after = text(RETRY_AFTER);
    if response.headers().contains_key(CONTENT_ENCODING) {
        // The client removes the codings it undid.
        return Err(ConnectFault::AnswerInvalid(
            "it uses a content coding that is not supported".to_owned(),
        ));
    }
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|e| failed(&e))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(ConnectFault::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(TokenResponse {
        status,
        content_type,
        retry_after,
        body,
    })
}

fn refused(error: &EgressError) -> ConnectFault {
    let cause = if matches!(error, EgressError::Client(_)) {
        Cause::Internal
    } else {
        Cause::EgressRefused
    };
    ConnectFault::Network {
        cause,
        reason: error.to_string(),
    }
}

fn failed(error: &reqwest::Error) -> ConnectFault {
    ConnectFault::Network {
        cause: egress::cause_of(error),
        reason: egress::root_cause(error),
    }
}
