//! Augments: facts about a value, added beside it before anything is taken away.
//!
//! For a value named `x`, the result of the augment `textDigest` becomes the member
//! `+x:textDigest` of the same object. Only members added here pass a schema filter unnamed;
//! members of that shape that come from the source are dropped first, so nothing can be smuggled
//! past the filter under such a name.

mod compile;

use hashbrown::HashSet;

use crate::json::{Document, Kind, NewValue, NodeId};
use crate::jsonpath::JsonPath;
use crate::transform::TextDigester;

/// A compiled augment.
#[derive(Debug)]
pub struct Augment {
    paths: Vec<JsonPath>,
    digester: TextDigester,
}

/// The function name of the only augment that adds something.
const FUNCTION: &str = "textDigest";

impl Augment {
    /// Adds the members and notes them in `added`. Values that aren't strings get none.
    pub fn apply(&self, document: &mut Document<'_>, added: &mut HashSet<NodeId>) {
        for path in &self.paths {
            for node in path.query(document) {
                self.add(document, node, added);
            }
        }
    }

    fn add(&self, document: &mut Document<'_>, node: NodeId, added: &mut HashSet<NodeId>) {
        if added.contains(&node) {
            return;
        }
        let Some(value) = self.value(document, node) else {
            return;
        };
        let Some((object, name)) = named_place(document, node) else {
            return;
        };
        let name = format!("+{name}:{FUNCTION}");
        document.put_member(object, &name, value);
        added.extend(document.member(object, &name));
    }

    fn value(&self, document: &Document<'_>, node: NodeId) -> Option<NewValue> {
        let text = document.str(node)?;
        if self.digester.looks_inside() && !text.is_empty() {
            return self.digester.digest_text(&text).ok().map(NewValue::String);
        }
        Some(self.digester.digest(&text).to_value())
    }
}

/// Drops members that look like results of augments but come from the source.
///
/// Their names begin with `+` and hold a `:`. Returns how many there were.
pub fn drop_forged(document: &mut Document<'_>) -> u64 {
    if !document.any_name_starts_with("+") {
        return 0;
    }
    let mut dropped = 0;
    let mut open = vec![document.root()];
    while let Some(container) = open.pop() {
        let mut next = document.first_child(container);
        while let Some(child) = next {
            next = document.next_sibling(child);
            let forged = document
                .name(child)
                .and_then(|name| name.strip_prefix('+'))
                .is_some_and(|rest| rest.contains(':'));
            if forged {
                document.delete(child);
                dropped += 1;
            } else if matches!(document.kind(child), Kind::Array | Kind::Object) {
                open.push(child);
            }
        }
    }
    dropped
}

/// The nearest member around a value, itself included: its object and its name.
fn named_place(document: &Document<'_>, node: NodeId) -> Option<(NodeId, String)> {
    let mut at = node;
    loop {
        let parent = document.parent(at)?;
        if let Some(name) = document.name(at) {
            return Some((parent, name.to_owned()));
        }
        at = parent;
    }
}
