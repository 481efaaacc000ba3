//! The source over TLS: whom the function trusts, and the lowest version it speaks.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::function::{root, scratch};
use crate::support::{World, skipped};

struct TlsSource {
    child: Child,
    origin: String,
    authority: PathBuf,
}

impl TlsSource {
    /// Starts a source that speaks TLS up to `version`; nothing when the peer's Python is not set up.
    fn start(version: &str) -> Option<Self> {
        let Some(python) = std::env::var_os("HUSHGATE_PYTHON") else {
            assert!(
                std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
                "HUSHGATE_PYTHON is not set; run `cargo xtask test`"
            );
            skipped("HUSHGATE_PYTHON is not set; `cargo xtask test` sets it");
            return None;
        };
        let folder = scratch("tls");
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
        let world = World::before(
            self.origin.trim_start_matches("https://"),
            &[
                ("HUSHGATE_TARGET_HOST", &self.origin),
                ("HUSHGATE_TOKEN_ORIGIN", &self.origin),
                ("HUSHGATE_TLS_VERSION", floor),
                ("SSL_CERT_FILE", authorities),
            ],
        )
        .await;
        let response = world.get("/v2/users").await;
        (
            response.status().as_u16(),
            response.text().await.expect("a body"),
        )
    }

    fn authority(&self) -> &str {
        self.authority.to_str().expect("a readable path")
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
