//! What can be wrong with a JSON text.

use thiserror::Error;

/// Why a text was refused, and where. Never holds any of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{kind} (at byte {offset})")]
pub struct JsonError {
    /// The reason.
    pub kind: JsonErrorKind,
    /// Position in the input, in bytes from 0.
    pub offset: usize,
}

/// The reasons to refuse a JSON text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum JsonErrorKind {
    /// Outside the grammar of RFC 8259.
    #[error("the body is not valid JSON: expected {expected}")]
    Invalid {
        /// What the grammar allows at this place.
        expected: &'static str,
    },
    /// Arrays and objects nested deeper than [`super::Limits::max_depth`].
    #[error("the JSON is nested deeper than the limit of {limit} levels")]
    TooDeep {
        /// The limit, in levels.
        limit: usize,
    },
    /// More bytes than [`super::Limits::max_bytes`].
    #[error("the JSON is larger than the limit of {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The bytes are not UTF-8.
    #[error("the body is not valid UTF-8, the only encoding allowed for JSON")]
    NotUtf8,
}

impl JsonError {
    /// The stable code of the reason.
    pub fn code(&self) -> &'static str {
        match self.kind {
            JsonErrorKind::Invalid { .. } => "json-invalid",
            JsonErrorKind::TooDeep { .. } => "json-too-deep",
            JsonErrorKind::TooLarge { .. } => "json-too-large",
            JsonErrorKind::NotUtf8 => "json-not-utf8",
        }
    }

    pub(super) fn invalid(expected: &'static str, offset: usize) -> Self {
        Self {
            kind: JsonErrorKind::Invalid { expected },
            offset,
        }
    }
}
