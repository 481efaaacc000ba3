//! A source on loopback which does exactly what a test tells it, also what no decent server does.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use incoming::Incoming;

#[path = "../shared/incoming.rs"]
mod incoming;

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }
}

/// What the source does, step by step, before it closes the connection.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Does nothing until the other side closes.
    Hang,
}

type Script = dyn Fn(&Seen) -> Vec<Step> + Send + Sync;

/// Also a token endpoint, at `/oauth/token`, whose tokens are `tok1`, `tok2`, …; its calls are not noted.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    abandoned: Arc<AtomicUsize>,
}

impl Upstream {
    pub(crate) async fn start(script: impl Fn(&Seen) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let abandoned = Arc::new(AtomicUsize::new(0));
        let (script, notes, gone): (Arc<Script>, _, _) =
            (Arc::new(script), seen.clone(), abandoned.clone());
        let tokens = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(converse(
                    stream,
                    script.clone(),
                    notes.clone(),
                    gone.clone(),
                    tokens.clone(),
                ));
            }
        });
        Self {
            address,
            seen,
            abandoned,
        }
    }

    /// Always answers this.
    pub(crate) async fn answering(answer: Vec<u8>) -> Self {
        Self::start(move |_| vec![Step::Send(answer.clone())]).await
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// How many hanging conversations the other side has left.
    pub(crate) fn abandoned(&self) -> usize {
        self.abandoned.load(Ordering::SeqCst)
    }
}

async fn converse(
    mut stream: TcpStream,
    script: Arc<Script>,
    notes: Arc<Mutex<Vec<Seen>>>,
    gone: Arc<AtomicUsize>,
    tokens: Arc<AtomicUsize>,
) {
    let Some(seen) = read_request(&mut stream).await else {
        return;
    };
    if seen.target == "/oauth/token" {
        let token = format!("tok{}", tokens.fetch_add(1, Ordering::SeqCst) + 1);
        let body =
            format!(r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600}}"#);
        let _ = stream.write_all(&json(&body)).await;
        return;
    }
    notes.lock().unwrap().push(seen.clone());
    for step in script(&seen) {
        match step {
            Step::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    gone.fetch_add(1, Ordering::SeqCst);
                    return;
                }
            }
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Hang => {
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                gone.fetch_add(1, Ordering::SeqCst);
                return;
            }
        }
    }
    let _ = stream.shutdown().await;
}

async fn read_request(stream: &mut TcpStream) -> Option<Seen> {
    let incoming = Incoming::read(stream).await?;
    let mut first = incoming.line.split(' ').map(str::to_owned);
    Some(Seen {
        method: first.next()?,
        target: first.next()?,
        headers: incoming.headers,
        body: incoming.body,
    })
}

/// A whole answer with these extra header lines.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut text = format!(
        "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        for piece in [name, ": ", value, "\r\n"] {
            text.push_str(piece);
        }
    }
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}

/// A successful JSON answer.
pub(crate) fn json(body: &str) -> Vec<u8> {
    answer(200, &[("content-type", "application/json")], body)
}
