//! Why no credential could be had. Texts name places, fields and reasons, never a value.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::diagnosis::{Diagnosis, Evidence};
use super::source::Grant;
use super::template::FillError;
use crate::codes;
use crate::ports::StoreError;
use crate::refusal::{Cause, Refusal};
use crate::time;

/// Why a credential for the source could not be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectFault {
    /// A secret that the source needs is not in the store, or is blank; with its
    /// [name](crate::ports::SecretStore::absent_name).
    #[error(
        "secret {0} is missing or blank; check that HUSHGATE_SECRETS and HUSHGATE_CONNECTION name the right place, then store it under that name"
    )]
    SecretMissing(String),
    /// A setting that the source needs is not configured.
    #[error("setting `{0}` is missing from the configuration; set it")]
    SettingMissing(String),
    /// A value is there but can't be used.
    #[error("`{field}` {problem}")]
    FieldInvalid {
        /// The name of the secret or setting.
        field: String,
        /// What is wrong with it and what is wanted.
        problem: String,
    },
    /// The secret store failed in a way that may pass.
    #[error("{0}")]
    Store(String),
    /// The secret store denied access, or has or takes no such entry; that does not pass by itself.
    #[error("{0}")]
    StoreRefused(String),
    /// The host gives no platform identity, but the source needs one.
    #[error(
        "`client_auth: federated` needs an identity token of the hosting cloud, and this host has none; use another client authentication or deploy to AWS or Google Cloud"
    )]
    PlatformMissing,
    /// The platform did not give an identity token.
    #[error("the platform gave no identity token: {0}")]
    PlatformFailed(String),
    /// The platform denied this function an identity token.
    #[error("the platform denied the identity token: {0}")]
    PlatformDenied(String),
    /// The user to act for has no usable form.
    #[error("the user to act for is not an e-mail address of at most 320 printable characters")]
    UserInvalid,
    /// The token endpoint refused our credential.
    #[error("the token endpoint refused the credential: {reason}; {}: {}; {}", .cause.code(), .cause.meaning(), .cause.next_step())]
    Rejected {
        /// The status and, if it is a known one, the error code.
        reason: String,
        /// Why, as far as it is known.
        cause: Diagnosis,
    },
    /// The source's API refuses tokens although they are fresh.
    #[error(
        "the source refuses a credential that was renewed just now; check its scopes and that the account is active"
    )]
    RefusedWhenFresh,
    /// A refused credential is not tried again for a while.
    #[error(
        "the token endpoint refused the credential before, so it is not asked again for {0} s: {1}"
    )]
    CoolingDown(u64, String),
    /// The token endpoint answered 429 or 5xx.
    #[error("the token endpoint can't serve at the moment: status {status}")]
    Unavailable {
        /// Its status.
        status: u16,
        /// What its `Retry-After` asked for, at most five minutes.
        retry_after: Option<Duration>,
    },
    /// The token endpoint redirects, which is never followed.
    #[error(
        "the token endpoint redirects with status {0}, which is not followed; check `token_url`"
    )]
    Redirected(u16),
    /// The answer is larger than any token answer.
    #[error("the token endpoint's answer is larger than 64 KiB after decoding")]
    TooLarge,
    /// The answer is not a token answer.
    #[error("the token endpoint's answer can't be used: {0}")]
    AnswerInvalid(String),
    /// The call to the token endpoint failed on the way.
    #[error("the call to the token endpoint failed: {reason}")]
    Network {
        /// The kind of failure.
        cause: Cause,
        /// The innermost reason, without address or content.
        reason: String,
    },
    /// The answer says that the account's API is at another host than the configured one.
    #[error(
        "the token endpoint says that the API of this account is at {0}, not at the configured host; set HUSHGATE_TARGET_HOST to the account's host, or authorize the connection with the account meant"
    )]
    OtherHost(String),
    /// Another instance obtains the access token, and it took longer than a request waits.
    #[error(
        "another instance is obtaining the access token and is not done yet; retry in a few seconds"
    )]
    Busy,
    /// Another instance exchanged the refresh token and has not recorded the outcome.
    #[error(
        "another instance began to exchange the refresh token and has not recorded the outcome; it is waited for, for three minutes at most, since using the token twice could end the connection"
    )]
    Pending,
    /// An exchange ended in the middle, and the token endpoint takes its refresh token no more.
    #[error(
        "an exchange that began at {begun} ended before its outcome was recorded, and now the token endpoint refuses its refresh token ({reason}): the new one is lost with the instance or the answer that held it; authorize the connection again"
    )]
    Interrupted {
        /// When the exchange began, RFC 3339.
        begun: String,
        /// Why the token endpoint refuses now.
        reason: String,
    },
    /// The stored refresh token was replaced before; the store does not hold its successor.
    #[error(
        "the stored refresh token was used up before, so it is not sent again; something wrote an old value back (a restored backup, a deployment tool?): store the newest one or authorize the connection again"
    )]
    RefreshTokenStale,
    /// A fault of the gateway itself.
    #[error("the exchange for a credential ended unexpectedly")]
    Internal,
}

