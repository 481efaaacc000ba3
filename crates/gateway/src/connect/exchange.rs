//! One exchange at a token endpoint: the request as the grant and the client authentication want it.

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use reqwest::Url;
use zeroize::Zeroizing;

use super::answer::{self, Granted};
use super::assertion::{self, Occasion};
use super::credential::basic;
use super::endpoint::TokenRequest;
use super::fault::ConnectFault;
use super::rotation::Rotation;
use super::source::{Auth, ClientAuthKind, Exchange, Grant, is_loopback};
use super::template::{Place, percent_encode};
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
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let mut params = Params::new();
        let scope = self.exchange.scope.as_deref();
        let assertion = |values| {
            let spec = self
                .exchange
                .assertion
                .as_ref()
                .ok_or(ConnectFault::Internal)?;
            let now = self.parts.clock.unix_seconds();
            assertion::make(
                spec,
                &Occasion {
                    values,
                    token_url: url.as_str(),
                    scope,
                    user: self.user,
                    now,
                },
            )
        };
        match self.exchange.grant {
            Grant::ClientCredentials => push(&mut params, "grant_type", "client_credentials"),
            Grant::AccountCredentials => push(&mut params, "grant_type", "account_credentials"),
            Grant::RefreshToken => {
                push(&mut params, "grant_type", "refresh_token");
                push(
                    &mut params,
                    "refresh_token",
                    refresh_token.map_or("", Secret::reveal),
                );
            }
            Grant::JwtBearer => {
                push(&mut params, "grant_type", JWT_BEARER);
                push(&mut params, "assertion", assertion(values)?.reveal());
            }
            Grant::GithubApp => {
                let bearer = Zeroizing::new(format!("Bearer {}", assertion(values)?.reveal()));
                let mut value =
                    HeaderValue::from_str(&bearer).map_err(|_| ConnectFault::Internal)?;
                value.set_sensitive(true);
                headers.insert(AUTHORIZATION, value);
            }
        }
        match client_auth {
            ClientAuthKind::Body => {
                push(&mut params, "client_id", &self.client_id(values)?);
                push(&mut params, "client_secret", &self.client_secret(values)?);
            }
            ClientAuthKind::Basic => {
                let value = basic(&self.client_id(values)?, &self.client_secret(values)?);
                let value = value.ok_or_else(|| ConnectFault::FieldInvalid {
                    field: self
                        .exchange
                        .client_id
                        .names()
                        .chain(self.exchange.client_secret.names())
                        .collect::<Vec<_>>()
                        .join("`, `"),
                    problem:
                        "can't be used for HTTP Basic: a colon in the id or a control character"
                            .to_owned(),
                })?;
                headers.insert(AUTHORIZATION, value);
            }
            ClientAuthKind::Certificate => {
                push(&mut params, "client_id", &self.client_id(values)?);
                push(&mut params, "client_assertion_type", JWT_CLIENT);
                push(&mut params, "client_assertion", assertion(values)?.reveal());
            }
            ClientAuthKind::Federated => {
                push(&mut params, "client_id", &self.client_id(values)?);
                push(&mut params, "client_assertion_type", JWT_CLIENT);
                push(
                    &mut params,
                    "client_assertion",
                    self.platform_assertion(values).await?.reveal(),
                );
            }
            ClientAuthKind::None => {}
        }
        let in_claim = self
            .exchange
            .assertion
            .as_ref()
            .is_some_and(|a| a.scope_claim);
        if let Some(scope) = scope.filter(|_| !in_claim) {
            push(&mut params, "scope", scope);
        }
        for (name, template) in &self.exchange.params {
            let value = template
                .fill(Place::Plain, |n| values.get(n))
                .map_err(ConnectFault::SecretMissing)?;
            push(&mut params, name, &value);
        }
        let mut body = Zeroizing::new(String::new());
        if self.exchange.params_in_query {
            let mut query = Zeroizing::new(url.query().unwrap_or_default().to_owned());
            encode(&params, &mut query);
            url.set_query(Some(&query));
        } else {
            encode(&params, &mut body);
        }
        if self.exchange.grant != Grant::GithubApp {
            headers.insert(
                CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
        }
        Ok(TokenRequest { url, headers, body })
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

    fn client_id(&self, values: &Values) -> Result<Zeroizing<String>, ConnectFault> {
        let filled = self
            .exchange
            .client_id
            .fill(Place::Plain, |n| values.get(n));
        filled
            .map(Zeroizing::new)
            .map_err(ConnectFault::SecretMissing)
    }

    fn client_secret(&self, values: &Values) -> Result<Zeroizing<String>, ConnectFault> {
        let filled = self
            .exchange
            .client_secret
            .fill(Place::Plain, |n| values.get(n));
        filled
            .map(Zeroizing::new)
            .map_err(ConnectFault::SecretMissing)
    }
}

fn push(params: &mut Params, name: &str, value: &str) {
    params.push((name.to_owned(), Zeroizing::new(value.to_owned())));
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
