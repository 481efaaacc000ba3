//! Reading a path: `$`, names, brackets.

use crate::json::{Sym, Symbols};

use super::error::PathError;
use super::syntax::{Segment, Step};

/// Filters, parentheses and literals within each other.
const MAX_DEPTH: usize = 32;

/// The largest number of an index, as in RFC 9535.
const MAX_INDEX: i64 = (1 << 53) - 1;

const AFTER_SEGMENT: &str = "`.`, `..`, `[` or the end of the path (a name with blanks or other \
                             special characters is written `['name']`)";

pub(super) fn parse(text: &str, symbols: &mut Symbols) -> Result<Box<[Segment]>, PathError> {
    let mut parser = Parser {
        text,
        at: 0,
        symbols,
        depth: 0,
    };
    parser.blanks();
    let mut segments = Vec::new();
    match parser.peek() {
        Some('$') => parser.at += 1,
        Some('.' | '@') | None => return Err(parser.expected("`$`, or the first member's name")),
        Some('[') => {}
        Some(_) => {
            let step = parser.dot_step()?;
            segments.push(Segment {
                descend: false,
                step,
                is_last: false,
            });
        }
    }
    segments.extend(parser.segments()?);
    parser.blanks();
    if parser.peek().is_some() {
        return Err(parser.expected(AFTER_SEGMENT));
    }
    Ok(finish(segments))
}

/// Marks the last segment.
pub(super) fn finish(mut segments: Vec<Segment>) -> Box<[Segment]> {
    if let Some(last) = segments.last_mut() {
        last.is_last = true;
    }
    segments.into()
}

pub(super) struct Parser<'p> {
    pub(super) text: &'p str,
    pub(super) at: usize,
    pub(super) symbols: &'p mut Symbols,
    pub(super) depth: usize,
}

impl<'p> Parser<'p> {
    /// Segments as long as there are any.
    pub(super) fn segments(&mut self) -> Result<Vec<Segment>, PathError> {
        let mut segments = Vec::new();
        loop {
            let before = self.at;
            self.blanks();
            let descend = self.take("..");
            let step = match self.peek() {
                Some('[') => self.bracket()?,
                Some('.') if descend => {
                    return Err(self.expected("a name, `*` or `[` after `..`"));
                }
                Some('.') => {
                    self.at += 1;
                    self.step_after_dot()?
                }
                _ if descend => self.step_after_dot()?,
                _ => {
                    self.at = before;
                    return Ok(segments);
                }
            };
            segments.push(Segment {
                descend,
                step,
                is_last: false,
            });
        }
    }

    fn step_after_dot(&mut self) -> Result<Step, PathError> {
        if self.peek() == Some('[') {
            self.bracket()
        } else {
            self.dot_step()
        }
    }

