//! Pseudonym keys from the secret store, held, and looked at again while requests come.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use hushgate_rules::json::Limits;
use hushgate_rules::pseudonym::{self, KeyError, Pseudonymizer, names};
use hushgate_rules::sanitize::{SanitizeLimits, Sanitizer};
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;

use crate::access::Caller;
use crate::gateway::Settings;
use crate::lacking::{Lack, Lacking};
use crate::ports::{Secret, SecretStore, StoreError};
use crate::refusal::{Cause, Refusal};

/// The secrets of each scheme. The first must be there; the others may.
const NATIVE: &[&str] = &[names::PSEUDONYM_KEY];
const COMPAT: &[&str] = &[
    names::PSOXY_SALT,
    names::PSOXY_ENCRYPTION_KEY,
    names::SALT_EMAIL_DOMAINS,
    names::ENCRYPTION_KEY_EMAIL_DOMAINS,
    names::SALT_IP,
    names::ENCRYPTION_KEY_IP,
];

/// How long keys are used before the store is asked whether they are still these.
const FRESH: Duration = Duration::from_secs(15);
/// How long they are used while it is asked; after that a request waits for the answer.
const LONGEST: Duration = Duration::from_mins(5);

/// The keys of a function, as its secret store has them.
pub(crate) struct Keys {
    store: Arc<dyn SecretStore>,
    compat: bool,
    options: pseudonym::Options,
    limits: SanitizeLimits,
    held: Mutex<Option<Held>>,
    /// Whoever reads has it.
    reading: Arc<AsyncMutex<()>>,
}

/// Keys that were read, and when they were seen last.
#[derive(Clone)]
struct Held {
    loaded: Arc<Loaded>,
    seen: Instant,
}

/// Keys as they were read at one time, and a sanitizer for each pseudonym domain.
pub(crate) struct Loaded {
    secrets: Found,
    keys: Pseudonymizer,
    limits: SanitizeLimits,
    sanitizers: Mutex<HashMap<Option<String>, Arc<Sanitizer>>>,
}

/// The secrets that were there, in the order of the names that were asked for.
struct Found(Vec<Option<Secret>>);

impl Found {
    /// Both come from the store, so the time that this takes tells nobody anything.
    fn is_as(&self, other: &Self) -> bool {
        let mut pairs = self.0.iter().zip(&other.0);
        pairs.all(|(one, two)| one.as_ref().map(Secret::reveal) == two.as_ref().map(Secret::reveal))
    }
}

impl Keys {
    pub(crate) fn new(store: Arc<dyn SecretStore>, settings: &Settings) -> Self {
        let json = Limits {
            max_bytes: settings.max_response_bytes,
            max_depth: settings.max_response_depth,
        };
        Self {
            store,
            compat: settings.compat,
            options: settings.pseudonyms,
            limits: SanitizeLimits {
                json,
                ..SanitizeLimits::default()
            },
            held: Mutex::default(),
            reading: Arc::default(),
        }
    }

    /// The sanitizer that makes this caller's pseudonyms.
    ///
    /// # Errors
    /// `store-unavailable`, or `configuration-invalid` when keys are missing, malformed or not to be read.
    pub(crate) async fn sanitizer(
        self: &Arc<Self>,
        caller: &Caller,
    ) -> Result<Arc<Sanitizer>, Refusal> {
        let domain = caller.pseudonym_domain().map(str::to_owned);
        let loaded = self.load().await.map_err(|lacking| {
            Lacking::refusal_of(&lacking).unwrap_or_else(|| invalid("they can't be used"))
        })?;
        loaded.sanitizer(domain)
    }

    /// The keys that are in the store, or were there a moment ago: no request waits for a second look, unless
    /// the first was long ago. A failure is not held, and ends the use of what was held before.
    ///
    /// # Errors
    /// The secrets that can't be used; at least one.
    pub(crate) async fn load(self: &Arc<Self>) -> Result<Arc<Loaded>, Vec<Lacking>> {
        if let Some(held) = self.held_for(LONGEST) {
            if held.seen.elapsed() >= FRESH {
                self.look_again();
            }
            return Ok(held.loaded);
        }
        let _reading = self.reading.lock().await;
        // Whoever read before may have brought them.
        if let Some(held) = self.held_for(FRESH) {
            return Ok(held.loaded);
        }
        self.renew().await
    }

    fn look_again(self: &Arc<Self>) {
        let Ok(reading) = self.reading.clone().try_lock_owned() else {
            return;
        };
        let keys = self.clone();
        tokio::spawn(async move {
            // A failure shows again, with its cause, in the request that needs them next.
            let _ = keys.renew().await;
            drop(reading);
        });
    }

