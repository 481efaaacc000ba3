//! Deciding whether a candidate passes a filter.

use std::cmp::Ordering;

use crate::json::{Document, NodeId};
use crate::pattern::{Pattern, StepLimitExceeded};

use super::compare::{Value, equal, order, same};
use super::select;
use super::syntax::{Filter, Operand, Operator, Query, is_definite};

/// Whether `candidate` passes; yes if a pattern could not decide within its step limit, since
/// being selected is what protects a value.
pub(super) fn passes(document: &Document<'_>, filter: &Filter, candidate: NodeId) -> bool {
    Candidate {
        document,
        node: candidate,
    }
    .test(filter)
    .unwrap_or(true)
}

struct Candidate<'v, 't> {
    document: &'v Document<'t>,
    node: NodeId,
}

impl<'v> Candidate<'v, '_> {
    fn test(&self, filter: &'v Filter) -> Result<bool, StepLimitExceeded> {
        match filter {
            Filter::Or(parts) => self.first(parts, true),
            Filter::And(parts) => self.first(parts, false),
            Filter::Not(part) => Ok(!self.test(part)?),
            Filter::Exists(query) => Ok(!matches!(self.query(query), Value::Undefined)),
            Filter::Match(operand, pattern) => self.matches(&self.value(operand), pattern),
            Filter::Compare(left, operator, right) => {
                Ok(self.compare(&self.value(left), *operator, &self.value(right)))
            }
        }
    }

    /// Whether some part gives `wanted`; `!wanted` if none does.
    fn first(&self, parts: &'v [Filter], wanted: bool) -> Result<bool, StepLimitExceeded> {
        for part in parts {
            if self.test(part)? == wanted {
                return Ok(wanted);
            }
        }
        Ok(!wanted)
    }

    fn value(&self, operand: &'v Operand) -> Value<'v> {
        match operand {
            Operand::Literal(literal) => Value::of_literal(literal),
            Operand::Query(query) => self.query(query),
        }
    }

    /// What a path finds: one value, or a list if the path is indefinite and finds something.
    fn query(&self, query: &Query) -> Value<'v> {
        let start = if query.from_root {
            self.document.root()
        } else {
            self.node
        };
        if is_definite(&query.segments) {
            let found = select::walk(self.document, &query.segments, start);
            return found.map_or(Value::Undefined, |node| Value::of_node(self.document, node));
        }
        let hits = select::select(self.document, &query.segments, start);
        if hits.is_empty() {
            return Value::Undefined;
        }
        Value::Nodes(hits.into_iter().map(|(node, _)| node).collect())
    }

    fn matches(&self, value: &Value<'v>, pattern: &Pattern) -> Result<bool, StepLimitExceeded> {
        let Some(elements) = value.elements(self.document) else {
            return pattern.is_match(value.pattern_text());
        };
        for element in elements {
            if pattern.is_match(element.pattern_text())? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn compare(&self, left: &Value<'v>, operator: Operator, right: &Value<'v>) -> bool {
        let document = self.document;
        match operator {
            Operator::Equal => equal(document, left, right),
            Operator::NotEqual => !equal(document, left, right),
            Operator::Same => same(document, left, right),
            Operator::NotSame => !same(document, left, right),
            Operator::Less => order(left, right) == Some(Ordering::Less),
            Operator::LessOrEqual => order(left, right).is_some_and(Ordering::is_le),
            Operator::Greater => order(left, right) == Some(Ordering::Greater),
            Operator::GreaterOrEqual => order(left, right).is_some_and(Ordering::is_ge),
            Operator::In => self.is_in(left, right),
            Operator::NotIn => !self.is_in(left, right),
            Operator::SubsetOf => self.lists(left, right, |left, right| {
                left.iter().all(|element| self.has(right, element))
            }),
            Operator::AnyOf => self.lists(left, right, |left, right| {
                left.iter().any(|element| self.has(right, element))
            }),
            Operator::NoneOf => self.lists(left, right, |left, right| {
                !left.iter().any(|element| self.has(right, element))
            }),
            Operator::All => self.lists(left, right, |left, right| {
                right.iter().all(|element| self.has(left, element))
            }),
            Operator::Contains => match (left, right) {
                (Value::String(left), Value::String(right)) => left.contains(&**right),
                _ => self.is_in(right, left),
            },
            Operator::Size => self.size(left).is_some_and(|size| {
                equal(document, &Value::Number(size.to_string().into()), right)
            }),
            Operator::Empty => match (self.size(left), right) {
                (Some(size), Value::Bool(wanted)) => (size == 0) == *wanted,
                _ => false,
            },
        }
    }

    fn is_in(&self, value: &Value<'v>, list: &Value<'v>) -> bool {
        list.elements(self.document)
            .is_some_and(|elements| self.has(&elements, value))
    }

    fn has(&self, elements: &[Value<'v>], value: &Value<'v>) -> bool {
        elements
            .iter()
            .any(|element| equal(self.document, value, element))
    }

    fn lists(
        &self,
        left: &Value<'v>,
        right: &Value<'v>,
        test: impl Fn(&[Value<'v>], &[Value<'v>]) -> bool,
    ) -> bool {
        match (left.elements(self.document), right.elements(self.document)) {
            (Some(left), Some(right)) => test(&left, &right),
            _ => false,
        }
    }

    /// The length of a text (in UTF-16 units), an array or an object.
    fn size(&self, value: &Value<'v>) -> Option<usize> {
        if let Value::String(text) = value {
            return Some(text.encode_utf16().count());
        }
        let elements = value.elements(self.document).map(|elements| elements.len());
        elements.or_else(|| value.members(self.document).map(|members| members.len()))
    }
}
