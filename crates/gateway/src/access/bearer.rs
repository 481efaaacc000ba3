//! The bearer token in a request's headers (RFC 6750 section 2.1).

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::refusal::{Cause, Refusal};

use super::fault::TokenFault;
use super::jws::MAX_TOKEN_BYTES;

const SCHEME: &str = "bearer";

/// The token of the one `Authorization: Bearer` header. The scheme's case does not matter.
///
/// # Errors
/// `token-missing` without the header or with another scheme; `token-invalid` for several headers,
/// a token over [`MAX_TOKEN_BYTES`], or any character that a compact JWS can't have.
pub(super) fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values
        .next()
        .ok_or_else(|| missing("no `Authorization` header"))?;
    if values.next().is_some() {
        return Err(TokenFault::HeaderRepeated.into());
    }
    let bytes = value.as_bytes();
    let scheme_end = bytes.iter().position(|b| *b == b' ').unwrap_or(bytes.len());
    let (scheme, rest) = bytes.split_at(scheme_end);
    if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) {
        return Err(missing("the `Authorization` scheme is not `Bearer`"));
    }
    let token = rest.strip_prefix(b" ").unwrap_or_default();
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenFault::TooLong.into());
    }
    std::str::from_utf8(token)
        .ok()
        .filter(|t| !t.is_empty() && t.bytes().all(is_compact_jws_byte))
        .ok_or_else(|| TokenFault::HeaderMalformed.into())
}

fn is_compact_jws_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn missing(detail: &str) -> Refusal {
    Refusal::new(Cause::TokenMissing, detail)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn read(values: &[&[u8]]) -> Result<String, (Cause, String)> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        token(&headers)
            .map(str::to_owned)
            .map_err(|r| (r.cause(), r.detail().to_owned()))
    }

    #[test]
    fn takes_one_bearer_token_whatever_the_case_of_the_scheme() {
        for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
            let value = format!("{scheme} a.b-_9.c");
            assert_eq!(read(&[value.as_bytes()]).unwrap(), "a.b-_9.c");
        }
    }

    #[test]
    fn says_missing_only_when_no_bearer_token_was_sent() {
        let none: &[&[u8]] = &[];
        assert_eq!(read(none).unwrap_err().0, Cause::TokenMissing);
        for other in ["Basic YTpi", "", "Bearers a.b.c", "Bearer\ta.b.c", "a.b.c"] {
            assert_eq!(
                read(&[other.as_bytes()]).unwrap_err().0,
                Cause::TokenMissing,
                "{other:?}"
            );
        }
    }

    #[test]
    fn refuses_malformed_headers_as_invalid_tokens() {
        let long = [b"Bearer ".as_slice(), &vec![b'a'; MAX_TOKEN_BYTES + 1]].concat();
        let cases: &[&[&[u8]]] = &[
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Bearer  a.b.c"],
            &[b"Bearer a.b.c d"],
            &[b"Bearer a.b.c,Bearer d.e.f"],
            &[b"Bearer a.b.c="],
            &[b"Bearer a.b+c.d/e"],
            &[b"Bearer \"a.b.c\""],
            &[b"Bearer a.b.\xc3\xa9"],
            &[b"Bearer a.b.\xff"],
            &[b"Bearer a.b.c", b"Bearer a.b.c"],
            &[b"Basic YTpi", b"Bearer a.b.c"],
            &[&long],
        ];
        for case in cases {
            assert_eq!(read(case).unwrap_err().0, Cause::TokenInvalid, "{case:?}");
        }
    }
}
