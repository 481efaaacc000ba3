use super::{Context, Description, Example, Failure, Outcome, Transform, on_text};
use crate::json::View;
use crate::pattern::{Pattern, PatternError};

pub(super) static DESCRIPTION: Description = Description {
    name: "redactExceptSubstringsMatchingRegexes",
    summary: "Keeps only the longest part of a string that matches one of the patterns.",
    details: "Of each pattern the leftmost match counts; the longest of these is kept, the first in rule order \
        where two are equally long; nothing found gives `\"\"`. A line break outside the match hides it. Group \
        numbers inside a pattern are one higher than written, which matters to back-references. `null` and \
        blank strings stay; values of other types become `null`.",
    options: &[("exceptions", "list of patterns, found anywhere in one line")],
    examples: &[
        Example {
            title: "The longest match",
            rule: "!<redactExceptSubstringsMatchingRegexes>\njsonPaths:\n  - $..subject\nexceptions:\n  - '[Ff]ocus'\n  - focus time",
            input: r#"{"subject":"my focus time"}"#,
            output: r#"{"subject":"focus time"}"#,
        },
        Example {
            title: "No match",
            rule: "!<redactExceptSubstringsMatchingRegexes>\njsonPaths:\n  - $..subject\nexceptions:\n  - '#\\d+'",
            input: r#"{"subject":"call Ada"}"#,
            output: r#"{"subject":""}"#,
        },
    ],
};

/// `redactExceptSubstringsMatchingRegexes`: keeps the longest match.
#[derive(Clone, Debug)]
pub struct RedactExceptSubstringsMatchingRegexes {
    exceptions: Vec<Pattern>,
}

impl RedactExceptSubstringsMatchingRegexes {
    /// Keeps what these patterns, made by [`Self::pattern`], find.
    pub fn new(exceptions: Vec<Pattern>) -> Self {
        Self { exceptions }
    }

    /// The pattern that finds an exception in its first group.
    pub fn pattern(exception: &str) -> Result<Pattern, PatternError> {
        // Compiled alone first, so that an error is about the pattern as it was written.
        Pattern::find(exception)?;
        Pattern::whole(&format!(".*?({exception}).*"))
    }

    fn keep<'t>(&self, text: &'t str) -> Result<&'t str, Failure> {
        let mut longest = "";
        for exception in &self.exceptions {
            let found = exception.captures(text)?.and_then(|groups| groups.span(1));
            let Some(found) = found.and_then(|span| text.get(span)) else {
                continue;
            };
            if utf16_len(found) > utf16_len(longest) {
                longest = found;
            }
        }
        Ok(longest)
    }
}

fn utf16_len(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

impl Transform for RedactExceptSubstringsMatchingRegexes {
    fn apply(&self, value: &View<'_>, _: Context<'_>) -> Outcome {
        on_text(value, |text| match self.keep(text) {
            Ok(kept) => Outcome::Text(kept.to_owned()),
            Err(failure) => Outcome::Failed(failure),
        })
    }
}
