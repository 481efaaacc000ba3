//! Pseudonyms: keyed stand-ins for identifiers, e-mail addresses and IP addresses, and the way back.
//!
//! [`Pseudonymizer`] is the one type to use. It works under the native scheme or under the scheme compatible with
//! psoxy ([`Keys`]); everything else is the same for both. `docs/pseudonyms.md` has the formats byte by byte.
//!
//! ```
//! use hushgate_rules::pseudonym::{Include, Keys, Options, PseudonymEncoding, Pseudonymizer};
//!
//! // `openssl rand -base64 32` makes a real one.
//! let key = "Zm9yIGV4YW1wbGVzIG9ubHksIG5ldmVyIHVzZSB0aGlzIGtleQ==";
//! let secret = |name: &str| (name == "PSEUDONYM_KEY").then(|| key.to_owned());
//! let keys = Keys::from_lookup(secret, false).unwrap();
//! let pseudonymizer = Pseudonymizer::new(keys, Options::default()).unwrap();
//!
//! let token = pseudonymizer
//!     .pseudonymize("Ada@Example.com", PseudonymEncoding::UrlSafeToken, Include::REVERSIBLE)
//!     .unwrap();
//! assert!(token.starts_with("p~") && token.ends_with("@example.com"));
//! assert_eq!(pseudonymizer.reverse(&token).unwrap(), "Ada@Example.com");
//! ```

mod address;
mod compat;
mod error;
mod ip;
mod key_text;
mod native;
mod options;
mod secrets;
mod siv;
mod token;
mod write;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use hmac::Mac;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

pub use crate::language::PseudonymEncoding;
pub use address::{EmailCanonicalization, Mailbox};
pub use compat::{CompatKeys, CompatSecrets};
pub use error::{GenerationProblem, KeyError, PseudonymError, TokenInvalid};
pub use ip::canonical_ip;
pub use native::NativeKeys;
pub use options::{DomainHandling, Include, Options, Purpose, Scheme};
pub use secrets::{Keys, names};
pub use token::{FoundToken, find_tokens, is_reversible_token, is_token};

use native::{HASH_BYTES, NativeScheme};
use token::{DomainText, Token};
use write::{JsonObject, decode_base64, push_base64, push_hash};

/// Makes pseudonyms and turns reversible ones back. Cheap to clone, safe to share.
#[derive(Clone)]
pub struct Pseudonymizer {
    keys: SchemeKeys,
    options: Options,
}

#[derive(Clone)]
enum SchemeKeys {
    Native(NativeScheme),
    Compat(Arc<CompatKeys>),
}

impl Pseudonymizer {
    /// A pseudonymizer with these keys. Fails if e-mail domains are to be encrypted and there is no key for it.
    pub fn new(keys: Keys, options: Options) -> Result<Self, PseudonymError> {
        match keys {
            Keys::Native(keys) => Ok(Self::native(keys, options)),
            Keys::Compat(keys) => Self::compat(keys, options),
        }
    }

    /// A pseudonymizer of the native scheme.
    pub fn native(keys: NativeKeys, options: Options) -> Self {
        Self {
            keys: SchemeKeys::Native(NativeScheme::new(Arc::new(keys), "")),
            options,
        }
    }

    /// A pseudonymizer of the compatible scheme. Fails if e-mail domains are to be encrypted without a password.
    pub fn compat(keys: CompatKeys, options: Options) -> Result<Self, PseudonymError> {
        if options.domain_handling == DomainHandling::Encrypt {
            keys.can_seal(Purpose::EmailDomain)?;
        }
        Ok(Self {
            keys: SchemeKeys::Compat(Arc::new(keys)),
            options,
        })
    }

    /// The same keys for one recipient: whoever gets pseudonyms under another label, or under none, can't tell
    /// that they stand for the same person, and tokens of one recipient are not accepted from another.
    ///
    /// The label (1 to 255 bytes, for instance the client's id) replaces an earlier one. Native scheme only.
    pub fn for_domain(&self, recipient: &str) -> Result<Self, PseudonymError> {
        let SchemeKeys::Native(keys) = &self.keys else {
            return Err(PseudonymError::RecipientsNeedNative);
        };
        if !(1..=255).contains(&recipient.len()) {
            return Err(PseudonymError::RecipientLabel);
        }
        Ok(Self {
            keys: SchemeKeys::Native(keys.for_recipient(recipient)),
            options: self.options,
        })
    }

