//! A source with one answer to everything.

use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Response};
use reqwest::Method;

/// The content type of JSON.
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");

/// A source that answers every API call with the same head and body.
pub(crate) async fn source_that_answers(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static [u8],
) -> LoopbackServer {
    LoopbackServer::start(move |request| {
        if request.method() == Method::POST {
            let token = "{\"access_token\":\"sample-access-token\",\"expires_in\":3600,\"token_type\":\"bearer\"}";
            let mut response = Response::new(Bytes::from(token));
            let json = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert("content-type", json);
            return response;
        }
        let mut response = Response::new(Bytes::from_static(body));
        *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        for (name, value) in headers {
            response.headers_mut().append(*name, http::HeaderValue::from_static(value));
        }
        response
    })
    .await
    .expect("a source")
}
