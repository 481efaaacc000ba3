//! How a client proves itself at a token endpoint, as declared.

use hushgate_rules::language::tree::Kind;

use super::exchange::Grant;
use super::read::{Map, Reader};

/// How a client proves itself at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuthKind {
    /// Id and secret in the parameters.
    Body,
    /// Id and secret by HTTP Basic.
    Basic,
    /// An assertion signed with the key of a certificate, which `x5t` names (RFC 7523 section 2.2).
    Certificate,
    /// An assertion signed with a private key whose public half the vendor knows (RFC 7523 section 2.2).
    PrivateKeyJwt,
    /// An identity token of the hosting cloud as assertion.
    Federated,
    /// Not at all: a public client, or the grant itself is the proof.
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

impl ClientAuthKind {
    /// All kinds with their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("body", Self::Body),
        ("basic", Self::Basic),
        ("certificate", Self::Certificate),
        ("private_key_jwt", Self::PrivateKeyJwt),
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

    /// Whether it needs an assertion that is signed here.
    pub fn signs(self) -> bool {
        matches!(self, Self::Certificate | Self::PrivateKeyJwt)
    }

    /// Whether it needs the client's secret.
    pub fn needs_secret(self) -> bool {
        matches!(self, Self::Body | Self::Basic)
    }
}

impl ClientAuthChoice {
    /// One kind, without a choice.
    pub(super) fn fixed(kind: ClientAuthKind) -> Self {
        Self {
            setting: None,
            options: vec![kind],
            default: kind,
        }
    }
}

impl Reader<'_> {
    pub(super) fn client_auth(
        &mut self,
        map: &Map<'_>,
        grant: Option<Grant>,
    ) -> Option<ClientAuthChoice> {
        let fixed = ClientAuthChoice::fixed;
        match map.get("client_auth") {
            None if matches!(
                grant,
                Some(Grant::JwtBearer | Grant::GithubApp | Grant::Login)
            ) =>
            {
                Some(fixed(ClientAuthKind::None))
            }
            None => {
                if grant.is_some() {
                    self.missing(map, "client_auth");
                }
                None
            }
            Some(node) if matches!(node.kind, Kind::Map(_)) => {
                let choice = self.map(node, "`client_auth`", &["setting", "options", "default"])?;
                let setting = self.required(&choice, "setting");
                if let Some(setting) = &setting {
                    self.uses(setting, setting.span);
                    self.settings.push(setting.clone());
                }
                let options = self.texts(&choice, "options");
                let options: Vec<_> = options
                    .iter()
                    .filter_map(|o| self.one_word(o, "an option", ClientAuthKind::ALL))
                    .collect();
                let default = self.required(&choice, "default")?;
                let kind = self.one_word(&default, "`default`", ClientAuthKind::ALL)?;
                if !options.contains(&kind) {
                    self.invalid(
                        default.span,
                        "`default` is not one of `options`",
                        "add it there",
                    );
                }
                Some(ClientAuthChoice {
                    setting: Some(setting?.value),
                    options,
                    default: kind,
                })
            }
            Some(node) => {
                let text = self.node_text(node, "`client_auth`")?;
                let words: &[(&str, ClientAuthKind)] = if grant == Some(Grant::Login) {
                    &[
                        ("basic", ClientAuthKind::Basic),
                        ("none", ClientAuthKind::None),
                    ]
                } else {
                    ClientAuthKind::ALL
                };
                self.one_word(&text, "`client_auth`", words).map(fixed)
            }
        }
    }
}
