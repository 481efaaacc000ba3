//! What asks the provider in the name of a grant: a connector, or a consent from its beginning.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::consent::{
    Consent, ConsentFault, Device, Obtained, Pending, Polled,
};
use hushgate_gateway::connect::{CheckFault, Connector, ConnectorParts, Revoked, Source};
use hushgate_gateway::egress::Egress;
use hushgate_gateway::ports::{MemoryStore, SecretStore as _};
use hushgate_gateway::refusal::Refusal;

use super::consents;
use super::grants::Grant;
use super::shape::{Refused, good_header};
use crate::server::{Action, Recorded};
use crate::setup::{TestClock, bearer};

/// Which step of a grant the provider spoils.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The exchange of a connector.
    Exchange,
    /// The exchange of a code, after a consent.
    Code,
    /// The beginning of a consent on another device.
    DeviceBegin,
    /// The exchange of a device code.
    DeviceCode,
    /// The temporary credentials of OAuth 1.0a.
    Temporary,
    /// The exchange of the verifier of OAuth 1.0a.
    Verifier,
    /// The look at the account.
    Validation,
    /// The end of the connection.
    Revocation,
}

/// Cause, code and all texts of a failure.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) cause: &'static str,
    pub(crate) code: String,
    pub(crate) text: String,
}

