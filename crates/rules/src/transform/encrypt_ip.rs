use super::{Context, Description, Example, Failure, Outcome, Transform, on_text};
use crate::json::View;

pub(super) static DESCRIPTION: Description = Description {
    name: "encryptIp",
    summary: "Replaces an IP address by a pseudonym that the holder of the key can turn back.",
    details: "Takes IPv4 addresses in dotted form and IPv6 addresses; all spellings of an address have the same \
        pseudonym, and an IPv4-mapped IPv6 address has that of the IPv4 address. Anything else, such as a host \
        name or an address with a port, becomes `null`. `null` and blank strings stay; values of other types \
        become `null`.",
    options: &[],
    examples: &[
        Example {
            title: "Two spellings of one address",
            rule: "!<encryptIp>\njsonPaths:\n  - $..ip",
            input: r#"[{"ip":"2001:DB8::1"},{"ip":"2001:db8:0:0:0:0:0:1"}]"#,
            output: r#"[{"ip":"p~ZkY1MFQe-vfd5aPPtbzUCUD7FUBC2nKcOOnpTCsoNTABLMHjeeWgF24SNOd4emiViJ6NZiwtdIMcjbPUiWa70ohLtlPV3a4pf8dE4v87-D4X"},{"ip":"p~ZkY1MFQe-vfd5aPPtbzUCUD7FUBC2nKcOOnpTCsoNTABLMHjeeWgF24SNOd4emiViJ6NZiwtdIMcjbPUiWa70ohLtlPV3a4pf8dE4v87-D4X"}]"#,
        },
        Example {
            title: "Not an address",
            rule: "!<encryptIp>\njsonPaths:\n  - $..ip",
            input: r#"{"ip":"192.0.2.1:80"}"#,
            output: r#"{"ip":null}"#,
        },
    ],
};

/// `encryptIp`: replaces IP addresses.
#[derive(Clone, Copy, Debug)]
pub struct EncryptIp;

impl Transform for EncryptIp {
    fn apply(&self, value: &View<'_>, context: Context<'_>) -> Outcome {
        on_text(value, |text| match context.pseudonymizer.encrypt_ip(text) {
            Ok(Some(pseudonym)) => Outcome::Pseudonym(pseudonym),
            Ok(None) => Outcome::Null,
            Err(_) => Outcome::Failed(Failure::Pseudonym),
        })
    }

    fn pseudonymizes(&self) -> bool {
        true
    }
}
