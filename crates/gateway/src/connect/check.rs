//! Looking at the account behind a connection: does the credential work, whose is it, give it up.
//!
//! What is asked is declared by the source (`validate`, `profile`, `revoke`). Answers are capped and
//! never followed elsewhere. The account's name and the vendor's message are for the terminal of the
//! person who sets the connection up; neither is in an error's text or `Debug`, so no log has them.

use std::time::Duration;

use serde_json::Value;

use super::diagnosis::Diagnosis;
use super::fault::ConnectFault;
use super::source::{LEAST_TOKEN_LIFE, Profile, Revoke};
use super::{Connector, ConnectorParts};
use crate::codes;
use crate::refusal::Refusal;

mod call;
mod revoke;
mod text;

pub use text::VendorText;

use call::{Check, first};

/// Longest name or address of an account that is shown, in characters.
const LONGEST_NAME: usize = 200;

/// What is known of the account after its credential worked.
#[derive(Debug, Clone, Default)]
pub struct Validated {
    /// Whether the vendor was asked; `false` when the source declares no call for that, and all that
    /// is known is that a credential could be had.
    pub asked: bool,
    /// The account's name.
    pub account_name: Option<VendorText>,
    /// The account's e-mail address.
    pub email: Option<VendorText>,
}

/// What became of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    /// The vendor confirmed it.
    AtVendor,
    /// The source declares no revocation; it is done on the vendor's pages.
    NotDeclared,
}

/// Why a check or a revocation failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckFault {
    /// The credential can't stand in the declared call.
    #[error("{}", .0.detail())]
    Credential(Refusal),
    /// No credential could be had, or the call could not be made or read.
    #[error(transparent)]
    Connect(#[from] ConnectFault),
    /// The vendor refused the call.
    #[error("the vendor refused the {what} with status {status}; {}", refused_hint(*.status))]
    Refused {
        /// What was asked: `check`, `profile`, `revocation`.
        what: &'static str,
        /// The status.
        status: u16,
        /// What the vendor says where the source declares its message.
        message: Option<VendorText>,
    },
    /// The vendor answered, but not as success is declared.
    #[error("the vendor answered the {what} with status {status}, but {problem}")]
    NotSuccess {
        /// What was asked.
        what: &'static str,
        /// The status.
        status: u16,
        /// What is missing.
        problem: String,
        /// What the vendor says where the source declares its message.
        message: Option<VendorText>,
    },
    /// The vendor can't serve at the moment.
    #[error("the vendor can't serve the {what} at the moment: status {status}; try again later")]
    Unavailable {
        /// What was asked.
        what: &'static str,
        /// The status.
        status: u16,
    },
    /// Instances of a function can't serve with tokens that end as soon as they are shared.
    #[error(
        "the vendor's access tokens live for {} s, and functions need {} s at least", .0.as_secs(), LEAST_TOKEN_LIFE.as_secs()
    )]
    TokenTooShort(Duration),
    /// There is nothing to revoke.
    #[error("there is no token to revoke; `{0}` is not in the store")]
    NothingToRevoke(String),
}

codes! {
    /// Codes of [`CheckFault`].
    enum FaultCode {
        Refused = "check-refused";
        NotSuccess = "check-not-success";
        Unavailable = "check-unavailable";
        TokenTooShort = "check-token-too-short";
        NothingToRevoke = "check-nothing-to-revoke";
    }
}

impl CheckFault {
    /// The codes of its own; docs/connections.md explains each.
    pub const CODES: &'static [&'static str] = FaultCode::ALL;

    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Credential(refusal) => refusal.cause().code(),
            Self::Connect(fault) => fault.code(),
            Self::Refused { .. } => FaultCode::Refused.text(),
            Self::NotSuccess { .. } => FaultCode::NotSuccess.text(),
            Self::Unavailable { .. } => FaultCode::Unavailable.text(),
            Self::TokenTooShort(_) => FaultCode::TokenTooShort.text(),
            Self::NothingToRevoke(_) => FaultCode::NothingToRevoke.text(),
        }
    }

    /// Why the credential was refused by the token endpoint, when it was.
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        match self {
            Self::Connect(fault) => fault.diagnosis(),
            _ => None,
        }
    }

    /// What the vendor says, for the terminal alone.
    pub fn vendor_message(&self) -> Option<&VendorText> {
        match self {
            Self::Refused { message, .. } | Self::NotSuccess { message, .. } => message.as_ref(),
            _ => None,
        }
    }
}

fn refused_hint(status: u16) -> &'static str {
    match status {
        401 => "check that the credential is the right one and has not ended",
        403 => "the credential is known but may not do this; compare its scopes and permissions",
        404 => "check the host and the ids in the settings",
        _ => "check the credential and the settings",
    }
}

impl Connector {
    /// Whether the credential works, and whose it is; for a source that acts for users, with the token
    /// of one of them. A 401 renews the credential once.
    ///
    /// # Errors
    /// When no credential can be had, the vendor refuses it, or does not answer as declared.
    pub async fn validate(&self, user: Option<&str>) -> Result<Validated, CheckFault> {
        let credential = self.obtain(user).await?;
        if let Some(life) = self.token_life(user)?.filter(|l| *l < LEAST_TOKEN_LIFE) {
            return Err(CheckFault::TokenTooShort(life));
        }
        let check = Check::new(self).await?;
        let account = &check.connector.source().auth.account;
        let mut answer = None;
        if let Some(call) = &account.validate {
            let (credential, response) = check.with_one_renewal(user, credential, call).await?;
            answer = Some(check.success(call, "check", &response, &[credential.token()])?);
        }
        let (account_name, email) = match &account.profile {
            None => (None, None),
            Some(profile) => {
                let own = self.profile(&check, user, profile).await?;
                let answer = own.or(answer).unwrap_or_default();
                (
                    first(&profile.account_name, &answer, LONGEST_NAME),
                    first(&profile.email, &answer, LONGEST_NAME),
                )
            }
        };
        let asks = account.profile.as_ref().is_some_and(|p| p.call.is_some());
        Ok(Validated {
            asked: account.validate.is_some() || asks,
            account_name,
            email: email.filter(|email| email.as_str().contains('@')),
        })
    }

    async fn profile(
        &self,
        check: &Check<'_>,
        user: Option<&str>,
        profile: &Profile,
    ) -> Result<Option<Value>, CheckFault> {
        let Some(call) = &profile.call else {
            return Ok(None);
        };
        let credential = self.obtain(user).await?;
        let (credential, response) = check.with_one_renewal(user, credential, call).await?;
        let answer = check.success(call, "profile", &response, &[credential.token()])?;
        Ok(Some(answer))
    }

    /// Gives the connection up at the vendor, as the source declares it. What the store holds stays.
    ///
    /// # Errors
    /// When there is no token, or the vendor refuses.
    pub async fn revoke(&self) -> Result<Revoked, CheckFault> {
        let Some(revoke) = &self.source().auth.account.revoke else {
            return Ok(Revoked::NotDeclared);
        };
        let check = Check::new(self).await?;
        match revoke {
            Revoke::Call { call, by_client } => check.revoke_by_call(call, *by_client).await?,
            Revoke::Rfc7009 { token, .. } => check.revoke_by_standard(revoke, *token).await?,
        }
        Ok(Revoked::AtVendor)
    }

    pub(super) fn parts(&self) -> &ConnectorParts {
        &self.inner.ground.parts
    }
}
