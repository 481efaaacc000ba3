//! What the secret stores of all clouds have in common.
//!
//! A cloud gives a [`Backend`]: single entries, past every cache. [`RemoteStore`] makes a store of it: it
//! checks names and sizes, remembers what was read for a short time, goes on with that while the service
//! is out of reach, never shows a state older than what this process knows, and saves a connection whole
//! or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::{Locked, PortFuture, Secret, SecretStore, StoreError};

use super::admin::{AdminStore, Change, SaveError};
use super::vault::{compartment_of, is_connection_id};

mod backend;
mod forget;
mod memory;
mod save;
#[cfg(test)]
mod tests;
mod turns;

pub use backend::{Backend, Care, Entry, Found, LOCK_SUFFIX, Version, Write};

use memory::{Memory, Remembered};
use turns::Turns;

/// The field by which a connection is one: made first, and taken away last.
const ARBITER: &str = "connection";

/// How long what was read is used.
#[derive(Debug, Clone, Copy)]
pub struct Ages {
    /// Up to this age, a value is used without asking.
    pub fresh: Duration,
    /// Up to this age, a value is used when the service does not answer.
    pub stale: Duration,
    /// How long after a write the service may still answer with the state before.
    pub settle: Duration,
}

impl Default for Ages {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(15),
            stale: Duration::from_mins(5),
            settle: Duration::from_secs(2),
        }
    }
}

/// A store of secrets over a cloud's service.
#[derive(Clone)]
pub struct RemoteStore(Arc<Inner>);

struct Inner {
    backend: Box<dyn Backend>,
    memory: Memory,
    turns: Turns,
}

impl RemoteStore {
    /// A store over this service.
    pub fn new(backend: impl Backend) -> Self {
        Self::with_ages(backend, Ages::default())
    }

    /// A store that uses what it read for other times than the standard ones.
    pub fn with_ages(backend: impl Backend, ages: Ages) -> Self {
        Self(Arc::new(Inner {
            memory: Memory::new(ages, backend.is_exact()),
            backend: Box::new(backend),
            turns: Turns::default(),
        }))
    }
}

impl Inner {
    /// Asks the service.
    async fn fetch(&self, name: &str, care: Care) -> Result<Option<Secret>, StoreError> {
        let asked = self.memory.now();
        let known = self.memory.version(name);
        let found = self.backend.look(name, known, care).await?;
        Ok(self.memory.answered(name, asked, found))
    }

    async fn read(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        check_name(name)?;
        if let Some(Remembered(found)) = self.memory.at_hand(name) {
            return Ok(found);
        }
        let _turn = self.turns.take(name).await;
        // Whoever had the turn before may have read it.
        if let Some(Remembered(found)) = self.memory.at_hand(name) {
            return Ok(found);
        }
        let fetched = self.fetch(name, Care::Quick).await;
        if let Err(error @ StoreError::Unavailable(_)) = &fetched
            && let Some((Remembered(found), is_first)) = self.memory.unreached(name)
        {
            if is_first {
                tracing::warn!(secret = name, %error, "what was read before is used meanwhile");
            }
            return Ok(found);
        }
        fetched
    }

    async fn write(&self, name: &str, value: &Secret) -> Result<(), StoreError> {
        check_name(name)?;
        self.check_value(name, value)?;
        self.put(name, value, Write::Any).await.map(drop)
    }

    /// Writes an entry; false when it was to be new and is there already.
    async fn put(&self, name: &str, value: &Secret, how: Write) -> Result<bool, StoreError> {
        let begun = self.memory.now();
        // Whoever waits may go away before the answer.
        self.memory.doubt(name);
        let written = self.backend.put(name, value, how).await;
        match &written {
            Ok(None) if how == Write::OnlyNew => return Ok(false),
            Ok(version) => self.memory.wrote(name, begun, value, version.clone()),
            // It may have been written.
            Err(_) => self.memory.doubt(name),
        }
        written.map(|_| true)
    }

