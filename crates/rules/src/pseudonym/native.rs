//! The native scheme: HMAC-SHA-256 hashes, AES-256-SIV tokens, one key per purpose derived by HKDF-SHA-256.
//!
//! Byte layouts and the reasons for them are in `docs/pseudonyms.md`.

use std::fmt;
use std::sync::Arc;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Purpose;
use super::error::KeyError;
use super::key_text;
use super::siv::{Siv, TAG_BYTES};

/// Length of a hash in bytes.
pub(super) const HASH_BYTES: usize = 32;
/// Length of what precedes the ciphertext: hash, generation number, SIV tag.
const HEADER_BYTES: usize = HASH_BYTES + 1;
/// Plaintexts are padded to a multiple of this, so that a token tells little about the length of a name.
const PAD_BYTES: usize = 16;
const EXTRACT_SALT: &[u8] = b"hushgate pseudonym v1";

/// The master keys of the native scheme: one generation or more, newest first.
///
/// The newest generation encrypts, every generation decrypts, and one fixed generation makes the hashes, so that
/// replacing the encryption key changes no hash. Never printable; wiped from memory when dropped.
pub struct NativeKeys {
    generations: Vec<Generation>,
    hash_generation: usize,
}

struct Generation {
    number: u8,
    master: Hkdf<Sha256>,
}

impl NativeKeys {
    /// Reads the text of `PSEUDONYM_KEY`: one Base64 key of 32 bytes or more, or a list `NUMBER:BASE64`, newest
    /// first, separated by commas or white space. `hash=` before an entry marks the generation that makes the
    /// hashes; without it that is generation 1.
    pub fn parse(text: &str) -> Result<Self, Vec<KeyError>> {
        let list = key_text::parse(text)?;
        let generations = list
            .entries
            .iter()
            .map(|entry| Generation {
                number: entry.number,
                master: Hkdf::new(Some(EXTRACT_SALT), &entry.key),
            })
            .collect();
        Ok(Self {
            generations,
            hash_generation: list.hash_entry,
        })
    }

    /// One generation, number 1, from raw bytes.
    pub fn from_master(master: &[u8]) -> Result<Self, KeyError> {
        key_text::check_key(master)
            .map_err(|problem| KeyError::Generation { entry: 1, problem })?;
        let generation = Generation {
            number: 1,
            master: Hkdf::new(Some(EXTRACT_SALT), master),
        };
        Ok(Self {
            generations: vec![generation],
            hash_generation: 0,
        })
    }
}

impl fmt::Debug for NativeKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<u8> = self.generations.iter().map(|one| one.number).collect();
        formatter
            .debug_struct("NativeKeys")
            .field("generations", &numbers)
            .finish_non_exhaustive()
    }
}

/// The derived keys for one recipient.
#[derive(Clone)]
pub(super) struct NativeScheme {
    masters: Arc<NativeKeys>,
    derived: Arc<Derived>,
}

struct Derived {
    hash: [KeyedHash; Purpose::COUNT],
    /// Hash keys of all generations for e-mail domains, since tokens in the field may carry an older one.
    domain_hashes: Vec<KeyedHash>,
    seal: Vec<(u8, [SealKey; Purpose::COUNT])>,
    fingerprint: [u8; HASH_BYTES],
}

impl NativeScheme {
    pub(super) fn new(masters: Arc<NativeKeys>, recipient: &str) -> Self {
        let derived = Arc::new(Derived::new(&masters, recipient));
        Self { masters, derived }
    }

    pub(super) fn for_recipient(&self, recipient: &str) -> Self {
        Self::new(Arc::clone(&self.masters), recipient)
    }

    pub(super) fn hasher(&self, purpose: Purpose) -> Hmac<Sha256> {
        self.derived.hash[purpose as usize].0.clone()
    }

    pub(super) fn fingerprint(&self) -> &[u8; HASH_BYTES] {
        &self.derived.fingerprint
    }

    /// Appends the bytes of a reversible token: hash, generation number, tag, ciphertext.
    pub(super) fn seal(
        &self,
        purpose: Purpose,
        hash: &[u8; HASH_BYTES],
        original: &str,
        out: &mut Vec<u8>,
    ) {
        let Some((number, keys)) = self.derived.seal.first() else {
            return;
        };
        let mut header = [*number; HEADER_BYTES];
        header[..HASH_BYTES].copy_from_slice(hash);
        out.extend_from_slice(&header);
        let mut plaintext = Vec::with_capacity(original.len() + PAD_BYTES);
        pad(original.as_bytes(), &mut plaintext);
        let label = purpose.label().as_bytes();
        keys[purpose as usize].encrypt(&[&header, label], plaintext, out);
    }

