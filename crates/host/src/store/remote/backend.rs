//! What a cloud's service gives to a store: single entries, past every cache.

use std::time::Duration;

use hushgate_gateway::ports::{Locked, PortFuture, Secret, StoreError};

/// What the names of locks end with.
pub const LOCK_SUFFIX: &str = ".lock";

/// Single entries of a cloud's secret store, read and written past every cache.
///
/// Names are those of [`SecretStore`](hushgate_gateway::ports::SecretStore), checked already; those of
/// locks end with [`LOCK_SUFFIX`]. What has a standard here is for services of which more has to be known.
pub trait Backend: Send + Sync + 'static {
    /// As [`SecretStore::whole_name`](hushgate_gateway::ports::SecretStore::whole_name).
    fn whole_name(&self, name: &str) -> String;

    /// As [`SecretStore::permission`](hushgate_gateway::ports::SecretStore::permission).
    fn permission(&self, name: &str) -> String;

    /// Reads one entry.
    fn get<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Entry>, StoreError>>;

    /// Reads one entry, of which this process knows a version already: for services that tell what is
    /// newest late, unless they are asked for what follows a version.
    fn look<'a>(
        &'a self,
        name: &'a str,
        known: Option<Version>,
        care: Care,
    ) -> PortFuture<'a, Result<Found, StoreError>> {
        let _ = (known, care);
        Box::pin(async move { Ok(self.get(name).await?.into()) })
    }

    /// Whether [`Backend::look`] never answers with a state before the one that was known at the question.
    /// It is believed at once then, also when there is nothing, or a lower number: the entry was made anew.
    fn is_exact(&self) -> bool {
        false
    }

    /// Makes what has to be there before the entry can have a value, for those who may write it and not
    /// make it; says whether anything was made.
    fn prepare<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<bool, StoreError>> {
        let _ = name;
        Box::pin(async { Ok(false) })
    }

    /// Writes one entry; `Ok(None)` when it was to be new and is there already.
    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a Secret,
        how: Write,
    ) -> PortFuture<'a, Result<Option<Version>, StoreError>>;

    /// Takes an entry's value away, and leaves what was [prepared](Backend::prepare) for it. Gives the
    /// version that says so, where there is one.
    fn clear<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Version>, StoreError>> {
        Box::pin(async move { self.delete(name).await.map(|()| None) })
    }

    /// Takes an entry away, with all that belongs to it; fine when there is none.
    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>>;

    /// Whether an entry that can't be read was taken away, and is there only until the service has done so.
    fn is_leaving<'a>(&'a self, name: &'a str) -> PortFuture<'a, bool> {
        let _ = name;
        Box::pin(async { false })
    }

    /// The names that begin with `prefix`, locks included, in any order. What was written a moment ago may
    /// be missing, and what is gone may be there.
    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Result<Vec<String>, StoreError>>;

    /// As [`SecretStore::lock`](hushgate_gateway::ports::SecretStore::lock).
    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>>;

    /// As [`SecretStore::lock_doubt`](hushgate_gateway::ports::SecretStore::lock_doubt).
    fn lock_doubt(&self) -> Duration {
        Duration::ZERO
    }

    /// As [`SecretStore::unlock`](hushgate_gateway::ports::SecretStore::unlock).
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

/// What a service answers for an entry, which may have no value.
#[derive(Debug, Clone)]
pub struct Found {
    /// Its value; none when there is none.
    pub value: Option<Secret>,
    /// Which one of its values it is; a version may also say that there is none.
    pub version: Option<Version>,
}

impl From<Option<Entry>> for Found {
    fn from(entry: Option<Entry>) -> Self {
        let (value, version) = entry.map(|e| (e.value, e.version)).unzip();
        Self { value, version }
    }
}

/// Which one of an entry's values a service answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// Counted up by the service at every write.
    Number(i64),
    /// A name, in no order.
    Id(String),
}

/// How new an answer has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Care {
    /// Nothing older than what is known; what one question tells will do.
    Quick,
    /// What is told was the newest at some time after the question.
    Exact,
}

/// What happens to an entry that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// It is replaced.
    Any,
    /// It stays, and nothing is written.
    OnlyNew,
}
