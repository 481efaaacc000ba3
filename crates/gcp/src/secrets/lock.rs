//! Locks, as an annotation of a secret that is replaced only in the state in which it was read.

use std::time::{Duration, SystemTime};

use hushgate_gateway::ports::{Locked, Secret, StoreError};
use hushgate_host::store::lock_entry;

use super::calls::{Calls, Described};
use super::fault::Fault;

/// The annotation.
const LOCK: &str = "hushgate-lock";
/// How often a change that another crossed is begun again.
const TURNS: u32 = 4;

impl Calls {
    /// Takes the lock for an owner, or says that another has it.
    pub(super) async fn lock(
        &self,
        id: &str,
        owner: &str,
        ttl: Duration,
    ) -> Result<Locked, StoreError> {
        for _ in 0..TURNS {
            let found = match self.described(id).await {
                Ok(described) => Some(described),
                Err(Fault::Missing) => None,
                Err(fault) => return Err(fault.into()),
            };
            let is_new = found.is_none();
            let mut described = found.unwrap_or_default();
            let current = described.annotations.get(LOCK).map(Secret::new);
            let now = SystemTime::now();
            let Some(entry) = lock_entry::acquire(current.as_ref(), owner, ttl, now) else {
                return Ok(Locked::Held);
            };
            let entry = entry.reveal().to_owned();
            described.annotations.insert(LOCK.to_owned(), entry);
            let changed = if is_new {
                self.create(id, described.annotations).await
            } else {
                self.annotate(id, described).await
            };
            match changed {
                Ok(()) => return Ok(Locked::Acquired),
                // Somebody was faster; or this call was, and its answer was lost.
                Err(Fault::State | Fault::Exists | Fault::Missing) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(Locked::Held)
    }

    /// Gives a lock back if it is this owner's.
    pub(super) async fn unlock(&self, id: &str, owner: &str) -> Result<(), StoreError> {
        for _ in 0..TURNS {
            let mut described = match self.described(id).await {
                Ok(described) => described,
                Err(Fault::Missing) => return Ok(()),
                Err(fault) => return Err(fault.into()),
            };
            if !is_of(&described, owner) {
                return Ok(());
            }
            described.annotations.remove(LOCK);
            match self.annotate(id, described).await {
                Ok(()) | Err(Fault::Missing) => return Ok(()),
                Err(Fault::State) => {}
                Err(fault) => return Err(fault.into()),
            }
        }
        Err(StoreError::Unavailable(format!(
            "Secret Manager, `{}`: it is changed too often to give the lock back",
            self.full(id)
        )))
    }
}

fn is_of(described: &Described, owner: &str) -> bool {
    let lock = described.annotations.get(LOCK).map(Secret::new);
    lock.is_some_and(|lock| lock_entry::is_of(&lock, owner))
}
