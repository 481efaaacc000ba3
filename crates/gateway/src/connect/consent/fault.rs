//! Why a consent failed. Texts name what to do, never a value of the vendor or the browser.

use crate::codes;
use crate::connect::{ConnectFault, ConnectorError};

/// Why a consent failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConsentFault {
    /// The source declares no such consent.
    #[error("this source has no such consent; enter its fields instead")]
    NotDeclared,
    /// The redirect address is not the declared one.
    #[error(
        "the redirect address is not the one that the source declares, `{declared}`; listen on that one"
    )]
    RedirectNotDeclared {
        /// What is declared.
        declared: String,
    },
    /// The browser's answer can't be read.
    #[error(
        "the browser's answer {0}; open the address again, or copy the whole address at which it ended"
    )]
    AnswerInvalid(&'static str),
    /// The browser came back to another address.
    #[error(
        "this address is not the one the browser was to come back to; copy the address from the window in which you consented"
    )]
    RedirectMismatch,
    /// The answer belongs to another consent, or someone forged it.
    #[error(
        "this answer does not belong to the consent that was begun here; go on in the window that was opened last, and follow no link that others sent"
    )]
    StateMismatch,
    /// The answer comes from another authorization server.
    #[error(
        "this answer names another authorization server than the source declares (`iss`, RFC 9207); begin again, and follow no link that others sent"
    )]
    IssuerMismatch,
    /// The answer came too late.
    #[error("the consent took too long and has ended; begin again")]
    Expired,
    /// The answer was used before.
    #[error("this consent was completed before, and an answer counts once; begin again")]
    Used,
    /// The vendor or the person refused.
    #[error("the consent was refused: {reason}; {hint}")]
    Refused {
        /// The error code, if it is a known one.
        reason: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The vendor gave an access token only.
    #[error(
        "the vendor gave no refresh token, so the connection would end with its first access token; allow offline access in the vendor's app and in the declared scopes or parameters, then begin again"
    )]
    NoRefreshToken,
    /// The settings or the host don't fit.
    #[error(transparent)]
    Setup(#[from] ConnectorError),
    /// A field is missing, or a call to the vendor failed.
    #[error(transparent)]
    Connect(#[from] ConnectFault),
}

codes! {
    /// Codes of [`ConsentFault`].
    enum FaultCode {
        NotDeclared = "consent-not-declared";
        RedirectNotDeclared = "consent-redirect-not-declared";
        AnswerInvalid = "consent-answer-invalid";
        RedirectMismatch = "consent-redirect-mismatch";
        StateMismatch = "consent-state-mismatch";
        IssuerMismatch = "consent-issuer-mismatch";
        Expired = "consent-expired";
        Used = "consent-used";
        Refused = "consent-refused";
        NoRefreshToken = "consent-no-refresh-token";
    }
}

impl ConsentFault {
    /// The codes of its own; docs/connections.md explains each.
    pub const CODES: &'static [&'static str] = FaultCode::ALL;

    /// The stable code of this fault.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotDeclared => FaultCode::NotDeclared.text(),
            Self::RedirectNotDeclared { .. } => FaultCode::RedirectNotDeclared.text(),
            Self::AnswerInvalid(_) => FaultCode::AnswerInvalid.text(),
            Self::RedirectMismatch => FaultCode::RedirectMismatch.text(),
            Self::StateMismatch => FaultCode::StateMismatch.text(),
            Self::IssuerMismatch => FaultCode::IssuerMismatch.text(),
            Self::Expired => FaultCode::Expired.text(),
            Self::Used => FaultCode::Used.text(),
            Self::Refused { .. } => FaultCode::Refused.text(),
            Self::NoRefreshToken => FaultCode::NoRefreshToken.text(),
            Self::Setup(error) => error.code(),
            Self::Connect(fault) => fault.code(),
        }
    }

    /// A refusal with an error code of the vendor; only known codes are told.
    pub(super) fn refused(code: &str) -> Self {
        let known = REFUSALS.iter().find(|(name, _)| *name == code);
        let (reason, hint) = known.copied().unwrap_or((
            "the vendor names a cause that is not a standard one",
            "look at the page that the vendor showed, and at the app's settings there",
        ));
        Self::Refused { reason, hint }
    }
}

/// Error codes of authorization answers (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6,
/// RFC 8628 section 3.5) with what to do.
const REFUSALS: &[(&str, &str)] = &[
    (
        "access_denied",
        "the person or an administrator's policy said no; begin again with an account that may consent",
    ),
    (
        "invalid_scope",
        "the app at the vendor does not have the declared scopes; add them there",
    ),
    (
        "unauthorized_client",
        "the app at the vendor may not use this kind of consent; allow it there",
    ),
    (
        "unsupported_response_type",
        "the app at the vendor is of another kind; create one for web or desktop applications",
    ),
    (
        "invalid_request",
        "check the client id and the redirect address in the app at the vendor",
    ),
    ("server_error", "the vendor has a fault; try again later"),
    (
        "temporarily_unavailable",
        "the vendor is not available; try again later",
    ),
    (
        "consent_required",
        "an administrator has to consent; begin again as one",
    ),
    (
        "interaction_required",
        "begin again and follow the vendor's pages",
    ),
    ("login_required", "sign in at the vendor, then begin again"),
    (
        "account_selection_required",
        "choose an account at the vendor, then begin again",
    ),
];
