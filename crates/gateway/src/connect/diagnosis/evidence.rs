//! What the store and the declaration tell of a connection that was refused.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::Evidence;
use crate::connect::lifecycle::{JOURNAL_ENTRY, Journal};
use crate::connect::source::{Auth, RefreshTokens};
use crate::ports::SecretStore;

/// The entry with the connection's record, beside its fields.
pub const RECORD_ENTRY: &str = "connection";

/// The one member of the record that matters here.
#[derive(Deserialize)]
struct Record {
    /// Seconds since 1970.
    authorized: u64,
}

/// When a refresh token was used last, as the journal tells.
pub(in crate::connect) async fn last_use(store: &dyn SecretStore) -> Option<SystemTime> {
    let journal = store.read(JOURNAL_ENTRY).await.ok().flatten()?;
    let journal = Journal::read(journal.reveal()).ok()?;
    journal.token.map(|token| token.from)
}

/// Gathers what is known. What can't be read is not known.
pub(in crate::connect) async fn gather(
    auth: &Auth,
    store: &dyn SecretStore,
    now: SystemTime,
) -> Evidence {
    let refreshes = auth.exchange.as_ref().is_some_and(|e| e.grant.refreshes());
    if !refreshes {
        return Evidence::default();
    }
    let record = store.read(RECORD_ENTRY).await.ok().flatten();
    let record = record.and_then(|r| serde_json::from_str::<Record>(r.reveal()).ok());
    let authorized = record.and_then(|r| UNIX_EPOCH.checked_add(Duration::from_secs(r.authorized)));
    let used = last_use(store).await;
    let since = |time: Option<SystemTime>| time.and_then(|time| now.duration_since(time).ok());
    Evidence {
        age: since(authorized),
        unused: since(used.max(authorized)),
        longest_life: auth.forecast.refresh_token_life,
        longest_idle: auth.forecast.refresh_token_idle,
        rotates: auth.rotation == RefreshTokens::Rotating,
    }
}
