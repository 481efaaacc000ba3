//! The end of a setup: the check, then everything is kept at once.

use hushgate_gateway::connect::SourceHost;
use hushgate_gateway::ports::Secret;
use hushgate_host::connection::{RECORD, Record};
use hushgate_host::store::Change;

use super::{Setup, locked, now};
use crate::connection::check::{self, Checked};
use crate::connection::draft::{Draft, JOURNAL};
use crate::connection::failure::Failure;
use crate::connection::renewal::RenewalLock;
use crate::connection::unbroken::unbroken;
use crate::connection::web::{Answers, Connected};

/// A refresh token that was entered and is used up, and the one that came for it and is not kept.
pub(super) struct Left {
    name: String,
    entered: Secret,
    newest: Secret,
}

impl Setup {
    /// Finds out whether it works, and keeps it; remembers what a failed attempt used up.
    pub(super) async fn finish(&self, draft: Draft) -> Result<Connected, Failure> {
        unbroken(self.attempt(draft)).await
    }

    async fn attempt(&self, draft: Draft) -> Result<Connected, Failure> {
        let done = self.check_and_keep(&draft).await;
        if done.is_ok() {
            *locked(&self.left) = None;
        } else if let Some((name, entered, newest)) = draft.successor().await {
            let mut left = locked(&self.left);
            // An attempt with a successor goes on for what was entered first.
            let first = left.take();
            let first = first.filter(|l| l.newest.reveal() == entered.reveal());
            let entered = first.map_or_else(|| entered.clone(), |l| l.entered);
            *left = Some(Left {
                name: name.to_owned(),
                entered,
                newest,
            });
        }
        done
    }

    async fn check_and_keep(&self, draft: &Draft) -> Result<Connected, Failure> {
        let checked =
            check::check(&self.place, &self.sources, draft, self.act_for.as_deref()).await?;
        self.keep(draft, &checked).await?;
        Ok(checked.connected)
    }

    /// The answers of another attempt: a refresh token that the last one used up gives way to its
    /// successor, so that it is not used twice.
    pub(super) fn newest(&self, answers: &Answers) -> Answers {
        let mut answers = answers.clone();
        if let Some(left) = locked(&self.left).as_ref()
            && let Some(given) = answers.get_mut(&left.name)
            && given.reveal() == left.entered.reveal()
        {
            given.clone_from(&left.newest);
        }
        answers
    }

    /// The name of a refresh token that was entered and is used up, when nothing came of it.
    pub fn used_up(&self) -> Option<String> {
        locked(&self.left).as_ref().map(|left| left.name.clone())
    }

    /// Keeps everything at once.
    async fn keep(&self, draft: &Draft, checked: &Checked) -> Result<(), Failure> {
        let record = self.record(draft, checked);
        let mut changes = draft.changes().await;
        changes.push((RECORD.to_owned(), Some(Secret::new(record.text()))));
        match &self.before {
            None => Ok(self.place.store.save(&self.id, true, changes).await?),
            Some(_) => self.replace(changes).await,
        }
    }

    /// Replaces entries under the lock of renewals, so that no exchange under way crosses it.
    async fn replace(&self, changes: Vec<Change>) -> Result<(), Failure> {
        let lock = RenewalLock::take(&self.place, &self.id).await?;
        let changes = changes
            .into_iter()
            // What a static key or the journal of another account left must not stay; other fields do.
            .filter(|(name, value)| value.is_some() || name == JOURNAL)
            .collect();
        let saved = self.place.store.save(&self.id, false, changes).await;
        lock.give_back().await;
        saved.map_err(Failure::from)
    }

    fn record(&self, draft: &Draft, checked: &Checked) -> Record {
        let now = now();
        Record {
            id: self.id.clone(),
            source: self.main().id.clone(),
            serves: self.sources.iter().map(|s| s.id.clone()).collect(),
            label: self.label.clone(),
            account: checked.connected.account.clone(),
            email: checked.connected.email.clone(),
            target_host: draft
                .target_host
                .clone()
                .filter(|_| matches!(self.main().host, SourceHost::Account { .. })),
            settings: draft.settings.clone(),
            created: self.before.as_ref().map_or(now, |before| before.created),
            authorized: self
                .before
                .as_ref()
                .filter(|_| !draft.is_fresh)
                .map_or(now, |before| before.authorized),
            validated: checked.worked.then_some(now),
        }
    }
}
