//! A file of secrets that only its owner can read, replaced in one step.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hushgate_gateway::ports::{PortFuture, Secret, SecretStore, StoreError};
use zeroize::Zeroizing;

/// Largest secrets file, in bytes.
const LARGEST: u64 = 1 << 20;

/// Secrets in a file: a JSON object of texts, or lines `NAME=value`.
///
/// The file is read again when it changed, so that a rotated secret is taken up without a restart.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    held: Mutex<Held>,
}

/// Why a secrets file can't be used. Never carries a value.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file can't be opened, read or written.
    #[error("the secrets file can't be {0}: {1}")]
    Io(&'static str, std::io::ErrorKind),
    /// Others than the owner may read it.
    #[error("the secrets file is open to other users (mode {0:o}); run `chmod 600` on it")]
    Open(u32),
    /// It is not a regular file.
    #[error("the secrets file is not a regular file")]
    NotAFile,
    /// It can't be parsed.
    #[error("the secrets file is neither a JSON object of texts nor lines `NAME=value`{0}")]
    Malformed(String),
}

type Entries = BTreeMap<String, Secret>;

#[derive(Debug)]
struct Held {
    entries: Entries,
    stamp: Stamp,
    json: bool,
}

/// What tells that a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
    size: u64,
}

impl FileStore {
    /// Opens a secrets file and reads it once.
    ///
    /// # Errors
    /// When it can't be read, is open to others, or is malformed.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self {
            path: path.to_owned(),
            held: Mutex::new(load(path)?),
        })
    }

    fn lookup(&self, name: &str) -> Result<Option<Secret>, FileError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        self.refresh(&mut held)?;
        Ok(held.entries.get(name).cloned())
    }

    fn save(&self, name: &str, value: Secret) -> Result<(), FileError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // Others may have written since, such as an operator who stored a new secret.
        self.refresh(&mut held)?;
        let mut entries = held.entries.clone();
        entries.insert(name.to_owned(), value);
        replace(&self.path, &render(&entries, held.json))?;
        held.stamp =
            stamp(&std::fs::metadata(&self.path).map_err(|e| FileError::Io("read", e.kind()))?);
        held.entries = entries;
        Ok(())
    }

    fn refresh(&self, held: &mut Held) -> Result<(), FileError> {
        let metadata =
            std::fs::metadata(&self.path).map_err(|e| FileError::Io("read", e.kind()))?;
        if stamp(&metadata) != held.stamp {
            *held = load(&self.path)?;
        }
        Ok(())
    }
}

impl SecretStore for FileStore {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        let found = self
            .lookup(name)
            .map_err(|e| StoreError::Unavailable(e.to_string()));
        Box::pin(async move { found })
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        let saved = self
            .save(name, value)
            .map_err(|e| StoreError::Unavailable(e.to_string()));
        Box::pin(async move { saved })
    }
}

fn load(path: &Path) -> Result<Held, FileError> {
    let io = |e: std::io::Error| FileError::Io("read", e.kind());
    let file = File::open(path).map_err(io)?;
    // Asked of the opened file, so that it can't be exchanged between check and reading.
    let metadata = file.metadata().map_err(io)?;
    if !metadata.is_file() {
        return Err(FileError::NotAFile);
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(FileError::Open(mode));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LARGEST).read_to_string(&mut text).map_err(io)?;
    let json = text.trim_start().starts_with('{');
    let entries = if json {
        parse_json(&text)?
    } else {
        parse_lines(&text)?
    };
    Ok(Held {
        entries,
        stamp: stamp(&metadata),
        json,
    })
}

fn stamp(metadata: &std::fs::Metadata) -> Stamp {
    Stamp {
        inode: metadata.ino(),
        seconds: metadata.mtime(),
        nanoseconds: metadata.mtime_nsec(),
        size: metadata.size(),
    }
}

fn parse_json(text: &str) -> Result<Entries, FileError> {
    let parsed: BTreeMap<String, String> = serde_json::from_str(text)
        .map_err(|e| FileError::Malformed(format!(" (line {})", e.line())))?;
    Ok(parsed
        .into_iter()
        .map(|(name, value)| (name, Secret::new(value)))
        .collect())
}

fn parse_lines(text: &str) -> Result<Entries, FileError> {
    let mut entries = Entries::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let malformed = || FileError::Malformed(format!(" (line {})", index + 1));
        let (name, value) = line.split_once('=').ok_or_else(malformed)?;
        let name = name
            .trim()
            .strip_prefix("export ")
            .unwrap_or(name.trim())
            .trim();
        let plain = !name.is_empty()
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b));
        if !plain || entries.contains_key(name) {
            return Err(malformed());
        }
        let value = unquote(value.trim()).ok_or_else(malformed)?;
        entries.insert(name.to_owned(), Secret::new(value));
    }
    Ok(entries)
}

/// A value without its quotes. In double quotes, `\n`, `\"` and `\\` stand for themselves, so that a
/// private key fits on a line.
fn unquote(value: &str) -> Option<String> {
    if let Some(inner) = value.strip_prefix('\'') {
        return inner.strip_suffix('\'').map(str::to_owned);
    }
    let Some(inner) = value.strip_prefix('"') else {
        return Some(value.to_owned());
    };
    let mut plain = String::with_capacity(inner.len());
    let mut letters = inner.strip_suffix('"')?.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next()? {
                'n' => plain.push('\n'),
                other @ ('"' | '\\' | '$') => plain.push(other),
                _ => return None,
            },
            '"' => return None,
            other => plain.push(other),
        }
    }
    Some(plain)
}

fn render(entries: &Entries, json: bool) -> Zeroizing<String> {
    if json {
        let map: serde_json::Map<String, serde_json::Value> = entries
            .iter()
            .map(|(name, value)| (name.clone(), value.reveal().into()))
            .collect();
        return Zeroizing::new(format!("{:#}\n", serde_json::Value::Object(map)));
    }
    let mut text = Zeroizing::new(String::new());
    for (name, value) in entries {
        let quoted = value
            .reveal()
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        for part in [name.as_str(), "=\"", &quoted, "\"\n"] {
            text.push_str(part);
        }
    }
    text
}

/// Writes a new file beside the old one, flushes it, puts it in place, and flushes the directory: a
/// crash leaves either the old or the new content.
fn replace(path: &Path, text: &str) -> Result<(), FileError> {
    let io = |e: std::io::Error| FileError::Io("written", e.kind());
    let real = std::fs::canonicalize(path).map_err(io)?;
    let directory = real.parent().unwrap_or(Path::new("/"));
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}.new", std::process::id()));
    let written = write_flushed(&temporary, text).and_then(|()| std::fs::rename(&temporary, &real));
    if let Err(error) = written {
        // The first error counts; a left-over file is closed to others anyway.
        let _ = std::fs::remove_file(&temporary);
        return Err(io(error));
    }
    File::open(directory).and_then(|d| d.sync_all()).map_err(io)
}

fn write_flushed(path: &Path, text: &str) -> std::io::Result<()> {
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
