//! Why a command about connections did not do what it was told. Nothing of it carries a secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use hushgate_gateway::codes::Known;
use hushgate_gateway::connect::consent::ConsentFault;
use hushgate_gateway::connect::{CheckFault, ConnectFault, ConnectorError, Diagnosis};
use hushgate_gateway::ports::StoreError;
use hushgate_gateway::refusal::{Cause, Refusal};
use hushgate_host::store::SaveError;
use hushgate_host::store::vault::VaultError;
use serde_json::json;

use super::code::Code;

/// Something with a stable code that is documented: a row of the tables of these commands and of the
/// stores, or a fault of the gateway.
pub(crate) trait Coded {
    /// The code, and the next step where its table has one.
    fn coded(self) -> (&'static str, Option<&'static str>);
}

impl Coded for &'static Known {
    fn coded(self) -> (&'static str, Option<&'static str>) {
        (self.code, Some(self.next))
    }
}

impl Coded for &ConnectFault {
    fn coded(self) -> (&'static str, Option<&'static str>) {
        (self.code(), self.diagnosis().map(Diagnosis::next_step))
    }
}

impl Coded for &ConsentFault {
    fn coded(self) -> (&'static str, Option<&'static str>) {
        (self.code(), None)
    }
}

impl Coded for &CheckFault {
    fn coded(self) -> (&'static str, Option<&'static str>) {
        (self.code(), None)
    }
}

impl Coded for &ConnectorError {
    fn coded(self) -> (&'static str, Option<&'static str>) {
        (self.code(), None)
    }
}

impl Coded for Cause {
    fn coded(self) -> (&'static str, Option<&'static str>) {
        (self.code(), Some(self.next_step()))
    }
}

/// A stable code; made only of a code that the documentation lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Documented(&'static str);

/// A failure with its stable code, its cause in a sentence, and the next step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The stable code.
    pub code: Documented,
    /// What is wrong, and where.
    pub message: String,
    /// Why a credential was refused: one of the causes in docs/connections.md.
    pub cause: Option<Diagnosis>,
    /// What the vendor said about it, as it said it.
    pub vendor: Option<String>,
    /// What to do.
    pub next: Option<String>,
    /// The fields it is about, each with a sentence.
    pub fields: BTreeMap<String, String>,
    /// Whether the command was called wrongly.
    pub usage: bool,
}

impl Failure {
    /// A failure of this code, with the next step of its table.
    pub(crate) fn new(code: impl Coded, message: impl Into<String>) -> Self {
        let (code, next) = code.coded();
        Self {
            code: Documented(code),
            message: message.into(),
            cause: None,
            vendor: None,
            next: next.map(str::to_owned),
            fields: BTreeMap::new(),
            usage: false,
        }
    }

    /// A wrong use of the command.
    pub(crate) fn usage(code: impl Coded, message: impl Into<String>) -> Self {
        Self {
            usage: true,
            ..Self::new(code, message)
        }
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code.0
    }

    /// With what to do in this very case.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The failure as lines for a terminal.
    pub fn lines(&self) -> String {
        let mut lines = format!("{} ({})", self.told(), self.code.0);
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
            "code": self.code.0, "message": self.told(), "vendor": self.vendor, "next": self.next,
        });
        if let Some(cause) = self.cause {
            members["cause"] = cause.code().into();
        }
        json!({ "error": members }).to_string()
    }

    /// The message, with what is wrong with each field.
    fn told(&self) -> String {
        let mut told = self.message.clone();
        for text in self.fields.values() {
            told.push_str("\n  ");
            told.push_str(text);
        }
        told
    }
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        Self::new(error.known(), error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Denied { .. } => Code::StoreDenied,
            StoreError::ReadOnly(_) => Code::StoreReadOnly,
            StoreError::Unfit { .. } => Code::StoreUnfit,
            _ => Code::StoreUnavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<SaveError> for Failure {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Exists(id) => Self::from(VaultError::ConnectionExists(id.clone())).next(
                format!(
                    "`hushgate connection reconnect {id}` renews it; or choose another name with `--id`"
                ),
            ),
            SaveError::Store(error) => error.into(),
        }
    }
}

impl From<ConnectFault> for Failure {
    fn from(fault: ConnectFault) -> Self {
        if matches!(fault, ConnectFault::PlatformMissing) {
            let message = "the connection uses the identity of the cloud that its function runs in, and this machine has none; \
                it can be checked in the cloud only";
            return Self::new(Code::OnlyInCloud, message);
        }
        Self {
            cause: fault.diagnosis(),
            ..Self::new(&fault, fault.to_string())
        }
    }
}

impl From<ConnectorError> for Failure {
    fn from(error: ConnectorError) -> Self {
        Self::new(&error, error.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.cause(), refusal.detail())
    }
}
