//! Pseudonym keys from the secret store, read once and held.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use hushgate_rules::json::Limits;
use hushgate_rules::pseudonym::{self, Pseudonymizer, names};
use hushgate_rules::sanitize::{SanitizeLimits, Sanitizer};
use tokio::sync::OnceCell;

use crate::access::Caller;
use crate::gateway::Settings;
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

/// The keys of a function, and a sanitizer for each pseudonym domain.
pub(crate) struct Keys {
    store: Arc<dyn SecretStore>,
    compat: bool,
    options: pseudonym::Options,
    limits: SanitizeLimits,
    loaded: OnceCell<Pseudonymizer>,
    sanitizers: Mutex<HashMap<Option<String>, Arc<Sanitizer>>>,
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
            loaded: OnceCell::new(),
            sanitizers: Mutex::default(),
        }
    }

    /// The sanitizer that makes this caller's pseudonyms.
    ///
    /// # Errors
    /// `store-unavailable`, or `configuration-invalid` when keys are missing or malformed.
    pub(crate) async fn sanitizer(&self, caller: &Caller) -> Result<Arc<Sanitizer>, Refusal> {
        let domain = caller.pseudonym_domain().map(str::to_owned);
        if let Some(sanitizer) = self.held().get(&domain) {
            return Ok(sanitizer.clone());
        }
        let base = self.load().await?;
        let pseudonymizer = match &domain {
            None => base.clone(),
            Some(label) => base
                .for_domain(label)
                .map_err(|e| invalid(&e.to_string()))?,
        };
        let sanitizer = Arc::new(Sanitizer::new(pseudonymizer).with_limits(self.limits));
        // Domains come from the access policy, so this stays small.
        self.held().insert(domain, sanitizer.clone());
        Ok(sanitizer)
    }

    /// Reads the keys if that has not been done; a failure is not held.
    pub(crate) async fn load(&self) -> Result<&Pseudonymizer, Refusal> {
        self.loaded.get_or_try_init(|| self.read()).await
    }

    /// The fingerprint of the keys, under compatibility and once they are read.
    pub(crate) fn fingerprint(&self) -> Option<String> {
        self.loaded
            .get()
            .filter(|_| self.compat)
            .map(Pseudonymizer::fingerprint)
    }

    /// The names of the secrets that must be there.
    pub(crate) fn required(&self) -> &'static str {
        if self.compat {
            names::PSOXY_SALT
        } else {
            names::PSEUDONYM_KEY
        }
    }

    async fn read(&self) -> Result<Pseudonymizer, Refusal> {
        let wanted = if self.compat { COMPAT } else { NATIVE };
        let mut found: HashMap<&str, Secret> = HashMap::new();
        let asked = wanted.iter().map(|name| self.store.read(name));
        for (name, read) in wanted.iter().zip(join_all(asked).await) {
            if let Some(secret) = read? {
                found.insert(name, secret);
            }
        }
        let lookup = |name: &str| found.get(name).map(|s| s.reveal().to_owned());
        let keys = pseudonym::Keys::from_lookup(lookup, self.compat).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            invalid(&errors.join("; "))
        })?;
        Pseudonymizer::new(keys, self.options).map_err(|e| invalid(&e.to_string()))
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<Option<String>, Arc<Sanitizer>>> {
        self.sanitizers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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
mod tests {
    use std::time::Duration;

    use tokio::sync::Barrier;

    use super::*;
    use crate::ports::{MemoryStore, PortFuture};

    /// A store that answers nobody before so many ask at once.
    struct Meeting {
        all: Barrier,
        store: MemoryStore,
    }

    impl SecretStore for Meeting {
        fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
            Box::pin(async move {
                self.all.wait().await;
                self.store.read(name).await
            })
        }

        fn write<'a>(&'a self, name: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
            Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
        }
    }

    #[tokio::test]
    async fn all_keys_are_asked_for_at_once() {
        for compat in [false, true] {
            let wanted = if compat { COMPAT } else { NATIVE };
            let entries = wanted.iter().take(2).map(|name| match *name {
                names::PSEUDONYM_KEY => (*name, "1:a2V5LW9mLXRoZS10ZXN0cy10aGlydHktdHdvLWJ5dGU"),
                name => (name, "salt of the tests, long enough for any"),
            });
            let store = Meeting {
                all: Barrier::new(wanted.len()),
                store: MemoryStore::new(entries),
            };
            let settings = Settings {
                compat,
                pseudonyms: pseudonym::Options::default(),
                request_timeout: Duration::from_secs(1),
                max_response_bytes: 1000,
                max_response_depth: 10,
                warnings: Vec::new(),
            };
            let keys = Keys::new(Arc::new(store), &settings);
            let loaded = tokio::time::timeout(Duration::from_secs(10), keys.load()).await;
            let loaded = loaded.unwrap_or_else(|_| panic!("one after the other, {compat}"));
            assert!(loaded.is_ok(), "{:?}", loaded.err());
        }
    }
}
