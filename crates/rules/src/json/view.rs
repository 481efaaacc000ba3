//! Reading values.

use std::borrow::Cow;

use super::document::{Document, ESCAPED, Kind, NodeId, OWNED};
use super::string;
use crate::java_number::java_double_text;

/// A value as seen from outside. Containers are walked with [`Document::children`].
#[derive(Debug, Clone, PartialEq)]
pub enum View<'d> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(NumberView<'d>),
    /// A string, decoded.
    String(Cow<'d, str>),
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A number as it stands in the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberView<'d> {
    text: &'d str,
    is_integer: bool,
}

impl<'d> NumberView<'d> {
    /// True if the number has neither fraction nor exponent.
    pub fn is_integer(self) -> bool {
        self.is_integer
    }

    /// The value, if it is an integer of at most 64 bits.
    pub fn as_i64(self) -> Option<i64> {
        if self.is_integer {
            self.text.parse().ok()
        } else {
            None
        }
    }

    /// The nearest 64-bit float; infinite beyond its range.
    pub fn as_f64(self) -> f64 {
        self.text.parse().unwrap_or(f64::NAN)
    }

    /// The number as it is hashed and written: integers in decimal, others as Java writes a double.
    pub fn text(self) -> Cow<'d, str> {
        match (self.is_integer, self.text) {
            (true, "-0") => Cow::Borrowed("0"),
            (true, text) => Cow::Borrowed(text),
            (false, _) => Cow::Owned(java_double_text(self.as_f64())),
        }
    }
}

impl Document<'_> {
    /// What a value is.
    pub fn view(&self, id: NodeId) -> View<'_> {
        match self.kind(id) {
            Kind::Null => View::Null,
            Kind::True => View::Bool(true),
            Kind::False => View::Bool(false),
            Kind::Integer => View::Number(NumberView {
                text: self.raw(id),
                is_integer: true,
            }),
            Kind::Float => View::Number(NumberView {
                text: self.raw(id),
                is_integer: false,
            }),
            Kind::String => View::String(self.decoded(id)),
            Kind::Array => View::Array,
            Kind::Object => View::Object,
        }
    }

    /// The text of a string; `None` for other values.
    pub fn str(&self, id: NodeId) -> Option<Cow<'_, str>> {
        (self.kind(id) == Kind::String).then(|| self.decoded(id))
    }

    /// A string's content or a number as it stands in the text, undecoded.
    pub(super) fn raw(&self, id: NodeId) -> &str {
        let node = self.node(id);
        if node.flags & OWNED != 0 {
            return &self.owned[node.a as usize];
        }
        self.text
            .get(node.a as usize..node.b as usize)
            .unwrap_or_default()
    }

    fn decoded(&self, id: NodeId) -> Cow<'_, str> {
        let raw = self.raw(id);
        if self.node(id).flags & ESCAPED == 0 {
            Cow::Borrowed(raw)
        } else {
            string::decode(raw)
        }
    }
}
