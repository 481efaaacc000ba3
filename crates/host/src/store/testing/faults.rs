//! What every store must do while the service, the line or the file system behind it fails.
//!
//! How something is made to fail differs from store to store, and is told by a [`World`]; what is expected
//! then is here, and the same for all:
//!
//! - A fault is an error that names the entry, never a value, and never "there is nothing".
//! - What was read is used further only where a store remembers, for a bounded time, and not by a renewal.
//! - What could not be written is as it was, whole; a lock that could not be asked for is nobody's.
//! - Afterwards everything works, and nothing half-made is left.

#![expect(clippy::panic, reason = "a check stops where the store does otherwise")]

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::{Locked, PortFuture, Secret, StoreError};
use tokio::join;

use super::super::admin::{AdminStore, SaveError, entry};
use super::super::remote::Ages;

mod gate;
mod unsure;
mod writers;

pub use gate::Gate;

/// The connection whose entries are used.
pub const ID: &str = "suite-f";
/// A connection that is not there.
const OTHER: &str = "suite-g";
/// What every value contains.
const MARK: &str = "do-not-show";
const OLD: &str = "do-not-show-old";
const NEW: &str = "do-not-show-new";
/// Longer than anything takes.
const LONG: Duration = Duration::from_mins(10);
/// Shorter than anything takes.
const BRIEF: Duration = Duration::from_millis(1);

/// Of an instance that asks at each read, goes on with what it read while nothing answers, and takes every
/// answer for true.
const LASTING: Ages = Ages {
    fresh: Duration::ZERO,
    stale: LONG,
    settle: Duration::ZERO,
};

/// One instance of a store.
pub type Instance = Arc<dyn AdminStore>;

/// A store in an empty place of its own, and everything that can go wrong behind it.
pub trait World: Send + Sync {
    /// What can go wrong.
    type Fault: Debug + Copy + Send + Sync;

    /// One more instance, which knows nothing yet; where it remembers what it read, for these times.
    fn open(&self, ages: Ages) -> Instance;

    /// What can go wrong, kind by kind.
    fn faults(&self) -> Faults<Self::Fault>;

    /// From now on this goes wrong, for all instances.
    fn begin(&self, fault: Self::Fault) -> PortFuture<'_, ()>;

    /// All is well again.
    fn end(&self) -> PortFuture<'_, ()>;

    /// What an error about an entry may name it by, or the place that it is in.
    fn names(&self, entry: &str) -> Vec<String>;

    /// Whether an instance goes on with what it read, for a time.
    fn remembers(&self) -> bool;
}

/// What can go wrong behind a store. There is no kind that a store leaves out without saying why.
#[derive(Debug)]
pub struct Faults<F> {
    /// Nothing is reached, or nothing answers.
    pub outage: Kind<Met<F>>,
    /// Calls are refused since there are too many.
    pub throttling: Kind<Met<F>>,
    /// The store may not be used.
    pub denial: Kind<Met<F>>,
    /// What is read is not what was written.
    pub damage: Kind<Met<F>>,
    /// Changes are made, and whoever made them is not told so.
    pub lost_answers: Kind<F>,
    /// Reads are answered with what was there when this began.
    pub late_reads: Kind<F>,
}

/// Faults of one kind.
#[derive(Debug)]
pub enum Kind<T> {
    /// These.
    Met(Vec<T>),
    /// None, and why.
    Never(&'static str),
}

impl<T> Kind<T> {
    fn all(&self) -> &[T] {
        match self {
            Self::Met(all) => {
                assert!(!all.is_empty(), "a kind is met, or it is told why not");
                all
            }
            Self::Never(why) => {
                assert!(!why.is_empty(), "it is told why a kind is never met");
                &[]
            }
        }
    }
}

/// A fault, and how the store is to tell it.
#[derive(Debug, Clone, Copy)]
pub struct Met<F> {
    /// What goes wrong.
    pub fault: F,
    /// What goes wrong with it.
    pub hits: Hits,
    /// How it is told.
    pub tells: Tells,
    /// Words of the error.
    pub says: &'static str,
}

/// What a fault hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hits {
    /// Reads and writes.
    All,
    /// Writes; what is there is read as before.
    Writes,
}

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tells {
    /// [`StoreError::Unavailable`]: it may pass, and is waited for.
    Unavailable,
    /// [`StoreError::Denied`]: it does not pass by itself.
    Denied,
}

