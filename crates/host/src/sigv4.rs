//! AWS Signature Version 4 for requests with their whole body in memory
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
//!
//! Written here because the official crate brings fourteen further crates for this one signature; the
//! tests hold it to signatures that AWS published and to those of another implementation.

use std::fmt::Write as _;

use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// An access key. It has no `Debug` and is erased when dropped.
#[derive(Clone)]
pub struct AccessKey {
    /// The public part.
    pub id: String,
    /// The part that signs.
    pub secret: Zeroizing<String>,
    /// Of temporary keys.
    pub session: Option<Zeroizing<String>>,
}

/// What a signature is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Such as `eu-central-1`.
    pub region: String,
    /// Such as `lambda`.
    pub service: String,
}

/// The access key can't be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the AWS access key has characters that can't stand in a header")]
pub struct KeyUnusable;

/// Signs a request that has its `Host`; `time` is in seconds since 1970.
///
/// # Errors
/// When a key has characters that can't stand in a header.
pub fn sign(
    request: &mut Request<Bytes>,
    key: &AccessKey,
    scope: &Scope,
    time: u64,
) -> Result<(), KeyUnusable> {
    let stamp = stamp(time);
    let payload = hex(&Sha256::digest(request.body()));
    let headers = request.headers_mut();
    put(headers, "x-amz-date", &stamp)?;
    put(headers, "x-amz-content-sha256", &payload)?;
    if let Some(session) = &key.session {
        put(headers, "x-amz-security-token", session)?;
    }
    let signed = signed_headers(request.headers());
    let target = (request.uri().path(), request.uri().query().unwrap_or(""));
    let canonical = canonical(request.method().as_str(), target, &signed, &payload);
    let names = names(&signed);
    let day = stamp.get(..8).unwrap_or_default();
    let range = format!("{day}/{}/{}/aws4_request", scope.region, scope.service);
    let signature = signature(&canonical, key, scope, &stamp, &range);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{range}, SignedHeaders={names}, Signature={signature}",
        key.id
    );
    put(request.headers_mut(), "authorization", &authorization)
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), KeyUnusable> {
    let mut value = HeaderValue::from_str(value).map_err(|_| KeyUnusable)?;
    value.set_sensitive(true);
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

/// The headers that say what is asked and for whom, sorted, with values trimmed and their spaces folded.
fn signed_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let counts = |name: &str| {
        matches!(name, "host" | "content-type")
            || ["x-amz-", "x-hushgate-", "x-psoxy-"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
    };
    let mut signed: Vec<_> = headers
        .keys()
        .filter(|name| counts(name.as_str()))
        .map(|name| {
            let values = headers.get_all(name).iter();
            let values: Vec<_> = values
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
                .map(|value| value.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
                .collect();
            (name.as_str().to_owned(), values.join(","))
        })
        .collect();
    signed.sort();
    signed
}

fn names(signed: &[(String, String)]) -> String {
    let names: Vec<_> = signed.iter().map(|(name, _)| name.as_str()).collect();
    names.join(";")
}

fn canonical(
    method: &str,
    (path, query): (&str, &str),
    signed: &[(String, String)],
    payload: &str,
) -> String {
    let mut text = format!(
        "{method}\n{}\n{}\n",
        canonical_path(path),
        canonical_query(query)
    );
    for (name, value) in signed {
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = write!(text, "\n{}\n{payload}", names(signed));
    text
}

/// Dot segments and empty segments removed, every segment encoded once more.
fn canonical_path(path: &str) -> String {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(encoded(other.as_bytes())),
        }
    }
    let mut text = format!("/{}", segments.join("/"));
    if path.ends_with('/') && text.len() > 1 {
        text.push('/');
    }
    text
}

/// Names and values decoded, encoded in the one way, and sorted.
fn canonical_query(query: &str) -> String {
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (encoded(&decoded(name)), encoded(&decoded(value)))
        })
        .collect();
    pairs.sort();
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join("&")
}

/// Percent-encoded, all but the unreserved characters of RFC 3986.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(*byte));
            }
            other => {
                let _ = write!(text, "%{other:02X}");
            }
        }
    }
    text
}

/// Percent-decoded; `+` is a space, as AWS reads it.
fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, escape(tail)) {
            (b'%', Some(escaped)) => {
                out.push(escaped);
                rest = tail.get(2..).unwrap_or_default();
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(*other),
        }
    }
    out
}

