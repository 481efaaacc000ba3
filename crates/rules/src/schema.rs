//! The schema filter: keeps what a schema names and nothing else.
//!
//! A schema is compiled into an array of nodes that refer to each other by index, so references
//! may be circular; members are looked up by symbol. The filter edits a document in place.
//!
//! Choices where a schema says little: a missing `type` is inferred from `properties` or `items`;
//! a root that says nothing is refused; a result of nothing at the root is `null`, never the
//! unfiltered document.

mod compile;
mod filter;

use hashbrown::HashMap;

use crate::json::Sym;

pub use filter::{FilterReport, SchemaFilter};

/// A compiled schema filter.
#[derive(Debug, Clone)]
pub struct Schema {
    nodes: Vec<Node>,
    root: NodeIndex,
    /// Whether any `const` or `if` occurs, without which nothing can be a mismatch.
    can_mismatch: bool,
}

/// A place in [`Schema::nodes`].
type NodeIndex = usize;

#[derive(Debug, Clone)]
enum Node {
    /// Another node; a reference.
    Same(NodeIndex),
    AnyOf(Vec<NodeIndex>),
    /// The rest of a typed node behind its `const`.
    Constant(Box<str>),
    Conditional(Conditional),
    Object(HashMap<Sym, NodeIndex>),
    Array(Option<NodeIndex>),
    String,
    Integer,
    Number,
    Boolean,
    /// Any scalar: no type.
    Scalar,
    /// Nothing stays.
    Nothing,
}

#[derive(Debug, Clone)]
struct Conditional {
    condition: Test,
    alternative: Option<Test>,
    consequence: NodeIndex,
}

/// A member and the schema that it must not be a mismatch of.
#[derive(Debug, Clone, Copy)]
struct Test {
    member: Sym,
    schema: NodeIndex,
}
