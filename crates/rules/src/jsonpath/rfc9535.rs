//! What a path would mean elsewhere.

use super::syntax::{Filter, Operand, Operator, Query, Segment, Step};

/// Why the path is none in RFC 9535, or finds other places there; the most telling reason.
pub(super) fn difference(text: &str, segments: &[Segment]) -> Option<&'static str> {
    if !text.trim_start().starts_with('$') {
        return Some("RFC 9535 needs `$` at the beginning");
    }
    if text.trim() != text {
        return Some("RFC 9535 allows no blanks around a path");
    }
    for segment in segments {
        let found = match &segment.step {
            Step::Filter(filter) => filter_difference(filter),
            Step::Names(names) if segment.descend && segment.is_last && names.len() > 1 => Some(
                "as the last step, a list of names after `..` is met only by objects that have all \
                 of the names; in RFC 9535 by any",
            ),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    spelling(text)
}

type Test = fn(&Filter) -> bool;

fn filter_difference(filter: &Filter) -> Option<&'static str> {
    let reasons: [(Test, &str); 4] = [
        (
            |part| matches!(part, Filter::Match(..)),
            "RFC 9535 has no operator `=~`",
        ),
        (
            uses_other_operator,
            "RFC 9535 has only the operators == != < <= > >=",
        ),
        (
            compares_container,
            "RFC 9535 compares with numbers, texts, true, false and null only",
        ),
        (
            compares_number_or_text,
            "a number equals a text with the same digits, an absent member equals nothing, and a \
             filter on an object tests the object itself; in RFC 9535 none of that is so",
        ),
    ];
    let reason = reasons
        .iter()
        .find(|(test, _)| filter.any(&|part| test(part)))
        .map(|&(_, reason)| reason);
    reason.or(Some(
        "a filter on an object tests the object itself; in RFC 9535 each of its members",
    ))
}

fn uses_other_operator(part: &Filter) -> bool {
    use Operator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    match part {
        Filter::Compare(_, operator, _) => !matches!(
            operator,
            Equal | NotEqual | Less | LessOrEqual | Greater | GreaterOrEqual
        ),
        _ => false,
    }
}

fn compares_container(part: &Filter) -> bool {
    use super::syntax::Literal::{Array, Object};
    let is_container =
        |operand: &Operand| matches!(operand, Operand::Literal(Array(_) | Object(_)));
    match part {
        Filter::Compare(left, _, right) => is_container(left) || is_container(right),
        _ => false,
    }
}

fn compares_number_or_text(part: &Filter) -> bool {
    let is_query = |operand: &Operand| matches!(operand, Operand::Query(Query { .. }));
    match part {
        Filter::Compare(left, ..) if is_query(left) => true,
        Filter::Compare(_, _, right) => is_query(right),
        _ => false,
    }
}

/// Names and dots that RFC 9535 writes otherwise. Quoted names are skipped.
fn spelling(text: &str) -> Option<&'static str> {
    let mut quote = None;
    let mut escaped = false;
    let mut previous = ' ';
    let mut before_previous = ' ';
    for char in text.chars() {
        if let Some(open) = quote {
            if escaped {
                escaped = false;
                if (char == '"' || char == '\'') && char != open {
                    return Some("RFC 9535 escapes only the quote that encloses the name");
                }
            } else if char == '\\' {
                escaped = true;
            } else if char == open {
                quote = None;
            }
            previous = char;
            continue;
        }
        if char == '\'' || char == '"' {
            quote = Some(char);
        }
        if char == '[' && previous == '.' && before_previous != '.' {
            return Some("RFC 9535 has no `.` before `[`");
        }
        if char.is_ascii_digit() && previous == '.' {
            return Some("RFC 9535 needs brackets around a name that begins with a digit");
        }
        if char.is_ascii() && !char.is_ascii_alphanumeric() && !"$._-[]*,:'\"? ".contains(char)
            || char == '-' && previous != '[' && previous != ',' && previous != ':'
        {
            return Some("RFC 9535 needs brackets and quotes around this name");
        }
        (before_previous, previous) = (previous, char);
    }
    None
}
