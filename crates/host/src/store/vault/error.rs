//! Why a vault can't be used.

use std::path::Path;

use hushgate_gateway::codes::Known;
use hushgate_gateway::ports::StoreError;

use super::super::code::StoreCode;
use super::super::disk::DiskError;

/// Why a vault can't be used. Never carries a value, a key or a pass phrase.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no vault in the folder.
    #[error("there is no vault in the folder; `hushgate vault create` makes one")]
    NoVault,
    /// There is one already.
    #[error("there is a vault in this folder already")]
    Exists,
    /// The folder or a file can't be used.
    #[error("{what} {error}")]
    Disk {
        /// The folder, or the name of the file; not the path, which a variable gives.
        what: String,
        /// Why.
        error: DiskError,
    },
    /// The pass phrase does not open the vault.
    #[error("the pass phrase does not open this vault")]
    PassPhrase,
    /// The key in the keyring does not open the vault.
    #[error("the key in the keyring does not open this vault; was the vault's header replaced?")]
    KeyringKey,
    /// A file is not as it was written.
    #[error("the file `{file}` is damaged: {problem}; restore it from a copy")]
    Damaged {
        /// The file's name.
        file: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A file is of a later version.
    #[error("the file `{0}` is of another version of hushgate; use that one")]
    Version(String),
    /// A name that the store can't hold.
    #[error(
        "`{0}` is no name of a secret; allowed are letters, digits, `_`, `-`, `.`, and `connections/ID/` before it"
    )]
    Name(String),
    /// The function was not handed this compartment's key.
    #[error("the key of compartment `{0}` was not handed to this function")]
    NotHanded(String),
    /// The vault's own key is needed.
    #[error("handed keys open single compartments; this needs the vault's pass phrase or keyring")]
    NotWhole,
    /// The compartment is not there, or not any more.
    #[error("there is no compartment `{0}`; was the connection revoked?")]
    Gone(String),
    /// The connection is there already.
    #[error("there is a connection `{0}` already")]
    ConnectionExists(String),
    /// A compartment would become too large.
    #[error("compartment `{0}` would have more than 1 MiB")]
    TooLarge(String),
    /// The system gave no randomness, or encryption failed.
    #[error("encryption failed on this machine")]
    Crypto,
}

impl VaultError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        self.known().code
    }

    /// The code with its meaning and the next step.
    pub fn known(&self) -> &'static Known {
        match self {
            Self::NoVault => StoreCode::VaultMissing.known(),
            Self::Exists => StoreCode::VaultExists.known(),
            Self::Disk { error, .. } => error.known(),
            Self::PassPhrase => StoreCode::PassPhraseWrong.known(),
            Self::KeyringKey => StoreCode::KeyringKeyWrong.known(),
            Self::Damaged { .. } => StoreCode::Damaged.known(),
            Self::Version(_) => StoreCode::Version.known(),
            Self::Name(_) => StoreCode::NameInvalid.known(),
            Self::NotHanded(_) => StoreCode::KeyNotHanded.known(),
            Self::NotWhole => StoreCode::NotWhole.known(),
            Self::Gone(_) => StoreCode::CompartmentMissing.known(),
            Self::ConnectionExists(_) => StoreCode::ConnectionExists.known(),
            Self::TooLarge(_) => StoreCode::CompartmentTooLarge.known(),
            Self::Crypto => StoreCode::Crypto.known(),
        }
    }

    pub(super) fn folder(error: DiskError) -> Self {
        Self::Disk {
            what: "the vault's folder".to_owned(),
            error,
        }
    }

    pub(super) fn file(path: &Path, error: DiskError) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        Self::Disk {
            what: format!("the file `{name}`"),
            error,
        }
    }

    /// As the port tells it, about the secret `name`.
    pub(super) fn for_name(self, name: &str) -> StoreError {
        match self {
            Self::NotHanded(_) | Self::NotWhole | Self::Gone(_) => StoreError::Denied {
                name: name.to_owned(),
                hint: format!("{self} ({})", self.code()),
            },
            other => StoreError::Unavailable(format!("{other} ({})", other.code())),
        }
    }
}

/// A file that is not as it was written.
pub(super) fn damaged(file: &str, problem: &'static str) -> VaultError {
    VaultError::Damaged {
        file: file.to_owned(),
        problem,
    }
}