    /// The scheme in use.
    pub fn scheme(&self) -> Scheme {
        match self.keys {
            SchemeKeys::Native(_) => Scheme::Native,
            SchemeKeys::Compat(_) => Scheme::Compat,
        }
    }

    /// How e-mail addresses are treated.
    pub fn options(&self) -> Options {
        self.options
    }

    /// Whether reversible tokens can be made for this purpose; ask when rules that need them are loaded.
    pub fn can_reverse(&self, purpose: Purpose) -> Result<(), PseudonymError> {
        match &self.keys {
            SchemeKeys::Native(_) => Ok(()),
            SchemeKeys::Compat(keys) => keys.can_seal(purpose),
        }
    }

    /// Shows which keys are in use without telling anything about them: 43 characters. Two functions with the same
    /// fingerprint give the same person the same pseudonym.
    pub fn fingerprint(&self) -> String {
        let mut text = String::with_capacity(token::HASH_CHARS);
        match &self.keys {
            SchemeKeys::Native(keys) => push_hash(&mut text, keys.fingerprint()),
            SchemeKeys::Compat(keys) => {
                push_hash(&mut text, &keys.fingerprint());
                // The reference spells `+` as `.` here, not as `-`.
                text = text.replace('-', ".");
            }
        }
        text
    }

    /// The pseudonym of an identifier or of the decimal text of a number ([`crate::java_number`]). An e-mail address
    /// is brought into canonical form first, anything else is taken as it is.
    pub fn pseudonymize(
        &self,
        text: &str,
        encoding: PseudonymEncoding,
        include: Include,
    ) -> Result<String, PseudonymError> {
        let mut out = String::with_capacity(64);
        self.push_pseudonym(&mut out, text, encoding, include)?;
        Ok(out)
    }

    /// Appends what [`Self::pseudonymize`] gives. Hashing needs no memory of its own.
    pub fn push_pseudonym(
        &self,
        out: &mut String,
        text: &str,
        encoding: PseudonymEncoding,
        include: Include,
    ) -> Result<(), PseudonymError> {
        if include.reversible && encoding != PseudonymEncoding::UrlSafeHashOnly {
            self.can_reverse(Purpose::Identifier)?;
        }
        let mailbox = Mailbox::parse(text);
        self.push_identity(out, text, mailbox.as_ref(), encoding, include)
    }

