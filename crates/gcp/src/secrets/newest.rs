//! Which version is the newest, at a service that tells it late.
//!
//! Secret Manager says at once whether a version of a *number* is there; what `latest` stands for and
//! what lists contain may be minutes old
//! (<https://cloud.google.com/secret-manager/docs/reference/consistency>). Numbers have no gaps. So the
//! newest version is the one whose successor is missing.

use hushgate_gateway::ports::{Secret, StoreError};

use super::calls::{Calls, Version};
use super::fault::Fault;
use super::slot::Slot;

/// Versions that are looked at one by one above what `latest` names; more come only of an error.
const MOST_STEPS: u64 = 64;

/// What a number stands for.
enum Found {
    Readable(Version),
    /// It is disabled or destroyed.
    Closed,
    Nothing,
}

/// How the newest version is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    /// What `latest` names will do when nothing newer was seen.
    Quick,
    /// What is given was the newest at the time of the call.
    Exact,
}

impl Calls {
    /// The newest value; none when there is no secret, no version, or the newest says so.
    pub(super) async fn newest(
        &self,
        id: &str,
        slot: &Slot,
        care: Care,
    ) -> Result<Option<Secret>, StoreError> {
        if let Some(number) = slot.number() {
            let (known, next) = tokio::join!(self.at(id, number), self.at(id, number + 1));
            return match (known?, next?) {
                (Found::Readable(version), Found::Nothing) => Ok(keep(slot, version)),
                (Found::Closed, Found::Nothing) => Err(self.closed(id, number)),
                // The secret was deleted, and perhaps made again.
                (Found::Nothing, Found::Nothing) => {
                    slot.clear();
                    self.look_from(id, slot, care, 0).await
                }
                _ => self.look_from(id, slot, Care::Exact, number + 1).await,
            };
        }
        self.look_from(id, slot, care, 0).await
    }

    /// Looks from what `latest` names, or from `least` if that is more.
    async fn look_from(
        &self,
        id: &str,
        slot: &Slot,
        care: Care,
        least: u64,
    ) -> Result<Option<Secret>, StoreError> {
        let latest = match self.access(id, "latest").await {
            Ok(version) => Some(version),
            Err(Fault::Missing) => None,
            // Disabled or destroyed, and it does not say which number.
            Err(Fault::State) => {
                let newest = self
                    .versions(id, 1)
                    .await
                    .map_err(|f| self.unlisted(id, f))?;
                let number = newest.first().map_or(1, |(number, _)| *number);
                return self.climb(id, slot, number.max(least)).await;
            }
            Err(fault) => return Err(fault.into()),
        };
        match latest {
            Some(version) if version.number >= least && care == Care::Quick => {
                Ok(keep(slot, version))
            }
            Some(version) => self.climb(id, slot, version.number.max(least)).await,
            None if care == Care::Quick => Ok(None),
            None => self.climb(id, slot, least.max(1)).await,
        }
    }

    /// Goes up from a number to the last there is.
    async fn climb(&self, id: &str, slot: &Slot, from: u64) -> Result<Option<Secret>, StoreError> {
        let mut newest = Found::Nothing;
        for number in from..from.saturating_add(MOST_STEPS) {
            match (self.at(id, number).await?, newest) {
                (Found::Nothing, Found::Readable(version)) => return Ok(keep(slot, version)),
                (Found::Nothing, Found::Closed) => return Err(self.closed(id, number - 1)),
                (Found::Nothing, Found::Nothing) => {
                    slot.clear();
                    return Ok(None);
                }
                (found, _) => newest = found,
            }
        }
        Err(StoreError::Unavailable(format!(
            "Secret Manager, `{}`: new versions come faster than they can be read",
            self.full(id)
        )))
    }

    async fn at(&self, id: &str, number: u64) -> Result<Found, StoreError> {
        match self.access(id, &number.to_string()).await {
            Ok(version) => Ok(Found::Readable(version)),
            Err(Fault::State) => Ok(Found::Closed),
            Err(Fault::Missing) => Ok(Found::Nothing),
            Err(fault) => Err(fault.into()),
        }
    }

    fn closed(&self, id: &str, number: u64) -> StoreError {
        self.denied(
            id,
            format!(
                "its newest version {number} is disabled or destroyed; enable it, or add a version"
            ),
        )
    }

    fn unlisted(&self, id: &str, fault: Fault) -> StoreError {
        match StoreError::from(fault) {
            StoreError::Denied { hint, .. } => self.denied(
                id,
                format!("its newest version is disabled or destroyed: enable it, or add a version; or {hint}"),
            ),
            other => other,
        }
    }
}

fn keep(slot: &Slot, version: Version) -> Option<Secret> {
    let value = version.value.clone();
    slot.take_up(version);
    value
}
