//! Google Cloud: what Cloud Run adds to the HTTP host, and secrets, objects and queues.

use hushgate_host::cloud::Cloud;

/// What a program built for Google Cloud adds.
pub static CLOUD: Gcp = Gcp;

/// Google Cloud.
#[derive(Debug, Clone, Copy)]
pub struct Gcp;

impl Cloud for Gcp {
    fn name(&self) -> &'static str {
        "gcp"
    }
}
