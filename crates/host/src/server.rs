//! The HTTP server: hyper with limits, turning each request into an [`Inbound`].

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Version};
use hushgate_gateway::inbound::Inbound;
use hushgate_gateway::refusal::Refusal;
use hushgate_gateway::reply::{REQUEST_ID, Reply};
use hushgate_gateway::request_id::RequestId;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioExecutor;
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

mod activity;
mod arriving;
mod connection;
mod intake;
mod outgoing;
#[cfg(test)]
mod tests;

use arriving::Arriving;
use connection::{Patience, drive};
use outgoing::Watch;

/// Connections that may be open however few requests may be in flight: an idle one must not keep
/// others out until it times out.
const LEAST_CONNECTIONS: usize = 1024;

/// The pause before another try to accept a connection.
const SHORT: Duration = Duration::from_millis(20);

/// A future of a handler.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

/// A body on its way, or why it can't be had. Nothing of it is read before it is polled; dropped, what
/// comes of it is forgotten.
pub type Receiving = Pin<Box<dyn Future<Output = Result<Bytes, Refusal>> + Send>>;

/// What answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request, whose body is polled only for callers that may send one; dropped when the
    /// caller goes away.
    fn handle(&self, inbound: Inbound, body: Receiving) -> Answering<'_>;

    /// The reply to a request that could not even be read.
    fn refuse(&self, refusal: &Refusal, id: &RequestId) -> Reply;
}

/// What a server accepts.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of a request body.
    pub body: usize,
    /// Most requests being answered at once.
    pub in_flight: usize,
    /// Most bytes of a request head.
    pub head: usize,
    /// Most header fields.
    pub header_fields: usize,
    /// The time for a request head to arrive, and for the next one on the same connection.
    pub head_time: Duration,
    /// The time for a request body to arrive.
    pub body_time: Duration,
    /// How long a caller may take nothing of an answer that waits for it.
    pub caller_idle: Duration,
    /// How long running requests may take to end after the signal to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 1 << 20,
            in_flight: 1000,
            head: 64 << 10,
            header_fields: 100,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(30),
            caller_idle: Duration::from_mins(1),
            drain: Duration::from_secs(9),
        }
    }
}

/// Binds an address before anything else is prepared, so that early requests wait rather than fail.
///
/// # Errors
/// When the address can't be had.
pub fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Serves until `stop` completes, then ends gracefully: no new connections but those that the system let in
/// before; requests on them and running ones get [`Limits::drain`] to end.
///
/// # Errors
/// When the listener can't be used.
pub async fn serve(
    listener: std::net::TcpListener,
    handler: Arc<dyn Handler>,
    limits: Limits,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let server = Arc::new(Server {
        handler,
        limits,
        in_flight: Semaphore::new(limits.in_flight),
    });
    // Connections wait in the system's queue when there are far more than can be answered.
    let connections = Arc::new(Semaphore::new(
        limits
            .in_flight
            .saturating_mul(4)
            .clamp(LEAST_CONNECTIONS, Semaphore::MAX_PERMITS),
    ));
    let builder = connection::builder(&limits);
    let stopping = watch::Sender::new(false);
    let open = |stream, peer, permit: OwnedSemaphorePermit| {
        let connection = connect(&builder, server.clone(), stream, peer, stopping.subscribe());
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    };
    let permit = || async {
        let permit = connections.clone().acquire_owned().await;
        permit.map_err(|_| io::Error::other("no connection is let in any more"))
    };
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async { Ok::<_, io::Error>((permit().await?, listener.accept().await)) };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted?,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => open(stream, peer, permit),
            // Out of descriptors, most likely; wait for some to be closed.
            Err(_) => tokio::time::sleep(SHORT).await,
        }
    }
    let end = Instant::now() + limits.drain;
    stopping.send_replace(true);
    // Whom the system let in before is answered too, as it can't be told to go elsewhere.
    let listener = listener.into_std()?;
    let rest = async {
        loop {
            let permit = permit().await?;
            match listener.accept() {
                Ok((stream, peer)) => {
                    stream.set_nonblocking(true)?;
                    open(TcpStream::from_std(stream)?, peer, permit);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(_) => tokio::time::sleep(SHORT).await,
            }
        }
    };
    let rest: Result<io::Result<()>, _> = tokio::time::timeout_at(end, rest).await;
    drop(listener);
    // The error says only that time ran out; what still runs is dropped with the runtime.
    let _ = tokio::time::timeout_at(end, stopping.closed()).await;
    rest.unwrap_or(Ok(()))
}

struct Server {
    handler: Arc<dyn Handler>,
    limits: Limits,
    in_flight: Semaphore,
}

impl Server {
    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Response<Bytes> {
        let (head, body) = request.into_parts();
        let body = Arriving::new(&head, body, &self.limits);
        if intake::is_liveness(&head) {
            return Response::new(Bytes::from_static(b"ok\n"));
        }
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return self.refuse(&intake::overloaded());
        };
        match intake::inbound(head, peer) {
            Ok(inbound) => {
                let answer = self.handler.handle(inbound, Box::pin(body.whole()));
                answer.await.into_response()
            }
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response<Bytes> {
        let id = RequestId::fresh();
        intake::log(refusal, &id);
        self.handler.refuse(refusal, &id).into_response()
    }
}

fn connect(
    builder: &Builder<TokioExecutor>,
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    stopping: watch::Receiver<bool>,
) -> impl Future<Output = ()> + Send + 'static {
    // Answers are written whole; waiting to fill packets would only delay them.
    let _ = stream.set_nodelay(true);
    let patience = Patience::of(&server.limits);
    let watch = Watch::new();
    let watching = watch.clone();
    let told = stopping.clone();
    let service = service_fn(move |request| {
        let (server, watch, told) = (server.clone(), watching.clone(), told.clone());
        let running = watch.activity().begin();
        async move {
            let version = request.version();
            let is_head = *request.method() == Method::HEAD;
            let (mut head, mut body) = server.answer(request, peer).await.into_parts();
            if is_head {
                keep_length(&mut body, &mut head.headers);
            }
            if version < Version::HTTP_2 && *told.borrow() {
                let close = HeaderValue::from_static("close");
                head.headers.insert(CONNECTION, close);
            }
            let body = watch.body(body, version, head.headers.get(REQUEST_ID));
            drop(running);
            Ok::<_, Infallible>(Response::from_parts(head, body))
        }
    });
    drive(builder, stream, service, watch, patience, stopping)
}

/// Leaves of a body what answers a `HEAD` request: its length (RFC 9110 section 9.3.2). In HTTP/2, hyper
/// would send the rest.
fn keep_length(body: &mut Bytes, headers: &mut HeaderMap) {
    if !body.is_empty() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    }
    body.clear();
}
