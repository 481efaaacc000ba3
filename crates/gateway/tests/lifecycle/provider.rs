//! The token endpoint and the API of the simulation, and the truth about every token.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::lifecycle::{Access, Answer, Exchange, Print};
use hushgate_gateway::connect::{ConnectFault, Diagnosis};
use hushgate_gateway::ports::{PortFuture, Secret};
use hushgate_gateway::refusal::Cause;

use crate::flaws::Flaw;
use crate::schedule::{ExchangeFault, Kind, Schedule};
use crate::store::{Done, REFRESH, Seat, Work};
use crate::world::{Event, Ports, Sleep, World, lock};

/// How long after its use an old refresh token is taken again, where there is grace.
const GRACE: u64 = 30_000;
/// How far the clocks of instances may be apart, and then some.
const SKEW: u64 = 15_000;
/// Within this time two exchanges at once can't be excused by a lock that ended.
const LOCK_HOLDS: u64 = 25_000;
/// The margin that the simulated source declares, in seconds.
pub(crate) const MARGIN: (u64, u64) = (5, 60);

/// What an exchange gives.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Granted(usize, Option<Arc<str>>),
    InvalidGrant,
}

pub(crate) struct Provider {
    kind: Kind,
    only_newest: bool,
    lifetime: u64,
    families: Vec<Family>,
    pub(crate) issued: Vec<Issued>,
    under_way: Vec<UnderWay>,
    count: u64,
    pub(crate) delivered: BTreeSet<usize>,
    pub(crate) reused: u64,
}

#[derive(Default)]
struct Family {
    revoked: bool,
    tokens: Vec<Refresh>,
}

struct Refresh {
    used_at: Option<u64>,
    /// The lives of instances that were given it.
    holders: Vec<(usize, u64)>,
    /// Calls whose answer brings it.
    coming: Vec<(u64, usize, u64)>,
}

/// An access token.
pub(crate) struct Issued {
    at: u64,
    pub(crate) ends: u64,
    /// Whether the API refused it to somebody, or would.
    pub(crate) refused: bool,
    revoked: bool,
    /// The refresh token that came with it.
    refresh: Option<Arc<str>>,
}

struct UnderWay {
    call: u64,
    who: usize,
    life: u64,
    since: u64,
}

impl Refresh {
    fn new() -> Self {
        Self {
            used_at: None,
            holders: Vec::new(),
            coming: Vec::new(),
        }
    }
}

fn parse(token: &str) -> Option<(usize, usize)> {
    let (family, number) = token.strip_prefix('r')?.split_once('-')?;
    Some((family.parse().ok()?, number.parse().ok()?))
}

impl Provider {
    pub(crate) fn new(schedule: &Schedule) -> Self {
        let mut provider = Self {
            kind: schedule.kind,
            only_newest: schedule.only_newest,
            lifetime: schedule.lifetime * 1000,
            families: Vec::new(),
            issued: Vec::new(),
            under_way: Vec::new(),
            count: 0,
            delivered: BTreeSet::new(),
            reused: 0,
        };
        provider.consent();
        provider
    }

    /// A new consent; gives its refresh token.
    pub(crate) fn consent(&mut self) -> Arc<str> {
        self.families.push(Family {
            revoked: false,
            tokens: vec![Refresh::new()],
        });
        Arc::from(format!("r{}-0", self.families.len() - 1))
    }

    /// Whether the API takes an access token.
    pub(crate) fn takes(&mut self, token: usize, now: u64) -> bool {
        let newest = self.issued.len() - 1;
        let token_ends_by_newer = self.only_newest && token != newest;
        let issued = &mut self.issued[token];
        let takes = !issued.revoked && now < issued.ends && !token_ends_by_newer;
        issued.refused |= !takes;
        takes
    }

    /// Ends the newest access token before its time.
    pub(crate) fn revoke_access(&mut self) {
        if let Some(newest) = self.issued.last_mut() {
            newest.revoked = true;
        }
    }

