//! The Hushgate rule language, pure: no I/O, no async, no clock, no environment.
//!
//! Keys and time are passed in. Everything is compiled when rules are loaded; a request compiles nothing.

pub mod augment;
pub mod endpoint;
pub mod java_number;
pub mod json;
pub mod jsonpath;
pub mod language;
pub mod pattern;
pub mod pseudonym;
pub mod sanitize;
pub mod schema;
pub mod transform;
