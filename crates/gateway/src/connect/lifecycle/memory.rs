//! The credential that one process holds: when it is used, when it is renewed, when nothing is tried.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use super::super::fault::ConnectFault;
use super::print::Print;
use super::{Lease, Timing};
use crate::ports::Random;

/// The first pause after a refused credential; it doubles up to the longest.
const FIRST_COOL_DOWN: Duration = Duration::from_secs(15);
const LONGEST_COOL_DOWN: Duration = Duration::from_mins(5);
/// The pause after an early renewal failed while the token lives.
const EARLY_PAUSE: Duration = Duration::from_secs(30);
/// The pause after a token endpoint could not serve and did not say for how long; it doubles too.
const FIRST_BACK_OFF: Duration = Duration::from_millis(500);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(30);
/// Between two looks whether a refresh token that is not tried again was replaced.
const LOOK_AT_STORE: Duration = Duration::from_secs(15);
/// When a process that lost the race for a renewal looks again.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(8));
/// Renewals that refused calls may force within the window.
const MOST_FORCED: usize = 3;
const FORCED_WINDOW: Duration = Duration::from_mins(1);
/// Replaced access tokens that are remembered.
const MOST_RETIRED: usize = 8;

/// What a process holds and knows of its last attempts.
#[derive(Debug)]
pub(super) struct Memory<C> {
    held: Option<Held<C>>,
    retired: VecDeque<Print>,
    failure: Option<(ConnectFault, Option<SystemTime>)>,
    /// Failures in a row.
    strikes: u32,
    forced: VecDeque<SystemTime>,
}

#[derive(Debug)]
struct Held<C> {
    lease: Lease<C>,
    from: SystemTime,
    /// None: until it is refused.
    until: Option<Until>,
}

#[derive(Debug, Clone, Copy)]
struct Until {
    renew: SystemTime,
    end: SystemTime,
}

/// When an access token was obtained and when it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) from: SystemTime,
    pub(super) until: SystemTime,
}

/// What the memory offers at a moment.
#[derive(Debug)]
pub(super) enum Offer<C> {
    /// A credential to use.
    Ready(Lease<C>),
    /// A credential that still lives and should be renewed.
    Due(Lease<C>),
    /// Nothing; one has to be obtained.
    Empty,
    /// Nothing, and nothing is tried now.
    Paused(ConnectFault),
}

impl<C: Clone> Memory<C> {
    pub(super) fn new() -> Self {
        Self {
            held: None,
            retired: VecDeque::new(),
            failure: None,
            strikes: 0,
            forced: VecDeque::new(),
        }
    }

    pub(super) fn offer(&self, now: SystemTime) -> Offer<C> {
        let paused = self.paused(now);
        match self.held.as_ref().filter(|h| h.lives(now)) {
            Some(held) if held.until.is_none_or(|u| now < u.renew) || paused.is_some() => {
                Offer::Ready(held.lease.clone())
            }
            Some(held) => Offer::Due(held.lease.clone()),
            None => paused.map_or(Offer::Empty, Offer::Paused),
        }
    }

    /// A credential that lives and is not the rejected one.
    pub(super) fn living(&self, now: SystemTime, rejected: Option<Print>) -> Option<Lease<C>> {
        let held = self.held.as_ref().filter(|h| h.lives(now))?;
        (rejected != Some(held.lease.print)).then(|| held.lease.clone())
    }

    /// How long the credential at hand lives from its beginning to its end.
    pub(super) fn token_life(&self) -> Option<Duration> {
        let held = self.held.as_ref()?;
        held.until?.end.duration_since(held.from).ok()
    }

    /// Whether a token of the journal is a better one than what is held.
    pub(super) fn wants(
        &self,
        print: Print,
        span: Span,
        now: SystemTime,
        rejected: Option<Print>,
        timing: &Timing,
    ) -> bool {
        let known = self.retired.contains(&print) || rejected == Some(print);
        let older = self
            .held
            .as_ref()
            .is_some_and(|h| h.lease.print == print || span.from + timing.skew < h.from);
        !known && !older && now < span.until
    }

    /// The pause that applies now.
    pub(super) fn paused(&self, now: SystemTime) -> Option<ConnectFault> {
        let (fault, until) = self.failure.as_ref()?;
        let left = (*until)?.duration_since(now).ok();
        let left = left.filter(|left| !left.is_zero())?;
        Some(match fault {
            ConnectFault::Rejected { .. }
            | ConnectFault::PlatformDenied(_)
            | ConnectFault::CoolingDown(..) => {
                ConnectFault::CoolingDown(left.as_secs() + 1, fault.reason())
            }
            other => other.clone(),
        })
    }

    /// Counts a forced renewal; false when there were too many.
    pub(super) fn may_force(&mut self, now: SystemTime) -> bool {
        let over = |at: &SystemTime| now.duration_since(*at).is_ok_and(|d| d > FORCED_WINDOW);
        while self.forced.front().is_some_and(over) {
            self.forced.pop_front();
        }
        let may = self.forced.len() < MOST_FORCED;
        if may {
            self.forced.push_back(now);
        }
        may
    }

