//! One exchange under the lock: the intent, the exchange, the record of what came of it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::fault::ConnectFault;
use super::choice::Chosen;
use super::desk::Desk;
use super::entries::within;
use super::journal::{Intent, Journal, Refused, Stored, Wait};
use super::keeper::Inner;
use super::memory::{Span, cool_down};
use super::print::Print;
use super::save::{Failed, Unsaved};
use super::shared::Got;
use super::{Access, Answer, Exchange, Lease, Material};
use crate::ports::{Secret, StoreError};
use crate::refusal::Cause;

/// How long a connection whose rotation was interrupted is left alone.
const INTERRUPTED_PAUSE: Duration = Duration::from_hours(1);

impl<X: Exchange> Inner<X> {
    /// One exchange that can simply be made again.
    pub(super) async fn once(
        self: &Arc<Self>,
        desk: &mut Desk,
        rejected: Option<Print>,
        journal: Journal,
    ) -> Got<X> {
        match self.ask_endpoint(None).await {
            Answer {
                access: Ok(access), ..
            } => {
                self.record(desk, rejected, &journal, None, access, None)
                    .await
            }
            Answer {
                access: Err(fault), ..
            } => {
                let failed = self.failed(&fault, None);
                if failed.wait.is_some() {
                    let nothing = (Print::of(""), None);
                    self.record_failure(desk, &journal, nothing, failed).await;
                }
                Err(fault)
            }
        }
    }

    /// One exchange of a refresh token: first the intent, then the exchange, then the record.
    pub(super) async fn refreshed(
        self: &Arc<Self>,
        desk: &mut Desk,
        rejected: Option<Print>,
        mut journal: Journal,
        chosen: &Chosen,
    ) -> Got<X> {
        if self.plan.material == Material::RefreshToken {
            match self.intend(desk, &journal, chosen).await {
                Ok(intended) => journal = intended,
                Err(error) if self.is_waited_for(&error) => return Err(error.into()),
                Err(error) => {
                    self.go_alone(&error);
                    return self.alone(rejected).await;
                }
            }
        }
        let answer = self.ask_endpoint(Some(chosen.token.clone())).await;
        let returned = answer.refresh.is_some();
        let new = answer.refresh.or_else(|| Some(chosen.token.clone()));
        let new = new.filter(|n| !chosen.stored || n.reveal() != chosen.token.reveal());
        match answer.access {
            Ok(access) => {
                self.record(desk, rejected, &journal, Some(chosen), access, new)
                    .await
            }
            Err(fault) if returned => {
                // The rest of the answer is unusable, but the refresh token in it is the current one.
                self.note(desk, Some(chosen), None, new);
                self.save_now(desk, &journal).await;
                Err(fault)
            }
            Err(fault) => {
                let begun = journal.intent.as_ref().map_or(self.now(), |i| i.at);
                let failed = self.failed(&fault, Some((&journal, chosen)));
                let interrupted = failed.refused.as_ref().and_then(|r| r.interrupted);
                let reason = failed.refused.as_ref().map(|r| r.reason.clone());
                let unsure = chosen.unsure.map(|at| at.min(begun));
                self.record_failure(desk, &journal, (chosen.print, unsure), failed)
                    .await;
                Err(match (interrupted, reason) {
                    (Some(at), Some(reason)) => ConnectFault::interrupted(at, &reason),
                    _ => fault,
                })
            }
        }
    }

    /// Writes down that an exchange begins, with enough time left under the lock to end it.
    async fn intend(
        &self,
        desk: &mut Desk,
        journal: &Journal,
        chosen: &Chosen,
    ) -> Result<Journal, StoreError> {
        let unavailable = |text: &str| StoreError::Unavailable(text.to_owned());
        let work = self.timing.call + self.timing.exchange + self.timing.call;
        if !self.stay(desk, work + self.timing.call).await? {
            return Err(unavailable("the lock went to another instance"));
        }
        let Some(tenure) = &mut desk.tenure else {
            return Err(unavailable("the lock is not held"));
        };
        tenure.dirty = true;
        let mut next = journal.next();
        // The store holds another token than the one that was exchanged: that one came to its end.
        if let Some(before) = journal
            .intent
            .as_ref()
            .filter(|i| i.refresh != chosen.print)
        {
            next.note_used(before.refresh);
        }
        next.intent = Some(Intent {
            owner: tenure.owner.clone(),
            at: self.now(),
            refresh: chosen.print,
            lost: false,
            unsure: chosen.unsure.is_some(),
        });
        next.wait = None;
        self.state().known.unsent = Some(tenure.owner.clone());
        self.put_journal(&next).await?;
        if self.time_left(desk) < self.timing.exchange + self.timing.call {
            return Err(unavailable("it answered too late for an exchange to begin"));
        }
        self.state().known.unsent = None;
        Ok(next)
    }

