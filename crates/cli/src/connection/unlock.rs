//! Opening the vault for a person: by keyring, pass phrase file, or a question in the terminal.

use std::path::Path;

use hushgate_gateway::ports::Secret;
use hushgate_host::config::Config;
use hushgate_host::store::pass_phrase;
use hushgate_host::store::vault::{HandedKeys, Key, Lock, Vault};

use super::code::Code;
use super::failure::Failure;
use super::keyring;
use crate::prompt;

/// Opens the vault in a folder: in part with handed keys if the configuration has some, else whole.
///
/// # Errors
/// When it can't be opened; what to do is in the failure.
pub fn open(folder: &Path, config: &Config) -> Result<Vault, Failure> {
    if let Some(keys) = &config.vault_keys {
        return Ok(Vault::open_handed(folder, handed(keys)?)?);
    }
    open_whole(folder, config)
}

/// Opens the whole vault in a folder.
///
/// # Errors
/// When it can't be opened; what to do is in the failure.
pub fn open_whole(folder: &Path, config: &Config) -> Result<Vault, Failure> {
    let lock = Vault::lock_of(folder)?;
    let key = match &lock {
        Lock::Keyring { id } => keyring::lookup(id)?,
        Lock::PassPhrase { .. } => {
            let phrase = match &config.vault_pass_phrase_file {
                Some(path) => phrase_of(path)?,
                None => ask_phrase("Pass phrase of the vault: ")?,
            };
            stretch(&lock, &phrase)?
        }
    };
    Ok(Vault::open(folder, &key)?)
}

/// The key of a pass phrase.
///
/// # Errors
/// When the lock has none.
pub fn stretch(lock: &Lock, phrase: &Secret) -> Result<Key, Failure> {
    lock.stretch(phrase)
        .ok_or_else(|| Failure::new(Code::NoPassPhrase, "the vault has no pass phrase"))
}

/// The pass phrase in a file.
///
/// # Errors
/// When the file can't be used.
pub fn phrase_of(path: &Path) -> Result<Secret, Failure> {
    pass_phrase(path)
        .map_err(|e| Failure::new(e.known(), format!("HUSHGATE_VAULT_PASSPHRASE_FILE: {e}")))
}

/// Asks for a pass phrase.
///
/// # Errors
/// Without a terminal.
pub fn ask_phrase(question: &str) -> Result<Secret, Failure> {
    prompt::secret(question).map_err(|e| {
        Failure::new(Code::VaultLocked, format!("the vault is locked: {e}"))
            .next("set HUSHGATE_VAULT_PASSPHRASE_FILE to a file (mode 0600) with its pass phrase")
    })
}

fn handed(given: &Secret) -> Result<HandedKeys, Failure> {
    hushgate_host::store::handed_keys(given)
        .map_err(|e| Failure::new(Code::VaultKeysInvalid, format!("HUSHGATE_VAULT_KEYS: {e}")))
}
