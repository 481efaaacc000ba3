//! Black-box tests: the real function binary as a process, an issuer, a source, hostile callers and peers.
//!
//! Run them with `cargo xtask test`, which builds the binaries first. The log of every function is
//! searched for every identifier of every source's examples when it stops.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is missing"
)]

mod support;

mod access_oidc;
mod answers;
mod call;
mod causes;
mod chores;
mod cloud_run;
mod command;
mod connection;
mod connections_grants;
mod connections_instances;
mod connections_life;
mod connections_shared;
mod control;
mod demonstration;
mod documents;
mod dying;
mod federated;
mod guides;
mod hostile;
mod lifecycle;
mod load;
mod packages;
mod pseudonyms;
mod refusals;
mod schema;
mod sources;
mod stalled;
mod starting;
mod stopping;
mod tls;
mod unread;
mod web;
