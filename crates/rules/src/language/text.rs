//! From what was configured to the text of the rules: YAML, JSON, base64 of either, base64 of gzip.

use super::diagnostic::Diagnostics;
use super::span::Span;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use std::io::Read as _;

/// Bytes the text of one rule set may have, after decompression.
pub const MAX_RULES_BYTES: usize = 4 * 1024 * 1024;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The text that a configured value stands for. Only base64 without line breaks is looked at as
/// base64; anything else is the text itself. Errors go to `found`.
pub(crate) fn decode<'t>(configured: &'t str, found: &mut Diagnostics) -> Option<Cow<'t, str>> {
    if configured.len() > MAX_RULES_BYTES {
        too_large(found);
        return None;
    }
    let configured = configured.strip_prefix('\u{feff}').unwrap_or(configured);
    let Ok(bytes) = BASE64.decode(configured.trim()) else {
        return Some(Cow::Borrowed(configured));
    };
    if bytes.is_empty() {
        return Some(Cow::Borrowed(configured));
    }
    let plain = if bytes.starts_with(&[0x1f, 0x8b]) {
        inflate(&bytes, found)?
    } else {
        bytes
    };
    if let Ok(text) = String::from_utf8(plain) {
        return Some(Cow::Owned(text));
    }
    found.error(
        "not-utf-8",
        Span::new(1, 1),
        "the value is base64, but what it holds is not UTF-8 text",
        "encode the YAML text itself, or its gzip form, with `base64 -w0`",
    );
    None
}

/// SHA-256 of a text in lower-case hex.
pub(crate) fn digest(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
    }
    hex
}

fn inflate(bytes: &[u8], found: &mut Diagnostics) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let limit = u64::try_from(MAX_RULES_BYTES)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    let read = flate2::read::GzDecoder::new(bytes)
        .take(limit)
        .read_to_end(&mut plain);
    if read.is_err() {
        found.error(
            "bad-compression",
            Span::new(1, 1),
            "the value is base64 of a damaged gzip stream",
            "encode it again with `gzip -c rules.yaml | base64 -w0`",
        );
        return None;
    }
    if plain.len() > MAX_RULES_BYTES {
        too_large(found);
        return None;
    }
    Some(plain)
}

fn too_large(found: &mut Diagnostics) {
    found.error(
        "too-large",
        Span::new(1, 1),
        format!("the rules have more than {MAX_RULES_BYTES} bytes"),
        "split the rules, or use `definitions` for schemas used in many places",
    );
}
