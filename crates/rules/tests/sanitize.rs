//! The sanitizer from outside: rules as text, bodies as bytes.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking, its helpers too"
)]

#[path = "sanitize/cases.rs"]
mod cases;
#[path = "sanitize/examples.rs"]
mod examples;
#[path = "sanitize/hostile.rs"]
mod hostile;
#[path = "sanitize/properties.rs"]
mod properties;
#[path = "sanitize/support.rs"]
mod support;
#[path = "sanitize/types.rs"]
mod types;
