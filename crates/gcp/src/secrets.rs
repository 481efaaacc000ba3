//! Secrets in Google Secret Manager.
//!
//! An entry is a secret, its value the newest version of it. `docs/cloud-stores.md` says how entries
//! are named, what a function must be allowed to do, and what is promised.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hushgate_gateway::ports::{Locked, PortFuture, Secret, SecretStore, StoreError};
use hushgate_host::config::Environment;
use hushgate_host::store::remote::check_name;

use crate::reach::{CALL, Reach};

mod admin;
mod calls;
mod fault;
mod lock;
mod name;
mod newest;
mod slot;
mod sweep;

use calls::{Calls, Version};
use fault::Fault;
use newest::Care;
use slot::Slot;

pub use slot::Timing;

/// Names an emulator of Secret Manager.
const EMULATOR: &str = "SECRET_MANAGER_EMULATOR_HOST";

/// The secrets of a project whose ids begin with a prefix.
#[derive(Debug)]
pub struct SecretManager {
    calls: Arc<Calls>,
    prefix: String,
    timing: Timing,
    slots: Mutex<BTreeMap<String, Arc<Slot>>>,
}

impl SecretManager {
    /// The secrets of `project` (its id or number) whose ids begin with `prefix` and `--`. Nothing is called yet.
    ///
    /// # Errors
    /// When the environment names an emulator where none may be.
    pub fn open(project: &str, prefix: &str, environment: &Environment) -> Result<Self, String> {
        let reach = Reach::of(environment, EMULATOR)?;
        Ok(Self {
            calls: Arc::new(Calls::new(reach, project.to_owned())),
            prefix: prefix.to_owned(),
            timing: Timing::default(),
            slots: Mutex::default(),
        })
    }

    /// The same with other times.
    #[must_use]
    pub fn with_timing(mut self, timing: Timing) -> Self {
        self.timing = timing;
        self
    }

    /// The id of an entry's secret.
    fn id(&self, name: &str) -> Result<String, StoreError> {
        check_name(name)?;
        name::id_of(&self.prefix, name).ok_or_else(|| StoreError::Unfit {
            name: name.chars().take(64).collect(),
            reason: "the id of its secret would have more than 255 characters".to_owned(),
        })
    }

    fn slot(&self, id: &str) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(id) {
            return Arc::clone(slot);
        }
        let slot = Arc::new(Slot::default());
        slots.insert(id.to_owned(), Arc::clone(&slot));
        slot
    }

    /// Asks the service for the newest value.
    async fn ask(&self, name: &str, care: Care) -> Result<Option<Secret>, StoreError> {
        let id = self.id(name)?;
        let slot = self.slot(&id);
        self.ask_slot(&id, &slot, care).await
    }

    async fn ask_slot(
        &self,
        id: &str,
        slot: &Slot,
        care: Care,
    ) -> Result<Option<Secret>, StoreError> {
        self.bounded(id, self.calls.newest(id, slot, care)).await
    }

    /// Ends a call in time: whoever waits for a store has less patience than its client.
    async fn bounded<T>(
        &self,
        id: &str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let done = tokio::time::timeout(CALL, call).await;
        done.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!(
                "Secret Manager, `{}`: no answer within {CALL:?}",
                self.calls.full(id)
            )))
        })
    }

    /// Adds a version to a secret, which may not be there yet.
    async fn put(&self, name: &str, value: Option<&Secret>) -> Result<(), StoreError> {
        let id = self.id(name)?;
        let number = self.bounded(&id, self.add(&id, value)).await?;
        let slot = self.slot(&id);
        let value = value.cloned();
        slot.take_up(Version { number, value });
        let sweep = sweep::sweep(Arc::clone(&self.calls), slot, id, number);
        // Nobody waits for it: what is not destroyed now is destroyed at the next write.
        tokio::spawn(sweep);
        Ok(())
    }

    async fn add(&self, id: &str, value: Option<&Secret>) -> Result<u64, StoreError> {
        match self.calls.add(id, value).await {
            Err(Fault::Missing) => {}
            added => return Ok(added?),
        }
        match self.calls.create(id, HashMap::new()).await {
            Ok(()) | Err(Fault::Exists) => Ok(self.calls.add(id, value).await?),
            Err(fault) => Err(fault.into()),
        }
    }

    /// Deletes the secret of an entry.
    async fn drop_secret(&self, name: &str) -> Result<(), StoreError> {
        let id = self.id(name)?;
        let deleted = async { Ok(self.calls.delete(&id).await?) };
        let deleted = self.bounded(&id, deleted).await;
        // Whatever came of it: what is known of the secret may be wrong by now.
        self.slot(&id).clear();
        deleted
    }

    async fn read_cached(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let id = self.id(name)?;
        let slot = self.slot(&id);
        if let Some(value) = slot.fresh(&self.timing) {
            return Ok(Some(value));
        }
        let _turn = slot.asking.lock().await;
        // Whoever had the turn before may have read it.
        let known = slot.fresh(&self.timing);
        if let Some(value) = known.or_else(|| slot.in_pause(&self.timing)) {
            return Ok(Some(value));
        }
        let asked = self.ask_slot(&id, &slot, Care::Quick).await;
        let Err(StoreError::Unavailable(reason)) = asked else {
            return asked;
        };
        let first = slot.failed();
        let Some(value) = slot.stale(&self.timing) else {
            return Err(StoreError::Unavailable(reason));
        };
        if first {
            tracing::warn!(
                reason,
                "a secret that was read before is used while it can't be read"
            );
        }
        Ok(Some(value))
    }
}

impl SecretStore for SecretManager {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(self.read_cached(name))
    }

    fn read_newest<'a>(
        &'a self,
        name: &'a str,
    ) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(self.ask(name, Care::Exact))
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.put(name, Some(&value)).await })
    }

    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(self.drop_secret(name))
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move {
            let id = self.id(name)?;
            self.bounded(&id, self.calls.lock(&id, owner, ttl)).await
        })
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let id = self.id(name)?;
            self.bounded(&id, self.calls.unlock(&id, owner)).await
        })
    }
}
