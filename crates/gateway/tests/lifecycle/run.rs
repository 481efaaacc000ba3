//! One schedule from its seed to its verdict: a storm, then calm, then everything must work again.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hushgate_gateway::connect::ConnectFault;
use hushgate_gateway::connect::lifecycle::{
    JOURNAL_ENTRY, Keeper, KeeperParts, Lease, Material, Plan,
};

use crate::flaws::Flaw;
use crate::provider::{MARGIN, SimExchange, token_name};
use crate::rng::Rng;
use crate::schedule::Kind;
use crate::store::{REFRESH, SimStore};
use crate::world::{Executor, Ports, Shared, Sleep, World, lock};

/// How long a request waits for others at most, in milliseconds.
const PATIENCE: u64 = 2_000;
/// What time the scheduling of events may add.
const SLACK: u64 = 60;
/// The protocol's own pauses around an exchange: before writing again and before reading again.
const OWN_PAUSES: u64 = 3_400;
/// Between two requests of the calm.
const ROUND: u64 = 15_000;
/// What instances say when there is nothing to wait for.
const FINAL: [&str; 2] = [
    "connect-rotation-interrupted",
    "connect-refresh-token-stale",
];
/// How soon an instance looks whether an administrator stored a new token, and how long that takes.
const LOOKS_AGAIN: u64 = 25_000;
/// How long all may take to work again: a dead owner's lock, the watch after it, and one cool-down.
const RECOVERY: u64 = 600_000;

/// What a schedule showed.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Seen {
    pub(crate) exchanges: u64,
    pub(crate) reused: u64,
    pub(crate) deaths: u64,
    /// Consents whose refresh token was lost by a crash or a lost answer, and told so.
    pub(crate) interrupted: u64,
    /// Stores into which an old token was written back while nobody knew a newer one.
    pub(crate) outdated: u64,
    pub(crate) requests: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: Self) {
        self.exchanges += other.exchanges;
        self.reused += other.reused;
        self.deaths += other.deaths;
        self.interrupted += other.interrupted;
        self.outdated += other.outdated;
        self.requests += other.requests;
    }
}

/// An invariant that did not hold, and how it came to it.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) what: String,
    pub(crate) trace: Vec<String>,
}

type Told = Arc<Mutex<Vec<Option<Result<(), &'static str>>>>>;

struct Run {
    shared: Shared,
    executor: Executor,
    keepers: Vec<Option<Keeper<SimExchange>>>,
    /// What each instance's last request came to; none while it is under way.
    told: Told,
    flaw: Flaw,
    seen: Seen,
}

/// Plays the schedule of a seed.
pub(crate) fn run(seed: u64, flaw: Flaw, traced: bool) -> Result<Seen, Violation> {
    let world = World::new(Rng::new(seed), traced);
    let instances = world.schedule.instances;
    let shared = Arc::new(Mutex::new(world));
    let mut run = Run {
        executor: Executor::new(&shared),
        shared,
        keepers: (0..instances).map(|_| None).collect(),
        told: Arc::new(Mutex::new(vec![Some(Ok(())); instances])),
        flaw,
        seen: Seen::default(),
    };
    run.note_schedule(seed);
    run.storm();
    run.calm();
    let mut world = lock(&run.shared);
    run.seen.reused = world.provider.reused;
    run.seen.exchanges = world.provider.issued.len() as u64;
    let trace = world.trace.take().unwrap_or_default();
    match world.violation.take() {
        None => Ok(run.seen),
        Some(what) => Err(Violation { what, trace }),
    }
}

#[derive(Debug, Clone, Copy)]
enum Happening {
    Request(usize),
    RevokeAccess,
    RestoreFirst,
    Consent,
}

impl Run {
    fn note_schedule(&self, seed: u64) {
        let mut world = lock(&self.shared);
        let text = world
            .trace
            .is_some()
            .then(|| format!("seed {seed}: {:?}", world.schedule));
        if let Some(text) = text {
            world.note(None, || text);
        }
    }

    fn storm(&mut self) {
        let mut happenings: Vec<(u64, Happening)> = {
            let world = lock(&self.shared);
            let s = &world.schedule;
            let requests = s
                .requests
                .iter()
                .map(|(at, who)| (*at, Happening::Request(*who)));
            let others = [
                (s.revoked_at, Happening::RevokeAccess),
                (s.restored_at, Happening::RestoreFirst),
                (s.consent_at, Happening::Consent),
            ];
            let others = others
                .into_iter()
                .filter_map(|(at, what)| Some((at?, what)));
            requests.chain(others).collect()
        };
        happenings.sort_by_key(|(at, _)| *at);
        for (at, happening) in happenings {
            self.until(at);
            match happening {
                Happening::Request(who) => self.request(who),
                Happening::RevokeAccess => {
                    let mut world = lock(&self.shared);
                    world.provider.revoke_access();
                    world.note(None, || "the newest access token is ended".to_owned());
                }
                Happening::RestoreFirst => {
                    let mut world = lock(&self.shared);
                    let now = world.now;
                    // After a new consent it could not be told from an administrator's choice.
                    if world.consented == 0 {
                        world.store.put(REFRESH, now, Some(Arc::from("r0-0")));
                        world.note(None, || "somebody writes r0-0 back".to_owned());
                    }
                }
                Happening::Consent => self.consent(),
            }
        }
        let calm = lock(&self.shared).schedule.calm;
        self.until(calm);
    }

