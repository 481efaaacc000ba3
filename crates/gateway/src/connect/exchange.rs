//! One exchange at a token endpoint: the request as the grant and the client authentication want it.

use std::collections::BTreeMap;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use reqwest::Url;
use zeroize::Zeroizing;

use super::answer::{self, Granted};
use super::assertion::{self, Occasion};
use super::credential::basic;
use super::draft::{Draft, address, encode, filled};
use super::endpoint::TokenRequest;
use super::fault::ConnectFault;
use super::rotation::Rotation;
use super::source::{Auth, ClientAuthKind, Exchange, Grant, ParamsIn};
use super::template::{Place, Template};
use super::values::Values;
use super::{ConnectorParts, chosen_client_auth};
use crate::ports::Secret;

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const JWT_CLIENT: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Everything one exchange looks at.
pub(super) struct Trade<'a> {
    pub(super) parts: &'a ConnectorParts,
    pub(super) auth: &'a Auth,
    pub(super) exchange: &'a Exchange,
    /// Scheme, host and port of the source, where the account decides them.
    pub(super) origin: &'a Url,
    pub(super) user: Option<&'a str>,
}

/// What an exchange gave, with the values that were read for it.
pub(super) struct Traded {
    pub(super) granted: Granted,
    pub(super) values: Values,
}

