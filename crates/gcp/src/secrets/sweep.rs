//! Destroying versions that are of no use any more.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hushgate_gateway::ports::StoreError;

use super::calls::Calls;
use super::fault::Fault;

/// Versions before the newest that stay: another instance may be told of them as the latest.
const KEPT: i64 = 2;
/// Old versions of earlier processes that are looked at once.
const LOOKED_AT: usize = 100;

/// The secrets of which nothing is left that earlier processes wrote.
#[derive(Debug, Clone, Default)]
pub(super) struct Swept(Arc<Mutex<BTreeSet<String>>>);

impl Swept {
    /// Forgets a secret, which was deleted.
    pub(super) fn forget(&self, id: &str) {
        self.ids().remove(id);
    }

    fn ids(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Destroys what lies more than [`KEPT`] versions before `newest`. What fails is tried at the next write.
pub(super) async fn sweep(calls: Arc<Calls>, swept: Swept, id: String, newest: i64) {
    let last = newest - (KEPT + 1);
    if last < 1 {
        return;
    }
    let is_swept = swept.ids().contains(&id);
    let done = if is_swept {
        calls.destroy(&id, last).await
    } else {
        all(&calls, &id, last).await
    };
    let error = match done {
        Ok(()) => {
            swept.ids().insert(id);
            return;
        }
        Err(Fault::Missing) => return,
        Err(fault) => StoreError::from(fault),
    };
    tracing::warn!(%error, "old versions of a secret stay readable; destroy them, or give the function the permission to");
}

async fn all(calls: &Calls, id: &str, last: i64) -> Result<(), Fault> {
    let versions = calls.versions(id, LOOKED_AT).await?;
    for (number, is_there) in versions {
        if is_there && number <= last {
            calls.destroy(id, number).await?;
        }
    }
    Ok(())
}
