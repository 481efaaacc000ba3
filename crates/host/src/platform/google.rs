//! Identity tokens of Google Cloud's metadata server
//! (<https://cloud.google.com/docs/authentication/get-id-token#metadata-server>).

use http::StatusCode;
use hushgate_gateway::ports::{
    IdentityRequest, PlatformError, PlatformIdentity, PortFuture, Secret,
};

use super::metadata::{MetadataFault, MetadataServer};
use super::{LARGEST_TOKEN, jwt};
use crate::config::Environment;
use crate::sigv4::encoded;

#[cfg(test)]
mod tests;

const METADATA_HOST: &str = "metadata.google.internal";
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/identity";

/// The identity of the service account under which the function runs.
#[derive(Debug)]
pub struct Google {
    server: MetadataServer,
}

impl Google {
    /// The metadata server, or that of `GCE_METADATA_HOST`. Nothing is called yet.
    pub fn new(environment: &Environment) -> Self {
        Self {
            server: MetadataServer::new(environment, METADATA_HOST, "HUSHGATE_PLATFORM"),
        }
    }

    async fn fetch(&self, audience: &str) -> Result<Secret, PlatformError> {
        let path = format!("{PATH}?audience={}", encoded(audience.as_bytes()));
        let answer = self.server.get(&path, LARGEST_TOKEN).await;
        let bytes = answer.map_err(|fault| self.failed(fault))?;
        jwt(std::str::from_utf8(&bytes).unwrap_or_default().trim())
    }

    fn failed(&self, fault: MetadataFault) -> PlatformError {
        let status = match fault {
            MetadataFault::NotThere(problem) => return PlatformError::Unavailable(problem),
            MetadataFault::Status(status) => status,
        };
        PlatformError::Denied(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => format!(
                "the metadata server answered {}; allow this workload to use the identity of its service account",
                status.as_u16()
            ),
            StatusCode::BAD_REQUEST => {
                "the metadata server answered 400; check the setting AUDIENCE".to_owned()
            }
            StatusCode::NOT_FOUND => {
                "the metadata server answered 404: no service account is attached; deploy the function with one"
                    .to_owned()
            }
            _ => {
                let problem = format!("it answered {}", status.as_u16());
                return PlatformError::Unavailable(self.server.problem(&problem));
            }
        })
    }
}

impl PlatformIdentity for Google {
    fn assertion<'a>(
        &'a self,
        request: &'a IdentityRequest<'a>,
    ) -> PortFuture<'a, Result<Secret, PlatformError>> {
        Box::pin(self.fetch(request.audience))
    }
}
