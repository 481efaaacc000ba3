//! Objects in a folder of this machine, and what the objects of all clouds have in common.

mod parts;
pub mod testing;
#[cfg(test)]
mod tests;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream};
use hushgate_gateway::ports::objects::{
    Facts, Head, Listed, Object, ObjectBody, ObjectError, Page, Put, check_head, check_key,
};
use hushgate_gateway::ports::{Objects, PortFuture, Random as _, SystemRandom};
use serde::{Deserialize, Serialize};

pub use parts::Parts;

/// The folder inside the folder for what is not an object: bodies being written, and heads.
const OWN: &str = ".hushgate";
/// Bytes read at once.
const PIECE: usize = 128 << 10;
/// Objects of one page of a list.
const PAGE: usize = 1000;

/// The files below a folder as objects: the key is the path below it.
///
/// Files that others put there are objects too. Heads of written objects are kept in `.hushgate/`, by
/// the file's number in the file system, so that no crash gives an object the head of another. As in
/// any file system a key can't be the beginning of another one up to a slash.
#[derive(Debug, Clone)]
pub struct FolderObjects(Arc<PathBuf>);

/// A head as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_encoding: Option<String>,
    #[serde(default)]
    metadata: std::collections::BTreeMap<String, String>,
}

impl FolderObjects {
    /// The objects in a folder, which must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn open(folder: &Path) -> Result<Self, ObjectError> {
        if !folder.is_dir() {
            return Err(ObjectError::NoBucket(folder.display().to_string()));
        }
        Ok(Self(Arc::new(folder.to_path_buf())))
    }

    fn path(&self, key: &str) -> Result<PathBuf, ObjectError> {
        check_key(key)?;
        if key.split('/').next() == Some(OWN) {
            return Err(ObjectError::Key("`.hushgate/` is kept for other things"));
        }
        Ok(self.0.join(key))
    }

    fn head_path(&self, metadata: &Metadata) -> PathBuf {
        self.0.join(OWN).join(format!("{}.json", metadata.ino()))
    }

    fn facts_of(&self, key: &str, metadata: &Metadata) -> Facts {
        let kept = std::fs::read(self.head_path(metadata)).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let head = kept.filter(|kept| kept.key == key).map(|kept| Head {
            content_type: kept.content_type,
            content_encoding: kept.content_encoding,
            metadata: kept.metadata,
        });
        Facts {
            size: metadata.size(),
            version: version(metadata),
            modified: metadata.modified().ok(),
            head: head.unwrap_or_default(),
        }
    }

    /// The file of a key and its facts; none when there is no regular file.
    fn open_file(&self, key: &str) -> Result<Option<(File, Facts)>, ObjectError> {
        let path = self.path(key)?;
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Ok(None),
            Err(e) if is_missing(&e) => return Ok(None),
            Err(e) => return Err(failed(key, &e)),
        }
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if is_missing(&e) => return Ok(None),
            Err(e) => return Err(failed(key, &e)),
        };
        let metadata = file.metadata().map_err(|e| failed(key, &e))?;
        let facts = self.facts_of(key, &metadata);
        Ok(Some((file, facts)))
    }

    fn begin(&self, key: &str) -> Result<Draft, ObjectError> {
        let own = self.0.join(OWN);
        make_folder(&own).map_err(|e| failed(key, &e))?;
        let path = own.join(format!("{:032x}.part", SystemRandom.number()));
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|e| failed(key, &e))?;
        Ok(Draft { file, path })
    }

    fn finish(
        &self,
        draft: &Draft,
        key: &str,
        head: &Head,
        put: Put,
    ) -> Result<Facts, ObjectError> {
        let path = self.path(key)?;
        let io = |e: std::io::Error| failed(key, &e);
        draft.file.sync_all().map_err(io)?;
        let metadata = draft.file.metadata().map_err(io)?;
        let head_path = self.head_path(&metadata);
        let kept = Kept {
            key: key.to_owned(),
            content_type: head.content_type.clone(),
            content_encoding: head.content_encoding.clone(),
            metadata: head.metadata.clone(),
        };
        let text = serde_json::to_vec(&kept).map_err(|e| failed(key, &e.into()))?;
        std::fs::write(&head_path, text).map_err(io)?;
        let old = std::fs::symlink_metadata(&path)
            .ok()
            .filter(Metadata::is_file);
        if let Err(error) = place(draft, &path, key, put) {
            // The head of what was never there.
            let _ = std::fs::remove_file(&head_path);
            return Err(error);
        }
        if let Some(old) = old.filter(|old| old.ino() != metadata.ino()) {
            let _ = std::fs::remove_file(self.head_path(&old));
        }
        if let Some(parent) = path.parent() {
            File::open(parent).and_then(|f| f.sync_all()).map_err(io)?;
        }
        Ok(Facts {
            size: metadata.size(),
            version: version(&metadata),
            modified: metadata.modified().ok(),
            head: head.clone(),
        })
    }

    fn delete(&self, key: &str) -> Result<(), ObjectError> {
        let path = self.path(key)?;
        let metadata = match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_file() => found,
            Ok(_) => return Ok(()),
            Err(e) if is_missing(&e) => return Ok(()),
            Err(e) => return Err(failed(key, &e)),
        };
        match std::fs::remove_file(&path) {
            Err(e) if !is_missing(&e) => return Err(failed(key, &e)),
            _ => {}
        }
        let _ = std::fs::remove_file(self.head_path(&metadata));
        // A folder left empty would keep its name from being a key.
        let mut above = path.parent();
        while let Some(folder) = above.filter(|f| *f != self.0.as_path()) {
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
            above = folder.parent();
        }
        Ok(())
    }

    fn page(&self, prefix: &str, after: Option<&str>) -> Result<Page, ObjectError> {
        let mut found = Vec::new();
        collect(&self.0, "", prefix, &mut found)?;
        found.sort_by(|a, b| a.key.cmp(&b.key));
        let from = found.partition_point(|o| after.is_some_and(|after| o.key.as_str() <= after));
        let mut objects = found.split_off(from);
        let more = (objects.len() > PAGE).then(|| objects.get(PAGE - 1).map(|o| o.key.clone()));
        objects.truncate(PAGE);
        Ok(Page {
            objects,
            more: more.flatten(),
        })
    }
}

