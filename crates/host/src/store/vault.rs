//! The encrypted store of one machine: `vault:FOLDER`.
//!
//! Each connection has a compartment of its own, and so have the deployment's keys: a file sealed
//! with its own data key (AES-256-GCM). The data keys are wrapped with the vault's key, which a pass
//! phrase or the system's keyring opens. A function is handed the data keys of its own compartments
//! only, and can open no other although it sees the folder.
//!
//! Files are replaced in one step by one writer at a time; a crash leaves the old or the new content.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod compartment;
mod error;
mod handed;
mod header;
mod port;
mod seal;
#[cfg(test)]
mod tests;

pub use compartment::{DEPLOYMENT, compartment_of, is_connection_id};
pub use error::VaultError;
pub use handed::{HandedError, HandedKeys};
pub use header::{Lock, ROUNDS};
pub use seal::Key;

use super::disk::{self, DiskError, Guard, Stamp};
use compartment::{DataKey, Entries, connection_of, file_name};
use header::Header;

/// The name of the header's file.
const HEADER: &str = "vault";

/// An open vault, whole or in part. Clones share what was read.
#[derive(Debug, Clone)]
pub struct Vault(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    access: Access,
    held: Mutex<BTreeMap<String, Held>>,
}

#[derive(Debug)]
enum Access {
    /// The vault's key: every compartment, and new ones.
    Whole(Key),
    /// Some compartments.
    Handed(HandedKeys),
}

/// A compartment as it was read last.
#[derive(Debug)]
struct Held {
    entries: Entries,
    stamp: Stamp,
}

/// A compartment that may be written.
struct Opened {
    data: DataKey,
    entries: Entries,
    is_new: bool,
}

/// Whether a change is written.
enum Change<T> {
    Save(T),
    Leave(T),
}

impl Vault {
    /// Makes a vault in a new or empty folder. `with` is the key of the lock.
    ///
    /// # Errors
    /// When the folder is open to others, holds a vault already, or can't be written.
    pub fn create(folder: &Path, lock: Lock, with: &Key) -> Result<Self, VaultError> {
        if !folder.exists() {
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .map_err(|e| VaultError::folder(DiskError::Io("made", e.kind())))?;
        }
        disk::closed_folder(folder).map_err(VaultError::folder)?;
        let key = Key::random()?;
        let header = Header::new(lock, with, &key)?;
        let path = folder.join(HEADER);
        if !disk::create(&path, header.render().as_bytes())
            .map_err(|e| VaultError::file(&path, e))?
        {
            return Err(VaultError::Exists);
        }
        Ok(Self::with(folder, Access::Whole(key)))
    }

    /// What the vault in a folder is locked with.
    ///
    /// # Errors
    /// When there is no vault, or its folder or header can't be used.
    pub fn lock_of(folder: &Path) -> Result<Lock, VaultError> {
        Ok(header(folder)?.lock)
    }

    /// Opens the whole vault with the key of its lock.
    ///
    /// # Errors
    /// When the key is wrong, or folder or header can't be used.
    pub fn open(folder: &Path, with: &Key) -> Result<Self, VaultError> {
        let header = header(folder)?;
        let key = header.unwrap(with).ok_or(match header.lock {
            Lock::PassPhrase { .. } => VaultError::PassPhrase,
            Lock::Keyring { .. } => VaultError::KeyringKey,
        })?;
        Ok(Self::with(folder, Access::Whole(key)))
    }

    /// Opens the compartments whose keys were handed out.
    ///
    /// # Errors
    /// When folder or header can't be used, or a key does not open its compartment.
    pub fn open_handed(folder: &Path, keys: HandedKeys) -> Result<Self, VaultError> {
        header(folder)?;
        let vault = Self::with(folder, Access::Handed(keys));
        if let Access::Handed(keys) = &vault.0.access {
            for compartment in keys.compartments() {
                vault.0.load(compartment)?;
            }
        }
        Ok(vault)
    }

