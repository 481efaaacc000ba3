//! What an answer means: fine, refused, or not from a Hushgate function at all.

use http::StatusCode;
use hushgate_gateway::refusal::Cause;

use super::clean;
use super::code::Code;
use super::identity::Identity;
use super::target::Target;
use super::wire::Answer;
use crate::connection::failure::Failure;

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether the function answered it as asked.
    pub(super) fine: bool,
    /// Whether the function's rules refused it.
    pub(super) by_rules: bool,
    /// The code of a refusal or failure.
    pub(super) code: Option<String>,
    /// What it means.
    pub(super) message: Option<String>,
    /// What to do.
    pub(super) next: Option<String>,
}

impl Verdict {
    fn fine() -> Self {
        Self {
            fine: true,
            by_rules: false,
            code: None,
            message: None,
            next: None,
        }
    }

    /// Of an answer that is none of a call.
    pub(super) fn failed(code: &str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            code: Some(code.to_owned()),
            message: Some(message.into()),
            next: Some(next.into()),
            fine: false,
            ..Self::fine()
        }
    }

    /// Of a call that got no answer.
    pub(super) fn unanswered(failure: &Failure) -> Self {
        Self {
            code: Some(failure.code().to_owned()),
            message: Some(failure.message.clone()),
            next: failure.next.clone(),
            fine: false,
            ..Self::fine()
        }
    }

    /// Of an answer to a call of `path`.
    pub(super) fn of(answer: &Answer, path: &str, target: &Target, identity: &Identity) -> Self {
        let refused = Self::refusal(answer, path, target, identity);
        refused.unwrap_or_else(|| Self::by_status(answer))
    }

    /// Of an answer that its status alone says all about.
    pub(super) fn by_status(answer: &Answer) -> Self {
        let status = answer.status;
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            return Self::fine();
        }
        Self::failed(
            Code::NotAFunction.known().code,
            format!(
                "the answer has the mark of a function, but the status {} without a code, which no function gives",
                status.as_u16()
            ),
            "look at what is between here and the function: it may have changed the answer",
        )
    }

    /// Of an answer that says by its headers why it is none to the call.
    pub(super) fn refusal(
        answer: &Answer,
        path: &str,
        target: &Target,
        identity: &Identity,
    ) -> Option<Self> {
        let ours = answer.headers.contains_key("x-hushgate-request-id");
        if let Some(code) = answer.header("x-hushgate-error").filter(|_| ours) {
            return Some(refused(code, identity));
        }
        if answer.status.is_redirection() && answer.headers.contains_key("location") {
            return Some(Self::failed(
                Code::Redirected.known().code,
                format!(
                    "the answer sends elsewhere ({}) and was not followed: an identity goes to no other address",
                    answer
                        .header("location")
                        .map_or_else(|| "?".to_owned(), place)
                ),
                Code::Redirected.known().next,
            ));
        }
        // The question whether it runs is the only one that a function answers without its mark.
        let runs = target.is_liveness(path)
            && answer.status == StatusCode::OK
            && answer.body.trim_ascii() == b"ok";
        (!ours && !runs).then(|| stranger(answer, target, identity))
    }
}

/// The origin of a location; its path may hold anything.
fn place(location: &str) -> String {
    let origin = location.split_once("://").map(|(scheme, rest)| {
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        format!("{scheme}://{host}")
    });
    origin.map_or_else(|| "another path".to_owned(), |origin| clean::line(&origin))
}

fn refused(code: &str, identity: &Identity) -> Verdict {
    let Some(cause) = Cause::ALL.iter().find(|cause| cause.code() == code) else {
        return Verdict::failed(
            &clean::line(code),
            "this version of the command does not know the code",
            "look it up in docs/errors.md of the function's version",
        );
    };
    Verdict {
        by_rules: matches!(
            cause,
            Cause::EndpointNotListed
                | Cause::MethodNotListed
                | Cause::ParameterNotListed
                | Cause::BodyNotListed
                | Cause::PathNotNormal
                | Cause::PseudonymInvalid
        ),
        ..Verdict::failed(
            cause.code(),
            cause.sentence(),
            to_a_platform(*cause, identity).unwrap_or(cause.next_step()),
        )
    }
}

/// What to do where only the platform before the function was shown something.
fn to_a_platform(cause: Cause, identity: &Identity) -> Option<&'static str> {
    if identity.has_workload() {
        return None;
    }
    match cause {
        Cause::TokenMissing if identity.is_aws() => Some(
            "The function does not take the IAM principal alone: give it a workload token with --token-file or --token-command beside --aws-iam, or ask its operator for HUSHGATE_PLATFORM_CALLERS=aws-iam.",
        ),
        Cause::TokenInvalid if identity.is_aws() => Some(
            "Ask the data owner to name this IAM principal in the access policy (`aws_iam`), or give a workload token beside --aws-iam.",
        ),
        Cause::TokenInvalid if identity.has_google() => Some(
            "Compare what the token says with the access policy. Where Cloud Run checks callers, the function gets this token without its signature: give a workload token beside it, or ask the operator for HUSHGATE_PLATFORM_CALLERS=cloud-run.",
        ),
        _ => None,
    }
}

/// An answer without the mark of a function: mostly the platform before it.
fn stranger(answer: &Answer, target: &Target, identity: &Identity) -> Verdict {
    let message = "the answer is not from a Hushgate function (it has no X-Hushgate-Request-Id)";
    let denied = matches!(answer.status.as_u16(), 401 | 403);
    let aws = target.host.ends_with(".on.aws")
        || target.host.ends_with(".amazonaws.com")
        || answer.headers.contains_key("x-amzn-errortype");
    let google = target.host.ends_with(".run.app") || target.host.ends_with(".cloudfunctions.net");
    let next = match answer.status.as_u16() {
        _ if aws && denied && identity.is_aws() => {
            "AWS refused before the function was reached: the caller needs lambda:InvokeFunctionUrl and lambda:InvokeFunction on it; check region and clock"
        }
        _ if aws && denied => {
            "AWS refused before the function was reached. Either its Function URL asks for IAM: sign with --aws-iam. \
            Or it asks for none (auth type NONE), and its resource policy does not admit the public: that grants `*` \
            lambda:InvokeFunctionUrl and, for a URL made since October 2025, lambda:InvokeFunction as well"
        }
        _ if google && denied && identity.has_google() => {
            "Google refused before the function was reached: the caller needs roles/run.invoker on the service, and --audience must be the service's URL"
        }
        _ if google && denied => {
            "Google refused before the function was reached: send an identity token with --google or --google-key (beside a workload token if the function wants one)"
        }
        502..=504 => "the platform got no answer from the function; look at the function's log",
        _ => "check the address: something else answers there",
    };
    Verdict::failed(Code::NotAFunction.known().code, message, next)
}
