//! Why a request was refused. The only place where causes, their sides and their status codes meet.

use http::{HeaderMap, StatusCode};

use crate::upstream::PassedHeaders;

/// Who has to act on a refusal; decides the log level and the advice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The caller sent something that can't be served.
    Caller,
    /// This deployment is configured wrongly or met an internal fault.
    Gateway,
    /// The source answered wrongly or not at all.
    Source,
}

macro_rules! causes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $code:literal, $status:literal, $side:ident, $psoxy:expr, $sentence:literal, $next:literal; )+) => {
        /// The stable cause of a refusal. Codes are never renamed or reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Cause { $( $(#[doc = $doc])+ $name, )+ }

        impl Cause {
            /// Every cause, in the order of the request's life.
            pub const ALL: &'static [Cause] = &[ $( Cause::$name, )+ ];

            /// The stable code, as in `X-Hushgate-Error` and the body.
            pub fn code(self) -> &'static str { match self { $( Cause::$name => $code, )+ } }

            /// One fixed sentence for the caller; holds nothing from the request.
            pub fn sentence(self) -> &'static str { match self { $( Cause::$name => $sentence, )+ } }

            /// What to do next.
            pub fn next_step(self) -> &'static str { match self { $( Cause::$name => $next, )+ } }

            /// Who has to act.
            pub fn side(self) -> Side { match self { $( Cause::$name => Side::$side, )+ } }

            /// The reference's name for this cause (`X-Psoxy-Error` in compatibility mode), if it has one.
            pub fn psoxy(self) -> Option<&'static str> { match self { $( Cause::$name => $psoxy, )+ } }

            /// What the cause means, for the documentation.
            pub fn meaning(self) -> &'static str { match self { $( Cause::$name => concat!($($doc),+).trim_ascii(), )+ } }

            fn status_number(self) -> u16 { match self { $( Cause::$name => $status, )+ } }
        }
    };
}