/// The objects below a folder whose keys may begin with the prefix.
fn collect(
    folder: &Path,
    key: &str,
    prefix: &str,
    found: &mut Vec<Listed>,
) -> Result<(), ObjectError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        // Taken away meanwhile.
        Err(e) if is_missing(&e) && !key.is_empty() => return Ok(()),
        Err(e) if is_missing(&e) => {
            return Err(ObjectError::NoBucket(folder.display().to_string()));
        }
        Err(e) => return Err(failed(key, &e)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| failed(key, &e))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else {
            tracing::warn!("a file whose name is not UTF-8 is no object");
            continue;
        };
        let below = match key {
            "" if name == OWN => continue,
            "" => name.to_owned(),
            key => format!("{key}/{name}"),
        };
        let kind = entry.file_type().map_err(|e| failed(key, &e))?;
        let folder_key = format!("{below}/");
        if kind.is_dir() && (folder_key.starts_with(prefix) || prefix.starts_with(&folder_key)) {
            collect(&entry.path(), &below, prefix, found)?;
        } else if kind.is_file() && below.starts_with(prefix) {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            found.push(Listed {
                key: below,
                size: metadata.size(),
            });
        }
    }
    Ok(())
}

/// A body being written; taken away again unless it was placed.
struct Draft {
    file: File,
    path: PathBuf,
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Gives a finished body its name.
fn place(draft: &Draft, path: &Path, key: &str, put: Put) -> Result<(), ObjectError> {
    // A folder made here may be taken away by another process that finds it empty.
    for _ in 0..8 {
        if let Some(parent) = path.parent() {
            match make_folder(parent) {
                Ok(()) => {}
                Err(e) if is_missing(&e) => continue,
                Err(e) => return Err(failed(key, &e)),
            }
        }
        let placed = match put {
            Put::Replace => std::fs::rename(&draft.path, path),
            Put::OnlyNew => std::fs::hard_link(&draft.path, path),
        };
        match placed {
            Ok(()) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::AlreadyExists && put == Put::OnlyNew => {
                return Err(ObjectError::Exists(key.to_owned()));
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(failed(key, &e)),
        }
    }
    Err(ObjectError::Unavailable(format!(
        "`{key}`: its folder vanishes again and again"
    )))
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

fn version(metadata: &Metadata) -> String {
    format!(
        "{}-{}-{}-{}",
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.size()
    )
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn failed(key: &str, error: &std::io::Error) -> ObjectError {
    match error.kind() {
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::AlreadyExists => {
            ObjectError::Key("in a folder, a key can't be the beginning of another up to a slash")
        }
        ErrorKind::PermissionDenied => ObjectError::Denied {
            name: key.to_owned(),
            hint: "the file or a folder above it can't be used by this user".to_owned(),
        },
        kind => ObjectError::Unavailable(format!("`{key}`: {kind}")),
    }
}

/// Runs work that waits for the disk where it keeps no other call from going on.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ObjectError> + Send + 'static,
) -> Result<T, ObjectError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        Err(ObjectError::Unavailable(
            "the work was interrupted".to_owned(),
        ))
    })
}

