//! Why a vendor refused a credential: one of few causes, each with a code and a next step.
//!
//! A vendor says it with an error code, a number or a sentence. These are compared with a table; none
//! of the vendor's text goes any further. What a refusal leaves open, the facts of the connection can
//! settle: its age, how long it lay unused, whether its refresh token changes with its use.

use std::time::Duration;

use serde_json::Value;

use super::source::Grant;

mod evidence;
mod table;
#[cfg(test)]
mod tests;

pub use evidence::RECORD_ENTRY;
pub(super) use evidence::{gather, last_use};
use table::{ERRORS, NUMBERS, SENTENCES};

/// The longest text of a refusal that is looked at.
const LONGEST_TEXT: usize = 2048;
const DAY: Duration = Duration::from_hours(24);

/// Why a credential was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Diagnosis {
    /// The grant was revoked at the vendor.
    Revoked,
    /// The vendor does not say whether the grant expired or was revoked.
    RevokedOrExpired,
    /// The vendor does not know the refresh token.
    RefreshTokenUnknown,
    /// The refresh token lay unused for too long.
    IdleTooLong,
    /// The consent has reached its longest life.
    LifetimeEnded,
    /// Somebody else used the refresh token, and has its successor.
    RotatedElsewhere,
    /// The vendor's app is in test mode, where consents end after a week.
    TestModeExpired,
    /// The clocks differ.
    ClockSkew,
    /// The vendor does not know this client id with this secret.
    ClientChanged,
    /// The client's secret has expired.
    ClientSecretExpired,
    /// The app is disabled or deleted at the vendor.
    ClientDisabled,
    /// The signature fits no key that the vendor has of this client.
    KeyUnknown,
    /// Nobody with the right to do so consented to what is asked for.
    ConsentMissing,
    /// A scope is unknown or not granted.
    WrongScope,
    /// The tenant, domain or organization is not the one the client belongs to.
    WrongTenant,
    /// An id is not of the kind that is wanted here.
    WrongId,
    /// The trust between the cloud's identity and the client does not fit.
    FederationMismatch,
    /// The user who consented or is acted for is not active.
    AccountInactive,
    /// The user to act for does not exist.
    UserUnknown,
    /// User name or password are wrong.
    WrongPassword,
    /// The vendor wants a person to sign in again.
    SignInNeeded,
    /// A policy of the account forbids it.
    PolicyBlocked,
    /// The client is not of the kind that may use this grant.
    WrongAppKind,
    /// A parameter is missing or wrong.
    RequestWrong,
    /// The refusal says nothing that is known.
    Unknown,
}

/// What is known of a connection beside a refusal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The time since the consent.
    pub age: Option<Duration>,
    /// The time since the refresh token was used last.
    pub unused: Option<Duration>,
    /// The longest life of a consent.
    pub longest_life: Option<Duration>,
    /// The longest time without use.
    pub longest_idle: Option<Duration>,
    /// Whether the refresh token changes with its use.
    pub rotates: bool,
}

