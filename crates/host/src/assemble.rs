//! Puts a gateway together from what is built in and what is configured.

use std::collections::BTreeMap;
use std::sync::Arc;

use hushgate_gateway::access::fetch::{HttpKeySource, KeySource};
use hushgate_gateway::access::policy::{Policy, PolicyOptions};
use hushgate_gateway::access::{PlatformCallers, Verifier};
use hushgate_gateway::connect::{Connector, ConnectorParts, Source, SourceHost, SourceOptions};
use hushgate_gateway::egress::{Egress, EgressConfig, TlsFloor};
use hushgate_gateway::gateway::{Gateway, Parts, Settings};
use hushgate_gateway::ports::{Clock as _, PlatformIdentity, SecretStore, SystemClock};
use hushgate_rules::endpoint::RuleSet;
use hushgate_rules::language::{Diagnostic, LoadOptions, Severity};

use crate::cloud::Clouds;
use crate::config::{Config, Environment};
use crate::connection::{RECORD, Record};
use crate::document::Reader;
use crate::platform::confirm_cloud_run;
use crate::store::ConnectionView;

/// What a function is built from.
#[derive(Debug, Clone, Copy)]
pub struct BuiltIn {
    /// The source's id.
    pub id: &'static str,
    /// `source.yaml`: how the source is reached.
    pub source_yaml: &'static str,
    /// `rules.yaml`: what is admitted, and what happens to it.
    pub rules_yaml: &'static str,
    /// What [`hushgate_rules::language::pack`] made of `rules.yaml` when the program was built; empty
    /// where the start is to read it.
    pub rules_packed: &'static [u8],
    /// The clouds whose stores and services are built in.
    pub clouds: Clouds,
}

/// A gateway for one source.
///
/// Policy, rules and declaration are read and compiled. Of stores only policy, rules and the
/// connection's record are read, all at once, if the configuration says that they are there; where
/// callers are taken on a platform's word, it is asked at the same time whether this is that platform.
///
/// # Errors
/// Every problem of any of them, as text for the operator.
pub async fn assemble(
    built_in: &BuiltIn,
    config: &Config,
    environment: &Environment,
    store: Arc<dyn SecretStore>,
) -> Result<Gateway, Vec<String>> {
    let mut problems = Vec::new();
    let mut warnings = Vec::new();
    let reader = Reader {
        store: store.as_ref(),
        clouds: built_in.clouds,
        environment,
    };
    let (there, policy, given_rules, reached) = tokio::join!(
        platform_is_there(config, environment),
        policy(config, reader),
        given_rules(config, reader),
        Reached::read(built_in.id, config, &store),
    );
    let policy = keep(policy, &mut problems);
    let rules = given_rules.and_then(|given| rules(built_in, config, given, &mut warnings));
    let rules = keep(rules, &mut problems);
    let source = keep(source(built_in, config), &mut problems);
    let reached = keep(reached, &mut problems);
    let there = keep(there, &mut problems);
    let (Some(()), Some(policy), Some(rules), Some(source), Some(reached)) =
        (there, policy, rules, source, reached)
    else {
        return Err(problems);
    };
    match policy.closed_to(built_in.id, SystemClock.unix_seconds()) {
        _ if config.access.is_none() => {
            warnings.push("HUSHGATE_ACCESS is not set, so every call is refused".to_owned());
        }
        Some(why) => warnings.extend(wrong_policy(&why)),
        None => {}
    }
    warnings.extend(reached.warning.clone());
    let reached = reached.without_foreign_host(&source, config);
    let (configured, tls_floor) = (
        config.tls_floor.unwrap_or_default(),
        tls_floor(source.tls, config.tls_floor, &mut warnings),
    );
    for warning in &warnings {
        tracing::warn!(warning = warning.as_str(), "configuration");
    }
    let calls = EgressConfig {
        named_hosts: reached
            .target_host
            .as_deref()
            .map(host_of)
            .into_iter()
            .collect(),
        dev_loopback: config.dev_loopback,
        tls_floor,
        ..EgressConfig::default()
    };
    let egress = Egress::new(calls.clone());
    // The source's exception is not the issuers'.
    let to_issuers = if tls_floor == configured {
        egress.clone()
    } else {
        Egress::new(EgressConfig {
            tls_floor: configured,
            ..calls
        })
    };
    let keys: Arc<dyn KeySource> = Arc::new(HttpKeySource::new(to_issuers.clone()));
    let platform = config
        .platform
        .map(|kind| kind.identity(environment, &to_issuers));
    let connector = connector(source, config, environment, &egress, reached, platform)?;
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
            max_response_depth: config.max_response_depth,
            warnings,
        },
    }))
}

