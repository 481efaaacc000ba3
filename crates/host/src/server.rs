//! The HTTP server: hyper with limits, turning each request into an [`Inbound`].

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hushgate_gateway::inbound::Inbound;
use hushgate_gateway::refusal::Refusal;
use hushgate_gateway::reply::Reply;
use hushgate_gateway::request_id::RequestId;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

mod intake;
#[cfg(test)]
mod tests;

/// Connections that may be open however few requests may be in flight: an idle one must not keep
/// others out until it times out.
const LEAST_CONNECTIONS: usize = 1024;

/// A future of a handler.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Reply> + Send + 'a>>;

/// What answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; dropped when the caller goes away.
    fn handle(&self, inbound: Inbound) -> Answering<'_>;

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
    /// The time for a request head to arrive.
    pub head_time: Duration,
    /// The time for a request body to arrive.
    pub body_time: Duration,
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
            drain: Duration::from_secs(10),
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

/// Serves until `stop` completes, then ends gracefully: no new connections, running requests get
/// [`Limits::drain`] to end.
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
    let graceful = GracefulShutdown::new();
    let builder = connection_builder(&limits);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let permit = connections.clone().acquire_owned().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of descriptors, most likely; wait for some to be closed.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let connection = connect(&builder, server.clone(), stream, peer, &graceful);
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listener);
    // The error says only that time ran out; what still runs is dropped with the runtime.
    let _ = tokio::time::timeout(limits.drain, graceful.shutdown()).await;
    Ok(())
}

struct Server {
    handler: Arc<dyn Handler>,
    limits: Limits,
    in_flight: Semaphore,
}

impl Server {
    async fn answer(
        &self,
        request: http::Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Full<Bytes>> {
        if intake::is_liveness(&request) {
            return Response::new(Full::from("ok\n"));
        }
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return self.refuse(&intake::overloaded());
        };
        match intake::inbound(request, peer, &self.limits).await {
            Ok(inbound) => finish(self.handler.handle(inbound).await),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn refuse(&self, refusal: &Refusal) -> Response<Full<Bytes>> {
        let id = RequestId::fresh();
        intake::log(refusal, &id);
        finish(self.handler.refuse(refusal, &id))
    }
}

fn finish(reply: Reply) -> Response<Full<Bytes>> {
    reply.into_response().map(Full::new)
}

fn connection_builder(limits: &Limits) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head.max(8 << 10))
        .max_headers(limits.header_fields);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head).unwrap_or(u32::MAX))
        .max_concurrent_streams(256)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

fn connect(
    builder: &Builder<TokioExecutor>,
    server: Arc<Server>,
    stream: TcpStream,
    peer: SocketAddr,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static {
    // Answers are written whole; waiting to fill packets would only delay them.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(server.answer(request, peer).await) }
    });
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    let watched = graceful.watch(connection);
    async move {
        // A broken connection is the caller's affair; its text could hold what was sent.
        let _ = watched.await;
    }
}
