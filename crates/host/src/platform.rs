//! The hosting cloud: the identity that it gives a function, for sources that take it in place of a
//! secret, and whether it is the cloud whose word about callers counts.
//!
//! No identity is fetched before a source asks for a token, and none is kept: each exchange takes a fresh
//! one. Which cloud it is is asked at the start, and only if callers depend on it.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hushgate_gateway::egress::Egress;
use hushgate_gateway::ports::{PlatformError, PlatformIdentity, Secret, SystemClock};

use crate::config::Environment;

mod aws;
mod cloud_run;
mod google;
mod metadata;

pub use aws::Aws;
pub(crate) use cloud_run::confirm as confirm_cloud_run;
pub use google::Google;

/// The most bytes of an identity token; those of both clouds have one to two thousand.
const LARGEST_TOKEN: usize = 16 * 1024;

/// Which cloud gives the identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformKind {
    /// The metadata server of Google Cloud.
    Google,
    /// Developer identities of Amazon Cognito.
    Aws,
}

impl PlatformKind {
    /// The words of `HUSHGATE_PLATFORM`.
    pub const WORDS: [&'static str; 2] = ["google", "aws"];

    /// The cloud whose identity the function has: the one that is named, or the one it runs on. A
    /// configuration with variables of two clouds was refused before.
    pub fn of(environment: &Environment) -> Option<Self> {
        match given(environment, "HUSHGATE_PLATFORM") {
            Some("google") => Some(Self::Google),
            Some("aws") => Some(Self::Aws),
            Some(_) => None,
            None if given(environment, "K_SERVICE").is_some() => Some(Self::Google),
            None => given(environment, "AWS_LAMBDA_FUNCTION_NAME").map(|_| Self::Aws),
        }
    }

    /// The identity of this cloud.
    pub(crate) fn identity(
        self,
        environment: &Environment,
        egress: &Egress,
    ) -> Arc<dyn PlatformIdentity> {
        match self {
            Self::Google => Arc::new(Google::new(environment)),
            Self::Aws => Arc::new(Aws::new(environment, egress.clone(), Arc::new(SystemClock))),
        }
    }
}

/// Whether a text is the id of a Cognito identity pool or of an identity in one.
pub(crate) fn is_pool_id(text: &str) -> bool {
    aws::region_of(text).is_some()
}

/// The value of a variable; blank counts as not set.
fn given<'a>(environment: &'a Environment, name: &str) -> Option<&'a str> {
    let value = environment.get(name)?.trim();
    (!value.is_empty()).then_some(value)
}

/// A text that has the form of a signed JWT (RFC 7515 section 7.1). The signature is the receiver's to check.
fn jwt(text: &str) -> Result<Secret, PlatformError> {
    let parts: Vec<&str> = text.split('.').collect();
    let fits = |part: &&str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let whole = text.len() <= LARGEST_TOKEN && parts.len() == 3 && parts.iter().all(fits);
    let header = parts.first().filter(|_| whole);
    let header = header.and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let header: Option<serde_json::Value> =
        header.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let signed = header.is_some_and(|header| header.get("alg").is_some_and(|alg| alg != "none"));
    if signed {
        return Ok(Secret::new(text));
    }
    Err(PlatformError::Unavailable(
        "its answer holds no signed JSON Web Token".to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Option<PlatformKind> {
        let pairs = pairs.iter();
        PlatformKind::of(
            &pairs
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
                .collect(),
        )
    }

    #[test]
    fn the_cloud_is_told_by_its_mark_and_the_setting_comes_first() {
        let (google, aws) = (("K_SERVICE", "fn"), ("AWS_LAMBDA_FUNCTION_NAME", "fn"));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[google]), Some(PlatformKind::Google));
        assert_eq!(of(&[aws]), Some(PlatformKind::Aws));
        let blank = of(&[("K_SERVICE", " "), aws]);
        assert_eq!(blank, Some(PlatformKind::Aws), "blank is not set");
        for (word, kind) in [("google", PlatformKind::Google), ("aws", PlatformKind::Aws)] {
            for mark in [google, aws] {
                let chosen = of(&[mark, ("HUSHGATE_PLATFORM", word)]);
                assert_eq!(chosen, Some(kind));
            }
        }
    }

    #[test]
    fn takes_what_has_the_form_of_a_signed_token_only() {
        let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","typ":"JWT"}"#);
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        let good = format!("{head}.e30.c2ln");
        assert_eq!(jwt(&good).unwrap().reveal(), good);
        let long = format!("{head}.{}.c2ln", "a".repeat(LARGEST_TOKEN));
        for bad in [
            String::new(),
            "a.b".to_owned(),
            "a.b.c".to_owned(),
            format!("{head}.e30."),
            format!("{head}.e30.c2ln.x"),
            format!("{head}.e30.c2 ln"),
            format!("{head}.e30=.c2ln"),
            format!("{good}\r\n"),
            format!("{none}.e30.c2ln"),
            long,
        ] {
            assert!(jwt(&bad).is_err(), "{bad:.60}");
        }
    }
}
