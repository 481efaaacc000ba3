//! Places in a rule file.

use std::ops::Deref;

/// A place in a rule file: line and column, both counted from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Line, counted from 1; 0 when the place is unknown.
    pub line: u32,
    /// Column in characters, counted from 1; 0 when the place is unknown.
    pub column: u32,
}

impl Span {
    /// The place at `line` and `column`, both counted from 1.
    pub fn new(line: u32, column: u32) -> Self {
        Self { line, column }
    }
}

/// A value read from a rule file together with its place there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spanned<T> {
    /// The value as written.
    pub value: T,
    /// Where the value begins.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }
}

impl<T> Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}
