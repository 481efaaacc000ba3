//! From a hyper request to an [`Inbound`], byte for byte.

use std::net::SocketAddr;
use std::time::Instant;

use http::header::CONTENT_LENGTH;
use http::{Method, Request, Version};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hushgate_gateway::inbound::Inbound;
use hushgate_gateway::refusal::{Cause, Refusal};
use hushgate_gateway::request_id::RequestId;
use hyper::body::Incoming;

use super::Limits;

/// The question whether the process runs; its answer says nothing else.
pub(super) fn is_liveness<B>(request: &Request<B>) -> bool {
    request.uri().path() == "/healthz" && matches!(*request.method(), Method::GET | Method::HEAD)
}

pub(super) fn overloaded() -> Refusal {
    Refusal::new(
        Cause::Overloaded,
        "as many requests in flight as HUSHGATE_MAX_IN_FLIGHT allows",
    )
}

/// Reads the whole request.
///
/// # Errors
/// The refusal of a target in a form that is not served, or of a body that is too large or too slow.
pub(super) async fn inbound(
    request: Request<Incoming>,
    peer: SocketAddr,
    limits: &Limits,
) -> Result<Inbound, Refusal> {
    let received = Instant::now();
    check_target(&request)?;
    let announced = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.body) {
        return Err(too_large());
    }
    let (head, body) = request.into_parts();
    let collected =
        tokio::time::timeout(limits.body_time, Limited::new(body, limits.body).collect()).await;
    let body = match collected {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => {
            return Err(Refusal::new(
                Cause::RequestInvalid,
                "the request body broke off",
            ));
        }
        Err(_) => {
            return Err(Refusal::new(
                Cause::RequestInvalid,
                "the request body did not arrive in time",
            ));
        }
    };
    Ok(Inbound {
        raw_path: head.uri.path().to_owned(),
        raw_query: head.uri.query().map(str::to_owned),
        method: head.method,
        headers: head.headers,
        body,
        peer: Some(peer.ip().to_canonical()),
        vouched: None,
        deadline: None,
        received,
    })
}

/// Only the origin form is served: the other forms name a host, and the host is never the caller's choice.
fn check_target<B>(request: &Request<B>) -> Result<(), Refusal> {
    let target = request.uri();
    if *request.method() == Method::CONNECT || !target.path().starts_with('/') {
        return Err(Refusal::new(
            Cause::RequestInvalid,
            "a request target that is not a path",
        ));
    }
    // In HTTP/2 the authority is a header of its own and always there.
    if request.version() != Version::HTTP_2
        && (target.scheme().is_some() || target.authority().is_some())
    {
        return Err(Refusal::new(
            Cause::RequestInvalid,
            "a request target in absolute form",
        ));
    }
    Ok(())
}

fn too_large() -> Refusal {
    Refusal::new(
        Cause::RequestTooLarge,
        "a request body larger than HUSHGATE_MAX_REQUEST_BYTES",
    )
}

/// The only log line of a request that is refused before the gateway saw it.
pub(super) fn log(refusal: &Refusal, id: &RequestId) {
    let (cause, status) = (refusal.cause().code(), refusal.status().as_u16());
    tracing::info!(target: "hushgate::audit", request_id = id.as_str(), cause, detail = refusal.detail(), status, "request");
}
