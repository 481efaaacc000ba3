//! How a source is reached: its declaration and the credential for a call.
//!
//! [`Source`] is `source.yaml`, checked. A [`Connector`] gives the [`Credential`] for a call: it makes
//! the exchange that the source declares, keeps the result in memory, renews it before its end, and
//! lets concurrent callers share one exchange. Nothing here depends on which source it is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::codes;
use crate::ports::{
    Clock, PlatformIdentity, Random, SecretStore, SystemRandom, Tasks, Timer, TokioTasks,
    TokioTimer,
};
use crate::refusal::Refusal;
use reqwest::Url;

mod answer;
mod assertion;
pub mod check;
pub mod consent;
mod credential;
pub mod diagnosis;
mod draft;
mod endpoint;
mod exchange;
mod fault;
pub mod forecast;
mod lacking;
pub mod lifecycle;
mod oauth1;
mod random;
mod reach;
mod slot;
pub mod source;
mod template;
mod values;

pub use check::{CheckFault, Revoked, Validated, VendorText};
pub use credential::Credential;
pub use diagnosis::{Diagnosis, Evidence};
pub use endpoint::{LARGEST_ANSWER, TokenEndpoint, TokenRequest, TokenResponse};
pub use fault::ConnectFault;
pub use source::{
    Auth, AuthType, ClientAuthKind, Field, Grant, HostError, Kept, KeyFormat, Placement,
    RefreshTokens, Source, SourceHost, SourceOptions,
};
pub use template::{FillError, Place, Template};

use lifecycle::{Keeper, KeeperParts, Timing};
use reach::{Ground, Reach};
use slot::Slots;
use source::Exchange;

/// What a connector works with.
pub struct ConnectorParts {
    /// Where the secrets are.
    pub store: Arc<dyn SecretStore>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The identity that the hosting platform gives, if any.
    pub platform: Option<Arc<dyn PlatformIdentity>>,
    /// How token endpoints are called; normally the shared [`crate::egress::Egress`].
    pub endpoint: Arc<dyn TokenEndpoint>,
    /// The settings that the source names, see [`Source::setting_names`].
    pub settings: BTreeMap<String, String>,
    /// `HUSHGATE_TARGET_HOST`.
    pub target_host: Option<String>,
    /// Whether `http` to this machine is allowed.
    pub dev_loopback: bool,
    /// Where token endpoints are on a developer's machine; used with `dev_loopback` and for an
    /// address of this machine only.
    pub token_origin: Option<Url>,
}

/// Gives the credentials for one source. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Connector {
    inner: Arc<Inner>,
}

struct Inner {
    ground: Arc<Ground>,
    slots: Slots<Keeper<Reach>>,
    timing: Timing,
    timer: Arc<dyn Timer>,
    random: Arc<dyn Random>,
    tasks: Arc<dyn Tasks>,
}

/// Why a connector can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorError {
    /// The host of the source can't be settled.
    #[error(transparent)]
    Host(#[from] HostError),
    /// Settings are missing or wrong.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Settings(Vec<ConnectFault>),
}

codes! {
    /// Codes of [`ConnectorError`].
    enum SetupCode {
        Settings = "connect-settings";
    }
}

impl ConnectorError {
    /// The codes of its own; docs/connections.md explains each.
    pub const CODES: &'static [&'static str] = SetupCode::ALL;

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Host(error) => error.code(),
            Self::Settings(_) => SetupCode::Settings.text(),
        }
    }
}

impl Connector {
    /// A connector for a source.
    ///
    /// # Errors
    /// When the host does not fit or settings are missing; all of these at once.
    pub fn new(source: Arc<Source>, parts: ConnectorParts) -> Result<Self, ConnectorError> {
        Self::with_timing(source, parts, Timing::default())
    }

