//! Values in filters and how they compare.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::json::{Document, Kind, NodeId, View};

use super::syntax::Literal;

/// A value that a filter looks at.
#[derive(Debug, Clone)]
pub(super) enum Value<'v> {
    /// A path that found nothing.
    Undefined,
    Null,
    Bool(bool),
    Number(Cow<'v, str>),
    String(Cow<'v, str>),
    /// An array or object of the document.
    Node(NodeId),
    /// What an indefinite path found.
    Nodes(Vec<NodeId>),
    /// An array or object of the filter.
    Literal(&'v Literal),
}

impl<'v> Value<'v> {
    pub(super) fn of_node(document: &'v Document<'_>, node: NodeId) -> Self {
        match document.view(node) {
            View::Null => Self::Null,
            View::Bool(value) => Self::Bool(value),
            View::Number(number) => Self::Number(number.text()),
            View::String(text) => Self::String(text),
            View::Array | View::Object => Self::Node(node),
        }
    }

    pub(super) fn of_literal(literal: &'v Literal) -> Self {
        match literal {
            Literal::Null => Self::Null,
            Literal::Bool(value) => Self::Bool(*value),
            Literal::Number(text) => Self::Number(Cow::Borrowed(text)),
            Literal::String(text) => Self::String(Cow::Borrowed(text)),
            Literal::Array(_) | Literal::Object(_) => Self::Literal(literal),
        }
    }

    /// The elements, if the value is an array.
    pub(super) fn elements(&self, document: &'v Document<'_>) -> Option<Vec<Self>> {
        let of_node = |id| Self::of_node(document, id);
        match self {
            Self::Node(id) if document.kind(*id) == Kind::Array => {
                Some(document.children(*id).map(of_node).collect())
            }
            Self::Nodes(ids) => Some(ids.iter().copied().map(of_node).collect()),
            Self::Literal(Literal::Array(elements)) => {
                Some(elements.iter().map(Self::of_literal).collect())
            }
            _ => None,
        }
    }

    /// The members by name, if the value is an object.
    pub(super) fn members(&self, document: &'v Document<'_>) -> Option<Vec<(&'v str, Self)>> {
        let mut members: Vec<_> = match self {
            Self::Node(id) if document.kind(*id) == Kind::Object => {
                let member = |id| (document.name(id).unwrap_or(""), Self::of_node(document, id));
                document.children(*id).map(member).collect()
            }
            Self::Literal(Literal::Object(members)) => members
                .iter()
                .map(|(name, value)| (&**name, Self::of_literal(value)))
                .collect(),
            _ => return None,
        };
        members.sort_by_key(|&(name, _)| name);
        Some(members)
    }

    /// The text that a pattern is matched against.
    pub(super) fn pattern_text(&self) -> &str {
        match self {
            Self::String(text) | Self::Number(text) => text,
            Self::Bool(true) => "true",
            Self::Bool(false) => "false",
            _ => "",
        }
    }
}

/// `==`: a number and a text are equal if the text, or the number written out, is the same.
pub(super) fn equal(document: &Document<'_>, left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Number(left), Value::String(right)) => {
            compare_numbers(left, right) == Some(Ordering::Equal)
        }
        (Value::String(left), Value::Number(right)) => left == right,
        _ => same(document, left, right),
    }
}

/// `===`: equal and of the same type, within containers too.
pub(super) fn same(document: &Document<'_>, left: &Value<'_>, right: &Value<'_>) -> bool {
    let mut pairs = vec![(left.clone(), right.clone())];
    while let Some((left, right)) = pairs.pop() {
        let is_same = match (&left, &right) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::String(left), Value::String(right)) => left == right,
            (Value::Number(left), Value::Number(right)) => {
                compare_numbers(left, right) == Some(Ordering::Equal)
            }
            _ => push_parts(document, &left, &right, &mut pairs),
        };
        if !is_same {
            return false;
        }
    }
    true
}

/// Adds the pairs of parts that must be the same; false if the containers differ already.
fn push_parts<'v>(
    document: &'v Document<'_>,
    left: &Value<'v>,
    right: &Value<'v>,
    pairs: &mut Vec<(Value<'v>, Value<'v>)>,
) -> bool {
    if let (Some(left), Some(right)) = (left.elements(document), right.elements(document)) {
        let is_same_length = left.len() == right.len();
        pairs.extend(left.into_iter().zip(right));
        return is_same_length;
    }
    let (Some(left), Some(right)) = (left.members(document), right.members(document)) else {
        return false;
    };
    let names = |members: &[(&str, Value<'_>)]| -> Vec<String> {
        members.iter().map(|(name, _)| (*name).to_owned()).collect()
    };
    let is_same_shape = names(&left) == names(&right);
    pairs.extend(
        left.into_iter()
            .zip(right)
            .map(|((_, left), (_, right))| (left, right)),
    );
    is_same_shape
}

/// The order of two values, if they are two numbers or two texts.
pub(super) fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// Integers of up to 38 digits compare exactly, others as 64-bit floats. `None` for other texts.
fn compare_numbers(left: &str, right: &str) -> Option<Ordering> {
    if let (Ok(left), Ok(right)) = (left.parse::<i128>(), right.parse::<i128>()) {
        return Some(left.cmp(&right));
    }
    float(left)?.partial_cmp(&float(right)?)
}

fn float(text: &str) -> Option<f64> {
    // Words such as `inf` are no numbers here.
    let is_number = text.bytes().all(|byte| b"0123456789+-.eE".contains(&byte));
    if is_number { text.parse().ok() } else { None }
}