    async fn renew(&self) -> Result<Arc<Loaded>, Vec<Lacking>> {
        let seen = Instant::now();
        let read = self.read().await;
        let held = read.as_ref().ok().cloned();
        *self.held() = held.map(|loaded| Held { loaded, seen });
        read
    }

    fn held_for(&self, time: Duration) -> Option<Held> {
        let held = self.held().clone();
        held.filter(|held| held.seen.elapsed() < time)
    }

    /// The fingerprint of the keys, under compatibility and once they are read.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        let held = self.held();
        let held = held.as_ref().filter(|_| self.compat)?;
        Some(held.loaded.keys.fingerprint())
    }

    /// Reads the secrets; gives the keys that are held when they are made of the same.
    async fn read(&self) -> Result<Arc<Loaded>, Vec<Lacking>> {
        let wanted = if self.compat { COMPAT } else { NATIVE };
        let asked = wanted.iter().map(|name| self.store.read(name));
        let (mut secrets, mut unread) = (Vec::new(), Vec::new());
        for (name, read) in wanted.iter().zip(join_all(asked).await) {
            match read {
                Ok(secret) => secrets.push(secret),
                Err(error) => unread.push(Lacking::unread(name, error)),
            }
        }
        if !unread.is_empty() {
            return Err(unread);
        }
        let secrets = Found(secrets);
        if let Some(held) = self.held().as_ref()
            && held.loaded.secrets.is_as(&secrets)
        {
            return Ok(held.loaded.clone());
        }
        let lookup = |name: &str| {
            let at = wanted.iter().position(|wanted| *wanted == name)?;
            secrets.0[at].as_ref().map(|s| s.reveal().to_owned())
        };
        let keys = pseudonym::Keys::from_lookup(lookup, self.compat);
        let keys = keys.map_err(|e| e.iter().map(|e| self.unusable(e)).collect::<Vec<_>>())?;
        let keys = Pseudonymizer::new(keys, self.options).map_err(|e| {
            vec![Lacking {
                name: wanted.first().copied().unwrap_or_default().to_owned(),
                why: Lack::Invalid,
                refusal: invalid(&e.to_string()),
            }]
        })?;
        Ok(Arc::new(Loaded {
            secrets,
            keys,
            limits: self.limits,
            sanitizers: Mutex::default(),
        }))
    }

    /// A key that is missing or malformed, with its whole name: a slip in a prefix looks like a missing key,
    /// and a new one in its place would change every pseudonym.
    fn unusable(&self, error: &KeyError) -> Lacking {
        let (why, detail) = match error {
            KeyError::Missing { hint, .. } => (
                Lack::Missing,
                format!(
                    "secret {} is missing: check first that HUSHGATE_SECRETS names the right place; {hint}",
                    self.store.absent_name(error.secret())
                ),
            ),
            error => {
                let whole = self.store.whole_name(error.secret());
                (Lack::Invalid, format!("secret {whole}: {error}"))
            }
        };
        Lacking {
            name: error.secret().to_owned(),
            why,
            refusal: invalid(&detail),
        }
    }

    fn held(&self) -> MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loaded {
    fn sanitizer(&self, domain: Option<String>) -> Result<Arc<Sanitizer>, Refusal> {
        let made = self.sanitizers.lock();
        let mut made = made.unwrap_or_else(PoisonError::into_inner);
        if let Some(sanitizer) = made.get(&domain) {
            return Ok(sanitizer.clone());
        }
        let keys = match &domain {
            None => self.keys.clone(),
            Some(label) => {
                let derived = self.keys.for_domain(label);
                derived.map_err(|e| invalid(&e.to_string()))?
            }
        };
        let sanitizer = Arc::new(Sanitizer::new(keys).with_limits(self.limits));
        // Domains come from the access policy, so this stays small.
        made.insert(domain, sanitizer.clone());
        Ok(sanitizer)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let cause = match error {
            StoreError::Unavailable(_) => Cause::StoreUnavailable,
            StoreError::Denied { .. }
            | StoreError::ReadOnly(_)
            | StoreError::NoLocks
            | StoreError::Unfit { .. } => Cause::ConfigurationInvalid,
        };
        Refusal::new(cause, error.to_string())
    }
}

fn invalid(detail: &str) -> Refusal {
    Refusal::new(
        Cause::ConfigurationInvalid,
        format!("pseudonym keys: {detail}"),
    )
}

#[cfg(test)]
mod tests;
