//! A token in the compact form of RFC 7515 section 7.1, taken apart before anything is believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::algorithm::Algorithm;
use super::fault::TokenFault;
use super::strict_json::{Json, Object};

/// The longest token that is looked at.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The longest key id that is looked at.
pub const MAX_KID_BYTES: usize = 256;

/// Header members that change how the rest must be read. None is supported, so none is ignored
/// (RFC 7515 section 4.1.11, RFC 7797, RFC 7516); `cty` announces a nested token.
const NOT_UNDERSTOOD: [&str; 5] = ["crit", "b64", "zip", "enc", "cty"];

/// Values of `typ` that are accepted, in any case (RFC 7519 section 5.1, RFC 9068 section 2.1).
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// A well-formed token whose signature was not checked yet.
///
/// The header's `jku`, `x5u`, `jwk`, `x5c` and `x5t` are never read: keys come from the issuer
/// that the access policy names, from nowhere else.
#[derive(Debug)]
pub struct Jws<'t> {
    algorithm: Algorithm,
    kid: Option<String>,
    signing_input: &'t [u8],
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    /// Takes a compact token apart.
    ///
    /// # Errors
    /// A [`TokenFault`] for the first rule the token breaks.
    pub fn parse(token: &'t str) -> Result<Self, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::TooLong);
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or(TokenFault::NotThreeParts)?;
        let (header, payload) = signing_input
            .split_once('.')
            .ok_or(TokenFault::NotThreeParts)?;
        if payload.contains('.') {
            return Err(TokenFault::NotThreeParts);
        }
        let header = Object::parse(&decode(header)?).ok_or(TokenFault::HeaderNotJson)?;
        if NOT_UNDERSTOOD.iter().any(|name| header.has(name)) {
            return Err(TokenFault::ExtensionNotUnderstood);
        }
        check_type(&header)?;
        Ok(Self {
            algorithm: header
                .text("alg")
                .and_then(Algorithm::from_name)
                .ok_or(TokenFault::AlgorithmUnknown)?,
            kid: read_kid(&header)?,
            signing_input: signing_input.as_bytes(),
            payload: decode(payload)?,
            signature: decode(signature)?,
        })
    }

    /// The algorithm the header names; believe it only if the issuer is pinned to it.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key id, an opaque text: it is compared, never interpreted.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The decoded payload.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What is signed: the header and the payload as they were sent.
    pub fn signing_input(&self) -> &[u8] {
        self.signing_input
    }

    /// The decoded signature.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

fn decode(part: &str) -> Result<Vec<u8>, TokenFault> {
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| TokenFault::NotBase64Url)
}

fn check_type(header: &Object) -> Result<(), TokenFault> {
    match header.get("typ") {
        None => Ok(()),
        Some(Json::Text(typ)) if TYPES.iter().any(|t| typ.eq_ignore_ascii_case(t)) => Ok(()),
        Some(_) => Err(TokenFault::TypeNotAccepted),
    }
}

fn read_kid(header: &Object) -> Result<Option<String>, TokenFault> {
    match header.get("kid") {
        None => Ok(None),
        Some(Json::Text(kid)) if (1..=MAX_KID_BYTES).contains(&kid.len()) => Ok(Some(kid.clone())),
        Some(_) => Err(TokenFault::KeyIdMalformed),
    }
}
