//! What can be chosen: purpose, scheme, domain handling, and what a pseudonym includes.

use super::address::EmailCanonicalization;

/// What a pseudonym stands for. Each purpose has its own keys, so a token made for one is not accepted for another
/// (under the compatible scheme only where dedicated secrets are set).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Anything that `pseudonymize` and `tokenize` replace.
    Identifier = 0,
    /// The domain of an e-mail address.
    EmailDomain = 1,
    /// An IP address.
    IpAddress = 2,
}

impl Purpose {
    pub(super) const COUNT: usize = 3;
    pub(super) const ALL: [Self; Self::COUNT] =
        [Self::Identifier, Self::EmailDomain, Self::IpAddress];

    /// How key derivation and associated data name it.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Identifier => "identifier",
            Self::EmailDomain => "email-domain",
            Self::IpAddress => "ip",
        }
    }
}

/// What becomes of the domain of an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DomainHandling {
    /// It stands in clear behind `@`.
    #[default]
    Preserve,
    /// It is left out.
    Redact,
    /// Its hash stands behind `@h~`.
    Tokenize,
    /// Its encrypted form stands behind `@e~`.
    Encrypt,
}

impl DomainHandling {
    /// All names as they are written in configuration.
    pub const NAMES: [&'static str; 4] = ["PRESERVE", "REDACT", "TOKENIZE", "ENCRYPT"];

    /// The handling of that name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_uppercase().as_str() {
            "PRESERVE" => Some(Self::Preserve),
            "REDACT" => Some(Self::Redact),
            "TOKENIZE" => Some(Self::Tokenize),
            "ENCRYPT" => Some(Self::Encrypt),
            _ => None,
        }
    }
}

/// How e-mail addresses are treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// `EMAIL_CANONICALIZATION`
    pub canonicalization: EmailCanonicalization,
    /// `EMAIL_DOMAIN_HANDLING`
    pub domain_handling: DomainHandling,
}

/// What a pseudonym carries besides the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Include {
    /// The encrypted original (`URL_SAFE_TOKEN` and `JSON`).
    pub reversible: bool,
    /// The original in clear (`JSON` only).
    pub original: bool,
}

impl Include {
    /// The hash alone.
    pub const NOTHING: Self = Self {
        reversible: false,
        original: false,
    };
    /// The hash and the encrypted original.
    pub const REVERSIBLE: Self = Self {
        reversible: true,
        original: false,
    };
}

/// Which scheme makes the pseudonyms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Hushgate's own.
    Native,
    /// Compatible with psoxy.
    Compat,
}
