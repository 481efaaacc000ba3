//! Destroying versions that are of no use any more.

use std::sync::Arc;

use hushgate_gateway::ports::StoreError;

use super::calls::Calls;
use super::fault::Fault;
use super::slot::Slot;

/// Versions before the newest that stay: another instance may be told of them as the latest.
const KEPT: u64 = 2;
/// Old versions of earlier processes that are looked at once.
const LOOKED_AT: usize = 100;

/// Destroys what lies more than [`KEPT`] versions before `newest`. What fails is tried at the next write.
pub(super) async fn sweep(calls: Arc<Calls>, slot: Arc<Slot>, id: String, newest: u64) {
    let Some(last) = newest.checked_sub(KEPT + 1).filter(|last| *last > 0) else {
        return;
    };
    let swept = if slot.is_swept() {
        calls.destroy(&id, last).await
    } else {
        all(&calls, &id, last).await
    };
    let error = match swept {
        Ok(()) => return slot.swept(),
        Err(Fault::Missing) => return,
        Err(fault) => StoreError::from(fault),
    };
    tracing::warn!(%error, "old versions of a secret stay readable; destroy them, or give the function the permission to");
}

async fn all(calls: &Calls, id: &str, last: u64) -> Result<(), Fault> {
    let versions = calls.versions(id, LOOKED_AT).await?;
    for (number, is_there) in versions {
        if is_there && number <= last {
            calls.destroy(id, number).await?;
        }
    }
    Ok(())
}
