//! Why a function does not start, as stable codes.

use hushgate_gateway::codes;

codes! {
    /// Why a start ended, where the name of a variable does not say it all.
    pub(crate) enum StartCode {
        DocumentMissing = "document-missing",
            "Where the policy or the rules are said to be there is nothing.",
            "Check the name; for an entry of the secret store also the place that `HUSHGATE_SECRETS` names.";
        DocumentDenied = "document-denied",
            "The function may not read the policy or the rules.",
            "Give it the permission that the message names ([cloud-stores.md](cloud-stores.md)).";
        DocumentUnavailable = "document-unavailable",
            "The store or bucket of the policy or the rules did not answer in time, or failed in a way that may pass.",
            "Check that the network lets the function reach it. The platform starts the function again.";
        DocumentTooLarge = "document-too-large",
            "The policy or the rules have more than 8 MiB, as they are stored or unpacked; rules of more than 4 MiB are told as `too-large`.",
            "Leave out of it what this function does not need.";
        DocumentUnreadable = "document-unreadable",
            "The policy or the rules are no UTF-8 text, or broken base64 or gzip.",
            "Store the document again, as it is or packed whole.";
        CloudNotBuiltIn = "cloud-not-built-in",
            "A variable names a store or host of a cloud that this program was not built for.",
            "Deploy the package for that cloud ([packages.md](packages.md)).";
        CloudsMixed = "clouds-mixed",
            "Variables of the hosts of two clouds are set.",
            "Remove what the cloud did not set itself.";
    }
}

/// Why a function does not start. Names the place, and nothing of what is there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words} ({})", self.code())]
pub(crate) struct StartError {
    code: StartCode,
    words: String,
}

impl StartError {
    pub(crate) fn new(code: StartCode, words: impl Into<String>) -> Self {
        let words = words.into();
        Self { code, words }
    }

    /// The stable code of this error.
    pub(crate) fn code(&self) -> &'static str {
        self.code.known().code
    }
}
