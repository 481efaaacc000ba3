//! The scheme compatible with psoxy, bit exact: SHA-256 over value and salt, AES-256-CBC with the hash as IV.
//!
//! The format carries no authentication tag. What makes turning back safe is that the embedded hash must be that
//! of the decrypted text, which nobody can compute without the salt.

use std::fmt;
use std::sync::{Arc, OnceLock};

use cbc::cipher::block_padding::{NoPadding, Pkcs7};
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

use super::Purpose;
use super::address::{EmailCanonicalization, Mailbox};
use super::error::PseudonymError;
use super::native::HASH_BYTES;
use super::secrets::names;

const KEY_ROUNDS: u32 = 65_536;
const BLOCK_BYTES: usize = 16;
const FINGERPRINT_SALT: &[u8] = b"f33c366c-ae91-4819-b221-f9794ebb8145";

/// A salt with its password, as psoxy's configuration names them. Never printable; wiped from memory when dropped.
pub struct CompatSecrets {
    /// `PSOXY_SALT`, or the dedicated salt.
    pub(super) salt: Zeroizing<String>,
    /// `PSOXY_ENCRYPTION_KEY`, or the dedicated password; without it nothing reversible can be made.
    pub(super) password: Option<Zeroizing<String>>,
}

impl CompatSecrets {
    /// A pair from plain text.
    pub fn new(salt: impl Into<String>, password: Option<&str>) -> Self {
        Self {
            salt: Zeroizing::new(salt.into()),
            password: password.map(|text| Zeroizing::new(text.to_owned())),
        }
    }
}

impl fmt::Debug for CompatSecrets {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CompatSecrets(..)")
    }
}

/// The secrets of the compatible scheme: a pair for identifiers, one for e-mail domains, one for IP addresses.
///
/// Encryption keys are derived on first use, since that takes some 20 ms and many rule sets never need them.
/// Never printable; wiped from memory when dropped.
pub struct CompatKeys {
    pairs: [Arc<Pair>; Purpose::COUNT],
}

struct Pair {
    secrets: CompatSecrets,
    key: OnceLock<Zeroizing<[u8; 32]>>,
}

impl CompatKeys {
    /// One pair for every purpose.
    pub fn new(secrets: CompatSecrets) -> Self {
        let pair = Arc::new(Pair::new(secrets));
        Self {
            pairs: Purpose::ALL.map(|_| Arc::clone(&pair)),
        }
    }

    /// The same with a dedicated pair for one purpose.
    #[must_use]
    pub fn with_pair(mut self, purpose: Purpose, secrets: CompatSecrets) -> Self {
        self.pairs[purpose as usize] = Arc::new(Pair::new(secrets));
        self
    }

    /// Derives the encryption keys now instead of on first use.
    pub fn derive_now(&self) {
        for pair in &self.pairs {
            let _ = pair.key();
        }
    }

    pub(super) fn can_seal(&self, purpose: Purpose) -> Result<(), PseudonymError> {
        let has_password = self.pair(purpose).secrets.password.is_some();
        let secret = match purpose {
            Purpose::Identifier => names::PSOXY_ENCRYPTION_KEY,
            Purpose::EmailDomain => names::ENCRYPTION_KEY_EMAIL_DOMAINS,
            Purpose::IpAddress => names::ENCRYPTION_KEY_IP,
        };
        has_password
            .then_some(())
            .ok_or(PseudonymError::EncryptionKeyMissing { secret })
    }

    pub(super) fn salt(&self, purpose: Purpose) -> &[u8] {
        self.pair(purpose).secrets.salt.as_bytes()
    }

    /// Appends the bytes of a reversible token: hash, ciphertext.
    pub(super) fn seal(
        &self,
        purpose: Purpose,
        hash: &[u8; HASH_BYTES],
        original: &str,
        out: &mut Vec<u8>,
    ) -> Result<(), PseudonymError> {
        self.can_seal(purpose)?;
        let Some((key, iv)) = self
            .pair(purpose)
            .key()
            .zip(hash.first_chunk::<BLOCK_BYTES>())
        else {
            return Ok(());
        };
        out.extend_from_slice(hash);
        let start = out.len();
        out.extend_from_slice(original.as_bytes());
        out.resize(start + (original.len() / BLOCK_BYTES + 1) * BLOCK_BYTES, 0);
        let cipher = cbc::Encryptor::<aes::Aes256>::new(key.into(), iv.into());
        let buffer = out.get_mut(start..).unwrap_or_default();
        let written = cipher.encrypt_padded::<Pkcs7>(buffer, original.len());
        debug_assert!(written.is_ok(), "the buffer has room for the padding");
        Ok(())
    }

