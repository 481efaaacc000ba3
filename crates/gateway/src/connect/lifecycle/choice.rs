//! Which refresh token is exchanged, given what the store says and what this process knows.

use std::time::{Duration, SystemTime};

use super::super::fault::ConnectFault;
use super::Exchange;
use super::entries::PAUSES;
use super::journal::{Intent, Journal, MOST_USED, Refused};
use super::keeper::Inner;
use super::print::Print;
use crate::ports::Secret;

/// What this process knows beyond what a single read of the store says.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The newest journal that was read or written, and when.
    journal: Option<(Journal, Duration)>,
    /// The newest refresh token that was used or returned here.
    newest: Option<Secret>,
    /// Refresh tokens that were replaced here.
    used: Vec<Print>,
    /// A refresh token whose exchange ended here without an answer, and when that began.
    pub(super) lost: Option<(Print, SystemTime)>,
    /// An intent of this process after which nothing was sent.
    pub(super) unsent: Option<String>,
}

impl Known {
    /// The journal to go by: what was read, unless that is older than what is known for sure and
    /// may still be a stale read.
    pub(super) fn freshest(
        &mut self,
        read: Option<Journal>,
        now: Duration,
        settle: Duration,
    ) -> Journal {
        if let Some((known, at)) = &self.journal {
            let young = now.saturating_sub(*at) <= settle;
            let older = read.as_ref().is_none_or(|r| r.seq < known.seq);
            if young && older {
                return known.clone();
            }
        }
        let journal = read.unwrap_or_default();
        let newer = |(known, _): &(Journal, Duration)| known.seq != journal.seq;
        if self.journal.as_ref().is_none_or(newer) {
            self.journal = Some((journal.clone(), now));
        }
        journal
    }

    pub(super) fn wrote(&mut self, journal: Journal, now: Duration) {
        self.journal = Some((journal, now));
    }

    /// The journal that was read or written last.
    pub(super) fn last(&self) -> Option<&Journal> {
        self.journal.as_ref().map(|(journal, _)| journal)
    }

    /// A refresh token was returned in place of another.
    pub(super) fn replaced(&mut self, used: Print, new: &Secret) {
        if !self.used.contains(&used) {
            self.used.push(used);
        }
        let excess = self.used.len().saturating_sub(MOST_USED);
        self.used.drain(..excess);
        self.newest = Some(new.clone());
    }

    /// Whether a refresh token was replaced, as far as this process or the journal knows.
    pub(super) fn is_used(&self, print: Print, journal: &Journal) -> bool {
        self.used.contains(&print) || journal.used.contains(&print)
    }

    /// The newest refresh token, if it is the current one or the journal does not say.
    pub(super) fn newest(&self, journal: &Journal) -> Option<Secret> {
        let newest = self.newest.as_ref()?;
        let print = Print::of(newest.reveal());
        let current = |c: Print| c == print || self.used.contains(&c);
        let follows = journal.refresh.is_none_or(current) && !journal.used.contains(&print);
        follows.then(|| newest.clone())
    }
}

/// The refresh token to exchange.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) token: Secret,
    pub(super) print: Print,
    /// Whether the store holds it; if not, an older one was written back.
    pub(super) stored: bool,
    /// When an exchange of the same token began whose outcome nobody knows.
    pub(super) unsure: Option<SystemTime>,
}

impl<X: Exchange> Inner<X> {
    /// Chooses the refresh token, under the lock.
    ///
    /// # Errors
    /// When there is none, when the newest is not known, when another's exchange of it may be under
    /// way, or when it was refused a short time ago.
    pub(super) async fn choose(&self, journal: &Journal) -> Result<Chosen, ConnectFault> {
        let (token, print, stored) = self.current(journal).await?;
        let mut unsure = None;
        if let Some(refused) = journal.refused.as_ref().filter(|r| r.refresh == print) {
            if let Some(fault) = self.still_refused(refused) {
                return Err(fault);
            }
            unsure = refused.interrupted;
        }
        if let Some(intent) = journal.intent.as_ref().filter(|i| i.refresh == print) {
            unsure = self.weigh(intent, unsure)?;
        }
        if let Some((lost, at)) = self.state().known.lost
            && lost == print
        {
            unsure = unsure.or(Some(at));
        }
        Ok(Chosen {
            token,
            print,
            stored,
            unsure,
        })
    }