    /// The pseudonyms of an e-mail header's addresses: separated by commas as tokens, else a JSON array. Nothing if
    /// the header is not a valid list of addresses. Display names and originals are never included.
    pub fn email_header(&self, text: &str, encoding: PseudonymEncoding) -> Option<String> {
        let mailboxes = Mailbox::parse_list(text)?;
        let tokens = encoding == PseudonymEncoding::UrlSafeToken;
        let member = if tokens {
            encoding
        } else {
            PseudonymEncoding::Json
        };
        let mut out = String::with_capacity(64 * mailboxes.len() + 2);
        if !tokens {
            out.push('[');
        }
        for (place, mailbox) in mailboxes.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            self.push_identity(&mut out, "", Some(mailbox), member, Include::NOTHING)
                .ok()?;
        }
        if !tokens {
            out.push(']');
        }
        Some(out)
    }

    /// The reversible token of a text as it is: without canonical form, without a domain.
    pub fn tokenize(&self, text: &str) -> Result<String, PseudonymError> {
        self.can_reverse(Purpose::Identifier)?;
        let hash = self.hash(Purpose::Identifier, text);
        let mut out = String::with_capacity(96);
        self.push_sealed(&mut out, "p~", Purpose::Identifier, &hash, text)?;
        Ok(out)
    }

    /// The irreversible token of an IP address; nothing if the text is not exactly an IP literal.
    pub fn hash_ip(&self, text: &str) -> Option<String> {
        let canonical = canonical_ip(text)?;
        let mut out = String::from("t~");
        push_hash(&mut out, &self.hash(Purpose::IpAddress, &canonical));
        Some(out)
    }

    /// The reversible token of an IP address; nothing if the text is not exactly an IP literal.
    pub fn encrypt_ip(&self, text: &str) -> Result<Option<String>, PseudonymError> {
        self.can_reverse(Purpose::IpAddress)?;
        let Some(canonical) = canonical_ip(text) else {
            return Ok(None);
        };
        let hash = self.hash(Purpose::IpAddress, &canonical);
        let mut out = String::with_capacity(96);
        self.push_sealed(&mut out, "p~", Purpose::IpAddress, &hash, &canonical)?;
        Ok(Some(out))
    }

    /// The original of an identifier's token; `token` must be the token and nothing else.
    pub fn reverse(&self, token: &str) -> Result<String, TokenInvalid> {
        self.reverse_as(Purpose::Identifier, token)
    }

    /// The original of a token made for `purpose`.
    pub fn reverse_as(&self, purpose: Purpose, token: &str) -> Result<String, TokenInvalid> {
        let token = Token::parse_reversible(token).ok_or(TokenInvalid)?;
        let original = self.open(purpose, token.body).ok_or(TokenInvalid)?;
        if let Some(domain) = token.domain {
            let mailbox = Mailbox::parse(&original).ok_or(TokenInvalid)?;
            if !self.domain_fits(domain, mailbox.domain()) {
                return Err(TokenInvalid);
            }
        }
        Ok(original)
    }

    /// `text` with every reversible token in it turned back, originals inserted as they are. For URLs use
    /// [`find_tokens`] and [`Self::reverse`] on each decoded component and encode the result.
    pub fn reverse_all<'t>(&self, text: &'t str) -> Result<Cow<'t, str>, TokenInvalid> {
        let mut out = String::new();
        let mut from = 0;
        for found in find_tokens(text) {
            out.push_str(text.get(from..found.start).unwrap_or_default());
            out.push_str(&self.reverse(found.text)?);
            from = found.end();
        }
        if from == 0 {
            return Ok(Cow::Borrowed(text));
        }
        out.push_str(text.get(from..).unwrap_or_default());
        Ok(Cow::Owned(out))
    }

    fn push_identity(
        &self,
        out: &mut String,
        original: &str,
        mailbox: Option<&Mailbox<'_>>,
        encoding: PseudonymEncoding,
        include: Include,
    ) -> Result<(), PseudonymError> {
        let hash = match mailbox {
            Some(mailbox) => self.hash_mailbox(mailbox),
            None => self.hash(Purpose::Identifier, original),
        };
        match encoding {
            PseudonymEncoding::UrlSafeHashOnly => push_hash(out, &hash),
            PseudonymEncoding::UrlSafeToken if include.reversible => {
                self.push_sealed(out, "p~", Purpose::Identifier, &hash, original)?;
                self.push_domain(out, "@", mailbox)?;
            }
            PseudonymEncoding::UrlSafeToken => {
                out.push_str("t~");
                push_hash(out, &hash);
                self.push_domain(out, "@", mailbox)?;
            }
            PseudonymEncoding::Json => self.push_json(out, original, mailbox, &hash, include)?,
        }
        Ok(())
    }

    fn push_json(
        &self,
        out: &mut String,
        original: &str,
        mailbox: Option<&Mailbox<'_>>,
        hash: &[u8; HASH_BYTES],
        include: Include,
    ) -> Result<(), PseudonymError> {
        let mut object = JsonObject::start(out);
        let mut domain = String::new();
        self.push_domain(&mut domain, "", mailbox)?;
        if !domain.is_empty() {
            object.member("domain", &domain);
        }
        let mut text = String::with_capacity(token::HASH_CHARS);
        push_hash(&mut text, hash);
        object.member("hash", &text);
        if include.original {
            object.member("original", original);
        }
        if include.reversible {
            text.clear();
            self.push_sealed(&mut text, "p~", Purpose::Identifier, hash, original)?;
            self.push_domain(&mut text, "@", mailbox)?;
            object.member("reversible", &text);
        }
        object.end();
        Ok(())
    }

    /// Appends the domain as it is handled, after `lead`; nothing if there is none to show.
    fn push_domain(
        &self,
        out: &mut String,
        lead: &str,
        mailbox: Option<&Mailbox<'_>>,
    ) -> Result<(), PseudonymError> {
        let Some(mailbox) = mailbox else {
            return Ok(());
        };
        let domain = self.domain_case(mailbox.domain());
        match self.options.domain_handling {
            DomainHandling::Redact => {}
            DomainHandling::Preserve => {
                out.push_str(lead);
                out.push_str(&domain);
            }
            DomainHandling::Tokenize => {
                out.push_str(lead);
                out.push_str("h~");
                push_hash(out, &self.hash(Purpose::EmailDomain, &domain));
            }
            DomainHandling::Encrypt => {
                out.push_str(lead);
                let hash = self.hash(Purpose::EmailDomain, &domain);
                self.push_sealed(out, "e~", Purpose::EmailDomain, &hash, &domain)?;
            }
        }
        Ok(())
    }

    /// Native pseudonyms know domains in lower case only; compatible ones keep the case of the input.
    fn domain_case<'d>(&self, domain: &'d str) -> Cow<'d, str> {
        let as_given = self.scheme() == Scheme::Compat
            || !domain.bytes().any(|byte| byte.is_ascii_uppercase());
        if as_given {
            Cow::Borrowed(domain)
        } else {
            Cow::Owned(domain.to_ascii_lowercase())
        }
    }

    /// Whether what stands behind a token's `@` belongs to the domain of its original.
    ///
    /// A domain in clear counts only where domains are given out in clear: elsewhere it would let a caller try out
    /// which domain a token has.
    fn domain_fits(&self, claimed: DomainText<'_>, domain: &str) -> bool {
        let known = self.domain_case(domain);
        match claimed {
            DomainText::Plain(text) => {
                self.options.domain_handling == DomainHandling::Preserve
                    && text.eq_ignore_ascii_case(domain)
            }
            DomainText::Hashed(text) => decode_base64(text).is_some_and(|hash| match &self.keys {
                SchemeKeys::Native(keys) => keys.domain_hash_fits(&known, &hash),
                SchemeKeys::Compat(_) => self
                    .hash(Purpose::EmailDomain, &known)
                    .as_slice()
                    .ct_eq(&hash)
                    .into(),
            }),
            DomainText::Encrypted(text) => self
                .open(Purpose::EmailDomain, text)
                .is_some_and(|opened| opened == *known),
        }
    }

    fn push_sealed(
        &self,
        out: &mut String,
        prefix: &str,
        purpose: Purpose,
        hash: &[u8; HASH_BYTES],
        original: &str,
    ) -> Result<(), PseudonymError> {
        let mut bytes = Vec::with_capacity(HASH_BYTES + 33 + original.len());
        match &self.keys {
            SchemeKeys::Native(keys) => keys.seal(purpose, hash, original, &mut bytes),
            SchemeKeys::Compat(keys) => keys.seal(purpose, hash, original, &mut bytes)?,
        }
        out.push_str(prefix);
        push_base64(out, &bytes);
        Ok(())
    }

    fn open(&self, purpose: Purpose, body: &str) -> Option<String> {
        let bytes = decode_base64(body)?;
        match &self.keys {
            SchemeKeys::Native(keys) => keys.open(purpose, &bytes),
            SchemeKeys::Compat(keys) => keys.open(purpose, &bytes),
        }
    }

    fn hash(&self, purpose: Purpose, text: &str) -> [u8; HASH_BYTES] {
        match &self.keys {
            SchemeKeys::Native(keys) => {
                let state = keys.hasher(purpose).chain_update(text);
                state.finalize().into_bytes().into()
            }
            SchemeKeys::Compat(keys) => {
                let state = Sha256::new()
                    .chain_update(text)
                    .chain_update(keys.salt(purpose));
                state.finalize().into()
            }
        }
    }

    fn hash_mailbox(&self, mailbox: &Mailbox<'_>) -> [u8; HASH_BYTES] {
        let mode = self.options.canonicalization;
        match &self.keys {
            SchemeKeys::Native(keys) => {
                let mut state = keys.hasher(Purpose::Identifier);
                mailbox.canonical_pieces(mode, |piece| state.update(piece));
                state.finalize().into_bytes().into()
            }
            SchemeKeys::Compat(keys) => {
                let mut state = Sha256::new();
                mailbox.canonical_pieces(mode, |piece| Digest::update(&mut state, piece));
                Digest::update(&mut state, keys.salt(Purpose::Identifier));
                state.finalize().into()
            }
        }
    }
}

impl fmt::Debug for Pseudonymizer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Pseudonymizer")
            .field("scheme", &self.scheme())
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
