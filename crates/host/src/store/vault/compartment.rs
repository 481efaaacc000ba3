//! Compartments: which secrets lie together, and the file of each.
//!
//! A file is the line `hushgate-compartment 1`, the compartment's data key sealed with the vault's
//! key, and the entries sealed with the data key. Each seal has what stands before it and the
//! compartment's name as associated data, so that no file passes for another.

use std::collections::BTreeMap;

use hushgate_gateway::ports::Secret;
use zeroize::Zeroizing;

use super::error::{VaultError, damaged};
use super::seal::{KEY_BYTES, Key, OVERHEAD};

/// The compartment of the deployment's own secrets.
pub const DEPLOYMENT: &str = "deployment";
/// Largest file, in bytes.
pub(super) const LARGEST: u64 = 1 << 20;
const FIRST_LINE: &[u8] = b"hushgate-compartment 1\n";
const WRAPPED: usize = KEY_BYTES + OVERHEAD;
const LONGEST_NAME: usize = 128;

/// The secrets of a compartment, by their full names.
pub(super) type Entries = BTreeMap<String, Secret>;

/// Where a secret belongs: secrets of one connection lie together, all others are the deployment's.
///
/// # Errors
/// When `name` is none that this store can hold.
pub fn compartment_of(name: &str) -> Result<&str, VaultError> {
    let wrong = || VaultError::Name(name.chars().take(LONGEST_NAME).collect());
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= LONGEST_NAME
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b))
    };
    let Some(rest) = name.strip_prefix("connections/") else {
        return if plain(name) {
            Ok(DEPLOYMENT)
        } else {
            Err(wrong())
        };
    };
    let (id, field) = rest.split_once('/').ok_or_else(wrong)?;
    if !is_connection_id(id) || !plain(field) {
        return Err(wrong());
    }
    name.get(.."connections/".len() + id.len())
        .ok_or_else(wrong)
}

/// Whether a text is the id of a connection: lower-case words and digits joined by `-`, at most 64 bytes.
pub fn is_connection_id(text: &str) -> bool {
    text.len() <= 64
        && text.split('-').all(|word| {
            !word.is_empty()
                && word
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// Whether a text names a compartment.
pub(super) fn is_compartment(text: &str) -> bool {
    text == DEPLOYMENT
        || text
            .strip_prefix("connections/")
            .is_some_and(is_connection_id)
}

/// The file of a compartment.
pub(super) fn file_name(compartment: &str) -> String {
    match compartment.strip_prefix("connections/") {
        Some(id) => format!("connection-{id}.sealed"),
        None => format!("{compartment}.sealed"),
    }
}

/// The id of the connection whose compartment a file is.
pub(super) fn connection_of(file: &str) -> Option<&str> {
    let id = file.strip_prefix("connection-")?.strip_suffix(".sealed")?;
    is_connection_id(id).then_some(id)
}

/// A compartment's data key, and as the file holds it.
#[derive(Debug, Clone)]
pub(super) struct DataKey {
    pub(super) key: Key,
    wrapped: Vec<u8>,
}

impl DataKey {
    /// A new data key, wrapped with the vault's key.
    pub(super) fn new(compartment: &str, vault: &Key) -> Result<Self, VaultError> {
        let key = Key::random()?;
        let wrapped = vault.seal(&key_context(compartment), key.bytes())?;
        Ok(Self { key, wrapped })
    }

    /// The data key of a file, by the vault's key.
    pub(super) fn of_file(compartment: &str, file: &[u8], vault: &Key) -> Result<Self, VaultError> {
        let (wrapped, _) = parts(compartment, file)?;
        let plain = vault
            .open(&key_context(compartment), wrapped)
            .and_then(|plain| Key::from_bytes(&plain));
        let key = plain.ok_or_else(|| broken(compartment, "its key does not open"))?;
        Ok(Self {
            key,
            wrapped: wrapped.to_vec(),
        })
    }

    /// A data key that was handed out, together with what the file holds.
    pub(super) fn handed(compartment: &str, file: &[u8], key: Key) -> Result<Self, VaultError> {
        let (wrapped, _) = parts(compartment, file)?;
        Ok(Self {
            key,
            wrapped: wrapped.to_vec(),
        })
    }

    /// The content of a compartment's file.
    pub(super) fn seal(&self, compartment: &str, entries: &Entries) -> Result<Vec<u8>, VaultError> {
        let mut file = FIRST_LINE.to_vec();
        file.extend_from_slice(&self.wrapped);
        let sealed = self.key.seal(
            &content_context(compartment, &self.wrapped),
            &encode(entries),
        )?;
        file.extend_from_slice(&sealed);
        if file.len() as u64 > LARGEST {
            return Err(VaultError::TooLarge(compartment.to_owned()));
        }
        Ok(file)
    }

    /// The entries of a compartment's file.
    pub(super) fn open(&self, compartment: &str, file: &[u8]) -> Result<Entries, VaultError> {
        let (wrapped, sealed) = parts(compartment, file)?;
        let plain = self
            .key
            .open(&content_context(compartment, wrapped), sealed)
            .ok_or_else(|| {
                broken(
                    compartment,
                    "its content does not open with the key; it was changed, or it is of another vault",
                )
            })?;
        decode(&plain).ok_or_else(|| broken(compartment, "its entries can't be read"))
    }
}

fn parts<'f>(compartment: &str, file: &'f [u8]) -> Result<(&'f [u8], &'f [u8]), VaultError> {
    let Some(rest) = file.strip_prefix(FIRST_LINE) else {
        let prefix = b"hushgate-compartment ";
        let later = file
            .strip_prefix(prefix)
            .and_then(|rest| rest.split(|b| *b == b'\n').next())
            .is_some_and(|version| !version.is_empty() && version.iter().all(u8::is_ascii_digit));
        return Err(if later {
            VaultError::Version(file_name(compartment))
        } else {
            broken(compartment, "it is no compartment of a vault")
        });
    };
    rest.split_at_checked(WRAPPED)
        .ok_or_else(|| broken(compartment, "it is cut off"))
}

fn broken(compartment: &str, problem: &'static str) -> VaultError {
    damaged(&file_name(compartment), problem)
}

fn key_context(compartment: &str) -> Vec<u8> {
    [FIRST_LINE, b"key\n", compartment.as_bytes()].concat()
}

fn content_context(compartment: &str, wrapped: &[u8]) -> Vec<u8> {
    [
        FIRST_LINE,
        b"content\n",
        compartment.as_bytes(),
        b"\n",
        wrapped,
    ]
    .concat()
}

/// Entries as length-prefixed names and values: no parser that copies a secret around.
fn encode(entries: &Entries) -> Zeroizing<Vec<u8>> {
    let size = entries
        .iter()
        .map(|(name, value)| 8 + name.len() + value.reveal().len())
        .sum();
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    for (name, value) in entries {
        for text in [name.as_str(), value.reveal()] {
            // A file of 1 MiB holds no longer text; sealing checks that.
            let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

fn decode(bytes: &[u8]) -> Option<Entries> {
    let mut entries = Entries::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (name, after) = text(rest)?;
        let (value, after) = text(after)?;
        entries.insert(name.to_owned(), Secret::new(value));
        rest = after;
    }
    Some(entries)
}

fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}
