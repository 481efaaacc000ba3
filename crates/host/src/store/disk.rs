//! Files of secrets on disk: closed to others, replaced in one step, one writer at a time.

use std::fs::{File, Metadata, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hushgate_gateway::codes::Known;
use zeroize::Zeroizing;

use super::code::StoreCode;

/// How long a writer waits for another one.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it waits before it looks again.
const PAUSE: Duration = Duration::from_millis(5);

/// Why a file of secrets can't be used. Never carries a value.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It can't be opened, read or written.
    #[error("can't be {0}: {1}")]
    Io(&'static str, ErrorKind),
    /// Others than the owner may use it.
    #[error("is open to other users (mode {mode:o}); run `chmod {wanted:o}` on it")]
    Open {
        /// Its permissions.
        mode: u32,
        /// What they should be.
        wanted: u32,
    },
    /// It is not a regular file, or not a folder.
    #[error("is not a {0}")]
    WrongKind(&'static str),
    /// It has too many bytes.
    #[error("has more than {0} bytes")]
    TooLarge(u64),
    /// Another process writes for too long.
    #[error("is kept busy by another process; is one stopped in the middle of writing?")]
    Busy,
}

impl DiskError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        self.known().code
    }

    /// The code with its meaning and the next step.
    pub fn known(&self) -> &'static Known {
        match self {
            Self::Io(..) => StoreCode::Io.known(),
            Self::Open { .. } => StoreCode::OpenToOthers.known(),
            Self::WrongKind(_) => StoreCode::WrongKind.known(),
            Self::TooLarge(_) => StoreCode::TooLarge.known(),
            Self::Busy => StoreCode::Busy.known(),
        }
    }

    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Io(_, ErrorKind::NotFound))
    }

    fn reading(error: &std::io::Error) -> Self {
        Self::Io("read", error.kind())
    }

    fn writing(error: &std::io::Error) -> Self {
        Self::Io("written", error.kind())
    }
}

/// What tells that a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
    size: u64,
}

impl Stamp {
    /// The stamp of the file that stands at `path` now.
    pub(super) fn of(path: &Path) -> Result<Self, DiskError> {
        let metadata = std::fs::metadata(path).map_err(|e| DiskError::reading(&e))?;
        Ok(Self::from(&metadata))
    }

    /// Whether the file had no byte.
    pub(super) fn is_of_nothing(&self) -> bool {
        self.size == 0
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
            size: metadata.size(),
        }
    }
}

/// Reads a regular file that is closed to others, of at most `largest` bytes.
pub(super) fn read(path: &Path, largest: u64) -> Result<(Zeroizing<Vec<u8>>, Stamp), DiskError> {
    let file = File::open(path).map_err(|e| DiskError::reading(&e))?;
    // Asked of the opened file, so that it can't be exchanged between check and reading.
    let metadata = file.metadata().map_err(|e| DiskError::reading(&e))?;
    if !metadata.is_file() {
        return Err(DiskError::WrongKind("regular file"));
    }
    closed(&metadata, 0o600)?;
    let size = usize::try_from(metadata.size().min(largest)).unwrap_or(0);
    // With room for all from the start, so that no copy of a secret is left behind by growing.
    let mut bytes = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(largest + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| DiskError::reading(&e))?;
    if bytes.len() as u64 > largest {
        return Err(DiskError::TooLarge(largest));
    }
    Ok((bytes, Stamp::from(&metadata)))
}

/// Checks that `path` is a folder that only its owner can enter.
pub(super) fn closed_folder(path: &Path) -> Result<(), DiskError> {
    let metadata = std::fs::metadata(path).map_err(|e| DiskError::reading(&e))?;
    if !metadata.is_dir() {
        return Err(DiskError::WrongKind("folder"));
    }
    closed(&metadata, 0o700)
}

