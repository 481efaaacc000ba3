//! `hushgate serve SOURCE`: one source's function on this machine.

use std::process::ExitCode;

use clap::Args;

use crate::sources::BuiltIn;

/// Options of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Configured by the environment; `hushgate config` lists the variables.

Example:
  PORT=8080 HUSHGATE_ACCESS=policy.yaml HUSHGATE_SECRETS=file:secrets.json hushgate serve zoom")]
pub struct Options {
    /// The source's id
    source: String,
}

/// Runs `serve` until SIGINT or SIGTERM.
///
/// # Errors
/// When the source is unknown.
pub fn run(options: &Options) -> anyhow::Result<ExitCode> {
    let source = BuiltIn::find(&options.source)?;
    let function = Box::leak(Box::new(hushgate_host::BuiltIn {
        id: source.id,
        source_yaml: source.declared()?.source,
        rules_yaml: source.rules,
    }));
    Ok(hushgate_host::run(function))
}
