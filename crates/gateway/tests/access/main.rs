//! Verifying callers, seen from outside: hostile tokens, public test vectors, outages, a real issuer.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::too_many_lines,
    reason = "helpers of tests may fail by panicking, and hold long tables"
)]

mod documentation;
mod hostile;
mod issuers;
mod key_cache;
mod known;
#[path = "../../../../tests/support/peer.rs"]
#[expect(dead_code, reason = "shared with the other tests")]
mod peer;
mod platform;
mod policy;
mod random;
mod support;
mod wycheproof;