/// The byte that two hexadecimal digits at the start stand for.
fn escape(text: &[u8]) -> Option<u8> {
    let [high, low, ..] = text else {
        return None;
    };
    Some(digit(*high)? * 16 + digit(*low)?)
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

fn signature(canonical: &str, key: &AccessKey, scope: &Scope, stamp: &str, range: &str) -> String {
    let day = stamp.get(..8).unwrap_or_default();
    let start = Zeroizing::new(format!("AWS4{}", key.secret.as_str()));
    let mut derived = mac(start.as_bytes(), day);
    for part in [
        scope.region.as_str(),
        scope.service.as_str(),
        "aws4_request",
    ] {
        derived = mac(&*derived, part);
    }
    let digest = hex(&Sha256::digest(canonical.as_bytes()));
    let text = format!("{ALGORITHM}\n{stamp}\n{range}\n{digest}");
    hex(&*mac(&*derived, &text))
}

fn mac(key: &[u8], text: &str) -> Zeroizing<[u8; 32]> {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        unreachable!("HMAC takes keys of any length")
    };
    mac.update(text.as_bytes());
    Zeroizing::new(mac.finalize().into_bytes().into())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `20150830T123600Z` of seconds since 1970.
fn stamp(time: u64) -> String {
    let text = hushgate_gateway::time::rfc3339_text(time);
    text.replace(['-', ':'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One signature that is known from elsewhere; `headers` are `name:value` pairs.
    #[derive(serde::Deserialize)]
    struct Known {
        name: String,
        method: String,
        target: String,
        headers: Vec<(String, String)>,
        body: String,
        service: String,
        signature: String,
    }

    fn key() -> AccessKey {
        AccessKey {
            id: "AKIDEXAMPLE".to_owned(),
            secret: Zeroizing::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            session: None,
        }
    }

    #[test]
    fn makes_the_signatures_that_are_known_from_elsewhere() {
        let all: Vec<Known> = serde_json::from_str(include_str!("sigv4/known.json")).unwrap();
        assert!(all.len() >= 20);
        for known in all {
            let (path, query) = known.target.split_once('?').unwrap_or((&known.target, ""));
            let payload = hex(&Sha256::digest(&known.body));
            let text = canonical(&known.method, (path, query), &known.headers, &payload);
            let scope = Scope {
                region: "us-east-1".to_owned(),
                service: known.service.clone(),
            };
            let range = format!("20150830/us-east-1/{}/aws4_request", known.service);
            let made = signature(&text, &key(), &scope, &stamp(1_440_938_160), &range);
            assert_eq!(made, known.signature, "{}:\n{text}", known.name);
        }
    }

    #[test]
    fn signs_what_says_who_asks_for_what() {
        let mut request = Request::get("/v2/users?x=1").body(Bytes::new()).unwrap();
        for (name, value) in [
            ("host", "fn.example"),
            ("user-agent", "x"),
            ("x-hushgate-user-to-impersonate", " a   b "),
        ] {
            request
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        let mut temporary = key();
        temporary.session = Some(Zeroizing::new("SESSION".to_owned()));
        let scope = Scope {
            region: "eu-central-1".to_owned(),
            service: "lambda".to_owned(),
        };
        sign(&mut request, &temporary, &scope, 1_440_938_160).unwrap();
        let authorization = request.headers()["authorization"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-central-1/lambda/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-hushgate-user-to-impersonate, Signature="));
        assert_eq!(
            format!("{:?}", request.headers()["authorization"]),
            "Sensitive"
        );
        assert!(!format!("{request:?}").contains("SESSION"));
    }

    #[test]
    fn refuses_a_key_that_would_make_another_header() {
        let mut request = Request::get("/").body(Bytes::new()).unwrap();
        let mut bad = key();
        bad.session = Some(Zeroizing::new("a\r\nx-evil: 1".to_owned()));
        let scope = Scope {
            region: "r".to_owned(),
            service: "lambda".to_owned(),
        };
        assert!(sign(&mut request, &bad, &scope, 0).is_err());
    }

    #[test]
    fn writes_the_time_as_aws_does() {
        assert_eq!(stamp(0), "19700101T000000Z");
        assert_eq!(stamp(1_440_938_160), "20150830T123600Z");
        assert_eq!(stamp(1_709_164_799), "20240228T235959Z");
        assert_eq!(stamp(1_709_164_800), "20240229T000000Z");
    }
}
