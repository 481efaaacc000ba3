//! What a seed decides: the provider, the instances, and what goes wrong when.

use crate::rng::Rng;

/// How the provider treats refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// There is none; an exchange can be made at any time.
    Client,
    /// It never changes.
    Constant,
    /// Each use gives a new one; using an old one again revokes the whole family.
    Family,
    /// The same, but an old one may be used again for a while.
    FamilyWithGrace,
    /// Each can be used once; using it again is refused and nothing more.
    SingleUse,
    /// Some uses give a new one and some keep the old; reuse revokes the family.
    Sometimes,
}

/// One thing that goes wrong with a call to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreFault {
    /// The store is out of reach.
    Out,
    /// An error, and nothing happened.
    Before,
    /// An error, but it happened.
    AckLost,
    /// An error at once, and it happens up to 1.5 seconds later.
    Late,
    /// It takes seconds.
    Slow,
    /// It takes longer than the protocol waits, and happens meanwhile.
    Hang,
}

/// One thing that goes wrong with an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ExchangeFault {
    /// The request does not arrive.
    RequestLost,
    /// It is carried out, but the answer does not arrive.
    AnswerLost,
    /// 429 with a time to wait.
    Busy,
    /// 503, nothing carried out.
    Down,
    /// Up to 28 seconds.
    Slow,
    /// Longer than the protocol waits; carried out.
    Hang,
    /// Carried out, but the answer is unusable.
    Garbage,
    /// Carried out, and only the refresh token in the answer is usable.
    HalfGarbage,
}

/// When an instance dies.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Crash {
    /// After so many steps.
    Steps(u64),
    /// So many steps after the provider carried out its exchange number `.0`.
    AfterExchange(u64, u64),
}

/// A time without the store, in milliseconds, for all or for one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) whom: Option<usize>,
}

#[derive(Debug)]
pub(crate) struct Schedule {
    pub(crate) kind: Kind,
    /// Whether an exchange ends all earlier access tokens at once.
    pub(crate) only_newest: bool,
    /// Of an access token, in seconds.
    pub(crate) lifetime: u64,
    pub(crate) instances: usize,
    /// Milliseconds by which each instance's clock is ahead or behind.
    pub(crate) skews: Vec<i64>,
    /// Whether reads may be up to 1.9 seconds old.
    pub(crate) stale: bool,
    /// Whether two owners may be given the lock for up to 250 ms.
    pub(crate) doubt: bool,
    /// By the number of the call, over all instances.
    pub(crate) store_faults: Vec<(u64, StoreFault)>,
    pub(crate) exchange_faults: Vec<(u64, ExchangeFault)>,
    pub(crate) crashes: Vec<Option<Crash>>,
    pub(crate) outage: Option<Outage>,
    /// When the API refuses the newest access token for no reason.
    pub(crate) revoked_at: Option<u64>,
    /// When somebody writes the first refresh token back.
    pub(crate) restored_at: Option<u64>,
    /// When an administrator stores the token of a new consent.
    pub(crate) consent_at: Option<u64>,
    /// When each instance is asked for a credential, in milliseconds.
    pub(crate) requests: Vec<(u64, usize)>,
    /// When nothing goes wrong any more.
    pub(crate) calm: u64,
}

const KINDS: [Kind; 6] = [
    Kind::Client,
    Kind::Constant,
    Kind::Family,
    Kind::FamilyWithGrace,
    Kind::SingleUse,
    Kind::Sometimes,
];
const STORE_FAULTS: [StoreFault; 5] = [
    StoreFault::Before,
    StoreFault::AckLost,
    StoreFault::Late,
    StoreFault::Slow,
    StoreFault::Hang,
];
const EXCHANGE_FAULTS: [ExchangeFault; 8] = [
    ExchangeFault::RequestLost,
    ExchangeFault::AnswerLost,
    ExchangeFault::Busy,
    ExchangeFault::Down,
    ExchangeFault::Slow,
    ExchangeFault::Hang,
    ExchangeFault::Garbage,
    ExchangeFault::HalfGarbage,
];

impl Schedule {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        // The kinds with most at stake come up most.
        let kind = if rng.percent(50) {
            rng.pick(&[Kind::Family, Kind::SingleUse])
        } else {
            rng.pick(&KINDS)
        };
        let instances = usize::try_from(rng.pick(&[2, 2, 2, 2, 3, 4])).unwrap();
        let lifetime = rng.pick(&[60, 120, 300]);
        let span = lifetime * 1000 * rng.pick(&[1, 1, 1, 2]) + 20_000;
        let skews = (0..instances)
            .map(|_| {
                let skew = i64::try_from(rng.range(0, 14_000)).unwrap() - 7_000;
                if rng.percent(50) { skew } else { 0 }
            })
            .collect();
        let quiet = rng.percent(10);
        let outage = (!quiet && rng.percent(25)).then(|| {
            let from = rng.range(0, span);
            let whom = rng.percent(50).then(|| pick_index(rng, instances));
            // A single instance that is cut off for longer may be taken for dead.
            let longest = if whom.is_some() { 90_000 } else { 240_000 };
            let to = from + rng.range(500, longest);
            Outage { from, to, whom }
        });
        let faulty = !quiet && rng.percent(50);
        let most = if outage.is_some() { 2 } else { 5 };
        let store_faults = few(rng, if faulty { most } else { 0 }, |rng| {
            (rng.range(0, 70), rng.pick(&STORE_FAULTS))
        });
        let faulty = !quiet && rng.percent(40);
        let exchange_faults = few(rng, if faulty { 3 } else { 0 }, |rng| {
            (rng.range(0, 6), rng.pick(&EXCHANGE_FAULTS))
        });
        let crashes = (0..instances).map(|_| {
            (!quiet && rng.percent(25)).then(|| {
                if rng.percent(60) {
                    Crash::AfterExchange(rng.range(0, 2), rng.range(0, 24))
                } else {
                    Crash::Steps(rng.range(1, 150))
                }
            })
        });
        let crashes = crashes.collect();
        let mut sometime =
            |percent: u64| (!quiet && rng.percent(percent)).then(|| rng.range(1_000, span));
        let (revoked_at, restored_at, consent_at) = (sometime(10), sometime(8), sometime(6));
        let mut requests = Vec::new();
        for instance in 0..instances {
            let mut at = rng.range(0, 2_000);
            while at < span {
                requests.push((at, instance));
                // In bursts, and then nothing for a while.
                at += if rng.percent(25) {
                    rng.range(0, 1_500)
                } else {
                    rng.range(lifetime * 150, lifetime * 900)
                };
            }
        }
        Self {
            kind,
            only_newest: rng.percent(40),
            lifetime,
            instances,
            skews,
            stale: rng.percent(50),
            doubt: rng.percent(30),
            store_faults,
            exchange_faults,
            crashes,
            outage,
            revoked_at,
            restored_at: restored_at.filter(|_| kind != Kind::Client),
            consent_at: consent_at.filter(|_| kind != Kind::Client),
            requests,
            calm: span.max(outage.map_or(0, |o| o.to)),
        }
    }
}

fn few<T>(rng: &mut Rng, most: u64, mut draw: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    let count = if most == 0 { 0 } else { rng.range(1, most + 1) };
    (0..count).map(|_| draw(rng)).collect()
}

fn pick_index(rng: &mut Rng, count: usize) -> usize {
    usize::try_from(rng.range(0, count as u64)).unwrap()
}
