//! Why a command about connections did not do what it was told. Nothing of it carries a secret.

use std::fmt::Write as _;

use hushgate_gateway::connect::{ConnectFault, ConnectorError, Diagnosis};
use hushgate_gateway::ports::StoreError;
use hushgate_gateway::refusal::Refusal;
use hushgate_host::store::SaveError;
use hushgate_host::store::vault::VaultError;
use serde_json::json;

use super::web::Problem;

/// A failure with its stable code, its cause in a sentence, and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// What is wrong, and where.
    pub message: String,
    /// Why a credential was refused: one of the causes in docs/connections.md.
    pub cause: Option<&'static str>,
    /// What the vendor said about it.
    pub vendor: Option<String>,
    /// What to do.
    pub next: Option<String>,
    /// Whether the command was called wrongly.
    pub usage: bool,
}

impl Failure {
    /// A failure of this code.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            cause: None,
            vendor: None,
            next: None,
            usage: false,
        }
    }

    /// A wrong use of the command.
    pub fn usage(code: &str, message: impl Into<String>) -> Self {
        Self {
            usage: true,
            ..Self::new(code, message)
        }
    }

    /// With what to do.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The failure as lines for a terminal.
    pub fn lines(&self) -> String {
        let mut lines = format!("{} ({})", self.message, self.code);
        for (name, text) in [("the vendor says", &self.vendor), ("next", &self.next)] {
            if let Some(text) = text {
                // Writing to a String can't fail.
                let _ = write!(lines, "\n{name}: {text}");
            }
        }
        lines
    }

    /// The failure as one JSON object.
    pub fn json(&self) -> String {
        let mut members = json!({
            "code": self.code, "message": self.message, "vendor": self.vendor, "next": self.next,
        });
        if let Some(cause) = self.cause {
            members["cause"] = cause.into();
        }
        json!({ "error": members }).to_string()
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let mut message = problem.message;
        for text in problem.fields.values() {
            message.push_str("\n  ");
            message.push_str(text);
        }
        Self {
            code: problem.code,
            message,
            cause: problem.cause,
            vendor: problem.vendor,
            next: problem.next,
            usage: false,
        }
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Denied { .. } => "store-denied",
            StoreError::ReadOnly(_) => "store-read-only",
            _ => "store-unavailable",
        };
        Self::new(code, error.to_string())
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Exists(id) => Self::new(
                "connection-exists",
                format!("there is a connection `{id}` already"),
            )
            .next(format!(
                "`hushgate connection reconnect {id}` renews it; or choose another name with `--id`"
            )),
            SaveError::Store(error) => error.into(),
        }
    }
}

impl From<ConnectFault> for Failure {
    fn from(fault: ConnectFault) -> Self {
        Self {
            cause: fault.diagnosis().map(Diagnosis::code),
            ..Self::new(fault.code(), fault.to_string())
        }
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        // The detail of a credential's refusal begins with its own code.
        let detail = refusal.detail();
        match detail.split_once(": ") {
            Some((code, rest)) if code.starts_with("connect-") => Self::new(code, rest),
            _ => Self::new(refusal.cause().code(), detail),
        }
    }
}
