//! A queue in a folder of this machine.

pub mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hushgate_gateway::ports::queue::{
    LONGEST_HOLD, MOST_RECEIVED, Message, QueueError, Receipt, Received, check_messages,
};
use hushgate_gateway::ports::{PortFuture, Queue, Random as _, SystemRandom};
use serde::{Deserialize, Serialize};

/// How long a receiver waits before it looks again.
const PAUSE: Duration = Duration::from_millis(50);

/// A queue of files, one per message, named `<due>.<id>.<attempt>`.
///
/// A message is due at a time in milliseconds since 1970. To take it is to rename it to a later time
/// and the next attempt, which only one of several receivers can do; a receiver that dies leaves it
/// to become due again. So several processes may share the folder, and no crash loses a message.
#[derive(Debug, Clone)]
pub struct FolderQueue(Arc<PathBuf>);

#[derive(Serialize, Deserialize)]
struct Kept {
    body: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

/// The name of a message's file, taken apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    due: u64,
    id: String,
    attempt: u32,
}

impl Name {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let name = Self {
            due: parts.next()?.parse().ok()?,
            id: parts.next().filter(|id| id.len() == 32)?.to_owned(),
            attempt: parts.next()?.parse().ok()?,
        };
        (name.text() == text).then_some(name)
    }

    fn text(&self) -> String {
        format!("{:015}.{}.{}", self.due, self.id, self.attempt)
    }

    fn receipt(&self) -> Receipt {
        Receipt(format!("{}.{}", self.id, self.attempt))
    }
}

impl FolderQueue {
    /// The queue in a folder, which must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn open(folder: &Path) -> Result<Self, QueueError> {
        if !folder.is_dir() {
            return Err(QueueError::NoQueue(folder.display().to_string()));
        }
        Ok(Self(Arc::new(folder.to_path_buf())))
    }

    fn names(&self) -> Result<Vec<Name>, QueueError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.0.as_path()).map_err(|e| self.failed(&e))? {
            let entry = entry.map_err(|e| self.failed(&e))?;
            names.extend(entry.file_name().to_str().and_then(Name::parse));
        }
        names.sort();
        Ok(names)
    }

    fn store(&self, message: &Message) -> Result<(), QueueError> {
        let name = Name {
            due: now(),
            id: format!("{:032x}", SystemRandom.number()),
            attempt: 0,
        };
        let kept = Kept {
            body: message.body.clone(),
            attributes: message.attributes.clone(),
        };
        let text = serde_json::to_vec(&kept).map_err(|e| self.failed(&e.into()))?;
        let draft = self.0.join(format!("{}.part", name.id));
        let written = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(&text).and_then(|()| file.sync_all()))
            .and_then(|()| std::fs::rename(&draft, self.0.join(name.text())));
        written.map_err(|e| {
            let _ = std::fs::remove_file(&draft);
            self.failed(&e)
        })
    }

    fn send_all(&self, messages: &[Message]) -> Result<(), QueueError> {
        check_messages(messages)?;
        for (index, message) in messages.iter().enumerate() {
            if let Err(error) = self.store(message) {
                if index == 0 {
                    return Err(error);
                }
                return Err(QueueError::Partly {
                    unsent: (index..messages.len()).collect(),
                    reason: error.to_string(),
                });
            }
        }
        let synced = File::open(self.0.as_path()).and_then(|f| f.sync_all());
        synced.map_err(|e| self.failed(&e))
    }

    fn take(&self, most: usize, hold: Duration) -> Result<Vec<Received>, QueueError> {
        let mut taken = Vec::new();
        for name in self.names()? {
            if name.due > now() || taken.len() >= most.min(MOST_RECEIVED) {
                break;
            }
            let next = Name {
                due: after(hold),
                attempt: name.attempt.saturating_add(1),
                id: name.id.clone(),
            };
            if !self.rename(&name, &next)? {
                continue;
            }
            let text = std::fs::read(self.0.join(next.text())).map_err(|e| self.failed(&e))?;
            let Ok(kept) = serde_json::from_slice::<Kept>(&text) else {
                tracing::warn!(
                    id = next.id.as_str(),
                    "a file in the queue is no message; put aside"
                );
                let aside = self.0.join(format!("{}.broken", next.id));
                std::fs::rename(self.0.join(next.text()), aside).map_err(|e| self.failed(&e))?;
                continue;
            };
            taken.push(Received {
                message: Message {
                    body: kept.body,
                    attributes: kept.attributes,
                },
                attempt: next.attempt,
                receipt: next.receipt(),
            });
        }
        Ok(taken)
    }

    /// Gives a message another name; false when another receiver did so before.
    fn rename(&self, from: &Name, to: &Name) -> Result<bool, QueueError> {
        match std::fs::rename(self.0.join(from.text()), self.0.join(to.text())) {
            Ok(()) => Ok(true),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(false),
            Err(e) => Err(self.failed(&e)),
        }
    }

    /// The file of this delivery, unless the message is gone or was given to another receiver.
    fn find(&self, receipt: &Receipt) -> Result<Option<Name>, QueueError> {
        let names = self.names()?;
        Ok(names.into_iter().find(|name| name.receipt() == *receipt))
    }

    fn failed(&self, error: &std::io::Error) -> QueueError {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => {
                QueueError::NoQueue(self.0.display().to_string())
            }
            ErrorKind::PermissionDenied => QueueError::Denied {
                name: self.0.display().to_string(),
                hint: "the folder can't be written by this user".to_owned(),
            },
            kind => QueueError::Unavailable(kind.to_string()),
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| u64::try_from(d.as_millis()).unwrap_or(u64::MAX))
}

