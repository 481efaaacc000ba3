//! Assertions and the dot: what matches at a place, or anything there.

use super::PatternError;
use super::translate::{Target, Translator, WORD, unsupported};

const BREAKS: &str = r"\n\r\x{85}\x{2028}\x{2029}";

impl Translator {
    pub(super) fn word_boundary(
        &mut self,
        negated: bool,
        start: usize,
    ) -> Result<(), PatternError> {
        if self.peek() == Some('{') {
            return Err(unsupported(r"\b{…}", start));
        }
        let text = match (self.target, self.flags.unicode_classes, negated) {
            (_, true, false) => r"\b".to_owned(),
            (_, true, true) => r"\B".to_owned(),
            (Target::Automaton, false, false) => r"(?-u:\b)".to_owned(),
            (Target::Automaton, false, true) => r"(?-u:\B)".to_owned(),
            (Target::Backtracking, false, false) => {
                format!("(?:(?<=[{WORD}])(?![{WORD}])|(?<![{WORD}])(?=[{WORD}]))")
            }
            (Target::Backtracking, false, true) => {
                format!("(?:(?<=[{WORD}])(?=[{WORD}])|(?<![{WORD}])(?![{WORD}]))")
            }
        };
        self.atom(&text);
        Ok(())
    }

    pub(super) fn dot(&mut self) {
        let text = match (self.flags.dot_all, self.flags.unix_lines) {
            (true, _) => "(?s:.)".to_owned(),
            (false, true) => r"[^\n]".to_owned(),
            (false, false) => format!("[^{BREAKS}]"),
        };
        self.atom(&text);
    }

    pub(super) fn line_start(&self) -> &'static str {
        if self.flags.unix_lines {
            "(?m:^)"
        } else {
            "(?mR:^)"
        }
    }

    /// `$` or `\Z`: the end, or before one final line break; in multi-line mode any line's end.
    pub(super) fn soft_end(&mut self) {
        if self.flags.multi_line {
            let text = if self.flags.unix_lines {
                "(?m:$)"
            } else {
                "(?mR:$)"
            };
            return self.atom(text);
        }
        self.has_soft_end = true;
        let text = match (self.target, self.flags.unix_lines) {
            (Target::Automaton, _) => r"\z".to_owned(),
            (Target::Backtracking, true) => r"(?=\n?\z)".to_owned(),
            (Target::Backtracking, false) => format!(r"(?=(?:\r\n|[{BREAKS}])?\z)"),
        };
        self.atom(&text);
    }
}