    /// The original in a token's bytes, if the embedded hash is that of the original.
    ///
    /// Every check is made in any case and none ends early, so neither the answer nor, as far as may be, its time
    /// tells a wrong padding from a wrong hash.
    pub(super) fn open(&self, purpose: Purpose, token: &[u8]) -> Option<String> {
        let pair = self.pair(purpose);
        let key = pair.key()?;
        let (hash, ciphertext) = token.split_at_checked(HASH_BYTES)?;
        let iv = hash.first_chunk::<BLOCK_BYTES>()?;
        if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(BLOCK_BYTES) {
            return None;
        }
        let mut plaintext = ciphertext.to_vec();
        let cipher = cbc::Decryptor::<aes::Aes256>::new(key.into(), iv.into());
        cipher.decrypt_padded::<NoPadding>(&mut plaintext).ok()?;
        let (length, padding_fits) = padded_length(&plaintext);
        plaintext.truncate(length);
        let hash_fits = pair.hash_fits(&plaintext, hash);
        let text = String::from_utf8(plaintext);
        if !bool::from(padding_fits & hash_fits) {
            return None;
        }
        text.ok()
    }

    /// The fingerprint of the main salt, in the reference's own alphabet.
    pub(super) fn fingerprint(&self) -> [u8; HASH_BYTES] {
        let salt = self.salt(Purpose::Identifier);
        Sha256::new()
            .chain_update(salt)
            .chain_update(FINGERPRINT_SALT)
            .finalize()
            .into()
    }

    fn pair(&self, purpose: Purpose) -> &Pair {
        &self.pairs[purpose as usize]
    }
}

impl fmt::Debug for CompatKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CompatKeys(..)")
    }
}

impl Pair {
    fn new(secrets: CompatSecrets) -> Self {
        Self {
            secrets,
            key: OnceLock::new(),
        }
    }

    fn key(&self) -> Option<&[u8; 32]> {
        let password = self.secrets.password.as_ref()?;
        Some(
            self.key
                .get_or_init(|| derive_key(password, &self.secrets.salt)),
        )
    }

    /// Whether `hash` is that of the text: as an e-mail address in either canonical form, or as it stands, which is
    /// how `tokenize` and IP addresses are hashed.
    fn hash_fits(&self, plaintext: &[u8], hash: &[u8]) -> Choice {
        let mailbox = std::str::from_utf8(plaintext).ok().and_then(Mailbox::parse);
        let mut fits = self.hash(|sink| sink(plaintext)).as_slice().ct_eq(hash);
        for mode in [
            EmailCanonicalization::Strict,
            EmailCanonicalization::IgnoreDots,
        ] {
            if let Some(mailbox) = mailbox {
                let made = self.hash(|sink| mailbox.canonical_pieces(mode, sink));
                fits |= made.as_slice().ct_eq(hash);
            }
        }
        fits
    }

    fn hash(&self, feed: impl FnOnce(&mut dyn FnMut(&[u8]))) -> [u8; HASH_BYTES] {
        let mut state = Sha256::new();
        feed(&mut |piece| state.update(piece));
        state.update(self.secrets.salt.as_bytes());
        state.finalize().into()
    }
}

/// PBKDF2-HMAC-SHA-256 as the reference derives it.
pub(super) fn derive_key(password: &str, salt: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha256>(
        password.as_bytes(),
        salt.as_bytes(),
        KEY_ROUNDS,
        key.as_mut_slice(),
    );
    key
}

/// PKCS #7: how long the text is without its padding, and whether the padding is right; the whole length if not.
fn padded_length(text: &[u8]) -> (usize, Choice) {
    let count = text.last().copied().unwrap_or_default();
    let mut fits = Choice::from(u8::from((1..=16).contains(&count)));
    for (back, byte) in text.iter().rev().take(BLOCK_BYTES).enumerate() {
        let padding = Choice::from(u8::from(back < usize::from(count)));
        fits &= !padding | byte.ct_eq(&count);
    }
    let cut = if fits.into() { usize::from(count) } else { 0 };
    (text.len().saturating_sub(cut), fits)
}
