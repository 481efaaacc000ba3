//! Writing what an exchange gave: the refresh token first, then the journal; again and again if the
//! store fails, but never over what others have written since.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::desk::Desk;
use super::entries::PAUSES;
use super::journal::{Journal, Refused, Stored, Wait};
use super::keeper::Inner;
use super::print::Print;
use super::{Exchange, LOCK_ENTRY};
use crate::ports::{Secret, StoreError};

/// Pauses between later attempts to save.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// The pause when the store does not let this function write.
const DENIED_RETRY: Duration = Duration::from_mins(1);

/// What an exchange gave and the store may not hold yet.
#[derive(Debug, Clone)]
pub(super) struct Unsaved {
    /// The refresh token that was used.
    pub(super) used: Option<Print>,
    /// The refresh token to be stored, unless the used one stays.
    pub(super) refresh: Option<Secret>,
    /// Whether that is done.
    pub(super) stored: bool,
    /// The access token, unless the answer's was unusable.
    pub(super) token: Option<Stored>,
    /// Who exchanged; none when nothing is shared.
    pub(super) owner: Option<String>,
}

/// How saving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saved {
    /// All is in the store, or others have gone on from there.
    Done,
    /// The store failed.
    Failed,
    /// The store refuses to be written.
    Denied,
    /// Nothing was tried, since the process may be frozen.
    Held,
}

/// What became of an exchange that gave nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Failed {
    pub(super) refused: Option<Refused>,
    pub(super) wait: Option<Wait>,
    /// Whether the answer is lost, so that the refresh token may be used up.
    pub(super) lost: bool,
}

impl<X: Exchange> Inner<X> {
    /// Saves what this turn's exchange gave, in three attempts. What can't be saved stays in memory.
    pub(super) async fn save_now(self: &Arc<Self>, desk: &mut Desk, base: &Journal) {
        let mut saved = self.save_once(desk, base).await;
        for pause in PAUSES {
            if saved != Saved::Failed {
                break;
            }
            self.parts.timer.sleep(pause).await;
            saved = self.save_once(desk, base).await;
        }
        self.note_attempt(saved, true);
        if saved == Saved::Done {
            self.state().unsaved = None;
            return;
        }
        let (source, error) = (self.plan.source.as_str(), self.why());
        if self.holds_refresh_token() {
            tracing::error!(
                source,
                secret = self.plan.refresh_entry,
                error,
                "a new refresh token could not be saved; it is kept in memory and lost when this process ends: repair the store's write permission at once"
            );
        } else {
            tracing::warn!(
                source,
                error,
                "a new access token could not be shared; other instances may have to obtain their own"
            );
        }
        self.keep_saving();
    }

    /// Whether a new refresh token is in memory only.
    fn holds_refresh_token(&self) -> bool {
        let state = self.state();
        let unsaved = state.unsaved.as_ref();
        unsaved.is_some_and(|u| u.refresh.is_some() && !u.stored)
    }

    /// Why the last attempt to save came to nothing, for the log.
    fn why(&self) -> String {
        let state = self.state();
        let told = state.save_error.as_ref().map(ToString::to_string);
        told.unwrap_or_else(|| "there was no time left under the lock".to_owned())
    }

    /// How an attempt ended; why it failed is remembered for the log.
    fn graded(&self, result: Result<(), StoreError>) -> Saved {
        let error = match result {
            Ok(()) => return Saved::Done,
            Err(error) => error,
        };
        let saved = match error {
            StoreError::Unavailable(_) => Saved::Failed,
            _ => Saved::Denied,
        };
        self.state().save_error = Some(error);
        saved
    }

    /// One attempt in the turn that exchanged: nobody else can have written meanwhile, except an
    /// administrator.
    async fn save_once(&self, desk: &mut Desk, base: &Journal) -> Saved {
        let Some(unsaved) = self.state().unsaved.clone() else {
            return Saved::Done;
        };
        self.state().save_error = None;
        if unsaved.owner.is_some() && self.time_left(desk) < self.timing.call {
            return Saved::Failed;
        }
        if let Some(refresh) = unsaved.refresh.as_ref().filter(|_| !unsaved.stored) {
            let used = unsaved.used;
            let saved = self.put_refresh(refresh, used, base).await;
            if saved != Saved::Done {
                return saved;
            }
        }
        if unsaved.owner.is_none() {
            return Saved::Done;
        }
        if self.time_left(desk) < self.timing.call {
            return Saved::Failed;
        }
        if let Some(tenure) = &mut desk.tenure {
            tenure.dirty = true;
        }
        let put = self.put_journal(&recorded(base, &unsaved)).await;
        self.graded(put)
    }

