//! Google Cloud: what Cloud Run adds to the HTTP host, and secrets, objects and queues.

use std::sync::Arc;

use hushgate_host::cloud::{Cloud, CloudSecrets};
use hushgate_host::config::Environment;
use hushgate_host::store::AdminStore;

mod reach;
pub mod secrets;

use secrets::SecretManager;

/// What a program built for Google Cloud adds.
pub static CLOUD: Gcp = Gcp;

/// Google Cloud.
#[derive(Debug, Clone, Copy)]
pub struct Gcp;

impl Cloud for Gcp {
    fn name(&self) -> &'static str {
        "gcp"
    }

    fn secrets(
        &self,
        at: &CloudSecrets,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn AdminStore>, String>> {
        let CloudSecrets::GcpSecretManager { project, prefix } = at else {
            return None;
        };
        let opened = SecretManager::open(project, prefix, environment);
        Some(opened.map(|store| Arc::new(store) as Arc<dyn AdminStore>))
    }
}