codes! {
    /// Codes of [`ConnectFault`].
    enum FaultCode {
        SecretMissing = "connect-secret-missing";
        SettingMissing = "connect-setting-missing";
        FieldInvalid = "connect-field-invalid";
        Store = "connect-store";
        StoreRefused = "connect-store-refused";
        PlatformMissing = "connect-platform-missing";
        PlatformFailed = "connect-platform-failed";
        PlatformDenied = "connect-platform-denied";
        UserInvalid = "connect-user-invalid";
        Rejected = "connect-rejected";
        RefusedWhenFresh = "connect-refused-when-fresh";
        CoolingDown = "connect-cooling-down";
        Unavailable = "connect-unavailable";
        Redirected = "connect-redirected";
        TooLarge = "connect-answer-too-large";
        AnswerInvalid = "connect-answer-invalid";
        Network = "connect-network";
        OtherHost = "connect-other-host";
        Busy = "connect-busy";
        Pending = "connect-rotation-pending";
        Interrupted = "connect-rotation-interrupted";
        RefreshTokenStale = "connect-refresh-token-stale";
        Internal = "connect-internal";
    }
}

impl ConnectFault {
    /// The codes of its own; docs/connections.md explains each.
    pub const CODES: &'static [&'static str] = FaultCode::ALL;

    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SecretMissing(_) => FaultCode::SecretMissing.text(),
            Self::SettingMissing(_) => FaultCode::SettingMissing.text(),
            Self::FieldInvalid { .. } => FaultCode::FieldInvalid.text(),
            Self::Store(_) => FaultCode::Store.text(),
            Self::StoreRefused(_) => FaultCode::StoreRefused.text(),
            Self::PlatformMissing => FaultCode::PlatformMissing.text(),
            Self::PlatformFailed(_) => FaultCode::PlatformFailed.text(),
            Self::PlatformDenied(_) => FaultCode::PlatformDenied.text(),
            Self::UserInvalid => FaultCode::UserInvalid.text(),
            Self::Rejected { .. } => FaultCode::Rejected.text(),
            Self::RefusedWhenFresh => FaultCode::RefusedWhenFresh.text(),
            Self::CoolingDown(..) => FaultCode::CoolingDown.text(),
            Self::Unavailable { .. } => FaultCode::Unavailable.text(),
            Self::Redirected(_) => FaultCode::Redirected.text(),
            Self::TooLarge => FaultCode::TooLarge.text(),
            Self::AnswerInvalid(_) => FaultCode::AnswerInvalid.text(),
            Self::Network { .. } => FaultCode::Network.text(),
            Self::OtherHost(_) => FaultCode::OtherHost.text(),
            Self::Busy => FaultCode::Busy.text(),
            Self::Pending => FaultCode::Pending.text(),
            Self::Interrupted { .. } => FaultCode::Interrupted.text(),
            Self::RefreshTokenStale => FaultCode::RefreshTokenStale.text(),
            Self::Internal => FaultCode::Internal.text(),
        }
    }

    /// Why the credential was refused, when it was.
    pub fn diagnosis(&self) -> Option<Diagnosis> {
        match self {
            Self::Rejected { cause, .. } => Some(*cause),
            _ => None,
        }
    }

    /// Whether the grant itself was refused, so that asking again with it is of no use.
    pub fn refuses_grant(&self) -> bool {
        self.diagnosis().is_some_and(Diagnosis::ends_grant)
    }

    /// The same fault, its cause settled by the facts of the connection.
    #[must_use]
    pub fn settled(self, facts: &Evidence) -> Self {
        match self {
            Self::Rejected { reason, cause } => Self::Rejected {
                reason,
                cause: cause.settled(facts),
            },
            other => other,
        }
    }

    /// The same fault as it is to be understood for a grant.
    pub(super) fn of_grant(self, grant: Grant, status: u16) -> Self {
        match self {
            Self::Rejected { reason, cause } => Self::Rejected {
                reason,
                cause: cause.of_grant(grant, status),
            },
            other => other,
        }
    }

    fn cause(&self) -> Cause {
        match self {
            Self::SecretMissing(_) => Cause::CredentialMissing,
            Self::SettingMissing(_)
            | Self::FieldInvalid { .. }
            | Self::StoreRefused(_)
            | Self::PlatformMissing
            | Self::OtherHost(_) => Cause::ConfigurationInvalid,
            Self::Store(_) => Cause::StoreUnavailable,
            Self::UserInvalid => Cause::RequestInvalid,
            Self::Rejected { .. }
            | Self::PlatformDenied(_)
            | Self::RefusedWhenFresh
            | Self::CoolingDown(..)
            | Self::Interrupted { .. }
            | Self::RefreshTokenStale => Cause::CredentialRejected,
            Self::PlatformFailed(_) | Self::Unavailable { .. } => Cause::SourceUnreachable,
            Self::Redirected(_) => Cause::RedirectRefused,
            Self::TooLarge => Cause::ResponseTooLarge,
            Self::AnswerInvalid(_) => Cause::SourceError,
            Self::Network { cause, .. } => *cause,
            Self::Busy | Self::Pending => Cause::Overloaded,
            Self::Internal => Cause::Internal,
        }
    }
}

