//! Instances that die between taking the lock and giving it back, and what the next one makes of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hushgate_gateway::connect::lifecycle::{JOURNAL_ENTRY, Journal, LOCK_ENTRY, Print, Timing};
use hushgate_gateway::connect::{ConnectFault, Connector};
use hushgate_gateway::ports::{Locked, PortFuture, Secret, SecretStore, StoreError};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::vendor::{Manner, Vendor, bearer};
use super::{Store, connect_as, stored, view};

const REFRESH_TOKEN: &str = "REFRESH_TOKEN";
/// The protocol's spans, in their order, short enough to be waited for.
const TIMING: Timing = Timing {
    lock: Duration::from_secs(18),
    light_lock: Duration::from_secs(18),
    settle: Duration::from_secs(1),
    patience: Duration::from_secs(2),
    call: Duration::from_secs(3),
    exchange: Duration::from_secs(3),
    skew: Duration::from_secs(1),
    watch: Duration::from_secs(4),
    gap: Duration::from_secs(4),
};
/// Far longer than anything here takes.
const LONG: Duration = Duration::from_mins(5);

/// When an instance dies, in the order of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    /// It has the lock, and wrote nothing.
    BeforeIntent,
    /// The vendor has its request, and does nothing about it.
    Unread,
    /// The vendor replaced the token, and its answer is on the way.
    Unanswered,
    /// The same, of a vendor that takes the token once more.
    UnansweredInGrace,
    /// The new token is there, and not written.
    BeforeRefreshToken,
    /// The new token is written, and the journal says nothing of it.
    BeforeRecord,
    /// All is written, and the lock not given back.
    BeforeUnlock,
}

const DEATHS: [Death; 7] = [
    Death::BeforeIntent,
    Death::Unread,
    Death::Unanswered,
    Death::UnansweredInGrace,
    Death::BeforeRefreshToken,
    Death::BeforeRecord,
    Death::BeforeUnlock,
];

/// What is left for the next instance.
struct Left {
    /// The refresh tokens that the vendor has been sent in the end.
    sent: &'static [&'static str],
    /// The access token that the next instance gets; none: it says that the exchange was interrupted.
    access: Option<&'static str>,
    /// The stored refresh token in the end.
    refresh: &'static str,
    /// Whether the dead one's exchange may be under way as far as others see.
    is_open: bool,
}

impl Death {
    fn id(self) -> &'static str {
        match self {
            Self::BeforeIntent => "work-a",
            Self::Unread => "work-b",
            Self::Unanswered => "work-c",
            Self::UnansweredInGrace => "work-d",
            Self::BeforeRefreshToken => "work-e",
            Self::BeforeRecord => "work-f",
            Self::BeforeUnlock => "work-g",
        }
    }

    fn manner(self) -> Manner {
        match self {
            Self::Unread => Manner::HeldUnread,
            Self::Unanswered => Manner::HeldAnswer,
            Self::UnansweredInGrace => Manner::HeldAnswerWithGrace,
            _ => Manner::Prompt,
        }
    }

    /// The table of docs/connections.md.
    fn left(self) -> Left {
        let left = |sent, access, refresh| Left {
            sent,
            access,
            refresh,
            is_open: false,
        };
        let open = |sent, access, refresh| Left {
            is_open: true,
            ..left(sent, access, refresh)
        };
        match self {
            // The vendor never saw the first one, or takes it again: nothing is lost.
            Self::Unread | Self::UnansweredInGrace => open(&["r0", "r0"], Some("a2"), "r2"),
            // The new token died with the instance or on its way to it.
            Self::Unanswered | Self::BeforeRefreshToken => open(&["r0", "r0"], None, "r0"),
            // It is not lost, and the old one is not sent again.
            Self::BeforeRecord => left(&["r0", "r1"], Some("a2"), "r2"),
            // One exchange, by the one or by the other.
            Self::BeforeIntent | Self::BeforeUnlock => left(&["r0"], Some("a1"), "r1"),
        }
    }
}

/// An instance dies at each step of an exchange, with its store and everything that it had begun; what the
/// next one over the same service does is what `docs/connections.md` says: a token that can be had is had,
/// none is sent while its exchange may be under way, none that is known to be used up is sent again, and
/// one that is lost is told as lost. `open` gives one more instance's store, over an empty place.
///
/// # Panics
/// When it is otherwise.
pub async fn check_died_in_exchange(open: impl Fn() -> Store + Clone + Send + Sync + 'static) {
    let mut deaths = JoinSet::new();
    for death in DEATHS {
        deaths.spawn(died(death, open.clone()));
    }
    deaths.join_all().await;
}

