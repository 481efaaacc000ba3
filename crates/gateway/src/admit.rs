//! The step from a verified request to a call that the rules admit, with pseudonyms turned back.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use hushgate_rules::endpoint::{
    Admitted, Call, CallPath, CallQuery, NotAdmitted, PathRefused, QueryRefused, ReverseError,
    RuleSet,
};
use hushgate_rules::language::is_reserved_header;
use hushgate_rules::pseudonym::{Pseudonymizer, TokenInvalid, is_reversible_token};

use crate::control::Control;
use crate::gateway::Gateway;
use crate::inbound::Inbound;
use crate::refusal::{Cause, Refusal};

/// A call that the rules admit. Only [`admit`] makes one, and only such a call can be sent.
pub(crate) struct Permitted {
    endpoint: usize,
    method: Method,
    shown: Target,
    clear: Target,
    headers: HeaderMap,
    body: Option<Bytes>,
    user: Option<String>,
}

/// A path, without the source's base path, and a query.
pub(crate) struct Target {
    /// Percent-encoded, beginning with `/`.
    pub(crate) path: String,
    /// Without `?`.
    pub(crate) query: Option<String>,
}

impl Permitted {
    /// The index of the endpoint in the rules.
    pub(crate) fn endpoint(&self) -> usize {
        self.endpoint
    }

    /// The endpoint as the rules write it; safe to log.
    pub(crate) fn label<'r>(&self, rules: &'r RuleSet) -> &'r str {
        rules
            .endpoints()
            .get(self.endpoint)
            .map_or("", |e| e.label())
    }

    /// The method.
    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    /// The target as the caller wrote it, with pseudonyms.
    pub(crate) fn shown(&self) -> &Target {
        &self.shown
    }

    /// The target for the source, with pseudonyms turned back.
    pub(crate) fn clear(&self) -> &Target {
        &self.clear
    }

    /// The headers for the source, without a credential.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The body for the source.
    pub(crate) fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// The account to act as.
    pub(crate) fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }
}

/// Looks the request up in the rules, once, and turns its pseudonyms back.
///
/// # Errors
/// The causes from `endpoint-not-listed` to `pseudonym-invalid`, and `request-invalid`.
pub(crate) fn admit(
    gateway: &Gateway,
    inbound: &Inbound,
    keys: &Pseudonymizer,
) -> Result<Permitted, Refusal> {
    check_header_names(&inbound.headers)?;
    let control = Control::read(&inbound.headers, gateway.settings.compat)?;
    let content_type = check_body(inbound)?;
    let raw_path = control.target_path.as_deref().unwrap_or(&inbound.raw_path);
    let raw_query = match &control.target_query {
        Some(replaced) => Some(replaced.as_str()).filter(|query| !query.is_empty()),
        None => inbound.raw_query.as_deref(),
    };
    let path = CallPath::normalize(gateway.below_base(raw_path))?;
    let query = CallQuery::parse(raw_query)?;
    let call = Call {
        method: inbound.method.as_str(),
        path: &path,
        query: &query,
        content_type,
        body: &inbound.body,
    };
    let admitted = gateway.rules.admit(&call)?;
    let reverse = |token: &str| keys.reverse(token);
    let target = admitted.reverse_call(reverse)?;
    let body = admitted.reverse_body(content_type, &inbound.body, reverse)?;
    Ok(Permitted {
        endpoint: gateway
            .rules
            .position(admitted.endpoint)
            .unwrap_or(usize::MAX),
        method: inbound.method.clone(),
        shown: Target {
            path: path.as_str().to_owned(),
            query: query.to_text(),
        },
        clear: Target {
            path: target.path,
            query: target.query,
        },
        headers: forwarded(
            &gateway.rules,
            &admitted,
            &inbound.headers,
            content_type,
            &reverse,
        )?,
        body: body
            .map(Bytes::from)
            .or_else(|| (!inbound.body.is_empty()).then(|| inbound.body.clone())),
        user: control
            .user_to_impersonate
            .map(|user| turn_back(user, keys))
            .transpose()?,
    })
}

impl Gateway {
    /// The path below the source's base path; callers may write it with or without.
    pub(crate) fn below_base<'p>(&self, path: &'p str) -> &'p str {
        match path.strip_prefix(self.connector.source().base_path.as_str()) {
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        }
    }

    /// Whether another target is admitted by the same endpoint: for redirects and links.
    pub(crate) fn admits_same(
        &self,
        permitted: &Permitted,
        path: &str,
        query: Option<&str>,
    ) -> bool {
        let (Ok(path), Ok(query)) = (
            CallPath::normalize(self.below_base(path)),
            CallQuery::parse(query),
        ) else {
            return false;
        };
        let call = Call {
            method: permitted.method.as_str(),
            path: &path,
            query: &query,
            content_type: None,
            body: &[],
        };
        self.rules
            .admit(&call)
            .is_ok_and(|a| self.rules.position(a.endpoint) == Some(permitted.endpoint))
    }
}