    /// Writes a refresh token, unless the store holds one that came from elsewhere.
    async fn put_refresh(&self, refresh: &Secret, used: Option<Print>, journal: &Journal) -> Saved {
        let new = Print::of(refresh.reveal());
        let mut stored = self.stored_print().await;
        if matches!(stored, Ok(Some(other)) if self.is_foreign(other, new, used, journal)) {
            // A read that is behind may show a token from before the one that was used.
            self.parts.timer.sleep(self.timing.settle).await;
            stored = self.stored_print().await;
        }
        match stored {
            Ok(Some(stored)) if stored == new => {
                self.stored_now();
                return Saved::Done;
            }
            Ok(Some(other)) if self.is_foreign(other, new, used, journal) => {
                tracing::warn!(
                    source = self.plan.source,
                    secret = self.plan.refresh_entry,
                    "the stored refresh token was replaced from outside during an exchange; the stored one is kept"
                );
                self.stored_now();
                return Saved::Done;
            }
            // Not to lose the new token comes before not to overwrite another's.
            Ok(_) | Err(_) => {}
        }
        let write = self
            .parts
            .store
            .write(&self.plan.refresh_entry, refresh.clone());
        let saved = self.graded(self.call(write).await);
        if saved == Saved::Done {
            self.stored_now();
        }
        saved
    }

    /// Whether a stored refresh token came from outside: it is neither what was used, nor what is to
    /// be written, nor used up before.
    fn is_foreign(&self, other: Print, new: Print, used: Option<Print>, journal: &Journal) -> bool {
        let own = other == new || used == Some(other);
        !own && !self.state().known.is_used(other, journal)
    }

    fn stored_now(&self) {
        if let Some(unsaved) = &mut self.state().unsaved {
            unsaved.stored = true;
        }
    }

    /// Saves what is left in memory, in a later turn: under the lock, and only what nobody has gone
    /// on from since.
    pub(super) async fn save_later(self: &Arc<Self>, desk: &mut Desk) -> Saved {
        let Some(unsaved) = self.state().unsaved.clone() else {
            return Saved::Done;
        };
        self.state().save_error = None;
        let saved = match &unsaved.owner {
            None => match (&unsaved.refresh, unsaved.stored) {
                (Some(refresh), false) => {
                    self.put_refresh(refresh, unsaved.used, &Journal::default())
                        .await
                }
                _ => Saved::Done,
            },
            Some(owner) => self.save_shared(desk, &unsaved, owner).await,
        };
        self.note_attempt(saved, false);
        if saved == Saved::Done {
            self.state().unsaved = None;
            tracing::info!(
                source = self.plan.source,
                "what could not be saved before is saved now"
            );
        }
        saved
    }

    async fn save_shared(&self, desk: &mut Desk, unsaved: &Unsaved, owner: &str) -> Saved {
        match self.stay(desk, self.timing.call * 3).await {
            Ok(true) => {}
            Ok(false) => return Saved::Failed,
            Err(error) => return self.graded(Err(error)),
        }
        let journal = match self.journal().await {
            Ok(journal) => journal,
            Err(error) => return self.graded(Err(error)),
        };
        let new = unsaved.refresh.as_ref().map(|r| Print::of(r.reveal()));
        let current = new.or(unsaved.used);
        let recorded_already = journal.intent.is_none()
            && journal.refresh == current
            && match (&journal.token, &unsaved.token) {
                (Some(there), Some(ours)) => there.value.reveal() == ours.value.reveal(),
                (_, None) => true,
                (None, _) => false,
            };
        if recorded_already && (unsaved.stored || new.is_none()) {
            return Saved::Done;
        }
        let ours = journal.intent.as_ref().is_some_and(|i| i.owner == owner);
        let same = |print: Print| Some(print) == unsaved.used;
        // Somebody went on from the same token: nobody did and told, or the endpoint refused it.
        let open = journal.intent.as_ref().is_some_and(|i| same(i.refresh))
            || journal.refused.as_ref().is_some_and(|r| same(r.refresh));
        let unrecorded = unsaved
            .used
            .is_some_and(|used| !journal.used.contains(&used));
        let still_wanted = open && unrecorded && new.is_some() && !unsaved.stored;
        if !ours && !still_wanted {
            tracing::warn!(
                source = self.plan.source,
                "what could not be saved is out of date: another instance went on meanwhile"
            );
            return Saved::Done;
        }
        if let Some(tenure) = &mut desk.tenure {
            tenure.dirty = true;
        }
        if let Some(refresh) = unsaved.refresh.as_ref().filter(|_| !unsaved.stored) {
            let saved = self.put_refresh(refresh, unsaved.used, &journal).await;
            if saved != Saved::Done {
                return saved;
            }
        }
        let put = self.put_journal(&recorded(&journal, unsaved)).await;
        self.graded(put)
    }

