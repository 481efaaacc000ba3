//! A lock in a secret, by the one compare-and-set that the service has.
//!
//! A label is on one version of a secret at most. `UpdateSecretVersionStage` moves it from one version to
//! another, and fails when the version that it is to be removed from does not have it. So the label
//! `AWSCURRENT` of the lock's secret marks the version that is *in force*, and moves from the version that a
//! taker saw to the taker's own only if nobody moved it meanwhile:
//!
//! - Take: read the version in force; if it holds nothing (given back, or its time is over), add a version
//!   that names the owner and the end, and move the label to it. The first secret is made by `CreateSecret`,
//!   which one of many can do once.
//! - Give back: move the label from the own version to the one it came from, which holds nothing either.
//!
//! What a version says never changes, ids are never used again, and an old answer to the read names a version
//! that the label has left: the move fails. A move whose answer was lost is recognized by reading again; the
//! owner that does not see its claim then is told [`Locked::Held`], and its claim ends by itself.
//!
//! Each take adds one version (giving back adds none), since the service keeps all versions of 24 hours and at
//! most about a hundred.

use std::time::{Duration, SystemTime};

use hushgate_gateway::ports::{Locked, Secret, StoreError};
use hushgate_host::store::lock_entry;

use super::{CURRENT, Found, Place, READ, SecretsManager};
use crate::failure::{Failure, Kind};

/// How often the lock is looked at anew when it was made or deleted in between.
const LOOKS: u32 = 3;
/// The label under which a claim is added.
const CLAIM: &str = "hushgate-claim";
/// The entry of a lock that was given back.
const FREE: &str = "0 -";
/// In place of a base: there is none to go back to.
const NO_BASE: &str = "-";

/// The version in force.
struct InForce {
    id: String,
    /// The version the label came from, if it holds nothing for sure.
    base: Option<String>,
    entry: Secret,
}

impl InForce {
    fn parse(found: Found, id: String) -> Self {
        let text = match found {
            Found::Text(text) => text,
            Found::Bytes => String::new(),
        };
        let (base, entry) = text.split_once(' ').unwrap_or((NO_BASE, ""));
        Self {
            id,
            base: Some(base).filter(|b| *b != NO_BASE).map(str::to_owned),
            entry: Secret::new(entry),
        }
    }
}

/// Takes the lock for `owner`, or keeps it.
pub(super) async fn take(
    store: &SecretsManager,
    name: &str,
    owner: &str,
    ttl: Duration,
) -> Result<Locked, StoreError> {
    let place = store.place(name);
    for _ in 0..LOOKS {
        let now = SystemTime::now();
        let current = in_force(store, &place).await?;
        let entry = current.as_ref().map(|c| &c.entry);
        let Some(entry) = lock_entry::acquire(entry, owner, ttl, now) else {
            return Ok(Locked::Held);
        };
        let Some(current) = current else {
            let made = store
                .create(&place.name, &text(NO_BASE, entry.reveal()))
                .await;
            let made = made.map_err(|f| f.store(place.target("secretsmanager:CreateSecret")))?;
            if made.is_some() {
                return Ok(Locked::Acquired);
            }
            continue;
        };
        // An own claim that is kept on holds something still, so it is nothing to go back to.
        let kept = lock_entry::is_of(&current.entry, owner);
        let base = if kept { NO_BASE } else { &current.id };
        let Some(claim) = add(store, &place, &text(base, entry.reveal())).await? else {
            continue;
        };
        if moved(store, &place, &current.id, &claim).await? {
            return Ok(Locked::Acquired);
        }
        let after = in_force(store, &place).await?;
        return Ok(match after {
            Some(after) if after.id == claim => Locked::Acquired,
            _ => Locked::Held,
        });
    }
    let text = format!("`{}` is made and deleted again and again", place.name);
    Err(StoreError::Unavailable(text))
}

/// Gives the lock back if it is this owner's.
pub(super) async fn give_back(
    store: &SecretsManager,
    name: &str,
    owner: &str,
) -> Result<(), StoreError> {
    let place = store.place(name);
    let ours = |current: &InForce| lock_entry::is_of(&current.entry, owner);
    let Some(current) = in_force(store, &place).await?.filter(ours) else {
        return Ok(());
    };
    if let Some(base) = &current.base
        && moved(store, &place, &current.id, base).await?
    {
        return Ok(());
    }
    // There is none to go back to, or the service has deleted it: one is made.
    if let Some(free) = add(store, &place, &text(NO_BASE, FREE)).await? {
        moved(store, &place, &current.id, &free).await?;
    }
    Ok(())
}

fn text(base: &str, entry: &str) -> String {
    format!("{base} {entry}")
}

async fn in_force(store: &SecretsManager, place: &Place) -> Result<Option<InForce>, StoreError> {
    let read = store.read(&place.name).await;
    let read = read.map_err(|f| f.store(place.target(READ)))?;
    Ok(read.map(|(found, id)| InForce::parse(found, id)))
}

async fn add(
    store: &SecretsManager,
    place: &Place,
    text: &str,
) -> Result<Option<String>, StoreError> {
    let added = store.add(&place.name, text, CLAIM).await;
    added.map_err(|f| f.store(place.target("secretsmanager:PutSecretValue")))
}

/// Moves the label from one version to another; false when it was not there, or one is gone.
async fn moved(
    store: &SecretsManager,
    place: &Place,
    from: &str,
    to: &str,
) -> Result<bool, StoreError> {
    let target = place.target("secretsmanager:UpdateSecretVersionStage");
    let client = store.client().await.map_err(|f| f.store(target))?;
    let request = client
        .update_secret_version_stage()
        .secret_id(&place.name)
        .version_stage(CURRENT)
        .remove_from_version_id(from)
        .move_to_version_id(to);
    let Err(error) = request.send().await else {
        return Ok(true);
    };
    let failure = Failure::of(&error);
    match failure.kind {
        Kind::Refused | Kind::Missing => Ok(false),
        _ => Err(failure.store(target)),
    }
}
