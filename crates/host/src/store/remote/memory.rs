//! What this process knows of the entries of a remote store.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hushgate_gateway::ports::Secret;
use tokio::time::Instant;

use super::{Ages, Found, Version};

/// How long the service is left alone after it did not answer, while there is a value to use.
const PAUSE: Duration = Duration::from_secs(10);
/// No question waits longer for its answer.
const LONGEST_CALL: Duration = Duration::from_secs(30);

/// Entries beyond which it is not remembered of more that there are none.
const MOST_KNOWN: usize = 1000;

/// The last known state of each entry.
pub(super) struct Memory {
    ages: Ages,
    /// How long after a state was known an answer may be of a state before.
    settle: Duration,
    all: Mutex<All>,
}

#[derive(Default)]
struct All {
    known: HashMap<String, Known>,
    /// How many things were learned or changed so far, which tells what came before what.
    count: u64,
}

/// The moment at which a question was put, or a write begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    at: Instant,
    count: u64,
}

/// What is known of one entry.
struct Known {
    /// None: it was removed, or it is only known that it changed.
    value: Option<Secret>,
    /// Its version; of a removed one, the version that was removed.
    version: Option<Version>,
    /// When this was known to be the newest state, as time and as count.
    at: Instant,
    learned: u64,
    /// The count when this process changed the entry last, or tried to; 0: never.
    changed: u64,
    /// Whether it may be used without asking.
    sure: bool,
    /// When the service did not answer, since this was known.
    unreached: Option<Instant>,
    /// Versions that were replaced, and when.
    before: Vec<(Version, Instant)>,
}

/// What is remembered of an entry: its value, or that there is none.
#[derive(Debug)]
pub(super) struct Remembered(pub(super) Option<Secret>);

/// What an answer is worth beside what is known.
enum Worth {
    /// It is the newest state.
    Newest,
    /// It is shown, and not kept: whether it is older than what was learned meanwhile can't be told.
    Shown,
    /// What is known comes after it.
    Nothing,
}

impl Memory {
    /// `is_exact`: an answer is never of a state from before its question.
    pub(super) fn new(ages: Ages, is_exact: bool) -> Self {
        Self {
            ages,
            settle: if is_exact {
                Duration::ZERO
            } else {
                ages.settle
            },
            all: Mutex::default(),
        }
    }

    /// How long after a write others may still read what was before.
    pub(super) fn settle(&self) -> Duration {
        self.ages.settle
    }

    /// The present moment.
    pub(super) fn now(&self) -> Moment {
        Moment {
            at: Instant::now(),
            count: self.all().count,
        }
    }

    /// The last version that is known.
    pub(super) fn version(&self, name: &str) -> Option<Version> {
        self.all().known.get(name)?.version.clone()
    }

    /// What may be used without asking: what is fresh, or any that may be used at all right after the
    /// service did not answer. That there is no value is known like a value.
    pub(super) fn at_hand(&self, name: &str) -> Option<Remembered> {
        let all = self.all();
        let known = all.known.get(name).filter(|k| k.sure)?;
        let resting = known.unreached.is_some_and(|at| at.elapsed() < PAUSE);
        let age = if resting {
            self.ages.stale
        } else {
            self.ages.fresh
        };
        (known.at.elapsed() < age).then(|| Remembered(known.value.clone()))
    }

    /// Takes note that the service did not answer. Gives what may be used nevertheless, and whether the
    /// service answered before. After a change whose outcome is not known, there is nothing.
    pub(super) fn unreached(&self, name: &str) -> Option<(Remembered, bool)> {
        let mut all = self.all();
        let known = all.known.get_mut(name).filter(|k| k.sure)?;
        let is_first = known.unreached.replace(Instant::now()).is_none();
        let is_usable = known.at.elapsed() < self.ages.stale;
        is_usable.then(|| (Remembered(known.value.clone()), is_first))
    }

    /// Takes note of an answer and gives the newest state: what is known already, when the answer is
    /// of a state before that.
    pub(super) fn answered(&self, name: &str, asked: Moment, answer: Found) -> Option<Secret> {
        let mut all = self.all();
        if let Some(known) = all.known.get(name) {
            match known.worth(asked, &answer, self.settle) {
                Worth::Newest => {}
                Worth::Shown => return answer.value,
                Worth::Nothing => return known.value.clone(),
            }
        }
        let shown = answer.value.clone();
        self.learned(&mut all, name, answer.value, answer.version);
        shown
    }

