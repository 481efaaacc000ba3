//! Writing pseudonyms: Base64 and JSON straight into the caller's text.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::native::HASH_BYTES;
use super::token::HASH_CHARS;

/// Appends the 43 characters of a hash.
pub(super) fn push_hash(out: &mut String, hash: &[u8; HASH_BYTES]) {
    let mut text = [0; HASH_CHARS];
    let written = URL_SAFE_NO_PAD.encode_slice(hash, &mut text);
    debug_assert_eq!(written, Ok(HASH_CHARS), "32 bytes give 43 characters");
    out.push_str(std::str::from_utf8(&text).unwrap_or_default());
}

/// Appends bytes in Base64.
pub(super) fn push_base64(out: &mut String, bytes: &[u8]) {
    URL_SAFE_NO_PAD.encode_string(bytes, out);
}

/// The bytes of Base64 text in its one canonical spelling; other spellings of the same bytes are refused.
pub(super) fn decode_base64(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Appends a JSON object of string members.
pub(super) struct JsonObject<'o> {
    out: &'o mut String,
    empty: bool,
}

impl<'o> JsonObject<'o> {
    pub(super) fn start(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, empty: true }
    }

    /// Appends a member with a string value.
    pub(super) fn member(&mut self, name: &str, value: &str) {
        if !std::mem::take(&mut self.empty) {
            self.out.push(',');
        }
        push_json_string(self.out, name);
        self.out.push(':');
        push_json_string(self.out, value);
    }

    pub(super) fn end(self) {
        self.out.push('}');
    }
}

/// Appends `text` as a JSON string, escaping only what must be, hexadecimal digits in upper case.
fn push_json_string(out: &mut String, text: &str) {
    const HEX: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F',
    ];
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => {
                let code = char as usize;
                out.push_str("\\u00");
                out.push(HEX[code >> 4 & 15]);
                out.push(HEX[code & 15]);
            }
            _ => out.push(char),
        }
    }
    out.push('"');
}
