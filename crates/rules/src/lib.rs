//! The Hushgate rule language, pure: no I/O, no async, no clock, no environment.
//!
//! Keys and time are passed in. Everything is checked and compiled when rules are loaded, so a request can't
//! meet rules that are wrong; only the automata of patterns are built when they are first needed.

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
