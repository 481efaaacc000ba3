//! Identity tokens of Google Cloud's metadata server
//! (<https://cloud.google.com/docs/authentication/get-id-token#metadata-server>).
//!
//! The metadata server has a link-local address, which the gateway's egress refuses for good reason; the
//! client here can make this one request to this one host and no other.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hushgate_gateway::ports::{
    IdentityRequest, PlatformError, PlatformIdentity, PortFuture, Secret,
};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::{LARGEST_TOKEN, given, jwt};
use crate::config::Environment;
use crate::sigv4::encoded;

#[cfg(test)]
mod tests;

const METADATA_HOST: &str = "metadata.google.internal";
const PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/identity";
const FLAVOR: &str = "metadata-flavor";
/// The time for one token, all included. The server is on the same machine, and signs in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of the answer's head.
const LARGEST_HEAD: usize = 16 * 1024;

/// The identity of the service account under which the function runs.
#[derive(Debug)]
pub struct Google {
    /// Host, and port if it is not 80.
    host: String,
    timeout: Duration,
}

impl Google {
    /// The metadata server, or that of `GCE_METADATA_HOST`. Nothing is called yet.
    pub fn new(environment: &Environment) -> Self {
        Self {
            host: given(environment, "GCE_METADATA_HOST")
                .unwrap_or(METADATA_HOST)
                .to_owned(),
            timeout: TIMEOUT,
        }
    }

    async fn fetch(&self, audience: &str) -> Result<Secret, PlatformError> {
        let request = Request::get(format!("{PATH}?audience={}", encoded(audience.as_bytes())))
            .header(HOST, &self.host)
            .header(FLAVOR, "Google")
            .body(Empty::<Bytes>::new())
            .map_err(|_| self.failed("the request can't be made"))?;
        let stream = TcpStream::connect(self.address())
            .await
            .map_err(|e| self.failed(&format!("no connection: {}", e.kind())))?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(LARGEST_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| self.failed("the connection broke"))?;
        // Ends with this call, however it ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let answer = sender
            .send_request(request)
            .await
            .map_err(|_| self.failed("it gave no HTTP answer"))?;
        self.check(answer.status(), answer.headers())?;
        let body = Limited::new(answer.into_body(), LARGEST_TOKEN);
        let body = body.collect().await.map_err(|_| {
            self.failed("its answer is broken off or longer than an identity token")
        })?;
        let bytes = Zeroizing::new(body.to_bytes().to_vec());
        jwt(std::str::from_utf8(&bytes).unwrap_or_default().trim())
    }

    fn check(&self, status: StatusCode, headers: &HeaderMap) -> Result<(), PlatformError> {
        // Another server under this name must not be taken for the metadata server, whatever it says.
        if headers.get(FLAVOR).is_none_or(|value| value != "Google") {
            return Err(self.failed(
                "its answer lacks the header `Metadata-Flavor: Google`, so it is not the metadata server",
            ));
        }
        let number = status.as_u16();
        match number {
            200 => Ok(()),
            300..=399 => Err(self.failed("it redirects, which is not followed")),
            401 | 403 => Err(PlatformError::Denied(format!(
                "the metadata server answered {number}; allow this workload to use the identity of its service account"
            ))),
            400 => Err(PlatformError::Denied(
                "the metadata server answered 400; check the setting AUDIENCE".to_owned(),
            )),
            404 => Err(PlatformError::Denied(
                "the metadata server answered 404: no service account is attached; deploy the function with one"
                    .to_owned(),
            )),
            _ => Err(self.failed(&format!("it answered {number}"))),
        }
    }

    fn address(&self) -> String {
        let has_port = matches!(self.host.rsplit_once(':'), Some((_, port)) if !port.contains(']'));
        if has_port {
            self.host.clone()
        } else {
            format!("{}:80", self.host)
        }
    }

    fn failed(&self, problem: &str) -> PlatformError {
        let hint = if self.host == METADATA_HOST {
            "it is there on Google Cloud only, see HUSHGATE_PLATFORM"
        } else {
            "check GCE_METADATA_HOST"
        };
        PlatformError::Unavailable(format!("metadata server {}: {problem}; {hint}", self.host))
    }
}

impl PlatformIdentity for Google {
    fn assertion<'a>(
        &'a self,
        request: &'a IdentityRequest<'a>,
    ) -> PortFuture<'a, Result<Secret, PlatformError>> {
        Box::pin(async move {
            let fetched = tokio::time::timeout(self.timeout, self.fetch(request.audience)).await;
            fetched.unwrap_or_else(|_| {
                Err(self.failed(&format!("no complete answer within {:?}", self.timeout)))
            })
        })
    }
}
