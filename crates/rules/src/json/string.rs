//! JSON strings: finding their end, reading and writing escapes.

use std::borrow::Cow;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The first position at or after `at` of a quote, a backslash or a control character; the length
/// of `bytes` if there is none.
pub(super) fn scan(bytes: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        // A byte below the subtrahend borrows, which sets its high bit; the lowest hit is exact.
        let found = (quote.wrapping_sub(ONES) & !quote)
            | (backslash.wrapping_sub(ONES) & !backslash)
            | (word.wrapping_sub(ONES * 0x20) & !word);
        let found = found & HIGHS;
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        at += 1;
    }
    at
}

/// True if a text needs no escapes as a JSON string.
pub(super) fn is_plain(text: &str) -> bool {
    scan(text.as_bytes(), 0) == text.len()
}

/// The position after the escape that begins with the backslash at `at`; `None` if it is not one.
pub(super) fn skip_escape(bytes: &[u8], at: usize) -> Option<usize> {
    match bytes.get(at + 1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => hex4(bytes.get(at + 2..at + 6)?).map(|_| at + 6),
        _ => None,
    }
}

/// The text of a string whose raw content (without quotes) has valid escapes.
pub(super) fn decode(raw: &str) -> Cow<'_, str> {
    let mut rest = raw;
    let mut text = String::new();
    while let Some(at) = rest.find('\\') {
        let (char, length) = escape(&rest.as_bytes()[at..]);
        text.push_str(&rest[..at]);
        text.push(char);
        rest = &rest[at + length..];
    }
    if text.is_empty() && rest.len() == raw.len() {
        return Cow::Borrowed(raw);
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Writes a raw string content that has valid escapes with only the necessary ones.
pub(super) fn write_canonical(raw: &str, out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let (char, length) = escape(&rest.as_bytes()[at..]);
        out.extend_from_slice(&rest.as_bytes()[..at]);
        write_escaped(char.encode_utf8(&mut [0; 4]), out);
        rest = &rest[at + length..];
    }
    out.extend_from_slice(rest.as_bytes());
}

/// Writes the content of a JSON string, without its quotes. Only `"`, `\` and control characters
/// are escaped.
pub fn write_escaped(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    loop {
        let at = scan(bytes, from);
        out.extend_from_slice(&bytes[from..at]);
        let Some(&byte) = bytes.get(at) else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789ABCDEF";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        from = at + 1;
    }
}

/// The character of the valid escape that `bytes` begins with, and the escape's length.
fn escape(bytes: &[u8]) -> (char, usize) {
    let char = match bytes.get(1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode_escape(bytes),
        Some(&other) => char::from(other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (char, 2)
}

fn unicode_escape(bytes: &[u8]) -> (char, usize) {
    let unit = |at: usize| bytes.get(at..at + 4).and_then(hex4);
    let first = unit(2).unwrap_or(0xFFFD);
    if let Some(char) = char::from_u32(first) {
        return (char, 6);
    }
    let is_pair = first < 0xDC00 && bytes.get(6..8) == Some(b"\\u");
    let low = unit(8).filter(|low| is_pair && (0xDC00..0xE000).contains(low));
    let joined = low.map(|low| 0x10000 + ((first - 0xD800) << 10) + (low - 0xDC00));
    match joined.and_then(char::from_u32) {
        Some(char) => (char, 12),
        None => (char::REPLACEMENT_CHARACTER, 6),
    }
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &digit| {
        Some(value * 16 + char::from(digit).to_digit(16)?)
    })
}
