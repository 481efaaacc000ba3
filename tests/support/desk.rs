//! A person's desk: a folder with a secret store, at which the `hushgate` command is run.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};

use serde_json::Value;

use super::function::{binary, scratch};

pub(crate) struct Desk {
    pub(crate) folder: PathBuf,
    environment: Vec<(String, String)>,
}

/// A command that ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
}

impl Ended {
    /// Its output as one JSON object.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// All it wrote.
    pub(crate) fn text(&self) -> String {
        format!("{}{}", self.out, self.error)
    }
}

impl Desk {
    /// A desk with an empty store, at which every vendor is the server at `issuer`.
    pub(crate) fn new(issuer: &str) -> Self {
        let folder = scratch("desk");
        let address = issuer.trim_start_matches("http://").to_owned();
        let environment = [
            ("HUSHGATE_SECRETS", "file:secrets.json".to_owned()),
            ("HUSHGATE_DEV_LOOPBACK", "1".to_owned()),
            ("HUSHGATE_TOKEN_ORIGIN", issuer.to_owned()),
            ("HUSHGATE_TARGET_HOST", address),
            ("HOME", folder.display().to_string()),
        ];
        let desk = Self {
            folder,
            environment: environment.map(|(n, v)| (n.to_owned(), v)).to_vec(),
        };
        desk.write("secrets.json", "{}");
        desk
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = options.open(self.folder.join(name));
        let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
        written.expect("the file is written");
    }

    /// Runs `hushgate` with this input.
    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Ended {
        self.start(arguments, input).end()
    }

    /// Starts `hushgate` with this input.
    pub(crate) fn start(&self, arguments: &[&str], input: &str) -> Running {
        let mut child = Command::new(binary("hushgate"))
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().map(|(n, v)| (n, v)))
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        // A command that ends early on wrong usage doesn't read its input.
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(input.as_bytes()).ok();
        let stderr = BufReader::new(child.stderr.take().expect("its messages"));
        Running {
            child,
            stderr,
            error: String::new(),
        }
    }

    /// The entries of the store.
    pub(crate) fn stored(&self) -> BTreeMap<String, String> {
        let text = std::fs::read(self.folder.join("secrets.json")).expect("the store");
        serde_json::from_slice(&text).expect("a JSON object of texts")
    }

    /// Every file at the desk with its bytes.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let bytes = std::fs::read(&path).expect("a file");
                    files.insert(path, bytes);
                }
            }
        }
        files
    }
}

/// A running command.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
    error: String,
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
                panic!("it ended without an address:\n{}{out}", self.error);
            }
            self.error += &line;
            if line.trim_start().starts_with("http://") {
                return line.trim().to_owned();
            }
        }
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        let mut out = String::new();
        let mut stdout = self.child.stdout.take().expect("its output");
        let reading = std::thread::spawn(move || {
            stdout.read_to_string(&mut out).expect("text");
            out
        });
        self.stderr.read_to_string(&mut self.error).expect("text");
        let status = self.child.wait().expect("its end");
        Ended {
            code: status.code(),
            out: reading.join().expect("the output"),
            error: std::mem::take(&mut self.error),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
