//! What is signed (RFC 5849 section 3.4.1): the method, the address and all parameters, normalized.

use reqwest::Url;

use super::Call;
use crate::connect::template::percent_encode;

/// The signature base string (RFC 5849 section 3.4.1.1).
pub(super) fn base_string(call: &Call<'_>, protocol: &[(String, String)]) -> String {
    let mut params: Vec<(String, String)> = call_params(call).collect();
    params.extend_from_slice(protocol);
    // Section 3.4.1.3.2: sorted by the bytes of the encoded names, then of the encoded values.
    params.sort_unstable();
    let mut normalized = String::new();
    for (name, value) in &params {
        if !normalized.is_empty() {
            normalized.push('&');
        }
        normalized.push_str(name);
        normalized.push('=');
        normalized.push_str(value);
    }
    let mut base = String::with_capacity(normalized.len() * 2);
    percent_encode(call.method.to_ascii_uppercase(), &mut base);
    base.push('&');
    percent_encode(base_uri(call.url), &mut base);
    base.push('&');
    percent_encode(&normalized, &mut base);
    base
}

/// Scheme, authority and path (RFC 5849 section 3.4.1.2). The URL type has both lower-case already
/// and leaves out a port that is the scheme's own.
pub(super) fn base_uri(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|p| format!(":{p}")).unwrap_or_default();
    format!("{}://{host}{port}{}", url.scheme(), url.path())
}

/// The parameters of the query and the form, decoded and encoded anew (RFC 5849 section 3.4.1.3.1).
pub(super) fn call_params<'a>(call: &Call<'a>) -> impl Iterator<Item = (String, String)> + use<'a> {
    let query = call.url.query().unwrap_or_default().as_bytes();
    let form = call.form.unwrap_or_default();
    let pieces = |text: &'a [u8]| text.split(|b| *b == b'&');
    pieces(query)
        .chain(pieces(form))
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = match pair.iter().position(|b| *b == b'=') {
                Some(at) => pair.split_at(at),
                None => (pair, &b""[..]),
            };
            let value = value.strip_prefix(b"=").unwrap_or(value);
            (recoded(name), recoded(value))
        })
}

/// Encoded as RFC 5849 section 3.6 wants it.
pub(super) fn encoded(text: &str) -> String {
    let mut into = String::with_capacity(text.len());
    percent_encode(text, &mut into);
    into
}

/// Reads a form-encoded piece (`+` is a space) and writes it as RFC 5849 section 3.6 wants it.
pub(super) fn recoded(piece: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(piece.len());
    let mut rest = piece;
    while let Some((first, after)) = rest.split_first() {
        let escape = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        rest = after;
        match (escape, first) {
            (Some((high, low)), _) => {
                bytes.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            (None, b'+') => bytes.push(b' '),
            (None, byte) => bytes.push(*byte),
        }
    }
    let mut into = String::with_capacity(bytes.len());
    percent_encode(&bytes, &mut into);
    into
}

fn hex(digit: u8) -> Option<u8> {
    let value = char::from(digit).to_digit(16)?;
    u8::try_from(value).ok()
}
