//! `cargo xtask bench`: the figures of docs/performance.md.

use clap::Args;

use crate::chore::{cargo, step, target};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Only these parts: throughput, process, latency
    parts: Vec<String>,
}

/// Builds the function for release and prints the tables.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    let mut build = cargo();
    build.args([
        "build",
        "--profile",
        "dist",
        "--package",
        "hushgate-functions",
        "--bin",
        "zoom",
    ]);
    step("build the function as it is shipped", &mut build)?;
    let mut bench = cargo();
    bench.args([
        "bench",
        "--package",
        "hushgate-tests",
        "--bench",
        "figures",
        "--",
    ]);
    bench
        .args(&options.parts)
        .env("HUSHGATE_BENCH_FUNCTION", target().join("dist/zoom"));
    step("figures", &mut bench)
}
