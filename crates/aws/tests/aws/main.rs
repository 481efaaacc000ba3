//! The stores over the SDK's own wire, against the server of moto.
//!
//! `HUSHGATE_CLOUD_PYTHON` is the Python that has it; `cargo xtask test --cloud` sets it. Without it the tests
//! say that they were skipped; with `HUSHGATE_REQUIRE_PEERS=1` they fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where the store fails"
)]

mod entries;
mod faults;
mod life;
mod locks;
mod messages;
mod moto;
mod object_faults;
mod objects;
mod permissions;
mod policy;
#[expect(dead_code, reason = "times and access keys concern functions alone")]
mod proxy;
mod reach;
mod recorder;
mod suite;
mod support;
mod surroundings;
mod wire;
mod world;
