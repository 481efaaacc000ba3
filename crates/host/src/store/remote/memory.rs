//! What this process knows of the entries of a remote store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hushgate_gateway::ports::Secret;
use tokio::time::Instant;

use super::{Ages, Entry, Version};

/// The last known state of each entry.
pub(super) struct Memory {
    ages: Ages,
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of one entry.
struct Known {
    /// None: it was removed.
    value: Option<Secret>,
    /// Its version; of a removed one, the version that was removed.
    version: Option<Version>,
    /// When this was known to be the newest state.
    at: Instant,
    /// Whether it may be used without asking.
    sure: bool,
    /// Versions that were replaced, and when.
    before: Vec<(Version, Instant)>,
}

impl Memory {
    pub(super) fn new(ages: Ages) -> Self {
        Self {
            ages,
            known: Mutex::default(),
        }
    }

    /// How long after a write the service may still answer with the state before.
    pub(super) fn settle(&self) -> Duration {
        self.ages.settle
    }

    /// A value that may be used without asking.
    pub(super) fn fresh(&self, name: &str) -> Option<Secret> {
        let known = self.known();
        let known = known.get(name).filter(|k| k.sure)?;
        let young = known.at.elapsed() < self.ages.fresh;
        known.value.clone().filter(|_| young)
    }

    /// A value that may be used when the service does not answer.
    pub(super) fn stale(&self, name: &str) -> Option<Secret> {
        let known = self.known();
        let known = known.get(name)?;
        let usable = known.at.elapsed() < self.ages.stale;
        known.value.clone().filter(|_| usable)
    }

    /// Takes note of an answer and gives the newest state: what is known already, when the answer is
    /// of a state before that and the service may not have settled.
    pub(super) fn answered(&self, name: &str, answer: Option<Entry>) -> Option<Secret> {
        let mut all = self.known();
        if let Some(known) = all.get(name)
            && known.is_ahead_of(answer.as_ref(), self.ages.settle)
        {
            return known.value.clone();
        }
        let (value, version) = match answer {
            Some(entry) => (Some(entry.value), Some(entry.version)),
            None => (None, None),
        };
        let shown = value.clone();
        self.learned(&mut all, name, value, version);
        shown
    }

    /// Takes note of a value that was written.
    pub(super) fn wrote(&self, name: &str, value: &Secret, version: Option<Version>) {
        self.learned(&mut self.known(), name, Some(value.clone()), version);
    }

    /// Takes note of an entry that was removed.
    pub(super) fn removed(&self, name: &str) {
        let mut all = self.known();
        let version = all.get(name).and_then(|k| k.version.clone());
        self.learned(&mut all, name, None, version);
    }

    /// Takes note of a write whose outcome is not known.
    pub(super) fn doubt(&self, name: &str) {
        if let Some(known) = self.known().get_mut(name) {
            known.sure = false;
        }
    }

    fn learned(
        &self,
        all: &mut HashMap<String, Known>,
        name: &str,
        value: Option<Secret>,
        version: Option<Version>,
    ) {
        let now = Instant::now();
        let mut before = Vec::new();
        if let Some(last) = all.remove(name) {
            before = last.before;
            before.retain(|(_, at)| now.duration_since(*at) < self.ages.settle);
            let replaced = last.version.filter(|v| Some(v) != version.as_ref());
            before.extend(replaced.map(|v| (v, now)));
        }
        if value.is_none() && version.is_none() && before.is_empty() {
            return;
        }
        let known = Known {
            value,
            version,
            at: now,
            sure: true,
            before,
        };
        all.insert(name.to_owned(), known);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    /// Whether this is known to come after an answer that the service may still give.
    fn is_ahead_of(&self, answer: Option<&Entry>, settle: Duration) -> bool {
        if self.at.elapsed() >= settle {
            return false;
        }
        let Some(answer) = answer else {
            // A new entry may not be visible yet.
            return self.value.is_some();
        };
        match (&self.version, &answer.version) {
            (Some(Version::Number(known)), Version::Number(answered)) if self.value.is_some() => {
                answered < known
            }
            (Some(Version::Number(known)), Version::Number(answered)) => answered <= known,
            (known, answered) => {
                let removed = self.value.is_none() && known.as_ref() == Some(answered);
                let replaced = |(version, at): &(Version, Instant)| {
                    version == answered && at.elapsed() < settle
                };
                removed || self.before.iter().any(replaced)
            }
        }
    }
}
