//! What this process saw of another's pending exchange: enough to call it abandoned, or not yet.

use std::time::{Duration, SystemTime};

use super::Timing;
use super::journal::Intent;

/// The pending exchange that was seen last.
#[derive(Debug, Default)]
pub(super) struct Witness(Option<Seen>);

#[derive(Debug)]
struct Seen {
    intent: Intent,
    first: Duration,
    last: Duration,
    /// The time between looks that were close enough together.
    long: Duration,
}

impl Witness {
    /// The journal was read and holds this pending exchange, or none.
    pub(super) fn look(&mut self, intent: Option<&Intent>, now: Duration, timing: &Timing) {
        let Some(intent) = intent else {
            self.0 = None;
            return;
        };
        match &mut self.0 {
            Some(seen) if seen.intent == *intent => {
                seen.long += now.saturating_sub(seen.last).min(timing.gap);
                seen.last = now;
            }
            _ => {
                self.0 = Some(Seen {
                    intent: intent.clone(),
                    first: now,
                    last: now,
                    long: Duration::ZERO,
                });
            }
        }
    }

    /// The store failed: the owner may have been unable to write as well, so its time begins again.
    pub(super) fn blinded(&mut self, now: Duration) {
        if let Some(seen) = &mut self.0 {
            seen.long = Duration::ZERO;
            seen.last = now;
        }
    }

    /// Whether the owner of this exchange had its time: its lock is over, and the store worked
    /// long enough for it to write what it held. `now` by both clocks.
    pub(super) fn abandoned(
        &self,
        intent: &Intent,
        (now, wall): (Duration, SystemTime),
        timing: &Timing,
    ) -> bool {
        self.0.as_ref().is_some_and(|seen| {
            let here = now.saturating_sub(seen.first) >= timing.lock;
            let age = wall.duration_since(intent.at).unwrap_or_default();
            let old = here || age >= timing.lock + timing.skew;
            seen.intent == *intent && old && seen.long >= timing.watch
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::print::Print;
    use super::*;
    use std::time::UNIX_EPOCH;

    fn intent(owner: &str) -> Intent {
        Intent {
            owner: owner.to_owned(),
            at: UNIX_EPOCH + Duration::from_secs(1_000),
            refresh: Print::of("r0"),
            lost: false,
            unsure: false,
        }
    }

    /// Looks every `step` seconds; gives the second at which it counts as abandoned.
    fn watched(step: u64, blind_at: Option<u64>) -> Option<u64> {
        let timing = Timing::default();
        let mut witness = Witness::default();
        for second in (0..600).step_by(usize::try_from(step).unwrap()) {
            let now = Duration::from_secs(second);
            if blind_at == Some(second) {
                witness.blinded(now);
                continue;
            }
            witness.look(Some(&intent("a")), now, &timing);
            let wall = UNIX_EPOCH + Duration::from_secs(1_000) + now;
            if witness.abandoned(&intent("a"), (now, wall), &timing) {
                return Some(second);
            }
        }
        None
    }

    #[test]
    fn needs_the_lock_to_be_over_and_half_a_minute_of_looking() {
        assert_eq!(watched(1, None), Some(120));
        assert_eq!(
            watched(60, None),
            Some(360),
            "rare looks count five seconds each"
        );
        assert_eq!(
            watched(1, Some(119)),
            Some(149),
            "a failing store begins it again"
        );
    }

    #[test]
    fn another_exchange_begins_it_again() {
        let timing = Timing::default();
        let mut witness = Witness::default();
        let late = UNIX_EPOCH + Duration::from_hours(10);
        for second in 0..100 {
            let now = Duration::from_secs(second);
            let owner = if second < 90 { "a" } else { "b" };
            witness.look(Some(&intent(owner)), now, &timing);
        }
        let now = (Duration::from_secs(99), late);
        assert!(!witness.abandoned(&intent("b"), now, &timing));
        assert!(!witness.abandoned(&intent("a"), now, &timing));
        witness.look(None, Duration::from_secs(100), &timing);
        assert!(!witness.abandoned(&intent("b"), now, &timing));
    }
}