    /// An administrator stores the refresh token of a new consent, under the lock.
    fn consent(&mut self) {
        for _ in 0..600 {
            let mut world = lock(&self.shared);
            let now = world.now;
            if world.store.lock_for_administrator(now) {
                let token = world.provider.consent();
                world.note(None, || format!("an administrator stores {token}"));
                world.store.put(REFRESH, now, Some(token));
                world.store.put(JOURNAL_ENTRY, now, None);
                world.consented = now;
                return;
            }
            drop(world);
            self.until(now + 1_000);
        }
        let stuck = || "an administrator never got the lock".to_owned();
        lock(&self.shared).violated(stuck);
    }

    /// Everything works again: the next renewal too, which needs the refresh token.
    fn calm(&mut self) {
        let next = {
            let world = lock(&self.shared);
            let ends = world.provider.issued.last().map_or(0, |i| i.ends);
            world.now.max(ends) + 16_000
        };
        self.until(next);
        if self.works_again() {
            return;
        }
        let lost = lock(&self.shared).lost();
        let told: Vec<_> = self.told.lock().unwrap().clone();
        // Where an old token was written back as well, who knows its successor tells of that.
        let restored = {
            let world = lock(&self.shared);
            world.schedule.restored_at.is_some() && world.stored_is_used()
        };
        let is = |told: &Option<Result<(), &str>>, code| *told == Some(Err(code));
        let interrupted = told.iter().any(|t| is(t, "connect-rotation-interrupted"));
        let outdated = restored && told.iter().any(|t| is(t, "connect-refresh-token-stale"));
        let known = told.iter().all(|t| {
            // All ask at once, and to find the old token out takes the lock.
            let told_or_waiting = is(t, "connect-refresh-token-stale") || is(t, "connect-busy");
            is(t, "connect-rotation-interrupted") || restored && told_or_waiting
        });
        if !(lost && known && (interrupted || outdated)) {
            lock(&self.shared).violated(|| {
                let state = if lost { "lost" } else { "alive" };
                format!("the connection does not work again; its refresh token is {state}, the instances say {told:?}")
            });
            return;
        }
        self.seen.interrupted += u64::from(interrupted);
        self.seen.outdated += u64::from(outdated);
        self.consent();
        if !self.works_again() {
            let told = self.told.lock().unwrap().clone();
            let what = || format!("the connection does not work after a new consent: {told:?}");
            lock(&self.shared).violated(what);
        }
    }

    /// Lets all ask until all are served in the same round, or for as long as it may take.
    fn works_again(&mut self) -> bool {
        let begun = lock(&self.shared).now;
        loop {
            for who in 0..self.keepers.len() {
                self.request(who);
            }
            let now = lock(&self.shared).now;
            self.until(
                now + if now > begun + 2 * ROUND {
                    3 * ROUND
                } else {
                    ROUND
                },
            );
            let told = self.told.lock().unwrap().clone();
            if told.iter().all(|t| *t == Some(Ok(()))) {
                return true;
            }
            let world = lock(&self.shared);
            // What is lost for good does not come back by asking again.
            let settled = told
                .iter()
                .all(|t| matches!(t, Some(Err(code)) if FINAL.contains(code)));
            let over = now > begun + RECOVERY || (settled && world.lost());
            if over || world.violation.is_some() {
                return false;
            }
        }
    }

    fn until(&mut self, time: u64) {
        for who in self.executor.run(time) {
            self.keepers[who] = None;
            self.told.lock().unwrap()[who] = Some(Ok(()));
            self.seen.deaths += 1;
        }
    }

    fn request(&mut self, who: usize) {
        let life = {
            let mut world = lock(&self.shared);
            let instance = &mut world.instances[who];
            instance.dead = false;
            instance.life
        };
        let ports = Ports {
            shared: Arc::clone(&self.shared),
            spawned: Arc::clone(&self.executor.spawned),
            who,
            life,
        };
        let flaw = self.flaw;
        let keeper = self.keepers[who].get_or_insert_with(|| keeper(&ports, flaw));
        self.seen.requests += 1;
        self.told.lock().unwrap()[who] = None;
        let job = request(ports, keeper.clone(), Arc::clone(&self.told));
        self.executor.spawn(Some((who, life)), job);
    }
}

