//! When a process may be frozen.
//!
//! A frozen process goes on at any time later, or never. What is under way is therefore brought to its
//! end before: the answer to an exchange would be lost, and a turn that was frozen between its look at
//! the lock and its write would write when the lock is another's. What can't be saved now is kept in
//! memory, and nothing saves it until the next call for a credential: no freeze can meet it half-way.

use std::time::Duration;

use super::keeper::Inner;
use super::save::Saved;
use super::{Exchange, Material};

/// How long saving that fails is waited for. The background has tried four times by then.
const PERSISTENCE: Duration = Duration::from_secs(8);

/// What decides whether the process may be frozen, beside what is under way.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// How saving has failed so far.
    setback: Option<Setback>,
    /// When saving is tried again in the background.
    pub(super) retry: Option<Duration>,
    /// Whether a call has had saving tried again, and the attempt has not begun yet.
    pub(super) due: bool,
    /// Whether the process may be frozen at any moment.
    pub(super) still: bool,
}

/// How saving has failed so far.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setback {
    /// When what is not saved could not be saved first.
    since: Duration,
    /// Whether the store refused it last.
    denied: bool,
}

impl<X: Exchange> Inner<X> {
    /// Whether the process may be frozen from here on, for a host that could wait until `end`. If so,
    /// what the process does by itself rests until [`Inner::go_on`].
    pub(super) async fn stands_still(&self, end: Duration) -> bool {
        let at_stake = self.plan.material == Material::RefreshToken;
        // A turn is not frozen half-way.
        let desk = self.desk.lock().await;
        let mut state = self.state();
        let saved = match &state.unsaved {
            None => !at_stake || desk.tenure.is_none(),
            Some(_) => self.is_hopeless(&state.standing, end),
        };
        let done = saved && state.flight.is_none() && !state.standing.due;
        state.standing.still = done && at_stake;
        done
    }

    /// Goes on, be it after a freeze.
    pub(super) fn go_on(&self) {
        self.state().standing.still = false;
    }

    /// Whether waiting until `end` would save nothing, or saving has failed for long enough.
    fn is_hopeless(&self, standing: &Standing, end: Duration) -> bool {
        let is_far = standing.retry.is_some_and(|at| at >= end);
        let given_up = |setback: Setback| {
            setback.denied || self.mono().saturating_sub(setback.since) >= PERSISTENCE
        };
        standing
            .setback
            .is_some_and(|setback| is_far || given_up(setback))
    }

    /// Notes how an attempt to save ended, the first one or a later one.
    pub(super) fn note_attempt(&self, saved: Saved, first: bool) {
        let now = self.mono();
        let mut state = self.state();
        let before = state.standing.setback.filter(|_| !first);
        state.standing.setback = match saved {
            Saved::Done => None,
            Saved::Failed | Saved::Denied => Some(Setback {
                since: before.map_or(now, |before| before.since),
                denied: saved == Saved::Denied,
            }),
            Saved::Held => return,
        };
    }
}
