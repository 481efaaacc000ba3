use super::{Context, Description, Example, Failure, Outcome, Transform, on_text};
use crate::json::View;
use crate::pattern::{Flags, Pattern, PatternError};

pub(super) static DESCRIPTION: Description = Description {
    name: "redactExceptPhrases",
    summary: "Keeps only listed phrases of a string.",
    details: "Phrases are literal, compared without regard to ASCII case and found between word boundaries; \
        blanks and colons may stand between a phrase and the boundary after it. What is found is written as it \
        stood, once per phrase, joined with `,`; nothing found gives `\"\"`. `null` and blank strings stay; \
        values of other types become `null`.",
    options: &[("allowedPhrases", "list of phrases")],
    examples: &[
        Example {
            title: "Known words of a title",
            rule: "!<redactExceptPhrases>\njsonPaths:\n  - $..subject\nallowedPhrases:\n  - focus time\n  - No Meeting",
            input: r#"{"subject":"Ada: no meeting, FOCUS TIME!"}"#,
            output: r#"{"subject":"FOCUS TIME,no meeting"}"#,
        },
        Example {
            title: "A phrase inside a longer word",
            rule: "!<redactExceptPhrases>\njsonPaths:\n  - $..subject\nallowedPhrases:\n  - No Meeting",
            input: r#"{"subject":"no meetings"}"#,
            output: r#"{"subject":""}"#,
        },
    ],
};

/// `redactExceptPhrases`: keeps listed phrases.
#[derive(Clone, Debug)]
pub struct RedactExceptPhrases {
    phrases: Vec<Pattern>,
}

impl RedactExceptPhrases {
    /// Keeps what these patterns, made by [`Self::pattern`], find.
    pub fn new(phrases: Vec<Pattern>) -> Self {
        Self { phrases }
    }

    /// The pattern that finds a phrase in its first group.
    pub fn pattern(phrase: &str) -> Result<Pattern, PatternError> {
        let mut pattern = String::from(r"\b(");
        for c in phrase.chars() {
            if c.is_ascii_punctuation() {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push_str(r")[\s:]*\b");
        Pattern::find_with(&pattern, Flags::IGNORE_CASE)
    }

    fn keep(&self, text: &str) -> Result<String, Failure> {
        let mut kept = String::new();
        for phrase in &self.phrases {
            let found = phrase.captures(text)?.and_then(|groups| groups.span(1));
            let Some(found) = found.and_then(|span| text.get(span)) else {
                continue;
            };
            if !kept.is_empty() {
                kept.push(',');
            }
            kept.push_str(found);
        }
        Ok(kept)
    }
}

impl Transform for RedactExceptPhrases {
    fn apply(&self, value: &View<'_>, _: Context<'_>) -> Outcome {
        on_text(value, |text| match self.keep(text) {
            Ok(text) => Outcome::Text(text),
            Err(failure) => Outcome::Failed(failure),
        })
    }
}
