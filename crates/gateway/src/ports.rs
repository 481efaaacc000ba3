//! What the gateway needs from outside: secrets and time.
//!
//! Each port is a trait so that a cloud, a laptop and a test give their own.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

/// A future that a port returns.
pub type PortFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A value that must not be shown: no `Display`, a `Debug` without content, wiped on drop.
///
/// It has no `PartialEq` so that nobody compares secrets in variable time.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret text.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The text itself; call this only where the secret is put to its use.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where client credentials and pseudonym keys are kept.
pub trait SecretStore: Send + Sync {
    /// Reads one secret; `Ok(None)` when the store has no such name.
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>>;

    /// Writes a secret durably: when this returns `Ok`, a crash does not lose it.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] when the store can't be written.
    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>>;
}

/// Why a store could not answer. Never carries a value.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store did not answer, or answered with a failure that may pass.
    #[error("the secret store is unavailable: {0}")]
    Unavailable(String),
    /// The store refused this function.
    #[error("the secret store denied access to `{name}`: {hint}")]
    Denied {
        /// The name that was asked for.
        name: String,
        /// The permission that is missing.
        hint: String,
    },
    /// The store can't be written.
    #[error("the secret store is read-only; `{0}` can't be saved")]
    ReadOnly(String),
}

/// The identity that the hosting platform vouches for.
pub trait PlatformIdentity: Send + Sync {
    /// A fresh identity token (a JWT) of this function for an audience.
    ///
    /// # Errors
    /// When the platform does not give one.
    fn assertion<'a>(&'a self, audience: &'a str) -> PortFuture<'a, Result<Secret, PlatformError>>;
}

/// Why the platform gave no identity token. Never carries a token.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// The platform's service did not answer, or answered with a failure that may pass.
    #[error("the platform's identity service is unavailable: {0}")]
    Unavailable(String),
    /// The platform refused this function.
    #[error("the platform denied the identity token: {0}")]
    Denied(String),
}

/// Wall-clock time, injected so that expiry is testable.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> SystemTime;

    /// The present moment as whole seconds since 1970.
    fn unix_seconds(&self) -> u64 {
        self.now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs())
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// Secrets held in memory: for tests and the demonstration.
#[derive(Debug, Default)]
pub struct MemoryStore(std::sync::Mutex<BTreeMap<String, Secret>>);

impl MemoryStore {
    /// A store with these entries.
    pub fn new<K: Into<String>, V: Into<String>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self(std::sync::Mutex::new(
            entries
                .into_iter()
                .map(|(k, v)| (k.into(), Secret::new(v)))
                .collect(),
        ))
    }

    fn entries(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Secret>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl SecretStore for MemoryStore {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move { Ok(self.entries().get(name).cloned()) })
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.entries().insert(name.to_owned(), value);
            Ok(())
        })
    }
}