    /// The answer of a call arrived, or nobody waits for it any more.
    pub(crate) fn arrived(&mut self, call: u64) {
        self.under_way.retain(|u| u.call != call);
        for family in &mut self.families {
            for token in &mut family.tokens {
                token.coming.retain(|(c, ..)| *c != call);
            }
        }
    }
}

impl World {
    /// Carries an exchange out at the provider.
    pub(crate) fn exchanged(
        &mut self,
        who: usize,
        life: u64,
        call: u64,
        refresh: Option<&str>,
    ) -> Reply {
        let now = self.now;
        let reply = match refresh {
            None => Reply::Granted(self.issue(None), None),
            Some(token) => self.rotate(who, life, call, token),
        };
        self.note(Some(who), || {
            format!("provider: {} gives {reply:?}", refresh.unwrap_or("client"))
        });
        let instance = &mut self.instances[who];
        if instance.life == life {
            instance.exchanges += 1;
            if let Some(crate::schedule::Crash::AfterExchange(at, steps)) =
                self.schedule.crashes[who]
                && instance.exchanges == at + 1
                && now < self.schedule.calm
                && life == 0
            {
                instance.dies_at = Some(instance.steps + steps + 1);
            }
        }
        reply
    }

    fn issue(&mut self, refresh: Option<Arc<str>>) -> usize {
        let (now, lifetime) = (self.now, self.provider.lifetime);
        self.provider.issued.push(Issued {
            at: now,
            ends: now + lifetime,
            refused: false,
            revoked: false,
            refresh,
        });
        self.provider.issued.len() - 1
    }

    fn rotate(&mut self, who: usize, life: u64, call: u64, token: &str) -> Reply {
        let (kind, now) = (self.provider.kind, self.now);
        let Some((family, number)) = parse(token) else {
            return Reply::InvalidGrant;
        };
        if self.provider.families[family].revoked {
            return Reply::InvalidGrant;
        }
        let used_at = self.provider.families[family].tokens[number].used_at;
        if let Some(used_at) = used_at {
            self.provider.reused += 1;
            self.judge_reuse(token, family);
            let grace = kind == Kind::FamilyWithGrace && now - used_at < GRACE;
            if !grace {
                self.provider.families[family].revoked |= kind != Kind::SingleUse;
                return Reply::InvalidGrant;
            }
        }
        let keeps = kind == Kind::Constant || (kind == Kind::Sometimes && self.rng.percent(40));
        if keeps {
            return Reply::Granted(self.issue(None), None);
        }
        let tokens = &mut self.provider.families[family].tokens;
        tokens[number].used_at.get_or_insert(now);
        let mut next = Refresh::new();
        next.coming.push((call, who, life));
        tokens.push(next);
        let new: Arc<str> = Arc::from(format!("r{family}-{}", tokens.len() - 1));
        let access = self.issue(Some(Arc::clone(&new)));
        Reply::Granted(access, Some(new))
    }

    /// A used-up refresh token came again. That is right only when nobody has, and nothing holds, a
    /// living one of the same consent.
    fn judge_reuse(&mut self, token: &str, family: usize) {
        let stored = self.store.now(REFRESH);
        let current = stored
            .as_deref()
            .and_then(parse)
            .is_some_and(|(f, _)| f == family);
        if current && self.living(family) {
            self.violated(|| {
                format!("the used-up {token} was sent again although a living one is known")
            });
        }
    }

    /// Whether a refresh token of this consent that can still be used is in the store, in a living
    /// instance, or on its way to one.
    fn living(&self, family: usize) -> bool {
        let stored = self.store.now(REFRESH);
        let lives = |who: usize, life: u64| {
            let instance = &self.instances[who];
            instance.life == life && !instance.dead
        };
        let consent = &self.provider.families[family];
        let open = consent.tokens.iter().enumerate();
        !consent.revoked
            && open
                .filter(|(_, t)| t.used_at.is_none())
                .any(|(number, t)| {
                    stored.as_deref().and_then(parse) == Some((family, number))
                        || t.holders.iter().any(|(who, life)| lives(*who, *life))
                        || t.coming.iter().any(|(_, who, life)| lives(*who, *life))
                })
    }

