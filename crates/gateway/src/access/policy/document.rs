//! A YAML document as a tree in which every node knows its line and column.

use hushgate_rules::language::tree::{self, Kind};
use hushgate_rules::language::{Diagnostic, Diagnostics, Spanned};

use super::Problem;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) value: Value,
}

/// What stands there.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool,
    Whole(u64),
    Number,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// Reads one YAML document. Merge keys, repeated keys, tags and several documents are errors.
pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let mut found = Diagnostics::new("");
    let root = tree::parse_without_merges(text, &mut found);
    match (found.into_vec().into_iter().next(), root) {
        (Some(first), _) => Err(problem(first)),
        (None, Some(root)) => node(root),
        (None, None) => Ok(Node {
            line: 1,
            column: 1,
            value: Value::Null,
        }),
    }
}

fn problem(found: Diagnostic) -> Problem {
    Problem {
        line: found.span.line.into(),
        column: found.span.column.into(),
        path: String::new(),
        message: match found.code {
            "empty-rules" => "the policy is empty".to_owned(),
            "yaml-syntax" => format!("not a YAML document: {}", found.message),
            _ => found.message,
        },
    }
}

fn node(from: tree::Node) -> Result<Node, Problem> {
    let (line, column) = (from.span.line.into(), from.span.column.into());
    if from.tag.is_some() {
        return Err(Problem {
            line,
            column,
            path: String::new(),
            message: "a tag, which a policy has no use for".to_owned(),
        });
    }
    let value = match from.kind {
        Kind::Scalar { text, plain: false } => Value::Text(text),
        Kind::Scalar { text, plain: true } => plain(text),
        Kind::List(items) => Value::List(items.into_iter().map(node).collect::<Result<_, _>>()?),
        Kind::Map(members) => {
            let member = |(key, value): (Spanned<String>, tree::Node)| {
                let key = Node {
                    line: key.span.line.into(),
                    column: key.span.column.into(),
                    value: Value::Text(key.value),
                };
                Ok((key, node(value)?))
            };
            Value::Map(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
    };
    Ok(Node {
        line,
        column,
        value,
    })
}

/// What an unquoted word is in YAML's core schema.
fn plain(text: String) -> Value {
    match text.as_str() {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Value::Bool,
        word if word.bytes().all(|b| b.is_ascii_digit()) => {
            word.parse().map_or(Value::Number, Value::Whole)
        }
        word if is_number(word) => Value::Number,
        _ => Value::Text(text),
    }
}

/// A sign, a fraction, an exponent, another base, infinity, or none.
fn is_number(word: &str) -> bool {
    let unsigned = word.strip_prefix(['+', '-']).unwrap_or(word);
    let special = ["inf", "Inf", "INF", "nan", "NaN", "NAN"];
    let digits =
        |digits: &str, base| !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
    if let Some(name) = unsigned.strip_prefix('.').filter(|it| special.contains(it)) {
        return !name.is_empty();
    }
    if let Some(hex) = unsigned.strip_prefix("0x") {
        return digits(hex, 16);
    }
    if let Some(octal) = unsigned.strip_prefix("0o") {
        return digits(octal, 8);
    }
    // What `f64` reads besides are words: `inf`, `nan`, `infinity`.
    let starts = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    starts && unsigned.parse::<f64>().is_ok()
}

impl Value {
    /// The kind of value, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool => "a truth value",
            Self::Whole(_) | Self::Number => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_words_from_numbers_as_yaml_does() {
        let kinds = [
            ("1", "a number"),
            ("007", "a number"),
            ("99999999999999999999999", "a number"),
            ("-1", "a number"),
            ("1.5", "a number"),
            (".5e3", "a number"),
            ("0x1F", "a number"),
            ("0o17", "a number"),
            (".inf", "a number"),
            ("-.INF", "a number"),
            (".nan", "a number"),
            ("true", "a truth value"),
            ("FALSE", "a truth value"),
            ("null", "nothing"),
            ("~", "nothing"),
            ("2027-06-30", "a text"),
            ("10.0.0.1", "a text"),
            ("10.0.0.0/8", "a text"),
            ("24h", "a text"),
            ("inf", "a text"),
            ("infinity", "a text"),
            ("0x", "a text"),
            ("1_000", "a text"),
            ("yes", "a text"),
            ("'1'", "a text"),
            ("\"true\"", "a text"),
            ("!!str 1", "a text"),
            ("[]", "a list"),
            ("{}", "a mapping"),
        ];
        for (text, kind) in kinds {
            let read = read(&format!("[{text}]")).unwrap();
            let Value::List(items) = read.value else {
                panic!("{text}");
            };
            assert_eq!(items[0].value.kind(), kind, "{text}");
        }
    }

    #[test]
    fn every_node_knows_its_place() {
        let root = read("a: 1\nb:\n  - c: 'x'\n").unwrap();
        let Value::Map(members) = root.value else {
            panic!("no mapping");
        };
        let (key, list) = &members[1];
        assert_eq!((key.line, key.column), (2, 1));
        let Value::List(items) = &list.value else {
            panic!("no list");
        };
        assert_eq!((items[0].line, items[0].column), (3, 5));
    }

    #[test]
    fn refuses_what_could_mean_two_things() {
        let refused = [
            ("", "the policy is empty"),
            ("a: 1\na: 2", "`a` is given twice; it is already on line 1"),
            ("a: &x {b: 1}\nc: {<<: *x}", "a merge key `<<`"),
            ("a: 1\n---\nb: 1", "a second document begins here"),
            ("a: !secret x", "a tag, which a policy has no use for"),
            ("[a]: 1", "a list as a key"),
        ];
        for (text, message) in refused {
            assert_eq!(read(text).unwrap_err().message, message, "{text}");
        }
        let broken = read("a: [").unwrap_err().message;
        assert!(broken.starts_with("not a YAML document: "), "{broken}");
    }
}