fn keeper(ports: &Ports, flaw: Flaw) -> Keeper<SimExchange> {
    let (kind, lifetime) = {
        let world = lock(&ports.shared);
        (world.schedule.kind, world.schedule.lifetime)
    };
    let plan = Plan {
        source: "simulated".to_owned(),
        material: match kind {
            Kind::Client => Material::Exchange,
            Kind::Constant => Material::ConstantRefreshToken,
            _ => Material::RefreshToken,
        },
        shared: true,
        margin: (Duration::from_secs(MARGIN.0), Duration::from_secs(MARGIN.1)),
        default_lifetime: Duration::from_secs(lifetime),
        refresh_entry: REFRESH.to_owned(),
    };
    let with = KeeperParts {
        store: Arc::new(SimStore {
            ports: ports.clone(),
            flaw,
        }),
        clock: Arc::new(ports.clone()),
        timer: Arc::new(ports.clone()),
        random: Arc::new(ports.clone()),
        tasks: Arc::new(ports.clone()),
        exchange: SimExchange {
            ports: ports.clone(),
            flaw,
        },
    };
    Keeper::new(plan, flaw.timing(), with)
}

/// What an instance does for a caller: a credential, the call, at most one renewal and repetition.
async fn request(ports: Ports, keeper: Keeper<SimExchange>, told: Told) {
    let result = served(&ports, &keeper).await;
    let who = ports.who;
    let code = match &result {
        Ok(()) => Ok(()),
        Err(fault) => Err(fault.code()),
    };
    let mut world = lock(&ports.shared);
    if let Err(fault) = &result {
        world.note(Some(who), || {
            format!("refuses the request: {}", fault.code())
        });
        let interrupted = matches!(fault, ConnectFault::Interrupted { .. });
        let told_before = world.now < world.consented + LOOKS_AGAIN;
        if interrupted && !world.lost() && !told_before {
            world.violated(|| {
                format!(
                    "instance {who} calls a rotation interrupted although a refresh token lives"
                )
            });
        }
    }
    told.lock().unwrap()[who] = Some(code);
}

async fn served(ports: &Ports, keeper: &Keeper<SimExchange>) -> Result<(), ConnectFault> {
    let watch = Watch::begin(ports, true);
    let lease = keeper.credential().await;
    watch.end(ports);
    let lease = lease?;
    if called(ports, &lease).await {
        return Ok(());
    }
    let watch = Watch::begin(ports, false);
    let renewed = keeper.renew(lease.print).await;
    watch.end(ports);
    let renewed = renewed?;
    if renewed.print == lease.print {
        let who = ports.who;
        lock(&ports.shared)
            .violated(|| format!("instance {who} renews a refused token with itself"));
    }
    if called(ports, &renewed).await {
        Ok(())
    } else {
        Err(ConnectFault::RefusedWhenFresh)
    }
}

/// A call to the API; false for 401.
async fn called(ports: &Ports, lease: &Lease<usize>) -> bool {
    let at = {
        let mut world = lock(&ports.shared);
        world.judge_use(lease.credential);
        world.now + world.rng.range(1, 100)
    };
    Sleep::until(&ports.shared, at).await;
    let mut world = lock(&ports.shared);
    let (now, number) = (world.now, lease.credential);
    let taken = world.provider.takes(number, now);
    // By the clock of an instance it may end fifteen seconds earlier.
    let ends = world.provider.issued[number].ends.saturating_sub(15_000);
    let instance = &mut world.instances[ports.who];
    instance.held_until = if taken {
        instance.held_until.max(ends)
    } else {
        0
    };
    world.note(Some(ports.who), || {
        let answer = if taken { "200" } else { "401" };
        format!("calls with {}: {answer}", token_name(number))
    });
    taken
}

/// How long a request waits.
struct Watch {
    begun: u64,
    idle: u64,
    exchanges: u64,
    holds: bool,
}

impl Watch {
    fn begin(ports: &Ports, first: bool) -> Self {
        let mut world = lock(&ports.shared);
        let who = ports.who;
        world.note(Some(who), || {
            if first { "request" } else { "renewal" }.to_owned()
        });
        let instance = &world.instances[who];
        Self {
            begun: world.now,
            idle: world.idle(who),
            exchanges: instance.begun,
            holds: first && world.now < instance.held_until,
        }
    }

    fn end(self, ports: &Ports) {
        let mut world = lock(&ports.shared);
        let who = ports.who;
        let (took, idle) = (world.now - self.begun, world.idle(who) - self.idle);
        if self.holds && took > PATIENCE + SLACK {
            world.violated(|| {
                format!(
                    "instance {who} kept a request for {took} ms although it held a living token"
                )
            });
        }
        let instance = &world.instances[who];
        let doubt = if world.schedule.doubt { 300 } else { 0 };
        let before = if instance.begun > self.exchanges {
            instance.idle_at_exchange.saturating_sub(self.idle)
        } else {
            idle
        };
        let given = world.store.given[who] >= self.begun;
        let bound = PATIENCE + SLACK + doubt + if given { OWN_PAUSES } else { 0 };
        if before > bound {
            world.violated(|| format!("instance {who} let a request wait for {before} ms without doing anything for it"));
        }
    }
}
