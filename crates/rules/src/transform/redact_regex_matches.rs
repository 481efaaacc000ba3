use super::{Context, Description, Example, Failure, Outcome, Transform, on_text};
use crate::json::View;
use crate::pattern::Pattern;

pub(super) static DESCRIPTION: Description = Description {
    name: "redactRegexMatches",
    summary: "Deletes every occurrence of the patterns from a string.",
    details: "The patterns are applied one after the other. `null` and blank strings stay; values of other types become `null`.",
    options: &[(
        "redactions",
        "list of patterns, found anywhere in the string",
    )],
    examples: &[
        Example {
            title: "A secret in a query string",
            rule: "!<redactRegexMatches>\njsonPaths:\n  - $.url\nredactions:\n  - (?i)pwd=[^&]*",
            input: r#"{"url":"https://meet.example.com/7?PWD=1&b=2"}"#,
            output: r#"{"url":"https://meet.example.com/7?&b=2"}"#,
        },
        Example {
            title: "Not a string",
            rule: "!<redactRegexMatches>\njsonPaths:\n  - $.v\nredactions: [b]",
            input: r#"{"v":17}"#,
            output: r#"{"v":null}"#,
        },
    ],
};

/// `redactRegexMatches`: deletes occurrences of patterns.
#[derive(Clone, Debug)]
pub struct RedactRegexMatches {
    redactions: Vec<Pattern>,
}

impl RedactRegexMatches {
    /// Deletes what these patterns find, in order.
    pub fn new(redactions: Vec<Pattern>) -> Self {
        Self { redactions }
    }

    fn redact(&self, text: &str) -> Result<Option<String>, Failure> {
        let mut current = None;
        for redaction in &self.redactions {
            let text = current.as_deref().unwrap_or(text);
            let found = redaction.find_all(text)?;
            if found.is_empty() {
                continue;
            }
            let mut kept = String::with_capacity(text.len());
            let mut from = 0;
            for span in found.iter().map(super::Groups::whole) {
                kept.push_str(text.get(from..span.start).unwrap_or_default());
                from = span.end;
            }
            kept.push_str(text.get(from..).unwrap_or_default());
            current = Some(kept);
        }
        Ok(current)
    }
}

impl Transform for RedactRegexMatches {
    fn apply(&self, value: &View<'_>, _: Context<'_>) -> Outcome {
        on_text(value, |text| match self.redact(text) {
            Ok(Some(text)) => Outcome::Text(text),
            Ok(None) => Outcome::Keep,
            Err(failure) => Outcome::Failed(failure),
        })
    }
}
