//! The secret store of the simulation: slow, failing, forgetful of acknowledgements, a little behind.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::lifecycle::{JOURNAL_ENTRY, Journal};
use hushgate_gateway::ports::{Locked, PortFuture, Secret, SecretStore, StoreError, Tasks as _};

use crate::flaws::Flaw;
use crate::schedule::{Schedule, StoreFault};
use crate::world::{Event, Ports, Sleep, World, lock};

pub(crate) const REFRESH: &str = "REFRESH_TOKEN";
/// How long two owners may be told that they have the lock, in milliseconds.
const DOUBT: u64 = 250;
/// The oldest state that a read may show, in milliseconds.
const STALEST: u64 = 1_900;

type Value = Option<Arc<str>>;

/// What a call does when it is carried out.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    Read(String),
    Write(String, Value),
    Lock(String, u64),
    Unlock(String),
    Exchange(Option<Arc<str>>),
}

/// A call under way.
pub(crate) struct Call {
    pub(crate) who: usize,
    pub(crate) life: u64,
    pub(crate) work: Work,
    pub(crate) done: Option<Done>,
}

/// What came of a call.
#[derive(Debug, Clone)]
pub(crate) enum Done {
    Value(Value),
    Unit,
    Locked(Locked),
    Exchanged(crate::provider::Reply),
}

struct Lock {
    owner: String,
    since: u64,
    until: u64,
}

pub(crate) struct Store {
    /// Every state of every entry with its time.
    entries: BTreeMap<String, Vec<(u64, Value)>>,
    lock: Option<Lock>,
    pub(crate) calls: BTreeMap<u64, Call>,
    count: u64,
    /// Refresh tokens that somebody began to write.
    pub(crate) attempted: BTreeSet<String>,
    /// Per instance, when the lock was given to it last.
    pub(crate) given: Vec<u64>,
}

impl Store {
    pub(crate) fn new(schedule: &Schedule) -> Self {
        let mut entries = BTreeMap::new();
        let first: Arc<str> = Arc::from("r0-0");
        entries.insert(REFRESH.to_owned(), vec![(0, Some(first))]);
        Self {
            entries,
            lock: None,
            calls: BTreeMap::new(),
            count: 0,
            attempted: BTreeSet::new(),
            given: vec![0; schedule.instances],
        }
    }

    /// What an entry held at a time.
    pub(crate) fn at(&self, name: &str, time: u64) -> Value {
        let states = self.entries.get(name)?;
        let before = states.partition_point(|(at, _)| *at <= time);
        states.get(before.checked_sub(1)?)?.1.clone()
    }

    pub(crate) fn now(&self, name: &str) -> Value {
        self.at(name, u64::MAX)
    }

    pub(crate) fn put(&mut self, name: &str, time: u64, value: Value) {
        let states = self.entries.entry(name.to_owned()).or_default();
        states.push((time, value));
    }

    /// The access token in the journal at a time.
    pub(crate) fn journal_token(&self, time: u64) -> Option<String> {
        let text = self.at(JOURNAL_ENTRY, time)?;
        let journal = Journal::read(&text).ok()?;
        journal.token.map(|t| t.value.reveal().to_owned())
    }

    fn lock(&mut self, owner: &str, ttl: u64, now: u64, doubt: bool, steal: bool) -> Locked {
        match &mut self.lock {
            Some(lock) if lock.owner == owner => {
                lock.until = now + ttl;
                Locked::Kept
            }
            Some(lock) if now < lock.until => {
                let doubtful = doubt && now - lock.since < DOUBT;
                if doubtful && steal {
                    owner.clone_into(&mut lock.owner);
                }
                if doubtful {
                    Locked::Acquired
                } else {
                    Locked::Held
                }
            }
            _ => {
                self.lock = Some(Lock {
                    owner: owner.to_owned(),
                    since: now,
                    until: now + ttl,
                });
                Locked::Acquired
            }
        }
    }

