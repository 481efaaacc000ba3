//! The parts of a compiled path.

use crate::json::Sym;
use crate::pattern::Pattern;

/// One step, to children or, after `..`, to anything below.
#[derive(Debug, Clone)]
pub(super) struct Segment {
    pub(super) descend: bool,
    pub(super) step: Step,
    /// The last of the path.
    pub(super) is_last: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// `.a`, `['a']`, `['a','b']`
    Names(Box<[Sym]>),
    /// `.*`, `[*]`
    Any,
    /// `[0]`, `[0,1]`
    Indexes(Box<[i64]>),
    /// `[1:3]`
    Slice(Option<i64>, Option<i64>),
    /// `[?(…)]`
    Filter(Filter),
}

#[derive(Debug, Clone)]
pub(super) enum Filter {
    Or(Box<[Filter]>),
    And(Box<[Filter]>),
    Not(Box<Filter>),
    Exists(Query),
    Match(Operand, Box<Pattern>),
    Compare(Operand, Operator, Operand),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Same,
    NotSame,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
    SubsetOf,
    AnyOf,
    NoneOf,
    All,
    Contains,
    Size,
    Empty,
}

#[derive(Debug, Clone)]
pub(super) enum Operand {
    Query(Query),
    Literal(Literal),
}

/// A path within a filter, from `@` or `$`.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) from_root: bool,
    pub(super) segments: Box<[Segment]>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Number(Box<str>),
    String(Box<str>),
    Array(Box<[Literal]>),
    Object(Box<[(Box<str>, Literal)]>),
}

pub(super) fn is_definite(segments: &[Segment]) -> bool {
    segments.iter().all(|segment| {
        !segment.descend
            && match &segment.step {
                Step::Names(names) => names.len() == 1,
                Step::Indexes(indexes) => indexes.len() == 1,
                _ => false,
            }
    })
}

pub(super) fn uses_lookaround(segments: &[Segment]) -> bool {
    segments.iter().any(|segment| match &segment.step {
        Step::Filter(filter) => filter.any(&|part| match part {
            Filter::Match(_, pattern) => pattern.uses_lookaround(),
            _ => false,
        }),
        _ => false,
    })
}

impl Filter {
    /// Whether `test` holds for the filter, a part of it, or a filter in one of its paths.
    pub(super) fn any(&self, test: &dyn Fn(&Self) -> bool) -> bool {
        let query = |query: &Query| {
            query.segments.iter().any(|segment| match &segment.step {
                Step::Filter(filter) => filter.any(test),
                _ => false,
            })
        };
        let operand = |operand: &Operand| match operand {
            Operand::Query(path) => query(path),
            Operand::Literal(_) => false,
        };
        test(self)
            || match self {
                Self::Or(parts) | Self::And(parts) => parts.iter().any(|part| part.any(test)),
                Self::Not(part) => part.any(test),
                Self::Exists(path) => query(path),
                Self::Match(left, _) => operand(left),
                Self::Compare(left, _, right) => operand(left) || operand(right),
            }
    }
}