    fn dot_step(&mut self) -> Result<Step, PathError> {
        if self.take("*") {
            return Ok(Step::Any);
        }
        let rest = self.rest();
        let end = rest.find(ends_name).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.expected("a member's name, `*` or `[`"));
        }
        if rest[end..].starts_with('(') {
            return Err(self.expected("a member's name (functions are not supported)"));
        }
        let sym = self.symbols.intern_indexed(&rest[..end]);
        self.at += end;
        Ok(Step::Names([sym].into()))
    }

    fn bracket(&mut self) -> Result<Step, PathError> {
        self.at += 1;
        self.blanks();
        let step = match self.peek() {
            Some('\'' | '"') => self.names()?,
            Some('*') => {
                self.at += 1;
                Step::Any
            }
            Some('?') => {
                self.at += 1;
                Step::Filter(self.filter()?)
            }
            Some('0'..='9' | '-' | ':') => self.indexes()?,
            _ => {
                return Err(self.expected("a quoted name, a number, `*` or a filter `?(…)`"));
            }
        };
        self.blanks();
        if !self.take("]") {
            return Err(self.expected("`]`, or `,` and another item of the same kind"));
        }
        Ok(step)
    }

    fn names(&mut self) -> Result<Step, PathError> {
        let mut names = Vec::new();
        loop {
            let name = self.quoted()?;
            let sym: Sym = self.symbols.intern_indexed(&name);
            names.push(sym);
            self.blanks();
            if !self.take(",") {
                return Ok(Step::Names(names.into()));
            }
            self.blanks();
            if !matches!(self.peek(), Some('\'' | '"')) {
                return Err(self.expected("a quoted name"));
            }
        }
    }

    fn indexes(&mut self) -> Result<Step, PathError> {
        let first = self.integer()?;
        self.blanks();
        if self.take(":") {
            self.blanks();
            let end = self.integer()?;
            self.blanks();
            if self.peek() == Some(':') {
                return Err(self.expected("`]` (a slice has no step)"));
            }
            return Ok(Step::Slice(first, end));
        }
        let mut indexes = Vec::new();
        let mut next = first;
        while let Some(index) = next {
            indexes.push(index);
            self.blanks();
            if !self.take(",") {
                return Ok(Step::Indexes(indexes.into()));
            }
            self.blanks();
            next = self.integer()?;
        }
        Err(self.expected("a number"))
    }

    /// An integer, `None` if there is none.
    fn integer(&mut self) -> Result<Option<i64>, PathError> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| c != '-' && !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let text = &rest[..end];
        if text.is_empty() {
            return Ok(None);
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let number = text
            .parse()
            .ok()
            .filter(|n| (-MAX_INDEX..=MAX_INDEX).contains(n));
        if number.is_none() || digits.starts_with('0') && text != "0" {
            return Err(self.expected("a whole number without leading zeros, below 2^53"));
        }
        self.at += end;
        Ok(number)
    }

    /// A quoted text, its escapes decoded.
    pub(super) fn quoted(&mut self) -> Result<String, PathError> {
        let quote = self.peek().unwrap_or('"');
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                Some(c) if c == quote => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => text.push(self.escape()?),
                Some(c) if c >= ' ' => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
                _ => return Err(self.expected("the closing quote, control characters escaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, PathError> {
        const ALLOWED: &str = r#"one of the escapes \\ \' \" \/ \b \f \n \r \t \uXXXX"#;
        let rest = self.rest();
        let char = match rest.chars().nth(1) {
            Some(c @ ('\\' | '\'' | '"' | '/')) => c,
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => {
                let (char, length) = unicode_escape(rest).ok_or_else(|| self.expected(ALLOWED))?;
                self.at += length;
                return Ok(char);
            }
            _ => return Err(self.expected(ALLOWED)),
        };
        self.at += 2;
        Ok(char)
    }

    /// Goes one level into something nested.
    pub(super) fn enter(&mut self) -> Result<(), PathError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.expected("at most 32 levels of parentheses, filters and literals"));
        }
        Ok(())
    }

    pub(super) fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(super) fn blanks(&mut self) {
        self.at = self.text.len()
            - self
                .rest()
                .trim_start_matches([' ', '\t', '\n', '\r'])
                .len();
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn rest(&self) -> &'p str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn offset(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or(self.text).chars().count()
    }

    pub(super) fn expected(&self, expected: &'static str) -> PathError {
        let found = match self.peek() {
            Some(c) if c.is_control() => format!("U+{:04X}", u32::from(c)),
            Some(c) => format!("`{c}`"),
            None => "the end".to_owned(),
        };
        PathError::Syntax {
            offset: self.offset(self.at),
            found,
            expected,
        }
    }
}

/// Characters that need `['…']`. More than RFC 9535 allows without: `-`, `@`, `:` and others.
fn ends_name(c: char) -> bool {
    c.is_whitespace() || c.is_control() || ".[](){},'\"*?=!<>&|~\\".contains(c)
}

/// The character of the `\uXXXX` or the pair of them that `text` begins with, and their length.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = text.get(from..from + 4)?;
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if is_hex {
            u16::from_str_radix(digits, 16).ok()
        } else {
            None
        }
    };
    let first = unit(2)?;
    if let Some(char) = char::from_u32(u32::from(first)) {
        return Some((char, 6));
    }
    let second = if text.get(6..8) == Some("\\u") {
        unit(8)?
    } else {
        return None;
    };
    let char = char::decode_utf16([first, second]).next()?.ok()?;
    Some((char, 12))
}
