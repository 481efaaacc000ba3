use super::{Context, Description, Example, Failure, Outcome, Transform, on_text};
use crate::json::View;
use crate::pattern::Pattern;

pub(super) static DESCRIPTION: Description = Description {
    name: "tokenize",
    summary: "Replaces a string, or a part of it, by a token that the gateway can turn back.",
    details: "Unlike `pseudonymize` the text is taken as it is, e-mail addresses too. With `regex`, which must \
        match the whole value, only its first group is replaced, and the same text where it stands alone \
        further on in the value. A value that the pattern does not match, or whose group is empty, becomes \
        `null`, counted as a failure. `null` and blank strings stay; values of other types become `null`.",
    options: &[(
        "regex",
        "pattern for the whole value with a group; default: the whole value is replaced",
    )],
    examples: &[
        Example {
            title: "The whole value",
            rule: "!<tokenize>\njsonPaths:\n  - $.next",
            input: r#"{"next":"cursor-2"}"#,
            output: r#"{"next":"p~RESx854Foxl4DeDNX1PgPQHy9ZGRYWAoWYdGtW-u9wcBZhwG09490L0LwSnYtcSPYWlXFdC_DdFoMje2y4hVXeA"}"#,
        },
        Example {
            title: "Part of a link",
            rule: "!<tokenize>\njsonPaths:\n  - $.next\nregex: ^https://api\\.example\\.com/users/([^/]+)/.*$",
            input: r#"{"next":"https://api.example.com/users/u-1/files?page=2"}"#,
            output: r#"{"next":"https://api.example.com/users/p~GP3lzylp5ZTr9Jce1mM0u-qSwCzDjizyKctJhAOVZb8BMyVgw1xd9cTBzWfCQqwaehYedWyShZNHi1Ym_OW8XU0/files?page=2"}"#,
        },
        Example {
            title: "A link to somewhere else",
            rule: "!<tokenize>\njsonPaths:\n  - $.next\nregex: ^https://api\\.example\\.com/users/([^/]+)/.*$",
            input: r#"{"next":"https://other.example.com/ada"}"#,
            output: r#"{"next":null}"#,
        },
    ],
};

/// `tokenize`: replaces texts reversibly.
#[derive(Clone, Debug)]
pub struct Tokenize {
    pattern: Option<Pattern>,
}

impl Tokenize {
    /// Replaces the whole value.
    pub fn whole_value() -> Self {
        Self { pattern: None }
    }

    /// Replaces the first group of a pattern that matches the whole value.
    pub fn group(pattern: Pattern) -> Self {
        Self {
            pattern: Some(pattern),
        }
    }

    fn replace_group(
        text: &str,
        pattern: &Pattern,
        context: Context<'_>,
    ) -> Result<String, Failure> {
        let groups = pattern.captures(text)?.ok_or(Failure::NotMatched)?;
        let span = groups
            .span(1)
            .filter(|span| !span.is_empty())
            .ok_or(Failure::NotMatched)?;
        let (before, rest) = text.split_at(span.start);
        let (original, after) = rest.split_at(span.len());
        let token = token(original, context)?;
        Ok(format!(
            "{before}{token}{}",
            replace_alone(after, original, &token)
        ))
    }
}

fn token(text: &str, context: Context<'_>) -> Result<String, Failure> {
    context
        .pseudonymizer
        .tokenize(text)
        .map_err(|_| Failure::Pseudonym)
}

/// Replaces a text where no letter or digit touches it: a link often repeats an identifier.
fn replace_alone(text: &str, original: &str, token: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in text.match_indices(original) {
        let before = text.get(..at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + found.len()..)
            .and_then(|text| text.chars().next());
        let touched = [before, after]
            .into_iter()
            .flatten()
            .any(char::is_alphanumeric);
        if !touched {
            out.push_str(text.get(from..at).unwrap_or_default());
            out.push_str(token);
            from = at + found.len();
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

impl Transform for Tokenize {
    fn apply(&self, value: &View<'_>, context: Context<'_>) -> Outcome {
        on_text(value, |text| {
            let replaced = match &self.pattern {
                None => token(text, context).map(Outcome::Pseudonym),
                Some(pattern) => Self::replace_group(text, pattern, context).map(Outcome::Text),
            };
            replaced.unwrap_or_else(Outcome::Failed)
        })
    }

    fn pseudonymizes(&self) -> bool {
        true
    }
}