fn keep<T>(result: Result<T, Vec<String>>, problems: &mut Vec<String>) -> Option<T> {
    result.map_err(|found| problems.extend(found)).ok()
}

/// That callers come through the platform on whose word they are to be taken. Lambda's host is fed by its
/// platform alone; in a container anybody may stand before the port.
async fn platform_is_there(config: &Config, environment: &Environment) -> Result<(), Vec<String>> {
    if config.platform_callers != Some(PlatformCallers::CloudRun) {
        return Ok(());
    }
    let confirmed = confirm_cloud_run(environment).await;
    confirmed.map_err(|problem| {
        vec![format!(
            "HUSHGATE_PLATFORM_CALLERS: this host is not shown to be Google Cloud Run: {problem}; \
             elsewhere give callers tokens that the function verifies itself"
        )]
    })
}

async fn policy(config: &Config, reader: Reader<'_>) -> Result<Policy, Vec<String>> {
    let Some(at) = &config.access else {
        return Ok(Policy::default());
    };
    let read = reader.read(at, false).await;
    let (text, name) = read.map_err(|problem| wrong_policy(&problem))?;
    read_policy(&text, &name, config)
}

pub(crate) fn read_policy(text: &str, name: &str, config: &Config) -> Result<Policy, Vec<String>> {
    let options = PolicyOptions {
        dev_loopback: config.dev_loopback,
        platform: config.platform_callers,
    };
    Policy::read(text, name, options).map_err(|e| wrong_policy(&e.to_string()))
}

pub(crate) fn wrong_policy(problem: &str) -> Vec<String> {
    vec![format!("HUSHGATE_ACCESS: {problem}")]
}

pub(crate) fn wrong_rules(problem: &str) -> Vec<String> {
    vec![format!("HUSHGATE_RULES: {problem}")]
}

/// The rules that replace the built-in ones, with their name; none: the built-in ones count.
async fn given_rules(
    config: &Config,
    reader: Reader<'_>,
) -> Result<Option<(String, String)>, Vec<String>> {
    let Some(at) = &config.rules else {
        return Ok(None);
    };
    let read = reader.read(at, true).await;
    read.map(Some).map_err(|problem| wrong_rules(&problem))
}

/// With what the source is reached: the connection's entries, settings and host, or those of the
/// configuration alone.
struct Reached {
    store: Arc<dyn SecretStore>,
    settings: BTreeMap<String, String>,
    target_host: Option<String>,
    warning: Option<String>,
}

impl Reached {
    /// A connection's host is not for a source that has one of its own, and shares the account only.
    fn without_foreign_host(mut self, source: &Source, config: &Config) -> Self {
        if matches!(source.host, SourceHost::Fixed(_)) {
            self.target_host.clone_from(&config.target_host);
        }
        self
    }

    async fn read(
        source: &str,
        config: &Config,
        store: &Arc<dyn SecretStore>,
    ) -> Result<Self, Vec<String>> {
        let Some(id) = &config.connection else {
            return Ok(Self {
                store: Arc::clone(store),
                settings: BTreeMap::new(),
                target_host: config.target_host.clone(),
                warning: None,
            });
        };
        let wrong = |problem: &str| vec![format!("HUSHGATE_CONNECTION: {problem}")];
        let view = ConnectionView::new(Arc::clone(store), id);
        let found = view.read_newest(RECORD).await;
        let record = match found.map_err(|e| wrong(&e.to_string()))? {
            Some(text) => Some(Record::parse(text.reveal()).map_err(|e| wrong(&e))?),
            None => None,
        };
        let Some(record) = record else {
            return Ok(Self {
                store: Arc::new(view),
                settings: BTreeMap::new(),
                target_host: config.target_host.clone(),
                warning: Some(format!(
                    "the store has no record of connection {id}; only its fields are used"
                )),
            });
        };
        if !record.serves.iter().any(|served| served == source) {
            return Err(wrong(&format!(
                "connection {id} serves {}, not {source}; \
                 `hushgate connection reconnect {id} --serves …` changes that",
                record.serves.join(", ")
            )));
        }
        Ok(Self {
            store: Arc::new(view),
            settings: record.settings,
            target_host: config.target_host.clone().or(record.target_host),
            warning: None,
        })
    }
}