fn after(time: Duration) -> u64 {
    let time = time.min(LONGEST_HOLD).as_millis();
    now().saturating_add(u64::try_from(time).unwrap_or(u64::MAX))
}

/// Runs work that waits for the disk where it keeps no other call from going on.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, QueueError> + Send + 'static,
) -> Result<T, QueueError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| {
        Err(QueueError::Unavailable(
            "the work was interrupted".to_owned(),
        ))
    })
}

impl Queue for FolderQueue {
    fn send(&self, messages: Vec<Message>) -> PortFuture<'_, Result<(), QueueError>> {
        let this = self.clone();
        Box::pin(blocking(move || this.send_all(&messages)))
    }

    fn receive(
        &self,
        most: usize,
        wait: Duration,
        hold: Duration,
    ) -> PortFuture<'_, Result<Vec<Received>, QueueError>> {
        Box::pin(async move {
            let end = tokio::time::Instant::now() + wait;
            loop {
                let this = self.clone();
                let taken = blocking(move || this.take(most, hold)).await?;
                if !taken.is_empty() || tokio::time::Instant::now() >= end {
                    return Ok(taken);
                }
                tokio::time::sleep(PAUSE).await;
            }
        })
    }

    fn done<'a>(&'a self, receipt: &'a Receipt) -> PortFuture<'a, Result<(), QueueError>> {
        let (this, receipt) = (self.clone(), receipt.clone());
        Box::pin(blocking(move || {
            let Some(name) = this.find(&receipt)? else {
                return Ok(());
            };
            match std::fs::remove_file(this.0.join(name.text())) {
                Err(e) if e.kind() != ErrorKind::NotFound => Err(this.failed(&e)),
                _ => Ok(()),
            }
        }))
    }

    fn hold<'a>(
        &'a self,
        receipt: &'a Receipt,
        time: Duration,
    ) -> PortFuture<'a, Result<(), QueueError>> {
        let (this, receipt) = (self.clone(), receipt.clone());
        Box::pin(blocking(move || {
            let Some(name) = this.find(&receipt)? else {
                return Ok(());
            };
            let mut later = name.clone();
            later.due = after(time);
            this.rename(&name, &later)?;
            Ok(())
        }))
    }
}
