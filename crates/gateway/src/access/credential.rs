//! What a request shows of its caller: a bearer token (RFC 6750 section 2.1), or the platform's word.
//!
//! Two headers carry tokens. Cloud Run checks `X-Serverless-Authorization` and, only without it,
//! `Authorization`; of what it checked it removes the signature, what it did not check it passes on
//! as it came. So a token without signature is the platform's only in the header that it checked.

use http::header::{AUTHORIZATION, CONNECTION, PROXY_AUTHORIZATION};
use http::{HeaderMap, HeaderName};

use crate::inbound::{AwsIam, Inbound, Vouched};
use crate::refusal::{Cause, Refusal};

use super::cloud_run::has_removed_signature;
use super::fault::TokenFault;
use super::jws::MAX_TOKEN_BYTES;
use super::platform::PlatformCallers;

const SCHEME: &str = "bearer";

const SERVERLESS: HeaderName = HeaderName::from_static("x-serverless-authorization");

/// Headers by which something in front of Cloud Run may have admitted the request instead: then a token
/// without signature was perhaps not looked at (Identity-Aware Proxy passes `Authorization` on unread).
const OTHER_PROOFS: [HeaderName; 2] = [
    PROXY_AUTHORIZATION,
    HeaderName::from_static("x-goog-iap-jwt-assertion"),
];

/// The one thing that decides who calls.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Credential<'r> {
    /// A token to verify here.
    Token(&'r str),
    /// A token that Cloud Run verified, without its signature.
    CheckedByCloudRun(&'r str),
    /// A principal that AWS verified.
    AwsIam(&'r AwsIam),
}

/// One of the two headers.
enum Shown<'r> {
    Absent,
    OtherScheme,
    Token(&'r str),
}

impl<'r> Credential<'r> {
    /// The token in `Authorization`, else that in `X-Serverless-Authorization`, else the platform's
    /// word. The first that is there decides; a bad one is never made up for by the next.
    ///
    /// # Errors
    /// `token-missing` without any; `token-invalid` for a repeated header, a token over
    /// [`MAX_TOKEN_BYTES`] or with a character that a compact JWS can't have, and for a token without
    /// signature anywhere but where the platform checked it.
    pub(super) fn of(
        inbound: &'r Inbound,
        platform: Option<PlatformCallers>,
    ) -> Result<Self, Refusal> {
        let own = Shown::read(&inbound.headers, &AUTHORIZATION)?;
        let serverless = Shown::read(&inbound.headers, &SERVERLESS)?;
        let (token, checked) = match (&own, &serverless) {
            (Shown::Token(token), other) => (token, matches!(other, Shown::Absent)),
            (_, Shown::Token(token)) => (token, true),
            _ => return Self::vouched(inbound, platform, &own),
        };
        if !has_removed_signature(token) {
            return Ok(Self::Token(token));
        }
        if platform != Some(PlatformCallers::CloudRun) {
            return Err(TokenFault::SignatureRemoved.into());
        }
        if !checked || may_be_unchecked(&inbound.headers) {
            return Err(TokenFault::NotChecked.into());
        }
        Ok(Self::CheckedByCloudRun(token))
    }

    fn vouched(
        inbound: &'r Inbound,
        platform: Option<PlatformCallers>,
        own: &Shown<'_>,
    ) -> Result<Self, Refusal> {
        match (&inbound.vouched, platform) {
            (Some(Vouched::AwsIam(principal)), Some(PlatformCallers::AwsIam)) => {
                Ok(Self::AwsIam(principal))
            }
            (Some(Vouched::AwsIam(_)), _) => Err(missing(
                "no bearer token; the platform names an IAM principal, which is read only with HUSHGATE_PLATFORM_CALLERS=aws-iam",
            )),
            (None, Some(PlatformCallers::CloudRun)) if matches!(own, Shown::Absent) => {
                Err(missing(
                    "no identity token, which Cloud Run lets through only if the service allows unauthenticated invocations: then HUSHGATE_PLATFORM_CALLERS=cloud-run must not be set",
                ))
            }
            (None, _) => Err(missing(match own {
                Shown::Absent => "no `Authorization` header",
                _ => "the `Authorization` scheme is not `Bearer`",
            })),
        }
    }
}

impl<'r> Shown<'r> {
    /// Reads a header that may stand once. The scheme's case does not matter.
    fn read(headers: &'r HeaderMap, name: &HeaderName) -> Result<Self, TokenFault> {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else {
            return Ok(Self::Absent);
        };
        if values.next().is_some() {
            return Err(TokenFault::HeaderRepeated);
        }
        let bytes = value.as_bytes();
        let scheme_end = bytes.iter().position(|b| *b == b' ').unwrap_or(bytes.len());
        let (scheme, rest) = bytes.split_at(scheme_end);
        if !scheme.eq_ignore_ascii_case(SCHEME.as_bytes()) {
            return Ok(Self::OtherScheme);
        }
        let token = rest.strip_prefix(b" ").unwrap_or_default();
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::TooLong);
        }
        std::str::from_utf8(token)
            .ok()
            .filter(|t| !t.is_empty() && t.bytes().all(is_compact_jws_byte))
            .map(Self::Token)
            .ok_or(TokenFault::HeaderMalformed)
    }
}

/// Whether the platform may have checked something other than what arrived here.
fn may_be_unchecked(headers: &HeaderMap) -> bool {
    // A header that `Connection` names is taken away on the way (RFC 9110 section 7.6.1): perhaps the
    // very one that was checked.
    let names_ours = |name: &[u8]| {
        let name = name.trim_ascii();
        [AUTHORIZATION, SERVERLESS]
            .iter()
            .any(|ours| name.eq_ignore_ascii_case(ours.as_str().as_bytes()))
    };
    let mut dropped = headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|b| *b == b','));
    // Some servers read `a_b` as `a-b`.
    headers.keys().any(|name| name.as_str().contains('_'))
        || OTHER_PROOFS.iter().any(|name| headers.contains_key(name))
        || dropped.any(names_ours)
}

fn is_compact_jws_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

fn missing(detail: &str) -> Refusal {
    Refusal::new(Cause::TokenMissing, detail)
}

#[cfg(test)]
mod tests;
