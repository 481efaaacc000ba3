//! `tests/peers/oidc/server.mjs`, the certified OpenID Connect server of the tests, as a process.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The running server; it ends with this value.
pub(crate) struct OidcProvider {
    process: Child,
    pub(crate) issuer: String,
}

impl OidcProvider {
    /// Starts the server; `None`, with a message, when it is not installed and need not be.
    pub(crate) fn start() -> Option<Self> {
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
        let mut process = Command::new("node")
            .arg(script)
            .env("HUSHGATE_PEERS", peers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let issuer = told["issuer"].as_str().unwrap().to_owned();
        Some(Self { process, issuer })
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
