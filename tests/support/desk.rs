//! A person's desk: a folder, a store, and the command.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use super::function::{binary, scratch};

/// The pass phrase of the desk's vault.
pub(crate) const PHRASE: &str = "seven words that nobody else would choose";

/// A folder with a store in it.
pub(crate) struct Desk {
    pub(crate) folder: PathBuf,
    environment: BTreeMap<String, String>,
}

/// What a command said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Desk {
    /// A desk with a vault.
    pub(crate) fn with_vault() -> Self {
        let mut desk = Self::empty();
        desk.write("phrase", &format!("{PHRASE}\n"));
        let phrase = desk.path("phrase");
        desk.set("HUSHGATE_VAULT_PASSPHRASE_FILE", &phrase);
        desk.run(&["vault", "create", "v"], "").fine();
        let at = format!("vault:{}", desk.path("v"));
        desk.set("HUSHGATE_SECRETS", &at);
        desk
    }

    /// A desk with a secrets file.
    pub(crate) fn with_file() -> Self {
        let mut desk = Self::empty();
        desk.write("secrets.json", "{\"PSEUDONYM_KEY\": \"1:kept\"}");
        let at = format!("file:{}", desk.path("secrets.json"));
        desk.set("HUSHGATE_SECRETS", &at);
        desk
    }

    /// A desk with an empty secrets file, at which every vendor is the server at `issuer`.
    pub(crate) fn at(issuer: &str) -> Self {
        let mut desk = Self::empty();
        desk.write("secrets.json", "{}");
        desk.set("HUSHGATE_SECRETS", "file:secrets.json");
        desk.set("HUSHGATE_TOKEN_ORIGIN", issuer);
        let host = issuer.trim_start_matches("http://");
        desk.set("HUSHGATE_TARGET_HOST", host);
        desk
    }

    /// A desk without a store.
    pub(crate) fn empty() -> Self {
        let environment = BTreeMap::from([
            ("HUSHGATE_DEV_LOOPBACK".to_owned(), "1".to_owned()),
            ("PATH".to_owned(), "/usr/bin:/bin".to_owned()),
        ]);
        Self {
            folder: scratch("desk"),
            environment,
        }
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// Sets a variable for all further commands.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Takes a variable away.
    pub(crate) fn unset(&mut self, name: &str) {
        self.environment.remove(name);
    }

    pub(crate) fn variables(&self) -> Vec<(&str, &str)> {
        let all = self.environment.iter();
        all.map(|(n, v)| (n.as_str(), v.as_str())).collect()
    }

    /// Writes a file that others can't read.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, text).expect("a file");
        let mode = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, mode).expect("its mode");
        path.display().to_string()
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Said {
        self.start(arguments, input).end()
    }

    /// Starts a command that may wait for somebody.
    pub(crate) fn start(&self, arguments: &[&str], input: &str) -> Running {
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().expect("its input");
        // A command that ends early on wrong usage doesn't read its input.
        let _ = stdin.write_all(input.as_bytes());
        let stderr = BufReader::new(child.stderr.take().expect("its messages"));
        Running {
            child,
            stderr,
            heard: String::new(),
        }
    }

    /// `hushgate connection …`
    pub(crate) fn connection(&self, arguments: &[&str]) -> Said {
        self.run(&[&["connection"], arguments].concat(), "")
    }

    /// `hushgate connection connect …` with fields on standard input, and the JSON of its result.
    pub(crate) fn connect(&self, arguments: &[&str], fields: &Value) -> Said {
        let all = [
            &["connection", "connect"],
            arguments,
            &["--fields-stdin", "--json"],
        ]
        .concat();
        self.run(&all, &fields.to_string())
    }

    fn spawn(&self, arguments: &[&str]) -> Child {
        Command::new(binary("hushgate"))
            .args(arguments)
            .env_clear()
            .envs(&self.environment)
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts")
    }

    /// The entries of the secrets file.
    pub(crate) fn stored(&self) -> BTreeMap<String, String> {
        let text = std::fs::read(self.folder.join("secrets.json")).expect("the store");
        serde_json::from_slice(&text).expect("a JSON object of texts")
    }

    /// Every file of the store with its content, for comparing.
    pub(crate) fn store(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut found = BTreeMap::new();
        for name in ["v", "secrets.json"] {
            let path = self.folder.join(name);
            if path.is_dir() {
                let entries = std::fs::read_dir(&path).expect("the vault");
                let files = entries.map(|e| e.expect("an entry").path());
                found.extend(files.map(|f| (f.clone(), std::fs::read(&f).expect("a file"))));
            } else if path.is_file() {
                found.insert(path.clone(), std::fs::read(&path).expect("a file"));
            }
        }
        found
    }
}

impl Said {
    /// The same, after checking that all went well.
    pub(crate) fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }

    /// All it wrote.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.out, self.err)
    }

    /// The JSON of the result.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// Checks the exit code and the code of the error, and that a next step or a place is named.
    pub(crate) fn failed(&self, exit: i32, code: &str) -> &Self {
        assert_eq!(self.code, Some(exit), "{self:?}");
        let told = self.out.contains(code) || self.err.contains(code);
        assert!(told, "`{code}` is not told: {self:?}");
        assert!(!self.err.contains("panicked"), "{self:?}");
        self
    }

    /// Checks that none of these values was printed.
    pub(crate) fn hides(&self, secrets: &[&str]) -> &Self {
        for secret in secrets {
            assert!(
                !self.out.contains(secret) && !self.err.contains(secret),
                "`{secret}` was printed: {self:?}"
            );
        }
        self
    }
}

/// A running command.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    heard: String,
}

impl Running {
    /// Waits for the address that it asks to open; panics when it ends before.
    pub(crate) fn address(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.stderr.read_line(&mut line).expect("a line");
            if read == 0 {
                let mut out = String::new();
                let stdout = self.child.stdout.as_mut().expect("its output");
                stdout.read_to_string(&mut out).expect("text");
                panic!("it ended without an address:\n{}{out}", self.heard);
            }
            self.heard += &line;
            if line.trim_start().starts_with("http://") {
                return line.trim().to_owned();
            }
        }
    }

    /// Presses Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status();
        assert!(sent.expect("kill").success());
    }

    /// Waits until it says a line with this text; panics when it ends before.
    pub(crate) fn hear(&mut self, text: &str) {
        while !self.heard.contains(text) {
            let read = self.stderr.read_line(&mut self.heard).expect("a line");
            assert!(read > 0, "it ended without `{text}`:\n{}", self.heard);
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Said {
        let mut out = String::new();
        let mut stdout = self.child.stdout.take().expect("its output");
        let reading = std::thread::spawn(move || {
            stdout.read_to_string(&mut out).expect("text");
            out
        });
        self.stderr.read_to_string(&mut self.heard).expect("text");
        let status = self.child.wait().expect("its end");
        Said {
            code: status.code(),
            out: reading.join().expect("the output"),
            err: std::mem::take(&mut self.heard),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a text occurs in any file below a folder.
pub(crate) fn occurs(text: &str, folder: &Path) -> bool {
    std::fs::read_dir(folder).expect("a folder").any(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            return occurs(text, &path);
        }
        let bytes = std::fs::read(&path).unwrap_or_default();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}
