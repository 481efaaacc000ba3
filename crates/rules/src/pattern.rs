//! Regular expressions in the Java dialect that rules are written in, run by an automaton.
//!
//! A pattern is translated once, at load: every class, escape and flag is spelled out for the
//! `regex` crate, whose matching time grows linearly with the text. Only look-around,
//! back-references, atomic groups and possessive quantifiers need a backtracking engine; such
//! patterns run under a step limit and say so through [`Pattern::uses_lookaround`].
//!
//! Every pattern is checked when it is made: what the engine would refuse, or would need too much
//! memory for, is an error then. The automaton itself is built when the pattern meets its first
//! text, since a process that serves a few calls uses few of the patterns of its rules.
//!
//! Dialect notes: `\d \w \s \b` are ASCII unless the flag `U` is set; `i` folds ASCII letters only
//! unless `u` is set; `.` excludes LF, CR, U+0085, U+2028 and U+2029; `$` outside multi-line
//! mode also matches before one final line break, as in Java.

mod assertion;
mod class;
mod engine;
mod shared;
mod size;
mod translate;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use engine::{Engine, Matcher};
pub(crate) use shared::sharing;
use translate::{Target, translate};

/// The longest pattern that is accepted, in bytes.
pub const MAX_SOURCE_BYTES: usize = 16 * 1024;

/// The most memory a compiled pattern may take, in bytes.
pub const MAX_COMPILED_BYTES: usize = 2 * 1024 * 1024;

/// The most steps that a pattern with look-around may take on one text.
pub const MAX_BACKTRACKING_STEPS: usize = 100_000;

/// The longest text that the backtracking engine is given, in bytes; a longer one counts as too hard.
pub const MAX_BACKTRACKING_BYTES: usize = 64 * 1024;

/// The most matches that the backtracking engine looks for in one text.
pub const MAX_BACKTRACKING_MATCHES: usize = 1000;

/// Flags given beside a pattern, such as the `i` of `/…/i`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one per flag letter of the dialect"
)]
pub struct Flags {
    /// `i`: ASCII letters match in either case.
    pub ignore_case: bool,
    /// `x`: blanks and `#` comments in the pattern are ignored.
    pub comments: bool,
    /// `s`: `.` matches line breaks.
    pub dot_all: bool,
    /// `m`: `^` and `$` match at line breaks.
    pub multi_line: bool,
    /// `d`: only LF is a line break.
    pub unix_lines: bool,
    /// `u`: `i` folds all of Unicode.
    pub unicode_case: bool,
    /// `U`: predefined classes cover all of Unicode (implies `u`).
    pub unicode_classes: bool,
}

impl Flags {
    /// Only `i` set.
    pub const IGNORE_CASE: Self = Self {
        ignore_case: true,
        comments: false,
        dot_all: false,
        multi_line: false,
        unix_lines: false,
        unicode_case: false,
        unicode_classes: false,
    };

    /// Reads flag letters, each of `i x s m d u U`. `None` if there is any other.
    pub fn from_letters(letters: &str) -> Option<Self> {
        let mut flags = Self::default();
        letters
            .chars()
            .all(|letter| flags.set(letter, true))
            .then_some(flags)
    }

    fn set(&mut self, letter: char, on: bool) -> bool {
        match letter {
            'i' => self.ignore_case = on,
            'x' => self.comments = on,
            's' => self.dot_all = on,
            'm' => self.multi_line = on,
            'd' => self.unix_lines = on,
            'u' => self.unicode_case = on,
            'U' => {
                self.unicode_classes = on;
                self.unicode_case = on;
            }
            _ => return false,
        }
        true
    }
}

/// A compiled pattern, made for either matching whole texts or finding occurrences. Clones share it.
#[derive(Clone)]
pub struct Pattern(Arc<Compiled>);

struct Compiled {
    source: Box<str>,
    engine: Engine,
    /// For texts that end in a line break, where `$` has a second place to match.
    before_final_break: Option<Engine>,
    names: Vec<Option<Box<str>>>,
    lookaround: bool,
}

