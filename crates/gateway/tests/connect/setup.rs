//! Connectors for the tests, with a clock to turn and logs to search.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method};
use hushgate_gateway::connect::{
    Connector, ConnectorError, ConnectorParts, Credential, Source, SourceOptions,
};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::ports::{Clock, MemoryStore, PlatformIdentity, SecretStore};
use reqwest::Url;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// What every secret of the tests contains, so that logs can be searched for it.
pub(crate) const MARK: &str = "do-not-show";

/// 2026-11-21T10:00:00Z.
pub(crate) const START: u64 = 1_795_255_200;

#[derive(Debug)]
pub(crate) struct TestClock(Mutex<Duration>);

impl TestClock {
    /// A clock that stands at this second since 1970.
    pub(crate) fn at(seconds: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Duration::from_secs(seconds))))
    }

    pub(crate) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + *self.0.lock().unwrap()
    }
}

pub(crate) struct Setup<'a> {
    pub(crate) source: Source,
    pub(crate) origin: &'a str,
    pub(crate) store: Arc<dyn SecretStore>,
    pub(crate) settings: &'a [(&'a str, &'a str)],
    pub(crate) clock: Arc<TestClock>,
    pub(crate) platform: Option<Arc<dyn PlatformIdentity>>,
    pub(crate) read_timeout: Duration,
    /// A client to share; without, one is made, which takes some milliseconds.
    pub(crate) egress: Option<Egress>,
}

impl<'a> Setup<'a> {
    /// A shipped source, its token endpoint at `origin`.
    pub(crate) fn shipped(id: &str, origin: &'a str, secrets: &[(&str, &str)]) -> Self {
        let file = format!(
            "{}/../../rules/{id}/source.yaml",
            env!("CARGO_MANIFEST_DIR")
        );
        Self::of(&std::fs::read_to_string(file).unwrap(), origin, secrets)
    }

    pub(crate) fn of(yaml: &str, origin: &'a str, secrets: &[(&str, &str)]) -> Self {
        let source = Source::load("source.yaml", yaml, SourceOptions { dev_loopback: true });
        let source = source.unwrap_or_else(|problems| {
            panic!(
                "{}",
                problems
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("\n")
            )
        });
        logs();
        Self {
            source,
            origin,
            store: Arc::new(MemoryStore::new(secrets.iter().copied())),
            settings: &[],
            clock: TestClock::at(START),
            platform: None,
            read_timeout: Duration::from_secs(1),
            egress: None,
        }
    }

    pub(crate) fn try_connector(self) -> Result<Connector, ConnectorError> {
        let (source, parts) = self.into_parts();
        Connector::new(source, parts)
    }

    /// The source, and what a connector or a consent works with.
    pub(crate) fn into_parts(self) -> (Arc<Source>, ConnectorParts) {
        let settings = self
            .settings
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        let egress = self.egress.unwrap_or_else(|| egress(self.read_timeout));
        let parts = ConnectorParts {
            store: self.store,
            clock: self.clock,
            platform: self.platform,
            endpoint: Arc::new(egress),
            settings: settings.collect::<BTreeMap<_, _>>(),
            target_host: Some(self.origin.to_owned()),
            dev_loopback: true,
            token_origin: Some(Url::parse(self.origin).unwrap()),
        };
        (Arc::new(self.source), parts)
    }

    pub(crate) fn connector(self) -> Connector {
        self.try_connector().unwrap()
    }
}

/// The HTTP client of a connector.
pub(crate) fn egress(read_timeout: Duration) -> Egress {
    Egress::new(EgressConfig {
        dev_loopback: true,
        read_timeout,
        ..EgressConfig::default()
    })
}

/// A request after a credential was put on it.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
}

impl Applied {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

/// Puts a credential on a request that already carries forged ones.
pub(crate) fn apply(credential: &Credential) -> Applied {
    let mut applied = Applied {
        url: Url::parse("https://api.example.com/v1/x?a=1").unwrap(),
        headers: HeaderMap::new(),
        body: None,
    };
    applied
        .headers
        .insert("authorization", "Bearer of-the-caller".parse().unwrap());
    credential
        .apply(
            &Method::GET,
            &mut applied.url,
            &mut applied.headers,
            &mut applied.body,
        )
        .unwrap();
    applied
}

pub(crate) fn bearer(credential: &Credential) -> String {
    apply(credential).header("authorization").to_owned()
}

/// Everything that our crates logged so far in this test binary; the HTTP client's own trace lines are
/// not enabled in a function.
pub(crate) fn logs() -> String {
    static BUFFER: OnceLock<Buffer> = OnceLock::new();
    let buffer = BUFFER.get_or_init(|| {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let ours = Targets::new().with_target("hushgate", LevelFilter::TRACE);
        let lines = tracing_subscriber::fmt::layer().with_writer(move || writer.clone());
        tracing_subscriber::registry().with(ours).with(lines).init();
        buffer
    });
    String::from_utf8_lossy(&buffer.0.lock().unwrap()).into_owned()
}

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An RSA key made for the test run.
pub(crate) struct TestKey {
    pub(crate) pkcs8_pem: String,
    pub(crate) pkcs1_pem: String,
    /// The public key, as PKCS#1 DER.
    pub(crate) public: Vec<u8>,
}

pub(crate) fn key() -> &'static TestKey {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    static KEY: OnceLock<TestKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        let pkcs8: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der().unwrap();
        // RFC 5958: two lengths of two bytes, version, algorithm, then the PKCS#1 key as octet string.
        let pkcs1 = &pkcs8.as_ref()[26..];
        assert_eq!(pkcs1[0], 0x30);
        TestKey {
            pkcs8_pem: pem("PRIVATE KEY", pkcs8.as_ref()),
            pkcs1_pem: pem("RSA PRIVATE KEY", pkcs1),
            public: pair.public_key().as_ref().to_vec(),
        }
    })
}

pub(crate) fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|l| std::str::from_utf8(l).unwrap())
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
