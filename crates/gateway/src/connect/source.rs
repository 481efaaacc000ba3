//! What `source.yaml` declares: the source's host, how to authenticate to it, what it needs.
//!
//! Everything is checked at load, all problems are told at once, and templates are parsed. What the
//! keys mean is the reference in `docs/connections.md`.

use std::time::Duration;

use http::HeaderName;
use hushgate_rules::language::{Diagnostic, Diagnostics, tree};
use reqwest::Url;

use super::template::Template;
use crate::egress::TlsFloor;

mod auth;
mod host;
mod oauth2;
mod read;
#[cfg(test)]
mod tests;

pub use host::HostPattern;
pub(crate) use host::is_loopback;

/// A source as declared, checked and ready for use.
#[derive(Debug, Clone)]
pub struct Source {
    /// The id: lower-case words joined by `-`, the name of its folder.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The vendor's documentation of the API.
    pub docs: String,
    /// What kinds of data the source holds, for lists.
    pub categories: Vec<String>,
    /// Where the API is.
    pub host: SourceHost,
    /// What stands before every path of the rules; empty or `/…` without a slash at its end.
    pub base_path: String,
    /// The lowest TLS version, where the source needs an exception from the configured one.
    pub tls: Option<TlsFloor>,
    /// Response headers passed to the caller beside the common ones.
    pub response_headers: Vec<HeaderName>,
    /// What the vendor limits, for people.
    pub limits: Vec<String>,
    /// How to authenticate.
    pub auth: Auth,
}

/// Where the API is.
#[derive(Debug, Clone)]
pub enum SourceHost {
    /// One host for all accounts.
    Fixed(String),
    /// The account decides; the configuration gives it.
    Account {
        /// What the host must look like.
        pattern: HostPattern,
        /// An example for people.
        example: String,
    },
}

/// How to authenticate to a source.
#[derive(Debug, Clone)]
pub struct Auth {
    /// What the mechanism needs from the store and the configuration.
    pub fields: Vec<Field>,
    /// Where the credential stands in a request.
    pub send: Placement,
    /// The exchange that gives an access token; none: the credential is made of fields alone.
    pub exchange: Option<Exchange>,
    /// The scopes or permissions the account must have granted.
    pub scope: Vec<String>,
    /// Permissions that are granted outside the request, for people.
    pub permissions: Vec<String>,
}

/// One value that the mechanism needs.
#[derive(Debug, Clone)]
pub struct Field {
    /// Its name in the secret store or the configuration.
    pub name: String,
    /// Where it is kept.
    pub kept: Kept,
    /// Its name for people.
    pub label: String,
    /// What it is and where to find it.
    pub tooltip: String,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it must not be shown.
    pub secret: bool,
    /// What is used when it is not given.
    pub default: Option<String>,
    /// The client authentications it is needed for; empty: all.
    pub when: Vec<ClientAuthKind>,
}

/// Where a field is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// In the secret store.
    Store,
    /// In the function's configuration.
    Settings,
}

/// Where the credential stands in a request to the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Placement {
    /// In a header.
    Header(HeaderName, Template),
    /// As a query parameter.
    Query(String, Template),
    /// HTTP Basic (RFC 7617): user and password.
    Basic(Template, Template),
    /// As a member of the JSON body.
    Body(String, Template),
}

/// An exchange at a token endpoint.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What is exchanged for an access token.
    pub grant: Grant,
    /// The token endpoint.
    pub token_url: Template,
    /// How the client proves itself there.
    pub client_auth: ClientAuthChoice,
    /// The client's id.
    pub client_id: Template,
    /// The client's secret.
    pub client_secret: Template,
    /// The scopes to ask for in the request, joined; none: the endpoint decides.
    pub scope: Option<String>,
    /// Further parameters.
    pub params: Vec<(String, Template)>,
    /// Whether the parameters go to the query instead of the body.
    pub params_in_query: bool,
    /// A signed assertion, where the grant or the client authentication needs one.
    pub assertion: Option<Assertion>,
    /// The audience of the platform's identity token.
    pub platform_audience: Template,
    /// The names of the answer's members.
    pub answer: AnswerNames,
    /// How long an access token lives when the answer does not say.
    pub default_lifetime: Duration,
    /// The least and most time before the end at which a token is renewed.
    pub renew_before: (Duration, Duration),
    /// The field that holds the refresh token.
    pub refresh_token: String,
}

/// What is exchanged for an access token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grant {
    /// RFC 6749 section 4.4.
    ClientCredentials,
    /// The same for one account of the vendor, named by `account_id`.
    AccountCredentials,
    /// RFC 6749 section 6.
    RefreshToken,
    /// RFC 7523 section 2.1.
    JwtBearer,
    /// A signed assertion as bearer token, answered by an installation's token.
    GithubApp,
}

/// How a client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthKind {
    /// Id and secret in the parameters.
    Body,
    /// Id and secret by HTTP Basic.
    Basic,
    /// An assertion signed with the key of a certificate (RFC 7523 section 2.2).
    Certificate,
    /// An identity token of the hosting cloud as assertion.
    Federated,
    /// Not at all; the grant itself is the proof.
    None,
}

