use super::{Context, Description, Example, Failure, Outcome, Transform, on_text, trim};
use crate::json::View;
use crate::pattern::Pattern;

pub(super) static DESCRIPTION: Description = Description {
    name: "filterTokenByRegex",
    summary: "Keeps only the words of a string that match one of the patterns.",
    details: "A word must match as a whole. Kept words are joined with one blank; none left gives `null`. \
        `null` and blank strings stay; values of other types become `null`.",
    options: &[
        ("filters", "list of patterns, each for a whole word"),
        (
            "delimiter",
            "pattern between words, default `\\s+`; `null` takes the value as one word",
        ),
    ],
    examples: &[
        Example {
            title: "Issue keys of a commit message",
            rule: "!<filterTokenByRegex>\njsonPaths:\n  - $..message\nfilters:\n  - '[A-Z]+-\\d+'",
            input: r#"{"message":"GW-17 fix what Ada reported in GW-3"}"#,
            output: r#"{"message":"GW-17 GW-3"}"#,
        },
        Example {
            title: "The value as one word",
            rule: "!<filterTokenByRegex>\njsonPaths:\n  - $..v\nfilters: [ab c]\ndelimiter: null",
            input: r#"{"v":"ab c d"}"#,
            output: r#"{"v":null}"#,
        },
    ],
};

/// `filterTokenByRegex`: keeps the words that match.
#[derive(Clone, Debug)]
pub struct FilterTokenByRegex {
    filters: Vec<Pattern>,
    delimiter: Option<Pattern>,
}

impl FilterTokenByRegex {
    /// Keeps the words between `delimiter`s that a filter matches; without one, the whole value.
    pub fn new(filters: Vec<Pattern>, delimiter: Option<Pattern>) -> Self {
        Self { filters, delimiter }
    }

    fn keep(&self, text: &str) -> Result<Option<String>, Failure> {
        let mut kept = String::new();
        for word in self.split(text)? {
            if !self.matches(word)? {
                continue;
            }
            if !kept.is_empty() {
                kept.push(' ');
            }
            kept.push_str(word);
        }
        let kept = trim(&kept);
        Ok((!kept.is_empty()).then(|| kept.to_owned()))
    }

    fn split<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, Failure> {
        let Some(delimiter) = &self.delimiter else {
            return Ok(vec![text]);
        };
        let mut words = Vec::new();
        let mut from = 0;
        for span in delimiter.find_all(text)?.iter().map(super::Groups::whole) {
            // An empty match at the start makes no word before it.
            if span.end > 0 {
                words.push(text.get(from..span.start).unwrap_or_default());
                from = span.end;
            }
        }
        words.push(text.get(from..).unwrap_or_default());
        Ok(words)
    }

    fn matches(&self, word: &str) -> Result<bool, Failure> {
        for filter in &self.filters {
            if filter.is_match(word)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Transform for FilterTokenByRegex {
    fn apply(&self, value: &View<'_>, _: Context<'_>) -> Outcome {
        on_text(value, |text| match self.keep(text) {
            Ok(Some(text)) => Outcome::Text(text),
            Ok(None) => Outcome::Null,
            Err(failure) => Outcome::Failed(failure),
        })
    }
}
