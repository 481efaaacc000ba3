//! A round of a connection that instances share: look, lock, look again, exchange, record.

use std::sync::Arc;
use std::time::Duration;

use super::super::fault::ConnectFault;
use super::desk::Desk;
use super::journal::Journal;
use super::keeper::Inner;
use super::memory::Span;
use super::print::Print;
use super::{Exchange, Lease, Material};
use crate::ports::StoreError;

/// Between two looks while another instance exchanges.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(150), Duration::from_millis(350));

pub(super) type Got<X> = Result<Lease<<X as Exchange>::Credential>, ConnectFault>;

/// What a look at the journal says to do.
enum Look<C> {
    /// Use this credential.
    Use(Lease<C>),
    /// Another's exchange has no recorded outcome.
    Pending,
    /// Leave the token endpoint alone for now.
    Leave(ConnectFault),
    /// Exchange.
    Free,
}

impl<X: Exchange> Inner<X> {
    pub(super) async fn shared(self: &Arc<Self>, rejected: Option<Print>) -> Got<X> {
        let deadline = self.mono() + self.timing.patience;
        loop {
            let journal = match self.journal().await {
                Ok(journal) => journal,
                Err(error) => return self.by_itself(error, rejected).await,
            };
            let look = match self.look(&journal, rejected).await {
                Ok(look) => look,
                Err(fault) => return self.living(rejected).ok_or(fault),
            };
            let fault = match look {
                Look::Use(lease) => return Ok(lease),
                Look::Leave(fault) => return self.living(rejected).ok_or(fault),
                Look::Pending => ConnectFault::Pending,
                Look::Free => {
                    let left = deadline.saturating_sub(self.mono());
                    match self.sit(left.max(LOOK_EVERY.0)).await {
                        None => ConnectFault::Busy,
                        Some(mut desk) => match self.enter(&mut desk).await {
                            Ok(true) => return self.locked(&mut desk, rejected).await,
                            Ok(false) => ConnectFault::Busy,
                            Err(error) => {
                                drop(desk);
                                return self.by_itself(error, rejected).await;
                            }
                        },
                    }
                }
            };
            if let Some(living) = self.living(rejected) {
                let now = self.now();
                let random = self.parts.random.as_ref();
                self.state().memory.look_again(now, random);
                return Ok(living);
            }
            let pause = self.parts.random.between(LOOK_EVERY.0, LOOK_EVERY.1);
            if self.mono() + pause > deadline {
                return Err(fault);
            }
            self.parts.timer.sleep(pause).await;
        }
    }

    async fn look(
        &self,
        journal: &Journal,
        rejected: Option<Print>,
    ) -> Result<Look<X::Credential>, ConnectFault> {
        if let Some(lease) = self.adopt(journal, rejected).await? {
            return Ok(Look::Use(lease));
        }
        if let Some(fault) = self.left_alone(journal) {
            return Ok(Look::Leave(fault));
        }
        if let Some(refused) = &journal.refused
            && let Some(fault) = self.still_refused(refused)
            && self.stored_print().await? == Some(refused.refresh)
        {
            return Ok(Look::Leave(fault));
        }
        if let Some(refresh) = self.is_pending(journal)
            && self.stored_print().await? == Some(refresh)
        {
            return Ok(Look::Pending);
        }
        Ok(Look::Free)
    }

    /// Takes up the journal's access token if it is a better one than what is held.
    async fn adopt(
        &self,
        journal: &Journal,
        rejected: Option<Print>,
    ) -> Result<Option<Lease<X::Credential>>, ConnectFault> {
        let Some(stored) = &journal.token else {
            return Ok(None);
        };
        let print = Print::of(stored.value.reveal());
        let span = Span {
            from: stored.from,
            until: stored.until,
        };
        let now = self.now();
        let wanted = self
            .state()
            .memory
            .wants(print, span, now, rejected, &self.timing);
        if !wanted {
            return Ok(None);
        }
        let lease = Lease {
            credential: self.parts.exchange.dress(Some(&stored.value)).await?,
            print,
        };
        self.keep(&lease, Some(span));
        Ok(Some(lease))
    }

    pub(super) fn keep(&self, lease: &Lease<X::Credential>, span: Option<Span>) {
        let (margin, now) = (self.plan.margin, self.now());
        let random = self.parts.random.as_ref();
        self.state()
            .memory
            .keep(lease.clone(), span, margin, now, random);
    }

    fn left_alone(&self, journal: &Journal) -> Option<ConnectFault> {
        let wait = journal.wait?;
        let left = wait.until.duration_since(self.now()).ok()?;
        // Another's clock may be far off; no endpoint is left alone for longer than five minutes.
        let sane = !left.is_zero() && left <= Duration::from_mins(5) + self.timing.skew;
        sane.then_some(ConnectFault::Unavailable {
            status: wait.status,
            retry_after: Some(left),
        })
    }

    /// The journal can't be read or the lock not be asked for: a store that may be shared later is waited for
    /// with the living credential; else this process goes by itself.
    async fn by_itself(self: &Arc<Self>, error: StoreError, rejected: Option<Print>) -> Got<X> {
        if self.is_waited_for(&error) {
            return self.living(rejected).ok_or_else(|| error.into());
        }
        self.go_alone(&error);
        self.alone(rejected).await
    }

    /// The round under the lock.
    async fn locked(self: &Arc<Self>, desk: &mut Desk, rejected: Option<Print>) -> Got<X> {
        if self.state().unsaved.is_some() {
            self.save_later(desk).await;
            if let Some(living) = self.living(rejected) {
                return Ok(living);
            }
            if self.state().unsaved.is_some() {
                let text = "a new refresh token could not be saved yet".to_owned();
                return Err(StoreError::Unavailable(text).into());
            }
        }
        let journal = self.journal().await?;
        if let Some(lease) = self.adopt(&journal, rejected).await? {
            return Ok(lease);
        }
        if let Some(fault) = self.left_alone(&journal) {
            return self.living(rejected).ok_or(fault);
        }
        let now = self.now();
        if rejected.is_some() && !self.state().memory.may_force(now) {
            return Err(ConnectFault::RefusedWhenFresh);
        }
        if self.plan.material == Material::Exchange {
            return self.once(desk, rejected, journal).await;
        }
        let chosen = self.choose(&journal).await?;
        let first = self.refreshed(desk, rejected, journal, &chosen).await;
        let Err(fault) = &first else { return first };
        let journal = self.state().known.last().cloned().unwrap_or_default();
        if !fault.may_refuse_grant() || !self.newer_than(chosen.print, &journal).await {
            return first;
        }
        // It was renewed elsewhere or by an administrator while it was being used here.
        let chosen = self.choose(&journal).await?;
        self.refreshed(desk, rejected, journal, &chosen).await
    }
}