/// Runs every check of a store under faults.
///
/// # Panics
/// When the store does otherwise.
pub async fn check_faults<W: World>(world: &W) {
    let faults = world.faults();
    let kinds = [
        &faults.outage,
        &faults.throttling,
        &faults.denial,
        &faults.damage,
    ];
    let failing: Vec<_> = kinds.into_iter().flat_map(Kind::all).copied().collect();
    for met in &failing {
        Under { world, met }.check().await;
    }
    for fault in faults.lost_answers.all() {
        unsure::check_lost_answers(world, *fault).await;
    }
    for fault in faults.late_reads.all() {
        unsure::check_late_reads(world, *fault).await;
    }
    let failing = failing.iter().map(|met| met.fault);
    let all: Vec<_> = failing
        .chain(faults.lost_answers.all().iter().copied())
        .collect();
    writers::check(world, &all).await;
}

/// An entry of the connection.
fn name(field: &str) -> String {
    entry(ID, field)
}

fn text(value: Option<Secret>) -> Option<String> {
    value.map(|secret| secret.reveal().to_owned())
}

/// The newest value of an entry, while all is well.
async fn newest(store: &Instance, field: &str) -> Option<String> {
    let name = name(field);
    let read = store.read_newest(&name).await;
    text(read.expect("the store answers while all is well"))
}

async fn lock(store: &Instance, field: &str, owner: &str) -> Locked {
    let name = name(field);
    let locked = store.lock(&name, owner, LONG).await;
    locked.expect("the lock is asked for while all is well")
}

async fn unlock(store: &Instance, field: &str, owner: &str) {
    let name = name(field);
    let unlocked = store.unlock(&name, owner).await;
    unlocked.expect("the lock is given back while all is well");
}

fn changes(fields: &[&str], value: &str) -> Vec<(String, Option<Secret>)> {
    let change = |field: &&str| ((*field).to_owned(), Some(Secret::new(value)));
    fields.iter().map(change).collect()
}

/// Makes the connection, with entries `A` and `B`.
async fn set_up(store: &Instance) {
    // An emulator takes its time with the first calls.
    for _ in 0..5 {
        if store.read_newest(&name("A")).await.is_ok() {
            break;
        }
    }
    let all = changes(&["connection", "A", "B"], OLD);
    let saved = store.save(ID, true, all).await;
    saved.expect("a connection is saved while all is well");
}

async fn tear_down(store: &Instance) {
    let fields = ["A", "B", "C", "FREE", "HELD"].map(str::to_owned);
    let forgotten = store.forget(ID, &fields).await;
    forgotten.expect("a connection is forgotten while all is well");
    let left = store.connections().await.expect("the store answers");
    assert!(!left.iter().any(|id| id.starts_with("suite-")), "{left:?}");
}

/// A store under a fault that is told.
struct Under<'a, W: World> {
    world: &'a W,
    met: &'a Met<W::Fault>,
}

