//! The transforms: what a rule can do to one value. One file each, pure, with runnable examples.
//!
//! A transform sees one value at a time and says what becomes of it. It never fails a response:
//! a value that it can't treat is reported as [`Outcome::Failed`], which the engine turns into
//! `null` and counts.

mod compile;
mod encrypt_ip;
mod filter_token_by_regex;
mod hash_ip;
mod pseudonymize;
mod pseudonymize_email_header;
mod pseudonymize_regex_matches;
mod redact;
mod redact_except_phrases;
mod redact_except_substrings_matching_regexes;
mod redact_regex_matches;
mod reference;
mod text_digest;
mod tokenize;

use std::fmt::Debug;

use crate::json::View;
use crate::pattern::{Groups, StepLimitExceeded};
use crate::pseudonym::Pseudonymizer;

pub use compile::compile;
pub use encrypt_ip::EncryptIp;
pub use filter_token_by_regex::FilterTokenByRegex;
pub use hash_ip::HashIp;
pub use pseudonymize::Pseudonymize;
pub use pseudonymize_email_header::PseudonymizeEmailHeader;
pub use pseudonymize_regex_matches::PseudonymizeRegexMatches;
pub use redact::Redact;
pub use redact_except_phrases::RedactExceptPhrases;
pub use redact_except_substrings_matching_regexes::RedactExceptSubstringsMatchingRegexes;
pub use redact_regex_matches::RedactRegexMatches;
pub use reference::{EXAMPLE_KEY, reference_markdown};
pub use text_digest::{Digest, TextDigest, TextDigester};
pub use tokenize::Tokenize;

/// A compiled transform, ready for any number of values.
pub trait Transform: Debug + Send + Sync {
    /// What becomes of a value. Strings in the answer are complete replacements.
    fn apply(&self, value: &View<'_>, context: Context<'_>) -> Outcome;

    /// Whether the transform exists to replace identifiers, so that in native mode it leaves alone
    /// what an earlier transform of the same response has already replaced as a whole.
    fn pseudonymizes(&self) -> bool {
        false
    }
}

/// What a transform may use besides the value.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Makes pseudonyms under the keys of this deployment.
    pub pseudonymizer: &'a Pseudonymizer,
}

/// What becomes of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It stays as it is.
    Keep,
    /// The member or element vanishes.
    Remove,
    /// It becomes `null`, as the transform is meant to do with such a value.
    Null,
    /// It becomes this string.
    Text(String),
    /// It becomes this string, which stands for the whole value: nothing of it is left.
    Pseudonym(String),
    /// It could not be treated; it becomes `null` and is counted.
    Failed(Failure),
}

/// Why a value could not be treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The transform doesn't take values of this JSON type.
    ValueType,
    /// The text does not have the form that the rule expects.
    NotMatched,
    /// The text should hold JSON and does not, or holds too much of it.
    NotJson,
    /// A pattern gave up on the text.
    StepLimit,
    /// The pseudonym can't be made, for instance for want of an encryption key.
    Pseudonym,
    /// The schema can't be applied to the value.
    Schema,
}

impl Failure {
    /// The stable code, as in reports and logs.
    pub fn code(self) -> &'static str {
        match self {
            Self::ValueType => "value-type",
            Self::NotMatched => "not-matched",
            Self::NotJson => "not-json",
            Self::StepLimit => "step-limit",
            Self::Pseudonym => "pseudonym",
            Self::Schema => "schema",
        }
    }
}

impl From<StepLimitExceeded> for Failure {
    fn from(_: StepLimitExceeded) -> Self {
        Self::StepLimit
    }
}

/// A transform as its reference page shows it: name, purpose, options and runnable examples.
#[derive(Debug)]
pub struct Description {
    /// The name in rules, as in `!<name>`.
    pub name: &'static str,
    /// What it does, in one sentence.
    pub summary: &'static str,
    /// What it does with each kind of value, and what to know about it, in Markdown.
    pub details: &'static str,
    /// Its own keys and what they mean, in Markdown.
    pub options: &'static [(&'static str, &'static str)],
    /// Examples that the tests run.
    pub examples: &'static [Example],
}

/// A rule with a document before and after it, under the example keys.
#[derive(Debug)]
pub struct Example {
    /// What it shows.
    pub title: &'static str,
    /// The transform as in the list `transforms`.
    pub rule: &'static str,
    /// The document that comes from the source.
    pub input: &'static str,
    /// The document that leaves.
    pub output: &'static str,
}

/// Every transform, in the order of the reference page.
pub static TRANSFORMS: &[&Description] = &[
    &redact::DESCRIPTION,
    &pseudonymize::DESCRIPTION,
    &pseudonymize_email_header::DESCRIPTION,
    &pseudonymize_regex_matches::DESCRIPTION,
    &redact_regex_matches::DESCRIPTION,
    &redact_except_phrases::DESCRIPTION,
    &redact_except_substrings_matching_regexes::DESCRIPTION,
    &filter_token_by_regex::DESCRIPTION,
    &tokenize::DESCRIPTION,
    &text_digest::DESCRIPTION,
    &hash_ip::DESCRIPTION,
    &encrypt_ip::DESCRIPTION,
];

/// Applies a text function to strings: `null` and blank strings stay, other types become `null`.
fn on_text(value: &View<'_>, apply: impl FnOnce(&str) -> Outcome) -> Outcome {
    match value {
        View::Null => Outcome::Keep,
        View::String(text) if is_blank(text) => Outcome::Keep,
        View::String(text) => apply(text),
        View::Bool(_) | View::Number(_) | View::Array | View::Object => Outcome::Null,
    }
}

fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

/// Drops characters up to U+0020 at both ends, as the dialect's `trim` does.
fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}
