//! The sanitizer from outside: rules as text, bodies as bytes.

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
