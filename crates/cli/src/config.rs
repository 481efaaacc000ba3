//! `hushgate config`: the variables of a function.

use std::process::ExitCode;

use clap::Args;
use hushgate_host::config::{Config, DocumentAt, process_environment, table};
use hushgate_host::{check_policy, check_rules};

use crate::print;
use crate::sources::Declared;

/// Options of `config`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  HUSHGATE_ACCESS=policy.yaml hushgate config --check")]
pub struct Options {
    /// Check the variables this command was started with, and an access policy and rules in files or
    /// inline; every problem is named
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
    let (config, warnings) = match check() {
        Ok(checked) => checked,
        Err(problems) => {
            for problem in &problems {
                print::line(&format!("error: {problem}"));
            }
            print::note("`hushgate config` lists every variable and what it may be");
            return Ok(ExitCode::from(1));
        }
    };
    print::line("the configuration is valid");
    for warning in warnings {
        print::line(&format!("warning: {warning}"));
    }
    for (variable, at) in [
        ("HUSHGATE_ACCESS", &config.access),
        ("HUSHGATE_RULES", &config.rules),
    ] {
        if matches!(at, Some(DocumentAt::Store(_) | DocumentAt::Object(_))) {
            print::note(&format!(
                "not looked at: {variable} lies in a store or bucket; a function reads it when it starts"
            ));
        }
    }
    print::note(
        "not looked at: secrets, and the connection they belong to; ask the function once it runs: `hushgate call URL --health`",
    );
    Ok(ExitCode::SUCCESS)
}

/// The configuration, and what its author should look at again.
fn check() -> Result<(Config, Vec<String>), Vec<String>> {
    let read = process_environment().and_then(|environment| Config::read(&environment));
    let config =
        read.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let known: Vec<_> = Declared::all().iter().map(|source| source.id).collect();
    let mut warnings = Vec::new();
    if config.access.is_none() {
        warnings.push("HUSHGATE_ACCESS is not set, so every call is refused".to_owned());
    }
    let mut problems = Vec::new();
    for checked in [check_policy(&config, &known), check_rules(&config)] {
        match checked {
            Ok(found) => warnings.extend(found),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok((config, warnings))
    } else {
        Err(problems)
    }
}
