//! One cached credential: when it is used, when it is renewed, and when nothing is tried.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::credential::Credential;
use super::fault::ConnectFault;
use super::random;

/// Users whose tokens are kept at once.
const MOST_SLOTS: usize = 50;
/// The first pause after a refused credential; it doubles up to the longest.
const FIRST_COOL_DOWN: Duration = Duration::from_secs(15);
const LONGEST_COOL_DOWN: Duration = Duration::from_mins(5);
/// The pause after an early renewal failed while the token lives.
const EARLY_PAUSE: Duration = Duration::from_secs(30);
/// Renewals that refused calls may force within the window.
const MOST_FORCED: usize = 3;
const FORCED_WINDOW: Duration = Duration::from_mins(1);

/// The place of one credential.
#[derive(Debug, Default)]
pub(super) struct Slot {
    state: Mutex<State>,
    /// Held during an exchange: at most one per slot runs at a time.
    pub(super) flight: Arc<tokio::sync::Mutex<()>>,
    used: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    held: Option<Held>,
    failure: Option<(ConnectFault, Option<SystemTime>)>,
    /// Exchanges that ended, well or not.
    attempts: u64,
    /// Refusals in a row.
    strikes: u32,
    forced: VecDeque<SystemTime>,
}

#[derive(Debug, Clone)]
struct Held {
    credential: Credential,
    /// None: until it is refused.
    until: Option<Until>,
}

#[derive(Debug, Clone, Copy)]
struct Until {
    renew: SystemTime,
    end: SystemTime,
}

/// What a slot offers at a moment.
#[derive(Debug)]
pub(super) enum Offer {
    /// A credential to use.
    Ready(Credential),
    /// A credential that still lives and should be renewed.
    Due(Credential),
    /// Nothing; an exchange is needed.
    Empty,
    /// Nothing, and nothing is tried now.
    Paused(ConnectFault),
}

impl Slot {
    pub(super) fn offer(&self, now: SystemTime) -> Offer {
        let state = self.state();
        let living = state
            .held
            .as_ref()
            .filter(|h| h.until.is_none_or(|u| now < u.end));
        let paused = state.pause(now);
        match living {
            Some(held) if held.until.is_none_or(|u| now < u.renew) || paused.is_some() => {
                Offer::Ready(held.credential.clone())
            }
            Some(held) => Offer::Due(held.credential.clone()),
            None => paused.map_or(Offer::Empty, Offer::Paused),
        }
    }

    /// How many exchanges have ended; tells a waiter whether one ended while it waited.
    pub(super) fn attempts(&self) -> u64 {
        self.state().attempts
    }

    /// The failure of the exchange that ended last, if it failed.
    pub(super) fn last_failure(&self) -> Option<ConnectFault> {
        self.state()
            .failure
            .as_ref()
            .map(|(fault, _)| fault.clone())
    }

    /// The pause that applies now.
    pub(super) fn paused(&self, now: SystemTime) -> Option<ConnectFault> {
        self.state().pause(now)
    }

    /// Counts a forced renewal; false when there were too many.
    pub(super) fn may_force(&self, now: SystemTime) -> bool {
        let mut state = self.state();
        while state
            .forced
            .front()
            .is_some_and(|at| now.duration_since(*at).is_ok_and(|d| d > FORCED_WINDOW))
        {
            state.forced.pop_front();
        }
        let may = state.forced.len() < MOST_FORCED;
        if may {
            state.forced.push_back(now);
        }
        may
    }

    /// Keeps a new credential. `lifetime` is none when it lives until it is refused.
    pub(super) fn keep(
        &self,
        credential: Credential,
        lifetime: Option<Duration>,
        margin: (Duration, Duration),
        now: SystemTime,
    ) {
        let until = lifetime.and_then(|lifetime| {
            let (least, most) = clamp(margin, lifetime);
            let end = now.checked_add(lifetime)?;
            let renew = end.checked_sub(random::between(least, most))?;
            Some(Until { renew, end })
        });
        let mut state = self.state();
        state.held = Some(Held { credential, until });
        state.failure = None;
        state.strikes = 0;
        state.attempts += 1;
    }

    /// Notes a failed exchange and how long nothing is tried.
    pub(super) fn fail(&self, fault: ConnectFault, now: SystemTime) {
        let mut state = self.state();
        let pause = match &fault {
            ConnectFault::Rejected { .. } => {
                let doubled = FIRST_COOL_DOWN.saturating_mul(1 << state.strikes.min(8));
                state.strikes = state.strikes.saturating_add(1);
                Some(doubled.min(LONGEST_COOL_DOWN))
            }
            ConnectFault::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        };
        if let Some(until) = state.held.as_mut().and_then(|h| h.until.as_mut()) {
            until.renew = now + pause.unwrap_or_default().max(EARLY_PAUSE);
        }
        state.failure = Some((fault, pause.map(|pause| now + pause)));
        state.attempts += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn pause(&self, now: SystemTime) -> Option<ConnectFault> {
        let (fault, until) = self.failure.as_ref()?;
        let left = (*until)?
            .duration_since(now)
            .ok()
            .filter(|left| !left.is_zero())?;
        Some(match fault {
            ConnectFault::Rejected { reason, .. } => {
                ConnectFault::CoolingDown(left.as_secs() + 1, reason.clone())
            }
            other => other.clone(),
        })
    }
}

/// The margin for a token of this lifetime: at most half of it, so that a short-lived one is used.
fn clamp((least, most): (Duration, Duration), lifetime: Duration) -> (Duration, Duration) {
    let most = most.min(lifetime / 2);
    (least.min(lifetime / 4).min(most), most)
}

/// The slots of one connector, by user; the one used least recently goes first.
#[derive(Debug, Default)]
pub(super) struct Slots {
    map: Mutex<HashMap<String, Arc<Slot>>>,
    clock: AtomicU64,
}

impl Slots {
    pub(super) fn of(&self, user: Option<&str>) -> Arc<Slot> {
        let mut map = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        let moment = self.clock.fetch_add(1, Ordering::Relaxed);
        let user = user.unwrap_or_default();
        if !map.contains_key(user) {
            if map.len() >= MOST_SLOTS {
                let idle = map.iter().filter(|(_, slot)| Arc::strong_count(slot) == 1);
                let oldest = idle.min_by_key(|(_, slot)| slot.used.load(Ordering::Relaxed));
                if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                    map.remove(&oldest);
                }
            }
            map.insert(user.to_owned(), Arc::default());
        }
        let slot = map.entry(user.to_owned()).or_default();
        slot.used.store(moment, Ordering::Relaxed);
        Arc::clone(slot)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.map.lock().unwrap().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_leave_a_short_lived_token_usable() {
        let margin = (Duration::from_mins(1), Duration::from_mins(10));
        assert_eq!(clamp(margin, Duration::from_hours(1)), margin);
        assert_eq!(
            clamp(margin, Duration::from_mins(1)),
            (Duration::from_secs(15), Duration::from_secs(30))
        );
        assert_eq!(
            clamp(margin, Duration::from_secs(1)),
            (Duration::from_millis(250), Duration::from_millis(500))
        );
    }

    #[test]
    fn keeps_fifty_users_and_drops_the_one_not_used_for_longest() {
        let slots = Slots::default();
        let busy = slots.of(Some("busy"));
        for n in 0..500 {
            slots.of(Some(&format!("user{n}")));
            slots.of(Some("often"));
        }
        assert_eq!(slots.len(), MOST_SLOTS);
        assert!(Arc::ptr_eq(&busy, &slots.of(Some("busy"))));
    }
}
