//! The source over TLS: whom the function trusts, the lowest version it speaks, and HTTP/2 as only a
//! real connection has it.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::function::{root, scratch};
use crate::support::peer::Peer;
use crate::support::{World, skipped};

/// The Python of the test peers.
pub(crate) fn python() -> Option<OsString> {
    let python = std::env::var_os("HUSHGATE_PYTHON");
    if python.is_none() {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
            "HUSHGATE_PYTHON is not set; run `cargo xtask test`"
        );
        skipped("HUSHGATE_PYTHON is not set; `cargo xtask test` sets it");
    }
    python
}

/// A folder with a certificate for this machine and the authority that made it.
pub(crate) fn certificates(python: &OsString) -> PathBuf {
    let folder = scratch("tls");
    let made = Command::new(python)
        .arg(root().join("tests/peers/certificates.py"))
        .arg(&folder)
        .status()
        .expect("Python starts");
    assert!(made.success());
    folder
}

/// A function before the source at `origin`, which trusts the authorities of this file.
async fn function_before(origin: &str, floor: &str, authorities: &str) -> World {
    function_trusting(origin, floor, ("SSL_CERT_FILE", authorities)).await
}

/// A function before the source at `origin`, which trusts what this variable names.
async fn function_trusting(origin: &str, floor: &str, trusted: (&str, &str)) -> World {
    World::before(
        origin.trim_start_matches("https://"),
        &[
            ("HUSHGATE_TARGET_HOST", origin),
            ("HUSHGATE_TOKEN_ORIGIN", origin),
            ("HUSHGATE_TLS_VERSION", floor),
            trusted,
        ],
    )
    .await
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a readable path")
}

pub(crate) struct TlsSource {
    child: Child,
    pub(crate) origin: String,
    pub(crate) authority: PathBuf,
}

impl TlsSource {
    /// Starts a source that speaks TLS up to `version`; nothing when the peer's Python is not set up.
    pub(crate) fn start(version: &str) -> Option<Self> {
        let python = python()?;
        let folder = certificates(&python);
        let mut child = Command::new(python)
            .arg(root().join("tests/peers/tls_source.py"))
            .arg(&folder)
            .arg(version)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the source starts");
        let mut port = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("its output"));
        output.read_line(&mut port).expect("its port");
        let origin = format!("https://127.0.0.1:{}", port.trim());
        let authority = folder.join("ca.pem");
        Some(Self {
            child,
            origin,
            authority,
        })
    }

    /// The status and body of a call through a function with this floor and these authorities.
    async fn call(&self, floor: &str, authorities: &str) -> (u16, String) {
        let world = function_before(&self.origin, floor, authorities).await;
        let response = world.get("/v2/users").await;
        (
            response.status().as_u16(),
            response.text().await.expect("a body"),
        )
    }

    fn authority(&self) -> &str {
        text(&self.authority)
    }
}

impl Drop for TlsSource {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn only_a_source_with_a_trusted_certificate_is_called() {
    let Some(source) = TlsSource::start("1.3") else {
        return;
    };
    let (status, body) = source.call("1.3", source.authority()).await;
    assert_eq!(status, 200, "{body}");
    let (status, body) = source.call("1.3", "").await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("source-unreachable"), "{body}");
}

/// A file of authorities takes the place of the machine's, a folder of them as well.
#[tokio::test]
async fn authorities_are_those_that_the_environment_names() {
    let Some(source) = TlsSource::start("1.3") else {
        return;
    };
    let folder = source
        .authority
        .parent()
        .expect("its folder")
        .join("trusted");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::copy(&source.authority, folder.join("0a0b0c0d.0")).expect("a copy");
    let none = folder.join("none.pem");
    for (trusted, expected) in [
        (("SSL_CERT_DIR", text(&folder)), (200, "")),
        (("SSL_CERT_FILE", text(&none)), (503, "unavailable")),
    ] {
        let world = function_trusting(&source.origin, "1.3", trusted).await;
        let response = world.get("/v2/users").await;
        assert_eq!(response.status(), expected.0, "{trusted:?}");
        let body = response.text().await.expect("a body");
        assert!(body.contains(expected.1), "{trusted:?}: {body}");
    }
}

