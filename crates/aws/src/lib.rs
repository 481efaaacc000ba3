//! Amazon Web Services: the Lambda host, and secrets, objects and queues.

use std::sync::Arc;

use hushgate_host::cloud::{Cloud, CloudSecrets, Service};
use hushgate_host::config::Environment;
use hushgate_host::store::AdminStore;

mod client;
mod failure;
mod lambda;
pub mod parameters;
pub mod secrets_manager;

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
}
