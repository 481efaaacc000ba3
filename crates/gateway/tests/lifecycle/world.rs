//! One thread, one virtual clock: tasks of several instances, polled in an order that the seed gives.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hushgate_gateway::ports::{Clock, PortFuture, Random, Tasks, Timer};

use crate::provider::Provider;
use crate::rng::Rng;
use crate::schedule::{Crash, Schedule};
use crate::store::Store;

/// The moment at which every schedule begins.
pub(crate) const BEGIN: Duration = Duration::from_hours(500_000);

/// What happens at a moment by itself.
pub(crate) enum Event {
    Wake(Waker),
    Apply(u64),
}

/// An instance of the function.
#[derive(Default)]
pub(crate) struct Instance {
    /// Grows with every restart.
    pub(crate) life: u64,
    pub(crate) dead: bool,
    /// Polls in this life.
    pub(crate) steps: u64,
    /// The step after which it dies.
    pub(crate) dies_at: Option<u64>,
    /// Exchanges that were carried out for it.
    pub(crate) exchanges: u64,
    /// Calls under way, and since when there are any or none.
    pub(crate) calls: u64,
    pub(crate) turned: u64,
    /// Milliseconds without a call under way.
    pub(crate) idle: u64,
    /// Exchanges that were begun.
    pub(crate) begun: u64,
    /// Until when it surely holds a token that is taken.
    pub(crate) held_until: u64,
    /// Idle milliseconds when the last exchange was begun.
    pub(crate) idle_at_exchange: u64,
}

/// Everything but the tasks.
pub(crate) struct World {
    pub(crate) now: u64,
    pub(crate) rng: Rng,
    pub(crate) schedule: Schedule,
    pub(crate) instances: Vec<Instance>,
    pub(crate) store: Store,
    pub(crate) provider: Provider,
    /// When an administrator stored the token of a new consent.
    pub(crate) consented: u64,
    pub(crate) violation: Option<String>,
    pub(crate) trace: Option<Vec<String>>,
    events: BTreeMap<(u64, u64), Event>,
    numbers: u64,
}

pub(crate) type Shared = Arc<Mutex<World>>;
type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(crate) fn lock(shared: &Shared) -> MutexGuard<'_, World> {
    shared.lock().unwrap()
}

impl World {
    pub(crate) fn new(mut rng: Rng, traced: bool) -> Self {
        let schedule = Schedule::draw(&mut rng);
        let instances = schedule.crashes.iter().map(|crash| Instance {
            dies_at: match crash {
                Some(Crash::Steps(steps)) => Some(*steps),
                _ => None,
            },
            ..Instance::default()
        });
        Self {
            now: 0,
            instances: instances.collect(),
            store: Store::new(&schedule),
            provider: Provider::new(&schedule),
            rng,
            schedule,
            consented: 0,
            violation: None,
            trace: traced.then(Vec::new),
            events: BTreeMap::new(),
            numbers: 0,
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn at(&mut self, time: u64, event: Event) -> (u64, u64) {
        let key = (time, self.number());
        self.events.insert(key, event);
        key
    }

    pub(crate) fn calm(&self) -> bool {
        self.now >= self.schedule.calm
    }

    /// Notes what happens, if anybody reads it.
    pub(crate) fn note(&mut self, who: Option<usize>, what: impl FnOnce() -> String) {
        let (now, life) = (self.now, who.map(|w| self.instances[w].life));
        if let Some(trace) = &mut self.trace {
            let who = match (who, life) {
                (Some(who), Some(0)) => format!("instance {who}"),
                (Some(who), Some(life)) => format!("instance {who} (restart {life})"),
                _ => "world".to_owned(),
            };
            trace.push(format!(
                "{:>6}.{:03} s  {who:<24} {}",
                now / 1000,
                now % 1000,
                what()
            ));
        }
    }

    /// An invariant does not hold.
    pub(crate) fn violated(&mut self, what: impl FnOnce() -> String) {
        if self.violation.is_none() {
            let what = what();
            self.note(None, || format!("VIOLATED: {what}"));
            self.violation = Some(what);
        }
    }

    pub(crate) fn call_begins(&mut self, who: usize) {
        let now = self.now;
        let instance = &mut self.instances[who];
        if instance.calls == 0 {
            instance.idle += now - instance.turned;
            instance.turned = now;
        }
        instance.calls += 1;
    }

    pub(crate) fn call_ends(&mut self, who: usize) {
        let now = self.now;
        let instance = &mut self.instances[who];
        instance.calls = instance.calls.saturating_sub(1);
        if instance.calls == 0 {
            instance.turned = now;
        }
    }

    /// Milliseconds in which an instance had no call under way.
    pub(crate) fn idle(&self, who: usize) -> u64 {
        let instance = &self.instances[who];
        let open = if instance.calls == 0 {
            self.now - instance.turned
        } else {
            0
        };
        instance.idle + open
    }
}

/// Waits for a moment of virtual time.
pub(crate) struct Sleep {
    shared: Shared,
    until: u64,
    key: Option<(u64, u64)>,
}

impl Sleep {
    pub(crate) fn until(shared: &Shared, until: u64) -> Self {
        Self {
            shared: Arc::clone(shared),
            until,
            key: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut world = this.shared.lock().unwrap();
        if world.now >= this.until {
            return Poll::Ready(());
        }
        if this.key.is_none() {
            this.key = Some(world.at(this.until, Event::Wake(context.waker().clone())));
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.shared.lock().unwrap().events.remove(&key);
        }
    }
}

/// The ports of one life of one instance.
#[derive(Clone)]
pub(crate) struct Ports {
    pub(crate) shared: Shared,
    pub(crate) spawned: Arc<Mutex<Vec<Task>>>,
    pub(crate) who: usize,
    pub(crate) life: u64,
}

impl Clock for Ports {
    fn now(&self) -> SystemTime {
        let world = lock(&self.shared);
        let at = UNIX_EPOCH + BEGIN + Duration::from_millis(world.now);
        let skew = world.schedule.skews[self.who];
        let by = Duration::from_millis(skew.unsigned_abs());
        if skew < 0 { at - by } else { at + by }
    }
}

impl Timer for Ports {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(lock(&self.shared).now)
    }

    fn sleep(&self, time: Duration) -> PortFuture<'static, ()> {
        let until = lock(&self.shared).now + u64::try_from(time.as_millis()).unwrap();
        Box::pin(Sleep::until(&self.shared, until))
    }
}

impl Random for Ports {
    fn number(&self) -> u128 {
        let rng = &mut lock(&self.shared).rng;
        u128::from(rng.next()) << 64 | u128::from(rng.next())
    }
}

impl Tasks for Ports {
    fn spawn(&self, task: PortFuture<'static, ()>) {
        self.spawned.lock().unwrap().push(Task {
            owner: Some((self.who, self.life)),
            job: task,
        });
    }
}

pub(crate) struct Task {
    /// The instance and its life; none for what is outside of all.
    pub(crate) owner: Option<(usize, u64)>,
    pub(crate) job: Job,
}

struct Ring {
    task: usize,
    waiting: AtomicBool,
    ready: Arc<Mutex<Vec<usize>>>,
}

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.waiting.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap().push(self.task);
        }
    }
}

