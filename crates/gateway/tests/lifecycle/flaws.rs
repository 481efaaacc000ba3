//! Defects of the protocol, put in from outside, that the simulation must find.

use std::time::Duration;

use hushgate_gateway::connect::lifecycle::{Answer, JOURNAL_ENTRY, Journal, Timing};
use hushgate_gateway::ports::Secret;

/// A defect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// An exchange begins without the intent in the store.
    NoIntent,
    /// The refresh token counts as written before it is.
    WriteBehind,
    /// Nobody remembers which refresh tokens were used up.
    NoUsed,
    /// The lock is given back without waiting for the store to settle.
    NoSettle,
    /// Everybody gets the lock.
    NoLock,
    /// A lock that two may have is not asked for twice.
    NoDoubt,
    /// Another's pending exchange counts as abandoned as soon as its lock is over.
    NoWatch,
    /// The lock ends before the work under it.
    ShortLock,
    /// A returned refresh token is not taken up.
    NoRefresh,
    /// The journal's access token is not adopted.
    NoAdoption,
    /// A request waits for as long as others need.
    Patient,
}

pub(crate) const ALL: [Flaw; 11] = [
    Flaw::NoIntent,
    Flaw::WriteBehind,
    Flaw::NoUsed,
    Flaw::NoSettle,
    Flaw::NoLock,
    Flaw::NoDoubt,
    Flaw::NoWatch,
    Flaw::ShortLock,
    Flaw::NoRefresh,
    Flaw::NoAdoption,
    Flaw::Patient,
];

impl Flaw {
    pub(crate) fn timing(self) -> Timing {
        let mut timing = Timing::default();
        match self {
            Self::NoSettle => timing.settle = Duration::ZERO,
            Self::NoWatch => timing.watch = Duration::ZERO,
            Self::ShortLock => {
                timing.lock = Duration::from_secs(15);
                timing.skew = Duration::ZERO;
                timing.exchange = Duration::from_secs(1);
                timing.call = Duration::from_secs(1);
            }
            Self::Patient => timing.patience = Duration::from_secs(5),
            _ => {}
        }
        timing
    }

    /// Whether a write is acknowledged and dropped.
    pub(crate) fn swallows(self, name: &str, text: &str) -> bool {
        self == Self::NoIntent
            && name == JOURNAL_ENTRY
            && Journal::read(text).is_ok_and(|j| j.intent.is_some_and(|i| !i.lost))
    }

    pub(crate) fn on_read(self, name: &str, value: Secret) -> Secret {
        if name != JOURNAL_ENTRY || !matches!(self, Self::NoUsed | Self::NoAdoption) {
            return value;
        }
        let Ok(mut journal) = Journal::read(value.reveal()) else {
            return value;
        };
        if self == Self::NoUsed {
            journal.used.clear();
        } else {
            journal.token = None;
        }
        journal.write()
    }

    pub(crate) fn on_answer(self, mut answer: Answer) -> Answer {
        if self == Self::NoRefresh {
            answer.refresh = None;
        }
        answer
    }
}
