//! What goes into one request to the service.

use std::ops::Range;

use hushgate_gateway::ports::queue::LARGEST_MESSAGE;

/// Most messages of a request.
const MOST: usize = 10;

/// The ranges of messages of these sizes that go into one request each.
pub(super) fn ranges(sizes: impl Iterator<Item = usize>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut filled = 0;
    for (index, size) in sizes.enumerate() {
        filled += size;
        match ranges.last_mut() {
            Some(range) if range.len() < MOST && filled <= LARGEST_MESSAGE => range.end = index + 1,
            _ => {
                ranges.push(index..index + 1);
                filled = size;
            }
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_hold_as_much_as_the_service_takes() {
        let of = |sizes: &[usize]| ranges(sizes.iter().copied());
        assert!(of(&[]).is_empty());
        assert_eq!(of(&[1; 21]), [0..10, 10..20, 20..21]);
        let half = LARGEST_MESSAGE / 2;
        assert_eq!(of(&[half, half, 1]), [0..2, 2..3]);
        assert_eq!(of(&[half, half + 1, half - 1]), [0..1, 1..3]);
        assert_eq!(of(&[LARGEST_MESSAGE; 2]), [0..1, 1..2]);
    }
}
