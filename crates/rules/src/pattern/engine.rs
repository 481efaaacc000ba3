//! The engines that run a translated pattern, built on first use once the pattern is known to be good.

use std::sync::OnceLock;

use super::translate::Translation;
use super::{MAX_BACKTRACKING_STEPS, MAX_COMPILED_BYTES, PatternError, StepLimitExceeded, size};

/// A pattern of at most this size, by a rough estimate from above, is built later: it can't fail.
const SURELY_SMALL: usize = MAX_COMPILED_BYTES / 4;

/// An engine for one pattern, perhaps not built yet.
pub(super) struct Engine {
    text: Box<str>,
    backtracks: bool,
    matcher: OnceLock<Option<Matcher>>,
}

/// What matches texts.
pub(super) enum Matcher {
    Automaton(regex::Regex),
    Backtracking(Box<fancy_regex::Regex>),
}

impl Engine {
    /// Runs a pattern in linear time.
    pub(super) fn automaton(translation: &Translation, whole: bool) -> Result<Self, PatternError> {
        let engine = Self::unbuilt(translation, whole, false);
        if size::bound(&engine.text).is_some_and(|bytes| bytes <= SURELY_SMALL) {
            return Ok(engine);
        }
        engine.built()
    }

    /// Runs a pattern that looks around.
    pub(super) fn backtracking(
        translation: &Translation,
        whole: bool,
    ) -> Result<Self, PatternError> {
        Self::unbuilt(translation, whole, true).built()
    }

    /// Finds the same pattern in texts that end in a line break, for which it is translated with
    /// look-around.
    pub(super) fn before_final_break(
        &self,
        translation: &Translation,
    ) -> Result<Self, PatternError> {
        let engine = Self::unbuilt(translation, false, true);
        // Its automata are parts of this one.
        let surely_small = self.matcher.get().is_none();
        if surely_small && fancy_regex::Expr::parse_tree(&engine.text).is_ok() {
            return Ok(engine);
        }
        engine.built()
    }

    fn unbuilt(translation: &Translation, whole: bool, backtracks: bool) -> Self {
        let text = &translation.text;
        let text = if whole {
            format!(r"\A(?:{text})\z")
        } else {
            text.clone()
        };
        Self {
            text: text.into_boxed_str(),
            backtracks,
            matcher: OnceLock::new(),
        }
    }

    fn built(self) -> Result<Self, PatternError> {
        let matcher = self.build()?;
        Ok(Self {
            matcher: OnceLock::from(Some(matcher)),
            ..self
        })
    }

    /// Whether there is a limit on steps and texts.
    pub(super) fn backtracks(&self) -> bool {
        self.backtracks
    }

    /// What to match with, built if need be. Should that fail in spite of the checks at load, the
    /// text counts as too hard.
    pub(super) fn get(&self) -> Result<&Matcher, StepLimitExceeded> {
        self.matcher
            .get_or_init(|| self.build().ok())
            .as_ref()
            .ok_or(StepLimitExceeded)
    }

    fn build(&self) -> Result<Matcher, PatternError> {
        if self.backtracks {
            return fancy_regex::RegexBuilder::new(&self.text)
                .backtrack_limit(MAX_BACKTRACKING_STEPS)
                .delegate_size_limit(MAX_COMPILED_BYTES)
                .delegate_dfa_size_limit(MAX_COMPILED_BYTES)
                .build()
                .map(|regex| Matcher::Backtracking(Box::new(regex)))
                .map_err(|error| PatternError::Engine {
                    message: last_line(&error.to_string()),
                });
        }
        regex::RegexBuilder::new(&self.text)
            .size_limit(MAX_COMPILED_BYTES)
            .dfa_size_limit(MAX_COMPILED_BYTES)
            .build()
            .map(Matcher::Automaton)
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => PatternError::CompiledTooLarge,
                other => PatternError::Engine {
                    message: last_line(&other.to_string()),
                },
            })
    }
}

fn last_line(message: &str) -> String {
    let line = message.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}
