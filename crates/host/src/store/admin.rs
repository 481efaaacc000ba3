//! What setting up connections needs of a store beside reading and writing single secrets.

use std::time::Duration;

use hushgate_gateway::ports::{PortFuture, Secret, SecretStore, StoreError};

/// A change of one entry of a connection: its field, and its new value or none to take it away.
pub type Change = (String, Option<Secret>);

/// A store in which connections are set up.
pub trait AdminStore: SecretStore {
    /// The ids of all connections, in order.
    ///
    /// # Errors
    /// When the store can't be read.
    fn connections(&self) -> PortFuture<'_, Result<Vec<String>, StoreError>>;

    /// Changes entries of one connection, all of them or none.
    ///
    /// # Errors
    /// [`SaveError::Exists`] when `is_new` and the connection has entries already.
    fn save<'a>(
        &'a self,
        id: &'a str,
        is_new: bool,
        changes: Vec<Change>,
    ) -> PortFuture<'a, Result<(), SaveError>>;

    /// Takes all entries of a connection away. It is fine if there are none. `fields` are those that its
    /// sources declare: a store whose lists may lack what was written a moment ago finds them by these.
    ///
    /// # Errors
    /// When the store can't be written, or the connection is there still.
    fn forget<'a>(
        &'a self,
        id: &'a str,
        fields: &'a [String],
    ) -> PortFuture<'a, Result<(), StoreError>>;

    /// How long after a write others may still read what was before; zero where they see it at once.
    /// Whoever writes under a lock keeps the lock for this long.
    fn settle(&self) -> Duration {
        Duration::ZERO
    }
}

/// Why a connection could not be saved. Nothing of it was then.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// There is one of this id.
    #[error("there is a connection `{0}` already")]
    Exists(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The name in the store of a connection's entry.
pub fn entry(id: &str, field: &str) -> String {
    format!("connections/{id}/{field}")
}
