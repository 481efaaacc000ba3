//! The clouds' part of the tests, kept apart because compiling the clouds' clients takes minutes.

use std::path::PathBuf;

use anyhow::Context as _;

use crate::chore::{cargo, root, step};
use crate::prerequisites;

/// Leaves the clouds' crates out of a command over the workspace.
pub(super) const EXCLUDED: [&str; 4] = ["--exclude", "hushgate-aws", "--exclude", "hushgate-gcp"];

/// The clouds' crates.
const CRATES: [&str; 4] = ["--package", "hushgate-aws", "--package", "hushgate-gcp"];

/// The clouds by the features of the functions.
const CLOUDS: &[&str] = &["aws", "gcp"];

/// The function that black-box tests start as a cloud does.
const FUNCTION: &str = "zoom";

/// Installs the emulators, builds a function for each cloud, and runs the tests of both crates.
pub(super) fn run(filter: Option<&str>) -> anyhow::Result<()> {
    let peers = prerequisites::install()?;
    let emulators = prerequisites::install_emulators()?;
    let functions = build_functions()?;
    let mut test = cargo();
    test.arg("test").args(CRATES);
    if let Some(filter) = filter {
        test.arg(filter);
    }
    test.env("HUSHGATE_PEERS", &peers.node)
        .env("HUSHGATE_PYTHON", &peers.python)
        .env("HUSHGATE_CLOUD_PYTHON", &emulators)
        .env("HUSHGATE_CLOUD_FUNCTIONS", &functions)
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

/// A debug build of one function per cloud, as `<folder>/<cloud>/<function>`: one program has the
/// client of one cloud, so they can't lie in the same place.
fn build_functions() -> anyhow::Result<PathBuf> {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |given| root().join(given));
    let folder = target.join("clouds");
    for cloud in CLOUDS {
        let mut build = cargo();
        build.args(["build", "--package", "hushgate-functions"]);
        build.args(["--bin", FUNCTION, "--features", cloud]);
        step(&format!("build the function for {cloud}"), &mut build)?;
        let place = folder.join(cloud);
        std::fs::create_dir_all(&place)?;
        let program = target.join("debug").join(FUNCTION);
        std::fs::copy(&program, place.join(FUNCTION))
            .with_context(|| format!("copy {}", program.display()))?;
    }
    Ok(folder)
}