    /// Takes the lock for an administrator who settles as well; false when it is held.
    pub(crate) fn lock_for_administrator(&mut self, now: u64) -> bool {
        let free = self.lock("administrator", 2_000, now, false, false) != Locked::Held;
        if let Some(lock) = self.lock.as_mut().filter(|_| free) {
            // It has asked twice already.
            lock.since = now.saturating_sub(DOUBT);
        }
        free
    }
}

impl World {
    /// Carries a call out.
    pub(crate) fn apply(&mut self, number: u64) {
        let Some(call) = self.store.calls.get(&number) else {
            return;
        };
        let (who, life, work, now) = (call.who, call.life, call.work.clone(), self.now);
        let done = match work {
            Work::Read(name) => {
                let stale = self.schedule.stale && self.rng.percent(50);
                let behind = if stale { self.rng.range(0, STALEST) } else { 0 };
                Done::Value(self.store.at(&name, now.saturating_sub(behind)))
            }
            Work::Write(name, value) => {
                self.note(Some(who), || {
                    format!("{name} is now {}", shown(&name, value.as_deref()))
                });
                self.store.put(&name, now, value);
                Done::Unit
            }
            Work::Lock(owner, ttl) => {
                let (doubt, steal) = (self.schedule.doubt, self.rng.percent(50));
                let given = self.store.lock(&owner, ttl, now, doubt, steal);
                if given != Locked::Held {
                    self.store.given[who] = now;
                }
                self.note(Some(who), || format!("lock {owner}: {given:?}"));
                Done::Locked(given)
            }
            Work::Unlock(owner) => {
                if self.store.lock.as_ref().is_some_and(|l| l.owner == owner) {
                    self.store.lock = None;
                    self.note(Some(who), || format!("lock {owner} given back"));
                }
                Done::Unit
            }
            Work::Exchange(refresh) => {
                Done::Exchanged(self.exchanged(who, life, number, refresh.as_deref()))
            }
        };
        if let Some(call) = self.store.calls.get_mut(&number) {
            call.done = Some(done);
        }
    }

    fn store_fault(&mut self, who: usize) -> Option<StoreFault> {
        self.store.count += 1;
        if self.calm() {
            return None;
        }
        let (now, count) = (self.now, self.store.count);
        let out = self.schedule.outage.is_some_and(|o| {
            (o.from..o.to).contains(&now) && o.whom.is_none_or(|whom| whom == who)
        });
        if out {
            return Some(StoreFault::Out);
        }
        let faults = self.schedule.store_faults.iter();
        let mut hit = faults.filter(|(at, _)| *at == count);
        hit.next().map(|(_, fault)| *fault)
    }
}

/// An entry's value for the trace.
fn shown(name: &str, value: Option<&str>) -> String {
    let Some(value) = value else {
        return "gone".to_owned();
    };
    match Journal::read(value) {
        Ok(j) if name == JOURNAL_ENTRY => {
            let token = j.token.as_ref().map_or("-", |t| t.value.reveal());
            let intent = j.intent.as_ref().map(|i| {
                format!(
                    ", intent of {}{}",
                    i.owner,
                    if i.lost { " (lost)" } else { "" }
                )
            });
            let refused = j
                .refused
                .as_ref()
                .map(|r| format!(", refused ({})", r.reason));
            format!(
                "#{} {token}{}{}",
                j.seq,
                intent.unwrap_or_default(),
                refused.unwrap_or_default()
            )
        }
        _ => value.to_owned(),
    }
}

/// A call's place, given up when its future is dropped.
pub(crate) struct Seat {
    ports: Ports,
    pub(crate) number: u64,
}