    pub(super) async fn ask_endpoint(&self, refresh: Option<Secret>) -> Answer {
        let exchange = self.parts.exchange.exchange(refresh);
        let bound = self.timing.exchange;
        let answer = within(self.parts.timer.as_ref(), bound, exchange).await;
        answer.unwrap_or_else(|| Answer {
            access: Err(ConnectFault::Network {
                cause: Cause::SourceTimeout,
                reason: format!("the exchange did not end within {} s", bound.as_secs()),
            }),
            refresh: None,
        })
    }

    /// Records what an exchange gave, then gives the credential.
    async fn record(
        self: &Arc<Self>,
        desk: &mut Desk,
        rejected: Option<Print>,
        journal: &Journal,
        chosen: Option<&Chosen>,
        access: Access,
        refresh: Option<Secret>,
    ) -> Got<X> {
        let span = self.span(&access);
        let stored = Stored {
            value: access.token.clone(),
            from: span.from,
            until: span.until,
        };
        self.note(desk, chosen, Some(stored), refresh);
        self.save_now(desk, journal).await;
        self.dressed(rejected, &access.token, span).await
    }

    /// Puts down in memory what has to be saved.
    fn note(
        &self,
        desk: &Desk,
        chosen: Option<&Chosen>,
        token: Option<Stored>,
        refresh: Option<Secret>,
    ) {
        let mut state = self.state();
        if let (Some(chosen), Some(new)) = (chosen, &refresh)
            && Print::of(new.reveal()) != chosen.print
        {
            state.known.replaced(chosen.print, new);
        }
        state.unsaved = Some(Unsaved {
            used: chosen.map(|c| c.print),
            refresh,
            stored: false,
            token,
            owner: desk.tenure.as_ref().map(|t| t.owner.clone()),
        });
    }

    pub(super) fn span(&self, access: &Access) -> Span {
        let from = self.now();
        let lifetime = access.lifetime.unwrap_or(self.plan.default_lifetime);
        let until = from.checked_add(lifetime).unwrap_or(from);
        Span { from, until }
    }

    /// Makes and keeps the credential of a new access token.
    pub(super) async fn dressed(
        &self,
        rejected: Option<Print>,
        token: &Secret,
        span: Span,
    ) -> Got<X> {
        let print = Print::of(token.reveal());
        if rejected == Some(print) {
            return Err(ConnectFault::RefusedWhenFresh);
        }
        let credential = self.parts.exchange.dress(Some(token)).await?;
        let lease = Lease { credential, print };
        self.keep(&lease, Some(span));
        tracing::debug!(source = self.plan.source, "a credential was obtained");
        Ok(lease)
    }

    /// What a failed exchange means for the next one.
    fn failed(&self, fault: &ConnectFault, of: Option<(&Journal, &Chosen)>) -> Failed {
        let now = self.now();
        if let ConnectFault::Unavailable {
            status,
            retry_after,
        } = fault
        {
            return Failed {
                refused: None,
                wait: retry_after.map(|wait| Wait {
                    until: now + wait,
                    status: *status,
                }),
                lost: fault.is_ambiguous(),
            };
        }
        let Some((journal, chosen)) = of.filter(|_| fault.is_refusal()) else {
            return Failed {
                lost: fault.is_ambiguous(),
                ..Failed::default()
            };
        };
        let before = journal
            .refused
            .as_ref()
            .filter(|r| r.refresh == chosen.print);
        let strikes = before.map_or(0, |r| r.strikes);
        let interrupted: Option<SystemTime> = chosen.unsure.filter(|_| fault.may_refuse_grant());
        let pause = match interrupted {
            Some(_) => INTERRUPTED_PAUSE,
            None => cool_down(strikes),
        };
        Failed {
            refused: Some(Refused {
                refresh: chosen.print,
                until: now + pause,
                strikes: strikes.saturating_add(1),
                reason: fault.reason(),
                interrupted,
            }),
            ..Failed::default()
        }
    }
}
