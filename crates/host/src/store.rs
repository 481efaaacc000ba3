//! Secret stores: those of one machine (the environment, a file, an encrypted vault), what the stores
//! of clouds have in common, and opening any.

mod admin;
mod code;
mod disk;
mod file;
pub mod lock_entry;
mod open;
pub mod remote;
pub mod testing;
#[cfg(test)]
mod tests;
pub mod vault;
mod view;

use hushgate_gateway::ports::{PortFuture, Secret, SecretStore, StoreError};

use crate::config::Environment;

pub use admin::{AdminStore, Change, SaveError, entry};
pub use code::CODES;
pub use disk::DiskError;
pub use file::{FileError, FileStore};

pub use open::{PhraseError, handed_keys, open_store, pass_phrase};
pub use vault::Vault;
pub use view::ConnectionView;

/// Secrets in environment variables of their own names. Can't be written.
pub struct EnvironmentStore(Environment);

impl EnvironmentStore {
    /// A store over these variables.
    pub fn new(environment: Environment) -> Self {
        Self(environment)
    }
}

impl SecretStore for EnvironmentStore {
    fn whole_name(&self, name: &str) -> String {
        format!("`{name}` in the environment")
    }

    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        let found = self.0.get(name).filter(|v| !v.is_empty()).map(Secret::new);
        Box::pin(async move { Ok(found) })
    }

    fn write<'a>(&'a self, name: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
    }
}

/// Runs work that waits for the disk where it keeps no other call from going on.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| StoreError::Unavailable("the work on a file was interrupted".to_owned()))
}