/// The client authentication, or the setting that chooses it.
#[derive(Debug, Clone)]
pub struct ClientAuthChoice {
    /// The setting that chooses; none: the default always.
    pub setting: Option<String>,
    /// What may be chosen.
    pub options: Vec<ClientAuthKind>,
    /// What is used when the setting is not given.
    pub default: ClientAuthKind,
}

/// A JWT made and signed here (RS256).
#[derive(Debug, Clone)]
pub struct Assertion {
    /// The field with the private key.
    pub key: String,
    /// What that field holds.
    pub format: KeyFormat,
    /// `iss`; with a Google key file always its `client_email`.
    pub issuer: Option<Template>,
    /// `sub`.
    pub subject: Option<Template>,
    /// `aud`.
    pub audience: Option<Template>,
    /// The field with the certificate's SHA-1 fingerprint in hex, for the `x5t` header.
    pub fingerprint: Option<String>,
    /// How long the assertion is valid.
    pub lifetime: Duration,
    /// How far `iat` is set back, for clocks that differ.
    pub backdate: Duration,
    /// Whether `sub` is the user that the request names.
    pub for_user: bool,
    /// Whether `scope` is a claim.
    pub scope_claim: bool,
    /// Whether a random `jti` is added.
    pub jti: bool,
}

/// What a key field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// PEM, PKCS#1 or PKCS#8, possibly wrapped in base64.
    Pem,
    /// A Google service account key file, raw JSON or base64.
    GoogleServiceAccount,
}

/// The names of the members of a token answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerNames {
    /// The access token.
    pub access_token: String,
    /// The lifetime in seconds.
    pub expires_in: String,
    /// The end of the lifetime as RFC 3339 time; none: not used.
    pub expires_at: Option<String>,
    /// The new refresh token.
    pub refresh_token: String,
    /// Whether a form-encoded answer is accepted.
    pub form: bool,
}

/// How a source file is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct SourceOptions {
    /// Allows `http` to this machine in `token_url`.
    pub dev_loopback: bool,
}

/// Why the host of a source can't be settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The account decides the host, and the configuration does not give it.
    #[error(
        "HUSHGATE_TARGET_HOST is missing: the host of {source_id} depends on the account; set it, for example to `{example}`"
    )]
    Missing {
        /// The source.
        source_id: String,
        /// What it looks like.
        example: String,
    },
    /// The configured host is not one of the source.
    #[error("HUSHGATE_TARGET_HOST is not a host of {source_id}; {allowed}")]
    NotAllowed {
        /// The source.
        source_id: String,
        /// What is allowed.
        allowed: String,
    },
}

impl HostError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "source-host-missing",
            Self::NotAllowed { .. } => "source-host-not-allowed",
        }
    }
}

impl Source {
    /// Reads and checks a `source.yaml`. `file` is its name for messages.
    ///
    /// # Errors
    /// All problems at once, each with line and column.
    pub fn load(file: &str, text: &str, options: SourceOptions) -> Result<Self, Vec<Diagnostic>> {
        let mut found = Diagnostics::new(file);
        let source = tree::parse(text, &mut found)
            .and_then(|node| read::Reader::new(&mut found, options).source(&node));
        match source {
            Some(source) if !found.has_errors() => Ok(source),
            _ => Err(found.into_vec()),
        }
    }

    /// The URL before `base_path` and the path of a call: scheme, host and port.
    ///
    /// `target_host` is `HUSHGATE_TARGET_HOST`: the account's host, or on a developer's machine the
    /// address of a local source such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// When the account decides the host and none fits.
    pub fn origin(&self, target_host: Option<&str>, dev_loopback: bool) -> Result<Url, HostError> {
        host::origin(self, target_host, dev_loopback)
    }

    /// Whether a call acts for a user that its request names.
    pub fn acts_for_user(&self) -> bool {
        self.auth
            .exchange
            .as_ref()
            .and_then(|e| e.assertion.as_ref())
            .is_some_and(|a| a.for_user)
    }

    /// Names that the source reads from the secret store.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        self.names(Kept::Store)
    }

    /// Names that the source reads from the configuration.
    pub fn setting_names(&self) -> impl Iterator<Item = &str> {
        self.names(Kept::Settings)
    }

    fn names(&self, kept: Kept) -> impl Iterator<Item = &str> {
        let fields = self.auth.fields.iter();
        fields
            .filter(move |f| f.kept == kept)
            .map(|f| f.name.as_str())
    }
}

impl ClientAuthKind {
    /// All kinds with their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("body", Self::Body),
        ("basic", Self::Basic),
        ("certificate", Self::Certificate),
        ("federated", Self::Federated),
        ("none", Self::None),
    ];

    /// The kind with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        let found = Self::ALL.iter().find(|(name, _)| *name == word);
        found.map(|(_, kind)| *kind)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }
}

impl Grant {
    /// All grants with their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("client_credentials", Self::ClientCredentials),
        ("account_credentials", Self::AccountCredentials),
        ("refresh_token", Self::RefreshToken),
        ("jwt_bearer", Self::JwtBearer),
        ("github_app", Self::GithubApp),
    ];
}