    /// A connector whose protocol has other spans than the standard ones, for tests that would wait for
    /// minutes. Instances of one connection must have the same.
    ///
    /// # Errors
    /// As [`Connector::new`].
    pub fn with_timing(
        source: Arc<Source>,
        parts: ConnectorParts,
        timing: Timing,
    ) -> Result<Self, ConnectorError> {
        let origin = source.origin(parts.target_host.as_deref(), parts.dev_loopback)?;
        let mut problems = setting_problems(&source, &parts.settings);
        let source = match behind_prefix(source, &parts.settings) {
            Ok(source) if problems.is_empty() => source,
            Ok(_) => return Err(ConnectorError::Settings(problems)),
            Err(fault) => {
                problems.push(fault);
                return Err(ConnectorError::Settings(problems));
            }
        };
        let ground = Ground {
            source,
            parts,
            origin,
        };
        Ok(Self {
            inner: Arc::new(Inner {
                ground: Arc::new(ground),
                slots: Slots::new(),
                timing,
                timer: Arc::new(TokioTimer::default()),
                random: Arc::new(SystemRandom),
                tasks: Arc::new(TokioTasks),
            }),
        })
    }

    /// The source.
    pub fn source(&self) -> &Source {
        &self.inner.ground.source
    }

    /// Scheme, host and port of the source's API.
    pub fn origin(&self) -> &Url {
        &self.inner.ground.origin
    }

    /// The credential for a call, for the user that the call acts for, if the source has such.
    ///
    /// # Errors
    /// A refusal whose detail names the cause; see [`ConnectFault`].
    pub async fn credential(&self, user: Option<&str>) -> Result<Credential, Refusal> {
        let obtained = self.obtain(user).await;
        obtained.map_err(|fault| self.refusal(fault))
    }

    /// [`Connector::credential`] with the fault itself, for whoever sets a connection up.
    ///
    /// # Errors
    /// [`ConnectFault`].
    pub async fn obtain(&self, user: Option<&str>) -> Result<Credential, ConnectFault> {
        let keeper = self.inner.keeper(self.user(user)?);
        Ok(keeper.credential().await?.credential)
    }

    /// A credential in place of one that the source's API refused with 401: renewed once, however
    /// many callers ask; at most three times a minute.
    ///
    /// # Errors
    /// As [`Connector::credential`]; also `credential-rejected` when a fresh credential is refused.
    pub async fn renew(
        &self,
        user: Option<&str>,
        rejected: &Credential,
    ) -> Result<Credential, Refusal> {
        let renewed = self.renewed(user, rejected).await;
        renewed.map_err(|fault| self.refusal(fault))
    }

    /// [`Connector::renew`] with the fault itself, for whoever sets a connection up.
    ///
    /// # Errors
    /// [`ConnectFault`].
    pub async fn renewed(
        &self,
        user: Option<&str>,
        rejected: &Credential,
    ) -> Result<Credential, ConnectFault> {
        let keeper = self.inner.keeper(self.user(user)?);
        Ok(keeper.renew(rejected.print).await?.credential)
    }

    /// How long the access token at hand lives from its beginning to its end, where it ends.
    fn token_life(&self, user: Option<&str>) -> Result<Option<Duration>, ConnectFault> {
        Ok(self.inner.keeper(self.user(user)?).token_life())
    }

    /// Ends when no exchange is under way and everything that one gave is saved, and the lock given back.
    ///
    /// A host that can be stopped waits for this first: what an exchange under way returns would else be
    /// lost.
    pub async fn quiet(&self) {
        for keeper in self.inner.slots.all() {
            keeper.quiet().await;
        }
    }

    /// Ends when standing still would lose nothing that can't be had again and that waiting for `patience`
    /// could save. A host that is frozen between requests waits for this before each answer;
    /// [`Connector::quiet`] may take seconds more, and waits for a store that can't be written for ever.
    pub async fn secured(&self, patience: Duration) {
        let keepers = self.inner.slots.all();
        let all = keepers.iter().map(|keeper| keeper.secured(patience));
        futures_util::future::join_all(all).await;
    }

    /// The refusal for a fault; an entry that can't be used is told by its whole name too.
    fn refusal(&self, fault: ConnectFault) -> Refusal {
        let Ground { source, parts, .. } = self.inner.ground.as_ref();
        let kept = |name: &str| {
            let mut fields = source.auth.fields.iter();
            fields.any(|f| f.name == name && f.kept == Kept::Store)
        };
        match &fault {
            ConnectFault::FieldInvalid { field, .. } if kept(field) => {
                let whole = parts.store.whole_name(field);
                let refusal = Refusal::from(fault);
                Refusal::new(
                    refusal.cause(),
                    format!("{}; it is {whole}", refusal.detail()),
                )
            }
            _ => fault.into(),
        }
    }

