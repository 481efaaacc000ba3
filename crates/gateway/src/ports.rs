//! What the gateway needs from outside: secrets, objects, queues, time, randomness and tasks.
//!
//! Each port is a trait so that a cloud, a laptop, a test and a simulation give their own.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use zeroize::Zeroizing;

mod memory;
pub mod objects;
pub mod queue;

pub use memory::MemoryStore;
pub use objects::Objects;
pub use queue::Queue;

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
///
/// Connections that several instances share need more than reading: [`SecretStore::write`] and a lock.
/// A store without them works too; then each process obtains its own access tokens.
pub trait SecretStore: Send + Sync {
    /// Reads one secret; `Ok(None)` when the store has no such name. May be cached for a short time.
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>>;

    /// How a message names an entry to those who run the function: its whole name in back quotes, prefix and
    /// all, and where that is, such as "`/hushgate/zoom/CLIENT_ID` in Parameter Store". For the log; callers
    /// never see it.
    fn whole_name(&self, name: &str) -> String {
        format!("`{name}` in the secret store")
    }

    /// What reading an entry takes where the store knows permissions: the permission and what it is on, both in
    /// back quotes, such as "`ssm:GetParameter` on `parameter/hushgate/zoom/CLIENT_ID`". For the log too.
    fn permission(&self, _name: &str) -> Option<String> {
        None
    }

    /// How a message names an entry that is not there: its [whole name](Self::whole_name), and the
    /// [permission](Self::permission) that reading it takes, which its place has to give as well once it is
    /// stored under the right name.
    fn absent_name(&self, name: &str) -> String {
        let whole = self.whole_name(name);
        match self.permission(name) {
            Some(permission) => format!("{whole} (reading it takes {permission})"),
            None => whole,
        }
    }

    /// Reads one secret past every cache. What is returned was current at most two seconds ago.
    fn read_newest<'a>(
        &'a self,
        name: &'a str,
    ) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        self.read(name)
    }

    /// Writes a secret durably: when this returns `Ok`, a crash does not lose it.
    ///
    /// After [`StoreError::Unavailable`] the value may have been written or not.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] when the store can't be written.
    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>>;

    /// Removes a secret; fine when there is none.
    ///
    /// # Errors
    /// [`StoreError::ReadOnly`] when the store can't be written.
    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
    }

    /// Takes the lock of this name for an owner, for a time; creates it only when there is none or
    /// when the other owner's time is over. An owner that holds the lock already keeps it and its
    /// time begins again.
    ///
    /// # Errors
    /// [`StoreError::NoLocks`] when the store has none.
    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        let _ = (name, owner, ttl);
        Box::pin(async { Err(StoreError::NoLocks) })
    }

    /// How long after [`SecretStore::lock`] another owner may have been told `Acquired` as well. An
    /// owner that asks again after this time and is told [`Locked::Kept`] is the only one. Zero for a
    /// lock that is exact.
    fn lock_doubt(&self) -> Duration {
        Duration::ZERO
    }

    /// Gives a lock back; does nothing when it is not this owner's.
    ///
    /// # Errors
    /// [`StoreError::NoLocks`] when the store has none.
    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        let _ = (name, owner);
        Box::pin(async { Err(StoreError::NoLocks) })
    }
}

/// What [`SecretStore::lock`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked {
    /// The lock is the asking owner's now.
    Acquired,
    /// The lock is the asking owner's and was before. A store whose lock is exact may say
    /// [`Locked::Acquired`] instead.
    Kept,
    /// Another owner has it.
    Held,
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
    /// The store has no locks.
    #[error("the secret store has no locks")]
    NoLocks,
    /// The store can't hold this value or name, or holds something that is no text.
    #[error("the secret store can't hold `{name}`: {reason}")]
    Unfit {
        /// The name that was given.
        name: String,
        /// What is wrong, and what is allowed.
        reason: String,
    },
}

/// The identity that the hosting platform vouches for.
pub trait PlatformIdentity: Send + Sync {
    /// A fresh identity token (a JWT) of this function.
    ///
    /// # Errors
    /// When the platform does not give one.
    fn assertion<'a>(
        &'a self,
        request: &'a IdentityRequest<'a>,
    ) -> PortFuture<'a, Result<Secret, PlatformError>>;
}

/// Whom an identity token is for. A platform uses what its service asks for: the metadata server of
/// Google Cloud the audience, the developer identities of Amazon Cognito the client as login (their
/// audience is the identity pool, which the host knows).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdentityRequest<'a> {
    /// The audience that the receiver expects.
    pub audience: &'a str,
    /// The client's id at the receiver; empty when it has none.
    pub client_id: &'a str,
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
    /// A setting is missing that the platform's service needs.
    #[error("setting `{0}` is missing from the configuration; set it")]
    SettingMissing(&'static str),
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

/// The passing of time, injected so that waiting is testable.
pub trait Timer: Send + Sync {
    /// Time since some fixed moment; never goes back, whatever happens to the wall clock.
    fn monotonic(&self) -> Duration;

    /// Ends after this time.
    fn sleep(&self, time: Duration) -> PortFuture<'static, ()>;
}

/// The timer of the tokio runtime.
#[derive(Debug, Clone, Copy)]
pub struct TokioTimer(tokio::time::Instant);

impl Default for TokioTimer {
    fn default() -> Self {
        Self(tokio::time::Instant::now())
    }
}

impl Timer for TokioTimer {
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> PortFuture<'static, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Random numbers, injected so that a simulation can be repeated.
pub trait Random: Send + Sync {
    /// A number, evenly distributed and unpredictable.
    fn number(&self) -> u128;

    /// A duration from `least` to `most`, both included, in milliseconds.
    fn between(&self, least: Duration, most: Duration) -> Duration {
        let (low, high) = (least.as_millis(), most.as_millis());
        let width = high.saturating_sub(low).saturating_add(1);
        let millis = low.saturating_add(self.number() % width);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}

/// The machine's random numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn number(&self) -> u128 {
        let mut bytes = [0; 16];
        // Without randomness the spreading is lost, and a token id repeats, which the endpoint refuses.
        let _ = aws_lc_rs::rand::fill(&mut bytes);
        u128::from_be_bytes(bytes)
    }
}

/// Where work goes on that must not end when its caller goes away.
pub trait Tasks: Send + Sync {
    /// Starts a task; nobody waits for it.
    fn spawn(&self, task: PortFuture<'static, ()>);
}

/// Tasks of the tokio runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioTasks;

impl Tasks for TokioTasks {
    fn spawn(&self, task: PortFuture<'static, ()>) {
        tokio::spawn(task);
    }
}