/// What a fault says about the refresh token that was sent.
impl ConnectFault {
    /// Whether the token endpoint refused, so that nothing was exchanged.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// Whether it refused the refresh token itself or did not say what it refused.
    pub(super) fn may_refuse_grant(&self) -> bool {
        self.refuses_grant() || self.diagnosis() == Some(Diagnosis::Unknown)
    }

    /// Whether the token endpoint may have exchanged the token although no usable answer came.
    pub(super) fn is_ambiguous(&self) -> bool {
        match self {
            Self::Unavailable { status, .. } => *status != 429,
            Self::Network { .. } | Self::AnswerInvalid(_) | Self::TooLarge | Self::Internal => true,
            _ => false,
        }
    }

    /// The reason of a refusal, for those who meet its consequences later.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::Rejected { reason, cause } => format!("{reason}; {}", cause.code()),
            Self::CoolingDown(_, reason) => reason.clone(),
            other => other.code().to_owned(),
        }
    }

    pub(super) fn interrupted(begun: SystemTime, reason: &str) -> Self {
        let since = begun.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::Interrupted {
            begun: time::rfc3339_text(since.as_secs()),
            reason: reason.to_owned(),
        }
    }
}

impl From<ConnectFault> for Refusal {
    fn from(fault: ConnectFault) -> Self {
        Refusal::new(fault.cause(), format!("{}: {fault}", fault.code()))
    }
}

impl From<FillError> for ConnectFault {
    fn from(error: FillError) -> Self {
        match error {
            FillError::Missing(name) => Self::SecretMissing(format!("`{name}`")),
            FillError::Unfit { field, problem } => Self::FieldInvalid {
                field,
                problem: problem.to_owned(),
            },
        }
    }
}

impl From<StoreError> for ConnectFault {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Unavailable(_) => Self::Store(text),
            StoreError::Denied { .. }
            | StoreError::ReadOnly(_)
            | StoreError::NoLocks
            | StoreError::Unfit { .. } => Self::StoreRefused(text),
        }
    }
}
