//! The life of a request, in process: a real source on loopback, real tokens, a real rule file.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its helpers too"
)]

#[path = "gateway/issuer.rs"]
mod issuer;
#[path = "gateway/support.rs"]
mod support;
#[path = "gateway/upstream.rs"]
mod upstream;

#[path = "gateway/admit.rs"]
mod admit;
#[path = "gateway/answers.rs"]
mod answers;
#[path = "gateway/arriving.rs"]
mod arriving;
#[path = "gateway/faults.rs"]
mod faults;
#[path = "gateway/identity.rs"]
mod identity;
