//! Webhook collection rules as written.

use super::span::{Span, Spanned};
use super::transform::TransformSpec;

/// `WebhookCollectionRules` as written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WebhookRules {
    /// The one endpoint.
    pub endpoint: WebhookEndpoint,
}

/// The endpoint of a webhook collector.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WebhookEndpoint {
    /// Where the endpoint begins.
    pub span: Span,
    /// `jwtClaimsToVerify` by claim.
    pub jwt_claims_to_verify: Vec<(Spanned<String>, ClaimSpec)>,
    /// `transforms`, in order.
    pub transforms: Vec<TransformSpec>,
}

/// Where a claim's value must be found again.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClaimSpec {
    /// Where the claim's entry begins.
    pub span: Span,
    /// Query parameter that must equal the claim.
    pub query_param: Option<Spanned<String>>,
    /// Places in the body that must equal the claim.
    pub payload_contents: Vec<Spanned<String>>,
}