fn rules(
    built_in: &BuiltIn,
    config: &Config,
    given: Option<(String, String)>,
    warnings: &mut Vec<String>,
) -> Result<RuleSet, Vec<String>> {
    if let Some((text, name)) = given {
        let (rules, found) = replaced(config, &name, &text)?;
        warnings.extend(found);
        return Ok(rules);
    }
    let name = format!("rules/{}/rules.yaml", built_in.id);
    let (text, packed) = (built_in.rules_yaml, built_in.rules_packed);
    RuleSet::load_packed(&name, text, packed, LoadOptions::default())
        .map(|(rules, _)| rules)
        .map_err(|found| texts(&found))
}

/// Compiles rules that replace the built-in ones; with what is to be said about them. Only these may
/// be written for the reference.
pub(crate) fn replaced(
    config: &Config,
    name: &str,
    text: &str,
) -> Result<(RuleSet, Vec<String>), Vec<String>> {
    let options = LoadOptions {
        compat: config.compat,
        ..LoadOptions::default()
    };
    match RuleSet::load(name, text, options) {
        Ok((rules, found)) => Ok((rules, texts(&found))),
        // What else is to be said about them only hides what stops them.
        Err(mut found) => {
            found.retain(|finding| finding.severity == Severity::Error);
            let found = texts(&found).into_iter();
            Err(found.flat_map(|problem| wrong_rules(&problem)).collect())
        }
    }
}

fn texts(found: &[Diagnostic]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

fn source(built_in: &BuiltIn, config: &Config) -> Result<Source, Vec<String>> {
    let name = format!("rules/{}/source.yaml", built_in.id);
    let options = SourceOptions {
        dev_loopback: config.dev_loopback,
    };
    Source::load(&name, built_in.source_yaml, options).map_err(|found| texts(&found))
}

fn connector(
    source: Source,
    config: &Config,
    environment: &Environment,
    egress: &Egress,
    reached: Reached,
    platform: Option<Arc<dyn PlatformIdentity>>,
) -> Result<Connector, Vec<String>> {
    let settings = source
        .setting_names()
        .filter_map(|name| {
            let given = environment
                .get(name)
                .filter(|value| !value.trim().is_empty());
            let value = given.or_else(|| reached.settings.get(name))?;
            Some((name.to_owned(), value.clone()))
        })
        .collect();
    let token_origin = config
        .token_origin
        .as_deref()
        .map(|text| egress.parse(text))
        .transpose()
        .map_err(|e| vec![format!("HUSHGATE_TOKEN_ORIGIN: {e}")])?;
    let parts = ConnectorParts {
        store: reached.store,
        clock: Arc::new(SystemClock),
        platform,
        endpoint: Arc::new(egress.clone()),
        settings,
        target_host: reached.target_host,
        dev_loopback: config.dev_loopback,
        token_origin,
    };
    Connector::new(Arc::new(source), parts)
        .map_err(|e| e.to_string().lines().map(str::to_owned).collect())
}

/// The lowest TLS version towards the source. A declared exception lowers the standard floor, with a
/// warning; a floor that the configuration names is never lowered.
pub fn tls_floor(
    declared: Option<TlsFloor>,
    configured: Option<TlsFloor>,
    warnings: &mut Vec<String>,
) -> TlsFloor {
    let Some(declared) = declared else {
        return configured.unwrap_or_default();
    };
    if let Some(configured) = configured {
        if declared < configured {
            warnings.push("the source declares a lower TLS version than HUSHGATE_TLS_VERSION, which counts; calls may fail".to_owned());
        }
        return declared.max(configured);
    }
    if declared < TlsFloor::default() {
        warnings.push("the source declares an exception: TLS 1.2 towards it; HUSHGATE_TLS_VERSION=1.3 refuses that".to_owned());
    }
    declared
}

/// The host without scheme and port.
pub fn host_of(target: &str) -> String {
    let bare = target.split_once("://").map_or(target, |(_, rest)| rest);
    match bare.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => host.to_owned(),
        _ => bare.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_lowers_the_standard_floor_with_a_warning_and_never_a_configured_one() {
        use TlsFloor::{V1_2, V1_3};
        let cases = [
            (None, None, V1_3, 0),
            (None, Some(V1_2), V1_2, 0),
            (Some(V1_2), None, V1_2, 1),
            (Some(V1_2), Some(V1_2), V1_2, 0),
            (Some(V1_2), Some(V1_3), V1_3, 1),
            (Some(V1_3), None, V1_3, 0),
            (Some(V1_3), Some(V1_2), V1_3, 0),
        ];
        for (declared, configured, wanted, told) in cases {
            let mut warnings = Vec::new();
            let floor = tls_floor(declared, configured, &mut warnings);
            assert_eq!(
                (floor, warnings.len()),
                (wanted, told),
                "{declared:?} {configured:?}"
            );
        }
    }
}
