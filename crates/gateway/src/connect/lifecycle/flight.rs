//! One round at a time per process, whose outcome all its callers share.
//!
//! A round runs as its own task: a caller that goes away must not stop it half-way, since what the
//! token endpoint returned would be lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::super::fault::ConnectFault;
use super::Exchange;
use super::Lease;
use super::keeper::Inner;
use super::memory::Offer;
use super::print::Print;

type Outcome<C> = watch::Receiver<Option<Result<Lease<C>, ConnectFault>>>;

/// Between two looks at another's exchange that has no recorded outcome.
const WATCH_EVERY: Duration = Duration::from_secs(3);
/// How long that is done without a call asking for it.
const LONGEST_WATCH: u32 = 200;

/// A round under way.
pub(super) struct Flight<C> {
    rejected: Option<Print>,
    outcome: Outcome<C>,
}

/// A round that a caller takes part in.
pub(super) struct Joined<C> {
    pub(super) outcome: Outcome<C>,
    /// Whether it was begun for the same refused credential.
    pub(super) same: bool,
}

/// Waits for the outcome of a round.
pub(super) async fn wait<C: Clone>(mut outcome: Outcome<C>) -> Result<Lease<C>, ConnectFault> {
    match outcome.wait_for(Option::is_some).await {
        Ok(found) => found.clone().unwrap_or(Err(ConnectFault::Internal)),
        Err(_) => Err(ConnectFault::Internal),
    }
}

impl<X: Exchange> Inner<X> {
    /// Takes part in the round under way, or begins one.
    pub(super) fn join(self: &Arc<Self>, rejected: Option<Print>) -> Joined<X::Credential> {
        let under_way = self.state().flight.as_ref().map(|f| Joined {
            outcome: f.outcome.clone(),
            same: f.rejected == rejected,
        });
        let joined = under_way.or_else(|| {
            let outcome = self.begin(rejected)?;
            Some(Joined {
                outcome,
                same: true,
            })
        });
        // Between the two looks somebody else may have begun one; then there is one.
        joined.unwrap_or_else(|| self.join(rejected))
    }

    /// Begins a round; none when one is under way.
    pub(super) fn begin(
        self: &Arc<Self>,
        rejected: Option<Print>,
    ) -> Option<Outcome<X::Credential>> {
        let (sender, outcome) = watch::channel(None);
        {
            let mut state = self.state();
            if state.flight.is_some() {
                return None;
            }
            state.flight = Some(Flight {
                rejected,
                outcome: outcome.clone(),
            });
        }
        let landing = Landing(Arc::clone(self));
        self.parts.tasks.spawn(Box::pin(async move {
            let inner = Arc::clone(&landing.0);
            let result = inner.round(rejected).await;
            drop(landing);
            // Callers that went away need no outcome.
            let _ = sender.send(Some(result));
            inner.leave().await;
        }));
        Some(outcome)
    }

    async fn round(
        self: &Arc<Self>,
        rejected: Option<Print>,
    ) -> Result<Lease<X::Credential>, ConnectFault> {
        // A round that ended just before this one began may have brought what is wanted.
        if let Some(lease) = self.brought(rejected) {
            return Ok(lease);
        }
        if let Some(rejected) = rejected {
            self.state().memory.retire(rejected);
        }
        let result = if self.goes_alone() {
            self.alone(rejected).await
        } else {
            self.shared(rejected).await
        };
        if let Err(fault) = &result {
            let source = self.plan.source.as_str();
            tracing::warn!(source, code = fault.code(), reason = %fault, "no credential could be obtained");
            let now = self.now();
            self.state().memory.fail(fault.clone(), now);
            if matches!(fault, ConnectFault::Pending) {
                self.watch();
            }
        }
        result
    }

    fn brought(&self, rejected: Option<Print>) -> Option<Lease<X::Credential>> {
        let now = self.now();
        let state = self.state();
        match (rejected, state.memory.offer(now)) {
            (Some(rejected), _) => state.memory.living(now, Some(rejected)),
            (None, Offer::Ready(lease)) => Some(lease),
            (None, _) => None,
        }
    }

    /// Looks on in the background until another's exchange is recorded or abandoned, and goes on then.
    fn watch(self: &Arc<Self>) {
        if std::mem::replace(&mut self.state().watching, true) {
            return;
        }
        let inner = Arc::clone(self);
        self.parts.tasks.spawn(Box::pin(async move {
            for _ in 0..LONGEST_WATCH {
                inner.parts.timer.sleep(WATCH_EVERY).await;
                if inner.state().standing.still {
                    continue;
                }
                let result = wait(inner.join(None).outcome).await;
                if !matches!(
                    result,
                    Err(ConnectFault::Pending
                        | ConnectFault::Busy
                        | ConnectFault::Store(_)
                        | ConnectFault::StoreRefused(_))
                ) {
                    break;
                }
            }
            inner.state().watching = false;
        }));
    }
}

/// Takes the round off when it ends, even by a panic.
struct Landing<X: Exchange>(Arc<Inner<X>>);

impl<X: Exchange> Drop for Landing<X> {
    fn drop(&mut self) {
        self.0.state().flight = None;
    }
}
