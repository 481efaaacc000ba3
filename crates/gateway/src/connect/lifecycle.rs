//! The life of one connection's access token: kept in memory, shared through the store, renewed once
//! for all instances, and no refresh token lost on the way.
//!
//! A [`Keeper`] does this over ports alone: the store, the exchange, time, randomness and tasks are
//! given to it. So the simulation in `tests/lifecycle` drives the very code that serves requests.
//! The steps and the argument for them are in `docs/connections.md`.

use std::sync::Arc;
use std::time::Duration;

use super::fault::ConnectFault;
use crate::ports::{Clock, PortFuture, Random, Secret, SecretStore, Tasks, Timer};

mod alone;
mod choice;
mod desk;
mod entries;
mod flight;
mod journal;
mod keeper;
mod memory;
mod print;
mod save;
mod shared;
mod still;
mod turn;
mod witness;

pub use journal::{Intent, Journal, JournalError, Refused, Stored, Wait};
pub use keeper::Keeper;
pub use print::Print;

/// The entry of the store with the journal: the shared access token and how far an exchange came.
pub const JOURNAL_ENTRY: &str = "ACCESS_TOKEN";
/// The lock under which instances exchange.
pub const LOCK_ENTRY: &str = "OAUTH_REFRESH_TOKEN";

/// How a credential is made. A port, so that a simulation can answer instead.
pub trait Exchange: Send + Sync + 'static {
    /// What a request is given.
    type Credential: Clone + Send + Sync + 'static;

    /// Makes one exchange; with this refresh token where the grant uses one.
    fn exchange(&self, refresh: Option<Secret>) -> PortFuture<'_, Answer>;

    /// Makes the credential: of an access token, or of fields alone when there is no exchange.
    fn dress<'a>(
        &'a self,
        token: Option<&'a Secret>,
    ) -> PortFuture<'a, Result<Self::Credential, ConnectFault>>;

    /// The print of a credential: of its access token, or one of its own when made of fields alone.
    fn print(&self, credential: &Self::Credential) -> Print;

    /// Whether both stand for the same secret.
    fn is_same(&self, one: &Self::Credential, other: &Self::Credential) -> bool;
}

/// What an exchange gave. A refresh token is in it even when the rest of the answer is unusable.
#[derive(Debug)]
pub struct Answer {
    /// The access token, or why there is none.
    pub access: Result<Access, ConnectFault>,
    /// The refresh token of the answer.
    pub refresh: Option<Secret>,
}

/// An access token.
#[derive(Debug, Clone)]
pub struct Access {
    /// The token.
    pub token: Secret,
    /// From now; none when the answer does not say.
    pub lifetime: Option<Duration>,
}

/// A credential with the print of what it was made of, by which it is told from its successor.
#[derive(Debug, Clone)]
pub struct Lease<C> {
    /// What a request is given.
    pub credential: C,
    /// The print of the access token, or of the fields.
    pub print: Print,
}

/// What a connection's credential is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Material {
    /// Fields alone; nothing expires.
    Fields,
    /// An exchange that can be made at any time.
    Exchange,
    /// An exchange of a refresh token that never changes.
    ConstantRefreshToken,
    /// An exchange of a refresh token that an answer may replace.
    RefreshToken,
}

/// How a connection is kept.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The source, for the log.
    pub source: String,
    /// What the credential is made of.
    pub material: Material,
    /// Whether instances share the access token through the store.
    pub shared: bool,
    /// The least and most time before the end at which a token is renewed.
    pub margin: (Duration, Duration),
    /// How long an access token lives when the answer does not say.
    pub default_lifetime: Duration,
    /// The entry with the refresh token.
    pub refresh_entry: String,
}

/// What a keeper works with.
pub struct KeeperParts<X: Exchange> {
    /// Where the refresh token, the journal and the lock are.
    pub store: Arc<dyn SecretStore>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// The passing of time.
    pub timer: Arc<dyn Timer>,
    /// Random numbers.
    pub random: Arc<dyn Random>,
    /// Where work goes on that must not end with its caller.
    pub tasks: Arc<dyn Tasks>,
    /// How a credential is made.
    pub exchange: X,
}

/// The spans of the protocol. Their relations are argued in `docs/connections.md`.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// The time to live of the lock where a refresh token is at stake.
    pub lock: Duration,
    /// The same where an exchange can simply be made again.
    pub light_lock: Duration,
    /// How long a lock is kept after the last write: the store's staleness is shorter.
    pub settle: Duration,
    /// How long a request waits for others.
    pub patience: Duration,
    /// The most time for one call to the store.
    pub call: Duration,
    /// The most time for one exchange.
    pub exchange: Duration,
    /// How far the clocks of instances may be apart.
    pub skew: Duration,
    /// How long another's pending exchange must be seen, unchanged, before it counts as abandoned.
    pub watch: Duration,
    /// The most time between two looks that counts as seen.
    pub gap: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            lock: Duration::from_mins(2),
            light_lock: Duration::from_secs(45),
            settle: Duration::from_secs(2),
            patience: Duration::from_secs(2),
            call: Duration::from_secs(5),
            exchange: Duration::from_secs(30),
            skew: Duration::from_secs(15),
            watch: Duration::from_secs(30),
            gap: Duration::from_secs(5),
        }
    }
}
