//! What callers see of a connection's credential.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::super::fault::ConnectFault;
use super::choice::Known;
use super::desk::Desk;
use super::entries::within;
use super::flight::{self, Flight};
use super::journal::Intent;
use super::memory::{Memory, Offer};
use super::print::Print;
use super::save::Unsaved;
use super::still::Standing;
use super::witness::Witness;
use super::{Exchange, KeeperParts, Lease, Plan, Timing};
use crate::ports::StoreError;

/// How often a refused credential is asked for anew before the refusal is believed.
const MOST_ROUNDS: u32 = 3;
/// Between two looks whether all background work is done.
const QUIET_LOOK: Duration = Duration::from_millis(50);

/// Keeps one connection's credential. Clones share everything.
pub struct Keeper<X: Exchange>(Arc<Inner<X>>);

impl<X: Exchange> Clone for Keeper<X> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

pub(super) struct Inner<X: Exchange> {
    pub(super) plan: Plan,
    pub(super) timing: Timing,
    pub(super) parts: KeeperParts<X>,
    /// This process, in the names of owners.
    pub(super) process: String,
    pub(super) desk: Arc<tokio::sync::Mutex<Desk>>,
    state: Mutex<State<X::Credential>>,
}

pub(super) struct State<C> {
    pub(super) memory: Memory<C>,
    pub(super) known: Known,
    pub(super) witness: Witness,
    pub(super) flight: Option<Flight<C>>,
    pub(super) unsaved: Option<Unsaved>,
    /// Why the last attempt to save it failed, if the store did.
    pub(super) save_error: Option<StoreError>,
    /// When saving was tried again last.
    pub(super) tried: Option<Duration>,
    /// Whether a task saves in the background.
    pub(super) saving: bool,
    /// Whether a task waits for another's exchange to be recorded or abandoned.
    pub(super) watching: bool,
    /// What matters before a freeze.
    pub(super) standing: Standing,
    /// Until when this process goes by itself, since the store can't be shared.
    pub(super) alone: Option<Duration>,
    pub(super) warned: bool,
}

impl<X: Exchange> Keeper<X> {
    /// A keeper with nothing in memory.
    pub fn new(plan: Plan, timing: Timing, parts: KeeperParts<X>) -> Self {
        let process = format!("{:016x}", parts.random.number() >> 64);
        let state = State {
            memory: Memory::new(),
            known: Known::default(),
            witness: Witness::default(),
            flight: None,
            unsaved: None,
            save_error: None,
            tried: None,
            saving: false,
            watching: false,
            standing: Standing::default(),
            alone: None,
            warned: false,
        };
        Self(Arc::new(Inner {
            plan,
            timing,
            parts,
            process,
            desk: Arc::default(),
            state: Mutex::new(state),
        }))
    }

    /// The credential for a call.
    ///
    /// With a living one this takes two seconds at most. Without, it takes as long as the exchange of
    /// this process, and before that at most two seconds of waiting for another's.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn credential(&self) -> Result<Lease<X::Credential>, ConnectFault> {
        let inner = &self.0;
        inner.go_on();
        inner.save_if_due();
        let offer = inner.state().memory.offer(inner.now());
        match offer {
            Offer::Ready(lease) => Ok(lease),
            Offer::Paused(fault) => Err(fault),
            Offer::Empty => flight::wait(inner.join(None).outcome).await,
            Offer::Due(old) => {
                let Some(outcome) = inner.begin(None) else {
                    // Whoever finds a renewal under way uses the living one.
                    return Ok(old);
                };
                let timer = inner.parts.timer.as_ref();
                let renewed = within(timer, inner.timing.patience, flight::wait(outcome)).await;
                Ok(renewed.and_then(Result::ok).unwrap_or(old))
            }
        }
    }

    /// A credential in place of one that was refused: another's newer one if there is any, else by
    /// one forced exchange, however many callers ask; at most three times a minute.
    ///
    /// # Errors
    /// As [`Keeper::credential`]; also when a fresh credential is refused.
    pub async fn renew(&self, rejected: Print) -> Result<Lease<X::Credential>, ConnectFault> {
        let inner = &self.0;
        inner.go_on();
        for _ in 0..MOST_ROUNDS {
            let now = inner.now();
            if let Some(newer) = inner.state().memory.living(now, Some(rejected)) {
                return Ok(newer);
            }
            if let Some(fault) = inner.state().memory.paused(now) {
                return Err(fault);
            }
            let joined = inner.join(Some(rejected));
            let lease = flight::wait(joined.outcome).await?;
            if lease.print != rejected {
                return Ok(lease);
            }
            if joined.same {
                break;
            }
        }
        Err(ConnectFault::RefusedWhenFresh)
    }

    /// How long the access token in memory lives from its beginning to its end; none where there is no
    /// token, or it lives until it is refused.
    pub fn token_life(&self) -> Option<Duration> {
        self.0.state().memory.token_life()
    }

    /// Ends when no exchange is under way, the lock is given back and everything is saved. A host that
    /// can be stopped or frozen between requests waits for this first.
    pub async fn quiet(&self) {
        while self.0.busy().await {
            self.0.parts.timer.sleep(QUIET_LOOK).await;
        }
    }

    /// Ends when the process may stand still, be it for ever, and nothing is lost by it that waiting for
    /// `patience` could save: no exchange is under way, and everything is saved or can't be. What can't
    /// be saved stays in memory; that is when the store refuses it, or failed for eight seconds, or is
    /// not asked again within `patience`.
    ///
    /// Where a lost refresh token could not be had again, this also waits as [`Keeper::quiet`] does for
    /// what was written to stand, and from then on nothing is begun until the next call for a
    /// credential. Elsewhere the lock may still be held: it goes on when the process does, or ends by
    /// itself.
    pub async fn secured(&self, patience: Duration) {
        let inner = &self.0;
        let end = inner.mono().saturating_add(patience);
        while !inner.stands_still(end).await {
            inner.parts.timer.sleep(QUIET_LOOK).await;
        }
    }

    /// Whether nobody but this handle uses the keeper, not even a task in the background.
    pub fn is_idle(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl<X: Exchange> Inner<X> {
    pub(super) fn now(&self) -> SystemTime {
        self.parts.clock.now()
    }

    pub(super) fn mono(&self) -> Duration {
        self.parts.timer.monotonic()
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State<X::Credential>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this process began an exchange.
    pub(super) fn is_mine(&self, intent: &Intent) -> bool {
        let turn = intent.owner.strip_prefix(&self.process);
        turn.is_some_and(|t| t.starts_with('.'))
    }

    pub(super) fn living(&self, rejected: Option<Print>) -> Option<Lease<X::Credential>> {
        self.state().memory.living(self.now(), rejected)
    }

    fn save_if_due(self: &Arc<Self>) {
        if self.due_to_save() {
            let inner = Arc::clone(self);
            self.parts.tasks.spawn(Box::pin(async move {
                inner.save_in_turn().await;
            }));
        }
    }

    async fn busy(&self) -> bool {
        let held = self.desk.lock().await.tenure.is_some();
        let state = self.state();
        held || state.flight.is_some() || state.unsaved.is_some()
    }
}
