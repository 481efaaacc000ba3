//! What may be told of a token: enough to recognize it, not enough to use it.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};

/// The first 128 bits of a token's SHA-256, under a name of its own so that the same token hashed
/// elsewhere can't be found by it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Print([u8; 16]);

impl Print {
    /// The print of a token.
    pub fn of(token: &str) -> Self {
        Self::of_parts(&[token])
    }

    /// The print of several texts in their order.
    pub fn of_parts(parts: &[&str]) -> Self {
        let mut context = Context::new(&SHA256);
        context.update(b"hushgate token print");
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let digest = context.finish();
        let mut print = [0; 16];
        for (to, from) in print.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Self(print)
    }

    /// Reads 32 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        let number = u128::from_str_radix(text, 16).ok();
        number
            .filter(|_| text.len() == 32 && plain)
            .map(|n| Self(n.to_be_bytes()))
    }
}

impl fmt::Display for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Print({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_it_is_written_and_in_no_other_form() {
        let print = Print::of("token");
        let text = print.to_string();
        assert_eq!(Print::parse(&text), Some(print));
        for bad in [
            &text[1..],
            &text.to_uppercase(),
            &format!("+{}", &text[1..]),
            "",
        ] {
            assert_eq!(Print::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn tells_parts_apart() {
        assert_ne!(Print::of_parts(&["ab", "c"]), Print::of_parts(&["a", "bc"]));
        assert_eq!(Print::of("ab"), Print::of_parts(&["ab"]));
    }
}
