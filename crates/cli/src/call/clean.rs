//! Text from elsewhere, made harmless for a terminal.

use std::fmt::Write as _;

/// Whether a character steers a terminal or reorders text instead of being seen.
pub(super) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// One line: everything that steers a terminal, line breaks too, is written as `\u{…}`.
pub(super) fn line(text: &str) -> String {
    with(text, steers)
}

/// Several lines: as [`line`], with line breaks and tabulators as they are.
pub(super) fn lines(text: &str) -> String {
    with(&text.replace("\r\n", "\n"), |c| {
        steers(c) && !matches!(c, '\n' | '\t')
    })
}

/// One line of JSON, without line breaks and with JSON's own escapes for what steers a terminal: the
/// same document, since such characters stand only in strings and line breaks only between them.
pub(super) fn json(document: &str) -> String {
    let mut clean = String::with_capacity(document.len());
    for c in document.chars() {
        match c {
            '\n' | '\r' | '\t' => clean.push(' '),
            c if steers(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    // Writing to a String can't fail.
                    let _ = write!(clean, "\\u{unit:04x}");
                }
            }
            c => clean.push(c),
        }
    }
    clean
}

fn with(text: &str, harmful: impl Fn(char) -> bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if harmful(c) {
            clean.extend(c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        let hostile = "a\x1b[2J\u{9b}1m\u{202e}b\r\n\tc\u{feff}";
        assert_eq!(
            line(hostile),
            "a\\u{1b}[2J\\u{9b}1m\\u{202e}b\\u{d}\\u{a}\\u{9}c\\u{feff}"
        );
        assert_eq!(
            lines(hostile),
            "a\\u{1b}[2J\\u{9b}1m\\u{202e}b\n\tc\\u{feff}"
        );
        assert_eq!(line("Zoë 株式会社 🙂"), "Zoë 株式会社 🙂");
    }
}