    /// Takes note of a value that was written.
    pub(super) fn wrote(
        &self,
        name: &str,
        begun: Moment,
        value: &Secret,
        version: Option<Version>,
    ) {
        let mut all = self.all();
        let count = all.count + 1;
        if let Some(known) = all.known.get_mut(name)
            && known.learned > begun.count
            && known.value.is_some()
            && known.is_above(version.as_ref())
        {
            known.changed = count;
            all.count = count;
            return;
        }
        self.learned(&mut all, name, Some(value.clone()), version);
        all.change(name);
    }

    /// Takes note of an entry that was removed, by this version if one says so.
    pub(super) fn removed(&self, name: &str, version: Option<Version>) {
        let mut all = self.all();
        let last = all.known.get(name).and_then(|k| k.version.clone());
        // Where answers are exact, nothing is to be looked for from there on.
        let last = last.filter(|_| self.settle > Duration::ZERO);
        self.learned(&mut all, name, None, version.or(last));
        all.change(name);
    }

    /// Takes note of a change whose outcome is not known.
    pub(super) fn doubt(&self, name: &str) {
        self.all().change(name).sure = false;
    }

    fn learned(&self, all: &mut All, name: &str, value: Option<Secret>, version: Option<Version>) {
        all.count += 1;
        let now = Instant::now();
        let (mut before, mut changed) = (Vec::new(), 0);
        if let Some(last) = all.known.remove(name) {
            changed = last.changed;
            before = last.before;
            before.retain(|(_, at)| now.duration_since(*at) < self.settle + LONGEST_CALL);
            let replaced = last.version.filter(|v| Some(v) != version.as_ref());
            before.extend(replaced.map(|v| (v, now)));
        }
        let says_nothing =
            value.is_none() && version.is_none() && before.is_empty() && changed == 0;
        if says_nothing && all.known.len() >= MOST_KNOWN {
            return;
        }
        let known = Known {
            value,
            version,
            at: now,
            learned: all.count,
            changed,
            sure: true,
            unreached: None,
            before,
        };
        all.known.insert(name.to_owned(), known);
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl All {
    /// Takes note that this process changed an entry. It stays known that it did, also when there is
    /// nothing more to know: an answer may be under way that is of the state before.
    fn change(&mut self, name: &str) -> &mut Known {
        self.count += 1;
        let known = self.known.entry(name.to_owned());
        let known = known.or_insert_with(|| Known {
            value: None,
            version: None,
            at: Instant::now(),
            learned: self.count,
            changed: 0,
            sure: true,
            unreached: None,
            before: Vec::new(),
        });
        known.changed = self.count;
        known
    }
}

impl Known {
    fn worth(&self, asked: Moment, answer: &Found, settle: Duration) -> Worth {
        let crossed = self.changed > asked.count;
        // What this process made of it was the newest state at a time after the question.
        if (crossed && self.sure) || self.is_ahead_of(asked, answer, settle) {
            return Worth::Nothing;
        }
        let overtaken = self.learned > asked.count;
        if overtaken && self.is_above(answer.version.as_ref()) {
            return Worth::Nothing;
        }
        if crossed || (overtaken && answer.version.is_none()) {
            return Worth::Shown;
        }
        Worth::Newest
    }

    /// Whether this is of a higher number.
    fn is_above(&self, version: Option<&Version>) -> bool {
        match (&self.version, version) {
            (Some(Version::Number(known)), Some(Version::Number(other))) => other < known,
            _ => false,
        }
    }

    /// Whether this is known to come after an answer that the service may still give.
    fn is_ahead_of(&self, asked: Moment, answer: &Found, settle: Duration) -> bool {
        let unsettled = |since: Instant| asked.at.saturating_duration_since(since) < settle;
        if !unsettled(self.at) {
            return false;
        }
        let Some(answered) = &answer.version else {
            // A new entry may not be visible yet.
            return self.value.is_some();
        };
        match (&self.version, answered) {
            (Some(Version::Number(known)), Version::Number(answered)) if self.value.is_some() => {
                answered < known
            }
            (Some(Version::Number(known)), Version::Number(answered)) => answered <= known,
            (known, answered) => {
                let removed = self.value.is_none() && known.as_ref() == Some(answered);
                let replaced =
                    |(version, at): &(Version, Instant)| version == answered && unsettled(*at);
                removed || self.before.iter().any(replaced)
            }
        }
    }
}
