//! How large the automaton of a pattern can become, told without building it.

use regex_syntax::hir::{Class, Hir, HirKind};

/// More than every automaton takes whatever its pattern.
const BASE: usize = 8 * 1024;
/// More than any state of an automaton under construction takes, in bytes.
const STATE: usize = 96;
/// More than the part of a state for one range of bytes takes.
const RANGE: usize = 32;
/// More than the states take that recognise the UTF-8 of one range of characters beyond ASCII:
/// such a range falls apart into at most 16 sequences of at most 4 byte ranges.
const UNICODE_RANGE: usize = 16 * 4 * (STATE + RANGE);

/// No automaton of the pattern takes more memory than this. `None` if it is not a pattern.
pub(super) fn bound(pattern: &str) -> Option<usize> {
    let hir = regex_syntax::Parser::new().parse(&simpler(pattern)).ok()?;
    Some(states(&hir).saturating_add(BASE))
}

/// The pattern with every `[xX]`, as letters are translated that match in either case, written as
/// `x`: where one may stand so may the other, they are counted alike, and classes take ten times as
/// long to parse.
fn simpler(pattern: &str) -> String {
    let mut simpler = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find('[') {
        let (before, class) = rest.split_at(at);
        simpler.push_str(before);
        let (kept, dropped) = match class.as_bytes() {
            [b'[', lower @ b'a'..=b'z', upper, b']', ..]
                if lower.to_ascii_uppercase() == *upper =>
            {
                (class.get(1..2), 4)
            }
            _ => (class.get(..1), 1),
        };
        simpler.push_str(kept.unwrap_or_default());
        rest = class.get(dropped..).unwrap_or_default();
    }
    simpler.push_str(rest);
    simpler
}

fn states(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => STATE,
        HirKind::Literal(literal) => literal.0.len().saturating_mul(STATE + 2 * RANGE),
        HirKind::Class(class) => STATE + ranges(class),
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min.saturating_add(1));
            let copies = usize::try_from(copies.max(1)).unwrap_or(usize::MAX);
            // Each copy may need a state to skip it and one to go on.
            let copy = states(&repetition.sub).saturating_add(2 * STATE);
            copy.saturating_mul(copies).saturating_add(STATE)
        }
        HirKind::Capture(capture) => {
            let name = capture.name.as_ref().map_or(0, |name| name.len());
            states(&capture.sub).saturating_add(3 * STATE + 4 * name)
        }
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts
            .iter()
            .map(|part| states(part).saturating_add(2 * STATE))
            .fold(STATE, usize::saturating_add),
    }
}

fn ranges(class: &Class) -> usize {
    match class {
        Class::Bytes(class) => class.ranges().len() * RANGE,
        Class::Unicode(class) => class
            .iter()
            .map(|range| {
                if range.end().is_ascii() {
                    RANGE
                } else {
                    UNICODE_RANGE
                }
            })
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::{bound, simpler};
    use crate::pattern::MAX_COMPILED_BYTES;

    /// Whether the engine can build the pattern within a limit.
    fn fits(pattern: &str, bytes: usize) -> bool {
        regex::RegexBuilder::new(pattern)
            .size_limit(bytes)
            .build()
            .is_ok()
    }

    #[test]
    fn no_automaton_is_larger_than_its_bound() {
        let long = "abcde".repeat(500);
        let words = ["alpha", "beta", "gamma"]
            .map(|word| word.repeat(20))
            .join("|");
        for pattern in [
            "",
            "a",
            r"\A(?:[0-9A-Za-z_-]{1,900})\z",
            r"(?:(?:a{20}){20}){2}",
            r"(?:a?b*){0,50}",
            r"\w+",
            r"\p{L}\P{Lu}{3}",
            r"[^\n\r\x{85}\x{2028}\x{2029}]*(x)(?P<name>y)?",
            r"(?i:\x{E9}|k)+",
            r"[\x{80}-\x{10FFFF}]{7}",
            r"(?mR:^)a(?mR:$)|(?-u:\b)b\b",
            "(((((((((a)))))))))",
            "a|b|cd|ce|cf|",
            r"[aA][bB]+(?:[cC]|[dD]{3})",
            long.as_str(),
            words.as_str(),
        ] {
            let bound = bound(pattern).unwrap();
            assert!(fits(pattern, bound), "{pattern} needs more than {bound}");
        }
    }

    #[test]
    fn bounds_grow_with_what_is_repeated() {
        for pattern in [
            r"(?:(?:a{1000}){1000}){1000}",
            r"\p{L}{1000}",
            r"(?:\w{100}){10}",
        ] {
            assert!(bound(pattern).unwrap() > MAX_COMPILED_BYTES, "{pattern}");
        }
    }

    #[test]
    fn letters_of_either_case_are_read_as_letters() {
        assert_eq!(
            simpler(r"\A[sS][eE]+x[aA-Z][aB][[aA]]["),
            r"\Ase+x[aA-Z][aB][a]["
        );
    }

    #[test]
    fn what_is_no_pattern_has_no_bound() {
        assert_eq!(bound("(a"), None);
        assert_eq!(bound(r"\p{Nonsense}"), None);
    }
}
