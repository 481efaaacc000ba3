//! A round of a process that goes by itself: nothing is shared, or the store can't be.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::super::fault::ConnectFault;
use super::choice::Chosen;
use super::desk::Desk;
use super::journal::Journal;
use super::keeper::Inner;
use super::print::Print;
use super::save::Unsaved;
use super::shared::Got;
use super::{Answer, Exchange, Lease, Material};
use crate::ports::{Secret, StoreError};

/// When a store that could not be shared is tried again.
const TRY_SHARING_AGAIN: Duration = Duration::from_mins(10);

impl<X: Exchange> Inner<X> {
    /// Whether this process goes by itself.
    pub(super) fn goes_alone(&self) -> bool {
        let now = self.mono();
        !self.plan.shared || self.state().alone.is_some_and(|until| now < until)
    }

    /// Whether a store that failed so is waited for. A refresh token for one use is never sent where the function
    /// has no right to share: another instance may have it, and its successor could be lost. A right may be missing
    /// for a moment only, as after a deployment.
    pub(super) fn is_waited_for(&self, error: &StoreError) -> bool {
        let is_refused = matches!(error, StoreError::Denied { .. } | StoreError::Unfit { .. });
        matches!(error, StoreError::Unavailable(_))
            || is_refused && self.plan.material == Material::RefreshToken
    }

    /// Goes by itself from now on, and says so once where that is unsafe.
    pub(super) fn go_alone(&self, error: &StoreError) {
        let until = match error {
            StoreError::NoLocks => Duration::MAX,
            _ => self.mono().saturating_add(TRY_SHARING_AGAIN),
        };
        let first = {
            let mut state = self.state();
            state.alone = Some(until);
            !std::mem::replace(&mut state.warned, true)
        };
        let source = self.plan.source.as_str();
        if first && self.plan.material == Material::RefreshToken {
            tracing::warn!(source, %error, "instances can't agree on who renews the refresh token: run one instance only, or give the function a store with locks that it can write");
        } else if first {
            tracing::info!(source, %error, "each instance obtains its own access token");
        }
    }

    pub(super) async fn alone(self: &Arc<Self>, rejected: Option<Print>) -> Got<X> {
        let now = self.now();
        if rejected.is_some() && !self.state().memory.may_force(now) {
            return Err(ConnectFault::RefusedWhenFresh);
        }
        match self.plan.material {
            Material::Fields => self.of_fields(rejected).await,
            Material::Exchange => {
                let answer = self.ask_endpoint(None).await;
                self.received(rejected, answer).await
            }
            Material::ConstantRefreshToken | Material::RefreshToken => {
                self.refreshed_alone(rejected).await
            }
        }
    }

    async fn of_fields(&self, rejected: Option<Print>) -> Got<X> {
        let credential = self.parts.exchange.dress(None).await?;
        let print = self.parts.exchange.print(&credential);
        let before = self.living(None).filter(|l| rejected == Some(l.print));
        if before.is_some_and(|b| self.parts.exchange.is_same(&b.credential, &credential)) {
            return Err(ConnectFault::RefusedWhenFresh);
        }
        let lease = Lease { credential, print };
        self.keep(&lease, None);
        Ok(lease)
    }

    async fn refreshed_alone(self: &Arc<Self>, rejected: Option<Print>) -> Got<X> {
        let chosen = self.choose_alone().await?;
        let first = self.exchange_alone(rejected, &chosen).await;
        let Err(fault) = &first else { return first };
        if !fault.may_refuse_grant() || !self.newer_than(chosen.print, &Journal::default()).await {
            return first;
        }
        let chosen = self.choose_alone().await?;
        self.exchange_alone(rejected, &chosen).await
    }

    /// The stored refresh token; its successor, where this process knows one.
    async fn choose_alone(&self) -> Result<Chosen, ConnectFault> {
        let missing = || self.refresh_token_missing();
        let stored = self.stored_refresh().await?.ok_or_else(missing)?;
        let print = Print::of(stored.reveal());
        let journal = Journal::default();
        let state = self.state();
        let newest = state.known.newest(&journal);
        let newest = newest.filter(|_| state.known.is_used(print, &journal));
        let is_stored = newest.is_none();
        let token = newest.unwrap_or(stored);
        let print = Print::of(token.reveal());
        let lost = state.known.lost.filter(|(lost, _)| *lost == print);
        Ok(Chosen {
            token,
            print,
            stored: is_stored,
            unsure: lost.map(|(_, at)| at),
        })
    }

    async fn exchange_alone(self: &Arc<Self>, rejected: Option<Print>, chosen: &Chosen) -> Got<X> {
        let begun = self.now();
        let answer = self.ask_endpoint(Some(chosen.token.clone())).await;
        let refresh = answer.refresh.as_ref();
        match &answer.access {
            Err(fault) if refresh.is_none() => {
                if let Some(at) = chosen.unsure.filter(|_| fault.may_refuse_grant()) {
                    return Err(ConnectFault::interrupted(at, &fault.reason()));
                }
                if fault.is_ambiguous() {
                    let at: SystemTime = chosen.unsure.unwrap_or(begun);
                    self.state().known.lost = Some((chosen.print, at));
                }
            }
            _ => self.keep_refresh(chosen, refresh).await,
        }
        self.received(rejected, answer).await
    }

    /// Remembers a returned refresh token and writes it to the store before anything else is done.
    async fn keep_refresh(self: &Arc<Self>, chosen: &Chosen, returned: Option<&Secret>) {
        let Some(new) = returned.filter(|r| r.reveal() != chosen.token.reveal()) else {
            return;
        };
        {
            let mut state = self.state();
            state.known.replaced(chosen.print, new);
            state.unsaved = Some(Unsaved {
                used: Some(chosen.print),
                refresh: Some(new.clone()),
                stored: false,
                token: None,
                owner: None,
            });
        }
        self.save_now(&mut Desk::default(), &Journal::default())
            .await;
    }

    async fn received(&self, rejected: Option<Print>, answer: Answer) -> Got<X> {
        let access = answer.access?;
        let span = self.span(&access);
        self.dressed(rejected, &access.token, span).await
    }
}
