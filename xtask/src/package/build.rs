//! Building programs so that the same sources give the same bytes wherever they lie.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;

use super::environment;
use super::places::Places;
use super::target::{Cloud, Profile, Toolchain};
use crate::chore::{cargo, step, tools};

/// The version of cargo-auditable, which puts the list of crates into each program.
const AUDITABLE: &str = "cargo-auditable@0.7.7";

/// The time that C sources may ask for: 1980-01-01, as in the archives.
const EPOCH: &str = "315532800";

/// Builds these sources' functions and gives the folder in which they lie.
pub(crate) fn functions(
    sources: &[String],
    cloud: Cloud,
    profile: Profile,
    toolchain: &Toolchain,
) -> anyhow::Result<PathBuf> {
    let mut what = vec!["--package", "hushgate-functions"];
    for source in sources {
        what.extend(["--bin", source]);
    }
    if let Some(feature) = cloud.feature() {
        what.extend(["--features", feature]);
    }
    let label = format!(
        "{} function{} for {}",
        sources.len(),
        if sources.len() == 1 { "" } else { "s" },
        cloud.name()
    );
    programs(&label, &what, profile, toolchain)
}

/// Builds the `hushgate` command with every cloud and gives the folder in which it lies.
pub(crate) fn command(profile: Profile, toolchain: &Toolchain) -> anyhow::Result<PathBuf> {
    let what = ["--package", "hushgate-cli", "--bin", "hushgate"];
    let what = [&what[..], &["--features", "aws,gcp"]].concat();
    programs("the command", &what, profile, toolchain)
}

fn programs(
    label: &str,
    what: &[&str],
    profile: Profile,
    toolchain: &Toolchain,
) -> anyhow::Result<PathBuf> {
    let mut build = cargo();
    if profile != Profile::Dev {
        environment::check_settings()?;
        environment::confine(&mut build);
    }
    auditable(&mut build)?;
    build.args(["build", "--locked", "--profile", profile.name()]);
    build.args(what);
    build.arg("--target-dir").arg(&toolchain.target);
    if profile != Profile::Dev || toolchain.rustc.is_some() {
        build.env("RUSTC", toolchain.compiler());
    }
    let folder = if profile == Profile::Dev {
        toolchain.target.clone()
    } else {
        reproducible(&mut build, toolchain)?;
        toolchain.target.join(toolchain.arch.triple())
    };
    let label = format!(
        "build {label} on {} ({})",
        toolchain.arch.name(),
        profile.name()
    );
    step(&label, &mut build)?;
    Ok(folder.join(profile.folder()))
}

/// Takes the places of sources, caches and results out of what compilers write, and sets what they read.
fn reproducible(build: &mut Command, toolchain: &Toolchain) -> anyhow::Result<()> {
    let places = Places::of(toolchain)?;
    let triple = toolchain.arch.triple();
    let name = triple.replace('-', "_");
    build
        .args(["--target", triple])
        // Separated by 0x1f, so that a folder's name may hold spaces; the C flags are quoted.
        .env("CARGO_ENCODED_RUSTFLAGS", places.for_rust().join("\u{1f}"))
        .env("CC_SHELL_ESCAPED_FLAGS", "1")
        .env(format!("CFLAGS_{name}"), places.for_c().join(" "))
        .env(format!("CC_{name}"), toolchain.cc)
        .env(
            format!("CARGO_TARGET_{}_LINKER", name.to_uppercase()),
            toolchain.cc,
        )
        .env("SOURCE_DATE_EPOCH", EPOCH)
        // Of the settings of the person who builds too: none.
        .env("RUSTC_WRAPPER", "")
        // aws-lc else measures the processor's jitter for 25 ms at the first random number, beside what
        // the system's generator gives; a start would be twice as long.
        .env("AWS_LC_SYS_NO_JITTER_ENTROPY", "1");
    Ok(())
}

/// Has `build` put the list of their crates into programs, by the pinned cargo-auditable in `.tools/`,
/// which is installed on first use.
///
/// It is set up as `cargo auditable` does it, but by its name alone: cargo makes the wrapper's path a
/// part of our crates' identities, and so of the bytes that come out.
fn auditable(build: &mut Command) -> anyhow::Result<()> {
    let home = tools().join("cargo");
    let folder = home.join("bin");
    if !folder.join("cargo-auditable").exists() {
        let mut install = cargo();
        install
            .args(["install", "--locked", AUDITABLE, "--root"])
            .arg(&home);
        step("install cargo-auditable", &mut install)?;
    }
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(folder).chain(std::env::split_paths(&usual));
    let path = std::env::join_paths(path).context("PATH can't hold the folder of the tools")?;
    build
        .env("PATH", path)
        .env("RUSTC_WORKSPACE_WRAPPER", "cargo-auditable")
        .env(
            "CARGO_AUDITABLE_ORIG_ARGS",
            r#"{"offline":false,"locked":true,"frozen":false,"config":[]}"#,
        );
    Ok(())
}
