use super::{Context, Description, Example, Failure, Outcome, Transform, is_blank};
use crate::json::View;
use crate::pseudonym::{Include, PseudonymEncoding};

pub(super) static DESCRIPTION: Description = Description {
    name: "pseudonymize",
    summary: "Replaces an identifier by its pseudonym: the same identifier always gives the same one.",
    details: "Takes strings and numbers; a number has the pseudonym of its decimal text. E-mail addresses are \
        brought into canonical form first and may keep their domain behind `@`. `null` stays, a blank string \
        becomes `null`, and so do, counted as failures, booleans, arrays and objects. In native mode a value \
        that was already replaced in the same response stays as it is.",
    options: &[
        (
            "encoding",
            "`URL_SAFE_TOKEN` (default): `t~…` or `p~…`; `JSON`: an object in a JSON string; \
             `URL_SAFE_HASH_ONLY`: the bare hash",
        ),
        (
            "includeReversible",
            "whether the gateway can turn the pseudonym back, default `false`",
        ),
        (
            "includeOriginal",
            "whether the original is included, default `false`; only with `JSON`",
        ),
    ],
    examples: &[
        Example {
            title: "A member",
            rule: "!<pseudonymize>\njsonPaths:\n  - $.user.id",
            input: r#"{"user":{"id":"u-1"},"count":2}"#,
            output: r#"{"user":{"id":"t~GP3lzylp5ZTr9Jce1mM0u-qSwCzDjizyKctJhAOVZb8"},"count":2}"#,
        },
        Example {
            title: "Reversible, on an e-mail address",
            rule: "!<pseudonymize>\njsonPaths:\n  - $..email\nincludeReversible: true",
            input: r#"{"email":"Ada@example.com"}"#,
            output: r#"{"email":"p~YJG4dI9ov3h1dtnFLWvO7XPkoLmVxccIlZ4QjI3_dhgBI0gDMvo2TUWnO4kagvbf7602ZiNSmGobo2jvud4AS9Q@example.com"}"#,
        },
        Example {
            title: "As JSON",
            rule: "!<pseudonymize>\njsonPaths:\n  - $..email\nencoding: JSON",
            input: r#"{"email":"ada@example.com"}"#,
            output: r#"{"email":"{\"domain\":\"example.com\",\"hash\":\"YJG4dI9ov3h1dtnFLWvO7XPkoLmVxccIlZ4QjI3_dhg\"}"}"#,
        },
    ],
};

/// `pseudonymize`: replaces identifiers.
#[derive(Clone, Copy, Debug)]
pub struct Pseudonymize {
    encoding: PseudonymEncoding,
    include: Include,
}

impl Pseudonymize {
    /// With the options of the rule.
    pub fn new(encoding: PseudonymEncoding, include: Include) -> Self {
        Self { encoding, include }
    }

    fn replace(self, text: &str, context: Context<'_>) -> Outcome {
        match context
            .pseudonymizer
            .pseudonymize(text, self.encoding, self.include)
        {
            Ok(pseudonym) => Outcome::Pseudonym(pseudonym),
            Err(_) => Outcome::Failed(Failure::Pseudonym),
        }
    }
}

impl Transform for Pseudonymize {
    fn apply(&self, value: &View<'_>, context: Context<'_>) -> Outcome {
        match value {
            View::Null => Outcome::Keep,
            View::String(text) if is_blank(text) => Outcome::Null,
            View::String(text) => self.replace(text, context),
            View::Number(number) => self.replace(&number.text(), context),
            View::Bool(_) | View::Array | View::Object => Outcome::Failed(Failure::ValueType),
        }
    }

    fn pseudonymizes(&self) -> bool {
        true
    }
}
