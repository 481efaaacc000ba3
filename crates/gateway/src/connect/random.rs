//! Random numbers for token ids and for spreading renewals.

use std::time::Duration;

use aws_lc_rs::rand;

/// A random UUID, version 4 (RFC 9562), as text.
pub(super) fn uuid() -> String {
    let number = number() & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// A random duration from `least` to `most`, both included, in milliseconds.
pub(super) fn between(least: Duration, most: Duration) -> Duration {
    let (low, high) = (least.as_millis(), most.as_millis());
    let width = high.saturating_sub(low).saturating_add(1);
    let millis = low.saturating_add(number() % width);
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

fn number() -> u128 {
    let mut bytes = [0; 16];
    // Without randomness the spreading is lost, and a token id repeats, which the endpoint refuses.
    let _ = rand::fill(&mut bytes);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_the_form_of_version_4_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|_| uuid()).collect();
        assert_eq!(ids.len(), 1000);
        for id in ids {
            assert_eq!(id.len(), 36);
            assert_eq!(id.as_bytes()[14], b'4', "{id}");
            assert!(b"89ab".contains(&id.as_bytes()[19]), "{id}");
        }
    }

    #[test]
    fn stays_between_its_ends() {
        let (least, most) = (Duration::from_mins(1), Duration::from_mins(10));
        for _ in 0..10_000 {
            let drawn = between(least, most);
            assert!(drawn >= least && drawn <= most);
        }
        assert_eq!(between(most, most), most);
    }
}