impl Pattern {
    /// Compiles a pattern that must match a whole text.
    pub fn whole(source: &str) -> Result<Self, PatternError> {
        Self::whole_with(source, Flags::default())
    }

    /// Compiles a pattern that must match a whole text, with flags set from the start.
    pub fn whole_with(source: &str, flags: Flags) -> Result<Self, PatternError> {
        shared::or_compile(source, flags, true, Self::compile)
    }

    /// Compiles a pattern whose occurrences are to be found anywhere in a text.
    pub fn find(source: &str) -> Result<Self, PatternError> {
        Self::find_with(source, Flags::default())
    }

    /// Compiles a pattern whose occurrences are to be found, with flags set from the start.
    pub fn find_with(source: &str, flags: Flags) -> Result<Self, PatternError> {
        shared::or_compile(source, flags, false, Self::compile)
    }

    fn compile(source: &str, flags: Flags, whole: bool) -> Result<Self, PatternError> {
        if source.len() > MAX_SOURCE_BYTES {
            return Err(PatternError::SourceTooLong {
                bytes: source.len(),
            });
        }
        let plain = translate(source, flags, Target::Automaton)?;
        let lookaround = plain.needs_backtracking;
        let has_soft_end = plain.has_soft_end;
        let backtracking = (lookaround || (has_soft_end && !whole))
            .then(|| translate(source, flags, Target::Backtracking))
            .transpose()?;
        let names = plain.names.clone();
        let (engine, before_final_break) = match backtracking {
            Some(text) if lookaround => (Engine::backtracking(&text, whole)?, None),
            Some(text) => {
                let engine = Engine::automaton(&plain, whole)?;
                let before_final_break = engine.before_final_break(&text)?;
                (engine, Some(before_final_break))
            }
            None => (Engine::automaton(&plain, whole)?, None),
        };
        Ok(Self(Arc::new(Compiled {
            source: source.into(),
            engine,
            before_final_break,
            names,
            lookaround,
        })))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.source
    }

    /// Whether the pattern needs the backtracking engine and so has a step limit; checks warn.
    pub fn uses_lookaround(&self) -> bool {
        self.0.lookaround
    }

    /// How many capturing groups there are, the whole match not counted.
    pub fn group_count(&self) -> usize {
        self.0.names.len()
    }

    /// The names of the capturing groups in order; `None` for a group without a name.
    pub fn group_names(&self) -> impl Iterator<Item = Option<&str>> {
        self.0.names.iter().map(Option::as_deref)
    }

    /// Whether the pattern matches: the whole text or anywhere, as it was compiled.
    pub fn is_match(&self, text: &str) -> Result<bool, StepLimitExceeded> {
        match self.engine_for(text)?.get()? {
            Matcher::Automaton(regex) => Ok(regex.is_match(text)),
            Matcher::Backtracking(regex) => regex.is_match(text).map_err(|_| StepLimitExceeded),
        }
    }

    /// The first match with the spans of its groups.
    pub fn captures(&self, text: &str) -> Result<Option<Groups>, StepLimitExceeded> {
        match self.engine_for(text)?.get()? {
            Matcher::Automaton(regex) => Ok(regex.captures(text).map(Groups::from)),
            Matcher::Backtracking(regex) => {
                let found = regex.captures(text).map_err(|_| StepLimitExceeded)?;
                Ok(found.map(Groups::from))
            }
        }
    }

    /// All matches that do not overlap, from left to right, with the spans of their groups.
    pub fn find_all(&self, text: &str) -> Result<Vec<Groups>, StepLimitExceeded> {
        let regex = match self.engine_for(text)?.get()? {
            Matcher::Automaton(regex) if self.group_count() == 0 => {
                let matches = regex.find_iter(text);
                return Ok(matches
                    .map(|found| Groups(vec![Some(found.range())]))
                    .collect());
            }
            Matcher::Automaton(regex) => {
                return Ok(regex.captures_iter(text).map(Groups::from).collect());
            }
            Matcher::Backtracking(regex) => regex,
        };
        let mut matches = Vec::new();
        for found in regex.captures_iter(text) {
            if matches.len() >= MAX_BACKTRACKING_MATCHES {
                return Err(StepLimitExceeded);
            }
            matches.push(found.map_err(|_| StepLimitExceeded)?.into());
        }
        Ok(matches)
    }

