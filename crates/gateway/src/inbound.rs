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
    /// The whole request body; the host has enforced its size limit.
    pub body: Bytes,
    /// The address of the TCP peer, or what the platform vouches for.
    pub peer: Option<IpAddr>,
    /// When the host read the request head; time limits count from here.
    pub received: Instant,
}
