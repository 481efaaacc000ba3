//! The `hushgate` command: for data admins who tune rules, IT who deploys, and developers who call.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use hushgate_cli::{call, config, connection, demo, rules, sanitize, serve, vault};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A gateway that redacts, hashes and tokenizes a source's data before it leaves your cloud.
#[derive(Debug, Parser)]
#[command(name = "hushgate", version, arg_required_else_help = true)]
#[command(after_help = "Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 refused by the rules.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Try it offline: a token issuer, a sample source and the function; one call, before and after
    Demo(demo::Options),
    /// Run one source's function on this machine, configured from the environment
    Serve(serve::Options),
    /// Call a deployed or local function as a client would
    Call(Box<call::Options>),
    /// Sanitize one response body, or a batch of them, as the function would
    Sanitize(sanitize::Options),
    /// Check and test rule files
    #[command(subcommand)]
    Rules(rules::Command),
    /// Connect to accounts at sources, and keep, test, renew and revoke these connections
    #[command(subcommand)]
    Connection(connection::Command),
    /// Make and open the encrypted store of this machine
    #[command(subcommand)]
    Vault(vault::Command),
    /// Print what a function is configured by, or check the present environment
    Config(config::Options),
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let parsed = Cli::try_parse_from(&arguments);
    if let Some(code) = call::refused(&arguments, parsed.as_ref().err()) {
        return code;
    }
    let command = parsed.unwrap_or_else(|error| error.exit()).command;
    let result = match command {
        Command::Demo(options) => demo::run(&options),
        Command::Serve(options) => serve::run(&options),
        Command::Call(options) => call::run(&options),
        Command::Sanitize(options) => sanitize::run(&options),
        Command::Rules(command) => rules::run(&command),
        Command::Connection(command) => connection::run(&command),
        Command::Vault(command) => vault::run(&command),
        Command::Config(options) => config::run(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            hushgate_cli::print::failure(&error);
            ExitCode::from(1)
        }
    }
}
