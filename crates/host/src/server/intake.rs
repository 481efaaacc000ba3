//! From a hyper request to an [`Inbound`], byte for byte.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Version};
use hushgate_gateway::inbound::Inbound;
use hushgate_gateway::refusal::{Cause, Refusal};
use hushgate_gateway::request_id::RequestId;

/// The question whether the process runs; its answer says nothing else.
pub(super) fn is_liveness(head: &Parts) -> bool {
    head.uri.path() == "/healthz" && matches!(head.method, Method::GET | Method::HEAD)
}

pub(super) fn overloaded() -> Refusal {
    Refusal::new(
        Cause::Overloaded,
        "as many requests in flight as HUSHGATE_MAX_IN_FLIGHT allows",
    )
}

/// The request without its body.
///
/// # Errors
/// The refusal of a target in a form that is not served.
pub(super) fn inbound(head: Parts, peer: SocketAddr) -> Result<Inbound, Refusal> {
    let received = Instant::now();
    check_target(&head)?;
    Ok(Inbound {
        raw_path: head.uri.path().to_owned(),
        raw_query: head.uri.query().map(str::to_owned),
        method: head.method,
        headers: head.headers,
        body: Bytes::new(),
        peer: Some(peer.ip().to_canonical()),
        vouched: None,
        deadline: None,
        received,
    })
}

/// Only the origin form is served: the other forms name a host, and the host is never the caller's choice.
fn check_target(head: &Parts) -> Result<(), Refusal> {
    let target = &head.uri;
    if head.method == Method::CONNECT || !target.path().starts_with('/') {
        return Err(Refusal::new(
            Cause::RequestInvalid,
            "a request target that is not a path",
        ));
    }
    // In HTTP/2 the authority is a header of its own and always there.
    if head.version != Version::HTTP_2
        && (target.scheme().is_some() || target.authority().is_some())
    {
        return Err(Refusal::new(
            Cause::RequestInvalid,
            "a request target in absolute form",
        ));
    }
    Ok(())
}

/// The only log line of a request that is refused before the gateway saw it.
pub(super) fn log(refusal: &Refusal, id: &RequestId) {
    let (cause, status) = (refusal.cause().code(), refusal.status().as_u16());
    tracing::info!(target: "hushgate::audit", request_id = id.as_str(), cause, detail = refusal.detail(), status, "request");
}
