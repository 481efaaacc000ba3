//! The one way out: a shared HTTP client which calls only addresses that may be called.
//!
//! Every outgoing call (source, token endpoint, issuer) starts at [`Egress::request`]. It checks the
//! URL before the call, and the client's resolver checks every address a name resolves to, so a
//! name can't be rebound to an internal address between check and connection.

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Method;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, RequestBuilder, Url};

use crate::refusal::{Cause, Refusal};

mod address;
#[cfg(test)]
mod tests;
mod trust;

pub use address::{AddressClass, classify};
pub use trust::{tls_config, trusting, trusting_http1};

/// The lowest TLS version a connection may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum TlsFloor {
    /// TLS 1.2, for sources that have nothing better.
    V1_2,
    /// TLS 1.3.
    #[default]
    V1_3,
}

/// What outgoing calls are allowed to do.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    /// Hosts that the configuration names itself; these, and only these, may lie in a private network.
    pub named_hosts: Vec<String>,
    /// Allows `http` and `https` to 127.0.0.0/8, `[::1]` and `localhost`, for work on one machine.
    pub dev_loopback: bool,
    /// The lowest TLS version.
    pub tls_floor: TlsFloor,
    /// The time to get a connection, TLS included.
    pub connect_timeout: Duration,
    /// The longest silence while an answer is read.
    pub read_timeout: Duration,
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            named_hosts: Vec::new(),
            dev_loopback: false,
            tls_floor: TlsFloor::default(),
            connect_timeout: Duration::from_secs(30),
            read_timeout: Duration::from_mins(1),
        }
    }
}

/// Why a call was not made. Names the host's class of address, never a path, query or header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// The text is not an absolute URL in its plain form.
    #[error(
        "the URL is not in its plain form: use `https://host/path` with the host in lower case, and IP addresses written in full"
    )]
    NotPlain,
    /// The URL carries a user name or password.
    #[error("the URL carries a user name or password; credentials belong in the secret store")]
    Credentials,
    /// The scheme is not `https`.
    #[error(
        "the scheme is not `https`; `http` is allowed to loopback only, with HUSHGATE_DEV_LOOPBACK=1"
    )]
    Scheme,
    /// The address is one that must not be called.
    #[error("the host has an address of class {class}, which this function does not call{hint}")]
    Address {
        /// What kind of address it is.
        class: AddressClass,
        /// How it could be allowed, if it can be.
        hint: &'static str,
    },
    /// The TLS client can't be set up.
    #[error("the TLS client can't be set up: {0}")]
    Client(String),
}

impl EgressError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotPlain => "egress-url-not-plain",
            Self::Credentials => "egress-url-credentials",
            Self::Scheme => "egress-scheme",
            Self::Address { .. } => "egress-address",
            Self::Client(_) => "egress-client",
        }
    }
}

impl From<EgressError> for Refusal {
    fn from(error: EgressError) -> Self {
        let cause = match error {
            EgressError::Client(_) => Cause::Internal,
            _ => Cause::EgressRefused,
        };
        Refusal::new(cause, error.to_string())
    }
}

/// The shared client and the policy around it. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Egress {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: EgressConfig,
    client: OnceLock<Result<Client, EgressError>>,
}

impl Egress {
    /// An egress with this policy. The TLS client is built at the first call, since reading the
    /// machine's certificates would delay the start of the function.
    pub fn new(config: EgressConfig) -> Self {
        Self {
            inner: Arc::new(Inner {
                config,
                client: OnceLock::new(),
            }),
        }
    }

