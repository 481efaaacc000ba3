//! Which version is the newest, at a service that tells it late.
//!
//! Secret Manager says at once whether a version of a *number* is there; what `latest` stands for and
//! what lists contain may be minutes old
//! (<https://cloud.google.com/secret-manager/docs/reference/consistency>). Numbers have no gaps. So the
//! newest version is the one whose successor is missing.

use hushgate_gateway::ports::StoreError;
use hushgate_host::store::remote::Care;

use super::calls::{Calls, Version};
use super::fault::Fault;

/// Versions that are looked at one by one above what `latest` names; more come only of an error.
const MOST_STEPS: i64 = 64;

/// What a number stands for.
enum Found {
    Readable(Version),
    /// It is disabled or destroyed.
    Closed,
    Nothing,
}

impl Calls {
    /// The newest version, looked for from a known one on; none when there is no secret or no version.
    /// With [`Care::Quick`] and nothing known, what `latest` names will do.
    pub(super) async fn newest(
        &self,
        id: &str,
        known: Option<i64>,
        care: Care,
    ) -> Result<Option<Version>, StoreError> {
        let Some(number) = known else {
            return self.look_from(id, care, 0).await;
        };
        let (known, next) = tokio::join!(self.at(id, number), self.at(id, number + 1));
        match (known?, next?) {
            (Found::Readable(version), Found::Nothing) => Ok(Some(version)),
            (Found::Closed, Found::Nothing) => Err(self.closed(id, number)),
            // The secret was deleted, and perhaps made again.
            (Found::Nothing, Found::Nothing) => self.look_from(id, care, 0).await,
            _ => self.look_from(id, Care::Exact, number + 1).await,
        }
    }

    /// Looks from what `latest` names, or from `least` if that is more.
    async fn look_from(
        &self,
        id: &str,
        care: Care,
        least: i64,
    ) -> Result<Option<Version>, StoreError> {
        match self.access(id, "latest").await {
            Ok(version) if version.number >= least && care == Care::Quick => Ok(Some(version)),
            Ok(version) => self.climb(id, version.number.max(least)).await,
            Err(Fault::Missing) if care == Care::Quick => Ok(None),
            Err(Fault::Missing) => self.climb(id, least.max(1)).await,
            // Disabled or destroyed, and it does not say which number.
            Err(Fault::State) => {
                let newest = self.versions(id, 1).await;
                let newest = newest.map_err(|f| self.unlisted(id, f))?;
                let number = newest.first().map_or(1, |(number, _)| *number);
                self.climb(id, number.max(least)).await
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Goes up from a number to the last there is.
    async fn climb(&self, id: &str, from: i64) -> Result<Option<Version>, StoreError> {
        let mut newest = Found::Nothing;
        for number in from..from.saturating_add(MOST_STEPS) {
            match (self.at(id, number).await?, newest) {
                (Found::Nothing, Found::Readable(version)) => return Ok(Some(version)),
                (Found::Nothing, Found::Closed) => return Err(self.closed(id, number - 1)),
                (Found::Nothing, Found::Nothing) => return Ok(None),
                (found, _) => newest = found,
            }
        }
        Err(StoreError::Unavailable(format!(
            "Secret Manager, `{}`: new versions come faster than they can be read",
            self.full(id)
        )))
    }

    async fn at(&self, id: &str, number: i64) -> Result<Found, StoreError> {
        match self.access(id, &number.to_string()).await {
            Ok(version) => Ok(Found::Readable(version)),
            Err(Fault::State) => Ok(Found::Closed),
            Err(Fault::Missing) => Ok(Found::Nothing),
            Err(fault) => Err(fault.into()),
        }
    }

    fn closed(&self, id: &str, number: i64) -> StoreError {
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
