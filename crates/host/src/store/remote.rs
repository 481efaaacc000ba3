//! What the secret stores of all clouds have in common.
//!
//! A cloud gives a [`Backend`]: single entries, past every cache. [`RemoteStore`] makes a store of it: it
//! checks names and sizes, remembers what was read for a short time, goes on with that while the service
//! is out of reach, never shows a state older than what this process knows, and saves a connection whole
//! or not at all.

use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::{Locked, PortFuture, Secret, SecretStore, StoreError};

use super::admin::{AdminStore, Change, SaveError, entry};
use super::vault::{compartment_of, is_connection_id};

mod memory;
mod save;
#[cfg(test)]
mod tests;

use memory::Memory;

/// What the names of locks end with.
pub const LOCK_SUFFIX: &str = ".lock";

/// Single entries of a cloud's secret store, read and written past every cache.
///
/// Names are those of [`SecretStore`], checked already; those of locks end with [`LOCK_SUFFIX`].
pub trait Backend: Send + Sync + 'static {
    /// Reads one entry.
    fn get<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Entry>, StoreError>>;

    /// Writes one entry; `Ok(None)` when it was to be new and is there already.
    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a Secret,
        how: Write,
    ) -> PortFuture<'a, Result<Option<Version>, StoreError>>;

    /// Takes an entry away; fine when there is none.
    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>>;

    /// The names that begin with `prefix`, locks included, in any order.
    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Result<Vec<String>, StoreError>>;

    /// As [`SecretStore::lock`].
    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>>;

    /// As [`SecretStore::lock_doubt`].
    fn lock_doubt(&self) -> Duration {
        Duration::ZERO
    }

    /// As [`SecretStore::unlock`].
    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>>;

    /// Most bytes of a value.
    fn largest(&self) -> usize;
}

/// What a service answers for an entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Its value.
    pub value: Secret,
    /// Which one of its values it is.
    pub version: Version,
}

/// Which one of an entry's values a service answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// Counted up by the service at every write.
    Number(i64),
    /// A name, in no order.
    Id(String),
}

/// What happens to an entry that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It is replaced.
    Any,
    /// It stays, and nothing is written.
    OnlyNew,
}

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
}

impl RemoteStore {
    /// A store over this service.
    pub fn new(backend: impl Backend) -> Self {
        Self::with_ages(backend, Ages::default())
    }

    /// A store that uses what it read for other times than the standard ones.
    pub fn with_ages(backend: impl Backend, ages: Ages) -> Self {
        Self(Arc::new(Inner {
            backend: Box::new(backend),
            memory: Memory::new(ages),
        }))
    }
}

impl Inner {
    async fn fetch(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let found = self.backend.get(name).await?;
        Ok(self.memory.answered(name, found))
    }

    async fn read(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        check_name(name)?;
        if let Some(value) = self.memory.fresh(name) {
            return Ok(Some(value));
        }
        let fetched = self.fetch(name).await;
        if let Err(error @ StoreError::Unavailable(_)) = &fetched
            && let Some(value) = self.memory.stale(name)
        {
            tracing::warn!(secret = name, %error, "a value that was read before is used meanwhile");
            return Ok(Some(value));
        }
        fetched
    }

    async fn write(&self, name: &str, value: &Secret) -> Result<(), StoreError> {
        check_name(name)?;
        self.check_value(name, value)?;
        match self.backend.put(name, value, Write::Any).await {
            Ok(version) => {
                self.memory.wrote(name, value, version);
                Ok(())
            }
            Err(error) => {
                // It may have been written.
                self.memory.doubt(name);
                Err(error)
            }
        }
    }

    async fn remove(&self, name: &str) -> Result<(), StoreError> {
        check_name(name)?;
        let removed = self.backend.delete(name).await;
        match &removed {
            Ok(()) => self.memory.removed(name),
            Err(_) => self.memory.doubt(name),
        }
        removed
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
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(self.0.read(name))
    }

    fn read_newest<'a>(
        &'a self,
        name: &'a str,
    ) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            check_name(name)?;
            self.0.fetch(name).await
        })
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.0.write(name, &value).await })
    }

    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(self.0.remove(name))
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
        Box::pin(async move {
            let names = self.0.backend.list("connections/").await?;
            let mut ids: Vec<String> = names
                .iter()
                .filter(|name| !name.ends_with(LOCK_SUFFIX))
                .filter_map(|name| name.strip_prefix("connections/")?.split_once('/'))
                .map(|(id, _)| id.to_owned())
                .filter(|id| is_connection_id(id))
                .collect();
            ids.sort();
            ids.dedup();
            Ok(ids)
        })
    }

    fn save<'a>(
        &'a self,
        id: &'a str,
        is_new: bool,
        changes: Vec<Change>,
    ) -> PortFuture<'a, Result<(), SaveError>> {
        Box::pin(self.0.save(id, is_new, changes))
    }

    fn forget<'a>(&'a self, id: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let names = self.0.backend.list(&entry(id, "")).await?;
            // The entry that makes it a connection goes last: until then it is listed and can be
            // forgotten again.
            let declares = |name: &String| name.ends_with("/connection");
            let (last, mut first): (Vec<_>, Vec<_>) = names.into_iter().partition(declares);
            // Whoever gets the lock next is to find nothing that an exchange could use.
            first.sort_by_key(|name| name.ends_with(LOCK_SUFFIX));
            for name in first.iter().chain(&last) {
                self.0.backend.delete(name).await?;
                self.0.memory.removed(name);
            }
            Ok(())
        })
    }

    fn settle(&self) -> Duration {
        self.0.memory.settle()
    }
}
