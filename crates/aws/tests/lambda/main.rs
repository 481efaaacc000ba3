//! Functions as Lambda runs them: the real program before a Runtime API on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where the function fails"
)]

mod bodies;
mod callers;
mod calls;
mod documents;
mod events;
mod faults;
mod first;
#[path = "../../../../tests/support/garbled.rs"]
mod garbled;
mod life;
mod limits;
#[path = "../aws/moto.rs"]
mod moto;
mod permissions;
#[expect(dead_code, reason = "tables of permissions concern other services")]
#[path = "../aws/policy.rs"]
mod policy;
#[expect(dead_code, reason = "some mishaps concern the stores alone")]
#[path = "../aws/proxy.rs"]
mod proxy;
mod real;
mod runtime_api;
mod samples;
mod stores;
mod time;
#[path = "../../../../tests/support/together.rs"]
mod together;
mod world;
