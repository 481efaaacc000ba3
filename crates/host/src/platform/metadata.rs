//! Google Cloud's metadata server (<https://cloud.google.com/run/docs/container-contract#metadata-server>).
//!
//! It has a link-local address, which the gateway's egress refuses for good reason; the client here can
//! make requests to this one host and no other.

use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use zeroize::Zeroizing;

use super::given;
use crate::config::Environment;

const FLAVOR: &str = "metadata-flavor";
/// The time for one answer, all included. The server is on the same machine, and signs in milliseconds.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of an answer's head.
pub(super) const LARGEST_HEAD: usize = 16 * 1024;

/// The metadata server of the machine.
#[derive(Debug)]
pub(super) struct MetadataServer {
    /// Host, and port if it is not 80.
    host: String,
    named: bool,
    /// The variable that has it asked.
    asked_for: &'static str,
    pub(super) timeout: Duration,
}

/// Why there is no answer with something in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum MetadataFault {
    /// It is not there, or something else is: what is wrong, and what to do.
    NotThere(String),
    /// The metadata server says no.
    Status(StatusCode),
}

impl MetadataServer {
    /// The one that `GCE_METADATA_HOST` names, else `host`, which is asked because of the variable
    /// `asked_for`. Nothing is called yet.
    pub(super) fn new(environment: &Environment, host: &str, asked_for: &'static str) -> Self {
        let named = given(environment, "GCE_METADATA_HOST");
        Self {
            host: named.unwrap_or(host).to_owned(),
            named: named.is_some(),
            asked_for,
            timeout: TIMEOUT,
        }
    }

    /// What it has at this path, of at most `most` bytes.
    ///
    /// # Errors
    /// Any status but 200, any answer that is not the metadata server's, and none within the time.
    pub(super) async fn get(
        &self,
        path_and_query: &str,
        most: usize,
    ) -> Result<Zeroizing<Vec<u8>>, MetadataFault> {
        let fetched = tokio::time::timeout(self.timeout, self.fetch(path_and_query, most)).await;
        fetched.unwrap_or_else(|_| {
            Err(self.not_there(&format!("no complete answer within {:?}", self.timeout)))
        })
    }

    async fn fetch(
        &self,
        path_and_query: &str,
        most: usize,
    ) -> Result<Zeroizing<Vec<u8>>, MetadataFault> {
        let request = Request::get(path_and_query)
            .header(HOST, &self.host)
            .header(FLAVOR, "Google")
            .body(Empty::<Bytes>::new())
            .map_err(|_| self.not_there("the request can't be made"))?;
        let stream = TcpStream::connect(self.address())
            .await
            .map_err(|e| self.not_there(&format!("no connection: {}", e.kind())))?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(LARGEST_HEAD)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|_| self.not_there("the connection broke"))?;
        // Ends with this call, however it ends.
        let mut driver = JoinSet::new();
        driver.spawn(connection);
        let answer = sender
            .send_request(request)
            .await
            .map_err(|_| self.not_there("it gave no HTTP answer"))?;
        // Another server at this place must not be taken for the metadata server, whatever it says.
        let flavor = answer.headers().get(FLAVOR);
        if flavor.is_none_or(|value| value != "Google") {
            return Err(self.not_there(
                "its answer lacks the header `Metadata-Flavor: Google`, so it is not the metadata server",
            ));
        }
        if answer.status().is_redirection() {
            return Err(self.not_there("it redirects, which is not followed"));
        }
        if answer.status() != StatusCode::OK {
            return Err(MetadataFault::Status(answer.status()));
        }
        let body = Limited::new(answer.into_body(), most);
        let body = body.collect().await.map_err(|_| {
            self.not_there("its answer is broken off or longer than what was asked for")
        })?;
        Ok(Zeroizing::new(body.to_bytes().to_vec()))
    }

    /// Host and port.
    pub(super) fn address(&self) -> String {
        let has_port = matches!(self.host.rsplit_once(':'), Some((_, port)) if !port.contains(']'));
        if has_port {
            self.host.clone()
        } else {
            format!("{}:80", self.host)
        }
    }

    /// A problem with what it says.
    pub(super) fn problem(&self, problem: &str) -> String {
        format!("metadata server {}: {problem}", self.host)
    }

    /// It is not there, with what to do.
    pub(super) fn not_there(&self, problem: &str) -> MetadataFault {
        let hint = if self.named {
            "check GCE_METADATA_HOST".to_owned()
        } else {
            format!("it is there on Google Cloud only, see {}", self.asked_for)
        };
        MetadataFault::NotThere(format!("{}; {hint}", self.problem(problem)))
    }
}
