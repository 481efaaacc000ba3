//! A token issuer and a sample source on loopback, for the demonstration and the tests.
//!
//! Both are real HTTP servers: a function talks to them exactly as it talks to an issuer and to a
//! vendor's API.

mod issuer;
mod server;
mod source;

pub use issuer::Issuer;
pub use server::{LoopbackServer, Request, Response};
pub use source::{SampleSource, Served};
