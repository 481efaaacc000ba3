//! Functions as Lambda runs them: the real program before a Runtime API on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where the function fails"
)]

mod callers;
mod calls;
mod events;
mod faults;
mod life;
mod limits;
mod runtime_api;
mod time;
mod world;
