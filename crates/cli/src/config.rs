//! `hushgate config`: the variables of a function.

use std::process::ExitCode;

use clap::Args;
use hushgate_host::check_policy;
use hushgate_host::config::{Config, DocumentAt, process_environment, table};

use crate::print;

/// Options of `config`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  HUSHGATE_ACCESS=policy.yaml hushgate config --check")]
pub struct Options {
    /// Check the variables this command was started with, and an access policy in a file or inline;
    /// every problem is named
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
    let config = match check() {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                print::line(&format!("error: {problem}"));
            }
            print::note("`hushgate config` lists every variable and what it may be");
            return Ok(ExitCode::from(1));
        }
    };
    print::line("the configuration is valid");
    for (variable, at) in [
        ("HUSHGATE_ACCESS", &config.access),
        ("HUSHGATE_RULES", &config.rules),
    ] {
        if matches!(at, Some(DocumentAt::Store(_) | DocumentAt::Object(_))) {
            print::note(&format!(
                "{variable} lies in a store or bucket; a function reads it when it starts"
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn check() -> Result<Config, Vec<String>> {
    let read = process_environment().and_then(|environment| Config::read(&environment));
    let config =
        read.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    check_policy(&config)?;
    Ok(config)
}
