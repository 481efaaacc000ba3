//! The HTTP of the SDK over reqwest, so that a function has one client stack and reads the machine's
//! certificates once.
//!
//! The SDK signs what is sent, repeats what fails and checks what comes. So nothing is repeated,
//! followed, unpacked or written differently here. Errors carry the innermost reason alone: texts of
//! reqwest have the URL in them.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use http::HeaderValue;
use http::header::HOST;
use http_body_util::BodyExt as _;
use hushgate_gateway::egress::{TlsFloor, root_cause, trusting_http1};
use reqwest::{Body, Client, Request, redirect, retry};

#[cfg(test)]
mod tests;

/// The clients of one runtime: one for each time that a connection may take to be made.
#[derive(Default)]
pub(super) struct Http {
    made: Mutex<Vec<(Option<Duration>, Client)>>,
}

/// One of these clients, and the longest that it waits for the head of an answer.
struct Connector {
    client: Result<Client, Broken>,
    read: Option<Duration>,
}

/// Why there is no answer; nothing of what was sent is in it, nor where to.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
struct Broken(String);

impl Http {
    fn connector(&self, settings: &HttpConnectorSettings) -> Connector {
        Connector {
            client: self.client(settings.connect_timeout()),
            read: settings.read_timeout(),
        }
    }

    fn client(&self, connect: Option<Duration>) -> Result<Client, Broken> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = made.iter().find(|(of, _)| *of == connect) {
            return Ok(client.clone());
        }
        let client =
            build(connect).inspect_err(|reason| tracing::warn!(%reason, "AWS can't be called"))?;
        made.push((connect, client.clone()));
        Ok(client)
    }
}

/// HTTP/1.1 alone: a call that is given up takes its connection with it, where over HTTP/2 the next
/// attempt would go into the same dead one.
fn build(connect: Option<Duration>) -> Result<Client, Broken> {
    let mut builder = trusting_http1(Client::builder(), TlsFloor::V1_2)
        .map_err(|e| Broken(e.to_string()))?
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd();
    if let Some(time) = connect {
        builder = builder.connect_timeout(time);
    }
    builder.build().map_err(|e| Broken::of(&e))
}

impl HttpClient for Http {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.connector(settings))
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = match &self.client {
            Ok(client) => client.clone(),
            Err(broken) => {
                let error = ConnectorError::other(Box::new(broken.clone()), None);
                return HttpConnectorFuture::ready(Err(error));
            }
        };
        let read = self.read;
        HttpConnectorFuture::new(async move {
            let sent = client.execute(as_signed(request)?);
            let answer = match read {
                Some(time) => tokio::time::timeout(time, sent)
                    .await
                    .map_err(|_| ConnectorError::timeout(broken("no answer in time")))?,
                None => sent.await,
            };
            let answer = http::Response::from(answer.map_err(|e| failed(&e))?);
            let answer =
                answer.map(|body: Body| SdkBody::from_body_1_x(body.map_err(|e| Broken::of(&e))));
            let answer = HttpResponse::try_from(answer);
            answer.map_err(|_| ConnectorError::other(broken("this is no answer"), None))
        })
    }
}

/// The request as the SDK signed it, or none at all.
fn as_signed(request: HttpRequest) -> Result<Request, ConnectorError> {
    let request = request.try_into_http1x();
    let request = request.map_err(|_| ConnectorError::user(broken("this is no request")))?;
    let uri = request.uri().clone();
    let request = Request::try_from(request.map(Body::wrap));
    let mut request = request.map_err(|e| ConnectorError::user(Box::new(Broken::of(&e))))?;
    let url = request.url();
    // A path with `..` would be shortened.
    if (url.path(), url.query()) != (uri.path(), uri.query()) {
        let other = broken("the path can't be sent as it was signed");
        return Err(ConnectorError::user(other));
    }
    // A host in capitals would be written small.
    let host = uri.host().unwrap_or_default();
    let host = match url.port() {
        Some(port) => HeaderValue::try_from(format!("{host}:{port}")),
        None => HeaderValue::try_from(host),
    };
    let host = host.map_err(|_| ConnectorError::user(broken("this is no host")))?;
    request.headers_mut().entry(HOST).or_insert(host);
    Ok(request)
}

/// What the SDK needs to know to decide whether it asks again.
fn failed(error: &reqwest::Error) -> ConnectorError {
    let broken = Box::new(Broken::of(error));
    if error.is_timeout() {
        ConnectorError::timeout(broken)
    } else if error.is_builder() {
        ConnectorError::user(broken)
    } else if error.is_connect() {
        ConnectorError::io(broken)
    } else {
        ConnectorError::other(broken, Some(ErrorKind::TransientError))
    }
}

fn broken(reason: &str) -> BoxError {
    Box::new(Broken(reason.to_owned()))
}

impl Broken {
    fn of(error: &reqwest::Error) -> Self {
        Self(root_cause(error))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").finish_non_exhaustive()
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").finish_non_exhaustive()
    }
}