    fn user<'u>(&self, user: Option<&'u str>) -> Result<Option<&'u str>, ConnectFault> {
        let Some(user) = user.filter(|_| self.inner.ground.source.acts_for_user()) else {
            return Ok(None);
        };
        let plain =
            user.len() <= 320 && user.bytes().all(|b| b.is_ascii_graphic() || !b.is_ascii());
        let address = user
            .split_once('@')
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
        if plain && address {
            Ok(Some(user))
        } else {
            Err(ConnectFault::UserInvalid)
        }
    }
}

impl Inner {
    fn keeper(&self, user: Option<&str>) -> Keeper<Reach> {
        let make = || {
            let ground = &self.ground;
            let parts = KeeperParts {
                store: Arc::clone(&ground.parts.store),
                clock: Arc::clone(&ground.parts.clock),
                timer: Arc::clone(&self.timer),
                random: Arc::clone(&self.random),
                tasks: Arc::clone(&self.tasks),
                exchange: Reach {
                    ground: Arc::clone(ground),
                    user: user.map(str::to_owned),
                    values: Mutex::default(),
                },
            };
            Keeper::new(ground.plan(), self.timing, parts)
        };
        self.slots.of(user, make, Keeper::is_idle)
    }
}

/// The client authentication that the configuration chooses.
fn chosen_client_auth(
    exchange: &Exchange,
    settings: &BTreeMap<String, String>,
) -> Result<ClientAuthKind, ConnectFault> {
    let choice = &exchange.client_auth;
    let Some(setting) = &choice.setting else {
        return Ok(choice.default);
    };
    let Some(word) = settings
        .get(setting)
        .map(|w| w.trim())
        .filter(|w| !w.is_empty())
    else {
        return Ok(choice.default);
    };
    let kind = ClientAuthKind::from_word(word).filter(|kind| choice.options.contains(kind));
    kind.ok_or_else(|| {
        let words: Vec<_> = choice
            .options
            .iter()
            .map(|o| format!("`{}`", o.word()))
            .collect();
        ConnectFault::FieldInvalid {
            field: setting.clone(),
            problem: format!("is not one of {}", words.join(", ")),
        }
    })
}

/// The source with the account's path before its own.
fn behind_prefix(
    source: Arc<Source>,
    settings: &BTreeMap<String, String>,
) -> Result<Arc<Source>, ConnectFault> {
    let Some(name) = &source.base_path_from else {
        return Ok(source);
    };
    let given = settings.get(name).map_or("", |value| value.trim());
    let prefix = given.trim_end_matches('/');
    if prefix.is_empty() {
        return Ok(source);
    }
    if !source::is_plain_path(prefix) {
        let problem = "is not a plain path; write it like `/tracker`: a slash first, no escapes, no dot segments";
        return Err(ConnectFault::FieldInvalid {
            field: name.clone(),
            problem: problem.to_owned(),
        });
    }
    let base_path = format!("{prefix}{}", source.base_path);
    Ok(Arc::new(Source {
        base_path,
        ..Source::clone(&source)
    }))
}

fn setting_problems(source: &Source, settings: &BTreeMap<String, String>) -> Vec<ConnectFault> {
    let chosen = match source
        .auth
        .exchange
        .as_ref()
        .map(|e| chosen_client_auth(e, settings))
        .transpose()
    {
        Ok(chosen) => chosen,
        Err(fault) => return vec![fault],
    };
    let given = |name: &str| settings.get(name).is_some_and(|v| !v.trim().is_empty());
    let fields = source.auth.fields.iter();
    fields
        .filter(|f| f.kept == Kept::Settings && f.needed && f.required && f.default.is_none())
        .filter(|f| values::applies(f, chosen) && !given(&f.name))
        .map(|f| ConnectFault::SettingMissing(f.name.clone()))
        .collect()
}