    /// Whether the stored consent can't be used any more by anybody.
    pub(crate) fn lost(&self) -> bool {
        if matches!(self.provider.kind, Kind::Client | Kind::Constant) {
            return false;
        }
        let stored = self.store.now(REFRESH);
        let family = stored.as_deref().and_then(parse).map(|(family, _)| family);
        !family.is_some_and(|family| self.living(family))
    }

    /// Whether the store holds a refresh token that was used up.
    pub(crate) fn stored_is_used(&self) -> bool {
        let stored = self.store.now(REFRESH);
        stored
            .as_deref()
            .and_then(parse)
            .is_some_and(|(family, number)| {
                self.provider.families[family].tokens[number]
                    .used_at
                    .is_some()
            })
    }

    /// An instance begins an exchange: right when the newest access token nears its end, was refused,
    /// or is not in the journal, and nobody else is exchanging.
    fn judge_exchange(&mut self, who: usize, life: u64, call: u64) {
        let now = self.now;
        let provider = &self.provider;
        let other = provider.under_way.iter().find(|u| {
            let instance = &self.instances[u.who];
            let lives = instance.life == u.life && !instance.dead;
            u.who != who && lives && now - u.since < LOCK_HOLDS
        });
        if let Some(other) = other {
            let other = other.who;
            self.violated(|| format!("instances {other} and {who} exchange at the same time"));
        }
        if let Some(newest) = self.provider.issued.last() {
            let margin = (MARGIN.1 * 1000).min(self.provider.lifetime / 2) + SKEW;
            let due = now + margin >= newest.ends;
            let name = token_name(self.provider.issued.len() - 1);
            // A journal that was written a moment ago may have been read before it was.
            let known = self.store.journal_token(now.saturating_sub(50)).as_ref() == Some(&name);
            if !due && !newest.refused && known {
                let age = now - newest.at;
                self.violated(|| {
                    format!("instance {who} exchanges although {name}, {age} ms old, is in the journal and was never refused")
                });
            }
        }
        self.provider.under_way.push(UnderWay {
            call,
            who,
            life,
            since: now,
        });
    }

    /// An access token is used for the first time: its refresh token must be on its way to the store.
    pub(crate) fn judge_use(&mut self, token: usize) {
        if !self.provider.delivered.insert(token) {
            return;
        }
        let refresh = self.provider.issued[token].refresh.clone();
        let family = |t: &str| parse(t).map(|(family, _)| family);
        let stored = self.store.now(REFRESH);
        let stored = stored.as_deref().and_then(family);
        // Of a consent that an administrator replaced nothing is written any more.
        if let Some(refresh) = refresh
            && family(&refresh) == stored
            && !self.store.attempted.contains(&*refresh)
        {
            self.violated(|| format!("{} is used before {refresh} was written", token_name(token)));
        }
    }
}

pub(crate) fn token_name(number: usize) -> String {
    format!("a{number}")
}

/// The exchange as one life of an instance makes it.
pub(crate) struct SimExchange {
    pub(crate) ports: Ports,
    pub(crate) flaw: Flaw,
}

