//! Transforms and augments as written.

use super::span::{Span, Spanned};

/// One transform of an endpoint or webhook, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformSpec {
    /// Where the transform begins.
    pub span: Span,
    /// JSONPath targets, in file order; never empty after a successful load.
    pub json_paths: Vec<Spanned<String>>,
    /// JSONPath condition on the whole document; a blank one is read as none.
    pub apply_only_when: Option<Spanned<String>>,
    /// Which transform, and its options.
    pub kind: TransformKind,
}

/// Which transform, with its options as written.
#[derive(Debug, Clone, PartialEq)]
pub enum TransformKind {
    /// `redact`
    Redact,
    /// `pseudonymize`
    Pseudonymize {
        /// How the pseudonym is written; default `URL_SAFE_TOKEN`.
        encoding: PseudonymEncoding,
        /// Whether the original can be recovered by the gateway.
        include_reversible: bool,
        /// Whether the original is emitted too; never together with `URL_SAFE_TOKEN`.
        include_original: bool,
    },
    /// `pseudonymizeEmailHeader`
    PseudonymizeEmailHeader {
        /// How the pseudonyms are written; anything but `URL_SAFE_TOKEN` behaves as `JSON`.
        encoding: PseudonymEncoding,
    },
    /// `pseudonymizeRegexMatches`
    PseudonymizeRegexMatches {
        /// What to look for; group 1, or the whole match, is replaced.
        regex: Spanned<String>,
        /// Whether the original can be recovered by the gateway.
        include_reversible: bool,
    },
    /// `redactRegexMatches`
    RedactRegexMatches {
        /// Patterns whose matches are deleted, in order.
        redactions: Vec<Spanned<String>>,
    },
    /// `redactExceptPhrases`
    RedactExceptPhrases {
        /// Literal phrases that may stay.
        allowed_phrases: Vec<Spanned<String>>,
    },
    /// `redactExceptSubstringsMatchingRegexes`
    RedactExceptSubstringsMatchingRegexes {
        /// Patterns whose first match may stay.
        exceptions: Vec<Spanned<String>>,
    },
    /// `filterTokenByRegex`
    FilterTokenByRegex {
        /// A token stays if it matches one of these as a whole.
        filters: Vec<Spanned<String>>,
        /// How the value is cut into tokens.
        delimiter: Delimiter,
    },
    /// `tokenize`
    Tokenize {
        /// Pattern for the whole value whose group 1 is replaced; none: the whole value.
        regex: Option<Spanned<String>>,
    },
    /// `textDigest` in its transform form
    TextDigest {
        /// Words whose occurrences are counted.
        keywords: Vec<Spanned<String>>,
        /// Whether the value is a string that holds JSON.
        is_json_escaped: bool,
        /// Path inside that JSON; a blank one is read as none.
        json_path_to_process_when_escaped: Option<Spanned<String>>,
    },
    /// `hashIp`
    HashIp,
    /// `encryptIp`
    EncryptIp,
}

impl TransformKind {
    /// The name as it is written in rules.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Redact => "redact",
            Self::Pseudonymize { .. } => "pseudonymize",
            Self::PseudonymizeEmailHeader { .. } => "pseudonymizeEmailHeader",
            Self::PseudonymizeRegexMatches { .. } => "pseudonymizeRegexMatches",
            Self::RedactRegexMatches { .. } => "redactRegexMatches",
            Self::RedactExceptPhrases { .. } => "redactExceptPhrases",
            Self::RedactExceptSubstringsMatchingRegexes { .. } => {
                "redactExceptSubstringsMatchingRegexes"
            }
            Self::FilterTokenByRegex { .. } => "filterTokenByRegex",
            Self::Tokenize { .. } => "tokenize",
            Self::TextDigest { .. } => "textDigest",
            Self::HashIp => "hashIp",
            Self::EncryptIp => "encryptIp",
        }
    }
}

/// How `filterTokenByRegex` cuts a value into tokens.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Delimiter {
    /// Runs of white space (`\s+`): no `delimiter` key.
    #[default]
    Whitespace,
    /// `delimiter: null`: the whole value is one token.
    WholeValue,
    /// Matches of this pattern.
    Pattern(Spanned<String>),
}

/// How a pseudonym is written (spec names, upper case in rules).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PseudonymEncoding {
    /// `URL_SAFE_TOKEN`: `t~…` or `p~…`, with `@domain` when there is one.
    #[default]
    UrlSafeToken,
    /// `JSON`: a JSON object written into a string.
    Json,
    /// `URL_SAFE_HASH_ONLY`: the bare hash.
    UrlSafeHashOnly,
}

impl PseudonymEncoding {
    /// All names as they are written in rules.
    pub const NAMES: [&'static str; 3] = ["URL_SAFE_TOKEN", "JSON", "URL_SAFE_HASH_ONLY"];

    /// The encoding of that exact name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "URL_SAFE_TOKEN" => Some(Self::UrlSafeToken),
            "JSON" => Some(Self::Json),
            "URL_SAFE_HASH_ONLY" => Some(Self::UrlSafeHashOnly),
            _ => None,
        }
    }
}

/// One augment of an endpoint, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct AugmentSpec {
    /// Where the augment begins.
    pub span: Span,
    /// JSONPath targets, in file order; never empty after a successful load.
    pub json_paths: Vec<Spanned<String>>,
    /// Path inside a value that is a string holding JSON; a blank one is read as none.
    pub inner_json_path: Option<Spanned<String>>,
    /// Which augment, and its options.
    pub kind: AugmentKind,
}

/// Which augment, with its options as written.
#[derive(Debug, Clone, PartialEq)]
pub enum AugmentKind {
    /// `textDigest`
    TextDigest {
        /// Words whose occurrences are counted.
        keywords: Vec<Spanned<String>>,
    },
    /// `sentenceMetadata`; refused by native loads, since it needs language models and adds nothing without them.
    SentenceMetadata {
        /// Words by category.
        taxonomy: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
        /// Words added to the built-in hedge words.
        hedge_words: Vec<Spanned<String>>,
        /// Words added to the built-in constraint words.
        constraint_words: Vec<Spanned<String>>,
    },
}

impl AugmentKind {
    /// The name as it is written in rules.
    pub fn name(&self) -> &'static str {
        match self {
            Self::TextDigest { .. } => "textDigest",
            Self::SentenceMetadata { .. } => "sentenceMetadata",
        }
    }
}