    /// Why a refresh token that was refused is not tried again yet.
    pub(super) fn still_refused(&self, refused: &Refused) -> Option<ConnectFault> {
        let left = refused.until.duration_since(self.now()).ok()?;
        // Another's clock may be far off; no pause is longer than an hour.
        if left.is_zero() || left > Duration::from_hours(1) + self.timing.skew {
            return None;
        }
        Some(match refused.interrupted {
            Some(at) => ConnectFault::interrupted(at, &refused.reason),
            None => ConnectFault::CoolingDown(left.as_secs() + 1, refused.reason.clone()),
        })
    }

    /// The current refresh token. A token that was replaced is never it: a stale read is repeated,
    /// and an old token that was written back is put right by who knows its successor.
    async fn current(&self, journal: &Journal) -> Result<(Secret, Print, bool), ConnectFault> {
        for pause in [Duration::ZERO, PAUSES[1]] {
            if !pause.is_zero() {
                self.parts.timer.sleep(pause).await;
            }
            let missing = || self.refresh_token_missing();
            let token = self.stored_refresh().await?.ok_or_else(missing)?;
            let print = Print::of(token.reveal());
            let successor = {
                let state = self.state();
                if !state.known.is_used(print, journal) {
                    return Ok((token, print, true));
                }
                state.known.newest(journal)
            };
            if let Some(newest) = successor {
                let print = Print::of(newest.reveal());
                return Ok((newest, print, false));
            }
        }
        Err(ConnectFault::RefreshTokenStale)
    }

    /// Whether an exchange of the same refresh token that has no recorded outcome may be repeated:
    /// gives when the first of them began, unless nothing was sent.
    fn weigh(
        &self,
        intent: &Intent,
        before: Option<SystemTime>,
    ) -> Result<Option<SystemTime>, ConnectFault> {
        let (now, wall) = (self.mono(), self.now());
        let state = self.state();
        if state.known.unsent.as_ref() == Some(&intent.owner) {
            return Ok(before.or(intent.unsure.then_some(intent.at)));
        }
        let known = intent.lost || self.is_mine(intent);
        if known || state.witness.abandoned(intent, (now, wall), &self.timing) {
            return Ok(before.or(Some(intent.at)));
        }
        Err(ConnectFault::Pending)
    }

    /// Whether the journal shows another's exchange that may be under way.
    pub(super) fn is_pending(&self, journal: &Journal) -> Option<Print> {
        let intent = journal.intent.as_ref()?;
        let now = (self.mono(), self.now());
        let done = intent.lost
            || self.is_mine(intent)
            || self.state().witness.abandoned(intent, now, &self.timing);
        (!done).then_some(intent.refresh)
    }

    /// Whether the stored refresh token was exchanged for another since: read a second time when the
    /// token endpoint refused it, since it may have been renewed elsewhere or by an administrator.
    pub(super) async fn newer_than(&self, used: Print, journal: &Journal) -> bool {
        for pause in [Duration::ZERO, PAUSES[1]] {
            if !pause.is_zero() {
                self.parts.timer.sleep(pause).await;
            }
            if let Ok(Some(stored)) = self.stored_print().await
                && stored != used
            {
                return !self.state().known.is_used(stored, journal);
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(2);

    fn journal(seq: u64) -> Journal {
        Journal {
            seq,
            ..Journal::default()
        }
    }

    #[test]
    fn an_older_journal_is_a_stale_read_at_first_and_the_truth_later() {
        let at = Duration::from_secs;
        for older in [Some(journal(4)), None] {
            let mut known = Known::default();
            known.wrote(journal(5), at(10));
            let seq = older.as_ref().map_or(0, |j| j.seq);
            assert_eq!(known.freshest(older.clone(), at(11), SETTLE).seq, 5);
            assert_eq!(known.freshest(older, at(13), SETTLE).seq, seq);
            assert_eq!(known.freshest(Some(journal(6)), at(13), SETTLE).seq, 6);
        }
    }

    #[test]
    fn the_newest_refresh_token_follows_only_what_was_replaced_here() {
        let mut known = Known::default();
        known.replaced(Print::of("r0"), &Secret::new("r1"));
        let mut said = journal(1);
        assert!(known.is_used(Print::of("r0"), &said));
        assert!(!known.is_used(Print::of("r1"), &said));
        for (current, newest) in [
            (None, true),
            (Some("r0"), true),
            (Some("r1"), true),
            (Some("r7"), false),
        ] {
            said.refresh = current.map(Print::of);
            assert_eq!(known.newest(&said).is_some(), newest, "{current:?}");
        }
        said.refresh = None;
        said.note_used(Print::of("r1"));
        assert!(
            known.newest(&said).is_none(),
            "another instance replaced it"
        );
    }
}
