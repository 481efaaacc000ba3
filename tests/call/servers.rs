//! The servers that the command is tried with: one that records, one that answers as told, raw ones, and Google's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Response};
use hushgate_cli::sources::{BuiltIn, sample_secrets};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::function::scratch;
use crate::support::world::AUDIENCE;

/// A request that a recording server got.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(n, _)| n == name);
        found.map_or("", |(_, value)| value)
    }
}

pub(super) type Record = Arc<Mutex<Vec<Seen>>>;

pub(super) fn last(record: &Record) -> Seen {
    let record = record.lock().expect("the record");
    record.last().cloned().expect("a request")
}

pub(super) async fn recording() -> (LoopbackServer, Record) {
    let record = Record::default();
    let kept = Arc::clone(&record);
    let server = LoopbackServer::start(move |request| {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers = request.headers().iter();
        let seen = Seen {
            method: request.method().to_string(),
            target: request.uri().to_string(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: String::from_utf8_lossy(request.body()).into_owned(),
        };
        kept.lock().expect("the record").push(seen);
        Response::new(Bytes::from_static(b"{}"))
    });
    (server.await.expect("a server"), record)
}

pub(super) async fn answering(
    status: u16,
    headers: &[(&str, &str)],
    body: &'static [u8],
) -> LoopbackServer {
    let headers: Vec<(String, String)> = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect();
    let server = LoopbackServer::start(move |_| {
        let mut response = http::Response::builder().status(status);
        for (name, value) in &headers {
            response = response.header(name, value);
        }
        response.body(Bytes::from_static(body)).expect("a response")
    });
    server.await.expect("a server")
}

/// A server that sends these bytes to everybody and closes; after `\0wait` it holds the line instead.
pub(super) async fn raw(answer: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (bytes, waits) = match answer.strip_suffix("\0wait") {
        Some(bytes) => (bytes.to_owned(), true),
        None => (answer.to_owned(), false),
    };
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(bytes.as_bytes()).await;
            if waits {
                tokio::time::sleep(Duration::from_secs(20)).await;
            }
        }
    });
    url
}

/// A server that answers as soon as it has the head of a request, reads nothing more, and holds each
/// connection open.
pub(super) async fn early(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
                tokio::time::sleep(Duration::from_mins(1)).await;
            });
        }
    });
    url
}

/// A server that answers every second connection, and nothing on the others.
pub(super) async fn every_second(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        let mut answers = false;
        while let Ok((mut stream, _)) = listener.accept().await {
            answers = !answers;
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 4096]).await;
                if answers {
                    let _ = stream.write_all(answer.as_bytes()).await;
                } else {
                    tokio::time::sleep(Duration::from_mins(1)).await;
                }
            });
        }
    });
    url
}

/// A server that holds each answer for a while, and the most calls that it had at one time.
pub(super) async fn crowded() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let most = Arc::new(AtomicUsize::new(0));
    let (present, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (present, seen) = (Arc::clone(&present), Arc::clone(&seen));
            tokio::spawn(async move {
                while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                    seen.fetch_max(present.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    present.fetch_sub(1, Ordering::SeqCst);
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    (url, most)
}

/// Google's metadata server, which gives `token` for the audience of the tests.
pub(super) async fn metadata_server(token: &str) -> LoopbackServer {
    let token = token.to_owned();
    let audience = AUDIENCE.replace(':', "%3A").replace('/', "%2F");
    let expected = format!(
        "/computeMetadata/v1/instance/service-accounts/default/identity?audience={audience}&format=full"
    );
    let server = LoopbackServer::start(move |request| {
        let asked = request
            .headers()
            .get("metadata-flavor")
            .is_some_and(|flavor| flavor == "Google");
        let known = asked && request.uri().to_string() == expected;
        http::Response::builder()
            .status(if known { 200 } else { 404 })
            .header("metadata-flavor", "Google")
            .body(Bytes::from(if known {
                token.clone()
            } else {
                String::new()
            }))
            .expect("a response")
    });
    server.await.expect("a server")
}

/// Google's token endpoint, which gives `token` for an assertion for the audience of the tests.
pub(super) async fn token_endpoint(token: &str) -> LoopbackServer {
    let token = token.to_owned();
    let server = LoopbackServer::start(move |request| {
        let form = String::from_utf8_lossy(request.body()).into_owned();
        let assertion = form.strip_prefix(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=",
        );
        let payload = assertion.and_then(|jwt| URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok());
        let claims: Value =
            serde_json::from_slice(&payload.unwrap_or_default()).unwrap_or_default();
        let good = claims["target_audience"] == AUDIENCE
            && claims["iss"] == claims["sub"]
            && claims["aud"]
                .as_str()
                .is_some_and(|aud| aud.ends_with("/token"));
        let body = if good {
            serde_json::json!({ "id_token": token })
        } else {
            serde_json::json!({ "error": "invalid_grant" })
        };
        http::Response::builder()
            .status(if good { 200 } else { 400 })
            .body(Bytes::from(body.to_string()))
            .expect("a response")
    });
    server.await.expect("a server")
}

/// A service account's key file, with a key made for the test.
pub(super) fn key_file(token_uri: &str) -> String {
    let secrets = sample_secrets(BuiltIn::find("gcal").expect("a source")).expect("its secrets");
    let key = secrets
        .iter()
        .find(|(_, value)| value.contains("service_account"));
    let mut key: Value = serde_json::from_str(&key.expect("a key").1).expect("JSON");
    key["token_uri"] = token_uri.into();
    let file = scratch("call-google").join("key.json");
    std::fs::write(&file, key.to_string()).expect("a file");
    file.display().to_string()
}
