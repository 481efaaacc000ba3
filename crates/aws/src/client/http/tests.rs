use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::config::{BehaviorVersion, Config, Credentials, Region, SharedHttpClient};
use bytes::Bytes;
use futures_util::stream;
use http_body_util::{Full, StreamBody};

use super::*;
use crate::failure::{Failure, Kind};

#[path = "../../../tests/aws/recorder.rs"]
mod recorder;

use recorder::{Recorder, answer, closed};

const MARK: &str = "do-not-show";
const SOON: Duration = Duration::from_millis(300);

fn settings(connect: Option<Duration>, read: Option<Duration>) -> HttpConnectorSettings {
    let mut builder = HttpConnectorSettings::builder();
    builder.set_connect_timeout(connect);
    builder.set_read_timeout(read);
    builder.build()
}

async fn call(request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let settings = settings(Some(SOON), Some(SOON));
    Http::default().connector(&settings).call(request).await
}

fn get(port: u16, path: &str) -> HttpRequest {
    HttpRequest::get(format!("http://127.0.0.1:{port}{path}")).unwrap()
}

fn post(port: u16, body: SdkBody) -> HttpRequest {
    let mut request = HttpRequest::new(body);
    request.set_method("POST").unwrap();
    let url = format!("http://127.0.0.1:{port}/");
    request.set_uri(url).unwrap();
    request
}

async fn content(response: HttpResponse) -> Vec<u8> {
    let body = ByteStream::new(response.into_body());
    body.collect().await.unwrap().to_vec()
}

#[tokio::test]
async fn requests_and_answers_pass_as_they_are() {
    let server = Recorder::start(|_| {
        let headers = "x-a: 1\r\nx-a: 2\r\nset-cookie: a=b; Path=/\r\n";
        Some(answer(404, headers, b"body of the answer"))
    })
    .await;
    let mut request = post(server.port, SdkBody::from("body of the request"));
    let url = format!(
        "http://127.0.0.1:{}/a%2Fb/%7E%C3%A4//c?uploads&x=%27%20",
        server.port
    );
    request.set_uri(url).unwrap();
    request.headers_mut().append("x-signed", "one");
    request.headers_mut().append("x-signed", "two");
    let response = call(request).await.unwrap();
    assert_eq!(response.status().as_u16(), 404);
    let all: Vec<_> = response.headers().get_all("x-a").collect();
    assert_eq!(all, ["1", "2"]);
    assert_eq!(content(response).await, b"body of the answer");
    let sent = server.sent();
    let mut lines: Vec<_> = sent[0].head.lines().collect();
    lines.sort_unstable();
    let host = format!("host: 127.0.0.1:{}", server.port);
    let expected = [
        "POST /a%2Fb/%7E%C3%A4//c?uploads&x=%27%20 HTTP/1.1",
        "accept: */*",
        "content-length: 19",
        &host,
        "x-signed: one",
        "x-signed: two",
    ];
    assert_eq!(lines, expected);
    assert_eq!(sent[0].body, b"body of the request");
}

#[tokio::test]
async fn the_host_is_named_as_it_was_signed() {
    let server = Recorder::start(|_| Some(answer(200, "", b""))).await;
    let url = format!("http://LocalHost:{}/", server.port);
    call(HttpRequest::get(url).unwrap()).await.unwrap();
    let expected = format!("LocalHost:{}", server.port);
    assert_eq!(server.sent()[0].header("host"), Some(expected.as_str()));
}

#[tokio::test]
async fn a_path_that_would_be_shortened_is_not_called() {
    let server = Recorder::start(|_| Some(answer(200, "", b""))).await;
    for path in ["/a/../b", "/./a", "/a/%2E%2e/b", "/a/.."] {
        let error = call(get(server.port, path)).await.unwrap_err();
        assert!(error.is_user(), "{path}: {error:?}");
    }
    let mut request = HttpRequest::empty();
    request.set_uri("/nowhere").unwrap();
    assert!(call(request).await.unwrap_err().is_user());
    assert!(server.sent().is_empty());
}

#[tokio::test]
async fn a_large_body_in_pieces_has_its_length_and_arrives_whole() {
    const SIZE: usize = 20_000_000;
    const PIECE: usize = 100_003;
    let server = Recorder::start(|_| Some(answer(200, "", b""))).await;
    let bytes: Vec<u8> = (0..SIZE).map(|n| (n / 251).to_le_bytes()[0]).collect();
    let bytes = Bytes::from(bytes);
    let whole = bytes.clone();
    let pieces = (0..SIZE.div_ceil(PIECE)).map(move |n| {
        let piece = whole.slice(n * PIECE..SIZE.min((n + 1) * PIECE));
        Ok::<_, std::io::Error>(hyper::body::Frame::data(piece))
    });
    let pieces = SdkBody::from_body_1_x(StreamBody::new(stream::iter(pieces)));
    let mut in_pieces = post(server.port, pieces);
    in_pieces
        .headers_mut()
        .insert("content-length", SIZE.to_string());
    let at_once = SdkBody::from_body_1_x(Full::new(bytes.clone()));
    let connector = Http::default().connector(&settings(None, None));
    for request in [in_pieces, post(server.port, at_once)] {
        let response = connector.call(request).await.unwrap();
        assert_eq!(response.status().as_u16(), 200);
    }
    for sent in server.sent() {
        let length = SIZE.to_string();
        assert_eq!(sent.line(), "POST / HTTP/1.1");
        assert_eq!(sent.header("content-length"), Some(length.as_str()));
        assert_eq!(sent.header("transfer-encoding"), None);
        assert!(sent.body == bytes);
    }
    assert_eq!(server.sent().len(), 2);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = Recorder::start(|_| Some(answer(200, "", b""))).await;
    let to = format!("location: http://127.0.0.1:{}/\r\n", other.port);
    for status in [301, 302, 303, 307, 308] {
        let to = to.clone();
        let server = Recorder::start(move |_| Some(answer(status, &to, b"x"))).await;
        let response = call(get(server.port, "/")).await.unwrap();
        assert_eq!(response.status().as_u16(), status);
        assert!(response.headers().get("location").is_some());
    }
    assert!(other.sent().is_empty());
}

