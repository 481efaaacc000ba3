//! Amazon's services for the tests, and stores over them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use hushgate_aws::parameters::Parameters;
use hushgate_aws::secrets_manager::SecretsManager;
use hushgate_gateway::ports::{SecretStore, StoreError};
use hushgate_host::config::Environment;
use hushgate_host::store::remote::{Ages, RemoteStore};

pub(crate) use crate::moto::services;

/// What every secret of the tests contains, so that errors and logs can be searched for it.
pub(crate) const MARK: &str = "do-not-show";

/// A store of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Parameters,
    Secrets,
}

pub(crate) const KINDS: [Kind; 2] = [Kind::Parameters, Kind::Secrets];

/// A name that no other test uses.
pub(crate) fn unique(word: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("{word}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The environment of a function whose services are at a port.
pub(crate) fn environment(port: u16) -> Environment {
    [
        ("AWS_REGION", "eu-central-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", format!("{MARK}-key")),
        ("AWS_SESSION_TOKEN", format!("{MARK}-session")),
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

impl Kind {
    /// A store below `prefix`, over the services at `port`.
    pub(crate) fn store(self, port: u16, prefix: &str) -> RemoteStore {
        self.store_with(port, prefix, Ages::default())
    }

    pub(crate) fn store_with(self, port: u16, prefix: &str, ages: Ages) -> RemoteStore {
        logs();
        let environment = environment(port);
        match self {
            Self::Parameters => {
                let backend = Parameters::of(prefix, &environment).expect("an account");
                RemoteStore::with_ages(backend, ages)
            }
            Self::Secrets => {
                let backend = SecretsManager::of(prefix, &environment).expect("an account");
                RemoteStore::with_ages(backend, ages)
            }
        }
    }

    /// An entry's full name as errors tell it.
    pub(crate) fn full(self, prefix: &str, name: &str) -> String {
        match self {
            Self::Parameters => format!("/{prefix}/{name}"),
            Self::Secrets => format!("{prefix}/{name}"),
        }
    }
}

/// An entry's value, from memory or not.
pub(crate) async fn read(
    store: &dyn SecretStore,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let value = store.read(name).await?;
    Ok(value.map(|s| s.reveal().to_owned()))
}

/// An entry's value, past the memory.
pub(crate) async fn newest(
    store: &dyn SecretStore,
    name: &str,
) -> Result<Option<String>, StoreError> {
    let value = store.read_newest(name).await?;
    Ok(value.map(|s| s.reveal().to_owned()))
}

/// Everything that was logged so far in this test binary, as a function logs it at its most talkative.
pub(crate) fn logs() -> String {
    static BUFFER: OnceLock<Buffer> = OnceLock::new();
    let buffer = BUFFER.get_or_init(|| {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        let shown = tracing_subscriber::registry().with(hushgate_host::logs::filter("trace"));
        shown.with(lines).init();
        buffer
    });
    String::from_utf8_lossy(&buffer.0.lock().unwrap()).into_owned()
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
