//! The project's chores. `cargo xtask --help` lists them.

mod bench;
mod chore;
mod generate;
mod package;
mod prerequisites;
mod simulate;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The project's chores.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, Subcommand)]
enum Chore {
    /// Sets up what the tests need (into `.tools/`) and runs the tests, but for those of the clouds
    Test(test::Options),
    /// Formats, lints, checks generated files and dependencies, then runs `test`: what CI runs
    Ci,
    /// Builds functions into what a cloud takes: zips for Lambda, images for Cloud Run and containers
    Package(package::Options),
    /// Builds the `hushgate` command with every cloud in it, as a release has it
    PackageCommand(package::command::Options),
    /// Prints the figures of docs/performance.md
    Bench(bench::Options),
    /// Plays the life cycle of shared tokens in a million simulated schedules
    Simulate(simulate::Options),
    /// Rewrites generated files: function list, reference pages
    Gen {
        /// Changes nothing; fails when a file is out of date
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let done = match Cli::parse().chore {
        Chore::Test(options) => test::run(&options),
        Chore::Ci => test::ci(),
        Chore::Package(options) => package::run(&options),
        Chore::PackageCommand(options) => package::command::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::Simulate(options) => simulate::run(&options),
        Chore::Gen { check } => generate::run(check),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            chore::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