    /// The data keys of these compartments, to be handed to a function.
    ///
    /// The deployment's compartment is made if there is none yet.
    ///
    /// # Errors
    /// When a compartment is missing or damaged, or the vault is not open as a whole.
    pub fn keys_of(&self, compartments: &[String]) -> Result<HandedKeys, VaultError> {
        let mut keys = Vec::new();
        for compartment in compartments {
            if compartment == DEPLOYMENT {
                self.0.change(DEPLOYMENT, |_, is_new| {
                    Ok(if is_new {
                        Change::Save(())
                    } else {
                        Change::Leave(())
                    })
                })?;
            }
            let opened = self.0.opened(compartment)?;
            if opened.is_new {
                return Err(VaultError::Gone(compartment.clone()));
            }
            keys.push((compartment.clone(), opened.data.key));
        }
        Ok(HandedKeys::new(keys))
    }

    /// Locks the vault anew, such as with another pass phrase. Data keys stay as they are.
    ///
    /// # Errors
    /// When the vault is not open as a whole, or the header can't be written.
    pub fn lock_anew(&self, lock: Lock, with: &Key) -> Result<(), VaultError> {
        let Access::Whole(key) = &self.0.access else {
            return Err(VaultError::NotWhole);
        };
        let path = self.0.folder.join(HEADER);
        let written = Guard::wait(&path).map_err(|e| VaultError::file(&path, e))?;
        let header = Header::new(lock, with, key)?;
        disk::replace(&path, header.render().as_bytes()).map_err(|e| VaultError::file(&path, e))?;
        drop(written);
        Ok(())
    }

    fn with(folder: &Path, access: Access) -> Self {
        Self(Arc::new(Inner {
            folder: folder.to_owned(),
            access,
            held: Mutex::default(),
        }))
    }
}

fn header(folder: &Path) -> Result<Header, VaultError> {
    disk::closed_folder(folder).map_err(|e| {
        if e.is_missing() {
            VaultError::NoVault
        } else {
            VaultError::folder(e)
        }
    })?;
    let path = folder.join(HEADER);
    let (bytes, _) = disk::read(&path, header::LARGEST).map_err(|e| {
        if e.is_missing() {
            VaultError::NoVault
        } else {
            VaultError::file(&path, e)
        }
    })?;
    Header::parse(&bytes)
}

impl Inner {
    /// The value of a name, as it was when its file changed last.
    fn read(&self, name: &str) -> Result<Option<hushgate_gateway::ports::Secret>, VaultError> {
        let compartment = compartment_of(name)?;
        let path = self.path(compartment);
        let stamp = match Stamp::of(&path) {
            Ok(stamp) => Some(stamp),
            Err(e) if e.is_missing() => None,
            Err(e) => return Err(VaultError::file(&path, e)),
        };
        {
            let held = self.held();
            if let Some(found) = held.get(compartment)
                && Some(found.stamp) == stamp
            {
                return Ok(found.entries.get(name).cloned());
            }
        }
        self.read_newest(name)
    }

    fn read_newest(
        &self,
        name: &str,
    ) -> Result<Option<hushgate_gateway::ports::Secret>, VaultError> {
        let compartment = compartment_of(name)?;
        let Some((entries, stamp)) = self.load(compartment)? else {
            self.held().remove(compartment);
            return Ok(None);
        };
        let value = entries.get(name).cloned();
        self.held()
            .insert(compartment.to_owned(), Held { entries, stamp });
        Ok(value)
    }

    /// The entries of a compartment; none when it has no file.
    fn load(&self, compartment: &str) -> Result<Option<(Entries, Stamp)>, VaultError> {
        self.may_open(compartment)?;
        disk::closed_folder(&self.folder).map_err(VaultError::folder)?;
        let path = self.path(compartment);
        let (file, stamp) = match disk::read(&path, compartment::LARGEST) {
            Ok(read) => read,
            Err(e) if e.is_missing() => return self.lacks(&path).map(|()| None),
            Err(e) => return Err(VaultError::file(&path, e)),
        };
        let entries = self
            .data_key(compartment, &file)?
            .open(compartment, &file)?;
        Ok(Some((entries, stamp)))
    }

