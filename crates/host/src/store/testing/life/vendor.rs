//! A vendor whose refresh tokens are for one use, and functions that use it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method};
use hushgate_gateway::connect::lifecycle::Timing;
use hushgate_gateway::connect::{Connector, ConnectorParts, Credential, Source, SourceOptions};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::ports::SystemClock;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

use super::{Store, view};

/// What the vendor does with the first refresh token it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers, as it does to all others.
    Prompt,
    /// Holds the request, and never gets to it.
    HeldUnread,
    /// Replaces the token, and holds the answer.
    HeldAnswer,
    /// The same, and takes the token once more.
    HeldAnswerWithGrace,
}

/// A vendor.
pub(super) struct Vendor {
    origin: String,
    state: Arc<State>,
}

struct State {
    /// Of each access token, in seconds.
    lifetime: u32,
    manner: Manner,
    tokens: Mutex<Tokens>,
    holds: Notify,
}

#[derive(Default)]
struct Tokens {
    /// Those that were sent, in order.
    sent: Vec<String>,
    /// Those that are not taken any more.
    spent: Vec<String>,
}

impl Vendor {
    pub(super) async fn start(lifetime: u32, manner: Manner) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(State {
            lifetime,
            manner,
            tokens: Mutex::default(),
            holds: Notify::new(),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                tokio::spawn(async move {
                    let _ = state.serve(stream).await;
                });
            }
        });
        let origin = format!("http://{address}");
        Self { origin, state }
    }

    /// The refresh tokens that were sent, in order.
    pub(super) fn sent(&self) -> Vec<String> {
        self.state.tokens().sent.clone()
    }

    /// Ends when the first request is held.
    pub(super) async fn holds(&self) {
        self.state.holds.notified().await;
    }

    /// An instance of source jira-cloud over one connection of the store.
    pub(super) fn instance(&self, store: &Store, id: &str, timing: Timing) -> Connector {
        instance(&self.origin, store, id, timing)
    }

    /// What makes an instance elsewhere.
    pub(super) fn maker(&self) -> impl Fn(&Store, &str, Timing) -> Connector + Send + 'static {
        let origin = self.origin.clone();
        move |store, id, timing| instance(&origin, store, id, timing)
    }
}

fn instance(origin: &str, store: &Store, id: &str, timing: Timing) -> Connector {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../rules/jira-cloud/source.yaml"
    );
    let yaml = std::fs::read_to_string(file).expect("the source");
    let options = SourceOptions { dev_loopback: true };
    let source = Source::load("source.yaml", &yaml, options).expect("it loads");
    let egress = Egress::new(EgressConfig {
        dev_loopback: true,
        ..EgressConfig::default()
    });
    let parts = ConnectorParts {
        store: Arc::new(view(store, id)),
        clock: Arc::new(SystemClock),
        platform: None,
        endpoint: Arc::new(egress),
        settings: BTreeMap::new(),
        target_host: Some(origin.to_owned()),
        dev_loopback: true,
        token_origin: Some(origin.parse().expect("an address")),
    };
    Connector::with_timing(Arc::new(source), parts, timing).expect("a connector")
}

/// The header that a credential stands for.
pub(super) fn bearer(credential: &Credential) -> String {
    let mut headers = HeaderMap::new();
    let mut url = "https://api.example.com/v1/x".parse().expect("an address");
    let applied = credential.apply(&Method::GET, &mut url, &mut headers, &mut None);
    applied.expect("it is a header");
    let value = headers.get("authorization").map(|v| v.to_str());
    value.expect("a header").expect("text").to_owned()
}

impl State {
    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let token = token(&mut stream).await?;
        let (number, is_spent) = {
            let mut tokens = self.tokens();
            tokens.sent.push(token.clone());
            let is_spent = tokens.spent.contains(&token);
            let number = tokens.sent.len();
            let keeps = number == 1
                && [Manner::HeldUnread, Manner::HeldAnswerWithGrace].contains(&self.manner);
            if !keeps {
                tokens.spent.push(token);
            }
            (number, is_spent)
        };
        if number == 1 && self.manner != Manner::Prompt {
            self.holds.notify_one();
            // Until who asked is gone.
            while stream.read(&mut [0; 64]).await? > 0 {}
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let (status, body) = if is_spent {
            ("400 Bad Request", r#"{"error":"invalid_grant"}"#.to_owned())
        } else {
            let lifetime = self.lifetime;
            let body = format!(
                r#"{{"access_token":"a{number}","expires_in":{lifetime},"refresh_token":"r{number}"}}"#
            );
            ("200 OK", body)
        };
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(body.as_bytes()).await?;
        stream.shutdown().await
    }
}

/// The refresh token of a request.
async fn token(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    loop {
        let count = stream.read(&mut piece).await?;
        text.push_str(&String::from_utf8_lossy(
            piece.get(..count).unwrap_or_default(),
        ));
        let found = text.split("refresh_token=").nth(1);
        let end = text.contains("\r\n\r\n") && found.is_some();
        if end || count == 0 {
            let token = found.unwrap_or_default();
            return Ok(token.split('&').next().unwrap_or_default().to_owned());
        }
    }
}
