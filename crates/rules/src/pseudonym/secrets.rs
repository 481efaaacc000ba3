//! From named secrets to keys: whichever store they come from.

use std::fmt;

use zeroize::Zeroizing;

use super::Purpose;
use super::compat::{CompatKeys, CompatSecrets};
use super::error::KeyError;
use super::native::NativeKeys;

/// The names of the secrets that pseudonyms are made with.
pub mod names {
    /// Master keys of the native scheme.
    pub const PSEUDONYM_KEY: &str = "PSEUDONYM_KEY";
    /// Salt of the compatible scheme.
    pub const PSOXY_SALT: &str = "PSOXY_SALT";
    /// Password of the compatible scheme; needed for reversible pseudonyms only.
    pub const PSOXY_ENCRYPTION_KEY: &str = "PSOXY_ENCRYPTION_KEY";
    /// Dedicated salt for e-mail domains.
    pub const SALT_EMAIL_DOMAINS: &str = "SALT_EMAIL_DOMAINS";
    /// Dedicated password for e-mail domains.
    pub const ENCRYPTION_KEY_EMAIL_DOMAINS: &str = "ENCRYPTION_KEY_EMAIL_DOMAINS";
    /// Dedicated salt for IP addresses.
    pub const SALT_IP: &str = "SALT_IP";
    /// Dedicated password for IP addresses.
    pub const ENCRYPTION_KEY_IP: &str = "ENCRYPTION_KEY_IP";

    /// All of them, of both schemes.
    pub const ALL: &[&str] = &[
        PSEUDONYM_KEY,
        PSOXY_SALT,
        PSOXY_ENCRYPTION_KEY,
        SALT_EMAIL_DOMAINS,
        ENCRYPTION_KEY_EMAIL_DOMAINS,
        SALT_IP,
        ENCRYPTION_KEY_IP,
    ];
}

/// The key material of either scheme.
pub enum Keys {
    /// Hushgate's own scheme.
    Native(NativeKeys),
    /// The scheme compatible with psoxy.
    Compat(CompatKeys),
}

impl Keys {
    /// Builds the keys from named secrets ([`names`]), whatever keeps them; `compat` says which scheme is wanted.
    /// Reports every problem at once. Values of the compatible scheme are taken as they are, white space included.
    pub fn from_lookup(
        lookup: impl Fn(&str) -> Option<String>,
        compat: bool,
    ) -> Result<Self, Vec<KeyError>> {
        if compat {
            return compat_keys(lookup).map(Self::Compat);
        }
        let missing = KeyError::Missing {
            name: names::PSEUDONYM_KEY,
            hint: "where there never was one, make it with `openssl rand -base64 32` and keep it: another key \
                   changes every pseudonym",
        };
        let text = lookup(names::PSEUDONYM_KEY)
            .map(Zeroizing::new)
            .ok_or_else(|| vec![missing])?;
        NativeKeys::parse(&text).map(Self::Native)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(keys) => keys.fmt(formatter),
            Self::Compat(keys) => keys.fmt(formatter),
        }
    }
}

fn compat_keys(lookup: impl Fn(&str) -> Option<String>) -> Result<CompatKeys, Vec<KeyError>> {
    let mut problems = Vec::new();
    let mut read = |name: &'static str| {
        let text = lookup(name).map(Zeroizing::new)?;
        if text.trim().is_empty() {
            problems.push(KeyError::Blank { name });
            return None;
        }
        Some(text)
    };
    let salt = read(names::PSOXY_SALT);
    let password = read(names::PSOXY_ENCRYPTION_KEY);
    let domains = (
        read(names::SALT_EMAIL_DOMAINS),
        read(names::ENCRYPTION_KEY_EMAIL_DOMAINS),
    );
    let addresses = (read(names::SALT_IP), read(names::ENCRYPTION_KEY_IP));
    if salt.is_none()
        && !problems.contains(&KeyError::Blank {
            name: names::PSOXY_SALT,
        })
    {
        problems.push(KeyError::Missing {
            name: names::PSOXY_SALT,
            hint: "it must be the salt of the deployment whose pseudonyms are to be reproduced",
        });
    }
    let (Some(salt), true) = (salt, problems.is_empty()) else {
        return Err(problems);
    };
    let mut keys = CompatKeys::new(CompatSecrets {
        salt: salt.clone(),
        password: password.clone(),
    });
    for (purpose, own) in [
        (Purpose::EmailDomain, domains),
        (Purpose::IpAddress, addresses),
    ] {
        if own.0.is_some() || own.1.is_some() {
            let secrets = CompatSecrets {
                salt: own.0.unwrap_or_else(|| salt.clone()),
                password: own.1.or_else(|| password.clone()),
            };
            keys = keys.with_pair(purpose, secrets);
        }
    }
    Ok(keys)
}
