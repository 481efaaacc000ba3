//! A gateway before a source, and requests to it.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use hushgate_gateway::access::Verifier;
use hushgate_gateway::access::fetch::KeySource;
use hushgate_gateway::access::policy::Policy;
use hushgate_gateway::connect::{Connector, ConnectorParts, Source, SourceOptions};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::gateway::{Gateway, Parts, Settings};
use hushgate_gateway::inbound::Inbound;
use hushgate_gateway::ports::{MemoryStore, SecretStore, SystemClock};
use hushgate_gateway::reply::Reply;
use hushgate_rules::endpoint::RuleSet;
use hushgate_rules::language::LoadOptions;
use hushgate_rules::pseudonym::{
    Include, Keys as PseudonymKeys, Options, PseudonymEncoding, Pseudonymizer,
};
use serde_json::Value;

use crate::issuer::{self, Keys};
use crate::upstream::Upstream;

const PSEUDONYM_KEY: &str = "Zm9yIHRlc3RzIG9ubHksIG5ldmVyIHVzZSB0aGlzIGtleQ==";
const SALT: &str = "a salt for tests only, long enough";

/// What a test changes about the usual gateway.
pub(crate) struct Bench {
    pub(crate) compat: bool,
    pub(crate) timeout: Duration,
    pub(crate) largest: usize,
    pub(crate) store: Arc<dyn SecretStore>,
    pub(crate) issuer_available: bool,
    pub(crate) loopback: bool,
    /// Further request headers that the rules list, as only rules under compatibility may.
    pub(crate) listed: Option<&'static str>,
}

impl Default for Bench {
    fn default() -> Self {
        Self {
            compat: false,
            // Only what tests a time-out meets one, however long the machine stands still.
            timeout: Duration::from_hours(1),
            largest: 1 << 20,
            store: secrets(),
            issuer_available: true,
            loopback: true,
            listed: None,
        }
    }
}

pub(crate) fn secrets() -> Arc<dyn SecretStore> {
    Arc::new(MemoryStore::new([
        ("PSEUDONYM_KEY", PSEUDONYM_KEY),
        ("PSOXY_SALT", SALT),
        ("PSOXY_ENCRYPTION_KEY", "a password for tests only"),
        ("CLIENT_ID", "client"),
        ("CLIENT_SECRET", "secret-of-the-client"),
    ]))
}

impl Bench {
    pub(crate) fn before(self, upstream: &Upstream) -> Gateway {
        self.at(&upstream.address.to_string())
    }

    /// A gateway whose source is at this address of the machine.
    pub(crate) fn at(self, address: &str) -> Gateway {
        let mut options = LoadOptions::default();
        let mut text = include_str!("rules.yaml").to_owned();
        if let Some(listed) = self.listed {
            options.compat = true;
            text = text.replace("x-plain]", &format!("x-plain, {listed}]"));
        }
        let (rules, _) = RuleSet::load("rules.yaml", &text, options).unwrap();
        let policy = Policy::parse(issuer::POLICY, "access.yaml", true).unwrap();
        let keys: Arc<dyn KeySource> = Arc::new(Keys {
            available: self.issuer_available,
        });
        let egress = Egress::new(EgressConfig {
            dev_loopback: self.loopback,
            connect_timeout: Duration::from_hours(1),
            read_timeout: Duration::from_hours(1),
            ..EgressConfig::default()
        });
        Gateway::new(Parts {
            source: "sample".to_owned(),
            verifier: Verifier::new(policy, "sample", &keys, Arc::new(SystemClock)),
            rules,
            connector: connector(&egress, self.store.clone(), address),
            store: self.store,
            egress,
            settings: Settings {
                compat: self.compat,
                pseudonyms: Options::default(),
                request_timeout: self.timeout,
                max_response_bytes: self.largest,
                max_response_depth: 256,
                warnings: Vec::new(),
            },
        })
    }
}

