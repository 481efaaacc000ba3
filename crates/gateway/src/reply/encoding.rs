//! Compression of answers: gzip, when the caller takes it.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderValue};

/// Bodies below this many bytes gain nothing from compression.
const WORTH_IT: usize = 1024;

/// The body, compressed if the request takes gzip; sets `content-encoding` and `vary`.
pub(super) fn compress(body: Bytes, request: &HeaderMap, headers: &mut HeaderMap) -> Bytes {
    if body.len() < WORTH_IT || headers.contains_key(CONTENT_ENCODING) {
        return body;
    }
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if !takes_gzip(request) {
        return body;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    match encoder.write_all(&body).and_then(|()| encoder.finish()) {
        Ok(small) => {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Bytes::from(small)
        }
        Err(_) => body,
    }
}

/// Reads `Accept-Encoding` (RFC 9110 section 12.5.3); a malformed weight counts as refusal.
pub(super) fn takes_gzip(request: &HeaderMap) -> bool {
    let mut gzip = None;
    let mut star = None;
    let codings = request
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split(','));
    for coding in codings {
        let (name, parameters) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight(parameters);
        match name.trim().to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => gzip = Some(weight),
            "*" => star = Some(weight),
            _ => {}
        }
    }
    gzip.or(star).is_some_and(|w| w > 0)
}

/// The weight in thousandths.
fn weight(parameters: &str) -> u16 {
    let parameters = parameters.trim();
    if parameters.is_empty() {
        return 1000;
    }
    let Some(text) = parameters
        .strip_prefix("q=")
        .or_else(|| parameters.strip_prefix("Q="))
    else {
        return 0;
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return 0;
    }
    let thousandths = format!("{fraction:0<3}").parse().unwrap_or(0);
    match whole {
        "1" if thousandths == 0 => 1000,
        "0" => thousandths,
        _ => 0,
    }
}
