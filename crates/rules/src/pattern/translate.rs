//! Rewrites a Java-dialect pattern into the syntax of the engines, every flag resolved.
//!
//! Nothing is passed through unread: each atom is emitted in a spelling that means the same in
//! both engines, so a construct with another meaning there (`\<`, `--` in a class) can't slip in.

use std::fmt::Write as _;

use super::{Flags, PatternError};

/// Which engine the text is for; they differ in a few zero-width assertions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Automaton,
    Backtracking,
}

/// A pattern in the engines' syntax.
#[derive(Debug)]
pub(super) struct Translation {
    pub(super) text: String,
    pub(super) names: Vec<Option<Box<str>>>,
    pub(super) needs_backtracking: bool,
    /// Whether `$` or `\Z` occurs, which may match before one final line break.
    pub(super) has_soft_end: bool,
}

pub(super) fn translate(
    source: &str,
    flags: Flags,
    target: Target,
) -> Result<Translation, PatternError> {
    Translator::new(source, flags, target).run()
}

pub(super) const WORD: &str = "0-9A-Za-z_";
const MAX_REPETITIONS: u32 = 1000;

pub(super) struct Translator {
    pub(super) input: Vec<char>,
    pub(super) at: usize,
    pub(super) out: String,
    pub(super) flags: Flags,
    pub(super) target: Target,
    open: Vec<(usize, Flags)>,
    names: Vec<Option<Box<str>>>,
    needs_backtracking: bool,
    pub(super) has_soft_end: bool,
    /// Whether a quantifier may follow.
    after_atom: bool,
}

impl Translator {
    fn new(source: &str, flags: Flags, target: Target) -> Self {
        Self {
            input: source.chars().collect(),
            at: 0,
            out: String::with_capacity(source.len() * 2),
            flags,
            target,
            open: Vec::new(),
            names: Vec::new(),
            needs_backtracking: false,
            has_soft_end: false,
            after_atom: false,
        }
    }

    fn run(mut self) -> Result<Translation, PatternError> {
        while let Some(c) = self.peek() {
            self.step(c)?;
        }
        if let Some(&(position, _)) = self.open.last() {
            return Err(syntax("this group is never closed", position, "add `)`"));
        }
        Ok(Translation {
            text: self.out,
            names: self.names,
            needs_backtracking: self.needs_backtracking,
            has_soft_end: self.has_soft_end,
        })
    }

    fn step(&mut self, c: char) -> Result<(), PatternError> {
        let start = self.at;
        self.at += 1;
        match c {
            '\\' => return self.escape(start),
            '[' => {
                let class = self.class(start, 0)?;
                self.atom(&class);
            }
            '(' => return self.group(start),
            ')' => {
                let Some((_, flags)) = self.open.pop() else {
                    let help = r"write `\)` for a literal parenthesis";
                    return Err(syntax("`)` closes nothing", start, help));
                };
                self.flags = flags;
                self.atom(")");
            }
            '|' => {
                self.out.push('|');
                self.after_atom = false;
            }
            '*' | '+' | '?' | '{' => return self.quantifier(c, start),
            '.' => self.dot(),
            '^' => {
                let text = if self.flags.multi_line {
                    self.line_start()
                } else {
                    r"\A"
                };
                self.atom(text);
            }
            '$' => self.soft_end(),
            '#' if self.flags.comments => self.skip_comment(),
            c if self.flags.comments && c.is_ascii_whitespace() => {}
            c => self.literal(c),
        }
        Ok(())
    }

    fn group(&mut self, start: usize) -> Result<(), PatternError> {
        let outer = self.flags;
        let opening = if self.take('?') {
            match self.special_group(start)? {
                Some(opening) => opening,
                None => return Ok(()),
            }
        } else {
            self.names.push(None);
            "(".to_owned()
        };
        self.open.push((start, outer));
        self.out.push_str(&opening);
        self.after_atom = false;
        Ok(())
    }

    /// What follows `(?`. `None` if it was a flag setting that opens no group.
    fn special_group(&mut self, start: usize) -> Result<Option<String>, PatternError> {
        let backtracking = match self.peek() {
            Some(':') => {
                self.at += 1;
                return Ok(Some("(?:".to_owned()));
            }
            Some('=') => "(?=",
            Some('!') => "(?!",
            Some('>') => "(?>",
            Some('<') => match self.input.get(self.at + 1) {
                Some('=') => "(?<=",
                Some('!') => "(?<!",
                _ => {
                    self.at += 1;
                    let name = self.name_until('>', start)?;
                    self.names.push(Some(name.as_str().into()));
                    return Ok(Some(format!("(?P<{name}>")));
                }
            },
            _ => return self.flag_group(start),
        };
        self.at += backtracking.len() - 2;
        self.needs_backtracking = true;
        Ok(Some(backtracking.to_owned()))
    }

    fn name_until(&mut self, end: char, start: usize) -> Result<String, PatternError> {
        let mut name = String::new();
        while let Some(c) = self.peek() {
            self.at += 1;
            if c == end && name.starts_with(|first: char| first.is_ascii_alphabetic()) {
                return Ok(name);
            }
            if !c.is_ascii_alphanumeric() {
                break;
            }
            name.push(c);
        }
        let help = "a group name is an ASCII letter followed by letters and digits, in `<…>`";
        Err(syntax("this group has no valid name", start, help))
    }

