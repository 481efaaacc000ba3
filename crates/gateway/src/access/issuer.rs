//! The keys of one issuer: fetched once for many callers, kept, renewed, outlasting outages.
//!
//! A set is *fresh* for the time the issuer states, within bounds. In the last fifth of it a
//! request starts a renewal without waiting; after it, requests wait for a renewal, and if that
//! fails the old set serves on until `stale_keys` has passed. A fetch that brings no usable set
//! changes nothing. An unknown key id may start a fetch once per interval, however fresh the set
//! is, so that a key that was rotated a moment ago is found; no other request ever waits for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::ports::Clock;

use super::algorithm::Algorithm;
use super::fault::TokenFault;
use super::fetch::{FetchFault, KeySource};
use super::keys::{Key, KeySet, KeySetFault, NoKey};
use super::policy::Issuer;
use super::strict_json::Object;

/// The least time between two fetches that unknown key ids cause, in seconds.
const UNKNOWN_KEY_INTERVAL: u64 = 30;

/// The longest pause between two tries while the issuer is down, in seconds.
const MAX_BACKOFF: u64 = 30;

/// For how long a set is fresh: when the issuer says nothing, at least, at most. Seconds.
const FRESH_DEFAULT: u64 = 15 * 60;
const FRESH_MIN: u64 = 60;
const FRESH_MAX: u64 = 60 * 60;

/// For how long a discovered `jwks_uri` is believed, in seconds.
const DISCOVERY_KEPT: u64 = 24 * 60 * 60;

const DISCOVERY_PATH: &str = "/.well-known/openid-configuration";

/// Why there is no key for a token.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// The token is at fault.
    Token(TokenFault),
    /// The issuer with this name is: there are no keys, or only outdated ones.
    Unavailable(String),
}

/// The key cache of one issuer.
pub(super) struct IssuerKeys {
    issuer: Issuer,
    source: Arc<dyn KeySource>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: Option<Held>,
    last_try: Option<u64>,
    last_unknown: Option<u64>,
    failures: u32,
    flight: Option<Flight>,
    discovered: Option<(String, u64)>,
}

/// A key set and its times, in seconds since 1970.
struct Held {
    keys: Arc<KeySet>,
    renew_from: u64,
    fresh_until: u64,
    stale_until: u64,
}

/// A fetch under way: its sender is dropped when the fetch has settled.
type Flight = watch::Receiver<()>;

enum Step {
    Done(Result<Arc<Key>, KeyFault>),
    Wait(Flight),
}

