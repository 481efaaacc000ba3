//! The lock that makes one process at a time exchange, and how it is given back.
//!
//! Within a process the desk itself is a lock: who sits at it may use the store's lock. After a write
//! the store's lock is kept for the settle time, so that whoever gets it next reads what was written.
//! A later turn of the same process may go on under it at once.

use std::sync::Arc;
use std::time::Duration;

use super::Exchange;
use super::entries::within;
use super::keeper::Inner;
use super::{LOCK_ENTRY, Material};
use crate::ports::{Locked, StoreError};

/// How often a doubtful lock is asked for again.
const MOST_DOUBTS: u32 = 3;
/// How often what was written is looked at again before the lock is given back.
const MOST_LOOKS: u32 = 3;

/// Where one turn at a time works in a process.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) tenure: Option<Tenure>,
    turns: u64,
}

/// The store's lock, held.
#[derive(Debug, Clone)]
pub(super) struct Tenure {
    /// The owner's name, of this turn alone: a lock given back late can't end a later turn.
    pub(super) owner: String,
    /// When it was asked for; its time to live began later. None: it may not be ours.
    since: Option<Duration>,
    /// The turn that works under it.
    turn: u64,
    /// Whether something was written under it.
    pub(super) dirty: bool,
}

impl<X: Exchange> Inner<X> {
    /// Takes the store's lock for a new turn; false when another has it.
    pub(super) async fn enter(&self, desk: &mut Desk) -> Result<bool, StoreError> {
        desk.turns += 1;
        let (owner, dirty, kept) = match desk.tenure.take() {
            Some(kept) => (kept.owner, kept.dirty, true),
            None => (format!("{}.{}", self.process, desk.turns), false, false),
        };
        // Until the store answers, the lock may be ours without our knowing: then the next turn asks
        // under the same name. A name that was given back is never used again.
        desk.tenure = Some(Tenure {
            owner: owner.clone(),
            since: None,
            turn: desk.turns,
            dirty,
        });
        let Some((mut since, mut locked)) = self.ask(&owner).await? else {
            desk.tenure = None;
            return Ok(false);
        };
        let doubt = self.parts.store.lock_doubt();
        let mut sure = doubt.is_zero() || (kept && locked == Locked::Kept);
        // Told that the lock is new, an owner may not be the only one; asked later it is the truth.
        for _ in 0..MOST_DOUBTS {
            if sure {
                break;
            }
            self.parts.timer.sleep(doubt).await;
            let Some(again) = self.ask(&owner).await? else {
                desk.tenure = None;
                return Ok(false);
            };
            (since, locked) = again;
            sure = locked == Locked::Kept;
        }
        if !sure {
            desk.tenure = None;
            self.give_back(&owner).await;
            return Ok(false);
        }
        desk.tenure = Some(Tenure {
            owner,
            since: Some(since),
            turn: desk.turns,
            dirty,
        });
        Ok(true)
    }

    /// Asks for the lock; gives the time of asking when it is ours.
    async fn ask(&self, owner: &str) -> Result<Option<(Duration, Locked)>, StoreError> {
        let lock = || {
            let store = &self.parts.store;
            self.call(store.lock(LOCK_ENTRY, owner, self.lock_time()))
        };
        let mut since = self.mono();
        let mut locked = lock().await;
        if matches!(locked, Err(StoreError::Unavailable(_))) {
            // It may be ours without our knowing; the same owner may ask again.
            since = self.mono();
            locked = lock().await;
        }
        match locked {
            Ok(ours @ (Locked::Acquired | Locked::Kept)) => Ok(Some((since, ours))),
            Ok(Locked::Held) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The time that is left under the lock for work that must not cross another's.
    pub(super) fn time_left(&self, desk: &Desk) -> Duration {
        let Some(since) = desk.tenure.as_ref().and_then(|t| t.since) else {
            return Duration::ZERO;
        };
        let spent = self.mono().saturating_sub(since);
        let reserved = self.timing.skew + self.timing.settle;
        self.lock_time().saturating_sub(spent + reserved)
    }

    /// Makes sure that this much time is left, by asking for the lock once more if need be.
    pub(super) async fn stay(&self, desk: &mut Desk, need: Duration) -> Result<bool, StoreError> {
        if self.time_left(desk) >= need {
            return Ok(true);
        }
        Ok(self.enter(desk).await? && self.time_left(desk) >= need)
    }

    fn lock_time(&self) -> Duration {
        match self.plan.material {
            Material::RefreshToken => self.timing.lock,
            _ => self.timing.light_lock,
        }
    }

    /// Gives the lock back when this turn is over: at once when nothing was written, else after the
    /// settle time and a look at what was written. A later turn of this process takes the duty over.
    pub(super) async fn leave(self: &Arc<Self>) {
        let Some((turn, dirty)) = self.turn().await else {
            return;
        };
        for look in 0..MOST_LOOKS {
            if dirty {
                self.parts.timer.sleep(self.timing.settle).await;
            }
            let mut desk = self.desk.lock().await;
            let ours = desk.tenure.as_ref().is_some_and(|t| t.turn == turn);
            if !ours || self.state().standing.still {
                return;
            }
            if dirty && look + 1 < MOST_LOOKS && !self.stands(&mut desk).await {
                continue;
            }
            // Who holds what nobody else has keeps the others away from the old token.
            let holds = self.state().unsaved.is_some();
            if let Some(tenure) = desk.tenure.take_if(|_| !holds) {
                self.give_back(&tenure.owner).await;
            }
            return;
        }
    }

    async fn turn(&self) -> Option<(u64, bool)> {
        let desk = self.desk.lock().await;
        desk.tenure.as_ref().map(|t| (t.turn, t.dirty))
    }

    /// Whether what was written stands; writes it again where it does not. A write that was given up
    /// for lost may have come in late, over a newer one.
    async fn stands(&self, desk: &mut Desk) -> bool {
        let written = self.state().known.last().cloned();
        let (Some(written), Ok(read)) = (written, self.journal_as_read().await) else {
            return true;
        };
        let mut stands = true;
        let older = read.is_some_and(|read| read.seq < written.seq);
        if older && self.time_left(desk) >= self.timing.call {
            stands = false;
            // If this fails, the older journal costs one exchange and nothing else.
            let _ = self.put_journal(&written).await;
        }
        let newest = self.state().known.newest(&written);
        if let Some(newest) = newest
            && let Ok(Some(stored)) = self.stored_print().await
            && self.state().known.is_used(stored, &written)
            && self.time_left(desk) >= self.timing.call
        {
            stands = false;
            let name = &self.plan.refresh_entry;
            // If this fails, this process still knows the newest and the next turn uses it.
            let _ = self.call(self.parts.store.write(name, newest)).await;
        }
        stands
    }

    async fn give_back(&self, owner: &str) {
        // If this fails, the lock ends by itself; where a permission is missing it always will.
        let given = self.call(self.parts.store.unlock(LOCK_ENTRY, owner)).await;
        if let Err(error @ (StoreError::Denied { .. } | StoreError::Unfit { .. })) = given {
            let source = self.plan.source.as_str();
            tracing::warn!(source, %error, "the lock of renewals can't be given back: others wait until it ends by itself");
        }
    }

    /// Sits down at the desk within this time.
    pub(super) async fn sit(
        self: &Arc<Self>,
        time: Duration,
    ) -> Option<tokio::sync::OwnedMutexGuard<Desk>> {
        let desk = Arc::clone(&self.desk).lock_owned();
        within(self.parts.timer.as_ref(), time, desk).await
    }
}
