//! The grants that the hostile provider is played against: a new one is one row.

use std::collections::BTreeMap;
use std::sync::Arc;

use hushgate_gateway::connect::Connector;
use hushgate_gateway::egress::Egress;
use hushgate_gateway::ports::{
    IdentityRequest, MemoryStore, PlatformError, PlatformIdentity, PortFuture, Secret, SecretStore,
};
use hushgate_gateway::refusal::Refusal;

use super::scenarios::Shape;
use crate::server::Recorded;
use crate::setup::{MARK, Setup, TestClock, bearer, key};

const PLAIN: Shape = Shape {
    token: "access_token",
    moment: false,
};

/// One grant, with all that its source needs.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) name: &'static str,
    /// The id of a shipped source, or a declaration.
    source: &'static str,
    secrets: Vec<(&'static str, String)>,
    settings: &'static [(&'static str, &'static str)],
    user: Option<&'static str>,
    pub(crate) shape: Shape,
}

impl Grant {
    fn new(name: &'static str, source: &'static str, secrets: &[&'static str]) -> Self {
        let secret = |name: &&'static str| (*name, format!("{}-{MARK}", name.to_lowercase()));
        Self {
            name,
            source,
            secrets: secrets.iter().map(secret).collect(),
            settings: &[],
            user: None,
            shape: PLAIN,
        }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.secrets.push((name, value));
        self
    }

    fn set(self, settings: &'static [(&'static str, &'static str)]) -> Self {
        Self { settings, ..self }
    }

    /// The refresh token that the store holds at first.
    pub(crate) fn refresh_token(&self) -> Option<String> {
        let of = |(name, value): &(&str, String)| (*name == "REFRESH_TOKEN").then(|| value.clone());
        self.secrets.iter().find_map(of)
    }

    /// What must not be shown: the mark, every secret, and every line of a key.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = String> {
        let lines = self.secrets.iter().flat_map(|(_, v)| v.lines());
        let telling = lines.filter(|l| l.len() >= 10 && !l.contains("PRIVATE KEY-----"));
        telling.chain([MARK]).map(str::to_owned)
    }

    /// A client of the provider at `origin`.
    pub(crate) fn client(&self, origin: &str, egress: Egress) -> Client {
        let secrets: Vec<_> = self.secrets.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let mut setup = if self.source.starts_with('{') {
            Setup::of(self.source, origin, &secrets)
        } else {
            Setup::shipped(self.source, origin, &secrets)
        };
        let store = Arc::new(MemoryStore::new(secrets));
        setup.store = store.clone();
        setup.settings = self.settings;
        setup.egress = Some(egress);
        setup.platform = Some(Arc::new(Platform));
        let clock = Arc::clone(&setup.clock);
        Client {
            connector: setup.connector(),
            store,
            clock,
            user: self.user,
        }
    }
}

/// What asks the provider in the name of a grant.
pub(crate) struct Client {
    connector: Connector,
    store: Arc<MemoryStore>,
    pub(crate) clock: Arc<TestClock>,
    user: Option<&'static str>,
}

impl Client {
    /// The header that a call gets.
    pub(crate) async fn attempt(&self) -> Result<String, Refusal> {
        let credential = self.connector.credential(self.user).await?;
        Ok(bearer(&credential))
    }

    /// The refresh token in the store.
    pub(crate) async fn refresh_token(&self) -> Option<String> {
        let stored = self.store.read("REFRESH_TOKEN").await.unwrap();
        stored.map(|secret| secret.reveal().to_owned())
    }
}

struct Platform;

impl PlatformIdentity for Platform {
    fn assertion<'a>(
        &'a self,
        _: &'a IdentityRequest<'a>,
    ) -> PortFuture<'a, Result<Secret, PlatformError>> {
        Box::pin(async { Ok(Secret::new(format!("platform-{MARK}"))) })
    }
}

const REFRESH_IN_QUERY: &str = "{id: peer, name: Peer, docs: 'https://peer.example', host: api.peer.example, auth: {type: oauth2,
    grant: refresh_token, token_url: 'https://login.peer.example/token', client_auth: basic, params_in: query,
    fields: [{name: CLIENT_ID, label: a}, {name: CLIENT_SECRET, label: b}, {name: REFRESH_TOKEN, label: c}]}}";

const ENTRA: &[(&str, &str)] = &[("TENANT_ID", "tenant"), ("CLIENT_ID", "app")];
const ENTRA_BY_CERTIFICATE: &[(&str, &str)] = &[
    ("TENANT_ID", "tenant"),
    ("CLIENT_ID", "app"),
    ("CREDENTIALS_FLOW", "certificate"),
];

/// Every grant.
pub(crate) fn all() -> Vec<Grant> {
    const CLIENT: [&str; 2] = ["CLIENT_ID", "CLIENT_SECRET"];
    const REFRESH: [&str; 3] = ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"];
    let pem = || key().pkcs8_pem.clone();
    let google = serde_json::json!({
        "type": "service_account", "project_id": "p", "private_key_id": "kid-1", "private_key": pem(),
        "client_email": "reader@p.iam.gserviceaccount.com", "client_id": "1",
    });
    let installation = Grant::new("GitHub App installation", "github", &["CLIENT_ID"]);
    let delegation = Grant::new("JWT bearer for a user", "gcal", &[]);
    vec![
        Grant::new("client credentials", "salesforce", &CLIENT),
        Grant::new("account credentials", "zoom", &CLIENT)
            .with("ACCOUNT_ID", format!("account-{MARK}")),
        Grant::new("refresh token in the body", "jira-cloud", &REFRESH),
        Grant::new("refresh token in the query", REFRESH_IN_QUERY, &REFRESH),
        Grant {
            user: Some("avery@example.com"),
            ..delegation.with("SERVICE_ACCOUNT_KEY", google.to_string())
        },
        Grant {
            shape: Shape {
                token: "token",
                moment: true,
            },
            ..installation
                .with("PRIVATE_KEY", pem())
                .set(&[("INSTALLATION_ID", "12345")])
        },
        Grant::new("certificate", "outlook-cal", &[])
            .with("PRIVATE_KEY", pem())
            .with(
                "PRIVATE_KEY_ID",
                "84e05c1d98bce3a5421d225b140b36e86a3d5534".to_owned(),
            )
            .set(ENTRA_BY_CERTIFICATE),
        Grant::new("federated", "outlook-cal", &[]).set(ENTRA),
    ]
}

/// What is the same in all requests of a grant: all but what is signed for the moment.
pub(crate) fn lasting(request: &Recorded) -> (String, BTreeMap<String, String>) {
    let mut form = request.form();
    form.retain(|name, _| !matches!(name.as_str(), "assertion" | "client_assertion"));
    (request.line.clone(), form)
}
