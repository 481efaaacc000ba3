use super::{Context, Description, Example, Failure, Outcome, Transform, is_blank};
use crate::json::View;
use crate::pattern::{Groups, Pattern};
use crate::pseudonym::{Include, PseudonymEncoding};

pub(super) static DESCRIPTION: Description = Description {
    name: "pseudonymizeRegexMatches",
    summary: "Replaces what a pattern finds in a string by pseudonyms.",
    details: "Of each occurrence, the first group is replaced, or all of it if the pattern has no group. If \
        nothing was replaced the value becomes `null`. `null` stays and a blank string becomes `null`; values \
        of other types become `null`, counted as failures.",
    options: &[
        ("regex", "pattern, found anywhere in the string"),
        (
            "includeReversible",
            "whether the gateway can turn the pseudonyms back, default `false`",
        ),
    ],
    examples: &[
        Example {
            title: "An address behind a prefix",
            rule: "!<pseudonymizeRegexMatches>\njsonPaths:\n  - $..proxyAddresses[*]\nregex: (?i)^smtp:(.*)$",
            input: r#"{"proxyAddresses":["SMTP:ada@example.com","x500:/o=Example/cn=Ada"]}"#,
            output: r#"{"proxyAddresses":["SMTP:t~YJG4dI9ov3h1dtnFLWvO7XPkoLmVxccIlZ4QjI3_dhg@example.com",null]}"#,
        },
        Example {
            title: "Mentions in a text",
            rule: "!<pseudonymizeRegexMatches>\njsonPaths:\n  - $.text\nregex: '@(\\w+)'",
            input: r#"{"text":"@ada @bob"}"#,
            output: r#"{"text":"@t~zhfGC7JZp3HjQVNeYFRDXzQdPeX-t5VwKJISDOluIWg @t~gcwYXmtSMLtnxy3x_Ke_hYwbNK4oDrw-owl1Wodod54"}"#,
        },
    ],
};

/// `pseudonymizeRegexMatches`: replaces what a pattern finds.
#[derive(Clone, Debug)]
pub struct PseudonymizeRegexMatches {
    pattern: Pattern,
    include: Include,
}

impl PseudonymizeRegexMatches {
    /// Replaces the first group of what the pattern finds.
    pub fn new(pattern: Pattern, include: Include) -> Self {
        Self { pattern, include }
    }

    fn replace(&self, text: &str, context: Context<'_>) -> Result<Option<String>, Failure> {
        let group = usize::from(self.pattern.group_count() > 0);
        let matches = self.pattern.find_all(text)?;
        let mut out = String::with_capacity(text.len() + 64);
        let mut from = 0;
        for span in matches
            .iter()
            .filter_map(|found: &Groups| found.span(group))
        {
            let original = text.get(span.clone()).unwrap_or_default();
            if is_blank(original) {
                continue;
            }
            out.push_str(text.get(from..span.start).unwrap_or_default());
            context
                .pseudonymizer
                .push_pseudonym(
                    &mut out,
                    original,
                    PseudonymEncoding::UrlSafeToken,
                    self.include,
                )
                .map_err(|_| Failure::Pseudonym)?;
            from = span.end;
        }
        if from == 0 {
            return Ok(None);
        }
        out.push_str(text.get(from..).unwrap_or_default());
        Ok(Some(out))
    }
}

impl Transform for PseudonymizeRegexMatches {
    fn apply(&self, value: &View<'_>, context: Context<'_>) -> Outcome {
        match value {
            View::Null => Outcome::Keep,
            View::String(text) if is_blank(text) => Outcome::Null,
            View::String(text) => match self.replace(text, context) {
                Ok(Some(text)) => Outcome::Text(text),
                Ok(None) => Outcome::Null,
                Err(failure) => Outcome::Failed(failure),
            },
            View::Bool(_) | View::Number(_) | View::Array | View::Object => {
                Outcome::Failed(Failure::ValueType)
            }
        }
    }

    fn pseudonymizes(&self) -> bool {
        true
    }
}
