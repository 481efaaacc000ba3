//! Google Cloud's stores over the wire: the official client and own requests before emulators.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops where something is not as it should be"
)]

#[path = "google/deadlines.rs"]
mod deadlines;
#[path = "google/documents.rs"]
mod documents;
#[path = "google/elsewhere.rs"]
mod elsewhere;
#[path = "google/emulator.rs"]
mod emulator;
#[path = "google/first.rs"]
mod first;
#[path = "google/front.rs"]
mod front;
#[path = "google/function.rs"]
mod function;
#[path = "../../../tests/support/garbled.rs"]
mod garbled;
#[path = "google/identity.rs"]
mod identity;
#[path = "google/life.rs"]
mod life;
#[path = "google/metadata.rs"]
mod metadata;
#[path = "google/mishap.rs"]
mod mishap;
#[path = "google/objects.rs"]
mod objects;
#[path = "google/permissions.rs"]
mod permissions;
#[path = "google/queue.rs"]
mod queue;
#[path = "google/secrets.rs"]
mod secrets;
#[path = "google/secrets_connections.rs"]
mod secrets_connections;
#[path = "google/secrets_faults.rs"]
mod secrets_faults;
#[path = "google/secrets_world.rs"]
mod secrets_world;
#[path = "google/stopping.rs"]
mod stopping;
#[path = "../../../tests/support/together.rs"]
mod together;
#[path = "google/wire.rs"]
mod wire;
#[path = "google/world.rs"]
mod world;