impl Kind {
    /// The good answer to a request of another step.
    pub(super) fn aside(self, request: &Recorded) -> Option<Action> {
        let path = request.line.split([' ', '?']).nth(1)?;
        match (self, path) {
            (Self::DeviceCode, "/device") => Some(consents::device(r#","interval":5"#)),
            (Self::Verifier, "/initiate") => Some(consents::credentials("")),
            _ => None,
        }
    }

    /// What a scenario comes to in this step: a person begins a consent again when they like, and
    /// whoever waits for one asks on after a failure that may pass (RFC 8628 section 3.5).
    pub(super) fn expect(self, refused: Refused) -> Refused {
        let passing = matches!(refused.code, "connect-network" | "connect-unavailable");
        match self {
            Self::Exchange => refused,
            Self::DeviceCode if passing => Refused::new("", "asks again"),
            Self::Validation | Self::Revocation if refused.code == "connect-unavailable" => {
                Refused::new("", "check-unavailable")
            }
            Self::Validation | Self::Revocation if refused.code == "connect-rejected" => {
                Refused::new("", "check-refused")
            }
            _ => Refused {
                pause: 0,
                ..refused
            },
        }
    }

    /// Whether a connector asks, and not a consent.
    fn connects(self) -> bool {
        matches!(self, Self::Exchange | Self::Validation | Self::Revocation)
    }
}

/// What asks the provider.
pub(crate) struct Client {
    kind: Kind,
    source: Arc<Source>,
    parts: Box<dyn Fn() -> ConnectorParts + Send + Sync>,
    connector: Option<Connector>,
    user: Option<&'static str>,
    store: Arc<MemoryStore>,
    pub(super) clock: Arc<TestClock>,
}

impl Client {
    /// A client of the provider at `origin`.
    pub(super) fn new(grant: &Grant, origin: &str, egress: Egress) -> Self {
        let store = Arc::new(grant.store());
        let clock = Arc::clone(&grant.setup(origin).clock);
        let (grant, origin) = (grant.clone(), origin.to_owned());
        let (kind, user) = (grant.kind, grant.user);
        let (kept, time) = (Arc::clone(&store), Arc::clone(&clock));
        let parts = move || {
            let mut setup = grant.setup(&origin);
            setup.store = kept.clone();
            setup.clock = time.clone();
            setup.egress = Some(egress.clone());
            setup.into_parts()
        };
        let (source, first) = parts();
        let connector = kind
            .connects()
            .then(|| Connector::new(source.clone(), first).unwrap());
        Self {
            kind,
            source,
            parts: Box::new(move || parts().1),
            connector,
            user,
            store,
            clock,
        }
    }

    /// The header that a call gets, or that a consent would lead to.
    pub(super) async fn attempt(&self) -> Result<String, Told> {
        let obtained = match self.kind {
            Kind::Exchange => return self.credential().await,
            Kind::Validation => {
                let validated = self.connector().validate(None).await?;
                assert!(validated.asked);
                return Ok(good_header());
            }
            Kind::Revocation => {
                assert_eq!(self.connector().revoke().await?, Revoked::AtVendor);
                return Ok(good_header());
            }
            Kind::DeviceBegin => return self.device().await.map(|_| good_header()),
            Kind::Temporary => {
                let (_, url) = self.begin().await?;
                return Ok(format!("Bearer {}", query(&url, "oauth_token")));
            }
            Kind::DeviceCode => self.device_code().await?,
            Kind::Code => {
                let (mut pending, url) = self.begin().await?;
                let answer = format!("code=code-1&state={}", query(&url, "state"));
                pending.complete(&answer).await?
            }
            Kind::Verifier => {
                let (mut pending, url) = self.begin().await?;
                let token = query(&url, "oauth_token");
                let answer = format!("oauth_token={token}&oauth_verifier=verifier-1");
                pending.complete(&answer).await?
            }
        };
        let entries = obtained.into_entries();
        Ok(format!("Bearer {}", entries[0].1.reveal()))
    }

    /// The refresh token in the store.
    pub(super) async fn refresh_token(&self) -> Option<String> {
        let stored = self.store.read("REFRESH_TOKEN").await.unwrap();
        stored.map(|secret| secret.reveal().to_owned())
    }

    async fn credential(&self) -> Result<String, Told> {
        Ok(bearer(&self.connector().credential(self.user).await?))
    }

    fn connector(&self) -> &Connector {
        self.connector.as_ref().unwrap()
    }

    async fn begin(&self) -> Result<(Pending, reqwest::Url), Told> {
        let redirect = Consent::redirect(&self.source).unwrap().with_port(8917);
        let begun = Consent::begin(self.source.clone(), (self.parts)(), &redirect).await;
        Ok(begun?)
    }

    async fn device(&self) -> Result<Device, Told> {
        Ok(Device::begin(self.source.clone(), (self.parts)()).await?)
    }

    async fn device_code(&self) -> Result<Obtained, Told> {
        let mut device = self.device().await?;
        self.clock.advance(Duration::from_secs(5));
        match device.poll().await? {
            Polled::Obtained(obtained) => Ok(obtained),
            Polled::Wait(_) => Err(Told {
                cause: "",
                code: "asks again".to_owned(),
                text: String::new(),
            }),
        }
    }
}

impl From<Refusal> for Told {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.detail().split(": ").next().unwrap_or_default();
        Self {
            cause: refusal.cause().code(),
            code: code.to_owned(),
            text: format!("{refusal} {refusal:?}"),
        }
    }
}

impl From<ConsentFault> for Told {
    fn from(fault: ConsentFault) -> Self {
        let code = fault.code().to_owned();
        let text = format!("{fault} {fault:?}");
        match fault {
            ConsentFault::Connect(fault) => Self {
                cause: Refusal::from(fault).cause().code(),
                code,
                text,
            },
            _ => Self {
                cause: "",
                code,
                text,
            },
        }
    }
}

impl From<CheckFault> for Told {
    fn from(fault: CheckFault) -> Self {
        let code = fault.code().to_owned();
        let text = format!("{fault} {fault:?}");
        let cause = match fault {
            CheckFault::Connect(fault) => Refusal::from(fault).cause().code(),
            _ => "",
        };
        Self { cause, code, text }
    }
}

/// What is the same in all requests of a grant: all but what is made for the moment.
pub(super) fn lasting(request: &Recorded) -> (String, BTreeMap<String, String>) {
    let momentary = [
        "assertion",
        "client_assertion",
        "subject_token",
        "code_verifier",
    ];
    let mut form = request.form();
    form.retain(|name, _| !momentary.contains(&name.as_str()));
    (request.line.clone(), form)
}

fn query(url: &reqwest::Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(n, _)| n == name);
    found.map_or_else(String::new, |(_, value)| value.into_owned())
}
