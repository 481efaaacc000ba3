//! Events that get no HTTP answer, since nothing says that one is waited for.

use lambda_http::lambda_runtime::Diagnostic;

/// Why an invocation fails. The texts hold nothing of the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The event is not JSON.
    #[error("the event is not well-formed JSON")]
    Malformed,
    /// The event is not a request.
    #[error(
        "the event is not an HTTP request from a Function URL, an API Gateway HTTP or REST API or an Application Load Balancer; remove this trigger from the function"
    )]
    NotHttp,
    /// A fault of this program.
    #[error("the gateway met an internal fault; nothing was sent")]
    Internal,
}

impl Fault {
    /// All of them.
    #[cfg(test)]
    pub(super) const ALL: [Self; 3] = [Self::Malformed, Self::NotHttp, Self::Internal];

    /// The stable code.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Malformed => "event-malformed",
            Self::NotHttp => "event-not-http",
            Self::Internal => "internal",
        }
    }
}

impl From<Fault> for Diagnostic {
    fn from(fault: Fault) -> Self {
        Self {
            error_type: fault.code().to_owned(),
            error_message: fault.to_string(),
        }
    }
}
