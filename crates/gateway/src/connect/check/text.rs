//! A vendor's text that is shown to a person at a terminal.

use std::fmt;

use crate::connect::template::percent_encode;

/// The shortest value that is looked for in a text; shorter ones occur by chance.
const SHORTEST_SECRET: usize = 6;

/// One line of a vendor's text: short, without control, formatting or bidirectional characters, and
/// without any secret that was sent. Its `Debug` shows nothing, and it has no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct VendorText(String);

impl VendorText {
    /// Cleans a text; `None` when nothing is left. `secrets` are struck out, as they are
    /// and percent-encoded.
    pub(super) fn without(text: &str, secrets: &[&str], longest: usize) -> Option<Self> {
        let mut forms = Vec::new();
        for secret in secrets.iter().map(|s| s.trim()) {
            if secret.len() >= SHORTEST_SECRET {
                let mut encoded = String::new();
                percent_encode(secret, &mut encoded);
                forms.extend([secret.to_owned(), encoded]);
            }
        }
        let mut text = text.to_owned();
        for form in &forms {
            text = text.replace(form.as_str(), "…");
        }
        // Nothing is shown of a text in which breaks or case hide a secret.
        let dense = |text: &str| -> String {
            let kept = text.chars().filter(|c| !is_break(*c));
            kept.flat_map(char::to_lowercase).collect()
        };
        let whole = dense(&text);
        if forms.iter().any(|form| whole.contains(&dense(form))) {
            return None;
        }
        let mut line = String::new();
        let mut count = 0;
        for word in text.split(is_break).filter(|word| !word.is_empty()) {
            let gap = usize::from(!line.is_empty());
            let room = longest.saturating_sub(count + gap);
            if room == 0 {
                break;
            }
            if gap == 1 {
                line.push(' ');
            }
            let taken: String = word.chars().take(room).collect();
            count += gap + taken.chars().count();
            line.push_str(&taken);
        }
        (!line.is_empty()).then_some(Self(line))
    }

    /// The text, for a terminal.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for VendorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VendorText(…)")
    }
}

/// White space, and what changes how a line is shown: controls, marks of direction, invisible ones.
fn is_break(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e000}'..='\u{f8ff}'
            | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> Option<String> {
        VendorText::without(text, &["s3cr3t-value", "short"], 20).map(|t| t.0)
    }

    #[test]
    fn a_terminal_gets_one_short_plain_line() {
        assert_eq!(clean("  Acme \r\n Ltd "), Some("Acme Ltd".to_owned()));
        assert_eq!(
            clean("\u{1b}[31mred\u{1b}[0m"),
            Some("[31mred [0m".to_owned())
        );
        assert_eq!(
            clean("a\u{202e}b\u{200b}c\u{2066}d"),
            Some("a b c d".to_owned())
        );
        assert_eq!(clean("é 名 🙂"), Some("é 名 🙂".to_owned()));
        assert_eq!(clean(" \u{7}\u{feff}\n"), None);
        assert_eq!(clean(&"x".repeat(1 << 20)).unwrap().len(), 20);
        assert_eq!(clean(&"ab ".repeat(100)).unwrap(), "ab ab ab ab ab ab ab");
    }

    #[test]
    fn what_was_sent_is_struck_out() {
        assert_eq!(clean("bad s3cr3t-value!"), Some("bad …!".to_owned()));
        for hidden in [
            "bad s3cr3t-\u{200b}value!",
            "bad s3cr3t-\r\nvalue",
            "bad S3CR3T-VALUE",
        ] {
            assert_eq!(clean(hidden), None, "{hidden:?}");
        }
        let odd = VendorText::without("x=a%2Bb%2Fcd%3D%3D", &["a+b/cd=="], 20);
        assert_eq!(odd.unwrap().as_str(), "x=…");
        let text = VendorText::without("Acme", &[], 20).unwrap();
        assert_eq!(format!("{text:?}"), "VendorText(…)");
    }

    proptest::proptest! {
        #[test]
        fn any_text_becomes_one_plain_line_without_the_secret(
            before in "\\PC{0,30}",
            odd in "[\\x00-\\x1f\\x7f-\\x9f\\u{200b}-\\u{202e}\\u{2060}-\\u{206f}\\u{feff}]{0,9}",
            secret in "[A-Za-z0-9._~+/=-]{6,40}",
            after in ".{0,30}",
        ) {
            let text = format!("{before}{odd}{secret}{after}{odd}");
            if let Some(clean) = VendorText::without(&text, &[&secret], 40) {
                let clean = clean.as_str();
                proptest::prop_assert!(clean.chars().count() <= 40);
                proptest::prop_assert!(!clean.chars().any(|c| c != ' ' && is_break(c)));
                proptest::prop_assert!(!clean.to_lowercase().contains(&secret.to_lowercase()), "{clean}");
            }
        }
    }
}
