//! Locks kept as entries of a store: who holds it, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hushgate_gateway::ports::Secret;

/// The entry that gives the lock to `owner`, or lets it keep it; none when another holds it.
///
/// `current` is the entry there is. One that can't be read, or whose time is over, holds nothing.
pub(super) fn acquire(
    current: Option<&Secret>,
    owner: &str,
    ttl: Duration,
    now: SystemTime,
) -> Option<Secret> {
    let now = milliseconds(now);
    let held = current
        .and_then(|entry| parse(entry.reveal()))
        .is_some_and(|(until, holder)| until > now && holder != owner);
    let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    let until = now.saturating_add(ttl);
    (!held).then(|| Secret::new(format!("{until} {owner}")))
}

/// Whether `owner` holds the lock of this entry, in time or not.
pub(super) fn is_of(current: &Secret, owner: &str) -> bool {
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
