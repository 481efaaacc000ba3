//! The way to a function: one HTTP/1.1 connection, each step of it timed, nothing followed.
//!
//! The request target goes out byte for byte. No proxy is used and no redirect followed, so that a
//! token reaches the named host only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hushgate_gateway::egress::{TlsFloor, tls_config};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{timeout, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::code::Code;
use super::fault;
use super::outgoing::Outgoing;
use super::patient::{Deaf, Patient};
use super::reach::first_of;
use super::target::Target;
use crate::connection::failure::Failure;

/// How long name, connection and TLS may take together.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a connection may take to come free after a call; one that takes longer is left for a new one.
const TURN: Duration = Duration::from_millis(50);

/// What one call may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// The time for a call, all included.
    pub(super) time: Duration,
    /// The most bytes of an answer's body.
    pub(super) bytes: usize,
}

/// The way to one host, shared by all its connections.
#[derive(Clone)]
pub(super) struct Wire {
    host: Arc<str>,
    port: u16,
    tls: Option<TlsConnector>,
    loopback_only: bool,
    limits: Limits,
}

/// How long each step took; the first three only where a connection was made for the call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timing {
    /// Finding the host's addresses.
    pub(super) name: Option<Duration>,
    /// The TCP connection.
    pub(super) connect: Option<Duration>,
    /// The TLS handshake.
    pub(super) tls: Option<Duration>,
    /// From sending the request to the head of the answer.
    pub(super) first_byte: Duration,
    /// Everything, to the last byte of the answer.
    pub(super) total: Duration,
}

/// A complete answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) timing: Timing,
}

impl Answer {
    /// A header as text, if it is there and is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Wire {
    /// Prepares the way to a function.
    ///
    /// # Errors
    /// When the certificates that this machine trusts can't be read.
    pub(super) fn to(target: &Target, limits: Limits) -> Result<Self, Failure> {
        let tls = if target.tls {
            // Those that a function trusts.
            let trusted = tls_config(TlsFloor::V1_2, &[b"http/1.1"]);
            let config = trusted.map_err(|error| fault::no_trust(&error))?;
            Some(TlsConnector::from(Arc::new(config)))
        } else {
            None
        };
        Ok(Self {
            host: target.host.as_str().into(),
            port: target.port,
            loopback_only: tls.is_none(),
            tls,
            limits,
        })
    }

    /// The way to a service in clear that is not on this machine: the metadata server of a cloud.
    pub(super) fn to_metadata(host: &str, port: u16, limits: Limits) -> Self {
        Self {
            host: host.into(),
            port,
            tls: None,
            loopback_only: false,
            limits,
        }
    }

    /// A connection that is made when it is first needed, and again when it was closed.
    pub(super) fn line(&self) -> Line {
        Line {
            wire: self.clone(),
            open: None,
        }
    }

    async fn open(&self, timing: &mut Timing) -> Result<Open, Failure> {
        let start = Instant::now();
        let addresses: Vec<_> = lookup_host((&*self.host, self.port))
            .await
            .map_err(|_| fault::name_not_found(&self.host))?
            .filter(|address| !self.loopback_only || address.ip().is_loopback())
            .collect();
        timing.name = Some(start.elapsed());
        let start = Instant::now();
        let reached = first_of(addresses).await;
        let stream = reached.map_err(|tried| match tried {
            Some((address, error)) => fault::not_connected(address, &error),
            None => fault::name_not_found(&self.host),
        })?;
        timing.connect = Some(start.elapsed());
        // Small requests go out at once.
        let _ = stream.set_nodelay(true);
        self.speak(Patient::new(stream), timing).await
    }

    async fn speak(&self, stream: Patient, timing: &mut Timing) -> Result<Open, Failure> {
        let deaf = stream.deaf();
        let Some(tls) = &self.tls else {
            return shake_hands(stream, deaf).await;
        };
        let start = Instant::now();
        let name = ServerName::try_from(self.host.to_string())
            .map_err(|_| fault::name_not_found(&self.host))?;
        let connected = tls.connect(name, stream).await;
        let stream = connected.map_err(|error| fault::tls(&self.host, &error))?;
        timing.tls = Some(start.elapsed());
        shake_hands(stream, deaf).await
    }
}

async fn shake_hands<T>(stream: T, deaf: Deaf) -> Result<Open, Failure>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| fault::broken(&error))?;
    // What goes wrong on the connection is told by the call that meets it.
    let mut task = JoinSet::new();
    task.spawn(async move { drop(connection.await) });
    Ok(Open {
        sender,
        deaf,
        _task: task,
    })
}

/// A connection; it is cut off when this is dropped, whatever is still to be sent.
struct Open {
    sender: SendRequest<Outgoing>,
    deaf: Deaf,
    _task: JoinSet<()>,
}

impl Open {
    /// The connection, if it can take a request now.
    async fn free(mut self) -> Option<Self> {
        let ready = timeout(TURN, self.sender.ready()).await;
        let is_free = ready.is_ok_and(|ready| ready.is_ok()) && !self.deaf.is_so();
        is_free.then_some(self)
    }
}

/// One connection at a time to one host.
pub(super) struct Line {
    wire: Wire,
    open: Option<Open>,
}

impl Line {
    /// Sends a request and reads the whole answer. A connection that the other side closed since the
    /// last call is made again, once, for methods that may be repeated.
    ///
    /// # Errors
    /// With the step that failed, and what to do.
    pub(super) async fn send(&mut self, request: &Request<Bytes>) -> Result<Answer, Failure> {
        let used = self.open.is_some();
        match self.once(request).await {
            Err(failure)
                if used
                    && failure.code() == Code::AnswerBroken.known().code
                    && repeatable(request) =>
            {
                self.open = None;
                self.once(request).await
            }
            outcome => outcome,
        }
    }

    async fn once(&mut self, request: &Request<Bytes>) -> Result<Answer, Failure> {
        let limits = self.wire.limits;
        let start = Instant::now();
        let deadline = tokio::time::Instant::now() + limits.time;
        let mut timing = Timing::default();
        let kept = match self.open.take() {
            Some(open) => open.free().await,
            None => None,
        };
        let mut open = if let Some(open) = kept {
            open
        } else {
            let connect = CONNECT.min(limits.time);
            let opening = self.wire.open(&mut timing);
            let opened = timeout(connect, opening).await;
            opened.map_err(|_| fault::connect_timeout(&self.wire.host, connect))??
        };
        let outgoing = request.clone().map(Outgoing::of);
        let written = outgoing.body().written();
        let exchange = async {
            let sent = Instant::now();
            let answered = open.sender.send_request(outgoing).await;
            let (head, mut body) = answered.map_err(|e| fault::broken(&e))?.into_parts();
            let was_heard = written.all();
            timing.first_byte = sent.elapsed();
            let mut bytes = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|error| fault::broken(&error))?;
                let Some(data) = frame.data_ref() else {
                    continue;
                };
                if bytes.len() + data.len() > limits.bytes {
                    return Err(fault::too_large(limits.bytes));
                }
                bytes.extend_from_slice(data);
            }
            Ok((head, Bytes::from(bytes), was_heard))
        };
        let (head, body, was_heard) = timeout_at(deadline, exchange)
            .await
            .map_err(|_| fault::answer_timeout(limits.time))??;
        timing.total = start.elapsed();
        // Who answers before the body has come mostly doesn't take the rest of it.
        self.open = was_heard.then_some(open);
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
            timing,
        })
    }
}

fn repeatable(request: &Request<Bytes>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD)
}
