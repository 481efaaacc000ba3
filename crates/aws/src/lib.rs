//! Amazon Web Services: the Lambda host, and secrets, objects and queues.

use hushgate_host::cloud::{Cloud, Service};
use hushgate_host::config::Environment;

mod lambda;

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
}
