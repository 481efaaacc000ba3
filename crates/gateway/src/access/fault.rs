//! Why an identity token does not verify. For the log only: a caller never learns the reason.

/// The reason a token is refused. Its text names no value of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum TokenFault {
    /// More than one `Authorization` or `X-Serverless-Authorization` header.
    #[error("more than one `Authorization` or `X-Serverless-Authorization` header")]
    HeaderRepeated,
    /// The header is not `Bearer`, one space and a token of base64url characters and dots.
    #[error(
        "the `Authorization` or `X-Serverless-Authorization` header is not `Bearer`, one space and a compact token"
    )]
    HeaderMalformed,
    /// Longer than [`super::jws::MAX_TOKEN_BYTES`].
    #[error("the token is too long")]
    TooLong,
    /// Not three parts; an encrypted token (RFC 7516) has five.
    #[error("the token does not have three parts")]
    NotThreeParts,
    /// A part is not unpadded, canonical base64url (RFC 7515 section 2).
    #[error("a part of the token is not canonical base64url")]
    NotBase64Url,
    /// The header is not one JSON object with distinct names.
    #[error("the token's header is not one plain JSON object")]
    HeaderNotJson,
    /// The claims are not one JSON object with distinct names.
    #[error("the token's claims are not one plain JSON object")]
    ClaimsNotJson,
    /// `alg` is missing, not a string, or none of the signature algorithms known here.
    #[error("the token's algorithm is not a known signature algorithm")]
    AlgorithmUnknown,
    /// `alg` is not pinned for the issuer.
    #[error("the token's algorithm is not listed for its issuer")]
    AlgorithmNotPinned,
    /// The header has `crit`, `b64`, `zip`, `enc` or `cty`, none of which is understood here.
    #[error("the token's header uses an extension that is not understood")]
    ExtensionNotUnderstood,
    /// `typ` says that this is something other than a JWT or an access token.
    #[error("the token's header names another type")]
    TypeNotAccepted,
    /// `kid` is not a string of 1 to 256 bytes.
    #[error("the token's key id is not a string of 1 to 256 bytes")]
    KeyIdMalformed,
    /// No key with this id, and the issuer's keys were fetched a moment ago.
    #[error("the issuer has no key with the token's key id")]
    KeyUnknown,
    /// No key, or more than one, fits the token's algorithm and key id.
    #[error("not exactly one key of the issuer fits the token")]
    KeyAmbiguous,
    /// The signature does not match.
    #[error("the signature does not match")]
    SignatureMismatch,
    /// `iss` is missing or no issuer of the policy.
    #[error("the issuer is not trusted")]
    IssuerNotTrusted,
    /// A claim that is needed is missing or has the wrong type.
    #[error("a needed claim is missing or of the wrong type")]
    ClaimMalformed,
    /// `exp`, `nbf` or `iat` is not a whole number of seconds in the range of four-digit years.
    #[error("a date claim is not a whole number of seconds in range")]
    DateMalformed,
    /// Past `exp`.
    #[error("the token has expired")]
    Expired,
    /// Before `nbf`, or issued in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// The time between issue and expiry is longer than the policy allows.
    #[error("the token lives longer than the policy allows")]
    LivesTooLong,
    /// No client has this issuer, subject and audience.
    #[error("no client has the token's issuer, subject and audience")]
    NoClient,
    /// A token from which Cloud Run removed the signature, where it is not taken.
    #[error(
        "the token's signature was removed by Cloud Run, which is accepted only there and with HUSHGATE_PLATFORM_CALLERS=cloud-run"
    )]
    SignatureRemoved,
    /// A token without signature in `Authorization`, beside a header that the platform checks instead.
    #[error(
        "the token in `Authorization` has no signature, and beside `X-Serverless-Authorization` Cloud Run does not check it"
    )]
    NotChecked,
    /// No client has this Google account and audience.
    #[error("no client of `cloud_run` has the token's account and audience")]
    NoGoogleClient,
    /// The principal is neither an IAM user nor an assumed role, or its parts don't fit together.
    #[error("the platform's principal is not a well-formed IAM user or assumed role")]
    PrincipalNotTaken,
    /// No client is this principal.
    #[error("no client of `aws_iam` is the platform's principal")]
    NoPrincipal,
}
