//! The claims of an identity token (RFC 7519 section 4.1) and what must hold for them.

use super::fault::TokenFault;
use super::strict_json::{Json, Object};

/// How far the issuer's clock and ours may differ, in seconds.
pub(super) const LEEWAY: u64 = 60;

/// The last second of the year 9999: dates beyond it are refused, not computed with.
const LATEST: u64 = 253_402_300_799;

const MAX_AUDIENCES: usize = 32;

/// The claims as read; nothing is checked against the policy yet.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) audiences: Vec<String>,
    pub(super) times: Times,
}

/// The dates of a token, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    expires: u64,
    not_before: Option<u64>,
    issued: Option<u64>,
}

impl Claims {
    /// Reads the payload of a token. `iss`, `sub`, `aud` and `exp` are required.
    pub(super) fn read(payload: &[u8]) -> Result<Self, TokenFault> {
        let claims = Object::parse(payload).ok_or(TokenFault::ClaimsNotJson)?;
        Self::of(&claims)
    }

    /// Takes the claims from a payload that was read.
    pub(super) fn of(claims: &Object) -> Result<Self, TokenFault> {
        Ok(Self {
            issuer: text(claims, "iss")?,
            subject: text(claims, "sub")?,
            audiences: audiences(claims)?,
            times: Times {
                expires: date(claims, "exp")?.ok_or(TokenFault::ClaimMalformed)?,
                not_before: date(claims, "nbf")?,
                issued: date(claims, "iat")?,
            },
        })
    }
}

/// The e-mail address (OpenID Connect Core section 5.1), if the token says that it is verified.
pub(super) fn email(claims: &Object) -> Result<Option<String>, TokenFault> {
    match (claims.get("email"), claims.get("email_verified")) {
        (Some(Json::Text(email)), Some(Json::Bool(true))) => Ok(Some(email.clone())),
        (None | Some(Json::Text(_)), None | Some(Json::Bool(_))) => Ok(None),
        _ => Err(TokenFault::ClaimMalformed),
    }
}

impl Times {
    /// Checks the dates against `now`, with [`LEEWAY`], and the span from issue to expiry against
    /// `max_lifetime` seconds. Without `iat` the span counts from now.
    pub(super) fn check(&self, now: u64, max_lifetime: u64) -> Result<(), TokenFault> {
        if self.expires.saturating_add(LEEWAY) <= now {
            return Err(TokenFault::Expired);
        }
        let latest_start = now.saturating_add(LEEWAY);
        if self.not_before.is_some_and(|t| t > latest_start)
            || self.issued.is_some_and(|t| t > latest_start)
        {
            return Err(TokenFault::NotYetValid);
        }
        let (start, slack) = self.issued.map_or((now, LEEWAY), |issued| (issued, 0));
        if self.expires.saturating_sub(start) > max_lifetime.saturating_add(slack) {
            return Err(TokenFault::LivesTooLong);
        }
        Ok(())
    }
}

fn text(claims: &Object, name: &str) -> Result<String, TokenFault> {
    claims
        .text(name)
        .filter(|t| !t.is_empty())
        .map(str::to_owned)
        .ok_or(TokenFault::ClaimMalformed)
}

fn audiences(claims: &Object) -> Result<Vec<String>, TokenFault> {
    match claims.get("aud") {
        Some(Json::Text(one)) => Ok(vec![one.clone()]),
        Some(Json::List(many)) if many.len() <= MAX_AUDIENCES => many
            .iter()
            .map(|item| match item {
                Json::Text(text) => Ok(text.clone()),
                _ => Err(TokenFault::ClaimMalformed),
            })
            .collect(),
        _ => Err(TokenFault::ClaimMalformed),
    }
}

fn date(claims: &Object, name: &str) -> Result<Option<u64>, TokenFault> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Whole(seconds)) if *seconds <= LATEST => Ok(Some(*seconds)),
        Some(_) => Err(TokenFault::DateMalformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn check(dates: &str) -> Result<(), TokenFault> {
        let payload = format!(r#"{{"iss":"i","sub":"s","aud":"a",{dates}}}"#);
        Claims::read(payload.as_bytes())?.times.check(NOW, 3600)
    }

    #[test]
    fn dates_hold_to_the_second_at_the_edges_of_the_leeway() {
        let at = |name: &str, offset: i64| {
            let date = NOW.checked_add_signed(offset).unwrap();
            if name == "exp" {
                format!(r#""exp":{date}"#)
            } else {
                format!(r#""exp":{},"{name}":{date}"#, NOW + 60)
            }
        };
        let table = [
            (at("exp", -59), Ok(())),
            (at("exp", -60), Err(TokenFault::Expired)),
            (at("exp", 3660), Ok(())),
            (at("exp", 3661), Err(TokenFault::LivesTooLong)),
            (at("nbf", 60), Ok(())),
            (at("nbf", 61), Err(TokenFault::NotYetValid)),
            (at("iat", 60), Ok(())),
            (at("iat", 61), Err(TokenFault::NotYetValid)),
            (at("iat", 60 - 3600), Ok(())),
            (at("iat", 60 - 3601), Err(TokenFault::LivesTooLong)),
        ];
        for (dates, expected) in table {
            assert_eq!(check(&dates), expected, "{dates}");
        }
    }

    #[test]
    fn dates_are_whole_numbers_in_range() {
        for exp in [
            "1e10",
            "1800000100.0",
            "\"1800000100\"",
            "-1",
            "null",
            "true",
            "[1]",
        ] {
            assert_eq!(
                check(&format!(r#""exp":{exp}"#)),
                Err(TokenFault::DateMalformed),
                "{exp}"
            );
        }
        for exp in [
            "253402300800",
            "18446744073709551615",
            "18446744073709551616",
        ] {
            let fault = check(&format!(r#""exp":{exp}"#));
            assert_eq!(fault, Err(TokenFault::DateMalformed), "{exp}");
        }
        assert_eq!(check(r#""iat":1"#), Err(TokenFault::ClaimMalformed));
    }
}