    fn engine_for(&self, text: &str) -> Result<&Engine, StepLimitExceeded> {
        let engine = match &self.0.before_final_break {
            Some(engine) if text.ends_with(is_line_break) => engine,
            _ => &self.0.engine,
        };
        if engine.backtracks() && text.len() > MAX_BACKTRACKING_BYTES {
            return Err(StepLimitExceeded);
        }
        Ok(engine)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.0.source).finish()
    }
}

/// The byte spans of one match: group 0 is the whole match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Groups(Vec<Option<Range<usize>>>);

impl Groups {
    /// The span of a group, `None` if the group does not exist or took no part in the match.
    pub fn span(&self, group: usize) -> Option<Range<usize>> {
        self.0.get(group).cloned().flatten()
    }

    /// The span of the whole match.
    pub fn whole(&self) -> Range<usize> {
        self.span(0).unwrap_or(0..0)
    }
}

impl From<regex::Captures<'_>> for Groups {
    fn from(found: regex::Captures<'_>) -> Self {
        Self(
            found
                .iter()
                .map(|group| group.map(|span| span.range()))
                .collect(),
        )
    }
}

impl From<fancy_regex::Captures<'_, str>> for Groups {
    fn from(found: fancy_regex::Captures<'_, str>) -> Self {
        Self(
            found
                .iter()
                .map(|group| group.map(|span| span.range()))
                .collect(),
        )
    }
}

fn is_line_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A pattern that can't be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The text is not a regular expression.
    #[error("{message}, at character {position}")]
    Syntax {
        /// What is wrong.
        message: String,
        /// The offset in characters, from 0.
        position: usize,
        /// What to write instead.
        help: &'static str,
    },
    /// A construct of the dialect that is deliberately not offered.
    #[error("`{construct}` is not supported, at character {position}")]
    Unsupported {
        /// The construct as written.
        construct: String,
        /// The offset in characters, from 0.
        position: usize,
        /// What to write instead.
        help: &'static str,
    },
    /// The pattern text is too long.
    #[error("the pattern has {bytes} bytes, more than the {MAX_SOURCE_BYTES} allowed")]
    SourceTooLong {
        /// The length of the text in bytes.
        bytes: usize,
    },
    /// The compiled pattern would take too much memory.
    #[error("the compiled pattern takes more than the {MAX_COMPILED_BYTES} bytes allowed")]
    CompiledTooLarge,
    /// The engine refused the translated pattern.
    #[error("{message}")]
    Engine {
        /// What the engine says.
        message: String,
    },
}

impl PatternError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } | Self::Engine { .. } => "regex-invalid",
            Self::Unsupported { .. } => "regex-unsupported",
            Self::SourceTooLong { .. } | Self::CompiledTooLarge => "regex-too-large",
        }
    }

    /// Where in the pattern, as an offset in characters from 0, if one place can be named.
    pub fn position(&self) -> Option<usize> {
        match self {
            Self::Syntax { position, .. } | Self::Unsupported { position, .. } => Some(*position),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Syntax { help, .. } | Self::Unsupported { help, .. } => help,
            Self::SourceTooLong { .. } => "split the pattern into several",
            Self::CompiledTooLarge => "lower the repetition counts, or use `*` or `+`",
            Self::Engine { .. } => "see docs/rules.md for the constructs that are understood",
        }
    }
}

/// A pattern with look-around gave up on a text; the caller must treat the text as suspect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a pattern that needs backtracking met a text that is too hard or too long for it")]
pub struct StepLimitExceeded;

impl StepLimitExceeded {
    /// The stable code of this error.
    pub fn code(self) -> &'static str {
        "regex-step-limit"
    }
}
