//! Reading the condition of a filter.

use crate::json::{Document, Kind, Limits, Symbols};
use crate::pattern::{Flags, Pattern};

use super::error::PathError;
use super::parse::{Parser, finish};
use super::syntax::{Filter, Literal, Operand, Operator, Query};

const OPERATORS: &[(&str, Operator)] = &[
    ("===", Operator::Same),
    ("!==", Operator::NotSame),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

const WORDS: &[(&str, Operator)] = &[
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
    ("all", Operator::All),
    ("contains", Operator::Contains),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
];

const ANY_OPERATOR: &str = "one of == != === !== < <= > >= =~ in nin subsetof anyof noneof all \
                            contains size empty";

/// What stands on one side of an operator.
enum Side {
    Operand(Operand),
    Pattern(Box<Pattern>),
}

impl Parser<'_> {
    /// A whole condition: alternatives with `||`.
    pub(super) fn filter(&mut self) -> Result<Filter, PathError> {
        self.enter()?;
        let mut parts = vec![self.conjunction()?];
        while self.take_after_blanks("||") {
            parts.push(self.conjunction()?);
        }
        self.depth -= 1;
        Ok(one_or(parts, Filter::Or))
    }

    fn conjunction(&mut self) -> Result<Filter, PathError> {
        let mut parts = vec![self.condition()?];
        while self.take_after_blanks("&&") {
            parts.push(self.condition()?);
        }
        Ok(one_or(parts, Filter::And))
    }

    fn condition(&mut self) -> Result<Filter, PathError> {
        self.blanks();
        if self.take("!") {
            self.blanks();
            if let Some('@' | '$') = self.peek() {
                let absent = Filter::Exists(self.query()?);
                if self.at_operator() {
                    return Err(self.expected("`)`, `&&` or `||` (negate a comparison as !(…))"));
                }
                return Ok(Filter::Not(Box::new(absent)));
            }
            if !matches!(self.peek(), Some('(' | '!')) {
                return Err(self.expected("`(`, or a path to a member that shall be absent"));
            }
            self.enter()?;
            let negated = self.condition()?;
            self.depth -= 1;
            return Ok(Filter::Not(Box::new(negated)));
        }
        if self.take("(") {
            let inner = self.filter()?;
            self.blanks();
            if !self.take(")") {
                return Err(self.expected("`)`, `&&`, `||` or an operator"));
            }
            return Ok(inner);
        }
        self.comparison()
    }

    fn comparison(&mut self) -> Result<Filter, PathError> {
        let left = self.side()?;
        self.blanks();
        if !self.at_operator() {
            return match left {
                Side::Operand(Operand::Query(query)) => Ok(Filter::Exists(query)),
                _ => Err(self.expected(ANY_OPERATOR)),
            };
        }
        if self.take("=~") {
            self.blanks();
            let at = self.at;
            return match (left, self.side()?) {
                (Side::Operand(value), Side::Pattern(pattern))
                | (Side::Pattern(pattern), Side::Operand(value)) => {
                    Ok(Filter::Match(value, pattern))
                }
                _ => Err(self.expected_at(at, "a value and a /regular expression/ around `=~`")),
            };
        }
        let Side::Operand(left) = left else {
            return Err(self.expected("`=~` after a regular expression"));
        };
        let operator = self.operator()?;
        self.blanks();
        let at = self.at;
        let Side::Operand(right) = self.side()? else {
            return Err(self.expected_at(at, "`=~` before a regular expression"));
        };
        match right_side(operator, &right) {
            Some(needed) => Err(self.expected_at(at, needed)),
            None => Ok(Filter::Compare(left, operator, right)),
        }
    }

    fn operator(&mut self) -> Result<Operator, PathError> {
        for &(sign, operator) in OPERATORS {
            if self.take(sign) {
                return Ok(operator);
            }
        }
        let word = word(self.rest());
        let found = WORDS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word));
        let Some(&(name, operator)) = found else {
            return Err(self.expected(ANY_OPERATOR));
        };
        self.at += name.len();
        Ok(operator)
    }

    fn at_operator(&mut self) -> bool {
        self.blanks();
        matches!(
            self.peek(),
            Some('=' | '!' | '<' | '>' | 'a'..='z' | 'A'..='Z')
        )
    }

    fn side(&mut self) -> Result<Side, PathError> {
        self.blanks();
        match self.peek() {
            Some('@' | '$') => Ok(Side::Operand(Operand::Query(self.query()?))),
            Some('/') => self.pattern().map(Side::Pattern),
            _ => Ok(Side::Operand(Operand::Literal(self.literal()?))),
        }
    }

    fn query(&mut self) -> Result<Query, PathError> {
        let from_root = self.peek() == Some('$');
        self.at += 1;
        let segments = self.segments()?;
        Ok(Query {
            from_root,
            segments: finish(segments),
        })
    }

    fn pattern(&mut self) -> Result<Box<Pattern>, PathError> {
        let from = self.at + 1;
        let mut end = from;
        loop {
            match self.text.as_bytes().get(end) {
                Some(b'/') => break,
                Some(b'\\') => end += 2,
                Some(_) => end += 1,
                None => {
                    self.at = self.text.len();
                    return Err(self.expected("`/` at the end of the regular expression"));
                }
            }
        }
        let source = self.text.get(from..end).unwrap_or_default();
        let offset = self.offset(from);
        self.at = end + 1;
        let letters = word(self.rest());
        let length = letters.len();
        let Some(flags) = Flags::from_letters(letters) else {
            return Err(self.expected("flags out of i x s m d u U after the regular expression"));
        };
        self.at += length;
        let pattern = Pattern::whole_with(source, flags);
        pattern
            .map(Box::new)
            .map_err(|cause| PathError::Pattern { offset, cause })
    }

    fn literal(&mut self) -> Result<Literal, PathError> {
        match self.peek() {
            Some('\'' | '"') => Ok(Literal::String(self.quoted()?.into())),
            Some('-' | '0'..='9') => self.number(),
            Some('[') => self.array(),
            Some('{') => self.object(),
            _ => {
                let word = word(self.rest());
                let literal = match word {
                    "true" => Literal::Bool(true),
                    "false" => Literal::Bool(false),
                    "null" => Literal::Null,
                    _ => {
                        return Err(self.expected(
                            "a path from `@` or `$`, a quoted text, a number, true, false, null, \
                             an array, an object or a /regular expression/",
                        ));
                    }
                };
                self.at += word.len();
                Ok(literal)
            }
        }
    }

    fn number(&mut self) -> Result<Literal, PathError> {
        let rest = self.rest();
        let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let text = &rest[..end];
        let symbols = Symbols::new();
        let number = Document::parse(text.as_bytes(), &symbols, Limits::default());
        let is_number = number
            .is_ok_and(|number| matches!(number.kind(number.root()), Kind::Integer | Kind::Float));
        if !is_number {
            return Err(self.expected("a number as JSON writes it"));
        }
        let literal = Literal::Number(if text == "-0" { "0" } else { text }.into());
        self.at += end;
        Ok(literal)
    }

    fn array(&mut self) -> Result<Literal, PathError> {
        self.at += 1;
        self.enter()?;
        let mut elements = Vec::new();
        self.blanks();
        while !self.take("]") {
            elements.push(self.literal()?);
            self.item_end("]", "`,` or `]` in the array")?;
        }
        self.depth -= 1;
        Ok(Literal::Array(elements.into()))
    }

    fn object(&mut self) -> Result<Literal, PathError> {
        self.at += 1;
        self.enter()?;
        let mut members = Vec::new();
        self.blanks();
        while !self.take("}") {
            if !matches!(self.peek(), Some('\'' | '"')) {
                return Err(self.expected("a quoted member name in the object"));
            }
            let name = self.quoted()?.into();
            if !self.take_after_blanks(":") {
                return Err(self.expected("`:` in the object"));
            }
            self.blanks();
            members.push((name, self.literal()?));
            self.item_end("}", "`,` or `}` in the object")?;
        }
        self.depth -= 1;
        Ok(Literal::Object(members.into()))
    }

    /// After an item of a list: a comma and another item, or the closing bracket, which stays.
    fn item_end(&mut self, closing: &str, allowed: &'static str) -> Result<(), PathError> {
        if self.take_after_blanks(",") {
            self.blanks();
            if self.rest().starts_with(closing) {
                return Err(self.expected("another item after `,`"));
            }
            return Ok(());
        }
        if self.rest().starts_with(closing) {
            Ok(())
        } else {
            Err(self.expected(allowed))
        }
    }

    fn take_after_blanks(&mut self, token: &str) -> bool {
        self.blanks();
        self.take(token)
    }

    fn expected_at(&mut self, at: usize, what: &'static str) -> PathError {
        self.at = at;
        self.expected(what)
    }
}

fn one_or(mut parts: Vec<Filter>, join: fn(Box<[Filter]>) -> Filter) -> Filter {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            join(parts.into())
        }
    }
}

/// What an operator needs at its right, if `right` cannot be that.
fn right_side(operator: Operator, right: &Operand) -> Option<&'static str> {
    use Operator::{All, AnyOf, Empty, In, NoneOf, NotIn, Size, SubsetOf};
    let Operand::Literal(literal) = right else {
        return None;
    };
    match (operator, literal) {
        (In | NotIn | SubsetOf | AnyOf | NoneOf | All, Literal::Array(_))
        | (Size, Literal::Number(_))
        | (Empty, Literal::Bool(_)) => None,
        (In | NotIn | SubsetOf | AnyOf | NoneOf | All, _) => Some("an array or a path"),
        (Size, _) => Some("a number or a path after `size`"),
        (Empty, _) => Some("true or false after `empty`"),
        _ => None,
    }
}

fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric())
        .unwrap_or(text.len());
    &text[..end]
}
