//! Runs a function as an HTTP server: configuration, secret stores, server, start and stop.
//!
//! [`run`] is all that a function's `main` calls, through the macro [`function!`].

pub mod config;
pub mod logs;
pub mod server;
pub mod store;