#[tokio::test]
async fn a_packed_answer_is_not_unpacked() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(b"plain").unwrap();
    let gzip = gzip.finish().unwrap();
    for encoding in ["gzip", "br", "deflate", "zstd"] {
        let (packed, headers) = (gzip.clone(), format!("content-encoding: {encoding}\r\n"));
        let server = Recorder::start(move |_| Some(answer(200, &headers, &packed))).await;
        let response = call(get(server.port, "/")).await.unwrap();
        assert_eq!(response.headers().get("content-encoding"), Some(encoding));
        let length = gzip.len().to_string();
        assert_eq!(
            response.headers().get("content-length"),
            Some(length.as_str())
        );
        assert_eq!(content(response).await, gzip);
        assert_eq!(server.sent()[0].header("accept-encoding"), None);
    }
}

type Expected<'a> = &'a dyn Fn(&ConnectorError) -> bool;

#[tokio::test]
async fn what_failed_is_told_apart() {
    let silent = Recorder::start(|_| None).await;
    let mute = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let https = format!("https://{}/", mute.local_addr().unwrap());
    let cut = Recorder::start(|_| Some(Vec::new())).await;
    let garbage = Recorder::start(|_| Some(b"do-not-show no HTTP\r\n\r\n".to_vec())).await;
    let transient = |e: &ConnectorError| e.as_other() == Some(ErrorKind::TransientError);
    let cases: [(&str, String, Expected<'_>); 5] = [
        (
            "refused",
            format!("http://127.0.0.1:{}/", closed().await),
            &ConnectorError::is_io,
        ),
        (
            "no answer",
            format!("http://127.0.0.1:{}/", silent.port),
            &ConnectorError::is_timeout,
        ),
        ("no connection", https, &ConnectorError::is_timeout),
        ("cut", format!("http://127.0.0.1:{}/", cut.port), &transient),
        (
            "garbage",
            format!("http://127.0.0.1:{}/", garbage.port),
            &transient,
        ),
    ];
    for (name, url, expected) in cases {
        let mut request = HttpRequest::new(SdkBody::from(MARK));
        request.set_method("POST").unwrap();
        request.set_uri(format!("{url}{MARK}?{MARK}")).unwrap();
        request.headers_mut().insert("authorization", MARK);
        let begun = Instant::now();
        let error = call(request).await.unwrap_err();
        assert!(expected(&error), "{name}: {error:?}");
        assert!(begun.elapsed() < 3 * SOON, "{name}");
        quiet(&error);
    }
}

/// Nothing of a request or an answer is in an error, nor where it went.
fn quiet(error: &(dyn std::error::Error + 'static)) {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = format!("{error} {error:?}");
        for hidden in [MARK, "127.0.0.1", "http:", "https:"] {
            assert!(!text.contains(hidden), "{text}");
        }
        next = error.source();
    }
}

#[tokio::test]
async fn a_body_that_is_cut_is_an_error() {
    for (headers, body) in [
        ("content-length: 100", "do-not-show"),
        ("transfer-encoding: chunked", "b\r\ndo-not-show\r\n"),
        (
            "transfer-encoding: chunked",
            "b\r\ndo-not-show\r\ndo-not-show",
        ),
    ] {
        let cut = format!("HTTP/1.1 200 X\r\n{headers}\r\n\r\n{body}");
        let server = Recorder::start(move |_| Some(cut.clone().into_bytes())).await;
        let response = call(get(server.port, "/do-not-show")).await.unwrap();
        let body = ByteStream::new(response.into_body());
        let error = body.collect().await.unwrap_err();
        quiet(&error);
        assert!(error.source().is_some());
    }
}

#[tokio::test]
async fn calls_of_one_time_to_connect_share_a_client() {
    let http = Http::default();
    for (connect, read, count) in [
        (Some(SOON), None, 1),
        (Some(SOON), Some(SOON), 1),
        (None, None, 2),
        (Some(2 * SOON), None, 3),
        (Some(SOON), None, 3),
    ] {
        assert!(http.connector(&settings(connect, read)).client.is_ok());
        assert_eq!(http.made.lock().unwrap().len(), count);
    }
}

/// Counts the attempts of the SDK.
#[derive(Debug, Clone, Default)]
struct Counting(Arc<(Http, AtomicUsize)>);

impl HttpClient for Counting {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        self.0.0.http_connector(settings, components)
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_told_as_that() {
    let counting = Counting::default();
    let retry = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new(MARK, MARK, None, None, "tests"))
        .retry_config(retry.with_max_attempts(3))
        .http_client(SharedHttpClient::new(counting.clone()))
        .endpoint_url(format!("http://127.0.0.1:{}", closed().await));
    let client = aws_sdk_ssm::Client::from_conf(config.build());
    let error = client.get_parameter().name(MARK).send().await.unwrap_err();
    assert_eq!(Failure::of(&error).kind, Kind::Unreachable);
    assert_eq!(counting.0.1.load(Ordering::SeqCst), 3);
    quiet(&error);
}

#[test]
fn nothing_of_a_client_is_shown() {
    let http = Http::default();
    let connector = http.connector(&settings(None, None));
    assert_eq!(
        format!("{http:?} {connector:?}"),
        "Http { .. } Connector { .. }"
    );
}
