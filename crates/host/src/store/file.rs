//! A file of secrets that only its owner can read, replaced in one step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hushgate_gateway::codes::Known;
use hushgate_gateway::ports::{Locked, PortFuture, Secret, SecretStore, StoreError};
use zeroize::Zeroizing;

use super::admin::{AdminStore, Change, SaveError, entry};
use super::code::StoreCode;
use super::disk::{self, DiskError, Guard, Stamp};
use super::vault::is_connection_id;
use super::{blocking, lock_entry};

/// Largest secrets file, in bytes.
const LARGEST: u64 = 1 << 20;

/// Secrets in a file: a JSON object of texts, or lines `NAME=value`.
///
/// The file is read again when it changed, so that a rotated secret is taken up without a restart.
/// Several processes may write it: each change starts from the newest content.
#[derive(Debug, Clone)]
pub struct FileStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    held: Mutex<Held>,
}

/// Why a secrets file can't be used. Never carries a value.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It can't be opened, read or written, or others may.
    #[error("the secrets file {0}")]
    Disk(#[from] DiskError),
    /// It can't be parsed.
    #[error("the secrets file is neither a JSON object of texts nor lines `NAME=value`{0}")]
    Malformed(String),
    /// A name that a file of lines can't hold.
    #[error("`{0}` is no name for a line of the secrets file")]
    Name(String),
}

impl FileError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        self.known().code
    }

    /// The code with its meaning and the next step.
    pub fn known(&self) -> &'static Known {
        match self {
            Self::Disk(error) => error.known(),
            Self::Malformed(_) => StoreCode::Malformed.known(),
            Self::Name(_) => StoreCode::NameInvalid.known(),
        }
    }
}

type Entries = BTreeMap<String, Secret>;

#[derive(Debug)]
struct Held {
    entries: Entries,
    stamp: Stamp,
    json: bool,
}

impl FileStore {
    /// Opens a secrets file and reads it once.
    ///
    /// # Errors
    /// When it can't be read, is open to others, or is malformed.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self(Arc::new(Inner {
            path: path.to_owned(),
            held: Mutex::new(load(path)?),
        })))
    }

    fn run<'a, T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T, FileError> + Send + 'static,
    ) -> PortFuture<'a, Result<T, StoreError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            blocking(move || work(&inner))
                .await?
                .map_err(|e| StoreError::Unavailable(format!("{e} ({})", e.code())))
        })
    }
}

impl Inner {
    fn read(&self, name: &str) -> Result<Option<Secret>, FileError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if Stamp::of(&self.path)? != held.stamp {
            *held = load_again(&self.path, &held)?;
        }
        Ok(held.entries.get(name).cloned())
    }

    fn read_newest(&self, name: &str) -> Result<Option<Secret>, FileError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        *held = load_again(&self.path, &held)?;
        Ok(held.entries.get(name).cloned())
    }

    fn newest(&self) -> Result<Held, FileError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        load_again(&self.path, &held)
    }

    /// Changes the entries while no other process writes; `change` says whether it did.
    fn change<T>(&self, change: impl FnOnce(&mut Entries) -> (T, bool)) -> Result<T, FileError> {
        let (guard, mut newest) = loop {
            let guard = Guard::wait(&self.path)?;
            // Others may have written since, such as an operator who stored a new secret.
            let newest = self.newest()?;
            if guard.stands(&self.path) {
                break (guard, newest);
            }
        };
        let (result, changed) = change(&mut newest.entries);
        if changed {
            let text = render(&newest.entries, newest.json)?;
            newest.stamp = disk::replace(&self.path, text.as_bytes())?;
        }
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = newest;
        drop(guard);
        Ok(result)
    }
}

impl SecretStore for FileStore {
    fn whole_name(&self, name: &str) -> String {
        format!("`{name}` in the secrets file {}", self.0.path.display())
    }

    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        let name = name.to_owned();
        self.run(move |inner| inner.read(&name))
    }

    fn read_newest<'a>(
        &'a self,
        name: &'a str,
    ) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        let name = name.to_owned();
        self.run(move |inner| inner.read_newest(&name))
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        let name = name.to_owned();
        self.run(move |inner| {
            inner.change(|entries| {
                entries.insert(name, value);
                ((), true)
            })
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        let name = name.to_owned();
        self.run(move |inner| inner.change(|entries| ((), entries.remove(&name).is_some())))
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        self.run(move |inner| {
            inner.change(|entries| {
                let now = SystemTime::now();
                match lock_entry::acquire(entries.get(&name), &owner, ttl, now) {
                    Some(entry) => {
                        entries.insert(name, entry);
                        (Locked::Acquired, true)
                    }
                    None => (Locked::Held, false),
                }
            })
        })
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        let (name, owner) = (name.to_owned(), owner.to_owned());
        self.run(move |inner| {
            inner.change(|entries| {
                let own = entries
                    .get(&name)
                    .is_some_and(|e| lock_entry::is_of(e, &owner));
                ((), own && entries.remove(&name).is_some())
            })
        })
    }
}

