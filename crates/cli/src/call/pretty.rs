//! JSON for people: indented and coloured, every number and text as it came.

use serde::de::IgnoredAny;

use super::clean;

const DIM: &str = "\x1b[2m";
const GREEN: &str = "\x1b[32m";
const MAGENTA: &str = "\x1b[35m";
const CYAN: &str = "\x1b[36m";
const BLUE: &str = "\x1b[34m";
const RESET: &str = "\x1b[0m";

/// Deeper documents are shown as they came: indentation would multiply their size.
const DEEPEST: usize = 128;

/// The document indented by two, or nothing if the text is no JSON or is very deep. Characters that
/// steer a terminal are written as JSON escapes, so the result is the same document.
pub(super) fn pretty(text: &str, color: bool) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut printer = Printer {
        out: String::with_capacity(text.len() * 2),
        depth: 0,
        color,
    };
    printer.document(text)?;
    Some(printer.out)
}

/// Whether every reader of JSON can be expected to read the document: it is not very deep.
pub(super) fn is_shallow(document: &str) -> bool {
    let (mut depth, mut inside, mut escaped) = (0_usize, false, false);
    for byte in document.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = inside,
            b'"' => inside = !inside,
            b'{' | b'[' if !inside => depth += 1,
            b'}' | b']' if !inside => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > 100 {
            return false;
        }
    }
    true
}

struct Printer {
    out: String,
    depth: usize,
    color: bool,
}

impl Printer {
    fn document(&mut self, text: &str) -> Option<()> {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = match first {
                '"' => string_length(rest)?,
                '{' | '[' | '}' | ']' | ',' | ':' => 1,
                _ => rest
                    .find([',', ']', '}', ' ', '\t', '\r', '\n'])
                    .unwrap_or(rest.len()),
            };
            let (token, after) = rest.split_at_checked(length)?;
            let mut next = after.trim_start();
            match first {
                '{' | '[' => {
                    self.out.push(first);
                    if next.starts_with(['}', ']']) {
                        self.out.push_str(next.get(..1)?);
                        next = next.get(1..)?.trim_start();
                    } else {
                        self.depth += 1;
                        self.line()?;
                    }
                }
                '}' | ']' => {
                    self.depth = self.depth.checked_sub(1)?;
                    self.line()?;
                    self.out.push(first);
                }
                ',' => {
                    self.out.push(',');
                    self.line()?;
                }
                ':' => self.out.push_str(": "),
                '"' if next.starts_with(':') => self.colored(BLUE, token),
                '"' if token.starts_with("\"p~") || token.starts_with("\"t~") => {
                    self.colored(MAGENTA, token);
                }
                '"' => self.colored(GREEN, token),
                't' | 'f' | 'n' => self.colored(DIM, token),
                _ => self.colored(CYAN, token),
            }
            rest = next;
        }
        Some(())
    }

    fn line(&mut self) -> Option<()> {
        if self.depth > DEEPEST {
            return None;
        }
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n("  ", self.depth));
        Some(())
    }

    fn colored(&mut self, color: &str, token: &str) {
        if self.color {
            self.out.push_str(color);
        }
        self.out.push_str(&clean::json(token));
        if self.color {
            self.out.push_str(RESET);
        }
    }
}

/// Bytes of the string a text begins with, both quotes included.
fn string_length(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents_and_keeps_every_token_as_it_came() {
        let text = r#" {"a":[1.50,-0,1e400,123456789012345678901],"b":{},"c":[],"a":"x\"]:{","d":[true,null]} "#;
        let expected = "{\n  \"a\": [\n    1.50,\n    -0,\n    1e400,\n    123456789012345678901\n  ],\n  \"b\": {},\n  \"c\": [],\n  \"a\": \"x\\\"]:{\",\n  \"d\": [\n    true,\n    null\n  ]\n}";
        assert_eq!(pretty(text, false).unwrap(), expected);
    }

    #[test]
    fn colours_names_texts_pseudonyms_and_numbers_differently() {
        let shown = pretty(r#"{"id":"p~abc","n":1,"s":"x"}"#, true).unwrap();
        assert!(shown.contains("\x1b[34m\"id\"\x1b[0m: \x1b[35m\"p~abc\"\x1b[0m"));
        assert!(shown.contains("\x1b[36m1\x1b[0m") && shown.contains("\x1b[32m\"x\"\x1b[0m"));
    }

    #[test]
    fn characters_that_steer_a_terminal_become_escapes_of_the_same_document() {
        let text = "{\"a\":\"\u{9b}2J\u{202e}\u{7f}\"}";
        let shown = pretty(text, false).unwrap();
        assert!(
            !shown.chars().any(|c| c != '\n' && clean::steers(c)),
            "{shown:?}"
        );
        let same: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            same,
            serde_json::from_str::<serde_json::Value>(text).unwrap()
        );
    }

    #[test]
    fn what_is_no_json_or_very_deep_is_left_to_others() {
        for text in ["", "{", "{]", "<html>", "{\"a\":1}x", "\"a", "[1,]"] {
            assert_eq!(pretty(text, false), None, "{text}");
        }
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        assert!(pretty(&deep(100), false).is_some());
        assert_eq!(pretty(&deep(100_000), false), None);
        assert!(is_shallow(&deep(100)) && !is_shallow(&deep(101)));
        assert!(is_shallow(&format!("[\"\\\"{}\"]", "[".repeat(200))));
    }
}
