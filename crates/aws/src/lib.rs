//! Amazon Web Services: the Lambda host, and secrets, objects and queues.

use std::sync::Arc;

use hushgate_gateway::ports::{Objects, Queue};
use hushgate_host::cloud::{Bucket, Cloud, CloudSecrets, QueueAt, Service};
use hushgate_host::config::Environment;
use hushgate_host::store::AdminStore;

mod client;
mod failure;
mod lambda;
pub mod objects;
pub mod parameters;
pub mod queue;
pub mod secrets_manager;

pub use client::http_client;

/// What a program built for AWS adds.
pub static CLOUD: Aws = Aws;

/// Amazon Web Services.
#[derive(Debug, Clone, Copy)]
pub struct Aws;

impl Cloud for Aws {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn service(&self, environment: &Environment) -> Option<Box<dyn Service>> {
        lambda::service(environment)
    }

    fn secrets(
        &self,
        at: &CloudSecrets,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn AdminStore>, String>> {
        let opened = match at {
            CloudSecrets::AwsSsm { prefix } => parameters::parameters(prefix, environment),
            CloudSecrets::AwsSecretsManager { prefix } => {
                secrets_manager::secrets(prefix, environment)
            }
            CloudSecrets::GcpSecretManager { .. } => return None,
        };
        Some(opened.map(|store| Arc::new(store) as Arc<dyn AdminStore>))
    }

    fn objects(
        &self,
        at: &Bucket,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn Objects>, String>> {
        let Bucket::S3(name) = at else {
            return None;
        };
        let opened = objects::S3::open(name, environment);
        Some(opened.map(|objects| Arc::new(objects) as Arc<dyn Objects>))
    }

    fn queue(
        &self,
        at: &QueueAt,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn Queue>, String>> {
        let QueueAt::Sqs { url } = at else {
            return None;
        };
        let opened = queue::Sqs::open(url, environment);
        Some(opened.map(|queue| Arc::new(queue) as Arc<dyn Queue>))
    }
}
