//! Credentials for sources, over real HTTP to servers on this machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "connect/bench.rs"]
mod bench;
#[path = "connect/cache.rs"]
mod cache;
#[path = "connect/catalogue.rs"]
mod catalogue;
#[path = "connect/check.rs"]
mod check;
#[path = "connect/consent.rs"]
mod consent;
#[path = "connect/docs.rs"]
mod docs;
#[path = "connect/freeze.rs"]
mod freeze;
#[path = "connect/hostile.rs"]
mod hostile;
#[path = "connect/mutations.rs"]
mod mutations;
#[path = "connect/other_host.rs"]
mod other_host;
#[path = "../../../tests/support/peer.rs"]
mod peer;
#[path = "connect/provider.rs"]
mod provider;
#[path = "connect/refusals.rs"]
mod refusals;
#[path = "connect/rotation.rs"]
mod rotation;
#[path = "connect/seed.rs"]
mod seed;
#[path = "connect/seed_accounts.rs"]
mod seed_accounts;
#[path = "connect/seed_consents.rs"]
mod seed_consents;
#[path = "connect/seed_fields.rs"]
mod seed_fields;
#[path = "connect/server.rs"]
mod server;
#[path = "connect/setup.rs"]
mod setup;
#[path = "connect/shared.rs"]
mod shared;
#[path = "shared/ward.rs"]
mod ward;
#[path = "connect/wire.rs"]
mod wire;
