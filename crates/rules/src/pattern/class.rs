//! Character classes and escapes: what stands for one character.

use std::fmt::Write as _;

use super::PatternError;
use super::translate::{Translator, WORD, syntax, unsupported};

const MAX_DEPTH: usize = 20;
const SPACE: &str = r"\t-\r\x{20}";
const BLANK: &str = r"\t\x{20}\x{A0}\x{1680}\x{180E}\x{2000}-\x{200A}\x{202F}\x{205F}\x{3000}";
const VERTICAL: &str = r"\n-\r\x{85}\x{2028}\x{2029}";

impl Translator {
    /// Reads a class after its `[` and returns it in the engines' syntax.
    pub(super) fn class(&mut self, start: usize, depth: usize) -> Result<String, PatternError> {
        if depth > MAX_DEPTH {
            return Err(syntax(
                "classes are nested too deeply",
                start,
                "nest at most 20 levels",
            ));
        }
        let mut out = String::from(if self.take('^') { "[^" } else { "[" });
        let mut empty = true;
        while let Some(c) = self.next() {
            match c {
                ']' if !empty => {
                    out.push(']');
                    let folded = self.flags.ignore_case && self.flags.unicode_case;
                    return Ok(if folded { format!("(?i:{out})") } else { out });
                }
                '[' => {
                    let nested = self.class(self.at - 1, depth + 1)?;
                    out.push_str(nested.trim_start_matches("(?i:").trim_end_matches(')'));
                }
                '&' if self.peek() == Some('&') => {
                    self.at += 1;
                    if empty {
                        return Err(syntax("nothing stands before `&&`", start, "write a class"));
                    }
                    out.push_str("&&");
                }
                c if self.flags.comments && c.is_ascii_whitespace() => continue,
                c => self.class_item(c, &mut out)?,
            }
            empty = false;
        }
        Err(syntax(
            "this class is never closed",
            start,
            r"add `]`, or write `\[` for the bracket",
        ))
    }

    fn class_item(&mut self, c: char, out: &mut String) -> Result<(), PatternError> {
        let start = self.at - 1;
        let Some(low) = self.class_char(c, start, out)? else {
            return Ok(());
        };
        let high = match (self.peek(), self.input.get(self.at + 1)) {
            (Some('-'), Some(&next)) if next != ']' && next != '[' => {
                self.at += 2;
                let Some(high) = self.class_char(next, self.at - 1, out)? else {
                    let help = r"write `\-` for a literal hyphen";
                    return Err(syntax("a range can't end in a class", start, help));
                };
                high
            }
            _ => low,
        };
        if high < low {
            return Err(syntax(
                "this range is reversed",
                start,
                "put the lower character first",
            ));
        }
        push_range(out, low, high);
        if self.flags.ignore_case && !self.flags.unicode_case {
            push_other_case(out, low, high);
        }
        Ok(())
    }

    /// One character of a class, or `None` after writing a predefined class.
    fn class_char(
        &mut self,
        c: char,
        start: usize,
        out: &mut String,
    ) -> Result<Option<char>, PatternError> {
        if c != '\\' {
            return Ok(Some(c));
        }
        let Some(escaped) = self.next() else {
            return Err(syntax(
                "a backslash ends the pattern",
                start,
                r"write `\\` for itself",
            ));
        };
        if let Some(class) = self.class_escape(escaped, start)? {
            out.push_str(&class);
            return Ok(None);
        }
        if escaped == 'b' {
            return Err(unsupported(r"\b in a class", start));
        }
        self.char_escape(escaped, start).map(Some)
    }

    /// A predefined class such as `\d` or `\p{L}`, `None` if the escape is something else.
    pub(super) fn class_escape(
        &mut self,
        c: char,
        start: usize,
    ) -> Result<Option<String>, PatternError> {
        let unicode = self.flags.unicode_classes;
        let (members, negated) = match c {
            'd' | 'D' => (if unicode { r"\p{Nd}" } else { "0-9" }, c == 'D'),
            'w' | 'W' => (if unicode { r"\w" } else { WORD }, c == 'W'),
            's' | 'S' => (if unicode { r"\s" } else { SPACE }, c == 'S'),
            'h' | 'H' => (BLANK, c == 'H'),
            'v' | 'V' => (VERTICAL, c == 'V'),
            'p' | 'P' => return self.property(c == 'P', start).map(Some),
            _ => return Ok(None),
        };
        Ok(Some(bracketed(members, negated)))
    }

