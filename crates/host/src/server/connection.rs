//! One connection, from its first byte to its end.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch::Receiver;

use super::Limits;
use super::activity::Activity;
use super::outgoing::{Outgoing, Patient, Watch, WriteNow};

/// How long a connection that nothing was read from stays after the signal to stop: what its caller sent
/// before may lie in the system.
const LAST_WORD: Duration = Duration::from_millis(500);

/// What a caller may send in HTTP/2 before anything of it is asked for, in bytes: on a stream and on all of
/// a connection. It waits in memory.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 256 << 10;

/// How long a connection may do nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Until a request comes.
    pub(super) request: Duration,
    /// While an answer waits for the caller.
    pub(super) answer: Duration,
}

impl Patience {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            request: limits.head_time,
            answer: limits.caller_idle,
        }
    }
}

/// What every connection is served with.
pub(super) fn builder(limits: &Limits) -> Builder<TokioExecutor> {
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
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(Duration::from_secs(30))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Serves one connection until it ends, its caller has sent no request or stopped reading for too long, or
/// `stopping` became true and what was under way is answered.
pub(super) fn drive<S, H>(
    builder: &Builder<TokioExecutor>,
    stream: S,
    service: H,
    watch: Arc<Watch>,
    patience: Patience,
    mut stopping: Receiver<bool>,
) -> impl Future<Output = ()> + Send + use<S, H>
where
    S: AsyncRead + AsyncWrite + WriteNow + Unpin + Send + 'static,
    H: Service<Request<Incoming>, Response = Response<Outgoing>> + Send + 'static,
    H::Future: Send + 'static,
    H::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = Patient::new(stream, watch.clone(), patience.answer);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    async move {
        let activity = watch.activity();
        let mut connection = pin!(connection);
        // The connection comes first: what can be read is read before it is closed.
        tokio::select! {
            biased;
            // A broken connection is the caller's affair; its text could hold what was sent.
            _ = &mut connection => return,
            () = watch.abandoned(patience.answer) => return,
            () = activity.idle(patience.request) => {}
            () = told_to_stop(&mut stopping, activity) => {}
        }
        if !activity.is_decided() {
            return;
        }
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            _ = connection => {}
            () = watch.abandoned(patience.answer) => {}
            () = activity.idle(patience.request) => {}
        }
    }
}

/// Completes when the server stops, and what the caller sent before had the time to be read.
async fn told_to_stop(stopping: &mut Receiver<bool>, activity: &Activity) {
    // A server that is gone has stopped.
    let _ = stopping.wait_for(|stopping| *stopping).await;
    let _ = tokio::time::timeout(LAST_WORD, activity.decided()).await;
}
