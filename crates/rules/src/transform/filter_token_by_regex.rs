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
    delimiter: Option<Delimiter>,
}

#[derive(Clone, Debug)]
enum Delimiter {
    /// Runs of ASCII white space, the default, which take no pattern to find.
    Blanks,
    Pattern(Pattern),
}

impl FilterTokenByRegex {
    /// Keeps the words between `delimiter`s that a filter matches; without one, the whole value.
    pub fn new(filters: Vec<Pattern>, delimiter: Option<Pattern>) -> Self {
        let delimiter = delimiter.map(|pattern| match pattern.as_str() {
            r"\s+" => Delimiter::Blanks,
            _ => Delimiter::Pattern(pattern),
        });
        Self { filters, delimiter }
    }

    fn keep(&self, text: &str) -> Result<Option<String>, Failure> {
        let mut kept = String::new();
        self.each_word(text, |word| {
            if self.matches(word)? {
                if !kept.is_empty() {
                    kept.push(' ');
                }
                kept.push_str(word);
            }
            Ok(())
        })?;
        let kept = trim(&kept);
        Ok((!kept.is_empty()).then(|| kept.to_owned()))
    }

    fn each_word<'t>(
        &self,
        text: &'t str,
        mut take: impl FnMut(&'t str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        match &self.delimiter {
            None => take(text),
            Some(Delimiter::Blanks) => {
                let is_blank = |c: char| matches!(c, '\t'..='\r' | ' ');
                let mut rest = text;
                while let Some((word, after)) = rest.split_once(is_blank) {
                    take(word)?;
                    rest = after.trim_start_matches(is_blank);
                }
                take(rest)
            }
            Some(Delimiter::Pattern(delimiter)) => {
                let mut from = 0;
                for span in delimiter.find_all(text)?.iter().map(super::Groups::whole) {
                    // An empty match at the start makes no word before it.
                    if span.end > 0 {
                        take(text.get(from..span.start).unwrap_or_default())?;
                        from = span.end;
                    }
                }
                take(text.get(from..).unwrap_or_default())
            }
        }
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

#[cfg(test)]
mod tests {
    use super::{Delimiter, FilterTokenByRegex};
    use crate::pattern::Pattern;
    use proptest::prelude::*;

    proptest! {
        /// White space is found without a pattern as it is with one.
        #[test]
        fn blanks_part_words_as_the_pattern_does(text in "[ab \t\n\u{b}\u{a0}é]{0,12}") {
            let words = |delimiter: &str| {
                let delimiter = Pattern::find(delimiter).unwrap();
                let transform = FilterTokenByRegex::new(Vec::new(), Some(delimiter));
                let mut words = Vec::new();
                let take = |word: &str| {
                    words.push(word.to_owned());
                    Ok(())
                };
                transform.each_word(&text, take).unwrap();
                (words, matches!(transform.delimiter, Some(Delimiter::Blanks)))
            };
            let (direct, is_direct) = words(r"\s+");
            let (by_pattern, is_direct_too) = words(r"(?:\s)+");
            prop_assert!(is_direct && !is_direct_too);
            prop_assert_eq!(direct, by_pattern);
        }
    }
}
