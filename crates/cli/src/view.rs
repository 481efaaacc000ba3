//! Two JSON documents side by side: what came from the source, what left the gateway.

use std::fmt::Write as _;

use serde_json::Value;

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const DIM: &str = "\x1b[2m";
const RESET: &str = "\x1b[0m";

/// How a comparison is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Use terminal colours.
    pub color: bool,
    /// Characters per line in all.
    pub width: usize,
    /// Elements of each array that are shown; the others are counted.
    pub elements: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Change {
    Same,
    Replaced,
    Removed,
    Note,
}

struct Row {
    left: String,
    right: String,
    change: Change,
}

/// Draws `before` and `after` in two columns, member by member.
pub fn side_by_side(before: &Value, after: &Value, style: Style) -> String {
    let mut rows = Vec::new();
    compare(&mut rows, 0, "", before, Some(after), style.elements);
    let column = style.width.saturating_sub(3).max(40) / 2;
    let mut text = String::new();
    for row in rows {
        draw(&mut text, &row, column, style.color);
    }
    text
}

fn draw(text: &mut String, row: &Row, column: usize, color: bool) {
    let (left, right) = (fit(&row.left, column), fit(&row.right, column));
    let (before, after) = match row.change {
        _ if !color => ("", ""),
        Change::Same => ("", ""),
        Change::Replaced => (RED, GREEN),
        Change::Removed => (RED, DIM),
        Change::Note => (DIM, DIM),
    };
    let end = if before.is_empty() { "" } else { RESET };
    let line = format!("{before}{left}{end} │ {after}{right}{end}");
    let _ = writeln!(text, "{}", line.trim_end());
}

fn compare(
    rows: &mut Vec<Row>,
    depth: usize,
    label: &str,
    before: &Value,
    after: Option<&Value>,
    elements: usize,
) {
    let indent = "  ".repeat(depth);
    match (before, after) {
        (Value::Object(old), Some(Value::Object(new))) => {
            push(
                rows,
                format!("{indent}{label}{{"),
                format!("{indent}{label}{{"),
                Change::Same,
            );
            for (name, value) in old {
                compare(
                    rows,
                    depth + 1,
                    &format!("{name}: "),
                    value,
                    new.get(name),
                    elements,
                );
            }
            push(
                rows,
                format!("{indent}}}"),
                format!("{indent}}}"),
                Change::Same,
            );
        }
        (Value::Array(old), Some(Value::Array(new))) if !old.is_empty() => {
            push(
                rows,
                format!("{indent}{label}["),
                format!("{indent}{label}["),
                Change::Same,
            );
            for (index, value) in old.iter().take(elements).enumerate() {
                compare(rows, depth + 1, "", value, new.get(index), elements);
            }
            if old.len() > elements {
                let note = format!("{indent}  … {} more", old.len() - elements);
                push(rows, note.clone(), note, Change::Note);
            }
            push(
                rows,
                format!("{indent}]"),
                format!("{indent}]"),
                Change::Same,
            );
        }
        (old, Some(new)) if old == new => {
            let line = format!("{indent}{label}{}", brief(old));
            push(rows, line.clone(), line, Change::Same);
        }
        (old, Some(new)) => push(
            rows,
            format!("{indent}{label}{}", brief(old)),
            format!("{indent}{label}{}", brief(new)),
            Change::Replaced,
        ),
        (old, None) => push(
            rows,
            format!("{indent}{label}{}", brief(old)),
            format!("{indent}(removed)"),
            Change::Removed,
        ),
    }
}

fn push(rows: &mut Vec<Row>, left: String, right: String, change: Change) {
    rows.push(Row {
        left,
        right,
        change,
    });
}

/// A value on one line; containers are only counted.
fn brief(value: &Value) -> String {
    match value {
        Value::Object(members) if members.is_empty() => "{}".to_owned(),
        Value::Object(members) => format!("{{ {} members }}", members.len()),
        Value::Array(items) if items.is_empty() => "[]".to_owned(),
        Value::Array(items) => format!("[ {} items ]", items.len()),
        scalar => scalar.to_string(),
    }
}

/// Cuts or pads to `width` characters.
fn fit(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    text.chars()
        .take(width.saturating_sub(1))
        .chain(['…'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shows_kept_replaced_removed_and_the_number_of_further_elements() {
        let before = json!({"n": 1, "mail": "a@x.com", "name": "Ada", "l": [{"k": 1}, {"k": 2}]});
        let after = json!({"n": 1, "mail": "t~1", "l": [{"k": 1}, {"k": 2}]});
        let style = Style {
            color: false,
            width: 60,
            elements: 1,
        };
        let text = side_by_side(&before, &after, style);
        assert!(
            text.contains("  n: 1                       │   n: 1\n"),
            "{text}"
        );
        assert!(
            text.contains("\"a@x.com\"") && text.contains("│   mail: \"t~1\""),
            "{text}"
        );
        assert!(
            text.contains("name: \"Ada\"") && text.contains("│   (removed)"),
            "{text}"
        );
        assert!(text.contains("… 1 more"), "{text}");
    }

    #[test]
    fn colours_only_when_asked() {
        let style = Style {
            color: true,
            width: 60,
            elements: 1,
        };
        let text = side_by_side(&json!({"a": "x"}), &json!({"a": "y"}), style);
        assert!(text.contains(RED) && text.contains(GREEN));
        let style = Style {
            color: false,
            ..style
        };
        assert!(!side_by_side(&json!({"a": "x"}), &json!({"a": "y"}), style).contains('\x1b'));
    }
}
