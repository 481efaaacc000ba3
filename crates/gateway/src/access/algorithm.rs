//! The signature algorithms an issuer may be pinned to (RFC 7518 section 3, RFC 8037).

use std::fmt;

use aws_lc_rs::signature as lc;

/// A signature algorithm. Symmetric ones and `none` don't exist here, so they can't be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// Edwards-curve signatures on Ed25519, named `EdDSA`.
    EdDsa,
}

impl Algorithm {
    /// All of them, in the order of the documentation.
    pub const ALL: &'static [Algorithm] = &[
        Algorithm::Rs256,
        Algorithm::Rs384,
        Algorithm::Rs512,
        Algorithm::Ps256,
        Algorithm::Ps384,
        Algorithm::Ps512,
        Algorithm::Es256,
        Algorithm::Es384,
        Algorithm::EdDsa,
    ];

    /// The name in a token's `alg` header, which is case-sensitive.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Rs384 => "RS384",
            Algorithm::Rs512 => "RS512",
            Algorithm::Ps256 => "PS256",
            Algorithm::Ps384 => "PS384",
            Algorithm::Ps512 => "PS512",
            Algorithm::Es256 => "ES256",
            Algorithm::Es384 => "ES384",
            Algorithm::EdDsa => "EdDSA",
        }
    }

    /// The algorithm with exactly this name.
    pub fn from_name(name: &str) -> Option<Algorithm> {
        Self::ALL.iter().copied().find(|a| a.name() == name)
    }

    /// What verifies an RSA signature of this algorithm; `None` for the others. The parameters
    /// refuse keys under 2048 and over 8192 bits.
    pub(super) fn rsa(self) -> Option<&'static lc::RsaParameters> {
        match self {
            Algorithm::Rs256 => Some(&lc::RSA_PKCS1_2048_8192_SHA256),
            Algorithm::Rs384 => Some(&lc::RSA_PKCS1_2048_8192_SHA384),
            Algorithm::Rs512 => Some(&lc::RSA_PKCS1_2048_8192_SHA512),
            Algorithm::Ps256 => Some(&lc::RSA_PSS_2048_8192_SHA256),
            Algorithm::Ps384 => Some(&lc::RSA_PSS_2048_8192_SHA384),
            Algorithm::Ps512 => Some(&lc::RSA_PSS_2048_8192_SHA512),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
