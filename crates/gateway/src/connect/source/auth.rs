//! The `auth:` part of `source.yaml`.

use hushgate_rules::language::tree::Node;

use super::account::Account;
use super::consent::{Authorization, Device};
use super::exchange::{Exchange, Grant};
use super::field::Field;
use super::lasting::{Forecast, RefreshTokens};
use super::oauth1::Oauth1;
use super::read::{Map, Reader, is_id, values};
use super::send::Placement;

/// Keys that every type has.
const COMMON_KEYS: &[&str] = &[
    "type",
    "family",
    "fields",
    "send",
    "scope",
    "permissions",
    "validate",
    "validate_error",
    "profile",
    "revoke",
    "forecast",
];
const PWD_KEYS: &[&str] = &[
    "token_url",
    "client_auth",
    "client_id",
    "client_secret",
    "headers",
    "body",
    "answer",
    "default_lifetime",
    "renew_before",
    "shared",
];
const OAUTH1_KEYS: &[&str] = &[
    "request_token_url",
    "authorize_url",
    "access_token_url",
    "signature_method",
    "realm",
    "consumer_key",
    "consumer_secret",
    "private_key",
    "token",
    "token_secret",
    "authorize_params",
    "params_in",
    "redirect",
];
const OAUTH2_KEYS: &[&str] = &[
    "grant",
    "scope_delimiter",
    "scope_sent",
    "token_url",
    "client_auth",
    "client_id",
    "client_secret",
    "user_name",
    "password",
    "params",
    "refresh_params",
    "params_in",
    "headers",
    "token_exchange",
    "assertion",
    "platform_audience",
    "authorization",
    "device",
    "answer",
    "default_lifetime",
    "renew_before",
    "refresh_token",
    "rotation",
    "shared",
];

/// How to authenticate to a source.
#[derive(Debug, Clone)]
pub struct Auth {
    /// The type of mechanism.
    pub kind: AuthType,
    /// The grant, with `type: oauth2`.
    pub grant: Option<Grant>,
    /// The sources that can share a connection; none: this one alone.
    pub family: Option<String>,
    /// What the mechanism needs from the store and the configuration.
    pub fields: Vec<Field>,
    /// Where the credential stands in a request; at least one place.
    pub send: Vec<Placement>,
    /// The exchange that gives an access token; none: the credential is made of fields alone.
    pub exchange: Option<Exchange>,
    /// The endpoints and the signature of OAuth 1.0a.
    pub oauth1: Option<Oauth1>,
    /// How consent is asked for in a browser.
    pub authorization: Option<Authorization>,
    /// How consent is asked for on another device.
    pub device: Option<Device>,
    /// The scopes or permissions the account must have granted.
    pub scope: Vec<String>,
    /// What joins the scopes where they are sent.
    pub scope_delimiter: String,
    /// Permissions that are granted outside the request, for people.
    pub permissions: Vec<String>,
    /// What can be asked and done about the account.
    pub account: Account,
    /// Whether all instances share one access token through the store.
    pub shared: bool,
    /// What happens to a refresh token when it is used.
    pub rotation: RefreshTokens,
    /// How long its parts last.
    pub forecast: Forecast,
}

/// The type of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthType {
    /// Fields stand in the request as they are.
    ApiKey,
    /// User name and password: HTTP Basic, or exchanged for a token.
    Pwd,
    /// OAuth 1.0a.
    Oauth1,
    /// OAuth 2.
    Oauth2,
}

impl AuthType {
    /// All types with their words.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("apiKey", Self::ApiKey),
        ("pwd", Self::Pwd),
        ("oauth1", Self::Oauth1),
        ("oauth2", Self::Oauth2),
    ];

    /// Its word.
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, kind)| *kind == self);
        found.map_or("", |(name, _)| name)
    }
}

