//! What went wrong in a call of AWS: told by the error's code and the HTTP status alone.
//!
//! The service's messages are never passed on: some repeat what was sent. They are only searched for
//! fixed words.

use aws_sdk_ssm::config::http::HttpResponse;
use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use hushgate_gateway::ports::StoreError;

use super::client::NoCredentials;

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// The service's code, if it gave one.
    pub(crate) code: String,
    pub(crate) status: Option<u16>,
}

/// The kinds of failures that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What was asked for is not there.
    Missing,
    /// What was to be made is there.
    Exists,
    /// The bucket or queue itself is not there.
    NoPlace,
    /// The bucket is in another region.
    Region,
    /// The role lacks a permission.
    Denied,
    /// The key that encrypts could not be used; with the permission for it.
    Key(&'static str),
    /// The credentials themselves are not accepted.
    Credentials,
    /// There are no credentials.
    NoCredentials,
    /// The secret waits for its deletion.
    Deleting,
    /// The secret has as many versions as there may be.
    Versions,
    /// Too many calls.
    Throttled,
    /// No answer in time.
    Timeout,
    /// No connection.
    Unreachable,
    /// A failure of the service.
    Broken,
    /// Another refusal, which does not pass by itself.
    Refused,
}

/// What a call was about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target<'a> {
    /// The permission it needs, such as `ssm:GetParameter`.
    pub(crate) action: &'static str,
    /// The whole name of what it is for.
    pub(crate) name: &'a str,
    /// The same as the last part of the ARN by which a policy names it.
    pub(crate) resource: &'a str,
}

impl Failure {
    /// What an error of the SDK means.
    pub(crate) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|r| r.status().as_u16());
        let simple = |kind| Self {
            kind,
            code: String::new(),
            status,
        };
        match error {
            SdkError::TimeoutError(_) => simple(Kind::Timeout),
            SdkError::DispatchFailure(e) if e.is_timeout() => simple(Kind::Timeout),
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
                simple(Kind::Unreachable)
            }
            SdkError::ServiceError(e) => {
                let meta = e.err().meta();
                let code = meta.code().unwrap_or_default();
                let code = if is_code(code) { code } else { "" };
                Self {
                    kind: kind(code, meta.message().unwrap_or_default(), status),
                    code: code.to_owned(),
                    status,
                }
            }
            _ => simple(Kind::Broken),
        }
    }

    /// What it means when the service tells of one part of a request that it did not take it.
    pub(crate) fn told(code: &str, is_senders: bool) -> Self {
        let status = if is_senders { 400 } else { 500 };
        Self {
            kind: kind(code, "", Some(status)),
            code: if is_code(code) { code } else { "" }.to_owned(),
            status: None,
        }
    }

    /// The same for a store of secrets.
    pub(crate) fn store(&self, target: Target<'_>) -> StoreError {
        match self.kind {
            Kind::Denied => StoreError::Denied {
                name: target.name.to_owned(),
                // Asked for a name that it may not read, AWS does not say whether that is there.
                hint: format!(
                    "{}; a name that is not there is denied in the same way, so check HUSHGATE_SECRETS and HUSHGATE_CONNECTION too",
                    self.hint(target)
                ),
            },
            Kind::Key(_)
            | Kind::Credentials
            | Kind::NoCredentials
            | Kind::Region => {
                StoreError::Denied {
                    name: target.name.to_owned(),
                    hint: self.hint(target),
                }
            }
            Kind::Deleting => StoreError::Unfit {
                name: target.name.to_owned(),
                reason: "it is scheduled for deletion: what `hushgate connection` removed is gone within some minutes, so \
                         try again then; a secret that waits for days is restored with `aws secretsmanager \
                         restore-secret`, or deleted for good with `aws secretsmanager delete-secret \
                         --force-delete-without-recovery`"
                    .to_owned(),
            },
            Kind::Refused | Kind::Missing | Kind::Exists | Kind::NoPlace => StoreError::Unfit {
                name: target.name.to_owned(),
                reason: self.reason(target),
            },
            Kind::Versions => StoreError::Unavailable(self.reason(target)),
            _ => StoreError::Unavailable(format!("`{}`: {}", target.name, self.reason(target))),
        }
    }

    /// Which permission is missing, or what else to do about access.
    pub(crate) fn hint(&self, target: Target<'_>) -> String {
        let Target {
            action,
            name,
            resource,
        } = target;
        match self.kind {
            Kind::Key(permission) => format!(
                "the role needs `{permission}` on the key that encrypts `{name}`, and the key must be enabled ({})",
                self.code
            ),
            Kind::Credentials => format!(
                "AWS does not accept the credentials ({}); they may have ended, or this machine's clock may be wrong",
                self.code
            ),
            Kind::NoCredentials => NoCredentials::TEXT.to_owned(),
            Kind::Region => "it is in another region than AWS_REGION names".to_owned(),
            _ => format!("the role needs `{action}` on `{resource}`"),
        }
    }

    /// What happened, without more than codes.
    pub(crate) fn reason(&self, target: Target<'_>) -> String {
        let action = target.action;
        let code = match (self.code.as_str(), self.status) {
            ("", None) => String::new(),
            ("", Some(status)) => format!(" (status {status})"),
            (code, _) => format!(" ({code})"),
        };
        match self.kind {
            Kind::Throttled => format!("`{action}` was called too often{code}"),
            Kind::Timeout => format!("`{action}` got no answer in time"),
            Kind::Unreachable => format!("`{action}` got no connection"),
            Kind::Versions => format!(
                "`{}` has as many versions as Secrets Manager keeps within 24 hours{code}; \
                 connections whose tokens live for less than an hour belong into `aws-ssm:`",
                target.name
            ),
            Kind::Refused => format!("`{action}` refused it{code}"),
            _ => format!("`{action}` failed{code}"),
        }
    }
}

