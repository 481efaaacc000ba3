//! JSONPath: where in a document a rule applies.
//!
//! One dialect, the one existing rules are written in; `docs/jsonpath.md` is its grammar. A path is
//! compiled once against the [`Symbols`] of its rule set and never changes. Evaluation starts at the
//! places where the document has a name of the path, so a path that names an absent member costs
//! nothing, and `$..email` costs as much as there are members `email`.
//!
//! ```
//! use hushgate_rules::json::{Document, Limits, Symbols};
//! use hushgate_rules::jsonpath::{JsonPath, Repeats};
//!
//! let mut symbols = Symbols::new();
//! let path = JsonPath::parse("$.users[?(@.type != 'bot')].email", &mut symbols)?;
//! let text = br#"{"users":[{"type":"bot","email":"a"},{"email":"b"}]}"#;
//! let document = Document::parse(text, &symbols, Limits::default())?;
//! let found = path.select(&document, Repeats::Drop);
//! assert_eq!(document.str(found[0]).as_deref(), Some("b"));
//! assert_eq!(found.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod compare;
mod error;
mod filter;
mod parse;
mod parse_filter;
mod rfc9535;
mod select;
mod syntax;

use crate::json::{Document, Kind, NodeId, Symbols};

pub use error::PathError;

use select::Hits;
use syntax::{Segment, Step};

/// A compiled path. Works only on documents that were read with the symbols it was parsed with;
/// on others, every method that takes a document panics.
#[derive(Debug, Clone)]
pub struct JsonPath {
    text: Box<str>,
    segments: Box<[Segment]>,
    /// Of the symbols that the segments are made of.
    symbols: u64,
}

/// What to do with a place that a path finds twice, as `$..a..b` does in `{"a":{"a":{"b":1}}}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeats {
    /// Return it once.
    Drop,
    /// Return it as often as it was found (at most 1024 times), as psoxy does, which then hashes
    /// a hash.
    Keep,
}

impl JsonPath {
    /// Compiles a path. The names in it are added to `symbols`.
    ///
    /// # Errors
    /// Not in the grammar of `docs/jsonpath.md`, or a regular expression that does not compile.
    pub fn parse(text: &str, symbols: &mut Symbols) -> Result<Self, PathError> {
        let segments = parse::parse(text, symbols)?;
        Ok(Self {
            text: text.into(),
            segments,
            symbols: symbols.identity(),
        })
    }

    /// The path as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True for `$`, the whole document, which a transform cannot replace.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// True if the path can find one place at most.
    pub fn is_definite(&self) -> bool {
        syntax::is_definite(&self.segments)
    }

    /// Whether a regular expression of the path needs the backtracking engine.
    pub fn uses_lookaround(&self) -> bool {
        syntax::uses_lookaround(&self.segments)
    }

    /// What the path means differently in RFC 9535, if anything: a sentence for rule authors.
    pub fn rfc9535_difference(&self) -> Option<&'static str> {
        rfc9535::difference(&self.text, &self.segments)
    }

    /// The places to transform, in the order to do it: members by name descending, then elements
    /// from last to first; places of one name in document order, so outer before inner. All are
    /// live now; a transform of an outer place may end an inner one, see [`Document::is_live`].
    ///
    /// A filter whose pattern exceeds its step limit on a value counts as met, so that a doubt
    /// leads to a transform and not to a leak.
    pub fn select(&self, document: &Document<'_>, repeats: Repeats) -> Vec<NodeId> {
        let mut hits = self.hits(document);
        if !matches!(
            self.segments.last(),
            Some(Segment {
                step: Step::Names(_),
                ..
            })
        ) {
            // Stable, and a total order, unlike names compared with indexes as texts.
            hits.sort_by(
                |(a, _), (b, _)| match (document.name(*a), document.name(*b)) {
                    (Some(a), Some(b)) => b.cmp(a),
                    (None, None) => b.cmp(a),
                    (a, b) => b.is_some().cmp(&a.is_some()),
                },
            );
        }
        expand(&hits, repeats)
    }

    /// The places found, in document order, those found several times as often.
    pub fn query(&self, document: &Document<'_>) -> Vec<NodeId> {
        expand(&self.hits(document), Repeats::Keep)
    }

    /// Whether a condition (`applyOnlyWhen`) with this path is met: it finds something, or, if it
    /// is definite, finds an array that is not empty. Nothing found, or another value, is no.
    pub fn holds(&self, document: &Document<'_>) -> bool {
        let hits = self.hits(document);
        match hits.first() {
            None => false,
            Some(&(place, _)) if self.is_definite() => {
                document.kind(place) == Kind::Array && document.first_child(place).is_some()
            }
            Some(_) => true,
        }
    }

    fn hits(&self, document: &Document<'_>) -> Hits {
        // With other symbols the path would find nothing, and what it protects would pass.
        assert_eq!(
            self.symbols,
            document.symbols().identity(),
            "path and document of two rule sets"
        );
        select::select(document, &self.segments, document.root())
    }
}

fn expand(hits: &Hits, repeats: Repeats) -> Vec<NodeId> {
    let mut places = Vec::with_capacity(hits.len());
    for &(place, times) in hits {
        let times = if repeats == Repeats::Keep {
            times as usize
        } else {
            1
        };
        places.extend(std::iter::repeat_n(place, times));
    }
    places
}
