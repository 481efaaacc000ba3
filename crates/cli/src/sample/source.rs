//! A sample source: replays a source's example answers, and hands out access tokens as the vendor would.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use hushgate_gateway::time::rfc3339_text;

use super::server::{LoopbackServer, Request, Response};

/// The access token that the sample source's token endpoint gives out and its API asks for.
const ACCESS_TOKEN: &str = "sample-access-token";

/// One call that the sample source answers.
#[derive(Debug, Clone)]
pub struct Served {
    /// The method.
    pub method: String,
    /// The path and query as the vendor receives them: plain identifiers, percent-encoding allowed.
    pub target: String,
    /// The request body as the vendor receives it, if the call has one.
    pub request: Option<String>,
    /// The JSON answer.
    pub body: String,
}

/// A vendor's API and token endpoint on loopback.
///
/// Any `POST` to a path that ends in `/token`, `/generate-customer-token` or `/access_tokens` is the
/// token endpoint. Every other call needs the token from there, or `static_token`. A call that is not
/// among the served ones gets a 404 whose body names people, as real error bodies do.
#[derive(Debug)]
pub struct SampleSource {
    server: LoopbackServer,
    calls: Arc<AtomicUsize>,
}

impl SampleSource {
    /// Starts serving `examples`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(
        examples: Vec<Served>,
        static_token: Option<String>,
    ) -> std::io::Result<Self> {
        let calls = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&calls);
        let table: Vec<_> = examples
            .into_iter()
            .map(|s| (s.method.clone(), Target::parse(&s.target), s))
            .collect();
        let server = LoopbackServer::start(move |request| {
            if is_token_request(&request) {
                return token_answer();
            }
            counter.fetch_add(1, Ordering::Relaxed);
            if !is_authorized(&request, static_token.as_deref()) {
                return json(
                    StatusCode::UNAUTHORIZED,
                    "{\"message\":\"Invalid access token\"}",
                );
            }
            let target = Target::parse(
                request
                    .uri()
                    .path_and_query()
                    .map_or("/", http::uri::PathAndQuery::as_str),
            );
            table
                .iter()
                .find(|(method, known, served)| {
                    request.method() == method.as_str()
                        && *known == target
                        && is_body(request.body(), served.request.as_deref())
                })
                .map_or_else(not_found, |(_, _, s)| json(StatusCode::OK, &s.body))
        })
        .await?;
        Ok(Self { server, calls })
    }

    /// Its base URL, without a trailing slash.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// How many API calls (not token requests) arrived.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

/// A request target for comparison: decoded path, and decoded query pairs in any order.
#[derive(Debug, PartialEq, Eq)]
struct Target {
    path: String,
    query: Vec<String>,
}

impl Target {
    fn parse(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut query: Vec<_> = query
            .split('&')
            .filter(|p| !p.is_empty())
            .map(|p| decode(&p.replace('+', " ")))
            .collect();
        query.sort();
        Self {
            path: decode(path),
            query,
        }
    }
}

/// Percent-decodes; bytes that are no UTF-8 become U+FFFD, which is enough for comparing.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let escaped = (*first == b'%')
            .then(|| tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok()))
            .flatten()
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            tail.get(2..).unwrap_or_default()
        } else {
            tail
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a request's body is this one: the same JSON value, or else the same bytes.
fn is_body(sent: &[u8], known: Option<&str>) -> bool {
    let known = known.unwrap_or_default().as_bytes();
    let json = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
    match (json(sent), json(known)) {
        (Some(sent), Some(known)) => sent == known,
        _ => sent == known,
    }
}

fn is_token_request(request: &Request) -> bool {
    let path = request.uri().path();
    request.method() == http::Method::POST
        && ["/token", "/access_tokens", "/generate-customer-token"]
            .iter()
            .any(|e| path.ends_with(e))
}

fn token_answer() -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let expires_at = rfc3339_text(now.map_or(0, |since| since.as_secs()) + 3600);
    json(
        StatusCode::CREATED,
        &format!(
            "{{\"access_token\":\"{ACCESS_TOKEN}\",\"token\":\"{ACCESS_TOKEN}\",\"token_type\":\"bearer\",\
             \"expires_in\":3600,\"expires_at\":\"{expires_at}\"}}"
        ),
    )
}

fn is_authorized(request: &Request, static_token: Option<&str>) -> bool {
    let sent = request
        .headers()
        .get("authorization")
        .and_then(|v| v.to_str().ok())
        .unwrap_or("");
    let sent = sent.strip_prefix("Bearer ").unwrap_or_default();
    sent == ACCESS_TOKEN || static_token.is_some_and(|t| sent == t)
}

fn not_found() -> Response {
    json(
        StatusCode::NOT_FOUND,
        "{\"code\":404,\"message\":\"nothing here for Quentin Hollis <quentin.hollis@example.com>\"}",
    )
}

fn json(status: StatusCode, body: &str) -> Response {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/json; charset=utf-8"),
    );
    headers.insert("x-ratelimit-remaining", HeaderValue::from_static("4999"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_compare_decoded_and_in_any_order_of_the_query() {
        assert_eq!(
            Target::parse("/a%40b?x=1&y=%20"),
            Target::parse("/a@b?y=+&x=1")
        );
        assert_ne!(Target::parse("/a?x=1"), Target::parse("/a?x=2"));
    }

    #[test]
    fn bodies_compare_as_json_and_else_byte_by_byte() {
        assert!(is_body(b"", None));
        assert!(is_body(
            b"{\"a\":1,\"b\":\"\\u0041\"}",
            Some("{ \"b\": \"A\", \"a\": 1 }")
        ));
        assert!(is_body(b"a=1&b=2", Some("a=1&b=2")));
        assert!(!is_body(b"{\"query\":\"a\"}", Some("{\"query\":\"b\"}")));
        assert!(!is_body(b"{}", None));
        assert!(!is_body(b"", Some("{}")));
    }
}
