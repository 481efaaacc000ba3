//! What all black-box tests share.

pub(crate) mod canned;
pub(crate) mod desk;
pub(crate) mod function;
pub(crate) mod identifiers;
pub(crate) mod peer;
pub(crate) mod person;
pub(crate) mod raw;
pub(crate) mod runtime_api;
pub(crate) mod world;

pub(crate) use world::World;

/// Says, past the capture of passing tests' output, that something was not tested.
pub(crate) fn skipped(reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}
