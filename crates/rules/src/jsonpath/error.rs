//! What can be wrong with a path.

use thiserror::Error;

use crate::pattern::PatternError;

/// Why a path was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// Not in the grammar.
    #[error("at character {offset} of the path: found {found}, expected {expected}")]
    Syntax {
        /// Position in the path, in characters from 0.
        offset: usize,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: &'static str,
    },
    /// A regular expression in a filter does not compile.
    #[error("regular expression at character {offset} of the path: {cause}")]
    Pattern {
        /// Where the expression begins in the path, in characters from 0.
        offset: usize,
        /// What is wrong with it.
        cause: PatternError,
    },
}

impl PathError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "jsonpath-invalid",
            Self::Pattern { cause, .. } => cause.code(),
        }
    }

    /// Where in the path, in characters from 0.
    pub fn offset(&self) -> usize {
        match self {
            Self::Syntax { offset, .. } | Self::Pattern { offset, .. } => *offset,
        }
    }
}
