//! `hushgate config`: the variables of a function.

use std::process::ExitCode;

use clap::Args;
use hushgate_host::config::{Config, process_environment, table};

use crate::print;

/// Options of `config`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  HUSHGATE_ACCESS=policy.yaml hushgate config --check")]
pub struct Options {
    /// Check the variables this command was started with; every problem is named
    #[arg(long)]
    check: bool,
}

/// Runs `config`.
///
/// # Errors
/// None; problems are printed.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if !options.check {
        print::bytes(table().as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let Err(problems) = Config::read(&process_environment()) else {
        print::line("the configuration is valid");
        return Ok(ExitCode::SUCCESS);
    };
    for problem in &problems {
        print::line(&format!("error: {problem}"));
    }
    print::note("`hushgate config` lists every variable and what it may be");
    Ok(ExitCode::from(1))
}
