//! What this process knows of one entry.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hushgate_gateway::ports::Secret;

use super::calls::Version;

/// How long what was read may be used.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// How long a value is used without asking for a newer one.
    pub fresh: Duration,
    /// How long after it was read a value is used while the service can't answer.
    pub stale: Duration,
    /// How long the service is left alone after it could not answer, while there is a value to use.
    pub pause: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            fresh: Duration::from_secs(15),
            stale: Duration::from_mins(5),
            pause: Duration::from_secs(10),
        }
    }
}

/// What is known of one entry, and the turn to ask for it.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Held by whoever asks, so that the others wait for its answer.
    pub(super) asking: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    newest: Option<Version>,
    /// When `newest` was known to be the newest.
    read_at: Option<Instant>,
    failed_at: Option<Instant>,
    /// Whether old versions of earlier processes were destroyed.
    swept: bool,
}

impl Slot {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, while it is fresh. That there is none is asked for each time.
    pub(super) fn fresh(&self, timing: &Timing) -> Option<Secret> {
        self.state().value_until(timing.fresh)
    }

    /// The value while the service can't answer, as long as that may be.
    pub(super) fn stale(&self, timing: &Timing) -> Option<Secret> {
        self.state().value_until(timing.stale)
    }

    /// [`Slot::stale`], right after the service could not answer.
    pub(super) fn in_pause(&self, timing: &Timing) -> Option<Secret> {
        let state = self.state();
        let failed = state.failed_at.filter(|at| at.elapsed() < timing.pause);
        failed.and_then(|_| state.value_until(timing.stale))
    }

    /// Remembers that the service could not answer; says whether that is new.
    pub(super) fn failed(&self) -> bool {
        let mut state = self.state();
        state.failed_at.replace(Instant::now()).is_none()
    }

    /// The newest version that was ever seen.
    pub(super) fn number(&self) -> Option<u64> {
        self.state().newest.as_ref().map(|version| version.number)
    }

    /// Takes up what was read or written; never goes back to an older version.
    pub(super) fn take_up(&self, version: Version) {
        let mut state = self.state();
        state.failed_at = None;
        if state
            .newest
            .as_ref()
            .is_none_or(|n| n.number <= version.number)
        {
            state.newest = Some(version);
            state.read_at = Some(Instant::now());
        }
    }

    /// Forgets everything: the secret was deleted.
    pub(super) fn clear(&self) {
        *self.state() = State::default();
    }

    /// Whether what earlier processes left was looked at.
    pub(super) fn is_swept(&self) -> bool {
        self.state().swept
    }

    /// Remembers that nothing old is left.
    pub(super) fn swept(&self) {
        self.state().swept = true;
    }
}

impl State {
    fn value_until(&self, age: Duration) -> Option<Secret> {
        let young = self.read_at.is_some_and(|at| at.elapsed() < age);
        let newest = self.newest.as_ref().filter(|_| young)?;
        newest.value.clone()
    }
}