    /// Keeps a credential. `span` is none when it lives until it is refused.
    pub(super) fn keep(
        &mut self,
        lease: Lease<C>,
        span: Option<Span>,
        margin: (Duration, Duration),
        now: SystemTime,
        random: &dyn Random,
    ) {
        let until = span.and_then(|span| {
            let lifetime = span.until.duration_since(span.from).unwrap_or_default();
            // Another's clock may differ: nothing lives longer than it was given.
            let end = span.until.min(now.checked_add(lifetime)?);
            let (shortest, longest) = clamp(margin, lifetime);
            let renew = end.checked_sub(random.between(shortest, longest))?;
            Some(Until { renew, end })
        });
        let from = span.map_or(now, |s| s.from);
        let print = lease.print;
        let before = self.held.replace(Held { lease, from, until });
        let before = before.map(|held| held.lease.print);
        if let Some(replaced) = before.filter(|b| *b != print) {
            self.retire(replaced);
        }
        self.failure = None;
        self.strikes = 0;
    }

    /// Never takes this access token up again.
    pub(super) fn retire(&mut self, print: Print) {
        if !self.retired.contains(&print) {
            self.retired.push_back(print);
        }
        if self.retired.len() > MOST_RETIRED {
            self.retired.pop_front();
        }
    }

    /// Looks again soon whether the living credential has a successor.
    pub(super) fn look_again(&mut self, now: SystemTime, random: &dyn Random) {
        if let Some(until) = self.held.as_mut().and_then(|h| h.until.as_mut()) {
            until.renew = now + random.between(LOOK_AGAIN.0, LOOK_AGAIN.1);
        }
    }

    /// Notes a failed attempt and how long nothing is tried.
    pub(super) fn fail(&mut self, fault: ConnectFault, now: SystemTime) {
        let pause = match &fault {
            ConnectFault::Rejected { .. }
            | ConnectFault::PlatformDenied(_)
            | ConnectFault::OtherHost(_) => Some(cool_down(self.strikes)),
            ConnectFault::CoolingDown(left, _) => {
                Some(LOOK_AT_STORE.min(Duration::from_secs(*left)))
            }
            ConnectFault::Interrupted { .. } | ConnectFault::RefreshTokenStale => {
                Some(LOOK_AT_STORE)
            }
            ConnectFault::Unavailable {
                retry_after: Some(wait),
                ..
            } => Some(*wait),
            ConnectFault::Unavailable { .. } => back_off(self.strikes),
            _ => None,
        };
        if pause.is_some() || matches!(fault, ConnectFault::Unavailable { .. }) {
            self.strikes = self.strikes.saturating_add(1);
        }
        if let Some(until) = self.held.as_mut().and_then(|h| h.until.as_mut()) {
            until.renew = now + pause.unwrap_or_default().max(EARLY_PAUSE);
        }
        self.failure = Some((fault, pause.map(|pause| now + pause)));
    }
}

impl<C> Held<C> {
    fn lives(&self, now: SystemTime) -> bool {
        self.until.is_none_or(|u| now < u.end)
    }
}

/// How long a refused credential is not tried again after this many refusals before.
pub(super) fn cool_down(strikes: u32) -> Duration {
    let doubled = FIRST_COOL_DOWN.saturating_mul(1 << strikes.min(8));
    doubled.min(LONGEST_COOL_DOWN)
}

/// The pause after this many failures before and one more: none after the first, which may be a whim.
fn back_off(strikes: u32) -> Option<Duration> {
    let doublings = strikes.checked_sub(1)?;
    let doubled = FIRST_BACK_OFF.saturating_mul(1 << doublings.min(8));
    Some(doubled.min(LONGEST_BACK_OFF))
}

/// The margin for a token of this lifetime: at most half of it, so that a short-lived one is used.
fn clamp((least, most): (Duration, Duration), lifetime: Duration) -> (Duration, Duration) {
    let most = most.min(lifetime / 2);
    (least.min(lifetime / 4).min(most), most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn margins_leave_a_short_lived_token_usable() {
        let margin = (Duration::from_mins(1), Duration::from_mins(10));
        assert_eq!(clamp(margin, Duration::from_hours(1)), margin);
        assert_eq!(
            clamp(margin, Duration::from_mins(1)),
            (Duration::from_secs(15), Duration::from_secs(30))
        );
        assert_eq!(
            clamp(margin, Duration::from_secs(1)),
            (Duration::from_millis(250), Duration::from_millis(500))
        );
    }

    #[test]
    fn the_cool_down_doubles_up_to_five_minutes() {
        let seconds: Vec<u64> = (0..7).map(|n| cool_down(n).as_secs()).collect();
        assert_eq!(seconds, [15, 30, 60, 120, 240, 300, 300]);
    }

    #[test]
    fn backs_off_from_the_second_failure_on_up_to_half_a_minute() {
        let millis = |strikes| back_off(strikes).map(|pause| pause.as_millis());
        let pauses: Vec<_> = (0..9).map(millis).collect();
        let from_second = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000];
        assert_eq!(pauses[0], None);
        assert!(pauses[1..].iter().copied().eq(from_second.map(Some)));
    }
}
