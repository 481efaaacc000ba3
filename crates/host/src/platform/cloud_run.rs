//! Whether this is Google Cloud Run.
//!
//! Knative sets the same variables in its containers, and checks nobody's token. What tells the two
//! apart is the metadata server: that of Cloud Run names the region of the instance
//! (<https://cloud.google.com/run/docs/container-contract#metadata-server>). That of a Compute Engine
//! machine or of a Kubernetes cluster at Google has no such entry, and elsewhere there is none.

use std::time::Duration;

use http::StatusCode;

use super::metadata::{MetadataFault, MetadataServer};
use crate::config::Environment;

#[cfg(test)]
mod tests;

/// A number and no name: a name is whatever somebody's name server says.
const ADDRESS: &str = "169.254.169.254";
const REGION: &str = "/computeMetadata/v1/instance/region";
/// The most bytes of a region's name.
const LARGEST_REGION: usize = 256;
/// The time for one answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The pauses before it is asked again, where it gives no answer: it may start with the container.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
];

/// Asks the metadata server whether this is an instance of Cloud Run.
///
/// # Errors
/// Everything but its word that it is, as text for the operator.
pub(crate) async fn confirm(environment: &Environment) -> Result<(), String> {
    let server = server(environment);
    let mut pauses = PAUSES.iter();
    loop {
        let answer = server.get(REGION, LARGEST_REGION).await;
        let problem = match answer {
            Ok(text) if is_region(&text) => return Ok(()),
            Ok(_) => return Err(server.problem("it names no region of Google Cloud")),
            Err(MetadataFault::Status(StatusCode::NOT_FOUND)) => {
                return Err(server.problem(
                    "it has no region for this instance, as Compute Engine and Kubernetes have none",
                ));
            }
            Err(MetadataFault::Status(status)) => {
                server.problem(&format!("it answered {}", status.as_u16()))
            }
            Err(MetadataFault::NotThere(problem)) => problem,
        };
        match pauses.next() {
            Some(pause) => tokio::time::sleep(*pause).await,
            None => return Err(problem),
        }
    }
}

fn server(environment: &Environment) -> MetadataServer {
    let mut server = MetadataServer::new(environment, ADDRESS, "HUSHGATE_PLATFORM_CALLERS");
    server.timeout = TIMEOUT;
    server
}

/// `projects/PROJECT-NUMBER/regions/REGION`, and nothing more.
fn is_region(text: &[u8]) -> bool {
    let text = std::str::from_utf8(text).unwrap_or_default();
    let name = text.trim_end().strip_prefix("projects/");
    let Some((project, region)) = name.and_then(|rest| rest.split_once("/regions/")) else {
        return false;
    };
    let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !project.is_empty()
        && project.bytes().all(|b| b.is_ascii_digit())
        && !region.is_empty()
        && region.bytes().all(letters)
}
