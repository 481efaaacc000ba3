//! One exchange at a token endpoint: the request as the grant and the client authentication want it.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Url;
use zeroize::Zeroizing;

use super::answer::{self, Granted};
use super::assertion::{self, Occasion};
use super::credential::basic;
use super::endpoint::TokenRequest;
use super::fault::ConnectFault;
use super::rotation::Rotation;
use super::source::{Auth, ClientAuthKind, Exchange, Grant, is_loopback};
use super::template::{Place, Template, percent_encode};
use super::values::Values;
use super::{ConnectorParts, chosen_client_auth};
use crate::ports::Secret;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const JWT_CLIENT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Everything one exchange looks at.
pub(super) struct Trade<'a> {
    pub(super) parts: &'a ConnectorParts,
    pub(super) auth: &'a Auth,
    pub(super) exchange: &'a Exchange,
    /// Scheme, host and port of the source, where the account decides them.
    pub(super) origin: &'a Url,
    pub(super) rotation: &'a Rotation,
    pub(super) user: Option<&'a str>,
}

/// What an exchange gave, with the values that were read for it.
pub(super) struct Traded {
    pub(super) granted: Granted,
    pub(super) values: Values,
}

type Params = Vec<(String, Zeroizing<String>)>;

impl Trade<'_> {
    /// Makes the exchange. A returned refresh token is saved before this ends.
    pub(super) async fn run(&self) -> Result<Traded, ConnectFault> {
        let client_auth = chosen_client_auth(self.exchange, &self.parts.settings)?;
        let store = self.parts.store.as_ref();
        let values =
            Values::read(self.auth, Some(client_auth), store, &self.parts.settings).await?;
        let refresh_token = match self.exchange.grant {
            Grant::RefreshToken => Some(
                self.rotation
                    .newest(values.need(&self.exchange.refresh_token)?),
            ),
            _ => None,
        };
        let request = self
            .request(client_auth, &values, refresh_token.as_ref())
            .await?;
        let response = self.parts.endpoint.call(request).await?;
        let now = self.parts.clock.unix_seconds();
        let granted = answer::read(&response, &self.exchange.answer, now)?;
        if let (Some(used), Some(new)) = (&refresh_token, &granted.refresh_token) {
            let name = &self.exchange.refresh_token;
            self.rotation.keep(name, used, new, store).await;
        }
        Ok(Traded { granted, values })
    }

    async fn request(
        &self,
        client_auth: ClientAuthKind,
        values: &Values,
        refresh_token: Option<&Secret>,
    ) -> Result<TokenRequest, ConnectFault> {
        let mut url = self.token_url(values)?;
        let mut draft = Draft::default();
        draft
            .headers
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.grant(&mut draft, &url, values, refresh_token)?;
        self.client_auth(&mut draft, client_auth, &url, values)
            .await?;
        let in_claim = self.exchange.assertion.as_ref();
        let in_claim = in_claim.is_some_and(|a| a.scope_claim);
        if let Some(scope) = self.exchange.scope.as_deref().filter(|_| !in_claim) {
            draft.push("scope", scope);
        }
        for (name, template) in &self.exchange.params {
            draft.push(name, &filled(template, values)?);
        }
        let mut body = Zeroizing::new(String::new());
        if self.exchange.params_in_query {
            let mut query = Zeroizing::new(url.query().unwrap_or_default().to_owned());
            encode(&draft.params, &mut query);
            url.set_query(Some(&query));
        } else {
            encode(&draft.params, &mut body);
        }
        if self.exchange.grant != Grant::GithubApp {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            draft.headers.insert(CONTENT_TYPE, form);
        }
        Ok(TokenRequest {
            method: Method::POST,
            url,
            headers: draft.headers,
            body,
        })
    }

    fn grant(
        &self,
        draft: &mut Draft,
        url: &Url,
        values: &Values,
        refresh_token: Option<&Secret>,
    ) -> Result<(), ConnectFault> {
        match self.exchange.grant {
            Grant::ClientCredentials => draft.push("grant_type", "client_credentials"),
            Grant::AccountCredentials => draft.push("grant_type", "account_credentials"),
            Grant::RefreshToken => {
                draft.push("grant_type", "refresh_token");
                draft.push("refresh_token", refresh_token.map_or("", Secret::reveal));
            }
            Grant::JwtBearer => {
                draft.push("grant_type", JWT_BEARER);
                draft.push("assertion", self.assertion(url, values)?.reveal());
            }
            Grant::GithubApp => {
                let assertion = self.assertion(url, values)?;
                let bearer = Zeroizing::new(format!("Bearer {}", assertion.reveal()));
                let value = HeaderValue::from_str(&bearer);
                let mut value = value.map_err(|_| ConnectFault::Internal)?;
                value.set_sensitive(true);
                draft.headers.insert(AUTHORIZATION, value);
            }
        }
        Ok(())
    }

    async fn client_auth(
        &self,
        draft: &mut Draft,
        kind: ClientAuthKind,
        url: &Url,
        values: &Values,
    ) -> Result<(), ConnectFault> {
        if kind == ClientAuthKind::None {
            return Ok(());
        }
        let (id, secret) = (&self.exchange.client_id, &self.exchange.client_secret);
        let client_id = filled(id, values)?;
        if kind == ClientAuthKind::Basic {
            let value = basic(&client_id, &filled(secret, values)?);
            let value = value.ok_or_else(|| unusable_for_basic(id, secret))?;
            draft.headers.insert(AUTHORIZATION, value);
            return Ok(());
        }
        draft.push("client_id", &client_id);
        if kind == ClientAuthKind::Body {
            draft.push("client_secret", &filled(secret, values)?);
            return Ok(());
        }
        let assertion = match kind {
            ClientAuthKind::Federated => self.platform_assertion(values).await?,
            _ => self.assertion(url, values)?,
        };
        draft.push("client_assertion_type", JWT_CLIENT);
        draft.push("client_assertion", assertion.reveal());
        Ok(())
    }

    fn assertion(&self, url: &Url, values: &Values) -> Result<Secret, ConnectFault> {
        let spec = self.exchange.assertion.as_ref();
        let spec = spec.ok_or(ConnectFault::Internal)?;
        let occasion = Occasion {
            values,
            token_url: url.as_str(),
            scope: self.exchange.scope.as_deref(),
            user: self.user,
            now: self.parts.clock.unix_seconds(),
        };
        assertion::make(spec, &occasion)
    }

    fn token_url(&self, values: &Values) -> Result<Url, ConnectFault> {
        let host = self
            .origin
            .as_str()
            .split_once("://")
            .map_or("", |(_, rest)| rest.trim_end_matches('/'));
        let template = &self.exchange.token_url;
        let filled = template
            .fill(Place::UrlComponent, |name| {
                if name == "host" {
                    Some(host)
                } else {
                    values.get(name).filter(|v| !matches!(*v, "" | "." | ".."))
                }
            })
            .map_err(|name| ConnectFault::FieldInvalid {
                field: name,
                problem: "can't stand in the token endpoint's address; it is blank or dots"
                    .to_owned(),
            })?;
        let mut url = Url::parse(&filled).map_err(|_| ConnectFault::Internal)?;
        let local = match &self.parts.token_origin {
            Some(origin) => Some(origin),
            None => template.names().any(|n| n == "host").then_some(self.origin),
        };
        // Tokens are asked for on this machine only where development allows it.
        if let Some(origin) = local.filter(|o| self.parts.dev_loopback && is_loopback(o)) {
            let path = url.path().to_owned();
            let query = url.query().map(str::to_owned);
            url = origin.clone();
            url.set_path(&path);
            url.set_query(query.as_deref());
        }
        Ok(url)
    }

    async fn platform_assertion(&self, values: &Values) -> Result<Secret, ConnectFault> {
        let platform = self
            .parts
            .platform
            .as_ref()
            .ok_or(ConnectFault::PlatformMissing)?;
        let audience = self
            .exchange
            .platform_audience
            .fill(Place::Plain, |n| values.get(n));
        let audience = audience.map_err(ConnectFault::SettingMissing)?;
        let assertion = platform.assertion(&audience).await;
        assertion.map_err(|e| ConnectFault::PlatformFailed(e.to_string()))
    }
}

/// A request in the making.
#[derive(Default)]
struct Draft {
    headers: HeaderMap,
    params: Params,
}

impl Draft {
    fn push(&mut self, name: &str, value: &str) {
        let value = Zeroizing::new(value.to_owned());
        self.params.push((name.to_owned(), value));
    }
}

fn filled(template: &Template, values: &Values) -> Result<Zeroizing<String>, ConnectFault> {
    let text = template.fill(Place::Plain, |name| values.get(name));
    text.map(Zeroizing::new)
        .map_err(ConnectFault::SecretMissing)
}

fn unusable_for_basic(id: &Template, secret: &Template) -> ConnectFault {
    let names: Vec<&str> = id.names().chain(secret.names()).collect();
    ConnectFault::FieldInvalid {
        field: names.join("`, `"),
        problem: "can't be used for HTTP Basic: a colon in the id or a control character"
            .to_owned(),
    }
}

/// `application/x-www-form-urlencoded`, everything but unreserved characters percent-encoded once.
fn encode(params: &Params, into: &mut String) {
    for (name, value) in params {
        if !into.is_empty() {
            into.push('&');
        }
        percent_encode(name, into);
        into.push('=');
        percent_encode(value, into);
    }
}
