use super::{Context, Description, Example, Outcome, Transform};
use crate::json::View;

pub(super) static DESCRIPTION: Description = Description {
    name: "redact",
    summary: "Removes the member or the array element.",
    details: "Takes values of every type, `null` included. Arrays get shorter; an object may be left empty.",
    options: &[],
    examples: &[
        Example {
            title: "A member",
            rule: "!<redact>\njsonPaths:\n  - $..displayName",
            input: r#"{"id":1,"displayName":"Ada Example"}"#,
            output: r#"{"id":1}"#,
        },
        Example {
            title: "Some elements of an array",
            rule: "!<redact>\njsonPaths:\n  - $.headers[?(@.name != 'Date')]",
            input: r#"{"headers":[{"name":"Date","value":"today"},{"name":"Subject","value":"x"}]}"#,
            output: r#"{"headers":[{"name":"Date","value":"today"}]}"#,
        },
    ],
};

/// `redact`: removes the member or element.
#[derive(Clone, Copy, Debug)]
pub struct Redact;

impl Transform for Redact {
    fn apply(&self, _: &View<'_>, _: Context<'_>) -> Outcome {
        Outcome::Remove
    }
}
