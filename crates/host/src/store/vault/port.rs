//! The vault as a port. Files are read and flushed on threads that may block.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hushgate_gateway::ports::{Locked, PortFuture, Secret, SecretStore, StoreError};

use super::super::admin::{self, AdminStore, SaveError};
use super::super::{blocking, lock_entry};
use super::{Change, Inner, Vault, VaultError, compartment_of};

impl Vault {
    fn run<'a, T: Send + 'static>(
        &self,
        name: &'a str,
        work: impl FnOnce(&Inner, &str) -> Result<T, VaultError> + Send + 'static,
    ) -> PortFuture<'a, Result<T, StoreError>> {
        let (inner, owned) = (Arc::clone(&self.0), name.to_owned());
        Box::pin(async move {
            blocking(move || work(&inner, &owned))
                .await?
                .map_err(|e| e.for_name(name))
        })
    }
}

impl SecretStore for Vault {
    fn whole_name(&self, name: &str) -> String {
        format!("`{name}` in the vault {}", self.0.folder.display())
    }

    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        self.run(name, Inner::read)
    }

    fn read_newest<'a>(
        &'a self,
        name: &'a str,
    ) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        self.run(name, Inner::read_newest)
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        self.run(name, move |inner, name| {
            inner.change(compartment_of(name)?, |entries, _| {
                entries.insert(name.to_owned(), value);
                Ok(Change::Save(()))
            })
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        self.run(name, |inner, name| {
            inner.change(compartment_of(name)?, |entries, _| {
                Ok(match entries.remove(name) {
                    Some(_) => Change::Save(()),
                    None => Change::Leave(()),
                })
            })
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        let owner = owner.to_owned();
        self.run(name, move |inner, name| {
            inner.change(compartment_of(name)?, |entries, _| {
                let now = SystemTime::now();
                let Some(entry) = lock_entry::acquire(entries.get(name), &owner, ttl, now) else {
                    return Ok(Change::Leave(Locked::Held));
                };
                entries.insert(name.to_owned(), entry);
                Ok(Change::Save(Locked::Acquired))
            })
        })
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        let owner = owner.to_owned();
        self.run(name, move |inner, name| {
            inner.change(compartment_of(name)?, |entries, _| {
                if entries
                    .get(name)
                    .is_some_and(|e| lock_entry::is_of(e, &owner))
                {
                    entries.remove(name);
                    return Ok(Change::Save(()));
                }
                Ok(Change::Leave(()))
            })
        })
    }
}

impl AdminStore for Vault {
    fn connections(&self) -> PortFuture<'_, Result<Vec<String>, StoreError>> {
        self.run("connections", |inner, _| inner.connections())
    }

    fn save<'a>(
        &'a self,
        id: &'a str,
        is_new: bool,
        changes: Vec<admin::Change>,
    ) -> PortFuture<'a, Result<(), SaveError>> {
        let inner = Arc::clone(&self.0);
        Box::pin(async move {
            let owned = id.to_owned();
            let saved = blocking(move || save(&inner, &owned, is_new, changes)).await?;
            saved.map_err(|error| match error {
                VaultError::ConnectionExists(id) => SaveError::Exists(id),
                other => SaveError::Store(other.for_name(id)),
            })
        })
    }

    fn forget<'a>(
        &'a self,
        id: &'a str,
        _: &'a [String],
    ) -> PortFuture<'a, Result<(), StoreError>> {
        self.run(id, |inner, id| {
            let compartment = compartment_of(&admin::entry(id, "connection"))?.to_owned();
            inner.change(&compartment, |entries, is_new| {
                entries.clear();
                Ok(if is_new {
                    Change::Leave(())
                } else {
                    Change::Save(())
                })
            })
        })
    }
}

fn save(
    inner: &Inner,
    id: &str,
    is_new: bool,
    changes: Vec<admin::Change>,
) -> Result<(), VaultError> {
    let name = admin::entry(id, "connection");
    inner.change(compartment_of(&name)?, |entries, has_no_file| {
        if is_new && !has_no_file {
            return Err(VaultError::ConnectionExists(id.to_owned()));
        }
        for (field, value) in changes {
            let name = admin::entry(id, &field);
            compartment_of(&name)?;
            match value {
                Some(value) => entries.insert(name, value),
                None => entries.remove(&name),
            };
        }
        Ok(Change::Save(()))
    })
}
