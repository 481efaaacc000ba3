//! The clouds' part of the tests, kept apart because compiling the clouds' clients takes minutes.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::chore::{cargo, step, target};
use crate::package::{self, Cloud};
use crate::prerequisites;

/// Leaves the clouds' crates out of a command over the workspace.
pub(super) const EXCLUDED: [&str; 4] = ["--exclude", "hushgate-aws", "--exclude", "hushgate-gcp"];

/// The clouds' crates.
const CRATES: [&str; 4] = ["--package", "hushgate-aws", "--package", "hushgate-gcp"];

/// What a function is built for.
const BUILDS: [Cloud; 3] = [Cloud::Aws, Cloud::Gcp, Cloud::None];

/// The function that black-box tests start as a cloud does.
const FUNCTION: &str = "zoom";

/// The function of a source whose refresh token changes at every use, which tests of Google's stores start.
const ROTATING: &str = "jira-cloud";

/// What is packaged for each cloud, in one call of the chore.
const PACKAGED: [&str; 2] = [FUNCTION, "gcal"];

/// Installs the emulators, builds a function for each cloud, and runs the tests of both crates.
pub(super) fn run(filter: Option<&str>) -> anyhow::Result<()> {
    let peers = prerequisites::install()?;
    let emulators = prerequisites::install_emulators()?;
    let cargo_lambda = prerequisites::install_cargo_lambda()?;
    let built = build_functions()?;
    let mut test = cargo();
    test.arg("test").args(CRATES);
    if let Some(filter) = filter {
        test.arg(filter);
    }
    test.env("HUSHGATE_PEERS", &peers.node)
        .env("HUSHGATE_PYTHON", &peers.python)
        .env("HUSHGATE_CLOUD_PYTHON", &emulators)
        .env("HUSHGATE_CARGO_LAMBDA", &cargo_lambda)
        .env("HUSHGATE_CLOUD_FUNCTIONS", &built.functions)
        .env("HUSHGATE_PACKAGES", &built.packages)
        .env("HUSHGATE_REQUIRE_PEERS", "1")
        .env_remove("BLESS");
    step("tests of the clouds", &mut test)?;
    let mut test = cargo();
    test.args(["test", "--package", "hushgate-tests", "--"]);
    test.args(["packages::", "call::signed::"]);
    test.env("HUSHGATE_PYTHON", &peers.python)
        .env("HUSHGATE_PEERS", &peers.node)
        .env("HUSHGATE_CLOUD_PYTHON", &emulators)
        .env("HUSHGATE_PACKAGES", &built.packages)
        .env("HUSHGATE_REQUIRE_PEERS", "1")
        .env_remove("BLESS");
    step(
        "packages, started as their platforms would, and signatures",
        &mut test,
    )
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

/// A debug build of one function per cloud, as `<functions>/<cloud>/<function>`: one program has the
/// client of one cloud, so they can't lie in the same place. It is packaged too, beside another; and the command.
fn build_functions() -> anyhow::Result<Built> {
    let built = Built {
        functions: target().join("clouds"),
        packages: target().join("packages-for-tests"),
    };
    if built.packages.exists() {
        std::fs::remove_dir_all(&built.packages)?;
    }
    for cloud in BUILDS {
        let folder = package::for_tests(&PACKAGED, cloud, &built.packages)?;
        built.keep(&folder.join(FUNCTION), cloud)?;
        if cloud == Cloud::Gcp {
            let folder = package::unpacked_for_tests(ROTATING, cloud)?;
            built.keep(&folder.join(ROTATING), cloud)?;
        }
    }
    package::command::for_tests(&built.packages)?;
    Ok(built)
}

/// Where the functions under test are.
struct Built {
    functions: PathBuf,
    packages: PathBuf,
}

impl Built {
    /// Copies a program to where tests look for it.
    fn keep(&self, program: &Path, cloud: Cloud) -> anyhow::Result<()> {
        let place = self.functions.join(cloud.name());
        std::fs::create_dir_all(&place)?;
        let name = program.file_name().context("a program has a name")?;
        let copied = std::fs::copy(program, place.join(name));
        copied.with_context(|| format!("copy {}", program.display()))?;
        Ok(())
    }
}
