//! A person's consent in a browser: OAuth 2 authorization code (RFC 6749 section 4.1, with RFC 7636
//! and RFC 9207) and OAuth 1.0a (RFC 5849 section 2), behind one interface.
//!
//! [`Consent::begin`] gives an address for the browser and what to remember; the browser comes back to
//! the redirect address, and [`Pending::complete`] turns its query into what has to be stored.
//! Nothing here can be printed: not the state, the verifier, the code or the tokens.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use reqwest::Url;

use super::exchange::Trade;
use super::source::{Exchange, Redirect, Source};
use super::values::{Purpose, Values};
use super::{ConnectFault, ConnectorError, ConnectorParts, setting_problems};
use crate::ports::Secret;

mod callback;
mod code;
mod device;
mod fault;
mod three_legs;

pub use device::{Device, Polled};
pub use fault::ConsentFault;

use callback::Callback;
use code::CodeFlow;
use three_legs::ThreeLegs;

/// How long a consent may take from its address to its answer.
pub const CONSENT_LIFETIME: Duration = Duration::from_mins(10);

/// The beginning of a consent in a browser.
#[derive(Debug, Clone, Copy)]
pub struct Consent;

/// A consent that was begun and waits for the browser. Its `Debug` shows no secret.
pub struct Pending {
    scene: Scene,
    recognizer: Recognizer,
    flow: Flow,
    ends: SystemTime,
    used: bool,
}

enum Flow {
    Code(CodeFlow),
    ThreeLegs(ThreeLegs),
}

/// Knows the answer to one consent from all others, in a time that tells nothing. Its `Debug` shows no secret.
#[derive(Clone)]
pub struct Recognizer {
    redirect: Url,
    /// The parameters of which one holds the value.
    names: &'static [&'static str],
    value: Secret,
}

/// What a consent gave, to be written to the store. Its `Debug` shows names only.
pub struct Obtained {
    entries: Vec<(String, Secret)>,
}

impl Consent {
    /// The redirect address that the source declares for a consent in a browser; none: it has no such
    /// consent. Listen there before [`Consent::begin`].
    pub fn redirect(source: &Source) -> Option<&Redirect> {
        let code = source.auth.authorization.as_ref().map(|a| &a.redirect);
        code.or_else(|| source.auth.oauth1.as_ref().map(|o| &o.redirect))
    }

    /// Begins a consent. `parts.store` holds the client's fields; those that the consent gives need not
    /// be there. `redirect` is the declared address with the port that is listened on, see
    /// [`Redirect::with_port`]. Gives what to remember and the address to open in the browser.
    ///
    /// # Errors
    /// When the source has no such consent, `redirect` is not the declared one, a field is missing, or
    /// the vendor's endpoint for the first step of OAuth 1.0a does not answer as it should.
    pub async fn begin(
        source: Arc<Source>,
        parts: ConnectorParts,
        redirect: &str,
    ) -> Result<(Pending, Url), ConsentFault> {
        let scene = Scene::new(source, parts)?;
        let redirect = declared_redirect(&scene.source, redirect)?;
        let values = scene.values().await?;
        let auth = &scene.source.auth;
        let (flow, url) = if let Some(authorization) = &auth.authorization {
            let (code, url) = CodeFlow::begin(&scene, authorization, &values, &redirect)?;
            (Flow::Code(code), url)
        } else if let Some(oauth1) = &auth.oauth1 {
            let (legs, url) = ThreeLegs::begin(&scene, oauth1, &values, &redirect).await?;
            (Flow::ThreeLegs(legs), url)
        } else {
            return Err(ConsentFault::NotDeclared);
        };
        let ends = scene.parts.clock.now() + CONSENT_LIFETIME;
        let (names, value) = match &flow {
            Flow::Code(code) => code.mark(),
            Flow::ThreeLegs(legs) => legs.mark(),
        };
        let recognizer = Recognizer {
            redirect,
            names,
            value,
        };
        let pending = Pending {
            scene,
            recognizer,
            flow,
            ends,
            used: false,
        };
        Ok((pending, url))
    }
}

