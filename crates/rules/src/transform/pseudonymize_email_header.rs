use super::{Context, Description, Example, Failure, Outcome, Transform, is_blank};
use crate::json::View;
use crate::pseudonym::PseudonymEncoding;

pub(super) static DESCRIPTION: Description = Description {
    name: "pseudonymizeEmailHeader",
    summary: "Replaces every address in the value of a mail header such as `To` or `Cc`.",
    details: "The value is read as an address list of RFC 2822; groups are opened and display names vanish. \
        Pseudonyms are joined with `,`. What is not such a list, in every member, becomes `null`. `null` stays, \
        a blank string becomes `\"\"`; values of other types become `null`, counted as failures.",
    options: &[(
        "encoding",
        "`URL_SAFE_TOKEN` (default): tokens joined with `,`; anything else: an array in a JSON string",
    )],
    examples: &[
        Example {
            title: "Two addresses",
            rule: "!<pseudonymizeEmailHeader>\njsonPaths:\n  - $.to",
            input: r#"{"to":"Ada <ada@example.com>, bob@example.org"}"#,
            output: r#"{"to":"t~YJG4dI9ov3h1dtnFLWvO7XPkoLmVxccIlZ4QjI3_dhg@example.com,t~dvcPqzhy14orM-aACgSUfRFly8kXoNbtKjle1ZUK9Tw@example.org"}"#,
        },
        Example {
            title: "Not an address list",
            rule: "!<pseudonymizeEmailHeader>\njsonPaths:\n  - $.to",
            input: r#"{"to":"Ada, Bob"}"#,
            output: r#"{"to":null}"#,
        },
    ],
};

/// `pseudonymizeEmailHeader`: replaces the addresses of a list.
#[derive(Clone, Copy, Debug)]
pub struct PseudonymizeEmailHeader {
    encoding: PseudonymEncoding,
}

impl PseudonymizeEmailHeader {
    /// With the encoding of the rule.
    pub fn new(encoding: PseudonymEncoding) -> Self {
        Self { encoding }
    }
}

impl Transform for PseudonymizeEmailHeader {
    fn apply(&self, value: &View<'_>, context: Context<'_>) -> Outcome {
        let text = match value {
            View::Null => return Outcome::Keep,
            View::String(text) if is_blank(text) => return Outcome::Text(String::new()),
            View::String(text) => text,
            View::Bool(_) | View::Number(_) | View::Array | View::Object => {
                return Outcome::Failed(Failure::ValueType);
            }
        };
        match context.pseudonymizer.email_header(text, self.encoding) {
            Some(pseudonyms) => Outcome::Pseudonym(pseudonyms),
            None => Outcome::Null,
        }
    }

    fn pseudonymizes(&self) -> bool {
        true
    }
}
