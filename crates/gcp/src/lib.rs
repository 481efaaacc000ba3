//! Google Cloud: what Cloud Run adds to the HTTP host, and secrets, objects and queues.

use std::sync::Arc;

use hushgate_gateway::ports::{Objects, Queue};
use hushgate_host::cloud::{Bucket, Cloud, CloudSecrets, QueueAt};
use hushgate_host::config::Environment;
use hushgate_host::store::AdminStore;

mod identity;
pub mod objects;
pub mod queue;
mod reach;
mod rest;
pub mod secrets;

use objects::CloudStorage;
use queue::PubSub;

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
        let opened = secrets::secrets(project, prefix, environment);
        Some(opened.map(|store| Arc::new(store) as Arc<dyn AdminStore>))
    }

    fn objects(
        &self,
        at: &Bucket,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn Objects>, String>> {
        let Bucket::Gcs(name) = at else {
            return None;
        };
        let opened = CloudStorage::open(name, environment);
        Some(opened.map(|objects| Arc::new(objects) as Arc<dyn Objects>))
    }

    fn queue(
        &self,
        at: &QueueAt,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn Queue>, String>> {
        let QueueAt::PubSub {
            project,
            topic,
            subscription,
        } = at
        else {
            return None;
        };
        let opened = PubSub::open(project, topic, subscription, environment);
        Some(opened.map(|queue| Arc::new(queue) as Arc<dyn Queue>))
    }
}
