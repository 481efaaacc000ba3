//! Writing an entry that has no value yet, as one of many that do so at the same time.
//!
//! Creating a secret is exclusive, but gives it no value, and the secret may have been made beforehand. So
//! the one who has the secret's lock is the one who may write it.

use std::time::Duration;

use hushgate_gateway::ports::{Locked, Random as _, Secret, StoreError, SystemRandom};
use hushgate_host::store::remote::Care;

use super::SecretManager;

/// How long it is kept from others.
const MAKING: Duration = Duration::from_mins(1);
/// How often it is asked whether another has written it.
const WAITS: u32 = 60;
const WAIT: Duration = Duration::from_millis(250);

impl SecretManager {
    /// Adds the first value of a secret and gives its number; none when it has a value.
    pub(super) async fn make(&self, id: &str, value: &Secret) -> Result<Option<i64>, StoreError> {
        let owner = format!("making {:032x}", SystemRandom.number());
        for _ in 0..WAITS {
            if self.has_value(id).await? {
                return Ok(None);
            }
            if self.calls.lock(id, &owner, MAKING).await? != Locked::Acquired {
                tokio::time::sleep(WAIT).await;
                continue;
            }
            let made = async {
                // Another may have had the lock meanwhile.
                if self.has_value(id).await? {
                    return Ok(None);
                }
                self.add(id, Some(value)).await.map(Some)
            };
            let made = made.await;
            if let Err(error) = self.calls.unlock(id, &owner).await {
                // It ends by itself.
                tracing::warn!(%error, "the lock under which an entry was made is not given back");
            }
            return made;
        }
        Err(StoreError::Unavailable(format!(
            "Secret Manager, `{}`: it is being made by another",
            self.calls.full(id)
        )))
    }

    async fn has_value(&self, id: &str) -> Result<bool, StoreError> {
        let newest = self.calls.newest(id, None, Care::Exact).await?;
        Ok(newest.is_some_and(|version| version.value.is_some()))
    }
}
