use std::collections::BTreeMap;

use super::{Context, Description, Example, Failure, Outcome, Transform, is_blank, trim};
use crate::json::{Document, Limits, NewValue, Symbols, View, write_escaped};
use crate::jsonpath::{JsonPath, Repeats};

pub(super) static DESCRIPTION: Description = Description {
    name: "textDigest",
    summary: "Replaces a text by its length, its number of words and counts of given keywords.",
    details: "The result is a JSON text: `length` in UTF-16 code units, `word_count`, and `keywords` with those \
        that occur. A keyword counts where it equals a whole word of ASCII letters, digits and `_`, in any case. \
        With `isJsonEscaped` and `jsonPathToProcessWhenEscaped` the string is read as JSON, the texts at that \
        path are replaced, and the JSON is written back; a string that is not JSON, or where the path finds \
        nothing, becomes `null`. `null` stays; values of other types become `null`. As an augment, the same \
        digest is added beside the value as an object.",
    options: &[
        ("keywords", "list of words to count"),
        (
            "isJsonEscaped",
            "whether the string holds JSON, default `false`",
        ),
        ("jsonPathToProcessWhenEscaped", "path inside that JSON"),
    ],
    examples: &[
        Example {
            title: "Length, words and keywords",
            rule: "!<textDigest>\njsonPaths:\n  - $.body\nkeywords: [Deadline, thanks]",
            input: r#"{"body":"The deadline! Which deadline?"}"#,
            output: r#"{"body":"{\"keywords\":{\"deadline\":2},\"length\":29,\"word_count\":4}"}"#,
        },
        Example {
            title: "A text inside escaped JSON",
            rule: "!<textDigest>\njsonPaths:\n  - $.content\nisJsonEscaped: true\njsonPathToProcessWhenEscaped: $..text",
            input: r#"{"content":"{\"text\":\"a b\",\"o\":1}"}"#,
            output: r#"{"content":"{\"text\":\"{\\\"length\\\":3,\\\"word_count\\\":2}\",\"o\":1}"}"#,
        },
    ],
};

/// `textDigest` as a transform: the digest is written into the string.
#[derive(Debug)]
pub struct TextDigest {
    digester: TextDigester,
}

impl TextDigest {
    /// With the keywords and the path inside escaped JSON, made by a [`TextDigester`].
    pub fn new(digester: TextDigester) -> Self {
        Self { digester }
    }
}

impl Transform for TextDigest {
    fn apply(&self, value: &View<'_>, _: Context<'_>) -> Outcome {
        match value {
            View::Null => Outcome::Keep,
            View::String(text) => match self.digester.digest_text(text) {
                Ok(text) => Outcome::Text(text),
                Err(failure) => Outcome::Failed(failure),
            },
            View::Bool(_) | View::Number(_) | View::Array | View::Object => Outcome::Null,
        }
    }
}

/// Makes digests of texts, or of the texts inside escaped JSON. Shared by transform and augment.
#[derive(Debug)]
pub struct TextDigester {
    keywords: Vec<String>,
    inner: Option<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: JsonPath,
    symbols: Symbols,
}

impl TextDigester {
    /// Counts these keywords in every text.
    pub fn new(keywords: impl IntoIterator<Item = String>) -> Self {
        let keywords = keywords
            .into_iter()
            .map(|keyword| keyword.to_lowercase())
            .collect();
        Self {
            keywords,
            inner: None,
        }
    }

    /// Looks for the texts at `path`, whose names are in `symbols`, in JSON held by a string.
    #[must_use]
    pub fn inside(mut self, path: JsonPath, symbols: Symbols) -> Self {
        self.inner = Some(Inner { path, symbols });
        self
    }

    /// Whether texts are looked for inside escaped JSON.
    pub fn looks_inside(&self) -> bool {
        self.inner.is_some()
    }

    /// The digest of one text.
    pub fn digest(&self, text: &str) -> Digest {
        let mut keywords = BTreeMap::new();
        if !self.keywords.is_empty() {
            let lower = text.to_lowercase();
            for word in lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_') {
                if self.keywords.iter().any(|keyword| keyword == word) && !word.is_empty() {
                    *keywords.entry(word.to_owned()).or_default() += 1;
                }
            }
        }
        let length = text.chars().map(char::len_utf16).sum();
        Digest {
            length,
            word_count: count_words(text),
            keywords,
        }
    }

    /// The digest as JSON text, or the JSON that the text holds with digests inside.
    pub fn digest_text(&self, text: &str) -> Result<String, Failure> {
        match &self.inner {
            Some(inner) => self.digest_inside(text, inner),
            None => Ok(self.digest(text).to_json()),
        }
    }

    fn digest_inside(&self, text: &str, inner: &Inner) -> Result<String, Failure> {
        if is_blank(text) {
            return Err(Failure::NotJson);
        }
        let mut document = Document::parse(text.as_bytes(), &inner.symbols, Limits::default())
            .map_err(|_| Failure::NotJson)?;
        let found = inner.path.select(&document, Repeats::Drop);
        if found.is_empty() {
            return Err(Failure::NotMatched);
        }
        for node in found {
            let digest = document.str(node).map(|text| self.digest(&text).to_json());
            document.set(node, digest.map_or(NewValue::Null, NewValue::String));
        }
        Ok(document.to_text())
    }
}

/// What is told about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Length in UTF-16 code units.
    pub length: usize,
    /// Number of words between white space.
    pub word_count: usize,
    /// Keywords that occur, with their counts.
    pub keywords: BTreeMap<String, u64>,
}

impl Digest {
    /// The digest as compact JSON, members sorted by name.
    pub fn to_json(&self) -> String {
        let mut out = Vec::from(*b"{");
        if !self.keywords.is_empty() {
            out.extend_from_slice(b"\"keywords\":{");
            for (index, (keyword, count)) in self.keywords.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
                write_escaped(keyword, &mut out);
                out.extend_from_slice(format!("\":{count}").as_bytes());
            }
            out.extend_from_slice(b"},");
        }
        let rest = format!(
            "\"length\":{},\"word_count\":{}}}",
            self.length, self.word_count
        );
        out.extend_from_slice(rest.as_bytes());
        String::from_utf8(out).unwrap_or_default()
    }

    /// The digest as a JSON object.
    pub fn to_value(&self) -> NewValue {
        let mut members = Vec::with_capacity(3);
        if !self.keywords.is_empty() {
            let counts = self.keywords.iter();
            let counts = counts
                .map(|(word, &count)| (word.clone(), integer(count)))
                .collect();
            members.push(("keywords".to_owned(), NewValue::Object(counts)));
        }
        members.push(("length".to_owned(), integer(self.length as u64)));
        members.push(("word_count".to_owned(), integer(self.word_count as u64)));
        NewValue::Object(members)
    }
}

fn integer(value: u64) -> NewValue {
    NewValue::Integer(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Pieces between runs of ASCII white space; a text of blanks only counts as one.
fn count_words(text: &str) -> usize {
    if text.is_empty() {
        return 0;
    }
    let is_space = |c: char| matches!(c, '\t'..='\r' | ' ');
    trim(text)
        .split(is_space)
        .filter(|word| !word.is_empty())
        .count()
        .max(1)
}
