//! The end of an X.509 certificate: the one value that is read of it (RFC 5280 section 4.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::time;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0] EXPLICIT Version`.
const VERSION: u8 = 0xa0;

/// Seconds since 1970 at which the first certificate of a PEM text ends (`notAfter`).
pub(super) fn end(pem: &str) -> Option<u64> {
    let (_, after) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = after.split_once("-----END CERTIFICATE-----")?;
    // Environment variables often have line breaks as two characters.
    let body: String = body.replace("\\n", "").split_whitespace().collect();
    let der = STANDARD.decode(body).ok()?;
    let (certificate, _) = element(&der, SEQUENCE)?;
    let (tbs, _) = element(certificate, SEQUENCE)?;
    let tbs = element(tbs, VERSION).map_or(tbs, |(_, rest)| rest);
    let (_serial, tbs) = element(tbs, INTEGER)?;
    let (_algorithm, tbs) = element(tbs, SEQUENCE)?;
    let (_issuer, tbs) = element(tbs, SEQUENCE)?;
    let (validity, _) = element(tbs, SEQUENCE)?;
    let (_, not_after) = moment(validity)?;
    moment(not_after).map(|(seconds, _)| seconds)
}

/// A time, and what follows it.
fn moment(der: &[u8]) -> Option<(u64, &[u8])> {
    let (text, rest, century) = if let Some((text, rest)) = element(der, UTC_TIME) {
        let year: u32 = std::str::from_utf8(text.get(..2)?).ok()?.parse().ok()?;
        // RFC 5280 section 4.1.2.5.1.
        (text, rest, if year < 50 { "20" } else { "19" })
    } else {
        let (text, rest) = element(der, GENERALIZED_TIME)?;
        (text, rest, "")
    };
    let text = format!("{century}{}", std::str::from_utf8(text).ok()?);
    let part = |from: usize, to: usize| text.get(from..to);
    let written = format!(
        "{}-{}-{}T{}:{}:{}{}",
        part(0, 4)?,
        part(4, 6)?,
        part(6, 8)?,
        part(8, 10)?,
        part(10, 12)?,
        part(12, 14)?,
        part(14, text.len()).filter(|zone| *zone == "Z")?
    );
    Some((time::rfc3339(&written)?, rest))
}

/// The content of a DER element with this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            let length = bytes.iter().fold(0, |sum, b| (sum << 8) | usize::from(*b));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    (*found == tag).then_some((content, rest))
}
