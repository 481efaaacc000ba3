//! Where connections are kept, and how vendors are reached from here.

use std::collections::BTreeMap;
use std::sync::Arc;

use hushgate_gateway::connect::{ConnectorParts, Source, SourceHost};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::ports::{SecretStore, SystemClock};
use hushgate_host::config::{Config, ConfigError, Environment, SecretsAt, process_environment};
use hushgate_host::connection::{RECORD, Record};
use hushgate_host::store::vault::is_connection_id;
use hushgate_host::store::{AdminStore, FileStore, entry};

use crate::clouds::{CLOUDS, check_secrets};

use super::code::Code;
use super::failure::Failure;
use super::unlock;

/// The configured store and the configuration around it.
#[derive(Clone)]
pub struct Place {
    /// The configuration.
    pub config: Config,
    /// The variables it was read from.
    pub environment: Environment,
    /// The store.
    pub store: Arc<dyn AdminStore>,
    /// The store for people.
    pub name: String,
}

impl Place {
    /// Opens the store that `HUSHGATE_SECRETS` names, asking for the pass phrase if need be.
    ///
    /// # Errors
    /// When the configuration is wrong, or the store can't be opened or written.
    pub fn open() -> Result<Self, Failure> {
        let environment = environment()?;
        let config = config(&environment)?;
        let (store, name): (Arc<dyn AdminStore>, String) = match &config.secrets {
            SecretsAt::Environment => return Err(no_store()),
            SecretsAt::File(path) => {
                let store = FileStore::open(path)
                    .map_err(|e| Failure::new(e.known(), format!("HUSHGATE_SECRETS: {e}")))?;
                (
                    Arc::new(store),
                    format!("the secrets file {}", path.display()),
                )
            }
            SecretsAt::Cloud(at) => {
                check_secrets(at)?;
                let store = CLOUDS.secrets(at, &environment).map_err(|e| {
                    Failure::new(Code::StoreCloud, format!("HUSHGATE_SECRETS: {e}"))
                })?;
                (store, at.to_string())
            }
            SecretsAt::Vault(folder) => {
                let vault = unlock::open(folder, &config)?;
                (Arc::new(vault), format!("the vault {}", folder.display()))
            }
        };
        Ok(Self {
            config,
            environment,
            store,
            name,
        })
    }

    /// The record of a connection.
    ///
    /// # Errors
    /// When there is none, or it can't be read.
    pub async fn record(&self, id: &str) -> Result<Record, Failure> {
        check_id(id)?;
        let found = self.store.read_newest(&entry(id, RECORD)).await?;
        match found {
            Some(text) => Record::parse(text.reveal()).map_err(|problem| {
                Failure::new(
                    Code::ConnectionRecordInvalid,
                    format!("connection `{id}`: {problem}"),
                )
            }),
            None => Err(self.unknown(id).await),
        }
    }

    /// What a connector needs, for the credentials in `store`.
    ///
    /// # Errors
    /// When `HUSHGATE_TOKEN_ORIGIN` is not an address of this machine.
    pub fn parts(
        &self,
        source: &Source,
        store: Arc<dyn SecretStore>,
        settings: BTreeMap<String, String>,
        target_host: Option<String>,
    ) -> Result<ConnectorParts, Failure> {
        // A host of its own stays unless a developer leads all sources to this machine.
        let own_host = matches!(source.host, SourceHost::Fixed(_)) && !self.config.dev_loopback;
        let target_host = target_host.filter(|_| !own_host);
        let egress = self.egress(source, target_host.as_deref());
        let token_origin = self
            .config
            .token_origin
            .as_deref()
            .map(|text| egress.parse(text))
            .transpose()
            .map_err(|e| {
                Failure::new(
                    Code::ConfigurationInvalid,
                    format!("HUSHGATE_TOKEN_ORIGIN: {e}"),
                )
            })?;
        Ok(ConnectorParts {
            store,
            clock: Arc::new(SystemClock),
            platform: None,
            endpoint: Arc::new(egress),
            settings,
            target_host,
            dev_loopback: self.config.dev_loopback,
            token_origin,
        })
    }

    /// The HTTP client for a source.
    fn egress(&self, source: &Source, target_host: Option<&str>) -> Egress {
        let named = target_host.map(hushgate_host::host_of);
        Egress::new(EgressConfig {
            named_hosts: named.into_iter().collect(),
            dev_loopback: self.config.dev_loopback,
            tls_floor: hushgate_host::tls_floor(source.tls, self.config.tls_floor, &mut Vec::new()),
            ..EgressConfig::default()
        })
    }

    async fn unknown(&self, id: &str) -> Failure {
        let failure = Failure::new(
            Code::ConnectionUnknown,
            format!("there is no connection `{id}` in {}", self.name),
        );
        match self.store.connections().await {
            Ok(ids) if !ids.is_empty() => failure.next(format!("there are: {}", ids.join(", "))),
            _ => failure.next("`hushgate connection connect SOURCE` makes one"),
        }
    }
}

/// The variables of this process.
///
/// # Errors
/// Every variable that can't be read, as the functions tell it.
pub fn environment() -> Result<Environment, Failure> {
    process_environment().map_err(|problems| wrong(&problems))
}

/// The checked configuration of these variables.
///
/// # Errors
/// Every problem, as the functions tell it.
pub fn config(environment: &Environment) -> Result<Config, Failure> {
    Config::read(environment).map_err(|problems| wrong(&problems))
}

fn wrong(problems: &[ConfigError]) -> Failure {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Failure::new(Code::ConfigurationInvalid, lines.join("\n"))
        .next("`hushgate config` lists every variable and what it may be")
}

/// Refuses what is no id of a connection.
///
/// # Errors
/// Says what an id looks like.
pub(super) fn check_id(id: &str) -> Result<(), Failure> {
    if is_connection_id(id) {
        return Ok(());
    }
    Err(Failure::usage(
        Code::ConnectionIdInvalid,
        "this is no id of a connection: lower-case words and digits joined by `-`, at most 64 characters",
    ))
}

fn no_store() -> Failure {
    Failure::new(
        Code::StoreReadOnly,
        "HUSHGATE_SECRETS names no store that connections can be kept in",
    )
}
