//! Who this process is to Google, and what to do when it is nobody.

use std::error::Error;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use google_cloud_auth::credentials::{
    Builder, CacheableResource, Credentials, CredentialsProvider, anonymous, mds,
};
use google_cloud_gax::error::CredentialsError;
use google_cloud_gax::retry_policy::{AlwaysRetry, RetryPolicyExt as _};
use http::{Extensions, HeaderMap};
use hushgate_host::config::Environment;

use crate::reach::{ATTEMPTS, pauses};

/// The time for the first access token; shorter than that of the call which needs it.
const PATIENCE: Duration = Duration::from_secs(3);
/// The time for one of credentials that gave some already. Google's client asks for the next token in time;
/// where it did not, as in a process that was stopped for a while, it may wait much longer.
const SHORT_PATIENCE: Duration = Duration::from_millis(500);
const METADATA_HOST: &str = "metadata.google.internal";

/// The credentials of this process, made at the first use. After they failed they are made anew: those of
/// Google's client remember some failures for ever.
#[derive(Debug, Clone)]
pub(crate) struct Identity(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    origin: Origin,
    universe: String,
    made: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    credentials: Option<Credentials>,
    /// How often they were made.
    count: u64,
    /// Whether they gave a token.
    proven: bool,
}

/// The credentials to use now.
struct Made {
    credentials: Credentials,
    count: u64,
    proven: bool,
    patience: Duration,
}

/// Where access tokens come from.
#[derive(Debug)]
enum Origin {
    /// Calls carry none, for emulators.
    Nobody,
    /// `GOOGLE_APPLICATION_CREDENTIALS`.
    File(PathBuf),
    /// The metadata server at this host.
    Metadata(String),
    /// The file that `gcloud` writes, or the metadata server.
    Usual,
}

/// There is no access token. Says what is missing, and nothing that anybody answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub(crate) struct NoToken {
    /// Whether it may be otherwise soon.
    pub(crate) passes: bool,
    /// What is missing and what to do.
    pub(crate) words: String,
}

impl Identity {
    /// The identity that the environment gives; with an emulator, none unless it names one.
    pub(crate) fn of(environment: &Environment, emulated: bool, universe: &str) -> Self {
        let given = |name: &str| environment.get(name).map(|v| v.trim());
        let given = |name: &str| given(name).filter(|v| !v.is_empty());
        let origin = match given("GOOGLE_APPLICATION_CREDENTIALS") {
            Some(file) => Origin::File(file.into()),
            None => match given("GCE_METADATA_HOST") {
                Some(host) => Origin::Metadata(host.to_owned()),
                None if given("K_SERVICE").is_some() => Origin::Metadata(METADATA_HOST.to_owned()),
                None if emulated => Origin::Nobody,
                None => Origin::Usual,
            },
        };
        Self(Arc::new(Inner {
            origin,
            universe: universe.to_owned(),
            made: Mutex::default(),
        }))
    }

    /// What Google's clients take.
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::from(self.clone())
    }
}

impl CredentialsProvider for Identity {
    async fn headers(
        &self,
        extensions: Extensions,
    ) -> Result<CacheableResource<HeaderMap>, CredentialsError> {
        let inner = &self.0;
        loop {
            let made = inner.made().map_err(NoToken::error)?;
            let asked = made.credentials.headers(extensions.clone());
            let passes = match tokio::time::timeout(made.patience, asked).await {
                Ok(Ok(headers)) => {
                    inner.proven(made.count);
                    return Ok(headers);
                }
                Ok(Err(error)) => error.is_transient(),
                Err(_) => true,
            };
            inner.forget(made.count);
            if !made.proven {
                return Err(inner.origin.no_token(passes).error());
            }
        }
    }

    async fn universe_domain(&self) -> Option<String> {
        // Known here, it is not asked for at the metadata server.
        Some(self.0.universe.clone())
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> Result<Made, NoToken> {
        let mut state = self.lock();
        let credentials = if let Some(credentials) = &state.credentials {
            credentials.clone()
        } else {
            let credentials = self.origin.make(&self.universe)?;
            state.count += 1;
            state.proven = false;
            state.credentials.insert(credentials).clone()
        };
        Ok(Made {
            credentials,
            count: state.count,
            proven: state.proven,
            patience: if state.proven {
                SHORT_PATIENCE
            } else {
                PATIENCE
            },
        })
    }

    /// Notes that the credentials gave a token.
    fn proven(&self, count: u64) {
        let mut state = self.lock();
        state.proven |= state.count == count;
    }

    /// Drops the credentials that were made as this one, if they are the present ones still.
    fn forget(&self, count: u64) {
        let mut state = self.lock();
        if state.count == count {
            state.credentials = None;
        }
    }
}

impl Origin {
    fn make(&self, universe: &str) -> Result<Credentials, NoToken> {
        let lasting = |words: &str| NoToken {
            passes: false,
            words: format!("there are no usable Google Cloud credentials: {words}"),
        };
        let built = match self {
            Self::Nobody => return Ok(anonymous::Builder::new().build()),
            Self::Metadata(host) => mds::Builder::default()
                .with_endpoint(format!("http://{host}"))
                .with_universe_domain(universe)
                .with_retry_policy(AlwaysRetry.with_attempt_limit(ATTEMPTS))
                .with_backoff_policy(pauses())
                .build(),
            Self::File(path) => {
                let read = std::fs::read(path).map_err(|e| match e.kind() {
                    ErrorKind::NotFound => {
                        lasting("GOOGLE_APPLICATION_CREDENTIALS names a file that is not there")
                    }
                    _ => lasting("GOOGLE_APPLICATION_CREDENTIALS names a file that can't be read"),
                })?;
                let text: Option<serde_json::Value> = serde_json::from_slice(&read).ok();
                if text.is_none_or(|t| !t["type"].is_string()) {
                    return Err(lasting(
                        "the file that GOOGLE_APPLICATION_CREDENTIALS names is no credential file",
                    ));
                }
                Builder::default().with_universe_domain(universe).build()
            }
            Self::Usual => Builder::default().with_universe_domain(universe).build(),
        };
        built.map_err(|_| self.no_token(false))
    }

    fn no_token(&self, passes: bool) -> NoToken {
        let words = match self {
            Self::Metadata(host) if passes => format!(
                "the metadata server {host} gives no access token; it is there on Google Cloud only, \
                 elsewhere set GOOGLE_APPLICATION_CREDENTIALS to a credential file"
            ),
            Self::Metadata(host) => format!(
                "the metadata server {host} gives no access token: no service account is attached; \
                 deploy with one, such as by `--service-account`"
            ),
            Self::File(_) => {
                "with the file that GOOGLE_APPLICATION_CREDENTIALS names, no access token could be had; \
                 check that its account is there and its key was not withdrawn"
                    .to_owned()
            }
            Self::Usual | Self::Nobody => format!(
                "there are no usable Google Cloud credentials: GOOGLE_APPLICATION_CREDENTIALS is not set, and neither \
                 `gcloud`'s own nor a metadata server ({METADATA_HOST}) give an access token; run \
                 `gcloud auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS to a credential file"
            ),
        };
        NoToken { passes, words }
    }
}

impl NoToken {
    fn error(self) -> CredentialsError {
        CredentialsError::from_source(self.passes, self)
    }

    /// What is said of the token in an error of Google's client.
    pub(crate) fn within<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}