async fn died(death: Death, open: impl Fn() -> Store + Clone + Send + Sync + 'static) {
    let id = death.id();
    connect_as(&open(), id).await;
    let vendor = Vendor::start(3600, death.manner()).await;
    dies(death, &vendor, open.clone()).await;
    let dead_since = Instant::now();

    let left = death.left();
    if death == Death::Unread {
        // The lock alone keeps nobody from the token: its owner may be held up, and hold the new one.
        tokio::time::sleep(TIMING.lock).await;
    }
    let next = vendor.instance(&open(), id, TIMING);
    let mut was_open = false;
    let given = ask(&next, |fault| {
        // Nothing is sent while the dead one may live.
        let pending = matches!(fault, ConnectFault::Pending);
        assert!(!pending || vendor.sent().len() == 1, "{death:?}: sent");
        was_open |= pending;
    })
    .await;
    assert_eq!(was_open, left.is_open, "{death:?}: {given:?}");
    if left.is_open {
        // Waiting can't be too long for a busy machine.
        let waited = dead_since.elapsed();
        assert!(waited >= TIMING.lock / 2, "{death:?}: {given:?}");
    }
    next.quiet().await;
    let journal = Journal::read(&stored(&open(), id, JOURNAL_ENTRY).await);
    let journal = journal.expect("a journal");
    assert_eq!(vendor.sent(), left.sent, "{death:?}: {given:?}");
    assert_eq!(
        stored(&open(), id, REFRESH_TOKEN).await,
        left.refresh,
        "{death:?}"
    );
    let Some(access) = left.access else {
        check_interrupted(death, &vendor, given, open).await;
        return;
    };
    assert_eq!(
        given.as_deref(),
        Ok(format!("Bearer {access}").as_str()),
        "{death:?}"
    );
    assert!(
        journal.intent.is_none() && journal.refused.is_none(),
        "{death:?}: {journal:?}"
    );
    assert_eq!(journal.refresh, Some(Print::of(left.refresh)), "{death:?}");
    for used in left.sent {
        assert!(journal.used.contains(&Print::of(used)), "{death:?}: {used}");
    }
    // One more exchanges nothing.
    let late = ask(&vendor.instance(&open(), id, TIMING), |_| ()).await;
    assert_eq!(late, given, "{death:?}");
    assert_eq!(vendor.sent(), left.sent, "{death:?}");
}

/// The refresh token is lost: all say so without asking the vendor again, and a new consent heals it.
async fn check_interrupted(
    death: Death,
    vendor: &Vendor,
    given: Result<String, String>,
    open: impl Fn() -> Store,
) {
    let (id, sent) = (death.id(), vendor.sent());
    let code = Err("connect-rotation-interrupted".to_owned());
    assert_eq!(given, code, "{death:?}");
    for _ in 0..2 {
        let another = ask(&vendor.instance(&open(), id, TIMING), |_| ()).await;
        assert_eq!(another, code, "{death:?}");
    }
    assert_eq!(vendor.sent(), sent, "{death:?}: the vendor is left alone");
    let consented = view(&open(), id);
    let written = consented.write(REFRESH_TOKEN, Secret::new("n0")).await;
    written.expect("a new consent is stored");
    let healed = vendor.instance(&open(), id, TIMING);
    let given = ask(&healed, |_| ()).await;
    assert_eq!(given.as_deref(), Ok("Bearer a3"), "{death:?}");
    healed.quiet().await;
    assert_eq!(stored(&open(), id, REFRESH_TOKEN).await, "r3", "{death:?}");
    assert_eq!(vendor.sent().len(), sent.len() + 1, "{death:?}");
}

/// Asks for the credential until there is one, or a reason that is no waiting; gives the header or the code.
async fn ask(instance: &Connector, mut waits: impl FnMut(&ConnectFault)) -> Result<String, String> {
    let asking = async {
        loop {
            match instance.obtain(None).await {
                Ok(credential) => return Ok(bearer(&credential)),
                Err(
                    fault @ (ConnectFault::Busy | ConnectFault::Pending | ConnectFault::Store(_)),
                ) => {
                    waits(&fault);
                }
                Err(fault) => return Err(fault.code().to_owned()),
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let asked = tokio::time::timeout(LONG, asking).await;
    asked.expect("waiting comes to an end")
}

/// An instance in a runtime of its own, which ends with all its tasks, connections and waits.
async fn dies(death: Death, vendor: &Vendor, open: impl Fn() -> Store + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build();
    let life = Life(Some(runtime.expect("a runtime")));
    let stopped = Arc::new(Notify::new());
    let (told, instance) = (Arc::clone(&stopped), vendor.maker());
    life.0.as_ref().expect("it lives").spawn(async move {
        let mortal = Mortal {
            store: open(),
            death,
            is_dead: AtomicBool::new(false),
            told,
        };
        let instance = instance(&(Arc::new(mortal) as Store), death.id(), TIMING);
        loop {
            let _ = instance.obtain(None).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    });
    let reached = async {
        tokio::select! {
            () = vendor.holds() => {}
            () = stopped.notified() => {}
        }
    };
    let reached = tokio::time::timeout(LONG, reached).await;
    reached.unwrap_or_else(|_| unreachable!("{death:?} comes"));
    drop(life);
}

/// A runtime that does not wait for its end.
struct Life(Option<Runtime>);

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// A store whose instance dies at one of its calls: that one and all after it are never made.
struct Mortal {
    store: Store,
    death: Death,
    is_dead: AtomicBool,
    told: Arc<Notify>,
}

impl Mortal {
    async fn passes(&self, dies: bool) {
        if dies {
            self.is_dead.store(true, Ordering::SeqCst);
            self.told.notify_one();
        }
        if self.is_dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
    }

    fn dies_before(&self, name: &str, value: &Secret) -> bool {
        let journal = Journal::read(value.reveal()).ok();
        let has_intent = journal.map(|journal| journal.intent.is_some());
        match self.death {
            Death::BeforeIntent => has_intent == Some(true),
            Death::BeforeRefreshToken => name.ends_with(REFRESH_TOKEN),
            Death::BeforeRecord => has_intent == Some(false),
            _ => false,
        }
    }
}

impl SecretStore for Mortal {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            self.passes(false).await;
            self.store.read(name).await
        })
    }

    fn read_newest<'a>(
        &'a self,
        name: &'a str,
    ) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            self.passes(false).await;
            self.store.read_newest(name).await
        })
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.passes(self.dies_before(name, &value)).await;
            self.store.write(name, value).await
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move {
            self.passes(false).await;
            self.store.lock(name, owner, ttl).await
        })
    }

    fn lock_doubt(&self) -> Duration {
        self.store.lock_doubt()
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let dies = self.death == Death::BeforeUnlock && name.ends_with(LOCK_ENTRY);
            self.passes(dies).await;
            self.store.unlock(name, owner).await
        })
    }
}
