//! Listening on this machine for the browser that comes back from a vendor's consent.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hushgate_gateway::connect::source::Redirect;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::mpsc;

use super::code::Code;
use super::failure::Failure;
use super::web::{Flow, Listeners};

/// The time for a request's head to arrive.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Most connections at once.
const CONNECTIONS: usize = 16;

const THANKS: &str = "Thank you. The answer is in the terminal; this page can be closed.\n";
const STRANGER: &str = "This answer belongs to no consent that is under way here.\n";

/// A listener at the declared redirect address.
pub(super) struct Callback {
    listeners: Listeners,
    redirect: String,
    path: String,
    hosts: [String; 2],
}

impl Callback {
    /// Listens on the declared port, or on any free one when none is declared.
    ///
    /// # Errors
    /// When the port can't be had.
    pub(super) async fn listen(declared: &Redirect, port: u16) -> Result<Self, Failure> {
        let wanted = declared.port.unwrap_or(port);
        let bound = Listeners::bind(wanted, declared.host == "localhost").await;
        let address = bound.and_then(|listeners| Ok((listeners.port()?, listeners)));
        let (port, listeners) = address.map_err(|e| {
            Failure::new(
                Code::CallbackPort,
                format!(
                    "can't listen on port {wanted} of this machine, where the vendor returns to: {}",
                    e.kind()
                ),
            )
            .next(match declared.port {
                Some(_) => "end what listens there: the vendor returns to this port only",
                None => "end what listens there, or choose another port with `--port`",
            })
        })?;
        Ok(Self {
            listeners,
            redirect: declared.with_port(port),
            path: declared.path.clone(),
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
        })
    }

    /// The redirect address with the port that is listened on.
    pub(super) fn redirect(&self) -> &str {
        &self.redirect
    }

    /// Waits for the answer that belongs to the consent that was begun; any other is turned away.
    pub(super) async fn answer(self, flow: Arc<dyn Flow>) -> String {
        let (sender, mut receiver) = mpsc::channel(1);
        let (path, hosts) = (Arc::new(self.path), Arc::new(self.hosts));
        let connections = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
        loop {
            let permit = Arc::clone(&connections).acquire_owned();
            let accepted = tokio::select! {
                query = receiver.recv() => match query {
                    Some(query) => {
                        // The page of thanks is still on its way.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        return query;
                    }
                    None => continue,
                },
                accepted = self.listeners.accept() => accepted,
            };
            let (Ok(stream), Ok(permit)) = (accepted, permit.await) else {
                // Out of descriptors, most likely; wait for some to be closed.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let (flow, sender) = (Arc::clone(&flow), sender.clone());
            let (path, hosts) = (Arc::clone(&path), Arc::clone(&hosts));
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer(&request, &path, hosts.as_ref(), flow.as_ref());
                let query = request.uri().query().unwrap_or_default().to_owned();
                let sender = sender.clone();
                async move {
                    if answer.status() == StatusCode::OK {
                        // A second right answer finds the channel full and is not needed.
                        let _ = sender.try_send(query);
                    }
                    Ok::<_, Infallible>(answer)
                }
            });
            tokio::spawn(async move {
                // A browser that goes away is its own affair.
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIME)
                    .keep_alive(false)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                drop(permit);
            });
        }
    }
}

fn answer(
    request: &Request<Incoming>,
    path: &str,
    hosts: &[String],
    flow: &dyn Flow,
) -> Response<Full<Bytes>> {
    let host = request.headers().get(HOST).and_then(|h| h.to_str().ok());
    let known = host.is_some_and(|host| hosts.iter().any(|known| known == host));
    let query = request.uri().query().unwrap_or_default();
    let (status, text) = if !known {
        (StatusCode::MISDIRECTED_REQUEST, STRANGER)
    } else if request.method() != Method::GET || request.uri().path() != path {
        (StatusCode::NOT_FOUND, "There is nothing here.\n")
    } else if flow.recognizes(query) {
        (StatusCode::OK, THANKS)
    } else {
        (StatusCode::BAD_REQUEST, STRANGER)
    };
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let mut set = |name, value| headers.insert(name, HeaderValue::from_static(value));
    set(CONTENT_TYPE, "text/plain; charset=utf-8");
    set(CACHE_CONTROL, "no-store");
    set(CONTENT_SECURITY_POLICY, "default-src 'none'");
    set(http::header::REFERRER_POLICY, "no-referrer");
    response
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use std::io::Write as _;

    /// A port that is free on all addresses at the moment.
    async fn free_port() -> u16 {
        let any = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        any.local_addr().unwrap().port()
    }

    fn declared(port: u16) -> Redirect {
        Redirect {
            host: "localhost".to_owned(),
            port: Some(port),
            path: "/callback".to_owned(),
        }
    }

    /// Listens as somebody does who wants to share the port with whoever has it.
    fn intrude(address: SocketAddr) -> std::io::Result<TcpListener> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(1)
    }

    fn has_ipv6() -> bool {
        std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
    }

    #[tokio::test]
    async fn nobody_else_can_wait_for_the_code_at_another_address_of_localhost() {
        if !has_ipv6() {
            // Past the capture of passing tests' output.
            let _ = writeln!(std::io::stderr(), "skipped: this machine has no IPv6");
            return;
        }
        let port = free_port().await;
        let callback = Callback::listen(&declared(port), 0).await.unwrap();
        assert_eq!(
            callback.redirect(),
            format!("http://localhost:{port}/callback")
        );
        for address in [
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ] {
            assert!(intrude(address).is_err(), "{address} can be had");
            // The browser gets to the command by both.
            tokio::net::TcpStream::connect(address).await.unwrap();
            callback.listeners.accept().await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_port_at_which_somebody_waits_for_the_code_already_is_refused() {
        let mut addresses: Vec<std::net::IpAddr> =
            vec![Ipv4Addr::LOCALHOST.into(), Ipv4Addr::UNSPECIFIED.into()];
        if has_ipv6() {
            addresses.extend([
                Ipv6Addr::LOCALHOST.into(),
                std::net::IpAddr::from(Ipv6Addr::UNSPECIFIED),
            ]);
        }
        for address in addresses {
            let port = free_port().await;
            let _held = intrude((address, port).into()).unwrap();
            let refused = Callback::listen(&declared(port), 0).await;
            let failure = refused
                .err()
                .unwrap_or_else(|| panic!("{address} was shared"));
            assert_eq!(failure.code(), "callback-port");
            assert!(failure.next.unwrap().contains("end what listens there"));
        }
    }
}
