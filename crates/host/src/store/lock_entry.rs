//! Locks kept as entries of a store: who holds it, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hushgate_gateway::ports::Secret;

/// The longest time a lock is believed to be held. An end further ahead was written by a clock that was
/// wrong, and must not lock for years.
const LONGEST: u64 = 24 * 3_600_000;

/// The entry that gives the lock to `owner`, or lets it keep it; none when another holds it.
///
/// `current` is the entry there is. One that can't be read, or whose time is over, holds nothing.
pub fn acquire(
    current: Option<&Secret>,
    owner: &str,
    ttl: Duration,
    now: SystemTime,
) -> Option<Secret> {
    let now = milliseconds(now);
    let held = current
        .and_then(|entry| parse(entry.reveal()))
        .is_some_and(|(until, holder)| holder != owner && until > now && until - now <= LONGEST);
    let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    let until = now.saturating_add(ttl);
    (!held).then(|| Secret::new(format!("{until} {owner}")))
}

/// Whether `owner` holds the lock of this entry, in time or not.
pub fn is_of(current: &Secret, owner: &str) -> bool {
    parse(current.reveal()).is_some_and(|(_, holder)| holder == owner)
}

fn parse(entry: &str) -> Option<(u64, &str)> {
    let (until, owner) = entry.split_once(' ')?;
    Some((until.parse().ok()?, owner))
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_t_be_a_lock_in_force_holds_nothing() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000);
        let ttl = Duration::from_mins(2);
        let taken = |entry: &str| acquire(Some(&Secret::new(entry)), "me", ttl, now);
        for free in [
            "",
            "nonsense",
            "x other",
            "999999999 other",
            "1000000000 other",
            "99999999999999999999 other",
            "1086400001 other",
            "1000060000 me",
        ] {
            let entry = taken(free).map(|e| e.reveal().to_owned());
            assert_eq!(entry.as_deref(), Some("1000120000 me"), "{free}");
        }
        for held in ["1000000001 other", "1086400000 other", "1000060000 me too"] {
            assert!(taken(held).is_none(), "{held}");
        }
    }
}