#[derive(Debug, thiserror::Error)]
enum RenewFault {
    #[error(transparent)]
    Fetch(#[from] FetchFault),
    #[error(transparent)]
    Keys(#[from] KeySetFault),
    #[error("the discovery document {0}")]
    Discovery(&'static str),
}

impl IssuerKeys {
    pub(super) fn new(issuer: Issuer, source: Arc<dyn KeySource>, clock: Arc<dyn Clock>) -> Self {
        Self {
            issuer,
            source,
            clock,
            state: Mutex::default(),
        }
    }

    /// The issuer's name, exactly as its tokens must give it.
    pub(super) fn issuer(&self) -> &str {
        &self.issuer.url
    }

    /// The longest life of a token of this issuer, in seconds.
    pub(super) fn max_lifetime(&self) -> u64 {
        self.issuer.max_lifetime
    }

    /// The algorithm, if the issuer is pinned to it.
    pub(super) fn pinned(&self, algorithm: Algorithm) -> Result<Algorithm, TokenFault> {
        if self.issuer.algorithms.contains(&algorithm) {
            return Ok(algorithm);
        }
        Err(TokenFault::AlgorithmNotPinned)
    }

    /// Starts a fetch if there are no keys yet and none is under way.
    pub(super) fn prefetch(self: &Arc<Self>) {
        let mut state = self.state();
        if state.held.is_none() && state.flight().is_none() {
            self.start(&mut state);
        }
    }

    /// The key for a token, fetched if need be. Waits for one fetch at most.
    pub(super) async fn key(
        self: &Arc<Self>,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<Arc<Key>, KeyFault> {
        let mut flight = match self.step(algorithm, kid, false) {
            Step::Done(result) => return result,
            Step::Wait(flight) => flight,
        };
        // An error means that the fetch has settled, which is what is waited for.
        let _ = flight.changed().await;
        match self.step(algorithm, kid, true) {
            Step::Done(result) => result,
            Step::Wait(_) => Err(self.unavailable()),
        }
    }

    /// Decides from the present state: a key, a refusal, or a fetch to wait for. After having
    /// `waited`, it decides without another fetch.
    fn step(self: &Arc<Self>, algorithm: Algorithm, kid: Option<&str>, waited: bool) -> Step {
        let now = self.clock.unix_seconds();
        let mut state = self.state();
        let Some(held) = state.held.as_ref().filter(|h| now < h.stale_until) else {
            if waited {
                return Step::Done(Err(self.unavailable()));
            }
            return match self.renewal(&mut state, now) {
                Some(flight) => Step::Wait(flight),
                None => Step::Done(Err(self.unavailable())),
            };
        };
        let (keys, renew_from, fresh_until) =
            (held.keys.clone(), held.renew_from, held.fresh_until);
        if now >= renew_from && !waited {
            let flight = self.renewal(&mut state, now);
            if let (true, Some(flight)) = (now >= fresh_until, flight) {
                return Step::Wait(flight);
            }
        }
        match keys.select(algorithm, kid) {
            Ok(key) => Step::Done(Ok(Arc::clone(key))),
            Err(NoKey::UnknownId) if !waited => match self.renewal_for_unknown(&mut state, now) {
                Some(flight) => Step::Wait(flight),
                None => Step::Done(Err(KeyFault::Token(TokenFault::KeyUnknown))),
            },
            Err(NoKey::UnknownId) => Step::Done(Err(KeyFault::Token(TokenFault::KeyUnknown))),
            Err(NoKey::Ambiguous) => Step::Done(Err(KeyFault::Token(TokenFault::KeyAmbiguous))),
        }
    }

    /// The fetch under way, or a new one unless the last one failed a moment ago.
    fn renewal(self: &Arc<Self>, state: &mut State, now: u64) -> Option<Flight> {
        match state.flight() {
            Some(flight) => Some(flight),
            None if state.pauses(now) => None,
            None => Some(self.start(state)),
        }
    }

    /// The fetch under way, or a new one unless an unknown key id caused one in the interval or the
    /// last one failed a moment ago.
    fn renewal_for_unknown(self: &Arc<Self>, state: &mut State, now: u64) -> Option<Flight> {
        if let Some(flight) = state.flight() {
            return Some(flight);
        }
        if within(state.last_unknown, UNKNOWN_KEY_INTERVAL, now) || state.pauses(now) {
            return None;
        }
        state.last_unknown = Some(now);
        Some(self.start(state))
    }

    /// Starts a fetch as a task of its own, so that a caller that goes away does not stop it.
    fn start(self: &Arc<Self>, state: &mut State) -> Flight {
        let (settled, flight) = watch::channel(());
        state.last_try = Some(self.clock.unix_seconds());
        state.flight = Some(flight.clone());
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = this.renew().await;
            this.settle(outcome);
            drop(settled);
        });
        flight
    }

    async fn renew(&self) -> Result<Held, RenewFault> {
        let uri = match &self.issuer.jwks_uri {
            Some(uri) => uri.clone(),
            None => self.discover().await?,
        };
        let document = self.source.fetch(&uri).await?;
        let keys = KeySet::parse(&document.body, &self.issuer.algorithms)?;
        let now = self.clock.unix_seconds();
        let fresh = document
            .max_age
            .map_or(FRESH_DEFAULT, |age| age.as_secs())
            .clamp(FRESH_MIN, FRESH_MAX);
        Ok(Held {
            keys: Arc::new(keys),
            renew_from: now.saturating_add(fresh - fresh / 5),
            fresh_until: now.saturating_add(fresh),
            stale_until: now.saturating_add(fresh.max(self.issuer.stale_keys)),
        })
    }

    /// The `jwks_uri` of the issuer's discovery document (OpenID Connect Discovery 1.0 section 4).
    async fn discover(&self) -> Result<String, RenewFault> {
        let now = self.clock.unix_seconds();
        if let Some((uri, _)) = self.state().discovered.as_ref().filter(|(_, t)| now < *t) {
            return Ok(uri.clone());
        }
        let base = self.issuer.url.trim_end_matches('/');
        let body = self
            .source
            .fetch(&format!("{base}{DISCOVERY_PATH}"))
            .await?
            .body;
        let document =
            Object::parse(&body).ok_or(RenewFault::Discovery("is not one plain JSON object"))?;
        if document.text("issuer") != Some(&self.issuer.url) {
            return Err(RenewFault::Discovery("names another issuer"));
        }
        let uri = document
            .text("jwks_uri")
            .ok_or(RenewFault::Discovery("has no `jwks_uri`"))?
            .to_owned();
        self.state().discovered = Some((uri.clone(), now.saturating_add(DISCOVERY_KEPT)));
        Ok(uri)
    }

    fn settle(&self, outcome: Result<Held, RenewFault>) {
        let mut state = self.state();
        state.flight = None;
        match outcome {
            Ok(held) => {
                tracing::debug!(
                    issuer = self.issuer.url,
                    keys = held.keys.len(),
                    "issuer keys renewed"
                );
                state.failures = 0;
                state.held = Some(held);
            }
            Err(fault) => {
                tracing::warn!(issuer = self.issuer.url, %fault, "issuer keys not renewed");
                state.failures = state.failures.saturating_add(1);
                state.discovered = None;
            }
        }
    }

    fn unavailable(&self) -> KeyFault {
        KeyFault::Unavailable(self.issuer.url.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The fetch under way; a task that was torn down with its runtime does not count.
    fn flight(&self) -> Option<Flight> {
        self.flight
            .clone()
            .filter(|flight| flight.has_changed().is_ok())
    }

    /// Whether a failed fetch is too recent for another.
    fn pauses(&self, now: u64) -> bool {
        let pause = match self.failures {
            0 => 0,
            failures => (1 << (failures - 1).min(5)).min(MAX_BACKOFF),
        };
        within(self.last_try, pause, now)
    }
}

/// Whether `last` is less than `pause` seconds ago. A clock that went back does not count.
fn within(last: Option<u64>, pause: u64, now: u64) -> bool {
    last.is_some_and(|last| last <= now && now - last < pause)
}
