//! From an event to an [`Inbound`].

use std::net::IpAddr;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use hushgate_gateway::inbound::{AwsIam, Inbound, Vouched};
use hushgate_gateway::refusal::{Cause, Refusal};
use hushgate_host::server;

use super::event::{Event, Way};
use super::target::target;

/// When the request was received, and by when the reply has to be there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) received: Instant,
    pub(super) deadline: Instant,
}

/// The request in an event.
///
/// # Errors
/// `request-invalid` for what no HTTP server would take, `request-too-large`.
pub(super) fn inbound(
    mut event: Event,
    way: Way,
    times: Times,
    largest: usize,
    compressible: bool,
) -> Result<Inbound, Refusal> {
    let method = Method::from_bytes(event.method().as_bytes())
        .map_err(|_| invalid("the event's method is not one of HTTP"))?;
    let (raw_path, raw_query) = target(&event, way)?;
    let mut headers = headers(&event)?;
    if !compressible {
        headers.remove(ACCEPT_ENCODING);
    }
    let body = body(&mut event, largest)?;
    Ok(Inbound {
        method,
        raw_path,
        raw_query,
        headers,
        body,
        peer: event.source_ip(way).and_then(address),
        vouched: vouched(&event, way),
        received: times.received,
        deadline: Some(times.deadline),
    })
}

/// The headers; cookies are nothing to this gateway.
fn headers(event: &Event) -> Result<HeaderMap, Refusal> {
    let limits = server::Limits::default();
    let lines: Vec<(&str, &str)> = match (&event.multi_value_headers, &event.headers) {
        (Some(members), _) => {
            let all = members.0.iter();
            all.flat_map(|(name, values)| values.iter().map(move |v| (name.as_str(), v.as_str())))
                .collect()
        }
        (None, Some(members)) => {
            let all = members.0.iter();
            all.map(|(name, value)| (name.as_str(), value.as_str()))
                .collect()
        }
        (None, None) => Vec::new(),
    };
    let size: usize = lines.iter().map(|(n, v)| n.len() + v.len()).sum();
    if lines.len() > limits.header_fields || size > limits.head {
        let detail = "more headers than an HTTP server of this gateway takes";
        return Err(Refusal::new(Cause::RequestTooLarge, detail));
    }
    let mut headers = HeaderMap::with_capacity(lines.len());
    for (name, value) in lines {
        let wrong = |_| invalid("the event has a header that HTTP does not allow");
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| invalid("the event has a header name that HTTP does not allow"))?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(wrong)?;
        if name != COOKIE {
            headers.append(name, value);
        }
    }
    Ok(headers)
}

fn body(event: &mut Event, largest: usize) -> Result<Bytes, Refusal> {
    let Some(text) = event.body.take() else {
        return Ok(Bytes::new());
    };
    let encoded = event.is_base64_encoded.unwrap_or_default();
    let at_least = if encoded {
        (text.len() / 4 * 3).saturating_sub(2)
    } else {
        text.len()
    };
    if at_least > largest {
        return Err(too_large());
    }
    if !encoded {
        return Ok(Bytes::from(text));
    }
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| invalid("the event's body is not the base64 it says it is"))?;
    if bytes.len() > largest {
        return Err(too_large());
    }
    Ok(Bytes::from(bytes))
}

/// What the platform says about the caller when it checked a signature. Other authorizers, and the
/// load balancer, say nothing that counts.
fn vouched(event: &Event, way: Way) -> Option<Vouched> {
    let principal = match way {
        Way::FunctionUrl | Way::HttpApi => {
            let iam = event.iam()?;
            AwsIam {
                arn: iam.user_arn.clone()?,
                account: iam.account_id.clone().unwrap_or_default(),
                organization: iam.principal_org_id.clone(),
                cognito: iam.cognito_identity.is_some(),
            }
        }
        Way::HttpApiV1 | Way::RestApi => {
            let identity = event.identity()?;
            AwsIam {
                arn: identity.user_arn.clone()?,
                account: identity.account_id.clone().unwrap_or_default(),
                organization: identity.principal_org_id.clone(),
                cognito: identity.cognito_identity_id.is_some()
                    || identity.cognito_identity_pool_id.is_some(),
            }
        }
        Way::LoadBalancer { .. } => return None,
    };
    Some(Vouched::AwsIam(principal))
}

fn address(text: &str) -> Option<IpAddr> {
    Some(text.parse::<IpAddr>().ok()?.to_canonical())
}

fn invalid(detail: &str) -> Refusal {
    Refusal::new(Cause::RequestInvalid, detail)
}

fn too_large() -> Refusal {
    Refusal::new(
        Cause::RequestTooLarge,
        "a request body larger than HUSHGATE_MAX_REQUEST_BYTES",
    )
}
