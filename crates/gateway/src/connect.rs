//! How a source is reached: its declaration and the credential for a call.
//!
//! [`Source`] is `source.yaml`, checked. A [`Connector`] gives the [`Credential`] for a call: it makes
//! the exchange that the source declares, keeps the result in memory, renews it before its end, and
//! lets concurrent callers share one exchange. Nothing here depends on which source it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::Url;
use tokio::sync::OwnedMutexGuard;

use crate::ports::{Clock, PlatformIdentity, SecretStore};
use crate::refusal::Refusal;

mod answer;
mod assertion;
pub mod consent;
mod credential;
pub mod diagnosis;
mod draft;
mod endpoint;
mod exchange;
mod fault;
mod oauth1;
mod random;
mod rotation;
mod slot;
pub mod source;
mod template;
mod time;
mod values;

pub use credential::Credential;
pub use diagnosis::{Diagnosis, Evidence};
pub use endpoint::{LARGEST_ANSWER, TokenEndpoint, TokenRequest, TokenResponse};
pub use fault::ConnectFault;
pub use source::{
    Auth, AuthType, ClientAuthKind, Field, Grant, HostError, Kept, KeyFormat, Placement,
    RefreshTokens, Source, SourceHost, SourceOptions,
};
pub use template::{FillError, Place, Template};

use exchange::Trade;
use rotation::Rotation;
use slot::{Offer, Slot, Slots};
use source::Exchange;
use values::Values;

/// How long a caller waits for an early renewal while the old token still lives.
const EARLY_PATIENCE: Duration = Duration::from_secs(2);

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
    source: Arc<Source>,
    parts: ConnectorParts,
    origin: Url,
    slots: Slots,
    rotation: Rotation,
    generations: AtomicU64,
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

impl ConnectorError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Host(error) => error.code(),
            Self::Settings(_) => "connect-settings",
        }
    }
}

impl Connector {
    /// A connector for a source.
    ///
    /// # Errors
    /// When the host does not fit or settings are missing; all of these at once.
    pub fn new(source: Arc<Source>, parts: ConnectorParts) -> Result<Self, ConnectorError> {
        let origin = source.origin(parts.target_host.as_deref(), parts.dev_loopback)?;
        let problems = setting_problems(&source, &parts.settings);
        if !problems.is_empty() {
            return Err(ConnectorError::Settings(problems));
        }
        Ok(Self {
            inner: Arc::new(Inner {
                source,
                parts,
                origin,
                slots: Slots::default(),
                rotation: Rotation::default(),
                generations: AtomicU64::new(1),
            }),
        })
    }

    /// The source.
    pub fn source(&self) -> &Source {
        &self.inner.source
    }

    /// Scheme, host and port of the source's API.
    pub fn origin(&self) -> &Url {
        &self.inner.origin
    }

    /// The credential for a call, for the user that the call acts for, if the source has such.
    ///
    /// # Errors
    /// A refusal whose detail names the cause; see [`ConnectFault`].
    pub async fn credential(&self, user: Option<&str>) -> Result<Credential, Refusal> {
        let user = self.user(user)?;
        self.inner.save_rotation();
        let slot = self.inner.slots.of(user);
        let before = slot.attempts();
        match slot.offer(self.inner.now()) {
            Offer::Ready(credential) => Ok(credential),
            Offer::Due(old) => Ok(self.renew_early(slot, user, old).await),
            Offer::Paused(fault) => Err(fault.into()),
            Offer::Empty => {
                let job = Job {
                    inner: Arc::clone(&self.inner),
                    slot,
                    user: user.map(str::to_owned),
                    before,
                    rejected: None,
                };
                finish(tokio::spawn(job.run())).await
            }
        }
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
        let user = self.user(user)?;
        let slot = self.inner.slots.of(user);
        let before = slot.attempts();
        let job = Job {
            inner: Arc::clone(&self.inner),
            slot,
            user: user.map(str::to_owned),
            before,
            rejected: Some(rejected.clone()),
        };
        finish(tokio::spawn(job.run())).await
    }

    /// Names of secrets that must be in the store and are not, for the health check.
    ///
    /// # Errors
    /// `store-unavailable`.
    pub async fn missing_secrets(&self) -> Result<Vec<String>, Refusal> {
        let Inner { source, parts, .. } = self.inner.as_ref();
        let chosen = match &source.auth.exchange {
            Some(exchange) => Some(chosen_client_auth(exchange, &parts.settings)?),
            None => None,
        };
        let mut missing = Vec::new();
        for field in &source.auth.fields {
            if field.kept == Kept::Store && field.required && values::applies(field, chosen) {
                let value = parts
                    .store
                    .read(&field.name)
                    .await
                    .map_err(ConnectFault::from)?;
                if value.is_none_or(|v| v.reveal().trim().is_empty()) {
                    missing.push(field.name.clone());
                }
            }
        }
        Ok(missing)
    }