#[tokio::test]
async fn a_source_below_the_tls_floor_is_not_called() {
    let Some(source) = TlsSource::start("1.2") else {
        return;
    };
    let (status, body) = source.call("1.3", source.authority()).await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("source-unreachable"), "{body}");
    let (status, body) = source.call("1.2", source.authority()).await;
    assert_eq!(status, 200, "{body}");
}

/// A source that speaks HTTP/2 and nothing else, and the function before it.
async fn h2() -> Option<(Peer, World)> {
    let folder = certificates(&python()?);
    let peer = Peer::start("h2_source", &[("FOLDER", text(&folder))])?;
    let world = function_before(peer.told("origin"), "1.3", text(&folder.join("ca.pem"))).await;
    Some((peer, world))
}

/// A call for which the source behaves as `behaviour` names: status, headers and body.
async fn behaving(world: &World, behaviour: &str) -> (u16, String, String) {
    let target = format!("/v2/users?next_page_token={behaviour}");
    let response = world.get(&target).await;
    let status = response.status().as_u16();
    let headers = format!("{:?}", response.headers());
    (status, headers, response.text().await.expect("a body"))
}

fn check_nothing_leaked(behaviour: &str, answer: &str) {
    for name in ["ingrid", "Ingrid", "halvorsen", "x-owner", "x-filler"] {
        assert!(!answer.contains(name), "{behaviour}: {name} in {answer}");
    }
}

#[tokio::test]
async fn http2_answers_are_sanitized_however_they_are_framed() {
    let Some((_peer, world)) = h2().await else {
        return;
    };
    for behaviour in ["plain", "pieces", "trailers", "early", "goaway", "plain"] {
        let (status, headers, body) = behaving(&world, behaviour).await;
        assert_eq!(status, 200, "{behaviour}: {body}");
        assert_eq!(
            body.matches(r#""dept":"h2""#).count(),
            50,
            "{behaviour}: {body}"
        );
        check_nothing_leaked(behaviour, &(headers + &body));
    }
}

#[tokio::test]
async fn http2_answers_that_break_off_give_a_code_and_the_next_call_is_served() {
    let Some((_peer, world)) = h2().await else {
        return;
    };
    for (behaviour, expected) in [
        ("calm", (502, "source-interrupted")),
        ("reset", (502, "source-interrupted")),
        ("cut", (502, "source-interrupted")),
        ("headers", (502, "source-interrupted")),
        ("short", (502, "source-interrupted")),
        ("lines", (502, "source-interrupted")),
        // To HTTP/2 these are complete; that the JSON breaks off is found by reading it.
        ("cancel", (502, "not-sanitizable")),
        ("quiet", (502, "not-sanitizable")),
    ] {
        let (status, headers, body) = behaving(&world, behaviour).await;
        assert_eq!(status, expected.0, "{behaviour}: {body}");
        assert!(body.contains(expected.1), "{behaviour}: {body}");
        check_nothing_leaked(behaviour, &(headers + &body));
        let (status, _, body) = behaving(&world, "plain").await;
        assert_eq!(status, 200, "after {behaviour}: {body}");
    }
}

/// A source that shuts a connection down says which calls it did not begin; they may be sent again.
#[tokio::test]
async fn a_call_that_the_source_did_not_begin_is_sent_again_or_refused_with_a_code() {
    let Some((_peer, world)) = h2().await else {
        return;
    };
    let (status, _, body) = behaving(&world, "unprocessed").await;
    assert!(
        status == 200 || (status == 502 && body.contains("source-interrupted")),
        "{status}: {body}"
    );
    let (status, _, body) = behaving(&world, "unprocessed").await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_calls_share_http2_connections_and_their_faults_stay_apart() {
    let Some((_peer, world)) = h2().await else {
        return;
    };
    let world = std::sync::Arc::new(world);
    let calls: Vec<_> = (0..60)
        .map(|number| {
            let world = world.clone();
            let behaviour = ["plain", "reset", "pieces"][number % 3];
            tokio::spawn(async move { (behaviour, behaving(&world, behaviour).await) })
        })
        .collect();
    for call in calls {
        let (behaviour, (status, headers, body)) = call.await.expect("the call ends");
        let expected = if behaviour == "reset" { 502 } else { 200 };
        assert_eq!(status, expected, "{behaviour}: {body}");
        check_nothing_leaked(behaviour, &(headers + &body));
    }
}