    fn property(&mut self, negated: bool, start: usize) -> Result<String, PatternError> {
        let help = r"write a general category such as `\p{Lu}`, a script such as `\p{IsLatin}`, or `\p{Alpha}`";
        let mut name = String::new();
        if self.take('{') {
            loop {
                match self.next() {
                    Some('}') => break,
                    Some(c) if c.is_ascii_alphanumeric() || matches!(c, '_' | '=') => name.push(c),
                    _ => return Err(syntax("this property has no valid name", start, help)),
                }
            }
        } else if let Some(c) = self.next() {
            name.push(c);
        }
        if let Some(members) = posix(&name) {
            return Ok(bracketed(members, negated));
        }
        let unicode = name.strip_prefix("Is").unwrap_or(&name);
        let class = format!(r"\{}{{{unicode}}}", if negated { 'P' } else { 'p' });
        if regex_syntax::parse(&class).is_err() {
            return Err(syntax(
                &format!("there is no property `{name}`"),
                start,
                help,
            ));
        }
        Ok(class)
    }

    /// The character that an escape stands for.
    pub(super) fn char_escape(&mut self, c: char, start: usize) -> Result<char, PatternError> {
        let help = "see docs/rules.md for the escapes that are understood";
        let code = match c {
            't' => 0x09,
            'n' => 0x0A,
            'r' => 0x0D,
            'f' => 0x0C,
            'a' => 0x07,
            'e' => 0x1B,
            '0' => self.digits(8, 1, 3),
            'x' if self.take('{') => {
                let code = self.digits(16, 1, 6);
                if self.take('}') { code } else { u32::MAX }
            }
            'x' => self.digits(16, 2, 2),
            'u' => self.utf16_escape(),
            'c' => self.next().map_or(u32::MAX, |c| u32::from(c) ^ 64),
            c if c.is_ascii_alphanumeric() => u32::MAX,
            c => return Ok(c),
        };
        char::from_u32(code)
            .ok_or_else(|| syntax(&format!(r"`\{c}` is not a valid escape here"), start, help))
    }

    fn utf16_escape(&mut self) -> u32 {
        let high = self.digits(16, 4, 4);
        let pair = (0xD800..0xDC00).contains(&high)
            && self.peek() == Some('\\')
            && self.input.get(self.at + 1) == Some(&'u');
        if !pair {
            return high;
        }
        self.at += 2;
        match self.digits(16, 4, 4) {
            low @ 0xDC00..0xE000 => 0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00),
            _ => u32::MAX,
        }
    }

    fn digits(&mut self, radix: u32, least: usize, most: usize) -> u32 {
        let mut value = 0;
        let mut count = 0;
        while count < most {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(radix)) else {
                break;
            };
            value = value * radix + digit;
            self.at += 1;
            count += 1;
        }
        if count < least { u32::MAX } else { value }
    }
}

fn bracketed(members: &str, negated: bool) -> String {
    format!("[{}{members}]", if negated { "^" } else { "" })
}

fn push_range(out: &mut String, low: char, high: char) {
    let _ = write!(out, r"\x{{{:X}}}", u32::from(low));
    if low != high {
        let _ = write!(out, r"-\x{{{:X}}}", u32::from(high));
    }
}

/// Adds the ASCII letters of a range in their other case.
fn push_other_case(out: &mut String, low: char, high: char) {
    for (first, last, upper) in [('a', 'z', false), ('A', 'Z', true)] {
        let (from, to) = (low.max(first), high.min(last));
        if from <= to {
            let flip = |c: char| {
                if upper {
                    c.to_ascii_lowercase()
                } else {
                    c.to_ascii_uppercase()
                }
            };
            push_range(out, flip(from), flip(to));
        }
    }
}

fn posix(name: &str) -> Option<&'static str> {
    Some(match name {
        "Lower" => "a-z",
        "Upper" => "A-Z",
        "ASCII" => r"\x{0}-\x{7F}",
        "Alpha" => "A-Za-z",
        "Digit" => "0-9",
        "Alnum" => "0-9A-Za-z",
        "Punct" => r"!-/:-@\[-`{-~",
        "Graph" => "!-~",
        "Print" => r"\x{20}-~",
        "Blank" => r"\t\x{20}",
        "Cntrl" => r"\x{0}-\x{1F}\x{7F}",
        "XDigit" => "0-9A-Fa-f",
        "Space" => SPACE,
        _ => return None,
    })
}
