//! `hushgate serve SOURCE`: one source's function on this machine.

use std::process::ExitCode;

use clap::Args;
use hushgate_host::config::{Config, Environment, SecretsAt};
use hushgate_host::store::vault::DEPLOYMENT;

use crate::clouds::{CLOUDS, check_all};
use crate::connection::failure::Failure;
use crate::connection::{config, environment, report, unlock};
use crate::sources::BuiltIn;

/// Options of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Configured by the environment; `hushgate config` lists the variables. A vault is opened as the other
commands open it, and the function is given the keys of its own compartments only.

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
    let function = hushgate_host::BuiltIn {
        id: source.id,
        source_yaml: source.declared()?.source,
        rules_yaml: source.rules,
        rules_packed: &[],
        clouds: CLOUDS,
    };
    match environment().and_then(prepared) {
        Ok(environment) => Ok(hushgate_host::run_with(&function, &environment)),
        Err(failure) => Ok(report(Err(failure), false)),
    }
}

/// The variables as the function takes them, when what they name can be used.
fn prepared(environment: Environment) -> Result<Environment, Failure> {
    // A wrong configuration is told by the function itself, every problem at once.
    if let Ok(config) = Config::read(&environment) {
        check_all(&config)?;
    }
    with_own_keys(environment)
}

/// The variables, with the keys of the function's own compartments in place of what opens the whole
/// vault.
fn with_own_keys(mut environment: Environment) -> Result<Environment, Failure> {
    let names_vault = environment
        .get("HUSHGATE_SECRETS")
        .is_some_and(|at| at.trim().starts_with("vault:"));
    if !names_vault {
        return Ok(environment);
    }
    let config = config(&environment)?;
    let SecretsAt::Vault(folder) = &config.secrets else {
        return Ok(environment);
    };
    if config.vault_keys.is_some() {
        return Ok(environment);
    }
    let vault = unlock::open_whole(folder, &config)?;
    let mut compartments = vec![DEPLOYMENT.to_owned()];
    compartments.extend(
        config
            .connection
            .iter()
            .map(|id| format!("connections/{id}")),
    );
    let keys = vault.keys_of(&compartments)?;
    environment.insert("HUSHGATE_VAULT_KEYS".to_owned(), keys.text().to_string());
    environment.remove("HUSHGATE_VAULT_PASSPHRASE_FILE");
    Ok(environment)
}