pub(crate) struct Request {
    method: Method,
    target: String,
    headers: HeaderMap,
    body: Bytes,
    peer: IpAddr,
}

pub(crate) fn request(method: &str, target: &str) -> Request {
    Request {
        method: method.parse().unwrap(),
        target: target.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        peer: Ipv4Addr::LOCALHOST.into(),
    }
    .header("authorization", &format!("Bearer {}", issuer::token()))
}

pub(crate) fn get(target: &str) -> Request {
    request("GET", target)
}

impl Request {
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// The value of its `Authorization`.
    pub(crate) fn bearer(&self) -> String {
        self.headers["authorization"].to_str().unwrap().to_owned()
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.without("authorization")
            .header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, content_type: &str, body: &str) -> Self {
        self.body = Bytes::copy_from_slice(body.as_bytes());
        self.header("content-type", content_type)
    }

    pub(crate) fn inbound(self) -> Inbound {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (self.target, None),
        };
        Inbound {
            method: self.method,
            raw_path: path,
            raw_query: query,
            headers: self.headers,
            body: self.body,
            peer: Some(self.peer),
            vouched: None,
            deadline: None,
            received: Instant::now(),
        }
    }

    pub(crate) async fn to(self, gateway: &Gateway) -> Reply {
        gateway.handle(self.inbound()).await
    }
}

/// The reply's body as JSON.
pub(crate) fn json_of(reply: &Reply) -> Value {
    serde_json::from_slice(reply.body()).unwrap_or(Value::Null)
}

/// The reply's body, without the request id, whose digits could spell anything.
pub(crate) fn text_of(reply: &Reply) -> String {
    let text = String::from_utf8_lossy(reply.body()).into_owned();
    match header_of(reply, "x-hushgate-request-id") {
        Some(id) => text.replace(id, "ID"),
        None => text,
    }
}

pub(crate) fn header_of<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers().get(name).map(|v| v.to_str().unwrap())
}

/// Checks the code of a refusal, and that header and body agree.
pub(crate) fn check_refusal(reply: &Reply, code: &str) {
    assert_eq!(
        header_of(reply, "x-hushgate-error"),
        Some(code),
        "{}",
        text_of(reply)
    );
    let error = &json_of(reply)["error"];
    assert_eq!(error["code"], code);
    assert_eq!(
        error["request_id"],
        header_of(reply, "x-hushgate-request-id").unwrap()
    );
    assert!(!error["next"].as_str().unwrap().is_empty());
}

/// The reversible pseudonym that the gateway gives for an identifier.
pub(crate) fn pseudonym_of(text: &str, compat: bool) -> String {
    let lookup = |name: &str| match name {
        "PSEUDONYM_KEY" => Some(PSEUDONYM_KEY.to_owned()),
        "PSOXY_SALT" => Some(SALT.to_owned()),
        "PSOXY_ENCRYPTION_KEY" => Some("a password for tests only".to_owned()),
        _ => None,
    };
    let keys = PseudonymKeys::from_lookup(lookup, compat).unwrap();
    let pseudonymizer = Pseudonymizer::new(keys, Options::default()).unwrap();
    pseudonymizer
        .pseudonymize(text, PseudonymEncoding::UrlSafeToken, Include::REVERSIBLE)
        .unwrap()
}

fn connector(egress: &Egress, store: Arc<dyn SecretStore>, address: &str) -> Connector {
    let options = SourceOptions { dev_loopback: true };
    let source = Source::load("source.yaml", include_str!("source.yaml"), options).unwrap();
    let local = format!("http://{address}");
    let parts = ConnectorParts {
        store,
        clock: Arc::new(SystemClock),
        platform: None,
        endpoint: Arc::new(egress.clone()),
        settings: BTreeMap::new(),
        target_host: Some(local.clone()),
        dev_loopback: true,
        token_origin: Some(local.parse().unwrap()),
    };
    Connector::new(Arc::new(source), parts).unwrap()
}
