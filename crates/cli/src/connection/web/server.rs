//! The HTTP server on 127.0.0.1.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::routes::Site;

/// Most connections at once; a browser opens six.
const CONNECTIONS: usize = 64;
/// Most bytes of a request's head.
const HEAD: usize = 16 << 10;
/// The time for running answers to end.
const DRAIN: Duration = Duration::from_secs(2);

/// Where connections come in.
pub(in crate::connection) struct Listeners {
    v4: TcpListener,
    v6: Option<TcpListener>,
}

impl Listeners {
    /// Listens on 127.0.0.1; port 0 is any free one. For `localhost` also on `::1`, which browsers
    /// may try first: nobody else on the machine gets what the vendor sends back.
    ///
    /// # Errors
    /// When the port can't be had.
    pub(in crate::connection) async fn bind(port: u16, localhost: bool) -> io::Result<Self> {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let v6 = if localhost {
            let port = v4.local_addr()?.port();
            match TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(error),
                // A machine without IPv6.
                other => other.ok(),
            }
        } else {
            None
        };
        Ok(Self { v4, v6 })
    }

    /// The port of all.
    ///
    /// # Errors
    /// When the system does not tell it.
    pub(in crate::connection) fn port(&self) -> io::Result<u16> {
        self.v4.local_addr().map(|address| address.port())
    }

    /// The next connection to any of them.
    ///
    /// # Errors
    /// When the system gives none.
    pub(in crate::connection) async fn accept(&self) -> io::Result<TcpStream> {
        let v6 = async {
            match &self.v6 {
                Some(listener) => listener.accept().await,
                None => std::future::pending().await,
            }
        };
        let (stream, _) = tokio::select! {
            accepted = self.v4.accept() => accepted,
            accepted = v6 => accepted,
        }?;
        Ok(stream)
    }
}

/// Serves until `stop` completes.
pub(super) async fn serve(listeners: Listeners, site: Arc<Site>, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (listeners.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        let Ok(stream) = accepted else {
            // Out of descriptors, most likely; wait for some to be closed.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let connection = connect(stream, Arc::clone(&site), &graceful);
        tokio::spawn(async move {
            connection.await;
            drop(permit);
        });
    }
    drop(listeners);
    // The error says only that time ran out.
    let _ = tokio::time::timeout(DRAIN, graceful.shutdown()).await;
}

fn connect(
    stream: TcpStream,
    site: Arc<Site>,
    graceful: &GracefulShutdown,
) -> impl Future<Output = ()> + Send + 'static {
    let _ = stream.set_nodelay(true);
    let head_time = site.limits.head_time;
    let service = service_fn(move |request| {
        let site = Arc::clone(&site);
        async move { Ok::<_, Infallible>(site.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let watched = graceful.watch(connection);
    async move {
        // A broken connection is the browser's affair.
        let _ = watched.await;
    }
}