impl From<NoCredentials> for Failure {
    fn from(_: NoCredentials) -> Self {
        Self {
            kind: Kind::NoCredentials,
            code: String::new(),
            status: None,
        }
    }
}

/// What is no code, such as a page of a proxy, is not repeated.
fn is_code(text: &str) -> bool {
    text.len() <= 64 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
}

fn kind(code: &str, message: &str, status: Option<u16>) -> Kind {
    match code {
        "ParameterNotFound"
        | "ParameterVersionNotFound"
        | "ResourceNotFoundException"
        | "NoSuchKey"
        | "NotFound" => Kind::Missing,
        "NoSuchBucket" | "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" => {
            Kind::NoPlace
        }
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" => Kind::Region,
        "ParameterAlreadyExists" | "ResourceExistsException" | "PreconditionFailed" => Kind::Exists,
        "AccessDeniedException" | "AccessDenied" | "AccessDeniedError" => {
            // The same code covers the call and the key behind it.
            key_permission(message).map_or(Kind::Denied, Kind::Key)
        }
        "DecryptionFailure"
        | "InvalidKeyId"
        | "KmsAccessDenied"
        | "KmsDisabled"
        | "KmsNotFound"
        | "KmsInvalidState"
        | "KMS.AccessDeniedException"
        | "KMS.DisabledException"
        | "KMS.NotFoundException" => Kind::Key(key_permission(message).unwrap_or("kms:Decrypt")),
        "EncryptionFailure" => Kind::Key(key_permission(message).unwrap_or("kms:GenerateDataKey")),
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "InvalidToken"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "MissingAuthenticationTokenException"
        | "RequestTimeTooSkewed" => Kind::Credentials,
        "InvalidRequestException" if message.contains("delet") => Kind::Deleting,
        "LimitExceededException" => Kind::Versions,
        "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "SlowDown"
        | "KmsThrottled"
        | "KMS.ThrottlingException"
        | "TooManyUpdates" => Kind::Throttled,
        "InternalServerError"
        | "InternalServiceError"
        | "InternalFailure"
        | "InternalError"
        | "ServiceUnavailable"
        | "ServiceUnavailableException"
        | "ConditionalRequestConflict"
        | "OperationAborted"
        | "RequestTimeout" => Kind::Broken,
        _ => match status {
            Some(429) => Kind::Throttled,
            Some(301 | 307) if code.is_empty() => Kind::Region,
            Some(403) if code.is_empty() => Kind::Denied,
            Some(404) if code.is_empty() => Kind::Missing,
            Some(412) if code.is_empty() => Kind::Exists,
            Some(400..=499) if !code.is_empty() => Kind::Refused,
            _ => Kind::Broken,
        },
    }
}

/// The permission at AWS KMS that a message speaks of.
fn key_permission(message: &str) -> Option<&'static str> {
    let known = [
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "kms:Encrypt",
        "kms:DescribeKey",
    ];
    let named = known.into_iter().find(|p| message.contains(p));
    named.or_else(|| message.contains("KMS").then_some("kms:Decrypt"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target<'static> = Target {
        action: "ssm:GetParameter",
        name: "/hushgate/zoom/CLIENT_ID",
        resource: "parameter/hushgate/zoom/CLIENT_ID",
    };

    fn failure(code: &str, message: &str, status: u16) -> Failure {
        Failure {
            kind: kind(code, message, Some(status)),
            code: code.to_owned(),
            status: Some(status),
        }
    }

    #[test]
    fn names_the_permission_that_is_missing() {
        for (code, message, expected) in [
            (
                "AccessDeniedException",
                "User: arn:aws:sts::1:assumed-role/x is not authorized to perform: ssm:GetParameter",
                "the secret store denied access to `/hushgate/zoom/CLIENT_ID`: the role needs `ssm:GetParameter` on `parameter/hushgate/zoom/CLIENT_ID`; a name that is not there is denied in the same way, so check HUSHGATE_SECRETS and HUSHGATE_CONNECTION too",
            ),
            (
                "AccessDeniedException",
                "User: x is not authorized to perform: kms:GenerateDataKey on resource: y",
                "the secret store denied access to `/hushgate/zoom/CLIENT_ID`: the role needs `kms:GenerateDataKey` on the key that encrypts `/hushgate/zoom/CLIENT_ID`, and the key must be enabled (AccessDeniedException)",
            ),
            (
                "ExpiredTokenException",
                "",
                "the secret store denied access to `/hushgate/zoom/CLIENT_ID`: AWS does not accept the credentials (ExpiredTokenException); they may have ended, or this machine's clock may be wrong",
            ),
        ] {
            let error = failure(code, message, 400).store(TARGET);
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn what_may_pass_is_told_from_what_does_not() {
        for (code, status, passes) in [
            ("ThrottlingException", 400, true),
            ("TooManyUpdates", 400, true),
            ("InternalServerError", 500, true),
            ("", 502, true),
            ("", 429, true),
            ("SomethingNew", 503, true),
            ("ValidationException", 400, false),
            ("SomethingNew", 400, false),
        ] {
            let error = failure(code, "", status).store(TARGET);
            let unavailable = matches!(error, StoreError::Unavailable(_));
            assert_eq!(unavailable, passes, "{code} {status}: {error}");
        }
    }

    #[test]
    fn never_repeats_a_message() {
        let message = "Value 'mark-of-a-secret' at 'value' failed to satisfy constraint";
        let error = failure("ValidationException", message, 400).store(TARGET);
        let expected = "the secret store can't hold `/hushgate/zoom/CLIENT_ID`: `ssm:GetParameter` refused it (ValidationException)";
        assert_eq!(error.to_string(), expected);
    }
}