impl AdminStore for FileStore {
    fn connections(&self) -> PortFuture<'_, Result<Vec<String>, StoreError>> {
        self.run(|inner| {
            let newest = inner.newest()?;
            let mut ids: Vec<String> = newest
                .entries
                .keys()
                .filter_map(|name| name.strip_prefix("connections/")?.split_once('/'))
                .map(|(id, _)| id.to_owned())
                .filter(|id| is_connection_id(id))
                .collect();
            ids.dedup();
            Ok(ids)
        })
    }

    fn save<'a>(
        &'a self,
        id: &'a str,
        is_new: bool,
        changes: Vec<Change>,
    ) -> PortFuture<'a, Result<(), SaveError>> {
        let owned = id.to_owned();
        let saved = self.run(move |inner| {
            inner.change(|entries| {
                if is_new && has_entries(entries, &owned) {
                    return (false, false);
                }
                for (field, value) in changes {
                    let name = entry(&owned, &field);
                    match value {
                        Some(value) => entries.insert(name, value),
                        None => entries.remove(&name),
                    };
                }
                (true, true)
            })
        });
        Box::pin(async move {
            if saved.await? {
                Ok(())
            } else {
                Err(SaveError::Exists(id.to_owned()))
            }
        })
    }

    fn forget<'a>(
        &'a self,
        id: &'a str,
        _: &'a [String],
    ) -> PortFuture<'a, Result<(), StoreError>> {
        let prefix = entry(id, "");
        self.run(move |inner| {
            inner.change(|entries| {
                let before = entries.len();
                entries.retain(|name, _| !name.starts_with(&prefix));
                ((), entries.len() != before)
            })
        })
    }
}

fn has_entries(entries: &Entries, id: &str) -> bool {
    let prefix = entry(id, "");
    entries.keys().any(|name| name.starts_with(&prefix))
}

/// Reads a file that was read before. One that has lost every byte was cut: whoever takes all secrets away
/// leaves `{}` or an empty line, and a copy under way or a full disk leaves nothing at first.
fn load_again(path: &Path, before: &Held) -> Result<Held, FileError> {
    let newest = load(path)?;
    if newest.stamp.is_of_nothing() && !before.stamp.is_of_nothing() {
        let cut = " (it is empty now, and was not before)";
        return Err(FileError::Malformed(cut.to_owned()));
    }
    Ok(newest)
}

fn load(path: &Path) -> Result<Held, FileError> {
    let (bytes, stamp) = disk::read(path, LARGEST)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| FileError::Malformed(" (not UTF-8)".to_owned()))?;
    let json = text.trim_start().starts_with('{');
    let entries = if json {
        parse_json(text)?
    } else {
        parse_lines(text)?
    };
    Ok(Held {
        entries,
        stamp,
        json,
    })
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
        if !is_line_name(name) || entries.contains_key(name) {
            return Err(malformed());
        }
        let value = unquote(value.trim()).ok_or_else(malformed)?;
        entries.insert(name.to_owned(), Secret::new(value));
    }
    Ok(entries)
}

fn is_line_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b))
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

fn render(entries: &Entries, json: bool) -> Result<Zeroizing<String>, FileError> {
    if json {
        let map: serde_json::Map<String, serde_json::Value> = entries
            .iter()
            .map(|(name, value)| (name.clone(), value.reveal().into()))
            .collect();
        let text = format!("{:#}\n", serde_json::Value::Object(map));
        return Ok(Zeroizing::new(text));
    }
    let mut text = Zeroizing::new(String::new());
    if entries.is_empty() {
        text.push('\n');
    }
    for (name, value) in entries {
        // What can't be read again must not be written.
        if !is_line_name(name) {
            return Err(FileError::Name(name.clone()));
        }
        let quoted = value
            .reveal()
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        for part in [name.as_str(), "=\"", &quoted, "\"\n"] {
            text.push_str(part);
        }
    }
    Ok(text)
}
