//! `hushgate connection`: links from this deployment to accounts at sources.

use std::process::ExitCode;

use clap::Subcommand;

use self::code::Code;
use crate::{print, prompt};

mod callback;
mod check;
pub(crate) mod code;
mod connect;
mod consent;
mod draft;
pub mod failure;
mod given;
mod kept;
pub mod keyring;
mod listing;
mod outlook;
mod place;
mod plan;
mod renewal;
mod revoke;
mod rotate;
mod saved;
pub mod setup;
mod terminal;
mod unbroken;
pub mod unlock;
pub mod web;

pub use place::{Place, config, environment};
pub use plan::{family, find_source};

use failure::Failure;

/// `hushgate connection …`
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Connect to an account at a source: fields or the vendor's consent, a check, then keep it
    Connect(connect::Options),
    /// List all connections, whose they are, and when they end
    List(listing::List),
    /// Show one connection; never a secret
    Show(kept::One),
    /// Ask the vendor whether a connection works
    Test(kept::One),
    /// Connect an existing connection anew: same id, same settings
    Reconnect(connect::Again),
    /// Get a new access token now, or enter a new key
    Rotate(rotate::Options),
    /// End a connection at the vendor, and remove it here
    Revoke(revoke::Revoke),
}

/// Runs a `connection` command: exit code 0, 1 when it failed, 2 when it was called wrongly.
///
/// # Errors
/// When no threads can be started.
pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let done = runtime.block_on(until_interrupted(dispatch(command)));
    prompt::show_again();
    // A question that still waits for its answer must not keep the command.
    runtime.shutdown_background();
    Ok(report(done, command.json()))
}

/// Ends with the command, or when it is interrupted: then a step that must not be broken off goes on
/// to its end first.
async fn until_interrupted(
    command: impl Future<Output = Result<(), Failure>>,
) -> Result<(), Failure> {
    let mut command = std::pin::pin!(command);
    tokio::select! {
        done = &mut command => return done,
        _ = tokio::signal::ctrl_c() => {}
    }
    if !unbroken::idle() {
        print::note(
            "interrupted: what was begun at the vendor is brought to its end, so that no token is lost",
        );
    }
    tokio::select! {
        biased;
        done = &mut command => done,
        () = unbroken::until_idle() => {
            Err(Failure::new(Code::Interrupted, "interrupted; nothing more was kept"))
        }
    }
}

async fn dispatch(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Connect(options) => connect::connect(options).await,
        Command::List(options) => listing::list(options).await,
        Command::Show(options) => listing::show(options).await,
        Command::Test(options) => kept::test(options).await,
        Command::Reconnect(options) => connect::reconnect(options).await,
        Command::Rotate(options) => rotate::rotate(options).await,
        Command::Revoke(options) => revoke::revoke(options).await,
    }
}

impl Command {
    fn json(&self) -> bool {
        match self {
            Self::Connect(options) => options.json(),
            Self::List(options) => options.json,
            Self::Reconnect(options) => options.json(),
            Self::Rotate(options) => options.json(),
            Self::Show(one) | Self::Test(one) => one.json,
            Self::Revoke(options) => options.json(),
        }
    }
}

/// Tells a failure, and the exit code.
pub(crate) fn report(done: Result<(), Failure>, as_json: bool) -> ExitCode {
    let Err(failure) = done else {
        return ExitCode::SUCCESS;
    };
    if as_json {
        print::line(&failure.json());
    } else {
        print::note(&format!("error: {}", failure.lines()));
    }
    ExitCode::from(if failure.usage { 2 } else { 1 })
}
