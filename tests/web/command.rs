//! `hushgate connection connect --web` as a process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use crate::support::function::binary;

/// The command, waiting for the browser; its store is `secrets.json` in its folder.
pub(super) struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStderr>>,
    said: String,
}

impl Running {
    pub(super) fn start(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let store = folder.join("secrets.json");
        if !store.exists() {
            std::fs::write(&store, "{}").expect("a store");
            let mode = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&store, mode).expect("a private file");
        }
        let mut child = Command::new(binary("hushgate"))
            .arg("connection")
            .args(arguments)
            .env_clear()
            .env("HUSHGATE_SECRETS", "file:secrets.json")
            .env("HOME", folder)
            .envs(environment.iter().copied())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the command starts");
        let lines = BufReader::new(child.stderr.take().expect("its messages")).lines();
        Self {
            child,
            lines,
            said: String::new(),
        }
    }

    /// The link that it prints.
    pub(super) async fn link(&mut self) -> String {
        while let Some(line) = self.lines.next_line().await.expect("text") {
            self.said += &line;
            self.said.push('\n');
            if let Some(at) = line.find("http://127.0.0.1:") {
                return line[at..].trim().to_owned();
            }
        }
        panic!("no link; the command said:\n{}", self.said);
    }

    /// Waits for the end: whether it succeeded, and all it wrote after the link.
    pub(super) async fn end(mut self) -> (bool, String) {
        let mut said = String::new();
        while let Some(line) = self.lines.next_line().await.expect("text") {
            said += &line;
            said.push('\n');
        }
        let mut output = self.child.stdout.take().expect("its output");
        output.read_to_string(&mut said).await.expect("text");
        let status = self.child.wait().await.expect("it ends");
        (status.success(), said)
    }
}