impl Reader<'_> {
    pub(super) fn auth(&mut self, node: &Node) -> Option<Auth> {
        let kind = node
            .entries()
            .iter()
            .find(|(key, _)| key.value == "type")
            .and_then(|(_, value)| self.node_text(value, "`type`"));
        let Some(kind) = kind else {
            self.invalid(
                node.span,
                "`auth` without `type`",
                "add `type: apiKey`, `type: pwd`, `type: oauth1` or `type: oauth2`",
            );
            return None;
        };
        let kind = self.one_word(&kind, "`type`", AuthType::ALL)?;
        let own: &[&str] = match kind {
            AuthType::ApiKey => &[],
            AuthType::Pwd => PWD_KEYS,
            AuthType::Oauth1 => OAUTH1_KEYS,
            AuthType::Oauth2 => OAUTH2_KEYS,
        };
        let map = self.map(node, "`auth`", &[COMMON_KEYS, own].concat())?;
        let fields = self.fields(&map);
        let grant = self.auth_grant(&map, kind);
        let exchanged = match kind {
            AuthType::Pwd => map.get("token_url").is_some(),
            AuthType::Oauth2 => grant != Some(Grant::PersonalAccessToken),
            AuthType::ApiKey | AuthType::Oauth1 => false,
        };
        let exchange = exchanged.then(|| self.exchange(&map, grant));
        let oauth1 = (kind == AuthType::Oauth1).then(|| self.oauth1(&map));
        if !exchanged {
            self.needs_no_exchange(&map, kind);
        }
        let authorization = map
            .get("authorization")
            .and_then(|node| self.authorization(node, &map));
        let device = map.get("device").and_then(|node| self.device(node, &map));
        self.consent_fits(&map, grant);
        let exchange = exchange.flatten();
        let mut auth = Auth {
            kind,
            grant: grant.filter(|_| kind == AuthType::Oauth2),
            family: self.family(&map),
            fields,
            send: self.send(&map, kind, exchanged),
            oauth1: oauth1.flatten(),
            authorization,
            device,
            scope: values(self.texts(&map, "scope")),
            scope_delimiter: self.delimiter(&map),
            permissions: values(self.texts(&map, "permissions")),
            account: self.account(&map, exchange.as_ref()),
            shared: self.shared(&map, exchange.as_ref()),
            rotation: self.rotation(&map),
            forecast: self.forecast(&map),
            exchange,
        };
        let whole = auth.exchange.is_some() || !exchanged;
        self.names_are_fields(&auth, whole);
        auth.mark_obtained();
        auth.mark_needed();
        Some(auth)
    }

    fn auth_grant(&mut self, map: &Map<'_>, kind: AuthType) -> Option<Grant> {
        match kind {
            AuthType::Oauth2 => {
                let grant = self.required(map, "grant")?;
                self.one_word(&grant, "`grant`", Grant::ALL)
            }
            AuthType::Pwd => map.get("token_url").map(|_| Grant::Login),
            AuthType::ApiKey | AuthType::Oauth1 => None,
        }
    }

    fn family(&mut self, map: &Map<'_>) -> Option<String> {
        let family = self.text(map, "family")?;
        if !is_id(&family) {
            self.invalid(
                family.span,
                "`family` is not an id",
                "write lower-case words joined by `-`, such as `entra`",
            );
        }
        Some(family.value)
    }

    /// Without an exchange, keys about one would be silently without effect.
    fn needs_no_exchange(&mut self, map: &Map<'_>, kind: AuthType) {
        let own = match kind {
            AuthType::Pwd => PWD_KEYS,
            AuthType::Oauth2 => OAUTH2_KEYS,
            AuthType::ApiKey | AuthType::Oauth1 => return,
        };
        for key in own {
            if matches!(*key, "grant" | "scope_delimiter") {
                continue;
            }
            if let Some(node) = map.get(key) {
                self.invalid(
                    node.span,
                    &format!("`{key}` without an exchange at a token endpoint"),
                    "remove it, or add what the exchange needs",
                );
            }
        }
    }

    /// A consent needs a grant that lives by what it gives, and some grants need a consent.
    fn consent_fits(&mut self, map: &Map<'_>, grant: Option<Grant>) {
        let refreshes = grant.is_some_and(Grant::refreshes);
        for key in ["authorization", "device"] {
            if let Some(node) = map.get(key).filter(|_| grant.is_some() && !refreshes) {
                self.invalid(
                    node.span,
                    &format!("`{key}` with a grant that needs no consent"),
                    "remove it, or use `grant: authorization_code`, `device_code` or `refresh_token`",
                );
            }
        }
        if grant == Some(Grant::AuthorizationCode) && map.get("authorization").is_none() {
            self.missing(map, "authorization");
        }
        if grant == Some(Grant::DeviceCode) && map.get("device").is_none() {
            self.missing(map, "device");
        }
    }
}

impl Auth {
    /// Whether a consent in a browser or on a device is part of setting a connection up.
    pub fn asks_consent(&self) -> bool {
        self.authorization.is_some() || self.device.is_some() || self.oauth1.is_some()
    }

    fn mark_obtained(&mut self) {
        let consent = self.authorization.is_some() || self.device.is_some();
        let refresh = self.exchange.as_ref().filter(|_| consent);
        let refresh = refresh.map(|e| e.refresh_token.as_str());
        let tokens = self.oauth1.as_ref();
        let tokens = tokens.map(|o| [o.token.as_str(), o.token_secret.as_str()]);
        for field in &mut self.fields {
            let name = Some(field.name.as_str());
            field.obtained = name == refresh
                || tokens.is_some_and(|tokens| tokens.contains(&field.name.as_str()));
        }
    }
}
