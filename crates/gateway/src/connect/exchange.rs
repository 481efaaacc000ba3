//! One exchange at a token endpoint: the request as the grant and the client authentication want it.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use reqwest::Url;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::ConnectorParts;
use super::answer::{self, Granted};
use super::draft::{Draft, add_to_query, address, encode, filled};
use super::endpoint::{TokenRequest, TokenResponse};
use super::fault::ConnectFault;
use super::source::{Auth, Body, Device, Exchange, Grant, ParamsIn};
use super::template::Place;
use super::values::{Purpose, Values};
use crate::ports::Secret;

mod client;
mod grant;

/// Everything one exchange looks at.
pub(super) struct Trade<'a> {
    pub(super) parts: &'a ConnectorParts,
    pub(super) auth: &'a Auth,
    pub(super) exchange: &'a Exchange,
    /// Scheme, host and port of the source, where the account decides them.
    pub(super) origin: &'a Url,
    pub(super) user: Option<&'a str>,
}

/// What is given for a token beside the proof of the client.
#[derive(Clone, Copy)]
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
    /// Reads the fields that the exchange needs.
    pub(super) async fn values(&self) -> Result<Values, ConnectFault> {
        Values::read(self.auth, self.parts, Purpose::Call).await
    }

    /// Asks the token endpoint once. Saves nothing.
    pub(super) async fn ask(
        &self,
        values: &Values,
        given: Given<'_>,
    ) -> Result<Granted, ConnectFault> {
        let response = self.send(values, given).await?;
        self.read(&response)
    }

    /// Sends the request of [`Trade::ask`] and gives the answer as it came.
    pub(super) async fn send(
        &self,
        values: &Values,
        given: Given<'_>,
    ) -> Result<TokenResponse, ConnectFault> {
        let request = self.request(values, given).await?;
        self.parts.endpoint.call(request).await
    }

    /// Reads the answer to [`Trade::send`].
    pub(super) fn read(&self, response: &TokenResponse) -> Result<Granted, ConnectFault> {
        let now = self.parts.clock.unix_seconds();
        let granted = answer::read(response, &self.exchange.answer, now);
        granted.map_err(|fault| fault.of_grant(self.exchange.grant, response.status))
    }

    /// The device authorization request (RFC 8628 section 3.1), and the answer as it came.
    pub(super) async fn ask_for_device(
        &self,
        device: &Device,
        values: &Values,
    ) -> Result<TokenResponse, ConnectFault> {
        let url = address(&device.url, values, self.parts, self.origin)?;
        let mut draft = Draft::default();
        self.prove(&mut draft, &url, values, true).await?;
        if let Some(scope) = &device.scope {
            draft.push("scope", scope);
        }
        for (name, template) in &device.params {
            draft.push(name, &filled(template, values)?);
        }
        let request = finished(url, draft, ParamsIn::Body)?;
        self.parts.endpoint.call(request).await
    }

    async fn request(
        &self,
        values: &Values,
        given: Given<'_>,
    ) -> Result<TokenRequest, ConnectFault> {
        let exchange = self.exchange;
        let url = address(&exchange.token_url, values, self.parts, self.origin)?;
        let mut draft = Draft::default();
        for (name, template) in &exchange.headers {
            let text = Zeroizing::new(template.fill(Place::Header, |n| values.get(n))?);
            let value = HeaderValue::from_str(&text);
            let mut value = value.map_err(|_| ConnectFault::Internal)?;
            value.set_sensitive(true);
            draft.headers.insert(name.clone(), value);
        }
        self.grant(&mut draft, &url, values, given).await?;
        let public = !matches!(given, Given::Fields) || exchange.grant == Grant::Password;
        self.prove(&mut draft, &url, values, public).await?;
        if exchange.grant == Grant::Login {
            return login(exchange.body.as_ref(), url, draft, values);
        }
        let in_claim = exchange.assertion.as_ref().is_some_and(|a| a.scope_claim);
        // A code stands for the scopes that were consented to.
        let asked = !matches!(given, Given::Code { .. } | Given::DeviceCode(_));
        let scope = exchange.scope.as_deref();
        if let Some(scope) = scope.filter(|_| asked && !in_claim) {
            draft.push("scope", scope);
        }
        let more = match given {
            Given::RefreshToken(_) => &exchange.refresh_params[..],
            _ => &[],
        };
        for (name, template) in exchange.params.iter().chain(more) {
            draft.push(name, &filled(template, values)?);
        }
        if exchange.grant == Grant::GithubApp {
            return Ok(bare(url, draft, Zeroizing::default()));
        }
        finished(url, draft, exchange.params_in)
    }
}

/// A request with its parameters where they belong.
fn finished(
    mut url: Url,
    mut draft: Draft,
    params_in: ParamsIn,
) -> Result<TokenRequest, ConnectFault> {
    let mut body = Zeroizing::new(String::new());
    let mut content_type = "application/x-www-form-urlencoded";
    match params_in {
        ParamsIn::Query => add_to_query(&mut url, &draft.params),
        ParamsIn::Body => encode(&draft.params, &mut body),
        ParamsIn::Json => {
            content_type = "application/json";
            let member = |(name, value): &(String, Zeroizing<String>)| {
                (name.clone(), Value::String(value.as_str().to_owned()))
            };
            let members: Map<String, Value> = draft.params.iter().map(member).collect();
            let text = serde_json::to_string(&members).map_err(|_| ConnectFault::Internal)?;
            body = Zeroizing::new(text);
        }
    }
    let kind = HeaderValue::from_static(content_type);
    draft.headers.insert(CONTENT_TYPE, kind);
    Ok(bare(url, draft, body))
}

/// The request of a vendor's own login (`type: pwd`).
fn login(
    body: Option<&Body>,
    url: Url,
    mut draft: Draft,
    values: &Values,
) -> Result<TokenRequest, ConnectFault> {
    match body {
        None => Ok(bare(url, draft, Zeroizing::default())),
        Some(Body::Form(params)) => {
            for (name, template) in params {
                draft.push(name, &filled(template, values)?);
            }
            finished(url, draft, ParamsIn::Body)
        }
        Some(Body::Json(template)) => {
            let json = template.fill(&mut |name| values.get(name))?;
            let kind = HeaderValue::from_static("application/json");
            draft.headers.insert(CONTENT_TYPE, kind);
            Ok(bare(url, draft, Zeroizing::new(json.to_string())))
        }
    }
}

fn bare(url: Url, draft: Draft, body: Zeroizing<String>) -> TokenRequest {
    let mut headers = draft.headers;
    if !headers.contains_key(ACCEPT) {
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    }
    TokenRequest {
        method: Method::POST,
        url,
        headers,
        body,
    }
}