fn closed(metadata: &Metadata, wanted: u32) -> Result<(), DiskError> {
    let mode = metadata.permissions().mode() & 0o7777;
    let others = mode & 0o077;
    if others == 0 {
        Ok(())
    } else {
        Err(DiskError::Open { mode, wanted })
    }
}

/// The right to replace a file, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Guard(File);

impl Guard {
    /// Waits for the right to replace the file at `path` and whatever belongs to it.
    pub(super) fn wait(path: &Path) -> Result<Self, DiskError> {
        let start = Instant::now();
        loop {
            let file = File::open(path).map_err(|e| DiskError::reading(&e))?;
            match file.try_lock() {
                Ok(()) => {
                    let guard = Self(file);
                    if guard.stands(path) {
                        return Ok(guard);
                    }
                }
                Err(TryLockError::WouldBlock) if start.elapsed() > PATIENCE => {
                    return Err(DiskError::Busy);
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(e)) => return Err(DiskError::writing(&e)),
            }
        }
    }

    /// Whether it is of the file that stands at `path` now: the lock of one that was replaced keeps nobody
    /// away. To be asked once more after reading what is to be changed.
    pub(super) fn stands(&self, path: &Path) -> bool {
        let (Ok(held), Ok(there)) = (self.0.metadata(), std::fs::metadata(path)) else {
            return false;
        };
        (held.dev(), held.ino()) == (there.dev(), there.ino())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Closing the file unlocks it too.
        let _ = self.0.unlock();
    }
}

/// Writes a new file beside the old one, flushes it, puts it in place, and flushes the directory: a
/// crash leaves either the old or the new content. The caller holds the [`Guard`], so that the name
/// of the new file is its own. Gives the stamp of what was written, whatever stands there meanwhile.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<Stamp, DiskError> {
    let real = std::fs::canonicalize(path).or_else(|_| absolute(path));
    let real = real.map_err(|e| DiskError::writing(&e))?;
    let directory = real.parent().unwrap_or(Path::new("/"));
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.new"));
    let written = write_flushed(&temporary, bytes)
        .and_then(|metadata| std::fs::rename(&temporary, &real).map(|()| metadata));
    match written {
        Ok(metadata) => flush(directory).map(|()| Stamp::from(&metadata)),
        Err(error) => {
            // The first error counts; a left-over file is closed to others anyway.
            let _ = std::fs::remove_file(&temporary);
            Err(DiskError::writing(&error))
        }
    }
}

/// Writes a file that is not there yet; `false` when there is one, which then stays as it is.
pub(super) fn create(path: &Path, bytes: &[u8]) -> Result<bool, DiskError> {
    let real = absolute(path).map_err(|e| DiskError::writing(&e))?;
    let directory = real.parent().unwrap_or(Path::new("/"));
    let name = real.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.join(format!(".{name}.{}.new", std::process::id()));
    // A link fails where a file stands, a rename would replace it.
    let linked =
        write_flushed(&temporary, bytes).and_then(|_| std::fs::hard_link(&temporary, &real));
    let _ = std::fs::remove_file(&temporary);
    match linked {
        Ok(()) => flush(directory).map(|()| true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(DiskError::writing(&e)),
    }
}

/// Takes a file away for good.
pub(super) fn remove(path: &Path) -> Result<(), DiskError> {
    std::fs::remove_file(path).map_err(|e| DiskError::Io("removed", e.kind()))?;
    flush(path.parent().unwrap_or(Path::new("/")))
}

fn absolute(path: &Path) -> std::io::Result<PathBuf> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let folder = std::fs::canonicalize(parent.unwrap_or(Path::new(".")))?;
    Ok(folder.join(path.file_name().unwrap_or_default()))
}

fn flush(directory: &Path) -> Result<(), DiskError> {
    File::open(directory)
        .and_then(|d| d.sync_all())
        .map_err(|e| DiskError::writing(&e))
}

fn write_flushed(path: &Path, bytes: &[u8]) -> std::io::Result<Metadata> {
    let _ = std::fs::remove_file(path);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    file.metadata()
}
