//! Opening the store that the configuration names.

use std::path::Path;
use std::sync::Arc;

use hushgate_gateway::codes::Known;
use hushgate_gateway::ports::{Secret, SecretStore};

use super::code::StoreCode;
use super::disk::{self, DiskError};
use super::vault::{HandedKeys, Lock, Vault};
use super::{EnvironmentStore, FileStore};
use crate::cloud::Clouds;
use crate::config::{Config, Environment, SecretsAt};

/// Largest pass phrase file, in bytes.
const LONGEST_PHRASE: u64 = 1024;
/// Largest file of handed keys, in bytes.
const LONGEST_KEYS: u64 = 64 << 10;

/// Why a pass phrase file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PhraseError {
    /// It can't be read, or others may read it.
    #[error("the pass phrase file {0}")]
    Disk(#[from] DiskError),
    /// It is empty or no text.
    #[error("the pass phrase file is {0}")]
    Content(&'static str),
}

impl PhraseError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        self.known().code
    }

    /// The code with its meaning and the next step.
    pub fn known(&self) -> &'static Known {
        match self {
            Self::Disk(error) => error.known(),
            Self::Content(_) => StoreCode::PassPhraseFile.known(),
        }
    }
}

/// Opens the store that `HUSHGATE_SECRETS` names.
///
/// # Errors
/// What is wrong, and with which variable.
pub fn open_store(
    config: &Config,
    environment: &Environment,
    clouds: Clouds,
) -> Result<Arc<dyn SecretStore>, Vec<String>> {
    let wrong = |error: String| vec![format!("HUSHGATE_SECRETS: {error}")];
    match &config.secrets {
        SecretsAt::Environment => Ok(Arc::new(EnvironmentStore::new(environment.clone()))),
        SecretsAt::File(path) => match FileStore::open(path) {
            Ok(store) => Ok(Arc::new(store)),
            Err(error) => Err(wrong(error.to_string())),
        },
        SecretsAt::Cloud(at) => {
            let store = clouds.secrets(at, environment).map_err(wrong)?;
            Ok(store)
        }
        SecretsAt::Vault(folder) => match open_vault(folder, config) {
            Ok(vault) => Ok(Arc::new(vault)),
            Err(problem) => Err(vec![problem]),
        },
    }
}

fn open_vault(folder: &Path, config: &Config) -> Result<Vault, String> {
    let of_vault = |e: super::vault::VaultError| format!("HUSHGATE_SECRETS: {e} ({})", e.code());
    if let Some(given) = &config.vault_keys {
        let keys = handed_keys(given).map_err(|e| format!("HUSHGATE_VAULT_KEYS: {e}"))?;
        return Vault::open_handed(folder, keys).map_err(of_vault);
    }
    let lock = Vault::lock_of(folder).map_err(of_vault)?;
    let Some(path) = &config.vault_pass_phrase_file else {
        return Err(
            "HUSHGATE_SECRETS: the vault is locked; set HUSHGATE_VAULT_KEYS to what `hushgate vault keys` prints, \
             or HUSHGATE_VAULT_PASSPHRASE_FILE"
                .to_owned(),
        );
    };
    if matches!(lock, Lock::Keyring { .. }) {
        return Err(
            "HUSHGATE_VAULT_PASSPHRASE_FILE: the vault's key is in the system's keyring, not made of a pass phrase; \
             set HUSHGATE_VAULT_KEYS to what `hushgate vault keys` prints"
                .to_owned(),
        );
    }
    let phrase = pass_phrase(path).map_err(|e| format!("HUSHGATE_VAULT_PASSPHRASE_FILE: {e}"))?;
    let key = lock
        .stretch(&phrase)
        .ok_or("HUSHGATE_SECRETS: the vault has no pass phrase")?;
    Vault::open(folder, &key).map_err(of_vault)
}

/// The keys that `HUSHGATE_VAULT_KEYS` gives, inline or by path.
///
/// # Errors
/// When the file can't be used or an entry is wrong.
pub fn handed_keys(given: &Secret) -> Result<HandedKeys, String> {
    let text = given.reveal();
    if text.contains('=') {
        return HandedKeys::parse(text).map_err(|e| e.to_string());
    }
    let (bytes, _) =
        disk::read(Path::new(text), LONGEST_KEYS).map_err(|e| format!("the file {e}"))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "the file is not UTF-8 text")?;
    HandedKeys::parse(text).map_err(|e| e.to_string())
}

/// The pass phrase in a file: all of it, without line breaks at its end.
///
/// # Errors
/// When the file is open to others, empty, or not text.
pub fn pass_phrase(path: &Path) -> Result<Secret, PhraseError> {
    let (bytes, _) = disk::read(path, LONGEST_PHRASE)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| PhraseError::Content("not UTF-8 text"))?;
    let phrase = text.trim_end_matches(['\n', '\r']);
    if phrase.is_empty() {
        return Err(PhraseError::Content("empty"));
    }
    Ok(Secret::new(phrase))
}