impl Seat {
    pub(crate) fn take(ports: &Ports, work: Work) -> Self {
        let mut world = lock(&ports.shared);
        let number = world.number();
        let call = Call {
            who: ports.who,
            life: ports.life,
            work,
            done: None,
        };
        world.store.calls.insert(number, call);
        world.call_begins(ports.who);
        drop(world);
        Self {
            ports: ports.clone(),
            number,
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut world = lock(&self.ports.shared);
        let who = self.ports.who;
        if world.instances[who].life == self.ports.life && !world.instances[who].dead {
            world.call_ends(who);
        }
        world.provider.arrived(self.number);
    }
}

/// The store as one life of an instance sees it.
pub(crate) struct SimStore {
    pub(crate) ports: Ports,
    pub(crate) flaw: Flaw,
}

impl SimStore {
    async fn call(&self, work: Work) -> Result<Done, StoreError> {
        let failed = || Err(StoreError::Unavailable("simulated".to_owned()));
        let seat = Seat::take(&self.ports, work.clone());
        let (fails, ends) = {
            let mut world = lock(&self.ports.shared);
            let who = self.ports.who;
            let (now, quick) = (world.now, world.rng.range(2, 30));
            let fault = world.store_fault(who);
            if let Some(fault) = fault {
                world.note(Some(who), || format!("store {fault:?} at {work:?}"));
            }
            let (applied, ends, fails) = match fault {
                Some(StoreFault::Out | StoreFault::Before) => (None, now + quick, true),
                None => (Some(now + quick / 2), now + quick, false),
                Some(StoreFault::AckLost) => (Some(now + quick / 2), now + quick, true),
                Some(StoreFault::Late) => {
                    let late = world.rng.range(100, 1_500);
                    (Some(now + quick + late), now + quick, true)
                }
                Some(StoreFault::Slow) => {
                    let slow = world.rng.range(1_000, 4_800);
                    (Some(now + world.rng.range(0, slow)), now + slow, false)
                }
                Some(StoreFault::Hang) => {
                    (Some(now + world.rng.range(0, 6_400)), now + 60_000, true)
                }
            };
            if let Some(at) = applied {
                world.at(at, Event::Apply(seat.number));
            }
            (fails, ends)
        };
        Sleep::until(&self.ports.shared, ends).await;
        if fails {
            return failed();
        }
        let done = lock(&self.ports.shared).store.calls.remove(&seat.number);
        done.and_then(|c| c.done).map_or_else(failed, Ok)
    }
}

impl SimStore {
    /// Writes a refresh token three seconds later, if the instance still lives then.
    fn write_behind(&self, text: Arc<str>) {
        let ports = self.ports.clone();
        self.ports.spawn(Box::pin(async move {
            let at = lock(&ports.shared).now + 3_000;
            Sleep::until(&ports.shared, at).await;
            let mut world = lock(&ports.shared);
            let now = world.now;
            world.store.put(REFRESH, now, Some(text));
        }));
    }
}

impl SecretStore for SimStore {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            let done = self.call(Work::Read(name.to_owned())).await?;
            let Done::Value(value) = done else {
                unreachable!()
            };
            let value = value.map(|v| Secret::new(&*v));
            Ok(value.map(|v| self.flaw.on_read(name, v)))
        })
    }

    fn write<'a>(&'a self, name: &'a str, value: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let text: Arc<str> = Arc::from(value.reveal());
            if name == REFRESH {
                let mut world = lock(&self.ports.shared);
                world.store.attempted.insert(text.to_string());
            }
            if self.flaw.swallows(name, &text) {
                return Ok(());
            }
            if self.flaw == Flaw::WriteBehind && name == REFRESH {
                self.write_behind(text);
                return Ok(());
            }
            let work = Work::Write(name.to_owned(), Some(text));
            self.call(work).await.map(|_| ())
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.call(Work::Write(name.to_owned(), None))
                .await
                .map(|_| ())
        })
    }

    fn lock<'a>(
        &'a self,
        _: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move {
            let ttl = u64::try_from(ttl.as_millis()).unwrap();
            let done = self.call(Work::Lock(owner.to_owned(), ttl)).await?;
            let Done::Locked(locked) = done else {
                unreachable!()
            };
            let forged = self.flaw == Flaw::NoLock && locked == Locked::Held;
            Ok(if forged { Locked::Kept } else { locked })
        })
    }

    fn lock_doubt(&self) -> Duration {
        let doubt = lock(&self.ports.shared).schedule.doubt && self.flaw != Flaw::NoDoubt;
        Duration::from_millis(if doubt { DOUBT + 50 } else { 0 })
    }

    fn unlock<'a>(&'a self, _: &'a str, owner: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { self.call(Work::Unlock(owner.to_owned())).await.map(|_| ()) })
    }
}
