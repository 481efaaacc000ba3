//! Secrets held in memory: for tests and the demonstration.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Clock, Locked, PortFuture, Secret, SecretStore, StoreError, SystemClock};

/// Secrets and locks held in memory.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    entries: Mutex<BTreeMap<String, Secret>>,
    locks: Mutex<BTreeMap<String, Lock>>,
}

struct Lock {
    owner: String,
    until: SystemTime,
}

impl MemoryStore {
    /// A store with these entries, whose locks end by the machine's clock.
    pub fn new<K: Into<String>, V: Into<String>>(
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        Self::with_clock(entries, Arc::new(SystemClock))
    }

    /// A store with these entries, whose locks end by this clock.
    pub fn with_clock<K: Into<String>, V: Into<String>>(
        entries: impl IntoIterator<Item = (K, V)>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let entries = entries.into_iter();
        Self {
            clock,
            entries: Mutex::new(entries.map(|(k, v)| (k.into(), Secret::new(v))).collect()),
            locks: Mutex::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn locks(&self) -> MutexGuard<'_, BTreeMap<String, Lock>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new::<String, String>([])
    }
}

impl std::fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryStore").finish_non_exhaustive()
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

    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.entries().remove(name);
            Ok(())
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut locks = self.locks();
            let other = |lock: &Lock| lock.owner != owner && now < lock.until;
            if locks.get(name).is_some_and(other) {
                return Ok(Locked::Held);
            }
            let owner = owner.to_owned();
            let until = now + ttl;
            locks.insert(name.to_owned(), Lock { owner, until });
            Ok(Locked::Acquired)
        })
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut locks = self.locks();
            if locks.get(name).is_some_and(|lock| lock.owner == owner) {
                locks.remove(name);
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_mins(2);

    #[derive(Debug, Default)]
    struct Hand(Mutex<Duration>);

    impl Clock for Hand {
        fn now(&self) -> SystemTime {
            SystemTime::UNIX_EPOCH + *self.0.lock().unwrap()
        }
    }

    #[tokio::test]
    async fn a_lock_is_its_owners_until_its_time_is_over() {
        let hand = Arc::new(Hand::default());
        let store = MemoryStore::with_clock([("A", "x")], Arc::clone(&hand) as Arc<dyn Clock>);
        assert_eq!(store.lock("L", "one", TTL).await.unwrap(), Locked::Acquired);
        assert_eq!(store.lock("L", "two", TTL).await.unwrap(), Locked::Held);
        assert_eq!(store.lock("M", "two", TTL).await.unwrap(), Locked::Acquired);
        *hand.0.lock().unwrap() = TTL / 2;
        assert_eq!(store.lock("L", "one", TTL).await.unwrap(), Locked::Acquired);
        *hand.0.lock().unwrap() = TTL;
        assert_eq!(store.lock("L", "two", TTL).await.unwrap(), Locked::Held);
        *hand.0.lock().unwrap() = TTL / 2 + TTL;
        assert_eq!(store.lock("L", "two", TTL).await.unwrap(), Locked::Acquired);
        store.unlock("L", "one").await.unwrap();
        assert_eq!(store.lock("L", "one", TTL).await.unwrap(), Locked::Held);
        store.unlock("L", "two").await.unwrap();
        assert_eq!(store.lock("L", "one", TTL).await.unwrap(), Locked::Acquired);
    }

    #[tokio::test]
    async fn removes_what_is_there_and_what_is_not() {
        let store = MemoryStore::new([("A", "x")]);
        store.remove("A").await.unwrap();
        store.remove("A").await.unwrap();
        assert!(store.read_newest("A").await.unwrap().is_none());
    }
}