impl Diagnosis {
    /// All causes, in the order of the documentation.
    pub const ALL: &'static [Self] = &[
        Self::Revoked,
        Self::RevokedOrExpired,
        Self::RefreshTokenUnknown,
        Self::IdleTooLong,
        Self::LifetimeEnded,
        Self::RotatedElsewhere,
        Self::TestModeExpired,
        Self::ClockSkew,
        Self::ClientChanged,
        Self::ClientSecretExpired,
        Self::ClientDisabled,
        Self::KeyUnknown,
        Self::ConsentMissing,
        Self::WrongScope,
        Self::WrongTenant,
        Self::WrongId,
        Self::FederationMismatch,
        Self::AccountInactive,
        Self::UserUnknown,
        Self::WrongPassword,
        Self::SignInNeeded,
        Self::PolicyBlocked,
        Self::WrongAppKind,
        Self::RequestWrong,
        Self::Unknown,
    ];

    /// The stable code.
    pub fn code(self) -> &'static str {
        self.facts().0
    }

    /// What is wrong, for people.
    pub fn meaning(self) -> &'static str {
        self.facts().1
    }

    /// What to do.
    pub fn next_step(self) -> &'static str {
        self.facts().2
    }

    /// Whether the grant itself is not accepted any more, so that only a new consent, key or password
    /// helps; not the client, its permissions or the request.
    pub fn ends_grant(self) -> bool {
        matches!(
            self,
            Self::Revoked
                | Self::RevokedOrExpired
                | Self::RefreshTokenUnknown
                | Self::IdleTooLong
                | Self::LifetimeEnded
                | Self::RotatedElsewhere
                | Self::TestModeExpired
                | Self::SignInNeeded
        )
    }

    /// The cause, as far as the facts of the connection settle what the refusal left open.
    #[must_use]
    pub fn settled(self, facts: &Evidence) -> Self {
        if !matches!(self, Self::RevokedOrExpired | Self::RefreshTokenUnknown) {
            return self;
        }
        let reached = |time: Option<Duration>, limit: Option<Duration>| {
            time.zip(limit).is_some_and(|(time, limit)| time >= limit)
        };
        // Google ends consents of an app in test mode after seven days.
        let week = facts
            .age
            .is_some_and(|age| (7 * DAY..8 * DAY).contains(&age));
        if reached(facts.age, facts.longest_life) {
            Self::LifetimeEnded
        } else if reached(facts.unused, facts.longest_idle) {
            Self::IdleTooLong
        } else if self == Self::RevokedOrExpired && week {
            Self::TestModeExpired
        } else if self == Self::RefreshTokenUnknown && facts.rotates && facts.unused.is_some() {
            Self::RotatedElsewhere
        } else if !facts.rotates && facts.age.is_some() && facts.unused.is_some() {
            Self::Revoked
        } else {
            self
        }
    }

    /// The cause for a grant: without a refresh token, a grant that is not known is something else, and
    /// a login that is not let in needs no words.
    #[must_use]
    pub(super) fn of_grant(self, grant: Grant, status: u16) -> Self {
        if self == Self::Unknown && grant == Grant::Login && status == 401 {
            return Self::WrongPassword;
        }
        if self != Self::RefreshTokenUnknown || grant.refreshes() {
            return self;
        }
        match grant {
            Grant::JwtBearer | Grant::GithubApp => Self::KeyUnknown,
            Grant::Password | Grant::Login => Self::WrongPassword,
            _ => Self::RequestWrong,
        }
    }

    fn facts(self) -> (&'static str, &'static str, &'static str) {
        let found = table::CAUSES.iter().find(|(cause, ..)| *cause == self);
        found.map_or(("unknown", "", ""), |(_, code, meaning, step)| {
            (code, meaning, step)
        })
    }
}

/// What a refusal says, reduced to what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) cause: Diagnosis,
    /// The error code, if it is a known one.
    pub(super) error: Option<&'static str>,
    /// The number that the vendor documents.
    pub(super) number: Option<u64>,
}

/// Compares a refusal with what is known of vendors' refusals.
pub(super) fn read(status: u16, answer: Option<&Value>) -> Finding {
    let text = |name: &str| answer.and_then(|a| a.get(name)).and_then(Value::as_str);
    let told = text("error").or_else(|| {
        // Some put an object there.
        let inner = answer.and_then(|a| a.get("error"))?;
        inner.get("status").or(inner.get("code"))?.as_str()
    });
    let known = ERRORS.iter().find(|(name, _)| Some(*name) == told);
    let sentence = sentence(answer);
    let number = number(answer, &sentence);
    let by_number = number.and_then(|n| NUMBERS.iter().find(|(known, _)| *known == n));
    let by_sentence = || {
        SENTENCES.iter().find(|row| {
            row.error.is_none_or(|error| told == Some(error)) && sentence.contains(row.text)
        })
    };
    let cause = by_number
        .map(|(_, cause)| *cause)
        .or_else(|| by_sentence().map(|row| row.cause))
        .or(known.map(|(_, cause)| *cause))
        .unwrap_or(match status {
            // An address with a tenant's or an installation's id that is not there.
            404 => Diagnosis::WrongId,
            _ => Diagnosis::Unknown,
        });
    Finding {
        cause,
        error: known.map(|(name, _)| *name),
        number,
    }
}

/// The sentences of a refusal, in lower case, for comparison only.
fn sentence(answer: Option<&Value>) -> String {
    let places = [
        "error_description",
        "error_subtype",
        "message",
        "reason",
        "error",
    ];
    let mut sentence = String::new();
    for place in places {
        let value = answer.and_then(|a| a.get(place));
        let value = value.map(|v| v.get("message").unwrap_or(v));
        let Some(text) = value.and_then(Value::as_str) else {
            continue;
        };
        for c in text.chars().take(LONGEST_TEXT) {
            sentence.push(c.to_ascii_lowercase());
        }
        sentence.push('\n');
    }
    sentence
}

/// The number beside the error code: a member, or in Microsoft's sentences `AADSTS` with digits.
fn number(answer: Option<&Value>, sentence: &str) -> Option<u64> {
    let listed = answer.and_then(|a| a.get("error_codes")?.get(0)?.as_u64());
    let told = || {
        let (_, after) = sentence.split_once("aadsts")?;
        let digits: String = after
            .chars()
            .take_while(char::is_ascii_digit)
            .take(9)
            .collect();
        digits.parse().ok()
    };
    listed.or_else(told).filter(|n| *n < 100_000_000)
}
