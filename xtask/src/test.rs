//! `cargo xtask test` and `cargo xtask ci`.

mod cloud;

use std::process::Command;

use clap::Args;

use crate::chore::{cargo, root, step, tools};
use crate::{generate, prerequisites};

/// The functions that the black-box tests start.
const FUNCTIONS: &[&str] = &[
    "zoom",
    "outlook-cal",
    "salesforce",
    "gcal",
    "jira-cloud",
    "github",
];

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only tests whose name contains this
    filter: Option<String>,
    /// The tests of the clouds' crates instead, over emulators; compiles both clouds' clients
    #[arg(long)]
    cloud: bool,
}

/// Installs the test peers, builds the binaries that black-box tests start, and runs every test.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if options.cloud {
        return cloud::run(options.filter.as_deref());
    }
    let peers = prerequisites::install()?;
    let mut build = cargo();
    build.args(["build", "--package", "hushgate-cli", "--bin", "hushgate"]);
    step("build the command", &mut build)?;
    let mut build = cargo();
    build.args(["build", "--package", "hushgate-functions"]);
    for function in FUNCTIONS {
        build.args(["--bin", function]);
    }
    step("build the functions under test", &mut build)?;
    let mut test = cargo();
    test.args(["test", "--workspace", "--exclude", "hushgate-functions"]);
    test.args(cloud::EXCLUDED);
    if let Some(filter) = &options.filter {
        test.arg(filter);
    }
    test.env("HUSHGATE_PEERS", &peers.node)
        .env("HUSHGATE_PYTHON", &peers.python)
        .env("HUSHGATE_REQUIRE_PEERS", "1")
        .env_remove("BLESS");
    step("all tests", &mut test)
}

/// Everything CI checks, in the order of cost.
pub(crate) fn ci() -> anyhow::Result<()> {
    let mut fmt = cargo();
    step("format", fmt.args(["fmt", "--all", "--check"]))?;
    let mut clippy = cargo();
    clippy.args(["clippy", "--workspace", "--all-targets"]);
    clippy.args(cloud::EXCLUDED);
    clippy.args(["--", "-D", "warnings"]);
    step("lint", &mut clippy)?;
    generate::run(true)?;
    // The policy is checked over every platform's crates, which a build for one doesn't download.
    step("fetch", cargo().args(["fetch", "--locked", "--quiet"]))?;
    step(
        "dependencies",
        deny()?.args(["--offline", "check", "bans", "licenses", "sources"]),
    )?;
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--quiet"])
        .args(cloud::EXCLUDED)
        .env("RUSTDOCFLAGS", "-D warnings");
    step("documentation", &mut doc)?;
    run(&Options {
        filter: None,
        cloud: false,
    })?;
    cloud::lint()?;
    cloud::run(None)
}

/// The cargo-deny to use: an installed one, or a pinned one in `.tools/`.
fn deny() -> anyhow::Result<Command> {
    let installed = Command::new("cargo-deny").arg("--version").output().is_ok();
    if installed {
        let mut command = Command::new("cargo-deny");
        command.current_dir(root());
        return Ok(command);
    }
    let home = tools().join("cargo");
    let binary = home.join("bin/cargo-deny");
    if !binary.exists() {
        let mut install = cargo();
        install
            .args(["install", "--locked", "cargo-deny@0.20.2", "--root"])
            .arg(&home);
        step("install cargo-deny", &mut install)?;
    }
    let mut command = Command::new(binary);
    command.current_dir(root());
    Ok(command)
}
