//! The clouds' part of the tests, kept apart because compiling the clouds' clients takes minutes.

use crate::chore::{cargo, step};
use crate::prerequisites;

/// Leaves the clouds' crates out of a command over the workspace.
pub(super) const EXCLUDED: [&str; 4] = ["--exclude", "hushgate-aws", "--exclude", "hushgate-gcp"];

/// The clouds' crates.
const CRATES: [&str; 4] = ["--package", "hushgate-aws", "--package", "hushgate-gcp"];

/// Installs the emulators and runs the tests of both crates.
pub(super) fn run(filter: Option<&str>) -> anyhow::Result<()> {
    let peers = prerequisites::install()?;
    let emulators = prerequisites::install_emulators()?;
    let mut test = cargo();
    test.arg("test").args(CRATES);
    if let Some(filter) = filter {
        test.arg(filter);
    }
    test.env("HUSHGATE_PEERS", &peers.node)
        .env("HUSHGATE_PYTHON", &peers.python)
        .env("HUSHGATE_CLOUD_PYTHON", &emulators)
        .env("HUSHGATE_REQUIRE_PEERS", "1")
        .env_remove("BLESS");
    step("tests of the clouds", &mut test)
}

/// Lints what `lint` over the workspace leaves out, and its documentation.
pub(super) fn lint() -> anyhow::Result<()> {
    let mut clippy = cargo();
    clippy.arg("clippy").args(CRATES);
    clippy.args(["--all-targets", "--", "-D", "warnings"]);
    step("lint the clouds", &mut clippy)?;
    let mut doc = cargo();
    doc.arg("doc").args(CRATES).args(["--no-deps", "--quiet"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    step("documentation of the clouds", &mut doc)
}