impl SimExchange {
    async fn ask(&self, refresh: Option<Secret>) -> Answer {
        let ports = &self.ports;
        let refresh = refresh.map(|r| Arc::from(r.reveal()));
        let seat = Seat::take(ports, Work::Exchange(refresh));
        let (fault, ends) = {
            let mut world = lock(&ports.shared);
            let now = world.now;
            world.judge_exchange(ports.who, ports.life, seat.number);
            let idle = world.idle(ports.who);
            let instance = &mut world.instances[ports.who];
            instance.begun += 1;
            instance.idle_at_exchange = idle;
            world.provider.count += 1;
            let count = world.provider.count - 1;
            let faults = world.schedule.exchange_faults.iter();
            let mut hit = faults.filter(|(at, _)| *at == count);
            let fault = hit
                .next()
                .map(|(_, f)| *f)
                .filter(|_| now < world.schedule.calm);
            let quick = world.rng.range(20, 400);
            let (applied, ends) = match fault {
                Some(ExchangeFault::RequestLost | ExchangeFault::Busy | ExchangeFault::Down) => {
                    (None, now + quick)
                }
                Some(ExchangeFault::Slow) => {
                    let slow = world.rng.range(3_000, 28_000);
                    (Some(now + world.rng.range(0, slow)), now + slow)
                }
                Some(ExchangeFault::Hang) => (Some(now + world.rng.range(0, 29_000)), now + 90_000),
                _ => (Some(now + quick / 2), now + quick),
            };
            world.note(Some(ports.who), || {
                format!(
                    "asks the provider{}",
                    fault.map_or(String::new(), |f| format!(" ({f:?})"))
                )
            });
            if let Some(at) = applied {
                world.at(at, Event::Apply(seat.number));
            }
            (fault, ends)
        };
        Sleep::until(&ports.shared, ends).await;
        let answer = self.received(&seat, fault);
        drop(seat);
        self.flaw.on_answer(answer)
    }

    fn received(&self, seat: &Seat, fault: Option<ExchangeFault>) -> Answer {
        let mut world = lock(&self.ports.shared);
        let failed = |fault| Answer {
            access: Err(fault),
            refresh: None,
        };
        let interrupted = ConnectFault::Network {
            cause: Cause::SourceInterrupted,
            reason: "simulated".to_owned(),
        };
        let unusable = ConnectFault::AnswerInvalid("simulated".to_owned());
        match fault {
            Some(ExchangeFault::RequestLost | ExchangeFault::AnswerLost | ExchangeFault::Hang) => {
                return failed(interrupted);
            }
            Some(ExchangeFault::Garbage) => return failed(unusable),
            Some(ExchangeFault::Busy) => {
                let wait = world.rng.pick(&[None, Some(2), Some(10), Some(60)]);
                return failed(ConnectFault::Unavailable {
                    status: 429,
                    retry_after: wait.map(Duration::from_secs),
                });
            }
            Some(ExchangeFault::Down) => {
                return failed(ConnectFault::Unavailable {
                    status: 503,
                    retry_after: None,
                });
            }
            Some(ExchangeFault::Slow | ExchangeFault::HalfGarbage) | None => {}
        }
        let call = world.store.calls.remove(&seat.number);
        let Some(Done::Exchanged(Reply::Granted(access, refresh))) = call.and_then(|c| c.done)
        else {
            return failed(ConnectFault::Rejected {
                reason: "status 400, invalid_grant".to_owned(),
                cause: Diagnosis::RevokedOrExpired,
            });
        };
        if let Some((family, number)) = refresh.as_deref().and_then(parse) {
            let holder = (self.ports.who, self.ports.life);
            world.provider.families[family].tokens[number]
                .holders
                .push(holder);
        }
        let lifetime = Duration::from_millis(world.provider.lifetime);
        let access = Access {
            token: Secret::new(token_name(access)),
            lifetime: Some(lifetime),
        };
        let half = fault == Some(ExchangeFault::HalfGarbage);
        Answer {
            access: if half { Err(unusable) } else { Ok(access) },
            refresh: refresh.map(|r| Secret::new(&*r)),
        }
    }
}

impl Exchange for SimExchange {
    type Credential = usize;

    fn exchange(&self, refresh: Option<Secret>) -> PortFuture<'_, Answer> {
        Box::pin(self.ask(refresh))
    }

    fn dress<'a>(
        &'a self,
        token: Option<&'a Secret>,
    ) -> PortFuture<'a, Result<usize, ConnectFault>> {
        let number = token.and_then(|t| t.reveal().strip_prefix('a')?.parse().ok());
        Box::pin(async move { number.ok_or(ConnectFault::Internal) })
    }

    fn print(&self, credential: &usize) -> Print {
        Print::of(&token_name(*credential))
    }

    fn is_same(&self, one: &usize, other: &usize) -> bool {
        one == other
    }
}