impl<W: World> Under<'_, W> {
    async fn check(&self) {
        let writer = self.world.open(LASTING);
        set_up(&writer).await;
        let brief = Ages {
            stale: BRIEF,
            ..LASTING
        };
        let (knows, forgets) = (self.world.open(LASTING), self.world.open(brief));
        let fresh = self.world.open(LASTING);
        for store in [&knows, &forgets] {
            let read = store.read(&name("A")).await.expect("the store answers");
            assert_eq!(text(read).as_deref(), Some(OLD));
        }
        assert_eq!(lock(&writer, "HELD", "keeper").await, Locked::Acquired);
        tokio::time::sleep(BRIEF * 10).await;

        self.world.begin(self.met.fault).await;
        join!(
            self.reads(&knows, &forgets, &fresh),
            self.writes(&writer),
            self.locks(&writer),
        );
        let is_saved = self.saves(&writer).await;
        // Written in vain, it is neither the new value nor none; what was known before is in doubt.
        if let Ok(read) = writer.read(&name("A")).await {
            assert!(!self.world.remembers(), "{self:?}: remembered in doubt");
            assert_eq!(text(read).as_deref(), Some(OLD), "{self:?}: read again");
        }
        self.world.end().await;

        let all = [&writer, &knows, &forgets, &fresh];
        self.check_whole(&all, is_saved).await;
        tear_down(&writer).await;
    }

    async fn reads(&self, knows: &Instance, forgets: &Instance, fresh: &Instance) {
        let name = name("A");
        let reads = join!(
            knows.read(&name),
            forgets.read(&name),
            fresh.read(&name),
            knows.read_newest(&name),
            fresh.read_newest(&name),
            knows.connections(),
        );
        let is_bridged = self.met.tells == Tells::Unavailable;
        let remembers = self.world.remembers();
        for (what, read, bridged) in [
            ("what was read", reads.0, is_bridged && remembers),
            ("what was read too long ago", reads.1, false),
            ("what was never read", reads.2, false),
        ] {
            match read {
                Err(error) => {
                    let wanted = self.met.hits == Hits::All && !bridged;
                    assert!(wanted, "{self:?}: {what}: {error}");
                    self.is_told(what, Some("A"), &error);
                }
                Ok(read) => {
                    // Where nothing is remembered, what is known to be unchanged may be used.
                    let wanted = self.met.hits == Hits::Writes || bridged || !remembers;
                    assert!(wanted, "{self:?}: {what} is given");
                    assert_eq!(text(read).as_deref(), Some(OLD), "{self:?}: {what}");
                }
            }
        }
        for newest in [reads.3, reads.4] {
            match newest {
                Err(error) if self.met.hits == Hits::All => {
                    self.is_told("the newest", Some("A"), &error);
                    let says = self.met.says;
                    assert!(error.to_string().contains(says), "{self:?}: {error}");
                }
                Ok(read) if self.met.hits == Hits::Writes => {
                    assert_eq!(text(read).as_deref(), Some(OLD), "{self:?}");
                }
                other => panic!("{self:?}: the newest: {other:?}"),
            }
        }
        match reads.5 {
            Ok(ids) => assert!(ids.iter().any(|id| id == ID), "{self:?}: {ids:?}"),
            Err(error) => {
                assert_eq!(self.met.hits, Hits::All, "{self:?}: the list: {error}");
                self.is_told("the list", None, &error);
            }
        }
    }

    async fn writes(&self, store: &Instance) {
        let (a, b) = (name("A"), name("B"));
        let (written, removed) = join!(store.write(&a, Secret::new(NEW)), store.remove(&b));
        for (what, field, done) in [("write", "A", written), ("removal", "B", removed)] {
            let error = done.expect_err(&format!("{self:?}: {what}"));
            self.is_told(what, Some(field), &error);
            let says = self.met.says;
            assert!(
                what != "write" || error.to_string().contains(says),
                "{self:?}: {error}"
            );
        }
    }

    async fn locks(&self, store: &Instance) {
        let (free, held) = (name("FREE"), name("HELD"));
        let (taken, other, given_back) = join!(
            store.lock(&free, "one", LONG),
            store.lock(&held, "other", LONG),
            store.unlock(&held, "keeper"),
        );
        let error = taken.expect_err(&format!("{self:?}: a lock"));
        self.is_told("lock", Some("FREE"), &error);
        let is_another = matches!(other, Err(_) | Ok(Locked::Held));
        assert!(is_another, "{self:?}: another's lock: {other:?}");
        let error = given_back.expect_err(&format!("{self:?}: giving back"));
        self.is_told("unlock", Some("HELD"), &error);
    }

    /// Says whether a new connection was saved nevertheless: a fault may be of one connection's place.
    async fn saves(&self, store: &Instance) -> bool {
        let mut all = changes(&["A"], NEW);
        all.push(("B".to_owned(), None));
        let new = changes(&["connection", "A"], NEW);
        let (changed, made) = join!(store.save(ID, false, all), store.save(OTHER, true, new));
        match changed {
            Err(SaveError::Store(error)) => self.is_told("change", Some(""), &error),
            other => panic!("{self:?}: a connection was changed: {other:?}"),
        }
        let is_saved = match made {
            Ok(()) => true,
            Err(SaveError::Store(error)) => {
                self.is_told("making", None, &error);
                false
            }
            Err(other @ SaveError::Exists(_)) => panic!("{self:?}: {other}"),
        };
        // To take away may need less than to write.
        if self.met.hits == Hits::All {
            let forgotten = store.forget(ID, &[]).await;
            let error = forgotten.expect_err(&format!("{self:?}: forgetting"));
            self.is_told("forgetting", None, &error);
        }
        is_saved
    }

    /// All is as it was, for all instances, and goes on.
    async fn check_whole(&self, all: &[&Instance], is_saved: bool) {
        for store in all {
            for field in ["A", "B"] {
                let kept = newest(store, field).await;
                assert_eq!(kept.as_deref(), Some(OLD), "{self:?}: `{field}`");
                let read = store.read(&name(field)).await.expect("the store answers");
                assert_eq!(text(read).as_deref(), Some(OLD), "{self:?}: `{field}`");
            }
        }
        let (writer, knows) = (all[0], all[1]);
        assert_eq!(lock(knows, "HELD", "other").await, Locked::Held, "{self:?}");
        unlock(writer, "HELD", "keeper").await;
        for field in ["HELD", "FREE"] {
            let locked = lock(knows, field, "next").await;
            assert_eq!(locked, Locked::Acquired, "{self:?}: `{field}`");
            unlock(knows, field, "next").await;
        }
        let ids = knows.connections().await.expect("the store answers");
        let found = ids.iter().any(|id| id == OTHER);
        assert_eq!(found, is_saved, "{self:?}: {ids:?}");
        for field in ["connection", "A"] {
            let read = knows.read_newest(&entry(OTHER, field)).await;
            let read = text(read.expect("the store answers"));
            assert_eq!(read.as_deref(), is_saved.then_some(NEW), "{self:?}");
        }
        let forgotten = knows.forget(OTHER, &["A".to_owned()]).await;
        forgotten.expect("a connection is forgotten while all is well");
        let written = writer.write(&name("A"), Secret::new(NEW)).await;
        written.expect("an entry is written while all is well");
        for store in all {
            let read = newest(store, "A").await;
            assert_eq!(read.as_deref(), Some(NEW), "{self:?}");
        }
    }

    /// Whether an error is of the right kind, names the entry, and shows no value.
    fn is_told(&self, what: &str, field: Option<&str>, error: &StoreError) {
        let shown = format!("{error}");
        let right = match self.met.tells {
            Tells::Unavailable => matches!(error, StoreError::Unavailable(_)),
            Tells::Denied => matches!(error, StoreError::Denied { .. }),
        };
        assert!(right, "{self:?}: {what}: {error:?}");
        assert!(!format!("{shown} {error:?}").contains(MARK), "{shown}");
        if let Some(field) = field {
            let wanted = self.world.names(&name(field));
            let is_named = wanted.iter().any(|name| shown.contains(name.as_str()));
            assert!(
                is_named,
                "{self:?}: {what} names none of {wanted:?}: {shown}"
            );
        }
    }
}

impl<W: World> Debug for Under<'_, W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.met.fault)
    }
}
