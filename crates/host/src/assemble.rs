//! Puts a gateway together from what is built in and what is configured.

use std::sync::Arc;

use hushgate_gateway::access::Verifier;
use hushgate_gateway::access::fetch::{HttpKeySource, KeySource};
use hushgate_gateway::access::policy::Policy;
use hushgate_gateway::connect::{Connector, ConnectorParts, Source, SourceOptions};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::gateway::{Gateway, Parts, Settings};
use hushgate_gateway::ports::{SecretStore, SystemClock};
use hushgate_rules::endpoint::RuleSet;
use hushgate_rules::language::LoadOptions;

use crate::config::{Config, Environment, Text};

/// What a function is built from.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// The source's id.
    pub id: &'static str,
    /// `source.yaml`: how the source is reached.
    pub source_yaml: &'static str,
    /// `rules.yaml`: what is admitted, and what happens to it.
    pub rules_yaml: &'static str,
}

/// A gateway for one source.
///
/// Policy, rules and declaration are read and compiled; secrets are not read yet.
///
/// # Errors
/// Every problem of any of them, as text for the operator.
pub fn assemble(
    built_in: &BuiltIn,
    config: &Config,
    environment: &Environment,
    store: Arc<dyn SecretStore>,
) -> Result<Gateway, Vec<String>> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let policy = keep(policy(config), &mut problems);
    let rules = keep(rules(built_in, config, &mut warnings), &mut problems);
    let source = keep(source(built_in, config), &mut problems);
    let (Some(policy), Some(rules), Some(source)) = (policy, rules, source) else {
        return Err(problems);
    };
    if config.access.is_none() {
        warnings.push("HUSHGATE_ACCESS is not set, so every call is refused".to_owned());
    }
    for warning in &warnings {
        tracing::warn!(warning = warning.as_str(), "configuration");
    }
    let egress = Egress::new(EgressConfig {
        named_hosts: config
            .target_host
            .as_deref()
            .map(host_of)
            .into_iter()
            .collect(),
        dev_loopback: config.dev_loopback,
        tls_floor: source.tls.unwrap_or(config.tls_floor),
        ..EgressConfig::default()
    });
    let keys: Arc<dyn KeySource> = Arc::new(HttpKeySource::new(egress.clone()));
    let connector = connector(source, config, environment, &egress, store.clone())?;
    Ok(Gateway::new(Parts {
        source: built_in.id.to_owned(),
        verifier: Verifier::new(policy, built_in.id, &keys, Arc::new(SystemClock)),
        rules,
        connector,
        store,
        egress,
        settings: Settings {
            compat: config.compat,
            pseudonyms: config.pseudonyms,
            request_timeout: config.request_timeout,
            max_response_bytes: config.max_response_bytes,
            warnings,
        },
    }))
}

fn keep<T>(result: Result<T, Vec<String>>, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

fn policy(config: &Config) -> Result<Policy, Vec<String>> {
    let Some(given) = &config.access else {
        return Ok(Policy::default());
    };
    let text = given
        .read_plain()
        .map_err(|e| vec![format!("HUSHGATE_ACCESS: {e}")])?;
    Policy::parse(&text, given.name(), config.dev_loopback)
        .map_err(|e| vec![format!("HUSHGATE_ACCESS: {e}")])
}

fn rules(
    built_in: &BuiltIn,
    config: &Config,
    warnings: &mut Vec<String>,
) -> Result<RuleSet, Vec<String>> {
    let own = Text::new(built_in.rules_yaml);
    let (given, name) = match &config.rules {
        Some(given) => (given, given.name().to_owned()),
        None => (&own, format!("rules/{}/rules.yaml", built_in.id)),
    };
    let text = given
        .read_packed()
        .map_err(|e| vec![format!("HUSHGATE_RULES: {e}")])?;
    // Only rules that an operator brings may be written for the reference.
    let options = LoadOptions {
        compat: config.compat && config.rules.is_some(),
        ..LoadOptions::default()
    };
    match RuleSet::load(&name, &text, options) {
        Ok((rules, found)) => {
            warnings.extend(
                found
                    .iter()
                    .filter(|_| config.rules.is_some())
                    .map(ToString::to_string),
            );
            Ok(rules)
        }
        Err(found) => Err(found.iter().map(ToString::to_string).collect()),
    }
}

fn source(built_in: &BuiltIn, config: &Config) -> Result<Source, Vec<String>> {
    let name = format!("rules/{}/source.yaml", built_in.id);
    let options = SourceOptions {
        dev_loopback: config.dev_loopback,
    };
    Source::load(&name, built_in.source_yaml, options)
        .map_err(|found| found.iter().map(ToString::to_string).collect())
}

fn connector(
    source: Source,
    config: &Config,
    environment: &Environment,
    egress: &Egress,
    store: Arc<dyn SecretStore>,
) -> Result<Connector, Vec<String>> {
    let settings = source
        .setting_names()
        .filter_map(|name| Some((name.to_owned(), environment.get(name)?.clone())))
        .collect();
    let token_origin = config
        .token_origin
        .as_deref()
        .map(|text| egress.parse(text))
        .transpose()
        .map_err(|e| vec![format!("HUSHGATE_TOKEN_ORIGIN: {e}")])?;
    let parts = ConnectorParts {
        store,
        clock: Arc::new(SystemClock),
        platform: None,
        endpoint: Arc::new(egress.clone()),
        settings,
        target_host: config.target_host.clone(),
        dev_loopback: config.dev_loopback,
        token_origin,
    };
    Connector::new(Arc::new(source), parts)
        .map_err(|e| e.to_string().lines().map(str::to_owned).collect())
}

/// The host without scheme and port.
fn host_of(target: &str) -> String {
    let bare = target.split_once("://").map_or(target, |(_, rest)| rest);
    match bare.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host.to_owned(),
        _ => bare.to_owned(),
    }
}