    fn flag_group(&mut self, start: usize) -> Result<Option<String>, PatternError> {
        let outer = self.flags;
        let mut on = true;
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '-' if on => on = false,
                ')' => {
                    // `(?i)` holds to the end of the enclosing group, which restores its own.
                    self.after_atom = false;
                    return Ok(None);
                }
                ':' => {
                    let inner = self.flags;
                    self.flags = outer;
                    self.open.push((start, outer));
                    self.flags = inner;
                    self.out.push_str("(?:");
                    self.after_atom = false;
                    return Ok(None);
                }
                c if self.flags.set(c, on) => {}
                _ => break,
            }
        }
        let help = "flags are `i x s m d u U`, as in `(?i)` or `(?i:…)`";
        Err(syntax("this group has an unknown flag", start, help))
    }

    fn quantifier(&mut self, c: char, start: usize) -> Result<(), PatternError> {
        if !self.after_atom {
            let help = r"write a backslash before it to mean the character itself";
            return Err(syntax(
                &format!("nothing to repeat before `{c}`"),
                start,
                help,
            ));
        }
        if c == '{' {
            let counts = self.counts(start)?;
            self.out.push_str(&counts);
        } else {
            self.out.push(c);
        }
        if self.take('?') {
            self.out.push('?');
        } else if self.take('+') {
            self.out.push('+');
            self.needs_backtracking = true;
        }
        self.after_atom = false;
        Ok(())
    }

    fn counts(&mut self, start: usize) -> Result<String, PatternError> {
        let help = r"write `{n}`, `{n,}` or `{n,m}` with n ≤ m ≤ 1000, or `\{` for the character";
        let wrong = || syntax("this repetition is not valid", start, help);
        let low = self.number().ok_or_else(wrong)?;
        let text = if self.take(',') {
            if self.peek() == Some('}') {
                format!("{{{low},}}")
            } else {
                let high = self.number().filter(|&high| high >= low);
                format!("{{{low},{}}}", high.ok_or_else(wrong)?)
            }
        } else {
            format!("{{{low}}}")
        };
        if self.take('}') {
            Ok(text)
        } else {
            Err(wrong())
        }
    }

    fn number(&mut self) -> Option<u32> {
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        let digits: String = self.input.get(from..self.at)?.iter().collect();
        digits
            .parse()
            .ok()
            .filter(|&count| count <= MAX_REPETITIONS)
    }

    fn escape(&mut self, start: usize) -> Result<(), PatternError> {
        let Some(c) = self.next() else {
            return Err(syntax(
                "a backslash ends the pattern",
                start,
                r"write `\\` for itself",
            ));
        };
        match c {
            'b' | 'B' => self.word_boundary(c == 'B', start)?,
            'A' => self.atom(r"\A"),
            'z' => self.atom(r"\z"),
            'Z' => {
                let multi_line = std::mem::take(&mut self.flags.multi_line);
                self.soft_end();
                self.flags.multi_line = multi_line;
            }
            'R' => self.atom(r"(?:\r\n|[\n-\r\x{85}\x{2028}\x{2029}])"),
            'Q' => self.quoted(),
            'k' => {
                if !self.take('<') {
                    return Err(syntax(r"`\k` needs `<name>`", start, r"write `\k<name>`"));
                }
                let name = self.name_until('>', start)?;
                self.back_reference(&format!(r"\k<{name}>"));
            }
            '1'..='9' => {
                self.at -= 1;
                let group = self.number().unwrap_or(0);
                self.back_reference(&format!(r"(?:\{group})"));
            }
            'G' | 'X' | 'N' => return Err(unsupported(&format!(r"\{c}"), start)),
            c => {
                if let Some(class) = self.class_escape(c, start)? {
                    self.atom(&class);
                } else {
                    let literal = self.char_escape(c, start)?;
                    self.literal(literal);
                }
            }
        }
        Ok(())
    }

    fn quoted(&mut self) {
        while let Some(c) = self.next() {
            if c == '\\' && self.peek() == Some('E') {
                self.at += 1;
                return;
            }
            self.literal(c);
        }
    }

    fn back_reference(&mut self, text: &str) {
        self.needs_backtracking = true;
        let fold = self.flags.ignore_case;
        self.atom(&if fold {
            format!("(?i:{text})")
        } else {
            text.to_owned()
        });
    }

    fn literal(&mut self, c: char) {
        if self.flags.ignore_case && self.flags.unicode_case {
            let _ = write!(self.out, r"(?i:\x{{{:X}}})", u32::from(c));
        } else if self.flags.ignore_case && c.is_ascii_alphabetic() {
            self.out.push('[');
            self.out.push(c.to_ascii_lowercase());
            self.out.push(c.to_ascii_uppercase());
            self.out.push(']');
        } else if c.is_ascii_alphanumeric() {
            self.out.push(c);
        } else {
            let _ = write!(self.out, r"\x{{{:X}}}", u32::from(c));
        }
        self.after_atom = true;
    }

    pub(super) fn atom(&mut self, text: &str) {
        self.out.push_str(text);
        self.after_atom = true;
    }

    fn skip_comment(&mut self) {
        while self.next().is_some_and(|c| !super::is_line_break(c)) {}
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.input.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    pub(super) fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }
}

pub(super) fn syntax(message: &str, position: usize, help: &'static str) -> PatternError {
    PatternError::Syntax {
        message: message.to_owned(),
        position,
        help,
    }
}

pub(super) fn unsupported(construct: &str, position: usize) -> PatternError {
    PatternError::Unsupported {
        construct: construct.to_owned(),
        position,
        help: "see docs/rules.md for the constructs that are understood",
    }
}
