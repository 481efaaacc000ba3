//! Data keys handed to a function, so that it opens its own compartments and no other.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::compartment::is_compartment;
use super::seal::Key;

/// Data keys by compartment: `deployment=KEY,connections/acme=KEY`.
#[derive(Debug, Clone, Default)]
pub struct HandedKeys(BTreeMap<String, Key>);

/// Why a list of data keys can't be read. Never carries a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HandedError {
    /// An entry is not `COMPARTMENT=KEY`.
    #[error("entry {0} is not COMPARTMENT=KEY as `hushgate vault keys` prints it")]
    Entry(usize),
    /// The compartment of an entry can't be one.
    #[error("entry {0} names no compartment; there are `deployment` and `connections/ID`")]
    Compartment(usize),
    /// A compartment stands twice.
    #[error("entry {0} repeats a compartment")]
    Repeated(usize),
    /// There is no entry.
    #[error("there is no key in it")]
    Empty,
}

impl HandedKeys {
    /// Keys for these compartments.
    pub fn new(keys: impl IntoIterator<Item = (String, Key)>) -> Self {
        Self(keys.into_iter().collect())
    }

    /// Reads what [`HandedKeys::text`] gives; entries are separated by commas or white space.
    ///
    /// # Errors
    /// Tells which entry is wrong, never its content.
    pub fn parse(text: &str) -> Result<Self, HandedError> {
        let mut keys = BTreeMap::new();
        let entries = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty());
        for (index, entry) in entries.enumerate() {
            let number = index + 1;
            let (name, key) = entry.split_once('=').ok_or(HandedError::Entry(number))?;
            if !is_compartment(name) {
                return Err(HandedError::Compartment(number));
            }
            let bytes = URL_SAFE_NO_PAD.decode(key).map(Zeroizing::new);
            let key = bytes
                .ok()
                .and_then(|bytes| Key::from_bytes(&bytes))
                .ok_or(HandedError::Entry(number))?;
            if keys.insert(name.to_owned(), key).is_some() {
                return Err(HandedError::Repeated(number));
            }
        }
        if keys.is_empty() {
            return Err(HandedError::Empty);
        }
        Ok(Self(keys))
    }

    /// The keys as text: secret.
    pub fn text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.0.len() * 128));
        for (name, key) in &self.0 {
            let comma = if text.is_empty() { "" } else { "," };
            let key = Zeroizing::new(URL_SAFE_NO_PAD.encode(key.bytes()));
            // Writing to a String can't fail.
            let _ = write!(text, "{comma}{name}={}", key.as_str());
        }
        text
    }

    /// The key of a compartment.
    pub(super) fn get(&self, compartment: &str) -> Option<&Key> {
        self.0.get(compartment)
    }

    /// The compartments there are keys for.
    pub fn compartments(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
