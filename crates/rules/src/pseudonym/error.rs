//! What can be wrong with keys, with the use of them, and with a token.

use super::secrets::names;

/// A problem of the configured key material. Names the secret, never its content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A required secret is not set.
    #[error(
        "the secret `{name}` is missing: check first that it is looked for in the right place; {hint}"
    )]
    Missing {
        /// Name of the secret.
        name: &'static str,
        /// How to make it, or what it must be.
        hint: &'static str,
    },
    /// A secret is set to nothing but white space.
    #[error("the secret `{name}` is blank: set it, or remove it if it is optional")]
    Blank {
        /// Name of the secret.
        name: &'static str,
    },
    /// One generation of the native key is not usable.
    #[error("`PSEUDONYM_KEY`, generation {entry}: {problem}")]
    Generation {
        /// Place in the list, from 1.
        entry: usize,
        /// What is wrong with it.
        problem: GenerationProblem,
    },
    /// More than one generation carries the mark `hash=`.
    #[error(
        "`PSEUDONYM_KEY` marks {found} generations with `hash=`: mark exactly one, the one that makes the hashes"
    )]
    SeveralHashGenerations {
        /// How many carry the mark.
        found: usize,
    },
    /// No generation carries the mark `hash=` and there is no generation 1.
    #[error(
        "`PSEUDONYM_KEY` does not say which generation makes the hashes: write `hash=` before one of them; \
         without a mark it is generation 1, which is not in the list (another generation changes every pseudonym)"
    )]
    NoHashGeneration,
}

impl KeyError {
    /// The name of the secret that is meant.
    pub fn secret(&self) -> &'static str {
        match self {
            Self::Missing { name, .. } | Self::Blank { name } => name,
            Self::Generation { .. }
            | Self::SeveralHashGenerations { .. }
            | Self::NoHashGeneration => names::PSEUDONYM_KEY,
        }
    }

    /// The stable code of this problem.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "key-missing",
            Self::Blank { .. } => "key-blank",
            Self::Generation { problem, .. } => problem.code(),
            Self::SeveralHashGenerations { .. } => "key-several-hash-generations",
            Self::NoHashGeneration => "key-no-hash-generation",
        }
    }
}

/// What is wrong with one generation of a native key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GenerationProblem {
    /// Several generations, and this one has no number.
    #[error("has no number: write `NUMBER:BASE64` when there is more than one generation")]
    Unnumbered,
    /// The number is not in the allowed range.
    #[error("the number must be 1 to 63, in decimal")]
    Number,
    /// The number is already taken by an earlier entry.
    #[error("the number {0} is used twice")]
    NumberTwice(u8),
    /// The key text is not Base64.
    #[error("the key is not Base64; make one with `openssl rand -base64 32`")]
    NotBase64,
    /// The key has too few bytes.
    #[error("the key has {0} bytes and needs at least 32; make one with `openssl rand -base64 32`")]
    TooShort(usize),
    /// The key has too many bytes to be a key.
    #[error("the key has {0} bytes and may have at most 1024")]
    TooLong(usize),
    /// The bytes repeat so much that they can't come from a random source.
    #[error("the key is not random; make one with `openssl rand -base64 32`")]
    NotRandom,
    /// Another generation has the same key.
    #[error("the key equals that of an earlier generation; a new generation needs a new key")]
    KeyTwice,
}

impl GenerationProblem {
    fn code(self) -> &'static str {
        match self {
            Self::Unnumbered => "key-unnumbered",
            Self::Number => "key-number",
            Self::NumberTwice(_) => "key-number-twice",
            Self::NotBase64 => "key-not-base64",
            Self::TooShort(_) => "key-too-short",
            Self::TooLong(_) => "key-too-long",
            Self::NotRandom => "key-not-random",
            Self::KeyTwice => "key-twice",
        }
    }
}

/// A pseudonym that was asked for can't be made with the keys at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PseudonymError {
    /// A reversible form is asked for, but there is no password to encrypt with.
    #[error("reversible pseudonyms need the secret `{secret}`, which is not set")]
    EncryptionKeyMissing {
        /// Name of the missing secret.
        secret: &'static str,
    },
    /// Compatible pseudonyms are the same for every recipient.
    #[error(
        "pseudonyms per recipient need the native scheme; the compatible one has no place for a recipient"
    )]
    RecipientsNeedNative,
    /// The recipient's label is empty or too long.
    #[error("the label of a recipient must have 1 to 255 bytes")]
    RecipientLabel,
}

impl PseudonymError {
    /// The stable code of this problem.
    pub fn code(self) -> &'static str {
        match self {
            Self::EncryptionKeyMissing { .. } => "encryption-key-missing",
            Self::RecipientsNeedNative => "recipients-need-native",
            Self::RecipientLabel => "recipient-label",
        }
    }
}

/// A token can't be turned back. Deliberately without a reason: which check failed would help a forger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pseudonym can't be turned back: use it exactly as it was given out")]
pub struct TokenInvalid;

impl TokenInvalid {
    /// The stable code of this problem.
    pub fn code(self) -> &'static str {
        "token-invalid"
    }
}
