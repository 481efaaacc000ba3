//! Secret stores of one machine: the environment and a file.

mod file;
#[cfg(test)]
mod tests;

use hushgate_gateway::ports::{PortFuture, Secret, SecretStore, StoreError};

use crate::config::Environment;

pub use file::{FileError, FileStore};

/// Secrets in environment variables of their own names. Can't be written.
pub struct EnvironmentStore(Environment);

impl EnvironmentStore {
    /// A store over these variables.
    pub fn new(environment: Environment) -> Self {
        Self(environment)
    }
}

impl SecretStore for EnvironmentStore {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        let found = self.0.get(name).filter(|v| !v.is_empty()).map(Secret::new);
        Box::pin(async move { Ok(found) })
    }

    fn write<'a>(&'a self, name: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
    }
}
