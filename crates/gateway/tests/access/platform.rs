//! Callers for whom a platform vouches: who is accepted, and that nothing from outside imitates them.
//!
//! The tables say what is tried; each row of a refusal also says the fault that the log must name, so
//! that none is refused by an unrelated slip.

mod aws;
mod cloud_run;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use hushgate_gateway::access::fault::TokenFault;
use hushgate_gateway::access::policy::{Policy, PolicyOptions};
use hushgate_gateway::access::{PlatformCallers, Verifier};
use hushgate_gateway::refusal::{Cause, Refusal};
use hushgate_gateway::reply::Reply;
use hushgate_gateway::request_id::RequestId;

use crate::support::*;

/// Headers, and the client or the fault that they give.
type Row<'t> = (&'t [(&'t str, &'t str)], Result<&'t str, &'t str>);

/// A verifier of a policy that was read for this platform.
fn verifier_on(platform: PlatformCallers, policy: &str, source: &Arc<MemorySource>) -> Verifier {
    let options = PolicyOptions {
        platform: Some(platform),
        ..PolicyOptions::default()
    };
    let policy = Policy::read(policy, "access.yaml", options).unwrap();
    verifier(policy, source, &TestClock::new())
}

fn fault(word: &str) -> TokenFault {
    match word {
        "algorithm" => TokenFault::AlgorithmNotPinned,
        "algorithm-unknown" => TokenFault::AlgorithmUnknown,
        "claim" => TokenFault::ClaimMalformed,
        "claims-json" => TokenFault::ClaimsNotJson,
        "date" => TokenFault::DateMalformed,
        "expired" => TokenFault::Expired,
        "extension" => TokenFault::ExtensionNotUnderstood,
        "issuer" => TokenFault::IssuerNotTrusted,
        "lives-too-long" => TokenFault::LivesTooLong,
        "malformed" => TokenFault::HeaderMalformed,
        "not-yet" => TokenFault::NotYetValid,
        "no-account" => TokenFault::NoGoogleClient,
        "no-principal" => TokenFault::NoPrincipal,
        "not-base64" => TokenFault::NotBase64Url,
        "parts" => TokenFault::NotThreeParts,
        "principal" => TokenFault::PrincipalNotTaken,
        "removed" => TokenFault::SignatureRemoved,
        "repeated" => TokenFault::HeaderRepeated,
        "signature" => TokenFault::SignatureMismatch,
        "type" => TokenFault::TypeNotAccepted,
        "unchecked" => TokenFault::NotChecked,
        _ => panic!("no fault `{word}`"),
    }
}

/// All that a caller sees of a refusal, apart from the request's id, which is fixed here.
fn seen(refusal: &Refusal, id: &RequestId) -> (u16, HeaderMap, Bytes) {
    let reply = Reply::refused(refusal, id);
    (
        reply.status().as_u16(),
        reply.headers().clone(),
        reply.body().clone(),
    )
}

/// That a refusal is `token-invalid` as always, with this fault in the log.
fn check_refusal(refusal: &Refusal, expected: &str, name: &str) {
    let id = RequestId::fresh();
    let plain = Refusal::new(Cause::TokenInvalid, "");
    assert_eq!(seen(refusal, &id), seen(&plain, &id), "{name}");
    assert_eq!(refusal.detail(), fault(expected).to_string(), "{name}");
}

fn put(headers: &mut HeaderMap, name: &str, value: &[u8]) {
    headers.append(
        HeaderName::from_bytes(name.as_bytes()).unwrap(),
        HeaderValue::from_bytes(value).unwrap(),
    );
}
