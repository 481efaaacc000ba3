//! The lock of renewals, so that what an administrator writes never crosses an exchange under way.

use std::time::Duration;

use hushgate_gateway::ports::{Locked, Random as _, StoreError, SystemRandom};
use hushgate_host::store::entry;

use super::code::Code;
use super::failure::Failure;
use super::place::Place;
use crate::print;

/// The lock's name among a connection's entries.
const NAME: &str = "OAUTH_REFRESH_TOKEN";
/// How long it is held at most; a command that dies gives it back by this.
const HELD: Duration = Duration::from_secs(30);
/// How long a function's own exchange is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(200);

/// The right to replace a connection's tokens.
pub(super) struct RenewalLock<'p> {
    place: &'p Place,
    name: String,
    owner: String,
}

impl<'p> RenewalLock<'p> {
    /// Waits until no function exchanges this connection's tokens.
    ///
    /// # Errors
    /// When the lock can't be had in time, or the store fails.
    pub(super) async fn take(place: &'p Place, id: &str) -> Result<Self, Failure> {
        let name = entry(id, NAME);
        // Not the process's id: commands in two containers often have the same.
        let owner = format!("hushgate connection {:032x}", SystemRandom.number());
        let start = tokio::time::Instant::now();
        let doubt = place.store.lock_doubt();
        loop {
            match place.store.lock(&name, &owner, HELD).await {
                // A store without locks is used by one process.
                Ok(Locked::Kept) | Err(StoreError::NoLocks) => break,
                Ok(Locked::Acquired) if doubt.is_zero() => break,
                // Another may have been told the same; asked again after this time, one of both keeps it.
                Ok(Locked::Acquired) if start.elapsed() < PATIENCE => {
                    tokio::time::sleep(doubt).await;
                }
                Ok(Locked::Held) if start.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(Locked::Held | Locked::Acquired) => {
                    return Err(Failure::new(
                        Code::ConnectionBusy,
                        format!("connection `{id}` is being renewed by a function at the moment"),
                    )
                    .next("try again in two minutes"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Self { place, name, owner })
    }

    /// Gives the lock back; it ends by itself if that fails. Before that, what was written settles: whoever
    /// gets the lock next is to read it, and not what was before.
    pub(super) async fn give_back(self) {
        tokio::time::sleep(self.place.store.settle()).await;
        if let Err(error) = self.place.store.unlock(&self.name, &self.owner).await {
            let end = HELD.as_secs();
            print::note(&format!(
                "warning: the lock of renewals can't be given back and ends by itself in {end} seconds: {error}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Instant;

    use hushgate_gateway::ports::{PortFuture, Secret, SecretStore};
    use hushgate_host::store::{AdminStore, Change, FileStore, SaveError};

    use super::*;

    /// A store of a service that settles late and may tell two owners that they have a lock.
    #[derive(Default)]
    struct Late {
        /// What is answered to who asks for the lock, from the last.
        answers: Mutex<Vec<Locked>>,
        log: Mutex<Vec<(&'static str, Instant)>>,
    }

    const DOUBT: Duration = Duration::from_millis(150);
    const SETTLE: Duration = Duration::from_millis(400);

    impl Late {
        fn note(&self, what: &'static str) {
            self.log.lock().unwrap().push((what, Instant::now()));
        }
    }

    impl SecretStore for Late {
        fn read<'a>(&'a self, _: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
            Box::pin(async { Ok(None) })
        }

        fn write<'a>(&'a self, _: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
            self.note("write");
            Box::pin(async { Ok(()) })
        }

        fn lock<'a>(
            &'a self,
            _: &'a str,
            _: &'a str,
            _: Duration,
        ) -> PortFuture<'a, Result<Locked, StoreError>> {
            self.note("lock");
            let answer = self.answers.lock().unwrap().pop();
            Box::pin(async move { Ok(answer.unwrap_or(Locked::Kept)) })
        }

        fn lock_doubt(&self) -> Duration {
            DOUBT
        }

        fn unlock<'a>(&'a self, _: &'a str, _: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
            self.note("unlock");
            Box::pin(async { Ok(()) })
        }
    }

    impl AdminStore for Late {
        fn connections(&self) -> PortFuture<'_, Result<Vec<String>, StoreError>> {
            Box::pin(async { Ok(Vec::new()) })
        }

        fn save<'a>(
            &'a self,
            _: &'a str,
            _: bool,
            _: Vec<Change>,
        ) -> PortFuture<'a, Result<(), SaveError>> {
            self.note("save");
            Box::pin(async { Ok(()) })
        }

        fn forget<'a>(
            &'a self,
            _: &'a str,
            _: &'a [String],
        ) -> PortFuture<'a, Result<(), StoreError>> {
            Box::pin(async { Ok(()) })
        }

