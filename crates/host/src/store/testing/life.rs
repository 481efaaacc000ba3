//! A connection's life cycle over a store: one exchange for all instances, and no token lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method};
use hushgate_gateway::connect::lifecycle::{JOURNAL_ENTRY, Journal};
use hushgate_gateway::connect::{Connector, ConnectorParts, Credential, Source, SourceOptions};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::ports::{Secret, SecretStore, SystemClock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::super::view::ConnectionView;

/// The connection that is used.
pub const CONNECTION: &str = "work";

/// A store; each of one test is an instance's own, over the same service.
pub type Store = Arc<dyn SecretStore>;

/// Sets the connection up, as its refresh token is at first.
///
/// # Panics
/// When the store does not take it.
pub async fn connect(store: &Store) {
    let view = view(store);
    for (name, value) in [
        ("CLIENT_ID", "i"),
        ("CLIENT_SECRET", "s"),
        ("REFRESH_TOKEN", "r0"),
    ] {
        let mut written = view.write(name, Secret::new(value)).await;
        // An emulator takes its time with the first calls.
        for _ in 0..5 {
            if written.is_ok() {
                break;
            }
            written = view.write(name, Secret::new(value)).await;
        }
        written.expect("the connection is set up");
    }
}

/// Instances that start at once make one exchange, and a later one takes its token from the store. The
/// connection is [set up](connect) already.
///
/// # Panics
/// When it is otherwise, or there are not two stores at least.
pub async fn check_one_exchange(mut stores: Vec<Store>) {
    let vendor = Vendor::start(3600).await;
    let late = stores.pop().expect("more than one store");
    let mut asking = tokio::task::JoinSet::new();
    for store in &stores {
        let instance = vendor.instance(store);
        asking.spawn(async move {
            // Without a living token, who waits too long is told to come again.
            for _ in 0..20 {
                if let Ok(credential) = instance.credential(None).await {
                    return bearer(&credential);
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            String::new()
        });
    }
    let tokens: BTreeSet<_> = asking.join_all().await.into_iter().collect();
    assert_eq!(tokens, BTreeSet::from(["Bearer a1".to_owned()]));
    assert_eq!(vendor.sent(), ["r0"]);
    assert_eq!(stored(&late, "REFRESH_TOKEN").await, "r1");
    let journal = Journal::read(&stored(&late, JOURNAL_ENTRY).await);
    assert!(journal.expect("a journal").intent.is_none());
    let credential = vendor.instance(&late).credential(None).await;
    assert_eq!(bearer(&credential.expect("a credential")), "Bearer a1");
    assert_eq!(vendor.sent().len(), 1);
}

/// Tokens that live for six seconds are renewed by instances whose stores have bad lines; `plain` has a
/// good one. The connection is [set up](connect) already.
///
/// # Panics
/// When a token is sent twice or lost, or an instance has to go without for long.
pub async fn check_chain(plain: &Store, stores: &[Store]) {
    let vendor = Vendor::start(6).await;
    let mut asking = tokio::task::JoinSet::new();
    for store in stores {
        let instance = vendor.instance(store);
        asking.spawn(async move {
            let mut got = 0;
            for _ in 0..40 {
                got += usize::from(instance.credential(None).await.is_ok());
                tokio::time::sleep(Duration::from_millis(400)).await;
            }
            instance.quiet().await;
            got
        });
    }
    let got = asking.join_all().await;
    assert!(got.iter().all(|got| *got > 20), "{got:?}");
    // Each token was sent once, and each is the one that the exchange before gave.
    let sent = vendor.sent();
    let expected: Vec<_> = (0..sent.len()).map(|n| format!("r{n}")).collect();
    assert_eq!(sent, expected);
    assert!(sent.len() >= 3, "{sent:?}");
    let last = format!("r{}", sent.len());
    assert_eq!(stored(plain, "REFRESH_TOKEN").await, last);
}

fn view(store: &Store) -> ConnectionView {
    ConnectionView::new(Arc::clone(store), CONNECTION)
}

async fn stored(store: &Store, name: &str) -> String {
    let value = view(store).read_newest(name).await;
    let value = value.expect("the store answers").expect("a value");
    value.reveal().to_owned()
}

fn bearer(credential: &Credential) -> String {
    let mut headers = HeaderMap::new();
    let mut url = "https://api.example.com/v1/x".parse().expect("an address");
    let applied = credential.apply(&Method::GET, &mut url, &mut headers, &mut None);
    applied.expect("it is a header");
    let value = headers.get("authorization").map(|v| v.to_str());
    value.expect("a header").expect("text").to_owned()
}

/// A vendor whose refresh tokens are for one use.
struct Vendor {
    origin: String,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    /// `lifetime` of each access token, in seconds.
    async fn start(lifetime: u32) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("its address");
        let sent = Arc::new(Mutex::new(Vec::new()));
        let tokens = Arc::clone(&sent);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let tokens = Arc::clone(&tokens);
                tokio::spawn(async move {
                    let _ = answer(stream, &tokens, lifetime).await;
                });
            }
        });
        let origin = format!("http://{address}");
        Self { origin, sent }
    }

    /// The refresh tokens that were sent, in order.
    fn sent(&self) -> Vec<String> {
        let sent = self.sent.lock();
        sent.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// An instance of source jira-cloud.
    fn instance(&self, store: &Store) -> Connector {
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
            store: Arc::new(view(store)),
            clock: Arc::new(SystemClock),
            platform: None,
            endpoint: Arc::new(egress),
            settings: BTreeMap::new(),
            target_host: Some(self.origin.clone()),
            dev_loopback: true,
            token_origin: Some(self.origin.parse().expect("an address")),
        };
        Connector::new(Arc::new(source), parts).expect("a connector")
    }
}

async fn answer(
    mut stream: TcpStream,
    tokens: &Mutex<Vec<String>>,
    lifetime: u32,
) -> std::io::Result<()> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    let token = loop {
        let count = stream.read(&mut piece).await?;
        text.push_str(&String::from_utf8_lossy(
            piece.get(..count).unwrap_or_default(),
        ));
        let found = text.split("refresh_token=").nth(1);
        let end = text.contains("\r\n\r\n") && found.is_some();
        if end || count == 0 {
            let token = found.unwrap_or_default();
            break token.split('&').next().unwrap_or_default().to_owned();
        }
    };
    let (number, used) = {
        let mut tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let used = tokens.contains(&token);
        tokens.push(token);
        (tokens.len(), used)
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    let (status, body) = if used {
        ("400 Bad Request", r#"{"error":"invalid_grant"}"#.to_owned())
    } else {
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