/// Many servers read `a_b` as `a-b`, so that a header could get past a check under its twin's name.
fn check_header_names(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.keys().any(|name| name.as_str().contains('_')) {
        return Err(Refusal::new(
            Cause::RequestInvalid,
            "a header name has an underscore",
        ));
    }
    Ok(())
}

/// The content type of the body, if there is a body.
fn check_body(inbound: &Inbound) -> Result<Option<&str>, Refusal> {
    let invalid = |detail: &str| Refusal::new(Cause::RequestInvalid, detail);
    let headers = &inbound.headers;
    let encoded = headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(invalid(
            "the request body has a content coding; send it plain",
        ));
    }
    if inbound.body.is_empty() {
        return Ok(None);
    }
    if matches!(inbound.method, Method::GET | Method::HEAD) {
        return Err(invalid("a GET or HEAD request has a body"));
    }
    let mut declared = headers.get_all(CONTENT_TYPE).iter();
    let (Some(content_type), None) = (declared.next(), declared.next()) else {
        return Err(invalid("the request body has no content type, or several"));
    };
    let text = content_type
        .to_str()
        .map_err(|_| invalid("the content type is not readable"))?;
    let foreign = text
        .to_ascii_lowercase()
        .split(';')
        .skip(1)
        .filter_map(|p| {
            p.trim()
                .strip_prefix("charset=")
                .map(|c| c.trim_matches('"').to_owned())
        })
        .any(|charset| !matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii"));
    if foreign {
        return Err(invalid("the request body has a charset other than UTF-8"));
    }
    Ok(Some(text))
}

/// The listed headers, with pseudonyms turned back; nothing else of the caller's is forwarded.
fn forwarded(
    rules: &RuleSet,
    admitted: &Admitted<'_, '_>,
    headers: &HeaderMap,
    content_type: Option<&str>,
    reverse: &impl Fn(&str) -> Result<String, TokenInvalid>,
) -> Result<HeaderMap, Refusal> {
    let mut out = HeaderMap::new();
    out.insert(ACCEPT, HeaderValue::from_static("application/json"));
    if let Some(value) = content_type.and_then(|text| HeaderValue::from_str(text).ok()) {
        out.insert(CONTENT_TYPE, value);
    }
    let listed = rules
        .allowed_request_headers()
        .iter()
        .chain(admitted.endpoint.allowed_request_headers());
    for name in listed.filter(|name| !is_reserved_header(name)) {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else {
            continue;
        };
        out.remove(&name);
        for value in headers.get_all(&name) {
            let text = value.to_str().map_err(|_| {
                Refusal::new(
                    Cause::RequestInvalid,
                    format!("header `{name}` is not printable ASCII"),
                )
            })?;
            let value = match admitted.reverse_header(text, reverse)? {
                None => value.clone(),
                Some(original) => HeaderValue::from_str(&original).map_err(|_| {
                    Refusal::new(
                        Cause::PseudonymInvalid,
                        format!("the original for header `{name}` does not fit a header"),
                    )
                })?,
            };
            out.append(name.clone(), value);
        }
    }
    if !out.contains_key(ACCEPT) {
        out.insert(ACCEPT, HeaderValue::from_static("application/json"));
    }
    Ok(out)
}

fn turn_back(user: String, keys: &Pseudonymizer) -> Result<String, Refusal> {
    if !is_reversible_token(&user) {
        return Ok(user);
    }
    keys.reverse(&user)
        .map_err(|e| Refusal::new(Cause::PseudonymInvalid, e.to_string()))
}

impl From<PathRefused> for Refusal {
    fn from(reason: PathRefused) -> Self {
        Refusal::new(Cause::PathNotNormal, reason.to_string())
    }
}

impl From<QueryRefused> for Refusal {
    fn from(reason: QueryRefused) -> Self {
        Refusal::new(Cause::RequestInvalid, reason.to_string())
    }
}

impl From<NotAdmitted> for Refusal {
    fn from(reason: NotAdmitted) -> Self {
        let cause = match reason {
            NotAdmitted::Endpoint => Cause::EndpointNotListed,
            NotAdmitted::EncodedSlash => Cause::PathNotNormal,
            NotAdmitted::PathParameter | NotAdmitted::QueryParameter | NotAdmitted::QueryValue => {
                Cause::ParameterNotListed
            }
            NotAdmitted::Method => Cause::MethodNotListed,
            NotAdmitted::Body => Cause::BodyNotListed,
        };
        Refusal::new(cause, reason.to_string())
    }
}

impl From<ReverseError<TokenInvalid>> for Refusal {
    fn from(error: ReverseError<TokenInvalid>) -> Self {
        let cause = match error {
            ReverseError::Token(_) | ReverseError::Misplaced => Cause::PseudonymInvalid,
            ReverseError::BodyNotReadable => Cause::BodyNotListed,
        };
        Refusal::new(cause, error.to_string())
    }
}
