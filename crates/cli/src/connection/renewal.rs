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