    /// Takes an entry away, a lock too.
    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.memory.doubt(name);
        let deleted = self.backend.delete(name).await;
        self.gone(name, deleted.map(|()| None))
    }

    /// Takes an entry's value away, and leaves what was prepared for it.
    async fn clear(&self, name: &str) -> Result<(), StoreError> {
        self.memory.doubt(name);
        let cleared = self.backend.clear(name).await;
        self.gone(name, cleared)
    }

    fn gone(
        &self,
        name: &str,
        gone: Result<Option<Version>, StoreError>,
    ) -> Result<(), StoreError> {
        match gone {
            Ok(version) => self.memory.removed(name, version),
            Err(error) => {
                // It may be.
                self.memory.doubt(name);
                return Err(error);
            }
        }
        Ok(())
    }

    /// The newest value of an entry, for who sets a connection up: none too of one that is being deleted.
    async fn present(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        match self.fetch(name, Care::Exact).await {
            Err(StoreError::Unfit { .. }) if self.backend.is_leaving(name).await => Ok(None),
            fetched => fetched,
        }
    }

    /// Whether one of these entries has a value; locks have none. Each is asked for: a list may name what
    /// is gone.
    async fn has_value(&self, mut names: Vec<String>) -> Result<bool, StoreError> {
        names.retain(|name| !name.ends_with(LOCK_SUFFIX));
        names.sort_by_key(|name| !declares(name));
        for name in &names {
            if self.present(name).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn connections(&self) -> Result<Vec<String>, StoreError> {
        let mut by_id: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.backend.list("connections/").await? {
            let parts = name.strip_prefix("connections/");
            let parts = parts.and_then(|name| name.split_once('/'));
            if let Some((id, _)) = parts.filter(|(id, _)| is_connection_id(id)) {
                by_id.entry(id.to_owned()).or_default().push(name);
            }
        }
        let mut ids = Vec::with_capacity(by_id.len());
        for (id, names) in by_id {
            if self.has_value(names).await? {
                ids.push(id);
            }
        }
        Ok(ids)
    }

    fn check_value(&self, name: &str, value: &Secret) -> Result<(), StoreError> {
        let (bytes, most) = (value.reveal().len(), self.backend.largest());
        let unfit = |reason: String| {
            Err(StoreError::Unfit {
                name: name.to_owned(),
                reason,
            })
        };
        match bytes {
            0 => unfit("an empty value can't be stored".to_owned()),
            _ if bytes > most => unfit(format!(
                "its value has {bytes} bytes and the service takes at most {most}"
            )),
            _ => Ok(()),
        }
    }
}

/// Whether an entry is the one that makes a connection one.
fn declares(name: &str) -> bool {
    name.rsplit('/').next() == Some(ARBITER)
}

/// Takes the names that every service can hold.
///
/// # Errors
/// [`StoreError::Unfit`] for others.
pub fn check_name(name: &str) -> Result<(), StoreError> {
    let dots = name.split('/').any(|part| part.bytes().all(|b| b == b'.'));
    if compartment_of(name).is_err() || dots || name.ends_with(LOCK_SUFFIX) {
        return Err(StoreError::Unfit {
            name: name.chars().take(128).filter(|c| !c.is_control()).collect(),
            reason:
                "a name is `NAME` or `connections/ID/NAME`, of letters, digits, `_`, `-` and `.`, \
                     and does not end with `.lock`"
                    .to_owned(),
        });
    }
    Ok(())
}

fn lock_name(name: &str) -> Result<String, StoreError> {
    check_name(name)?;
    Ok(format!("{name}{LOCK_SUFFIX}"))
}

impl SecretStore for RemoteStore {
    fn whole_name(&self, name: &str) -> String {
        self.0.backend.whole_name(name)
    }

    fn permission(&self, name: &str) -> Option<String> {
        Some(self.0.backend.permission(name))
    }

    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(self.0.read(name))
    }

    fn read_newest<'a>(
        &'a self,
        name: &'a str,
    ) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            check_name(name)?;
            self.0.fetch(name, Care::Exact).await
        })
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.0.write(name, &value).await })
    }

    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            check_name(name)?;
            self.0.delete(name).await
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move { self.0.backend.lock(&lock_name(name)?, owner, ttl).await })
    }

    fn lock_doubt(&self) -> Duration {
        self.0.backend.lock_doubt()
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.0.backend.unlock(&lock_name(name)?, owner).await })
    }
}

impl AdminStore for RemoteStore {
    fn connections(&self) -> PortFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(self.0.connections())
    }

    fn save<'a>(
        &'a self,
        id: &'a str,
        is_new: bool,
        changes: Vec<Change>,
    ) -> PortFuture<'a, Result<(), SaveError>> {
        Box::pin(self.0.save(id, is_new, changes))
    }

    fn forget<'a>(
        &'a self,
        id: &'a str,
        fields: &'a [String],
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(self.0.forget(id, fields))
    }

    fn settle(&self) -> Duration {
        self.0.memory.settle()
    }
}