/// The bytes of a file; ends with an error when somebody writes into it meanwhile.
fn body(file: File, facts: Facts, key: String) -> ObjectBody {
    let begin = (file, facts.version, key);
    Box::pin(stream::try_unfold(
        begin,
        |(mut file, version_then, key)| {
            blocking(move || {
                let mut piece = Vec::with_capacity(PIECE);
                let part = (&mut file).take(PIECE as u64).read_to_end(&mut piece);
                part.map_err(|e| failed(&key, &e))?;
                if piece.is_empty() {
                    let now = file.metadata().map_err(|e| failed(&key, &e))?;
                    if version(&now) != version_then {
                        return Err(ObjectError::Changed(key));
                    }
                    return Ok(None);
                }
                Ok(Some((Bytes::from(piece), (file, version_then, key))))
            })
        },
    ))
}

impl Objects for FolderObjects {
    fn read<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<Option<Object>, ObjectError>> {
        let (this, key) = (self.clone(), key.to_owned());
        Box::pin(async move {
            let (found, key) = blocking(move || Ok((this.open_file(&key)?, key))).await?;
            Ok(found.map(|(file, facts)| Object {
                body: body(file, facts.clone(), key),
                facts,
            }))
        })
    }

    fn facts<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<Option<Facts>, ObjectError>> {
        let (this, key) = (self.clone(), key.to_owned());
        Box::pin(blocking(move || {
            Ok(this.open_file(&key)?.map(|(_, facts)| facts))
        }))
    }

    fn write<'a>(
        &'a self,
        key: &'a str,
        head: &'a Head,
        put: Put,
        mut body: ObjectBody,
    ) -> PortFuture<'a, Result<Facts, ObjectError>> {
        let (this, key, head) = (self.clone(), key.to_owned(), head.clone());
        Box::pin(async move {
            self.path(&key)?;
            check_head(&head)?;
            let (at, name) = (this.clone(), key.clone());
            let mut draft = blocking(move || at.begin(&name)).await?;
            while let Some(piece) = body.try_next().await? {
                let name = key.clone();
                draft = blocking(move || {
                    draft
                        .file
                        .write_all(&piece)
                        .map_err(|e| failed(&name, &e))?;
                    Ok(draft)
                })
                .await?;
            }
            blocking(move || this.finish(&draft, &key, &head, put)).await
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Result<Page, ObjectError>> {
        let this = self.clone();
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        Box::pin(blocking(move || this.page(&prefix, after.as_deref())))
    }

    fn remove<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<(), ObjectError>> {
        let (this, key) = (self.clone(), key.to_owned());
        Box::pin(blocking(move || this.delete(&key)))
    }
}