impl Pending {
    /// Takes the browser's answer: the query of the redirect address, or that whole address as a person
    /// copies it. Then exchanges the code, once: an answer that belongs to this consent uses it up,
    /// any other leaves it waiting.
    ///
    /// # Errors
    /// When the answer is not one to this consent, comes late or again, refuses, or names no code; and
    /// when the exchange fails.
    pub async fn complete(&mut self, answer: &str) -> Result<Obtained, ConsentFault> {
        let callback = Callback::read(answer, &self.recognizer.redirect)?;
        if self.used {
            return Err(ConsentFault::Used);
        }
        if self.scene.parts.clock.now() > self.ends {
            return Err(ConsentFault::Expired);
        }
        if !self.recognizer.owns(&callback) {
            return Err(ConsentFault::StateMismatch);
        }
        self.used = true;
        callback.refused()?;
        let values = self.scene.values().await?;
        match &self.flow {
            Flow::Code(code) => {
                let redirect = self.recognizer.redirect.as_str();
                code.complete(&self.scene, &values, &callback, redirect)
                    .await
            }
            Flow::ThreeLegs(legs) => legs.complete(&self.scene, &values, &callback).await,
        }
    }

    /// What tells whether an answer belongs to this consent. For a page that gets requests from anyone:
    /// what does not belong needs no words, and changes nothing.
    pub fn recognizer(&self) -> &Recognizer {
        &self.recognizer
    }

    /// When the consent can no longer be completed.
    pub fn ends(&self) -> SystemTime {
        self.ends
    }
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pending")
            .field("source", &self.scene.source.id)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

impl Recognizer {
    /// Whether an answer belongs to the consent: the query of the redirect address, or that whole address.
    pub fn recognizes(&self, answer: &str) -> bool {
        Callback::read(answer, &self.redirect).is_ok_and(|callback| self.owns(&callback))
    }

    fn owns(&self, callback: &Callback) -> bool {
        let mut names = self.names.iter();
        names.any(|name| callback.is(name, &self.value))
    }
}

impl std::fmt::Debug for Recognizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recognizer(…)")
    }
}

impl Obtained {
    /// The names of the store's entries and what to write there.
    pub fn into_entries(self) -> Vec<(String, Secret)> {
        self.entries
    }

    /// The names alone.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }
}

impl std::fmt::Debug for Obtained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// What every step of a consent looks at.
struct Scene {
    source: Arc<Source>,
    parts: ConnectorParts,
    origin: Url,
}

impl Scene {
    fn new(source: Arc<Source>, parts: ConnectorParts) -> Result<Self, ConsentFault> {
        let origin = source
            .origin(parts.target_host.as_deref(), parts.dev_loopback)
            .map_err(ConnectorError::from)?;
        let problems = setting_problems(&source, &parts.settings);
        if !problems.is_empty() {
            return Err(ConnectorError::Settings(problems).into());
        }
        Ok(Self {
            source,
            parts,
            origin,
        })
    }

    async fn values(&self) -> Result<Values, ConnectFault> {
        Values::read(&self.source.auth, &self.parts, Purpose::Consent).await
    }

    fn exchange(&self) -> Result<&Exchange, ConsentFault> {
        let exchange = self.source.auth.exchange.as_ref();
        exchange.ok_or(ConsentFault::NotDeclared)
    }

    fn trade<'a>(&'a self, exchange: &'a Exchange) -> Trade<'a> {
        Trade {
            parts: &self.parts,
            auth: &self.source.auth,
            exchange,
            origin: &self.origin,
            user: None,
        }
    }
}

impl Obtained {
    /// What an OAuth 2 consent lives on as: its refresh token.
    fn lasting(exchange: &Exchange, refresh_token: Option<Secret>) -> Result<Self, ConsentFault> {
        let token = refresh_token.ok_or(ConsentFault::NoRefreshToken)?;
        Ok(Self {
            entries: vec![(exchange.refresh_token.clone(), token)],
        })
    }
}

/// The redirect address, if it is the declared one.
fn declared_redirect(source: &Source, given: &str) -> Result<Url, ConsentFault> {
    let declared = Consent::redirect(source).ok_or(ConsentFault::NotDeclared)?;
    let wrong = || ConsentFault::RedirectNotDeclared {
        declared: declared.to_string(),
    };
    let url = Url::parse(given).map_err(|_| wrong())?;
    let port = url.port().ok_or_else(wrong)?;
    let fits = declared.port.is_none_or(|p| p == port) && declared.with_port(port) == given;
    fits.then_some(url).ok_or_else(wrong)
}

/// Whether both are the same, in a time that does not tell how much of them is.
fn same(given: &str, wanted: &Secret) -> bool {
    verify_slices_are_equal(given.as_bytes(), wanted.reveal().as_bytes()).is_ok()
}
