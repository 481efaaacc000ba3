//! What `source.yaml` declares: the source's host, how to authenticate to it, what it needs.
//!
//! Everything is checked at load, all problems are told at once, and templates are parsed. What the
//! keys mean is the reference in `docs/connections.md`.

use http::HeaderName;
use hushgate_rules::language::{Diagnostic, Diagnostics, tree};
use reqwest::Url;

use crate::codes;
use crate::egress::TlsFloor;

mod account;
mod answer;
mod assertion;
mod auth;
mod call;
mod client;
mod consent;
mod entered;
mod exchange;
mod field;
mod host;
mod lasting;
mod member;
mod needs;
mod oauth1;
mod params;
mod read;
mod send;
#[cfg(test)]
mod tests;
mod token_exchange;
mod used;

pub use account::{Account, Profile, Revoke, RevokedToken};
pub use answer::AnswerNames;
pub use assertion::{Assertion, KeyFormat, SigningAlgorithm};
pub use auth::{Auth, AuthType};
pub use call::{Body, Call, JsonTemplate, Success, Target};
pub use client::{ClientAuthChoice, ClientAuthKind};
pub use consent::{Authorization, Device, Redirect};
pub use entered::FieldProblem;
pub use exchange::{Exchange, Grant, LEAST_TOKEN_LIFE, ParamsIn};
pub use field::{Choice, Field, FieldKind, Kept};
pub use host::HostPattern;
pub(crate) use host::{is_loopback, is_plain_path};
pub use lasting::{Forecast, RefreshTokens};
pub use member::MemberPath;
pub use oauth1::{Oauth1, SignatureMethod};
pub use send::Placement;
pub use token_exchange::{SubjectToken, TokenExchange};

/// A source as declared, checked and ready for use.
#[derive(Debug, Clone)]
pub struct Source {
    /// The id: lower-case words joined by `-`, the name of its folder.
    pub id: String,
    /// The name for people.
    pub name: String,
    /// The vendor's documentation of the API.
    pub docs: String,
    /// What kinds of data the source holds, for lists: lower-case words joined by `-`.
    pub categories: Vec<String>,
    /// The image of the button that starts a connection: the name of a file beside `source.yaml`.
    pub connect_button: Option<String>,
    /// Where the API is.
    pub host: SourceHost,
    /// What stands before every path of the rules; empty or `/…` without a slash at its end.
    pub base_path: String,
    /// The setting with a path that stands before `base_path`, where the account decides it.
    pub base_path_from: Option<String>,
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

codes! {
    /// Codes of [`HostError`].
    enum HostCode {
        Missing = "source-host-missing";
        NotAllowed = "source-host-not-allowed";
    }
}

impl HostError {
    /// The codes of its own; docs/connections.md explains each.
    pub const CODES: &'static [&'static str] = HostCode::ALL;

    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => HostCode::Missing.text(),
            Self::NotAllowed { .. } => HostCode::NotAllowed.text(),
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
            _ => Err(found.into_vec().into_iter().map(of_declaration).collect()),
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

    /// The family of sources whose connections it can share: declared, or its own id.
    pub fn family(&self) -> &str {
        self.auth.family.as_deref().unwrap_or(&self.id)
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

/// A finding about the text as such, which the reader of rules words for rules.
fn of_declaration(found: Diagnostic) -> Diagnostic {
    let (code, message, help) = match found.code {
        "empty-rules" => (
            "empty-declaration",
            "the text declares nothing",
            "write `id`, `name`, `docs`, `host` and `auth`",
        ),
        "several-documents" => (
            found.code,
            "a second document begins here",
            "declare one source in one file and remove the `---`",
        ),
        _ => return found,
    };
    Diagnostic {
        code,
        message: message.to_owned(),
        help: help.to_owned(),
        ..found
    }
}