    /// A compartment with its key; a new one when there is no file.
    fn opened(&self, compartment: &str) -> Result<Opened, VaultError> {
        self.may_open(compartment)?;
        let path = self.path(compartment);
        match disk::read(&path, compartment::LARGEST) {
            Ok((file, _)) => {
                let data = self.data_key(compartment, &file)?;
                let entries = data.open(compartment, &file)?;
                Ok(Opened {
                    data,
                    entries,
                    is_new: false,
                })
            }
            Err(e) if e.is_missing() => {
                self.lacks(&path)?;
                match &self.access {
                    Access::Whole(vault) => Ok(Opened {
                        data: DataKey::new(compartment, vault)?,
                        entries: Entries::new(),
                        is_new: true,
                    }),
                    Access::Handed(_) => Err(VaultError::Gone(compartment.to_owned())),
                }
            }
            Err(e) => Err(VaultError::file(&path, e)),
        }
    }

    /// Checks that a file that was not found is none of the vault's: a link that leads nowhere stands for one
    /// that is elsewhere, and a folder without a header is where a vault should be, such as on a volume that
    /// is not there.
    fn lacks(&self, path: &Path) -> Result<(), VaultError> {
        if path.symlink_metadata().is_ok() {
            let nowhere = DiskError::Io("read", ErrorKind::NotFound);
            return Err(VaultError::file(path, nowhere));
        }
        self.is_here()
    }

    /// Checks that there is a vault at all.
    fn is_here(&self) -> Result<(), VaultError> {
        let header = self.folder.join(HEADER);
        match Stamp::of(&header) {
            Ok(_) => Ok(()),
            Err(e) if e.is_missing() => Err(VaultError::NoVault),
            Err(e) => Err(VaultError::file(&header, e)),
        }
    }

    fn may_open(&self, compartment: &str) -> Result<(), VaultError> {
        match &self.access {
            Access::Handed(keys) if keys.get(compartment).is_none() => {
                Err(VaultError::NotHanded(compartment.to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn data_key(&self, compartment: &str, file: &[u8]) -> Result<DataKey, VaultError> {
        match &self.access {
            Access::Whole(vault) => DataKey::of_file(compartment, file, vault),
            Access::Handed(keys) => {
                let key = keys.get(compartment).cloned();
                let key = key.ok_or_else(|| VaultError::NotHanded(compartment.to_owned()))?;
                DataKey::handed(compartment, file, key)
            }
        }
    }

    /// Changes a compartment while no other process writes. Empty compartments of connections vanish.
    fn change<T>(
        &self,
        compartment: &str,
        change: impl FnOnce(&mut Entries, bool) -> Result<Change<T>, VaultError>,
    ) -> Result<T, VaultError> {
        disk::closed_folder(&self.folder).map_err(VaultError::folder)?;
        let header = self.folder.join(HEADER);
        let (guard, mut opened) = loop {
            let guard = Guard::wait(&header).map_err(|e| {
                if e.is_missing() {
                    VaultError::NoVault
                } else {
                    VaultError::file(&header, e)
                }
            })?;
            let opened = self.opened(compartment)?;
            if guard.stands(&header) {
                break (guard, opened);
            }
        };
        let result = match change(&mut opened.entries, opened.is_new)? {
            Change::Leave(result) => return Ok(result),
            Change::Save(result) => result,
        };
        let path = self.path(compartment);
        let written = if opened.entries.is_empty() && compartment != DEPLOYMENT {
            if opened.is_new {
                Ok(())
            } else {
                disk::remove(&path)
            }
        } else {
            let file = opened.data.seal(compartment, &opened.entries)?;
            disk::replace(&path, &file).map(drop)
        };
        // Read again at the next use, by the new stamp.
        self.held().remove(compartment);
        drop(guard);
        written.map_err(|e| VaultError::file(&path, e))?;
        Ok(result)
    }

    /// The ids of all connections, in order.
    fn connections(&self) -> Result<Vec<String>, VaultError> {
        let failed = |e: std::io::Error| VaultError::folder(DiskError::Io("read", e.kind()));
        disk::closed_folder(&self.folder).map_err(VaultError::folder)?;
        let mut ids = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            ids.extend(name.to_str().and_then(connection_of).map(str::to_owned));
        }
        if ids.is_empty() {
            self.is_here()?;
        }
        ids.sort();
        Ok(ids)
    }

    fn path(&self, compartment: &str) -> PathBuf {
        self.folder.join(file_name(compartment))
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