    fn user<'u>(&self, user: Option<&'u str>) -> Result<Option<&'u str>, ConnectFault> {
        let Some(user) = user.filter(|_| self.inner.source.acts_for_user()) else {
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

    async fn renew_early(
        &self,
        slot: Arc<Slot>,
        user: Option<&str>,
        old: Credential,
    ) -> Credential {
        // Whoever finds a renewal under way uses the living token.
        let Ok(guard) = Arc::clone(&slot.flight).try_lock_owned() else {
            return old;
        };
        let job = Job {
            inner: Arc::clone(&self.inner),
            before: slot.attempts(),
            slot,
            user: user.map(str::to_owned),
            rejected: None,
        };
        let task = tokio::spawn(async move { job.exchange(guard).await });
        match tokio::time::timeout(EARLY_PATIENCE, task).await {
            Ok(Ok(Ok(new))) => new,
            _ => old,
        }
    }
}

/// An exchange runs as its own task: a caller that goes away must not stop it half-way, since what
/// the endpoint returned would be lost.
struct Job {
    inner: Arc<Inner>,
    slot: Arc<Slot>,
    user: Option<String>,
    /// The slot's count of attempts when the caller came.
    before: u64,
    rejected: Option<Credential>,
}

impl Job {
    async fn run(self) -> Result<Credential, ConnectFault> {
        let guard = Arc::clone(&self.slot.flight).lock_owned().await;
        let now = self.inner.now();
        let offered = match self.slot.offer(now) {
            Offer::Ready(credential) | Offer::Due(credential) => Some(credential),
            Offer::Empty | Offer::Paused(_) => None,
        };
        let usable = offered.filter(|c| {
            self.rejected
                .as_ref()
                .is_none_or(|r| r.generation != c.generation)
        });
        if let Some(credential) = usable {
            return Ok(credential);
        }
        if let Some(fault) = self.slot.paused(now) {
            return Err(fault);
        }
        if self.slot.attempts() != self.before
            && let Some(fault) = self.slot.last_failure()
        {
            return Err(fault);
        }
        if self.rejected.is_some() && !self.slot.may_force(now) {
            return Err(ConnectFault::RefusedWhenFresh);
        }
        self.exchange(guard).await
    }

    async fn exchange(self, guard: OwnedMutexGuard<()>) -> Result<Credential, ConnectFault> {
        let obtained = self.inner.obtain(self.user.as_deref()).await;
        let now = self.inner.now();
        let source = self.inner.source.id.as_str();
        let result = match obtained {
            Ok((credential, _))
                if self
                    .rejected
                    .as_ref()
                    .is_some_and(|r| r.same_as(&credential)) =>
            {
                Err(ConnectFault::RefusedWhenFresh)
            }
            Ok((credential, lifetime)) => {
                let margin = self
                    .inner
                    .source
                    .auth
                    .exchange
                    .as_ref()
                    .map(|e| e.renew_before);
                self.slot.keep(
                    credential.clone(),
                    lifetime,
                    margin.unwrap_or_default(),
                    now,
                );
                tracing::debug!(
                    source,
                    seconds = lifetime.map(|l| l.as_secs()),
                    "a credential was obtained"
                );
                Ok(credential)
            }
            Err(fault) => {
                tracing::warn!(source, code = fault.code(), reason = %fault, "no credential could be obtained");
                self.slot.fail(fault.clone(), now);
                Err(fault)
            }
        };
        drop(guard);
        result
    }
}

impl Inner {
    fn now(&self) -> std::time::SystemTime {
        self.parts.clock.now()
    }

    async fn obtain(
        &self,
        user: Option<&str>,
    ) -> Result<(Credential, Option<Duration>), ConnectFault> {
        let auth = &self.source.auth;
        let generation = self.generations.fetch_add(1, Ordering::Relaxed);
        let Some(exchange) = &auth.exchange else {
            let values =
                Values::read(auth, None, self.parts.store.as_ref(), &self.parts.settings).await?;
            let credential =
                Credential::declared(auth, &values, None, &self.parts.clock, generation)?;
            return Ok((credential, None));
        };
        let trade = Trade {
            parts: &self.parts,
            auth,
            exchange,
            origin: &self.origin,
            user,
        };
        let traded = trade.run(&self.rotation).await?;
        let token = &traded.granted.access_token;
        let credential = Credential::declared(
            auth,
            &traded.values,
            Some(token),
            &self.parts.clock,
            generation,
        )?;
        let lifetime = traded.granted.lifetime.unwrap_or(exchange.default_lifetime);
        Ok((credential, Some(lifetime)))
    }

    /// Tries in the background to save a refresh token that could not be saved.
    fn save_rotation(self: &Arc<Self>) {
        if !self.rotation.due_to_save() {
            return;
        }
        let Some(exchange) = &self.source.auth.exchange else {
            return;
        };
        let (inner, name) = (Arc::clone(self), exchange.refresh_token.clone());
        tokio::spawn(async move {
            // Not beside an exchange, which saves its own token.
            if let Ok(_guard) = inner.slots.of(None).flight.try_lock() {
                inner
                    .rotation
                    .save_again(&name, inner.parts.store.as_ref())
                    .await;
            }
        });
    }
}

async fn finish(
    task: tokio::task::JoinHandle<Result<Credential, ConnectFault>>,
) -> Result<Credential, Refusal> {
    let result = task.await.unwrap_or(Err(ConnectFault::Internal));
    result.map_err(Refusal::from)
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
        .filter(|f| f.kept == Kept::Settings && f.required && f.default.is_none())
        .filter(|f| values::applies(f, chosen) && !given(&f.name))
        .map(|f| ConnectFault::SettingMissing(f.name.clone()))
        .collect()
}
