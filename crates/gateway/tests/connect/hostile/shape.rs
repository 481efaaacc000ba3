//! A scenario, and what a good answer looks like.

use super::consents;
use crate::server::{Action, json, reply};
use crate::setup::MARK;

/// One way to answer the first request, and what must come of it.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) action: Action,
    pub(crate) outcome: Outcome,
    /// Whether the answer holds [`NEXT`], which then replaces the stored refresh token.
    pub(crate) saves: bool,
}

/// The refresh token of the answers that bring one.
pub(crate) const NEXT: &str = "next-do-not-show";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is good enough.
    Token,
    Refused(Refused),
}

/// The caller's cause, the fault's code, and for how many seconds nothing is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) cause: &'static str,
    pub(crate) code: &'static str,
    pub(crate) pause: u64,
}

impl Refused {
    pub(super) fn new(cause: &'static str, code: &'static str) -> Self {
        let pause = 0;
        Self { cause, code, pause }
    }
}

/// What a good answer looks like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A token answer.
    Token(Names),
    /// A device authorization answer (RFC 8628 section 3.2).
    Device,
    /// Credentials of OAuth 1.0a, form-encoded (RFC 5849 section 2).
    Oauth1,
    /// An account with an `id`.
    Account,
    /// Whatever has a status of success (RFC 7009 section 2.2).
    Anything,
}

/// Names in a token answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Names {
    pub(crate) token: &'static str,
    /// Whether the lifetime is a moment, `expires_at`, and not seconds, `expires_in`.
    pub(crate) moment: bool,
    /// Whether a refresh token is the point of the answer; then its name is `refresh_token`.
    pub(crate) refresh: bool,
}

impl Names {
    /// A token answer with these further members.
    pub(super) fn with(&self, members: &str) -> Action {
        self.with_token_and(&format!("\"at-{MARK}\""), members)
    }

    pub(super) fn lifetime(&self) -> &'static str {
        if self.moment {
            "expires_at"
        } else {
            "expires_in"
        }
    }

    pub(super) fn with_lifetime(&self, value: &str) -> Action {
        self.with(&format!(r#","{}":{value}"#, self.lifetime()))
    }

    pub(super) fn with_token(&self, value: &str) -> Action {
        self.with_token_and(value, "")
    }

    pub(super) fn with_token_and(&self, token: &str, members: &str) -> Action {
        let refresh = if self.refresh {
            format!(r#""refresh_token":"at-{MARK}","#)
        } else {
            String::new()
        };
        json(&format!(
            r#"{{{refresh}"{}":{token}{members}}}"#,
            self.token
        ))
    }
}

impl Shape {
    /// The answer that every client takes.
    pub(crate) fn good(&self) -> Action {
        match self {
            Self::Token(names) if names.moment => names.with_lifetime("\"2026-11-21T11:00:00Z\""),
            Self::Token(names) => names.with_lifetime("3600"),
            Self::Device => consents::device(""),
            Self::Oauth1 => consents::credentials(""),
            Self::Account => json(r#"{"id":1,"name":"Peer"}"#),
            Self::Anything => reply("200 OK", "text/plain", ""),
        }
    }
}

/// The header that comes of a good answer.
pub(crate) fn good_header() -> String {
    format!("Bearer at-{MARK}")
}