/// Polls the tasks.
pub(crate) struct Executor {
    shared: Shared,
    pub(crate) spawned: Arc<Mutex<Vec<Task>>>,
    ready: Arc<Mutex<Vec<usize>>>,
    tasks: Vec<Option<(Task, Arc<Ring>)>>,
}

impl Executor {
    pub(crate) fn new(shared: &Shared) -> Self {
        Self {
            shared: Arc::clone(shared),
            spawned: Arc::default(),
            ready: Arc::default(),
            tasks: Vec::new(),
        }
    }

    pub(crate) fn spawn(
        &self,
        owner: Option<(usize, u64)>,
        job: impl Future<Output = ()> + Send + 'static,
    ) {
        let job = Box::pin(job);
        self.spawned.lock().unwrap().push(Task { owner, job });
    }

    fn take_spawned(&mut self) {
        let spawned = std::mem::take(&mut *self.spawned.lock().unwrap());
        for task in spawned {
            let number = self.tasks.len();
            let ring = Arc::new(Ring {
                task: number,
                waiting: AtomicBool::new(true),
                ready: Arc::clone(&self.ready),
            });
            self.tasks.push(Some((task, ring)));
            self.ready.lock().unwrap().push(number);
        }
    }

    /// Runs until a moment or until an invariant is violated. Gives the instances that died.
    pub(crate) fn run(&mut self, until: u64) -> Vec<usize> {
        let mut died = Vec::new();
        loop {
            self.take_spawned();
            let next = {
                let mut ready = self.ready.lock().unwrap();
                let mut world = lock(&self.shared);
                if world.violation.is_some() {
                    return died;
                }
                if ready.is_empty() {
                    None
                } else {
                    // Who waits for the same thing is woken in an order that no seed decides.
                    ready.sort_unstable();
                    let at = usize::try_from(world.rng.range(0, ready.len() as u64)).unwrap();
                    Some(ready.remove(at))
                }
            };
            match next {
                Some(task) => died.extend(self.poll(task)),
                None => {
                    if !self.advance(until) {
                        return died;
                    }
                }
            }
        }
    }

    /// Goes to the next event; false when there is none before `until`.
    fn advance(&self, until: u64) -> bool {
        let mut world = lock(&self.shared);
        let next = world.events.first_key_value().map(|(key, _)| *key);
        let Some(key) = next.filter(|(time, _)| *time <= until) else {
            world.now = world.now.max(until);
            return false;
        };
        world.now = key.0;
        match world.events.remove(&key) {
            Some(Event::Wake(waker)) => {
                drop(world);
                waker.wake();
            }
            Some(Event::Apply(call)) => world.apply(call),
            None => {}
        }
        true
    }

    fn poll(&mut self, number: usize) -> Option<usize> {
        let (task, ring) = self.tasks[number].as_mut()?;
        ring.waiting.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(ring));
        let done = task.job.as_mut().poll(&mut Context::from_waker(&waker));
        let owner = task.owner;
        if done.is_ready() {
            self.tasks[number] = None;
        }
        let (who, life) = owner?;
        let dies = {
            let mut world = lock(&self.shared);
            let instance = &mut world.instances[who];
            if instance.life != life {
                return None;
            }
            instance.steps += 1;
            instance.dies_at.is_some_and(|at| instance.steps >= at) && !world.calm()
        };
        dies.then(|| self.kill(who))
    }

    /// Ends an instance in the middle of whatever it does.
    fn kill(&mut self, who: usize) -> usize {
        lock(&self.shared).note(Some(who), || "dies".to_owned());
        let life = lock(&self.shared).instances[who].life;
        let of_it = |task: &Option<(Task, Arc<Ring>)>| {
            task.as_ref()
                .is_some_and(|(t, _)| t.owner == Some((who, life)))
        };
        self.take_spawned();
        for task in self.tasks.iter_mut().filter(|t| of_it(t)) {
            *task = None;
        }
        let mut world = lock(&self.shared);
        let now = world.now;
        let instance = &mut world.instances[who];
        instance.life += 1;
        instance.dead = true;
        instance.dies_at = None;
        instance.calls = 0;
        instance.held_until = 0;
        instance.turned = now;
        who
    }
}
