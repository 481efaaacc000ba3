//! Identity tokens that Google Cloud Run verified before the request came here.
//!
//! The platform checks signature, audience and permission to invoke, and puts a mark in place of the
//! signature (<https://cloud.google.com/run/docs/troubleshooting#signature-removed>). Nothing here can
//! tell a marked token from a forged one: [`super::credential`] says where one is believed.

use super::algorithm::Algorithm;
use super::claims::{Claims, email};
use super::fault::TokenFault;
use super::jws::Jws;
use super::policy::GoogleAccount;
use super::strict_json::Object;

/// What stands in place of the signature, to the letter.
const MARK: &str = "SIGNATURE_REMOVED_BY_GOOGLE";

/// The issuer of the tokens that Cloud Run accepts, exactly as they give it.
const ISSUER: &str = "https://accounts.google.com";

/// How long Google's identity tokens live, in seconds.
const MAX_LIFETIME: u64 = 60 * 60;

/// Whether the platform's mark stands in place of the token's signature.
pub(super) fn has_removed_signature(token: &str) -> bool {
    token
        .rsplit_once('.')
        .is_some_and(|(_, signature)| signature == MARK)
}

/// What a token says whose signature the platform checked and removed.
///
/// # Errors
/// Everything that would be wrong with a signed token, apart from the signature.
pub(super) fn read(token: &str, now: u64) -> Result<GoogleAccount, TokenFault> {
    // The mark happens to be canonical base64url, so that the token has the form of any other.
    let jws = Jws::parse(token)?;
    if jws.algorithm() != Algorithm::Rs256 {
        return Err(TokenFault::AlgorithmNotPinned);
    }
    let payload = Object::parse(jws.payload()).ok_or(TokenFault::ClaimsNotJson)?;
    let claims = Claims::of(&payload)?;
    if claims.issuer != ISSUER {
        return Err(TokenFault::IssuerNotTrusted);
    }
    claims.times.check(now, MAX_LIFETIME)?;
    Ok(GoogleAccount {
        subject: claims.subject,
        email: email(&payload)?,
        audiences: claims.audiences,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_recognized_to_the_letter() {
        assert!(has_removed_signature("a.b.SIGNATURE_REMOVED_BY_GOOGLE"));
        for other in [
            "a.b.signature_removed_by_google",
            "a.b.SIGNATURE_REMOVED_BY_GOOGLE_",
            "a.b.SIGNATURE_REMOVED_BY_GOOGL",
            "a.b.SIGNATURE-REMOVED-BY-GOOGLE",
            "a.b.SIGNATURE_REMOVED_BY_GOOGLE.",
            "a.SIGNATURE_REMOVED_BY_GOOGLE.b",
            "SIGNATURE_REMOVED_BY_GOOGLE",
            "a.b.",
            "",
        ] {
            assert!(!has_removed_signature(other), "{other}");
        }
    }
}
