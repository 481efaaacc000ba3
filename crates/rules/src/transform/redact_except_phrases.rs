use super::{Context, Description, Example, Outcome, Transform, on_text};
use crate::json::View;
use crate::pattern::{MAX_SOURCE_BYTES, PatternError};

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
///
/// Rules list phrases by the hundred, so they are compared directly: a pattern for each would make
/// loading slow and a value be searched once per phrase.
#[derive(Clone, Debug)]
pub struct RedactExceptPhrases {
    phrases: Vec<Box<str>>,
    /// Indexes of the phrases by first byte, in lower case; `None` for an empty phrase.
    by_first: Vec<(Option<u8>, usize)>,
}

impl RedactExceptPhrases {
    /// Keeps these phrases, in this order.
    pub fn new(phrases: impl IntoIterator<Item = String>) -> Self {
        let phrases: Vec<Box<str>> = phrases.into_iter().map(String::into_boxed_str).collect();
        let mut by_first: Vec<_> = phrases
            .iter()
            .enumerate()
            .map(|(index, phrase)| (first_byte(phrase.as_bytes()), index))
            .collect();
        by_first.sort_unstable();
        Self { phrases, by_first }
    }

    /// Whether a phrase may be listed.
    ///
    /// # Errors
    /// The phrase is longer than a pattern may be.
    pub fn check(phrase: &str) -> Result<(), PatternError> {
        let escapes = phrase.bytes().filter(u8::is_ascii_punctuation).count();
        let bytes = phrase.len() + escapes + r"\b()[\s:]*\b".len();
        if bytes > MAX_SOURCE_BYTES {
            return Err(PatternError::SourceTooLong { bytes });
        }
        Ok(())
    }

    fn keep(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let mut places: Vec<Option<usize>> = vec![None; self.phrases.len()];
        for at in (0..=bytes.len()).filter(|&at| is_boundary(bytes, at)) {
            let rest = bytes.get(at..).unwrap_or_default();
            for index in self
                .candidates(None)
                .chain(self.candidates(first_byte(rest)))
            {
                let (Some(place), Some(phrase)) = (places.get_mut(index), self.phrases.get(index))
                else {
                    continue;
                };
                if place.is_none() && stands_at(phrase.as_bytes(), bytes, at) {
                    *place = Some(at);
                }
            }
        }
        let mut kept = String::new();
        for (phrase, place) in self.phrases.iter().zip(places) {
            let found = place.and_then(|at| text.get(at..at + phrase.len()));
            let Some(found) = found else {
                continue;
            };
            if !kept.is_empty() {
                kept.push(',');
            }
            kept.push_str(found);
        }
        kept
    }

    /// The phrases that begin with a byte.
    fn candidates(&self, first: Option<u8>) -> impl Iterator<Item = usize> {
        let from = self.by_first.partition_point(|&(own, _)| own < first);
        let rest = self.by_first.get(from..).unwrap_or_default();
        rest.iter()
            .take_while(move |&&(own, _)| own == first)
            .map(|&(_, index)| index)
    }
}

fn first_byte(bytes: &[u8]) -> Option<u8> {
    bytes.first().map(u8::to_ascii_lowercase)
}

/// Whether a phrase stands at a place, with at most blanks and colons up to a word boundary after it.
fn stands_at(phrase: &[u8], text: &[u8], at: usize) -> bool {
    let mut end = at + phrase.len();
    let same = text
        .get(at..end)
        .is_some_and(|found| found.eq_ignore_ascii_case(phrase));
    if !same {
        return false;
    }
    while !is_boundary(text, end) {
        match text.get(end) {
            Some(b'\t'..=b'\r' | b' ' | b':') => end += 1,
            _ => return false,
        }
    }
    true
}

/// Whether one of the neighbours of a place is an ASCII letter, digit or underscore, and the other is not.
fn is_boundary(text: &[u8], at: usize) -> bool {
    let is_word = |byte: Option<&u8>| byte.is_some_and(|&b| b.is_ascii_alphanumeric() || b == b'_');
    let before = at.checked_sub(1).and_then(|before| text.get(before));
    is_word(before) != is_word(text.get(at))
}

impl Transform for RedactExceptPhrases {
    fn apply(&self, value: &View<'_>, _: Context<'_>) -> Outcome {
        on_text(value, |text| Outcome::Text(self.keep(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::RedactExceptPhrases;
    use crate::pattern::Pattern;
    use proptest::prelude::*;

    /// What the patterns of the specification give: `\b(phrase)[\s:]*\b`, once per phrase.
    fn by_patterns(phrases: &[String], text: &str) -> String {
        let mut kept = String::new();
        for phrase in phrases {
            let literal: String = phrase.chars().map(class).collect();
            let pattern = format!(r"\b({literal})[\s:]*\b");
            let pattern = Pattern::find(&pattern).unwrap();
            let groups = pattern.captures(text).unwrap();
            let Some(found) = groups.and_then(|groups| groups.span(1)) else {
                continue;
            };
            if !kept.is_empty() {
                kept.push(',');
            }
            kept.push_str(&text[found]);
        }
        kept
    }

    /// A class of one character in both ASCII cases.
    fn class(c: char) -> String {
        let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
        format!(
            r"[\x{{{:X}}}\x{{{:X}}}]",
            u32::from(lower),
            u32::from(upper)
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn finds_what_patterns_find(
            phrases in prop::collection::vec("[abAkK_1: +é\u{212a}\u{b}]{0,4}", 0..5),
            text in "[abABkK_1: +éÉ\u{212a}\u{b}\n]{0,16}",
        ) {
            let transform = RedactExceptPhrases::new(phrases.clone());
            prop_assert_eq!(transform.keep(&text), by_patterns(&phrases, &text));
        }
    }

    #[test]
    fn keeps_phrases_in_rule_order_and_once() {
        let phrases = ["focus time", "C++", "No Meeting", "hold"].map(str::to_owned);
        let transform = RedactExceptPhrases::new(phrases);
        for (text, kept) in [
            ("My FOCUS TIME!", "FOCUS TIME"),
            ("focus time focus time", "focus time"),
            ("no meeting focus time", "focus time,no meeting"),
            ("C++", ""),
            ("C++ rocks", "C++"),
            ("C++ : rocks", "C++"),
            ("no meetings", ""),
            ("hold:", "hold"),
            ("éhold", "hold"),
            ("household", ""),
            ("a household on hold", "hold"),
        ] {
            assert_eq!(transform.keep(text), kept, "{text}");
        }
    }

    #[test]
    fn refuses_phrases_that_are_too_long() {
        assert!(RedactExceptPhrases::check(&"a".repeat(16_000)).is_ok());
        let error = RedactExceptPhrases::check(&"-".repeat(16_000)).unwrap_err();
        assert_eq!(error.code(), "regex-too-large");
    }
}
