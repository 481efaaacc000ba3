//! How an administrator's consent is asked for: in a browser, or on another device.

use hushgate_rules::language::tree::Node;
use reqwest::Url;

use super::read::{Map, Reader, values};
use crate::connect::template::Template;

const AUTHORIZATION_KEYS: &[&str] = &[
    "url",
    "params",
    "scope",
    "scope_param",
    "pkce",
    "redirect",
    "issuer",
];
const DEVICE_KEYS: &[&str] = &["url", "params", "scope"];
/// Parameters that the authorization request sets itself.
const AUTHORIZATION_PARAMS: &[&str] = &[
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
];

/// The authorization request (RFC 6749 section 4.1.1).
#[derive(Debug, Clone)]
pub struct Authorization {
    /// The authorization endpoint.
    pub url: Template,
    /// Further parameters.
    pub params: Vec<(String, Template)>,
    /// The scopes, joined; none: the parameter is left out.
    pub scope: Option<String>,
    /// The name of the parameter with the scopes.
    pub scope_param: String,
    /// Whether a code challenge is sent (RFC 7636, S256).
    pub pkce: bool,
    /// Where the browser is sent back to.
    pub redirect: Redirect,
    /// The issuer that the answer must name in `iss` (RFC 9207); none: not checked.
    pub issuer: Option<Template>,
}

/// The address on this machine to which a browser is sent back (RFC 8252 section 7.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `127.0.0.1` or `localhost`, as the vendor has it registered.
    pub host: String,
    /// The registered port; none: any free one.
    pub port: Option<u16>,
    /// The path, beginning with `/`.
    pub path: String,
}

/// The device authorization request (RFC 8628 section 3.1).
#[derive(Debug, Clone)]
pub struct Device {
    /// The device authorization endpoint.
    pub url: Template,
    /// Further parameters.
    pub params: Vec<(String, Template)>,
    /// The scopes, joined; none: the parameter is left out.
    pub scope: Option<String>,
}

impl Default for Redirect {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: None,
            path: "/callback".to_owned(),
        }
    }
}

impl Redirect {
    /// Reads `http://127.0.0.1/callback`, or with a port `http://localhost:8917/callback`.
    ///
    /// # Errors
    /// Says what is allowed.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let help = "write `http://127.0.0.1/callback` or `http://localhost:PORT/path`; without a port any free one is used";
        let url = Url::parse(text).map_err(|_| help)?;
        let host = url.host_str().unwrap_or_default();
        let plain = url.scheme() == "http"
            && matches!(host, "127.0.0.1" | "localhost")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.port() != Some(0)
            && !text.contains('\\');
        if !plain {
            return Err(help);
        }
        Ok(Self {
            host: host.to_owned(),
            port: url.port(),
            path: url.path().to_owned(),
        })
    }

    /// The redirect address with the port that is listened on.
    pub fn with_port(&self, port: u16) -> String {
        format!("http://{}:{port}{}", self.host, self.path)
    }
}

impl std::fmt::Display for Redirect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.port {
            Some(port) => f.write_str(&self.with_port(port)),
            None => write!(f, "http://{}:PORT{}", self.host, self.path),
        }
    }
}

impl Reader<'_> {
    pub(super) fn authorization(&mut self, node: &Node, auth: &Map<'_>) -> Option<Authorization> {
        let map = self.map(node, "`authorization`", AUTHORIZATION_KEYS)?;
        let url = self.required_endpoint(&map, "url", &["host"]);
        let params = self.params(&map, "params", AUTHORIZATION_PARAMS);
        let scope = self.consent_scope(&map, auth);
        let scope_param = self.text(&map, "scope_param");
        let pkce = self.flag(&map, "pkce").unwrap_or(true);
        let redirect = self.redirect(&map);
        let issuer = self.template(&map, "issuer", &[]);
        Some(Authorization {
            issuer,
            url: url?,
            params,
            scope,
            scope_param: scope_param.map_or_else(|| "scope".to_owned(), |t| t.value),
            pkce,
            redirect,
        })
    }

    pub(super) fn device(&mut self, node: &Node, auth: &Map<'_>) -> Option<Device> {
        let map = self.map(node, "`device`", DEVICE_KEYS)?;
        let url = self.required_endpoint(&map, "url", &["host"]);
        let params = self.params(&map, "params", &["client_id", "scope"]);
        let scope = self.consent_scope(&map, auth);
        Some(Device {
            url: url?,
            params,
            scope,
        })
    }

    pub(super) fn redirect(&mut self, map: &Map<'_>) -> Redirect {
        let Some(text) = self.text(map, "redirect") else {
            return Redirect::default();
        };
        Redirect::parse(&text).unwrap_or_else(|help| {
            self.invalid(
                text.span,
                "`redirect` is not a plain http address of this machine",
                help,
            );
            Redirect::default()
        })
    }

    /// The scopes of a consent: its own, or those of the whole module.
    fn consent_scope(&mut self, map: &Map<'_>, auth: &Map<'_>) -> Option<String> {
        let delimiter = self.delimiter(auth);
        let from = if map.get("scope").is_some() {
            map
        } else {
            auth
        };
        let scope = values(self.texts(from, "scope"));
        (!scope.is_empty()).then(|| scope.join(&delimiter))
    }
}
