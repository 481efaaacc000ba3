//! The grants that the hostile provider is played against: a new one is one row.

use std::sync::Arc;

use hushgate_gateway::ports::{
    IdentityRequest, MemoryStore, PlatformError, PlatformIdentity, PortFuture, Secret,
};

use super::client::Kind;
use super::shape::{Names, Shape};
use crate::setup::{MARK, Setup, key};

const PLAIN: Names = Names {
    token: "access_token",
    moment: false,
    refresh: false,
};

/// One grant, with all that its source needs.
#[derive(Clone)]
pub(crate) struct Grant {
    pub(crate) name: &'static str,
    /// The id of a shipped source, or the `auth` of another.
    source: &'static str,
    secrets: Vec<(&'static str, String)>,
    settings: &'static [(&'static str, &'static str)],
    pub(super) user: Option<&'static str>,
    pub(super) kind: Kind,
    pub(crate) shape: Shape,
}

impl Grant {
    /// An exchange with a plain token answer; `secrets` names the fields beside those of `with`.
    fn new(name: &'static str, source: &'static str, secrets: &[&'static str]) -> Self {
        let secret = |name: &&'static str| (*name, format!("{}-{MARK}", name.to_lowercase()));
        Self {
            name,
            source,
            secrets: secrets.iter().map(secret).collect(),
            settings: &[],
            user: None,
            kind: Kind::Exchange,
            shape: Shape::Token(PLAIN),
        }
    }

    fn with(mut self, name: &'static str, value: String) -> Self {
        self.secrets.push((name, value));
        self
    }

    fn set(self, settings: &'static [(&'static str, &'static str)]) -> Self {
        Self { settings, ..self }
    }

    fn answering(self, shape: Shape) -> Self {
        Self { shape, ..self }
    }

    fn spoiling(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    /// The refresh token that the store holds at first.
    pub(super) fn refresh_token(&self) -> Option<String> {
        let of = |(name, value): &(&str, String)| (*name == "REFRESH_TOKEN").then(|| value.clone());
        self.secrets.iter().find_map(of)
    }

    /// Whether it lives on the stored refresh token.
    pub(super) fn refreshes(&self) -> bool {
        self.kind == Kind::Exchange && self.refresh_token().is_some()
    }

    /// What must not be shown: the mark, every secret, and every line of a key.
    pub(super) fn secrets(&self) -> impl Iterator<Item = String> {
        let lines = self.secrets.iter().flat_map(|(_, v)| v.lines());
        let telling = lines.filter(|l| l.len() >= 10 && !l.contains("PRIVATE KEY-----"));
        telling.chain([MARK]).map(str::to_owned)
    }

    /// A store with its secrets.
    pub(super) fn store(&self) -> MemoryStore {
        MemoryStore::new(self.secrets.iter().map(|(n, v)| (*n, v.as_str())))
    }

    /// Its source, the provider at `origin`.
    pub(super) fn setup<'o>(&self, origin: &'o str) -> Setup<'o> {
        let mut setup = if self.source.contains(':') {
            let field = |(name, _): &(&str, String)| format!("{{name: {name}, label: x}}");
            let fields: Vec<_> = self.secrets.iter().map(field).collect();
            let yaml = format!(
                "{{id: peer, name: Peer, docs: 'https://peer.example', host: api.peer.example, auth: {{{}, fields: [{}]}}}}",
                self.source,
                fields.join(", ")
            );
            Setup::of(&yaml, origin, &[])
        } else {
            Setup::shipped(self.source, origin, &[])
        };
        setup.settings = self.settings;
        setup.platform = Some(Arc::new(Platform));
        setup
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

/// The auth of a source whose token endpoint is `/token`.
macro_rules! oauth2 {
    ($rest:literal) => {
        concat!(
            "type: oauth2, token_url: 'https://login.peer.example/token', ",
            $rest
        )
    };
}

const CONSENT: &str = oauth2!(
    "grant: authorization_code, client_auth: body, authorization: {url: 'https://login.peer.example/authorize'}"
);
const DEVICE: &str = oauth2!(
    "grant: device_code, client_auth: none, device: {url: 'https://login.peer.example/device'}"
);
const THREE_LEGS: &str = "type: oauth1, request_token_url: 'https://login.peer.example/initiate', \
    authorize_url: 'https://login.peer.example/authorize', access_token_url: 'https://login.peer.example/credentials'";
const LOGIN: &str = "type: pwd, token_url: 'https://login.peer.example/token', answer: {access_token: token}, \
    body: {json: {user: '{{USER_NAME}}', password: '{{PASSWORD}}'}}";

const VALIDATE: &str = "type: apiKey, send: {in: header, name: x-key, value: '{{API_KEY}}'}, \
    validate: {path: /me, success: {member: id}}, validate_error: [error_description, /error/message], profile: {account_name: name}";
const REVOKE: &str = oauth2!(
    "grant: refresh_token, client_auth: body, revoke: {url: 'https://login.peer.example/revoke'}"
);

const ENTRA: &[(&str, &str)] = &[("TENANT_ID", "tenant"), ("CLIENT_ID", "app")];
const ENTRA_BY_CERTIFICATE: &[(&str, &str)] = &[
    ("TENANT_ID", "tenant"),
    ("CLIENT_ID", "app"),
    ("CREDENTIALS_FLOW", "certificate"),
];

const CLIENT: [&str; 2] = ["CLIENT_ID", "CLIENT_SECRET"];
const REFRESH: [&str; 3] = ["CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"];
const PERSON: [&str; 4] = ["CLIENT_ID", "CLIENT_SECRET", "USER_NAME", "PASSWORD"];
const CONSUMER: [&str; 2] = ["CONSUMER_KEY", "CONSUMER_SECRET"];

/// Every grant.
pub(crate) fn all() -> Vec<Grant> {
    [exchanges(), consents(), account_calls()].concat()
}

/// What a connector exchanges.
fn exchanges() -> Vec<Grant> {
    let pem = || key().pkcs8_pem.clone();
    let fingerprint = || "84e05c1d98bce3a5421d225b140b36e86a3d5534".to_owned();
    let google = serde_json::json!({
        "type": "service_account", "project_id": "p", "private_key_id": "kid-1", "private_key": pem(),
        "client_email": "reader@p.iam.gserviceaccount.com", "client_id": "1",
    });
    let delegation = Grant::new("JWT bearer for a user", "gcal", &[]);
    vec![
        Grant::new("client credentials", "salesforce", &CLIENT),
        Grant::new("account credentials", "zoom", &CLIENT)
            .with("ACCOUNT_ID", format!("account-{MARK}")),
        Grant::new("refresh token in the body", "jira-cloud", &REFRESH),
        Grant::new(
            "refresh token in the query",
            oauth2!("grant: refresh_token, client_auth: basic, params_in: query"),
            &REFRESH,
        ),
        Grant::new(
            "refresh token in JSON, which stays",
            oauth2!("grant: refresh_token, client_auth: body, params_in: json, rotation: constant"),
            &REFRESH,
        ),
        Grant::new(
            "refresh token of a public client",
            oauth2!("grant: refresh_token, client_auth: none"),
            &["CLIENT_ID", "REFRESH_TOKEN"],
        ),
        Grant {
            user: Some("avery@example.com"),
            ..delegation.with("SERVICE_ACCOUNT_KEY", google.to_string())
        },
        Grant::new("GitHub App installation", "github", &["CLIENT_ID"])
            .with("PRIVATE_KEY", pem())
            .set(&[("INSTALLATION_ID", "12345")])
            .answering(named("token", true, false)),
        Grant::new("certificate", "outlook-cal", &[])
            .with("PRIVATE_KEY", pem())
            .with("PRIVATE_KEY_ID", fingerprint())
            .set(ENTRA_BY_CERTIFICATE),
        Grant::new("federated", "outlook-cal", &[]).set(ENTRA),
        Grant::new(
            "private_key_jwt",
            oauth2!(
                "grant: client_credentials, client_auth: private_key_jwt, assertion: {key: PRIVATE_KEY}"
            ),
            &["CLIENT_ID"],
        )
        .with("PRIVATE_KEY", pem()),
        Grant::new(
            "password",
            oauth2!("grant: password, client_auth: body"),
            &PERSON,
        ),
        Grant::new("login", LOGIN, &["USER_NAME", "PASSWORD"])
            .answering(named("token", false, false)),
        Grant::new(
            "token exchange",
            oauth2!(
                "grant: token_exchange, client_auth: body, token_exchange: {subject: '{{SUBJECT}}', subject_type: jwt}"
            ),
            &["CLIENT_ID", "CLIENT_SECRET", "SUBJECT"],
        ),
        Grant::new(
            "token exchange for the platform's identity",
            oauth2!(
                "grant: token_exchange, client_auth: none, token_exchange: {subject: platform, subject_type: jwt}, \
                 platform_audience: 'https://login.peer.example/{{AUDIENCE}}'"
            ),
            &["AUDIENCE"],
        ),
    ]
}

/// The steps of consents.
fn consents() -> Vec<Grant> {
    let consented = named("access_token", false, true);
    vec![
        Grant::new("authorization code", CONSENT, &CLIENT)
            .with("REFRESH_TOKEN", "of the last consent".to_owned())
            .answering(consented)
            .spoiling(Kind::Code),
        Grant::new("device authorization", DEVICE, &["CLIENT_ID"])
            .with("REFRESH_TOKEN", "of the last consent".to_owned())
            .answering(Shape::Device)
            .spoiling(Kind::DeviceBegin),
        Grant::new("device code", DEVICE, &["CLIENT_ID"])
            .with("REFRESH_TOKEN", "of the last consent".to_owned())
            .answering(consented)
            .spoiling(Kind::DeviceCode),
        Grant::new("OAuth 1.0a temporary credentials", THREE_LEGS, &CONSUMER)
            .with("TOKEN", "of the last consent".to_owned())
            .with("TOKEN_SECRET", "of the last consent".to_owned())
            .answering(Shape::Oauth1)
            .spoiling(Kind::Temporary),
        Grant::new("OAuth 1.0a token credentials", THREE_LEGS, &CONSUMER)
            .with("TOKEN", "of the last consent".to_owned())
            .with("TOKEN_SECRET", "of the last consent".to_owned())
            .answering(Shape::Oauth1)
            .spoiling(Kind::Verifier),
    ]
}

/// The declared calls about the account.
fn account_calls() -> Vec<Grant> {
    vec![
        Grant::new("validation", VALIDATE, &["API_KEY"])
            .answering(Shape::Account)
            .spoiling(Kind::Validation),
        Grant::new("revocation", REVOKE, &REFRESH)
            .answering(Shape::Anything)
            .spoiling(Kind::Revocation),
    ]
}

fn named(token: &'static str, moment: bool, refresh: bool) -> Shape {
    Shape::Token(Names {
        token,
        moment,
        refresh,
    })
}
