//! What the `hushgate` command is made of; the sample issuer and source also serve the tests.

#[rustfmt::skip]
mod built_in;
pub mod call;
mod clouds;
pub mod config;
pub mod connection;
pub mod demo;
#[cfg(test)]
mod documented;
pub mod engine;
pub mod examples;
pub mod print;
pub mod prompt;
pub mod rules;
pub mod sample;
pub mod sanitize;
pub mod serve;
pub mod sources;
pub mod vault;
pub mod view;

/// The exit code for a call that the rules refuse.
pub const REFUSED: u8 = 3;
