//! The three entries of the store that the life cycle uses, each call bounded in time.

use std::time::Duration;

use futures_util::future::{Either, select};

use super::super::fault::ConnectFault;
use super::journal::{Journal, JournalError};
use super::keeper::Inner;
use super::print::Print;
use super::{Exchange, JOURNAL_ENTRY};
use crate::ports::{PortFuture, Secret, StoreError, Timer};

/// Pauses before the second and third attempt to write.
pub(super) const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

/// Ends after this time at the latest; none when the future had not ended.
pub(super) async fn within<T>(
    timer: &dyn Timer,
    time: Duration,
    future: impl Future<Output = T> + Send,
) -> Option<T> {
    match select(Box::pin(future), timer.sleep(time)).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

impl<X: Exchange> Inner<X> {
    /// A call to the store, bounded in time.
    pub(super) async fn call<T>(
        &self,
        call: PortFuture<'_, Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let bound = self.timing.call;
        let done = within(self.parts.timer.as_ref(), bound, call).await;
        done.unwrap_or_else(|| {
            let seconds = bound.as_secs();
            Err(StoreError::Unavailable(format!(
                "no answer within {seconds} s"
            )))
        })
    }

    /// Reads the journal past every cache, and takes note of what it says.
    pub(super) async fn journal(&self) -> Result<Journal, StoreError> {
        let read = self.journal_as_read().await;
        let now = self.mono();
        let mut state = self.state();
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                state.witness.blinded(now);
                return Err(error);
            }
        };
        let journal = state.known.freshest(read, now, self.timing.settle);
        let pending = journal.intent.as_ref().filter(|i| !i.lost);
        state.witness.look(pending, now, &self.timing);
        Ok(journal)
    }

    /// Reads the journal as the store gives it.
    pub(super) async fn journal_as_read(&self) -> Result<Option<Journal>, StoreError> {
        let read = self
            .call(self.parts.store.read_newest(JOURNAL_ENTRY))
            .await?;
        match read.as_ref().map(|t| Journal::read(t.reveal())) {
            None => Ok(None),
            Some(Ok(journal)) => Ok(Some(journal)),
            Some(Err(error @ JournalError::Foreign)) => {
                tracing::warn!(
                    source = self.plan.source,
                    entry = JOURNAL_ENTRY,
                    "the entry {error}; it is replaced at the next exchange"
                );
                Ok(None)
            }
            Some(Err(error @ JournalError::Newer)) => Err(StoreError::Unavailable(format!(
                "`{JOURNAL_ENTRY}` {error}"
            ))),
        }
    }

    /// Writes the journal once.
    pub(super) async fn put_journal(&self, journal: &Journal) -> Result<(), StoreError> {
        let write = self.parts.store.write(JOURNAL_ENTRY, journal.write());
        self.call(write).await?;
        let now = self.mono();
        self.state().known.wrote(journal.clone(), now);
        Ok(())
    }

    /// Reads the stored refresh token, without the blanks that copying adds.
    pub(super) async fn stored_refresh(&self) -> Result<Option<Secret>, StoreError> {
        let read = self.parts.store.read_newest(&self.plan.refresh_entry);
        let read = self.call(read).await;
        if read.is_err() {
            self.state().witness.blinded(self.mono());
        }
        let stray = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
        let trimmed = read?.map(|s| Secret::new(s.reveal().trim_matches(stray)));
        Ok(trimmed.filter(|s| !s.reveal().is_empty()))
    }

    /// The fault where there is no refresh token.
    pub(super) fn refresh_token_missing(&self) -> ConnectFault {
        let entry = &self.plan.refresh_entry;
        ConnectFault::SecretMissing(self.parts.store.absent_name(entry))
    }

    /// The print of the stored refresh token.
    pub(super) async fn stored_print(&self) -> Result<Option<Print>, StoreError> {
        let stored = self.stored_refresh().await?;
        Ok(stored.map(|s| Print::of(s.reveal())))
    }
}
