//! JSON as the sanitizer needs it: one flat array of nodes per document over the unchanged input text.
//!
//! Plain strings and integers stay spans of the input and are copied verbatim when the document is
//! written. Member names are interned: names that the rules mention have a [`Sym`] made at rule load,
//! and the document knows where each of them occurs, so a rule that names an absent member costs
//! nothing.
//!
//! Choices where RFC 8259 leaves room: a duplicated member keeps its last value at its first
//! position; a lone surrogate escape reads as U+FFFD; integers keep every digit; a number with
//! fraction or exponent is a 64-bit float and is written as Java writes a double; one out of range
//! is written as the string `"Infinity"` or `"-Infinity"`. A byte order mark, invalid UTF-8 and
//! anything else outside the RFC's grammar is refused.
//!
//! ```
//! use hushgate_rules::json::{Document, Limits, NewValue, Symbols};
//!
//! let mut symbols = Symbols::new();
//! let email = symbols.intern_indexed("email");
//! let text = r#"{"users": [{"email": "a@example.com", "n": 1.10}]}"#;
//! let mut document = Document::parse(text.as_bytes(), &symbols, Limits::default())?;
//! for node in document.occurrences(email).to_vec() {
//!     document.set(node, NewValue::Null);
//! }
//! assert_eq!(document.to_text(), r#"{"users":[{"email":null,"n":1.1}]}"#);
//! # Ok::<(), hushgate_rules::json::JsonError>(())
//! ```

mod document;
mod edit;
mod error;
mod names;
mod parser;
mod reader;
mod string;
mod symbols;
mod view;
mod writer;

pub(crate) use document::NodeSet;
pub use document::{Children, Document, Kind, NodeId};
pub use edit::NewValue;
pub use error::{JsonError, JsonErrorKind};
pub use reader::{Limits, Reader};
pub use string::write_escaped;
pub use symbols::{Sym, Symbols};
pub use view::{NumberView, View};