    /// The original in a token's bytes, if a live generation made exactly these for exactly this purpose.
    pub(super) fn open(&self, purpose: Purpose, token: &[u8]) -> Option<String> {
        let (header, sealed) = token.split_at_checked(HEADER_BYTES)?;
        let number = header.last()?;
        let (_, keys) = self.derived.seal.iter().find(|(one, _)| one == number)?;
        let label = purpose.label().as_bytes();
        let mut plaintext = keys[purpose as usize].decrypt(&[header, label], sealed)?;
        unpad(&mut plaintext)?;
        String::from_utf8(plaintext).ok()
    }

    /// Whether `hash` is that of the e-mail domain under any generation.
    pub(super) fn domain_hash_fits(&self, domain: &str, hash: &[u8]) -> bool {
        let fits = self.derived.domain_hashes.iter().map(|key| {
            let made = key.hash([domain.as_bytes()]);
            made.as_slice().ct_eq(hash)
        });
        fits.fold(subtle::Choice::from(0), |all, one| all | one)
            .into()
    }
}

impl Derived {
    fn new(masters: &NativeKeys, recipient: &str) -> Self {
        let hash_key = |generation: &Generation, purpose: Purpose| {
            let key = derive::<32>(&generation.master, "hash", purpose.label(), recipient);
            KeyedHash::new(key.as_slice())
        };
        let seal_keys = |generation: &Generation| {
            let keys = Purpose::ALL.map(|purpose| {
                let label = purpose.label();
                SealKey::new(&derive(&generation.master, "seal", label, recipient))
            });
            (generation.number, keys)
        };
        let hashing = &masters.generations[masters.hash_generation];
        Self {
            hash: Purpose::ALL.map(|purpose| hash_key(hashing, purpose)),
            domain_hashes: masters
                .generations
                .iter()
                .map(|generation| hash_key(generation, Purpose::EmailDomain))
                .collect(),
            seal: masters.generations.iter().map(seal_keys).collect(),
            fingerprint: *derive(&hashing.master, "fingerprint", "", recipient),
        }
    }
}

/// HKDF-Expand under an unambiguous label: neither kind nor purpose contains a NUL.
fn derive<const N: usize>(
    master: &Hkdf<Sha256>,
    kind: &str,
    purpose: &str,
    recipient: &str,
) -> Zeroizing<[u8; N]> {
    let mut key = Zeroizing::new([0; N]);
    let info = [
        kind.as_bytes(),
        b"\0",
        purpose.as_bytes(),
        b"\0",
        recipient.as_bytes(),
    ];
    let expanded = master.expand_multi_info(&info, key.as_mut_slice());
    // HKDF-SHA-256 refuses only lengths over 8160 bytes; a key of zeros must never be used instead.
    assert!(expanded.is_ok(), "derived keys are short");
    key
}

/// HMAC-SHA-256 with its key block absorbed: cloning it saves half the work on short texts.
pub(super) struct KeyedHash(Hmac<Sha256>);

impl KeyedHash {
    pub(super) fn new(key: &[u8]) -> Self {
        match Hmac::new_from_slice(key) {
            Ok(keyed) => Self(keyed),
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }

    pub(super) fn hash<'a>(&self, pieces: impl IntoIterator<Item = &'a [u8]>) -> [u8; HASH_BYTES] {
        let mut state = self.0.clone();
        for piece in pieces {
            state.update(piece);
        }
        state.finalize().into_bytes().into()
    }
}

/// AES-256-SIV (RFC 5297): 32 bytes for the tag, 32 for the encryption.
pub(super) struct SealKey(Siv);

impl SealKey {
    pub(super) fn new(key: &Zeroizing<[u8; 64]>) -> Self {
        Self(Siv::new(key))
    }

    /// Appends tag and ciphertext.
    pub(super) fn encrypt(&self, associated: &[&[u8]], plaintext: Vec<u8>, out: &mut Vec<u8>) {
        let mut buffer = plaintext;
        let tag = self.0.seal(associated, &mut buffer);
        out.extend_from_slice(&tag);
        out.extend_from_slice(&buffer);
    }

    pub(super) fn decrypt(&self, associated: &[&[u8]], sealed: &[u8]) -> Option<Vec<u8>> {
        let (tag, text) = sealed.split_first_chunk::<TAG_BYTES>()?;
        let mut plaintext = text.to_vec();
        self.0
            .open(associated, *tag, &mut plaintext)
            .then_some(plaintext)
    }
}

/// ISO/IEC 7816-4 padding: one byte 0x80, then zeros up to the next multiple.
fn pad(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(text);
    out.push(0x80);
    out.resize(out.len().next_multiple_of(PAD_BYTES), 0);
}

fn unpad(text: &mut Vec<u8>) -> Option<()> {
    let end = text.iter().rposition(|&byte| byte != 0)?;
    if !text.len().is_multiple_of(PAD_BYTES)
        || text.len() - end > PAD_BYTES
        || text.get(end) != Some(&0x80)
    {
        return None;
    }
    text.truncate(end);
    Some(())
}