/// What is given for a token beside the proof of the client.
#[derive(Clone, Copy)]
#[expect(dead_code, reason = "consents use the others next")]
pub(super) enum Given<'a> {
    /// What the source's grant makes of the fields.
    Fields,
    /// RFC 6749 section 6.
    RefreshToken(&'a Secret),
    /// The code of a consent (RFC 6749 section 4.1.3), with its verifier (RFC 7636 section 4.5).
    Code {
        code: &'a Secret,
        redirect: &'a str,
        verifier: Option<&'a Secret>,
    },
    /// The device code of a consent on another device (RFC 8628 section 3.4).
    DeviceCode(&'a Secret),
}

impl Trade<'_> {
    /// Makes the exchange. A returned refresh token is saved before this ends.
    pub(super) async fn run(&self, rotation: &Rotation) -> Result<Traded, ConnectFault> {
        let store = self.parts.store.as_ref();
        let values = self.values().await?;
        let refresh_token = if self.exchange.grant.refreshes() {
            let stored = values.need(&self.exchange.refresh_token)?;
            Some(rotation.newest(stored))
        } else {
            None
        };
        let given = refresh_token
            .as_ref()
            .map_or(Given::Fields, Given::RefreshToken);
        let granted = self.ask(&values, given).await?;
        if let (Some(used), Some(new)) = (&refresh_token, &granted.refresh_token) {
            let name = &self.exchange.refresh_token;
            rotation.keep(name, used, new, store).await;
        }
        Ok(Traded { granted, values })
    }

    /// Reads the fields that the exchange needs.
    pub(super) async fn values(&self) -> Result<Values, ConnectFault> {
        let kind = chosen_client_auth(self.exchange, &self.parts.settings)?;
        let store = self.parts.store.as_ref();
        Values::read(self.auth, Some(kind), store, &self.parts.settings).await
    }

    /// Asks the token endpoint once. Saves nothing.
    pub(super) async fn ask(
        &self,
        values: &Values,
        given: Given<'_>,
    ) -> Result<Granted, ConnectFault> {
        let request = self.request(values, given).await?;
        let response = self.parts.endpoint.call(request).await?;
        let now = self.parts.clock.unix_seconds();
        answer::read(&response, &self.exchange.answer, now)
    }

    async fn request(
        &self,
        values: &Values,
        given: Given<'_>,
    ) -> Result<TokenRequest, ConnectFault> {
        let kind = chosen_client_auth(self.exchange, &self.parts.settings)?;
        let mut url = address(&self.exchange.token_url, values, self.parts, self.origin)?;
        let mut draft = Draft::default();
        draft
            .headers
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        self.grant(&mut draft, &url, values, given)?;
        self.client_auth(&mut draft, kind, &url, values).await?;
        let in_claim = self.exchange.assertion.as_ref();
        let in_claim = in_claim.is_some_and(|a| a.scope_claim);
        // A code stands for the scopes that were consented to.
        let asked = !matches!(given, Given::Code { .. } | Given::DeviceCode(_));
        let scope = self.exchange.scope.as_deref();
        if let Some(scope) = scope.filter(|_| asked && !in_claim) {
            draft.push("scope", scope);
        }
        for (name, template) in &self.exchange.params {
            draft.push(name, &filled(template, values)?);
        }
        for (name, template) in &self.exchange.headers {
            let text = template.fill(Place::Header, |n| values.get(n))?;
            let value = HeaderValue::from_str(&Zeroizing::new(text));
            let mut value = value.map_err(|_| ConnectFault::Internal)?;
            value.set_sensitive(true);
            draft.headers.insert(name.clone(), value);
        }
        let mut body = Zeroizing::new(String::new());
        let mut content_type = "application/x-www-form-urlencoded";
        match self.exchange.params_in {
            ParamsIn::Query => {
                let mut query = Zeroizing::new(url.query().unwrap_or_default().to_owned());
                encode(&draft.params, &mut query);
                url.set_query(Some(&query));
            }
            ParamsIn::Body => encode(&draft.params, &mut body),
            ParamsIn::Json => {
                content_type = "application/json";
                let members: BTreeMap<&str, &str> = draft
                    .params
                    .iter()
                    .map(|(n, v)| (n.as_str(), v.as_str()))
                    .collect();
                let text = serde_json::to_string(&members).map_err(|_| ConnectFault::Internal)?;
                body = Zeroizing::new(text);
            }
        }
        if self.exchange.grant != Grant::GithubApp {
            let kind = HeaderValue::from_static(content_type);
            draft.headers.insert(CONTENT_TYPE, kind);
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
        given: Given<'_>,
    ) -> Result<(), ConnectFault> {
        match given {
            Given::Fields => return self.grant_of_fields(draft, url, values),
            Given::RefreshToken(token) => {
                draft.push("grant_type", "refresh_token");
                draft.push("refresh_token", token.reveal());
                for (name, template) in &self.exchange.refresh_params {
                    draft.push(name, &filled(template, values)?);
                }
            }
            Given::Code {
                code,
                redirect,
                verifier,
            } => {
                draft.push("grant_type", "authorization_code");
                draft.push("code", code.reveal());
                draft.push("redirect_uri", redirect);
                if let Some(verifier) = verifier {
                    draft.push("code_verifier", verifier.reveal());
                }
            }
            Given::DeviceCode(code) => {
                draft.push("grant_type", DEVICE_CODE);
                draft.push("device_code", code.reveal());
            }
        }
        // Who does not authenticate names itself (RFC 6749 sections 3.2.1 and 4.1.3).
        let kind = chosen_client_auth(self.exchange, &self.parts.settings)?;
        if kind == ClientAuthKind::None
            && let Ok(client_id) = filled(&self.exchange.client_id, values)
        {
            draft.push("client_id", &client_id);
        }
        Ok(())
    }

    fn grant_of_fields(
        &self,
        draft: &mut Draft,
        url: &Url,
        values: &Values,
    ) -> Result<(), ConnectFault> {
        match self.exchange.grant {
            Grant::ClientCredentials => draft.push("grant_type", "client_credentials"),
            Grant::AccountCredentials => draft.push("grant_type", "account_credentials"),
            Grant::RefreshToken | Grant::AuthorizationCode | Grant::DeviceCode => {
                let token = values.need(&self.exchange.refresh_token)?;
                draft.push("grant_type", "refresh_token");
                draft.push("refresh_token", token);
            }
            grant @ (Grant::Password
            | Grant::TokenExchange
            | Grant::Login
            | Grant::PersonalAccessToken) => return Err(ConnectFault::Unsupported(grant.word())),
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
        let audience = audience.map_err(ConnectFault::from)?;
        let assertion = platform.assertion(&audience).await;
        assertion.map_err(|e| ConnectFault::PlatformFailed(e.to_string()))
    }
}

fn unusable_for_basic(id: &Template, secret: &Template) -> ConnectFault {
    let names: Vec<&str> = id.names().chain(secret.names()).collect();
    ConnectFault::FieldInvalid {
        field: names.join("`, `"),
        problem: "can't be used for HTTP Basic: a colon in the id or a control character"
            .to_owned(),
    }
}
