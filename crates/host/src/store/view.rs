//! One connection's entries, under their bare names.

use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::{Locked, PortFuture, Secret, SecretStore, StoreError};

use super::admin::entry;

/// A store as the fields of one connection see it: every name stands for `connections/ID/NAME`.
///
/// Whoever is given this view can't name a secret of another connection or of the deployment.
#[derive(Clone)]
pub struct ConnectionView {
    store: Arc<dyn SecretStore>,
    id: String,
}

impl ConnectionView {
    /// The entries of the connection `id`.
    pub fn new(store: Arc<dyn SecretStore>, id: &str) -> Self {
        Self {
            store,
            id: id.to_owned(),
        }
    }

    fn name(&self, name: &str) -> String {
        // A name with a slash could leave the connection's own entries.
        entry(&self.id, &name.replace('/', "%2F"))
    }
}

impl SecretStore for ConnectionView {
    fn whole_name(&self, name: &str) -> String {
        self.store.whole_name(&self.name(name))
    }

    fn permission(&self, name: &str) -> Option<String> {
        self.store.permission(&self.name(name))
    }

    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move { self.store.read(&self.name(name)).await })
    }

    fn read_newest<'a>(
        &'a self,
        name: &'a str,
    ) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move { self.store.read_newest(&self.name(name)).await })
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.store.write(&self.name(name), value).await })
    }

    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.store.remove(&self.name(name)).await })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move { self.store.lock(&self.name(name), owner, ttl).await })
    }

    fn lock_doubt(&self) -> Duration {
        self.store.lock_doubt()
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.store.unlock(&self.name(name), owner).await })
    }
}
