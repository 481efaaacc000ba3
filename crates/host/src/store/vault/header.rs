//! The file `vault`: what the vault's key is wrapped with, and the wrapped key.
//!
//! ```text
//! hushgate-vault 1
//! key pass-phrase pbkdf2-hmac-sha-256 600000 <salt>      or: key keyring <id>
//! wrapped <the vault's key, sealed with the lines above as associated data>
//! sum <SHA-256 of all lines above>
//! ```

use std::num::NonZeroU32;

use aws_lc_rs::{digest, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hushgate_gateway::ports::Secret;
use zeroize::Zeroizing;

use super::error::{VaultError, damaged};
use super::seal::{KEY_BYTES, Key, OVERHEAD, fill};

/// Rounds of PBKDF2 for a new vault, as OWASP recommends for HMAC-SHA-256.
pub const ROUNDS: u32 = 600_000;
/// What a header may ask for; more would only keep the opener busy.
const ROUNDS_ALLOWED: std::ops::RangeInclusive<u32> = 10_000..=10_000_000;
/// Largest header, in bytes.
pub(super) const LARGEST: u64 = 1024;
const SALT_BYTES: usize = 16;
const ID_BYTES: usize = 12;
const FIRST_LINE: &str = "hushgate-vault 1";

/// What the vault's key is wrapped with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lock {
    /// A pass phrase, stretched by PBKDF2-HMAC-SHA-256.
    PassPhrase {
        /// The rounds.
        rounds: u32,
        /// The salt.
        salt: Vec<u8>,
    },
    /// A random key that the operating system's keyring holds under this id.
    Keyring {
        /// The id.
        id: String,
    },
}

/// The header of a vault.
#[derive(Debug, Clone)]
pub(super) struct Header {
    pub(super) lock: Lock,
    wrapped: Vec<u8>,
}

impl Lock {
    /// A lock for a pass phrase, with a new salt.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn pass_phrase(rounds: u32) -> Result<Self, VaultError> {
        let mut salt = vec![0; SALT_BYTES];
        fill(&mut salt)?;
        Ok(Self::PassPhrase { rounds, salt })
    }

    /// A lock for a key in the keyring, with a new id.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn keyring() -> Result<Self, VaultError> {
        let mut id = [0; ID_BYTES];
        fill(&mut id)?;
        let id = URL_SAFE_NO_PAD.encode(id);
        Ok(Self::Keyring { id })
    }

    /// The key that a pass phrase gives with this lock; none when it is of another kind.
    pub fn stretch(&self, phrase: &Secret) -> Option<Key> {
        let Self::PassPhrase { rounds, salt } = self else {
            return None;
        };
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        pbkdf2::derive(
            pbkdf2::PBKDF2_HMAC_SHA256,
            NonZeroU32::new(*rounds)?,
            salt,
            phrase.reveal().as_bytes(),
            key.as_mut(),
        );
        Key::from_bytes(key.as_ref())
    }

    fn line(&self) -> String {
        match self {
            Self::PassPhrase { rounds, salt } => format!(
                "key pass-phrase pbkdf2-hmac-sha-256 {rounds} {}",
                URL_SAFE_NO_PAD.encode(salt)
            ),
            Self::Keyring { id } => format!("key keyring {id}"),
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["key", "pass-phrase", "pbkdf2-hmac-sha-256", rounds, salt] => {
                let rounds = rounds.parse().ok()?;
                let salt = URL_SAFE_NO_PAD.decode(salt).ok()?;
                let fits = ROUNDS_ALLOWED.contains(&rounds) && salt.len() == SALT_BYTES;
                fits.then_some(Self::PassPhrase { rounds, salt })
            }
            ["key", "keyring", id] => {
                let fits = URL_SAFE_NO_PAD.decode(id).ok()?.len() == ID_BYTES;
                fits.then(|| Self::Keyring {
                    id: (*id).to_owned(),
                })
            }
            _ => None,
        }
    }
}

impl Header {
    /// Wraps the vault's key with the key of a lock.
    pub(super) fn new(lock: Lock, with: &Key, vault: &Key) -> Result<Self, VaultError> {
        let wrapped = with.seal(context(&lock).as_bytes(), vault.bytes())?;
        Ok(Self { lock, wrapped })
    }

    /// The vault's key; none when `with` is not the key of the lock.
    pub(super) fn unwrap(&self, with: &Key) -> Option<Key> {
        let plain = with.open(context(&self.lock).as_bytes(), &self.wrapped)?;
        Key::from_bytes(&plain)
    }

    /// The file's content.
    pub(super) fn render(&self) -> String {
        let body = format!(
            "{}wrapped {}\n",
            context(&self.lock),
            URL_SAFE_NO_PAD.encode(&self.wrapped)
        );
        let sum = sum(&body);
        format!("{body}sum {sum}\n")
    }

    /// Reads a file's content, of which every byte counts.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, VaultError> {
        let text = std::str::from_utf8(bytes).map_err(|_| damaged("vault", "it is not text"))?;
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        if first != FIRST_LINE {
            return Err(match first.strip_prefix("hushgate-vault ") {
                Some(version) if version.bytes().all(|b| b.is_ascii_digit()) => {
                    VaultError::Version("vault".to_owned())
                }
                _ => damaged("vault", "it is not the header of a vault"),
            });
        }
        let lock = lines.next().and_then(Lock::parse);
        let wrapped = lines
            .next()
            .and_then(|l| l.strip_prefix("wrapped "))
            .and_then(|w| URL_SAFE_NO_PAD.decode(w).ok())
            .filter(|w| w.len() == KEY_BYTES + OVERHEAD);
        let header = lock
            .zip(wrapped)
            .map(|(lock, wrapped)| Self { lock, wrapped });
        header
            .filter(|header| header.render() == text)
            .ok_or_else(|| damaged("vault", "its lines do not fit each other"))
    }
}

fn context(lock: &Lock) -> String {
    format!("{FIRST_LINE}\n{}\n", lock.line())
}

/// Tells a damaged file from a wrong pass phrase; whoever changes the file on purpose can make it fit
/// and then meets the seal.
fn sum(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, text.as_bytes()))
}
