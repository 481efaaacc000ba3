//! A connection's life cycle over the stores: one exchange for all instances, and no token lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, Method};
use hushgate_gateway::connect::lifecycle::{JOURNAL_ENTRY, Journal};
use hushgate_gateway::connect::{Connector, ConnectorParts, Credential, Source, SourceOptions};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::ports::{Secret, SecretStore, SystemClock};
use hushgate_host::store::ConnectionView;
use hushgate_host::store::remote::RemoteStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::proxy::{Action, Proxy};
use crate::support::{Kind, services, unique};

const ID: &str = "work";

/// A vendor whose refresh tokens are for one use.
struct Vendor {
    origin: String,
    sent: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    /// `lifetime` of each access token, in seconds.
    async fn start(lifetime: u32) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
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
        Self { origin, sent }
    }

    /// The refresh tokens that were sent, in order.
    fn sent(&self) -> Vec<String> {
        self.sent.lock().unwrap().clone()
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
        text.push_str(&String::from_utf8_lossy(&piece[..count]));
        let found = text.split("refresh_token=").nth(1);
        let end = text.contains("\r\n\r\n") && found.is_some();
        if end || count == 0 {
            let token = found.unwrap_or_default();
            break token.split('&').next().unwrap_or_default().to_owned();
        }
    };
    let (number, used) = {
        let mut tokens = tokens.lock().unwrap();
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

/// An instance of source jira-cloud with a store of its own over the same service.
fn instance(store: RemoteStore, vendor: &Vendor) -> Connector {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../rules/jira-cloud/source.yaml"
    );
    let yaml = std::fs::read_to_string(file).unwrap();
    let options = SourceOptions { dev_loopback: true };
    let source = Source::load("source.yaml", &yaml, options).unwrap();
    let egress = Egress::new(EgressConfig {
        dev_loopback: true,
        ..EgressConfig::default()
    });
    let parts = ConnectorParts {
        store: Arc::new(ConnectionView::new(Arc::new(store), ID)),
        clock: Arc::new(SystemClock),
        platform: None,
        endpoint: Arc::new(egress),
        settings: BTreeMap::new(),
        target_host: Some(vendor.origin.clone()),
        dev_loopback: true,
        token_origin: Some(vendor.origin.parse().unwrap()),
    };
    Connector::new(Arc::new(source), parts).unwrap()
}

async fn connect(store: &RemoteStore) -> ConnectionView {
    let view = ConnectionView::new(Arc::new(store.clone()), ID);
    for (name, value) in [
        ("CLIENT_ID", "i"),
        ("CLIENT_SECRET", "s"),
        ("REFRESH_TOKEN", "r0"),
    ] {
        view.write(name, Secret::new(value)).await.unwrap();
    }
    view
}

fn bearer(credential: &Credential) -> String {
    let mut headers = HeaderMap::new();
    let mut url = "https://api.example.com/v1/x".parse().unwrap();
    let applied = credential.apply(&Method::GET, &mut url, &mut headers, &mut None);
    applied.unwrap();
    let value = headers.get("authorization").unwrap();
    value.to_str().unwrap().to_owned()
}

async fn stored(view: &ConnectionView, name: &str) -> String {
    let value = view.read_newest(name).await.unwrap().unwrap();
    value.reveal().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_make_one_exchange_over_parameters() {
    one_exchange(Kind::Parameters).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_make_one_exchange_over_secrets() {
    one_exchange(Kind::Secrets).await;
}

async fn one_exchange(kind: Kind) {
    let Some(port) = services() else { return };
    let prefix = unique("life");
    let view = connect(&kind.store(port, &prefix)).await;
    let vendor = Vendor::start(3600).await;
    let mut instances = Vec::new();
    for _ in 0..4 {
        instances.push(instance(kind.store(port, &prefix), &vendor));
    }
    let mut asking = tokio::task::JoinSet::new();
    for instance in instances.clone() {
        asking.spawn(async move {
            // Without a living token, who waits too long is told to come again.
            for _ in 0..20 {
                if let Ok(credential) = instance.credential(None).await {
                    return bearer(&credential);
                }
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            panic!("no credential");
        });
    }
    let tokens: BTreeSet<_> = asking.join_all().await.into_iter().collect();
    assert_eq!(tokens, BTreeSet::from(["Bearer a1".to_owned()]));
    assert_eq!(vendor.sent(), ["r0"]);
    assert_eq!(stored(&view, "REFRESH_TOKEN").await, "r1");
    let journal = Journal::read(&stored(&view, JOURNAL_ENTRY).await).unwrap();
    assert!(journal.intent.is_none());
    // Whoever comes later takes the token from the store.
    let late = instance(kind.store(port, &prefix), &vendor);
    assert_eq!(bearer(&late.credential(None).await.unwrap()), "Bearer a1");
    assert_eq!(vendor.sent().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_go_on_in_one_chain_over_parameters() {
    chain(Kind::Parameters).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renewals_go_on_in_one_chain_over_secrets() {
    chain(Kind::Secrets).await;
}

/// Tokens that live for six seconds are renewed by three instances through a service that loses answers,
/// fails, and answers the reads with what it answered before.
async fn chain(kind: Kind) {
    let Some(port) = services() else { return };
    let prefix = unique("chain");
    let view = connect(&kind.store(port, &prefix)).await;
    let vendor = Vendor::start(6).await;
    let mut proxies = Vec::new();
    let mut instances = Vec::new();
    for number in 0..3 {
        let proxy = Proxy::start(port, move |call| match (call.before + number) % 7 {
            1 => Action::LoseAnswer,
            3 => Action::Fail(500, "InternalServerError", ""),
            5 => Action::Fail(400, "ThrottlingException", ""),
            6 if call.operation.starts_with("Get") && call.before > 1 => {
                Action::Replay(call.before - 1)
            }
            _ => Action::Pass,
        })
        .await;
        instances.push(instance(kind.store(proxy.port, &prefix), &vendor));
        proxies.push(proxy);
    }
    let mut asking = tokio::task::JoinSet::new();
    for instance in instances {
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
    assert_eq!(stored(&view, "REFRESH_TOKEN").await, last);
}