    /// Goes on saving in the background until it is done.
    pub(super) fn keep_saving(self: &Arc<Self>) {
        if std::mem::replace(&mut self.state().saving, true) {
            return;
        }
        let inner = Arc::clone(self);
        self.parts.tasks.spawn(Box::pin(async move {
            let mut pause = FIRST_RETRY;
            loop {
                inner.state().standing.retry = Some(inner.mono() + pause);
                inner.parts.timer.sleep(pause).await;
                let saved = inner.save_in_turn().await;
                match saved {
                    Saved::Done => break,
                    Saved::Held => {}
                    Saved::Failed => pause = (pause * 2).min(LONGEST_RETRY),
                    Saved::Denied => pause = DENIED_RETRY,
                }
            }
        }));
    }

    /// One later attempt to save, in a turn of its own.
    pub(super) async fn save_in_turn(self: &Arc<Self>) -> Saved {
        let mut desk = Arc::clone(&self.desk).lock_owned().await;
        let shared = {
            let now = self.mono();
            let mut state = self.state();
            state.standing.due = false;
            if state.standing.still {
                return Saved::Held;
            }
            state.tried = Some(now);
            let Some(unsaved) = &state.unsaved else {
                state.saving = false;
                return Saved::Done;
            };
            unsaved.owner.is_some()
        };
        if shared {
            match self.enter(&mut desk).await {
                Ok(true) => {}
                Ok(false) => {
                    self.note_attempt(Saved::Failed, false);
                    return Saved::Failed;
                }
                Err(error) => {
                    let source = self.plan.source.as_str();
                    if self.holds_refresh_token() {
                        tracing::error!(source, lock = LOCK_ENTRY, %error, "a new refresh token still can't be saved");
                    } else {
                        tracing::warn!(source, lock = LOCK_ENTRY, %error, "a new access token still can't be shared");
                    }
                    let saved = self.graded(Err(error));
                    self.note_attempt(saved, false);
                    return saved;
                }
            }
        }
        let saved = self.save_later(&mut desk).await;
        drop(desk);
        if saved == Saved::Done {
            self.state().saving = false;
        } else {
            let (source, error) = (self.plan.source.as_str(), self.why());
            if self.holds_refresh_token() {
                tracing::error!(
                    source,
                    secret = self.plan.refresh_entry,
                    error,
                    "a new refresh token still can't be saved"
                );
            } else {
                tracing::warn!(source, error, "a new access token still can't be shared");
            }
        }
        self.leave().await;
        saved
    }

    /// Whether something waits to be saved and was not tried again within the last second.
    pub(super) fn due_to_save(&self) -> bool {
        let now = self.mono();
        let mut state = self.state();
        let rested = state
            .tried
            .is_none_or(|at| now.saturating_sub(at) >= FIRST_RETRY);
        if state.unsaved.is_none() || !rested {
            return false;
        }
        state.tried = Some(now);
        state.standing.due = true;
        true
    }

    /// Records an exchange that gave nothing; if that fails, this process still knows.
    pub(super) async fn record_failure(
        &self,
        desk: &mut Desk,
        base: &Journal,
        (print, unsure): (Print, Option<SystemTime>),
        failed: Failed,
    ) {
        let mut next = base.next();
        let begun = base.intent.as_ref().map_or(self.now(), |i| i.at);
        if failed.lost {
            self.state().known.lost = Some((print, begun));
        }
        next.refused = failed.refused;
        next.wait = failed.wait;
        let keep = next.refused.is_none() && (failed.lost || unsure.is_some());
        next.intent = next.intent.filter(|_| keep).map(|mut intent| {
            intent.lost = true;
            intent
        });
        if self.time_left(desk) < self.timing.call {
            return;
        }
        if let Some(tenure) = &mut desk.tenure {
            tenure.dirty = true;
        }
        if let Err(StoreError::Unavailable(_)) = self.put_journal(&next).await {
            self.parts.timer.sleep(PAUSES[0]).await;
            let _ = self.put_journal(&next).await;
        }
    }
}

/// The journal after an exchange.
fn recorded(base: &Journal, unsaved: &Unsaved) -> Journal {
    let mut next = base.next();
    let new = unsaved.refresh.as_ref().map(|r| Print::of(r.reveal()));
    if let Some(used) = unsaved
        .used
        .filter(|used| new.is_some_and(|new| new != *used))
    {
        if let Some(intent) = &base.intent {
            next.note_used(intent.refresh);
        }
        next.note_used(used);
    }
    next.refresh = new.or(unsaved.used);
    if let Some(token) = &unsaved.token {
        next.token = Some(token.clone());
    }
    next.intent = None;
    next.refused = None;
    next.wait = None;
    next
}
