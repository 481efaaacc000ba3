//! A person's desk: a folder, a store, and the command.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::function::{binary, scratch};

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
        let mut child = self.spawn(arguments);
        let mut stdin = child.stdin.take().expect("its input");
        // A command that ends early on wrong usage doesn't read its input.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().expect("it ends");
        Said {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
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
