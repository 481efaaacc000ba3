//! The secrets between this process and one browser.

use anyhow::anyhow;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 256 random bits as text for URLs and cookies.
pub(super) struct Key(String);

impl Key {
    /// A fresh key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(super) fn fresh() -> anyhow::Result<Self> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| anyhow!("the system gives no random numbers"))?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The text; for the URL or the cookie it is made for.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }

    /// Whether a text is this key, in constant time.
    pub(super) fn is(&self, text: &str) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), text.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_know_themselves() -> anyhow::Result<()> {
        let (one, other) = (Key::fresh()?, Key::fresh()?);
        assert_eq!(one.reveal().len(), 43);
        assert!(one.is(one.reveal()));
        for text in [other.reveal(), "", &one.reveal()[1..]] {
            assert!(!one.is(text));
        }
        Ok(())
    }
}
