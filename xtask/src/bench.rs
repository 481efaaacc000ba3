//! `cargo xtask bench`: the figures of docs/performance.md.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use crate::chore::{cargo, step, target};
use crate::package::{self, Cloud};

/// The function that is measured.
const FUNCTION: &str = "zoom";

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only these parts: throughput, process, latency; or cloud, which no other run measures
    parts: Vec<String>,
}

/// Builds the function for release and prints the tables.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut bench = cargo();
    bench.args(["bench", "--package", "hushgate-tests", "--bench", "figures"]);
    bench.arg("--").args(&options.parts);
    if options.parts.is_empty() || options.parts.iter().any(|part| part != "cloud") {
        let mut build = cargo();
        build.args(["build", "--profile", "dist"]);
        build.args(["--package", "hushgate-functions", "--bin", FUNCTION]);
        step("build the function as it is shipped", &mut build)?;
        bench.env(
            "HUSHGATE_BENCH_FUNCTION",
            target().join("dist").join(FUNCTION),
        );
    }
    if options.parts.iter().any(|part| part == "cloud") {
        for (cloud, variable) in [
            (Cloud::Aws, "HUSHGATE_BENCH_AWS"),
            (Cloud::Gcp, "HUSHGATE_BENCH_GCP"),
        ] {
            bench.env(variable, shipped(cloud)?);
        }
    }
    step("figures", &mut bench)
}

/// The function as it is packaged for a cloud, copied to where the next build leaves it alone.
fn shipped(cloud: Cloud) -> anyhow::Result<PathBuf> {
    let program = package::program(FUNCTION, cloud)?;
    let copy = target().join("bench").join(cloud.name());
    std::fs::create_dir_all(target().join("bench"))?;
    std::fs::copy(&program, &copy).with_context(|| format!("copy {}", program.display()))?;
    Ok(copy)
}
