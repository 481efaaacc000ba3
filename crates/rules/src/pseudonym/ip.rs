//! IP addresses: a strict literal parser and one text per address. No name look-ups, no short forms.

use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The one text under which an IP address is hashed, or nothing if `text` is not exactly an IP literal.
///
/// IPv4 is four decimal numbers without leading zeros; IPv6 any text form of RFC 4291 §2.2, written as eight
/// lower-case groups without compression; an IPv4-mapped address (`::ffff:192.0.2.1`) becomes its IPv4 address.
/// Ports, zones, brackets, blanks, `10.1` and `3232235521` are refused.
pub fn canonical_ip(text: &str) -> Option<String> {
    if text.contains(':') {
        let address: Ipv6Addr = text.parse().ok()?;
        return Some(match address.to_ipv4_mapped() {
            Some(mapped) => mapped.to_string(),
            None => eight_groups(address),
        });
    }
    let address: Ipv4Addr = text.parse().ok()?;
    Some(address.to_string())
}

fn eight_groups(address: Ipv6Addr) -> String {
    let mut text = String::with_capacity(39);
    for (place, group) in address.segments().into_iter().enumerate() {
        let colon = if place == 0 { "" } else { ":" };
        // Writing into a `String` cannot fail.
        let _ = write!(text, "{colon}{group:x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn gives_one_text_per_address() {
        let cases = [
            ("10.0.0.1", "10.0.0.1"),
            ("255.255.255.255", "255.255.255.255"),
            ("2001:DB8::1", "2001:db8:0:0:0:0:0:1"),
            (
                "2001:0db8:0000:0000:0000:0000:0000:0001",
                "2001:db8:0:0:0:0:0:1",
            ),
            ("::", "0:0:0:0:0:0:0:0"),
            ("::1", "0:0:0:0:0:0:0:1"),
            ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"),
            ("::ffff:192.0.2.128", "192.0.2.128"),
            ("::FFFF:c000:280", "192.0.2.128"),
            ("64:ff9b::192.0.2.33", "64:ff9b:0:0:0:0:c000:221"),
            ("::10.0.0.1", "0:0:0:0:0:0:a00:1"),
        ];
        for (text, expected) in cases {
            assert_eq!(canonical_ip(text).as_deref(), Some(expected), "of {text}");
            assert_eq!(
                canonical_ip(expected).as_deref(),
                Some(expected),
                "of its canonical text"
            );
        }
    }

    #[test]
    fn refuses_everything_that_is_not_a_literal() {
        let cases = [
            "",
            " ",
            "10.1",
            "10",
            "167772161",
            "3232235521",
            "010.0.0.1",
            "10.0.0.01",
            "0x0a.0.0.1",
            "10.0.0.256",
            "10.0.0.1.",
            ".10.0.0.1",
            "10.0.0.1:80",
            " 10.0.0.1",
            "10.0.0.1 ",
            "10.0.0.1\n",
            "10.0.0",
            "1.2.3.4.5",
            "+1.2.3.4",
            "-1.2.3.4",
            "１.2.3.4",
            "[::1]",
            "::1%eth0",
            "fe80::1%1",
            "::1/128",
            "cafe",
            "example.com",
            "localhost",
            ":",
            ":::",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "12345::",
            "g::",
            "::1.2.3",
            "::1.2.3.256",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::01.2.3.4",
            "1:2:3:4:5:6:7:",
            ":1:2:3:4:5:6:7",
        ];
        for text in cases {
            assert_eq!(canonical_ip(text), None, "of {text:?}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC*") {
            let _ = canonical_ip(&text);
        }

        #[test]
        fn any_spelling_gives_the_same_text(bits: u128) {
            let address = Ipv6Addr::from(bits);
            let canonical = canonical_ip(&address.to_string());
            prop_assert_eq!(canonical_ip(&address.to_string().to_uppercase()), canonical.clone());
            if address.to_ipv4_mapped().is_none() {
                prop_assert_eq!(canonical, Some(eight_groups(address)));
            }
        }
    }
}
