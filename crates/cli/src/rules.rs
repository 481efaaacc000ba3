//! `hushgate rules`: check, test, examples.

mod check;
mod examples;
mod test;

use std::process::ExitCode;

use clap::Subcommand;

/// `hushgate rules …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check rule files: every error and warning with file, line and column
    Check(check::Options),
    /// Run the examples of sources: calls, original answers, what they become, what must vanish
    Test(test::Options),
    /// List all examples of the sources in ./rules
    Examples(examples::Options),
}

/// Runs a `rules` command.
///
/// # Errors
/// When files can't be read or written.
pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Check(options) => check::run(options),
        Command::Test(options) => test::run(options),
        Command::Examples(options) => examples::run(options),
    }
}
