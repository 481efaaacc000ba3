//! Applying a schema to a document, in place.

use hashbrown::HashSet;

use super::{Conditional, Node, NodeIndex, Schema, Test};
use crate::json::{Document, Kind, NewValue, NodeId, View};

/// What a filter did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FilterReport {
    /// Members and elements that were removed.
    pub removed: u64,
    /// Values that became `null` because they are of another type than the schema names.
    pub nulled: u64,
    /// Values that became `null` because the schema can't be applied to them.
    pub failed: u64,
}

impl FilterReport {
    /// Adds the counts of another filter run.
    pub fn add(&mut self, other: Self) {
        self.removed += other.removed;
        self.nulled += other.nulled;
        self.failed += other.failed;
    }
}

/// A schema about to be applied to one document.
#[derive(Debug)]
pub struct SchemaFilter<'a> {
    /// The schema.
    pub schema: &'a Schema,
    /// Whether a `null` where the schema says `boolean` becomes `false`, as the reference does.
    pub null_is_false: bool,
    /// Members added by augments, which pass.
    pub added: &'a HashSet<NodeId>,
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Kept,
    Nothing,
    Failed,
}

impl SchemaFilter<'_> {
    /// Filters the whole document. A root that does not fit becomes `null`.
    pub fn apply(&self, document: &mut Document<'_>) -> FilterReport {
        let mut report = FilterReport::default();
        let root = document.root();
        let verdict = self.value(document, root, self.schema.root, &mut report);
        note(document, root, verdict, &mut report);
        report
    }

    fn value(
        &self,
        document: &mut Document<'_>,
        id: NodeId,
        schema: NodeIndex,
        report: &mut FilterReport,
    ) -> Verdict {
        let Some(node) = self.resolve(schema) else {
            return Verdict::Failed;
        };
        if self.schema.can_mismatch && self.mismatches(document, id, node) {
            return Verdict::Failed;
        }
        match node {
            Node::AnyOf(alternatives) => {
                let fits = |&&index: &&NodeIndex| {
                    self.resolve(index)
                        .is_some_and(|node| !self.mismatches(document, id, node))
                };
                match alternatives.iter().find(fits) {
                    Some(&index) => self.value(document, id, index, report),
                    None => Verdict::Nothing,
                }
            }
            Node::Constant(_) => {
                document.set(id, NewValue::String(String::new()));
                Verdict::Kept
            }
            Node::Conditional(conditional) => {
                self.value(document, id, conditional.consequence, report)
            }
            Node::Object(_) => self.object(document, id, node, report),
            Node::Array(items) => self.array(document, id, *items, report),
            _ => self.scalar(document, id, node),
        }
    }

    fn object(
        &self,
        document: &mut Document<'_>,
        id: NodeId,
        node: &Node,
        report: &mut FilterReport,
    ) -> Verdict {
        let (Node::Object(members), Kind::Object) = (node, document.kind(id)) else {
            return Verdict::Nothing;
        };
        let mut next = document.first_child(id);
        while let Some(child) = next {
            next = document.next_sibling(child);
            match document.sym(child).and_then(|name| members.get(&name)) {
                Some(&schema) => {
                    let verdict = self.value(document, child, schema, report);
                    note(document, child, verdict, report);
                }
                None if self.added.contains(&child) => {}
                None => {
                    document.delete(child);
                    report.removed += 1;
                }
            }
        }
        Verdict::Kept
    }

    fn array(
        &self,
        document: &mut Document<'_>,
        id: NodeId,
        items: Option<NodeIndex>,
        report: &mut FilterReport,
    ) -> Verdict {
        if document.kind(id) != Kind::Array {
            return Verdict::Nothing;
        }
        let mut next = document.first_child(id);
        while let Some(child) = next {
            next = document.next_sibling(child);
            let verdict = match items {
                Some(schema) => self.value(document, child, schema, report),
                None => Verdict::Failed,
            };
            if verdict == Verdict::Kept && document.kind(child) != Kind::Null {
                continue;
            }
            document.delete(child);
            report.removed += 1;
            report.failed += u64::from(verdict == Verdict::Failed);
        }
        Verdict::Kept
    }

    fn scalar(&self, document: &mut Document<'_>, id: NodeId, node: &Node) -> Verdict {
        let (kept, replacement) = match (node, document.view(id)) {
            (Node::Boolean, View::Null) if self.null_is_false => {
                (true, Some(NewValue::Bool(false)))
            }
            (_, View::Null)
            | (Node::String | Node::Scalar, View::String(_))
            | (Node::Boolean | Node::Scalar, View::Bool(_))
            | (Node::Number, View::Number(_)) => (true, None),
            (Node::Scalar, View::Number(number)) => {
                let fits = !number.is_integer() || number.as_i64().is_some();
                return if fits { Verdict::Kept } else { Verdict::Failed };
            }
            (Node::Integer, View::Number(number)) if number.is_integer() => {
                (number.as_i64().is_some(), None)
            }
            (Node::Integer, View::Number(number)) => {
                let whole = truncated(number.as_f64());
                (whole.is_some(), whole.map(NewValue::Integer))
            }
            _ => (false, None),
        };
        if let Some(value) = replacement {
            document.set(id, value);
        }
        if kept {
            Verdict::Kept
        } else {
            Verdict::Nothing
        }
    }

    /// Whether a constant inside this value differs, up to the nearest array or choice.
    fn mismatches(&self, document: &Document<'_>, id: NodeId, node: &Node) -> bool {
        match node {
            Node::Constant(text) => !equals(&document.view(id), text),
            Node::Conditional(conditional) => self.condition_fails(document, id, conditional),
            Node::Object(members) => document.children(id).any(|child| {
                let schema = document.sym(child).and_then(|name| members.get(&name));
                let node = schema.and_then(|&schema| self.resolve(schema));
                document.kind(id) == Kind::Object
                    && node.is_some_and(|node| self.mismatches(document, child, node))
            }),
            _ => false,
        }
    }

    fn condition_fails(&self, document: &Document<'_>, id: NodeId, test: &Conditional) -> bool {
        let fails = |test: &Test| match document.member_sym(id, test.member) {
            Some(member) => self
                .resolve(test.schema)
                .is_none_or(|node| self.mismatches(document, member, node)),
            None => true,
        };
        fails(&test.condition) && test.alternative.as_ref().is_none_or(fails)
    }

    fn resolve(&self, mut index: NodeIndex) -> Option<&Node> {
        // A chain of references can't be longer than there are nodes.
        for _ in 0..=self.schema.nodes.len() {
            match self.schema.nodes.get(index)? {
                Node::Same(next) => index = *next,
                node => return Some(node),
            }
        }
        None
    }
}

fn note(document: &mut Document<'_>, id: NodeId, verdict: Verdict, report: &mut FilterReport) {
    match verdict {
        Verdict::Kept => return,
        Verdict::Nothing => report.nulled += 1,
        Verdict::Failed => report.failed += 1,
    }
    document.set(id, NewValue::Null);
}

fn equals(value: &View<'_>, text: &str) -> bool {
    match value {
        View::String(value) => value == text,
        View::Number(number) => number.text() == text,
        View::Bool(value) => text == if *value { "true" } else { "false" },
        View::Null => text == "null",
        View::Array | View::Object => false,
    }
}

/// The integer part of a float, if it fits into 64 bits.
fn truncated(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let whole = value.trunc();
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (-LIMIT..LIMIT).contains(&whole).then_some(whole as i64)
}