    /// Parses a URL that configuration or a document gave, and checks it like [`Egress::check`].
    ///
    /// # Errors
    /// Also refuses spellings that only a lenient parser reads: `http://0x7f.1`, `https:host`, tabs,
    /// backslashes, non-ASCII hosts.
    pub fn parse(&self, text: &str) -> Result<Url, EgressError> {
        let url = Url::parse(text).map_err(|_| EgressError::NotPlain)?;
        let (scheme, rest) = text.split_once("://").ok_or(EgressError::NotPlain)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(EgressError::Credentials);
        }
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => host,
            _ => authority,
        };
        let same_host = url
            .host_str()
            .is_some_and(|h| h.eq_ignore_ascii_case(host) && !h.split('.').any(str::is_empty));
        if !same_host || !scheme.eq_ignore_ascii_case(url.scheme()) || text.contains('\\') {
            return Err(EgressError::NotPlain);
        }
        self.check(&url)?;
        Ok(url)
    }

    /// Checks scheme, user info and literal address of a URL. Names are checked when they resolve.
    ///
    /// # Errors
    /// Says which part is not allowed.
    pub fn check(&self, url: &Url) -> Result<(), EgressError> {
        let config = &self.inner.config;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(EgressError::Credentials);
        }
        let host = url.host_str().ok_or(EgressError::NotPlain)?;
        let literal = address::literal(host);
        let loopback = config.dev_loopback && is_dev_loopback(host);
        match url.scheme() {
            "https" => {}
            "http" if loopback => {}
            _ => return Err(EgressError::Scheme),
        }
        match literal {
            Some(ip) => config.allow_address(host, ip),
            None => Ok(()),
        }
    }

    /// Starts a call. Redirects are not followed and no proxy of the environment is used.
    ///
    /// # Errors
    /// Refuses a URL that [`Egress::check`] refuses.
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, EgressError> {
        self.check(&url)?;
        Ok(self.client()?.request(method, url))
    }

    /// Builds the client now rather than at the first call.
    ///
    /// # Errors
    /// When the machine's certificates can't be read.
    pub fn warm(&self) -> Result<(), EgressError> {
        self.client().map(|_| ())
    }

    fn client(&self) -> Result<&Client, EgressError> {
        self.inner
            .client
            .get_or_init(|| build(&self.inner.config))
            .as_ref()
            .map_err(Clone::clone)
    }
}

impl EgressConfig {
    fn allow_address(&self, host: &str, ip: std::net::IpAddr) -> Result<(), EgressError> {
        let class = classify(ip);
        let allowed = match class {
            AddressClass::Public => true,
            AddressClass::Loopback => self.dev_loopback && is_dev_loopback(host),
            AddressClass::Private => self.names(host),
            _ => false,
        };
        if allowed {
            return Ok(());
        }
        let hint = match class {
            AddressClass::Private => "; name the host in HUSHGATE_TARGET_HOST to allow it",
            AddressClass::Loopback => {
                "; HUSHGATE_DEV_LOOPBACK=1 allows it on a developer's machine"
            }
            _ => "",
        };
        Err(EgressError::Address { class, hint })
    }

    fn names(&self, host: &str) -> bool {
        self.named_hosts
            .iter()
            .any(|h| h.eq_ignore_ascii_case(host))
    }
}

/// What went wrong in a call, as a cause for the caller; nothing of the call is in it.
pub fn cause_of(error: &reqwest::Error) -> Cause {
    let mut inner = error.source();
    while let Some(e) = inner {
        if e.downcast_ref::<EgressError>().is_some() {
            return Cause::EgressRefused;
        }
        inner = e.source();
    }
    if error.is_timeout() {
        return if error.is_connect() {
            Cause::SourceUnreachable
        } else {
            Cause::SourceTimeout
        };
    }
    if error.is_connect() {
        Cause::SourceUnreachable
    } else {
        Cause::SourceInterrupted
    }
}

/// The innermost reason of an error, for the log. reqwest's own texts carry the URL, so only the
/// inner causes are used.
pub fn root_cause(error: &reqwest::Error) -> String {
    let mut inner = error.source();
    let mut text = String::from("no further reason");
    while let Some(e) = inner {
        text = e.to_string();
        inner = e.source();
    }
    text
}

fn is_dev_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || address::literal(host).is_some_and(|ip| classify(ip) == AddressClass::Loopback)
}

fn build(config: &EgressConfig) -> Result<Client, EgressError> {
    trusting(Client::builder(), config.tls_floor)?
        .user_agent(concat!("hushgate/", env!("CARGO_PKG_VERSION")))
        .https_only(!config.dev_loopback)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout)
        .pool_idle_timeout(Duration::from_secs(50))
        .pool_max_idle_per_host(32)
        .dns_resolver(Arc::new(CheckedResolver {
            config: config.clone(),
        }))
        .build()
        .map_err(|e| EgressError::Client(root_cause(&e)))
}

/// Resolves by the system and refuses the whole name if any address of it is not allowed.
struct CheckedResolver {
    config: EgressConfig,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let config = self.config.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            for address in &found {
                config.allow_address(host, address.ip())?;
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}