        fn settle(&self) -> Duration {
            SETTLE
        }
    }

    fn late(answers: &[Locked]) -> (Place, Arc<Late>) {
        let store = Arc::new(Late {
            answers: Mutex::new(answers.iter().rev().copied().collect()),
            ..Late::default()
        });
        let environment = std::collections::BTreeMap::new();
        let place = Place {
            config: super::super::place::config(&environment).unwrap(),
            store: store.clone(),
            environment,
            name: "a late store".to_owned(),
        };
        (place, store)
    }

    #[tokio::test]
    async fn a_lock_is_kept_until_everybody_sees_what_was_written_under_it() {
        let (place, store) = late(&[]);
        let lock = RenewalLock::take(&place, "work").await.unwrap();
        place.store.save("work", false, Vec::new()).await.unwrap();
        lock.give_back().await;
        let log = store.log.lock().unwrap();
        let [("lock", _), ("save", saved), ("unlock", unlocked)] = log[..] else {
            panic!("{log:?}");
        };
        assert!(unlocked - saved >= SETTLE, "{:?}", unlocked - saved);
    }

    #[tokio::test]
    async fn a_lock_that_another_may_have_too_is_asked_for_until_it_is_sure() {
        let (place, store) = late(&[
            Locked::Acquired,
            Locked::Held,
            Locked::Acquired,
            Locked::Kept,
        ]);
        let begun = Instant::now();
        RenewalLock::take(&place, "work").await.unwrap();
        assert!(
            begun.elapsed() >= 2 * DOUBT + PAUSE,
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(store.log.lock().unwrap().len(), 4);
    }

    /// A desk at a secrets file; several have the same process id, as commands in two containers may.
    fn desk(path: &std::path::Path) -> Place {
        let environment = [(
            "HUSHGATE_SECRETS".to_owned(),
            format!("file:{}", path.display()),
        )];
        let environment: std::collections::BTreeMap<_, _> = environment.into_iter().collect();
        Place {
            config: super::super::place::config(&environment).unwrap(),
            store: Arc::new(FileStore::open(path).unwrap()),
            environment,
            name: "the secrets file".to_owned(),
        }
    }

    #[tokio::test]
    async fn two_desks_of_the_same_process_id_do_not_both_hold_the_lock() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = std::env::temp_dir().join(format!("renewal-{:032x}", SystemRandom.number()));
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("secrets.json");
        std::fs::write(&path, "{}").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let (one, other) = (desk(&path), desk(&path));
        let held = RenewalLock::take(&one, "work").await.unwrap();
        let second = RenewalLock::take(&other, "work");
        let mut second = std::pin::pin!(second);
        let early = tokio::time::timeout(3 * PAUSE, second.as_mut()).await;
        assert!(early.is_err(), "both hold the lock");
        held.give_back().await;
        let taken = second.await.unwrap();
        // What was given back late by the first ends nothing of the second.
        let third = tokio::time::timeout(3 * PAUSE, RenewalLock::take(&one, "work")).await;
        assert!(third.is_err(), "both hold the lock");
        taken.give_back().await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
