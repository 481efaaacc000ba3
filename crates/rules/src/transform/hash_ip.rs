use super::{Context, Description, Example, Outcome, Transform, on_text};
use crate::json::View;

pub(super) static DESCRIPTION: Description = Description {
    name: "hashIp",
    summary: "Replaces an IP address by an irreversible pseudonym.",
    details: "Takes IPv4 addresses in dotted form and IPv6 addresses; all spellings of an address have the same \
        pseudonym, and an IPv4-mapped IPv6 address has that of the IPv4 address. Anything else, such as a host \
        name or an address with a port, becomes `null`. `null` and blank strings stay; values of other types \
        become `null`.",
    options: &[],
    examples: &[
        Example {
            title: "Two spellings of one address",
            rule: "!<hashIp>\njsonPaths:\n  - $..ip",
            input: r#"[{"ip":"2001:DB8::1"},{"ip":"2001:db8:0:0:0:0:0:1"}]"#,
            output: r#"[{"ip":"t~ZkY1MFQe-vfd5aPPtbzUCUD7FUBC2nKcOOnpTCsoNTA"},{"ip":"t~ZkY1MFQe-vfd5aPPtbzUCUD7FUBC2nKcOOnpTCsoNTA"}]"#,
        },
        Example {
            title: "Not an address",
            rule: "!<hashIp>\njsonPaths:\n  - $..ip",
            input: r#"{"ip":"192.0.2.1:80"}"#,
            output: r#"{"ip":null}"#,
        },
    ],
};

/// `hashIp`: replaces IP addresses.
#[derive(Clone, Copy, Debug)]
pub struct HashIp;

impl Transform for HashIp {
    fn apply(&self, value: &View<'_>, context: Context<'_>) -> Outcome {
        on_text(value, |text| match context.pseudonymizer.hash_ip(text) {
            Some(pseudonym) => Outcome::Pseudonym(pseudonym),
            None => Outcome::Null,
        })
    }

    fn pseudonymizes(&self) -> bool {
        true
    }
}
