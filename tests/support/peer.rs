//! Servers of other makers as processes: `tests/peers/<name>/server.*`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A running server; it ends with this value.
pub(crate) struct Peer {
    process: Child,
    hello: Value,
    /// Held open: a server that still writes must not meet a closed pipe.
    _output: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts the server of that name, with further variables; `None`, with a message, when what it
    /// stands on is not installed and need not be.
    pub(crate) fn start(name: &str, environment: &[(&str, &str)]) -> Option<Self> {
        let script = script(name);
        let python = script.extension().is_some_and(|e| e == "py");
        // What signatures are checked with comes with the emulators of the clouds.
        let of_cloud = name == "sigv4";
        let (variable, chore) = match (of_cloud, python) {
            (true, _) => ("HUSHGATE_CLOUD_PYTHON", "cargo xtask test --cloud"),
            (_, true) => ("HUSHGATE_PYTHON", "cargo xtask test"),
            (_, false) => ("HUSHGATE_PEERS", "cargo xtask test"),
        };
        let Some(installed) = std::env::var_os(variable) else {
            // Packages are there in the clouds' part of the tests alone.
            let required = std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_some_and(|v| v == "1")
                && (!of_cloud || std::env::var_os("HUSHGATE_PACKAGES").is_some());
            assert!(!required, "the test peers are not installed: run `{chore}`");
            // Past the capture of passing tests' output.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: peer `{name}` not found; `{chore}` installs it and sets {variable}"
            );
            return None;
        };
        let interpreter = if python { installed } else { "node".into() };
        let mut process = Command::new(interpreter)
            .arg(script)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let mut output = BufReader::new(process.stdout.take().expect("its output"));
        let mut line = String::new();
        output.read_line(&mut line).expect("its first line");
        let hello = serde_json::from_str(&line).expect("JSON in its first line");
        Some(Self {
            process,
            hello,
            _output: output,
        })
    }

    /// Its base URL.
    pub(crate) fn issuer(&self) -> &str {
        self.told("issuer")
    }

    /// What it told about itself when it began to listen.
    pub(crate) fn told(&self, name: &str) -> &str {
        self.hello[name].as_str().expect("a text in its first line")
    }

    /// Asks it, with this `Authorization`; gives the status and the JSON body.
    pub(crate) async fn ask(&self, method: &str, path: &str, authorization: &str) -> (u16, Value) {
        let client = reqwest::Client::builder().no_proxy().build();
        let method = method.parse().expect("a method");
        let request = client
            .expect("a client")
            .request(method, format!("{}{path}", self.issuer()))
            .header("authorization", authorization);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.bytes().await.expect("a body");
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    /// A refresh token for a client of the OAuth 2 server, as a consent gives it.
    pub(crate) async fn seed(&self, client: &str) -> String {
        let path = format!("/control/seed?client={client}");
        let (_, seeded) = self.ask("POST", &path, "").await;
        let token = seeded["refresh_token"].as_str();
        token.expect("a refresh token").to_owned()
    }

    /// What it granted and refused so far.
    pub(crate) async fn events(&self) -> Value {
        self.ask("GET", "/control/events", "").await.1
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The script of a peer, found from any package of the workspace.
fn script(name: &str) -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = package
        .ancestors()
        .map(|f| f.join("tests/peers").join(name));
    let mut scripts = folders.flat_map(|f| [f.join("server.mjs"), f.join("server.py")]);
    scripts
        .find(|f| f.exists())
        .expect("the script of the peer")
}
