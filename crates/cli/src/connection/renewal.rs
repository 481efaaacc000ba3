//! The lock of renewals, so that what an administrator writes never crosses an exchange under way.

use std::time::Duration;

use hushgate_gateway::ports::{Locked, Random as _, StoreError, SystemRandom};
use hushgate_host::store::entry;

use super::code::Code;
use super::failure::Failure;
use super::place::Place;

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
        loop {
            match place.store.lock(&name, &owner, HELD).await {
                // A store without locks is used by one process.
                Ok(Locked::Acquired | Locked::Kept) | Err(StoreError::NoLocks) => break,
                Ok(Locked::Held) if start.elapsed() < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                }
                Ok(Locked::Held) => {
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

    /// Gives the lock back; it ends by itself if that fails. The stores of this machine show what was
    /// written to every later read, so nothing has to settle before.
    pub(super) async fn give_back(self) {
        let _ = self.place.store.unlock(&self.name, &self.owner).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use hushgate_host::store::FileStore;

    use super::*;

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
