//! The exchange with a certified OpenID Connect server.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::setup::{Setup, bearer};

/// The running server; it ends when its standard input does.
struct Provider {
    child: Child,
    issuer: String,
}

impl Provider {
    fn start() -> Option<Self> {
        let peers = std::env::var_os("HUSHGATE_PEERS").map(PathBuf::from);
        let Some(peers) = peers.filter(|p| p.join("node_modules/oidc-provider").exists()) else {
            assert!(
                std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none_or(|v| v != "1"),
                "oidc-provider is not installed: run `cargo xtask test`"
            );
            println!(
                "skipped: oidc-provider not found; `cargo xtask test` installs it and sets HUSHGATE_PEERS"
            );
            return None;
        };
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/oidc/server.mjs");
        let mut child = Command::new("node")
            .arg(script)
            .env("HUSHGATE_PEERS", peers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        Some(Self {
            child,
            issuer: told["issuer"].as_str().unwrap().to_owned(),
        })
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const SOURCE: &str = "{id: peer, name: Peer, docs: 'https://peer.example', host: api.peer.example, auth: {type: oauth2, grant: client_credentials,
    token_url: 'https://login.peer.example/token', client_auth: body, scope: [api], params: {resource: 'https://api.peer.example'},
    fields: [{name: CLIENT_ID, label: a}, {name: CLIENT_SECRET, label: b}]}}";

#[tokio::test]
async fn client_credentials_give_a_token_of_a_certified_server() {
    let Some(provider) = Provider::start() else {
        return;
    };
    let secrets = [
        ("CLIENT_ID", "workload-rs256"),
        ("CLIENT_SECRET", "a secret of the tests only"),
    ];
    let connector = Setup::of(SOURCE, &provider.issuer, &secrets).connector();
    let first = connector.credential(None).await.unwrap();
    let token = bearer(&first);
    assert_eq!(token.split('.').count(), 3, "a JWT");
    assert_eq!(bearer(&connector.credential(None).await.unwrap()), token);
    assert_ne!(bearer(&connector.renew(None, &first).await.unwrap()), token);
}

#[tokio::test]
async fn a_wrong_secret_is_told_as_such() {
    let Some(provider) = Provider::start() else {
        return;
    };
    let secrets = [
        ("CLIENT_ID", "workload-rs256"),
        ("CLIENT_SECRET", "do-not-show"),
    ];
    let connector = Setup::of(SOURCE, &provider.issuer, &secrets).connector();
    let refused = connector.credential(None).await.unwrap_err();
    assert!(
        refused.detail().contains("status 401, invalid_client"),
        "{}",
        refused.detail()
    );
    assert!(!refused.detail().contains("do-not-show"));
}
