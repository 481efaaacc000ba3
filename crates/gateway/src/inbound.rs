//! One request as the host received it.

use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// A request in the shape every host produces, before anything about it is believed.
///
/// `raw_path` and `raw_query` are the bytes of the request target as text, still percent-encoded
/// and in their original order; nothing is decoded, normalized or re-ordered by a host.
#[derive(Debug)]
pub struct Inbound {
    /// The request method.
    pub method: Method,
    /// The path of the request target, starting with `/`, still percent-encoded.
    pub raw_path: String,
    /// The query of the request target without `?`, if there was one.
    pub raw_query: Option<String>,
    /// All request headers, repeated ones kept apart.
    pub headers: HeaderMap,
    /// The whole request body; the host has enforced its size limit. Empty where it still arrives
    /// ([`Gateway::handle_arriving`](crate::gateway::Gateway::handle_arriving)).
    pub body: Bytes,
    /// The address of the TCP peer, or what the platform vouches for.
    pub peer: Option<IpAddr>,
    /// What the hosting platform itself says about the caller, beside the request; never anything that
    /// a header or a body says. A host that is told nothing leaves it out.
    pub vouched: Option<Vouched>,
    /// When the host read the request head; time limits count from here.
    pub received: Instant,
    /// When the platform ends the request, if it does so: the reply is made before, whatever the
    /// configured time is. The host leaves itself the time to send it.
    pub deadline: Option<Instant>,
}

/// What only the hosting platform can say about a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Vouched {
    /// AWS checked the request's signature and found this IAM principal.
    AwsIam(AwsIam),
}

/// An IAM principal as the request context of a Lambda function gives it: `requestContext.authorizer.iam`
/// (Function URL, API Gateway v2) or `requestContext.identity` (API Gateway v1).
///
/// The texts are those of the context, unchecked: the access policy takes them apart strictly. `null` and
/// missing members are `None`, or empty for the first two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsIam {
    /// `userArn`.
    pub arn: String,
    /// `accountId`: the account of the caller, not that of the function.
    pub account: String,
    /// `principalOrgId`; Function URLs don't give it.
    pub organization: Option<String>,
    /// Whether the credentials came from a Cognito identity pool: `cognitoIdentity`, or one of
    /// `cognitoIdentityPoolId` and `cognitoIdentityId`, is there and not `null`.
    pub cognito: bool,
}