causes! {
    /// The platform says the caller did not use TLS.
    HttpsRequired = "https-required", 400, Caller, Some("HTTPS_REQUIRED"),
        "The request did not arrive over https.", "Call the https address of this function.";
    /// The request is malformed: a bad target, header or combination.
    RequestInvalid = "request-invalid", 400, Caller, Some("INVALID_REQUEST"),
        "The request is malformed.", "Check the request target and headers against the HTTP reference in docs/errors.md.";
    /// The request body is larger than this function takes.
    RequestTooLarge = "request-too-large", 413, Caller, None,
        "The request is larger than this function accepts.", "Send a smaller body or fewer headers.";
    /// The caller's address is not in the allowed ranges.
    AddressNotAllowed = "address-not-allowed", 403, Caller, Some("UNAUTHORIZED_IP_ADDRESS"),
        "The caller's address is not allowed.", "Ask the data owner to add your address to `ip_allow` in the access policy.";
    /// No identity token was sent.
    TokenMissing = "token-missing", 401, Caller, None,
        "The request carries no identity token.", "Send `Authorization: Bearer` with a workload-identity token.";
    /// The identity token did not verify, for whatever reason: all reasons look the same from outside.
    TokenInvalid = "token-invalid", 401, Caller, None,
        "The identity token is not valid here.", "Call with a fresh token of the agreed issuer and audience, or as the agreed cloud identity; the function's log names the reason.";
    /// The keys of a trusted issuer can't be had, so no token of it can be verified.
    IssuerUnavailable = "issuer-unavailable", 503, Gateway, None,
        "The identity token can't be checked at the moment.", "Retry shortly; if it stays, check that this function can reach the issuer.";
    /// The caller is known but may not use this source, or its access ended.
    CallerNotAllowed = "caller-not-allowed", 403, Caller, None,
        "The caller is not allowed to use this source.", "Ask the data owner to list this source for your client in the access policy.";
    /// No endpoint of the rules matches the path.
    EndpointNotListed = "endpoint-not-listed", 403, Caller, Some("BLOCKED_BY_RULES"),
        "The rules admit no such endpoint.", "Call an endpoint the rules list, or ask the data owner to add it.";
    /// The endpoint does not admit this method.
    MethodNotListed = "method-not-listed", 403, Caller, Some("BLOCKED_BY_RULES"),
        "The rules do not admit this method for the endpoint.", "Use a method the rules list for it.";
    /// A query or path parameter is not admitted, or its value breaks its schema.
    ParameterNotListed = "parameter-not-listed", 403, Caller, Some("BLOCKED_BY_RULES"),
        "The rules do not admit a parameter of this request.", "Send only the parameters, and values, the rules list for the endpoint.";
    /// The request body is not admitted.
    BodyNotListed = "body-not-listed", 403, Caller, Some("BLOCKED_BY_RULES"),
        "The rules do not admit this request body.", "Send a body as the rules of the endpoint describe it, or none.";
    /// The path has dot segments, encoded separators or other forms that read differently elsewhere.
    PathNotNormal = "path-not-normal", 400, Caller, Some("INVALID_REQUEST"),
        "The path has a form that could be read in two ways.", "Send the plain path: no dot segments, empty segments, encoded slashes or control characters.";
    /// A reversible pseudonym in the request can't be turned back.
    PseudonymInvalid = "pseudonym-invalid", 409, Caller, Some("TOKENIZED_REQUEST_PARAMETER_INVALID"),
        "A pseudonym in the request can't be turned back.", "Use pseudonyms exactly as this function returned them, in the places the rules declare.";
    /// The credential for the source is missing from the secret store.
    CredentialMissing = "credential-missing", 500, Gateway, Some("CONNECTION_SETUP"),
        "This function has no credential for the source.", "Store the secrets the source needs; the health check names the missing ones, and the function's log where each was looked for.";
    /// The source's token endpoint or API refused our credential.
    CredentialRejected = "credential-rejected", 502, Gateway, Some("CONNECTION_SETUP"),
        "The source rejected this function's credential.", "Check or renew the credential; the function's log names the reason.";
    /// The secret store did not answer, or failed in a way that may pass.
    StoreUnavailable = "store-unavailable", 503, Gateway, Some("CONFIGURATION_FAILURE"),
        "The secret store is not available at the moment.", "Retry shortly; if it stays, check that this function reaches the store; its log names the reason.";
    /// This function is configured wrongly, or may not read what its configuration names.
    ConfigurationInvalid = "configuration-invalid", 500, Gateway, Some("CONFIGURATION_FAILURE"),
        "This function is configured wrongly.", "See the function's log: under this request id it names what is wrong; the health check names secrets that are missing or can't be used.";
    /// The source did not answer in time.
    SourceTimeout = "source-timeout", 504, Source, Some("SOURCE_API_READ_TIMEOUT"),
        "The source did not answer in time.", "Retry, or ask for less data per call.";
    /// The source can't be reached.
    SourceUnreachable = "source-unreachable", 503, Source, Some("CONNECTION_TO_SOURCE"),
        "The source can't be reached.", "Retry shortly; if it stays, check this function's network egress.";
    /// The source's answer broke off.
    SourceInterrupted = "source-interrupted", 502, Source, Some("CONNECTION_TO_SOURCE"),
        "The source's answer broke off.", "Retry the call.";
    /// The source redirects to another origin.
    RedirectRefused = "redirect-refused", 502, Source, Some("API_ERROR"),
        "The source redirects to a place that is not allowed.", "Check the configured host of the source.";
    /// The source's address is private, link-local or otherwise not a place to send credentials.
    EgressRefused = "egress-refused", 502, Gateway, Some("NETWORK_EGRESS_BLOCKED"),
        "The source's address is not one this function may call.", "Check the configured host; private addresses need that host named in the configuration.";
    /// The source's answer is larger than the limit.
    ResponseTooLarge = "response-too-large", 502, Source, None,
        "The source's answer is larger than this function handles.", "Ask for fewer items per page.";
    /// The source answered with an error status; its body is withheld.
    SourceError = "source-error", 502, Source, Some("API_ERROR"),
        "The source answered with an error; its text is withheld.", "Look the status up in the source's API reference.";
    /// The source's answer has a content type that can't be sanitized.
    ContentTypeRefused = "content-type-refused", 502, Source, None,
        "The source's answer is of a type that can't be sanitized.", "Call endpoints that answer JSON.";
    /// The source's answer can't be sanitized: not JSON, too deep, or past another limit.
    NotSanitizable = "not-sanitizable", 502, Source, None,
        "The source's answer can't be sanitized.", "Check with the source's API reference that the call answers plain JSON.";
    /// The function is shutting down or has too many calls in flight.
    Overloaded = "overloaded", 503, Gateway, None,
        "This function takes no more calls at the moment.", "Retry with back-off.";
    /// A fault in the gateway itself; nothing of the response was sent.
    Internal = "internal", 500, Gateway, Some("UNKNOWN"),
        "The gateway met an internal fault; nothing was sent.", "Report the request id to the operator of this function.";
}

impl Cause {
    /// The HTTP status of a refusal with this cause.
    ///
    /// A [`Cause::SourceError`] is answered with the source's own status instead, see [`Refusal::status`].
    pub fn status(self) -> StatusCode {
        StatusCode::from_u16(self.status_number()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// A refused request: the cause for the caller, and a detail for the log only.
#[derive(Debug, thiserror::Error)]
#[error("{}: {detail}", cause.code())]
pub struct Refusal {
    cause: Cause,
    detail: String,
    source_status: Option<StatusCode>,
    passed: Option<Box<HeaderMap>>,
}

impl Refusal {
    /// Refuses with a cause. `detail` goes to the log: it names places and reasons, never a value
    /// from the request, the response, a token or a secret.
    pub fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            cause,
            detail: detail.into(),
            source_status: None,
            passed: None,
        }
    }

    /// The source answered with an error status, which is passed on without its body.
    pub fn source_error(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            cause: Cause::SourceError,
            detail: detail.into(),
            source_status: Some(status),
            passed: None,
        }
    }

    /// Adds the headers of the source's answer that may be passed on, such as `retry-after`.
    pub(crate) fn with_headers(mut self, headers: PassedHeaders) -> Self {
        self.passed = Some(Box::new(headers.into_map()));
        self
    }

    /// The checked headers of the source's answer, if there was one.
    pub(crate) fn passed_headers(&self) -> Option<&HeaderMap> {
        self.passed.as_deref()
    }

    /// The cause.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// The detail for the log.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The status the caller sees: the source's own for source errors (4xx and 5xx), else the cause's.
    pub fn status(&self) -> StatusCode {
        self.source_status
            .filter(|s| s.is_client_error() || s.is_server_error())
            .unwrap_or_else(|| self.cause.status())
    }
}

#[cfg(test)]
mod tests;
