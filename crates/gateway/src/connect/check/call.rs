//! A declared call: the request as it is described, and whether its answer is a success.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue};
use reqwest::Url;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{CheckFault, VendorText};
use crate::connect::credential::Credential;
use crate::connect::endpoint::{TokenRequest, TokenResponse};
use crate::connect::fault::ConnectFault;
use crate::connect::source::{Body, Call, MemberPath, Target};
use crate::connect::template::{FillError, Place};
use crate::connect::values::{Purpose, Values};
use crate::connect::{Connector, draft};
use crate::ports::Secret;

/// Longest message of a vendor that is shown, in characters.
const LONGEST_MESSAGE: usize = 300;

/// One look at an account.
pub(super) struct Check<'c> {
    pub(super) connector: &'c Connector,
    pub(super) values: Values,
}

impl<'c> Check<'c> {
    pub(super) async fn new(connector: &'c Connector) -> Result<Self, CheckFault> {
        let (auth, parts) = (&connector.source().auth, connector.parts());
        let values = Values::read(auth, parts, Purpose::Account).await?;
        Ok(Self { connector, values })
    }

    pub(super) async fn with_one_renewal(
        &self,
        user: Option<&str>,
        credential: Credential,
        call: &Call,
    ) -> Result<(Credential, TokenResponse), CheckFault> {
        let response = self.send(call, &credential, None).await?;
        if response.status != 401 {
            return Ok((credential, response));
        }
        // A static key is read again; when nothing else is there, the first answer counts.
        let Ok(renewed) = self.connector.renew(user, &credential).await else {
            return Ok((credential, response));
        };
        let response = self.send(call, &renewed, None).await?;
        Ok((renewed, response))
    }

    pub(super) async fn send(
        &self,
        call: &Call,
        credential: &Credential,
        refresh_token: Option<&Secret>,
    ) -> Result<TokenResponse, CheckFault> {
        let mut request = self.request(call, credential, refresh_token)?;
        put_on(credential, &mut request)?;
        Ok(self.connector.parts().endpoint.call(request).await?)
    }

    /// The declared request, without a proof of who asks.
    pub(super) fn request(
        &self,
        call: &Call,
        credential: &Credential,
        refresh_token: Option<&Secret>,
    ) -> Result<TokenRequest, CheckFault> {
        let access_token = credential.token();
        let value = |name: &str| match name {
            "access_token" => access_token.as_ref().map(Secret::reveal),
            "refresh_token" => refresh_token.map(Secret::reveal),
            name => self.values.get(name),
        };
        let mut url = self.url(&call.target, value)?;
        let mut params = draft::Params::new();
        for (name, template) in &call.query {
            let text = template
                .fill(Place::Plain, value)
                .map_err(ConnectFault::from)?;
            params.push((name.clone(), Zeroizing::new(text)));
        }
        draft::add_to_query(&mut url, &params);
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let (kind, body) = body(call, value).map_err(ConnectFault::from)?;
        if let Some(kind) = kind {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        for (name, template) in &call.headers {
            let text = template
                .fill(Place::Header, value)
                .map_err(ConnectFault::from)?;
            let text = Zeroizing::new(text);
            let mut value = HeaderValue::from_str(&text).map_err(|_| ConnectFault::Internal)?;
            value.set_sensitive(true);
            headers.insert(name.clone(), value);
        }
        Ok(TokenRequest {
            method: call.method.clone(),
            url,
            headers,
            body: body.unwrap_or_default(),
        })
    }

    fn url<'v>(
        &'v self,
        target: &Target,
        value: impl FnMut(&str) -> Option<&'v str>,
    ) -> Result<Url, ConnectFault> {
        let (source, origin) = (self.connector.source(), self.connector.origin());
        match target {
            Target::Path(template) => {
                let path = template.fill(Place::UrlComponent, value)?;
                let mut url = origin.clone();
                url.set_path(&format!("{}{path}", source.base_path));
                Ok(url)
            }
            Target::Url(template) => {
                draft::address_of(template, value, self.connector.parts(), origin)
            }
        }
    }

    /// The answer of a call that succeeded, `null` when it is not JSON; `tokens` were sent with it.
    pub(super) fn success(
        &self,
        call: &Call,
        what: &'static str,
        response: &TokenResponse,
        tokens: &[Option<Secret>],
    ) -> Result<Value, CheckFault> {
        let status = response.status;
        let answer: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let message = || self.message(&answer, tokens);
        if !call.success.status_fits(status) {
            return Err(match status {
                300..=399 => ConnectFault::Redirected(status).into(),
                408 | 425 | 429 | 500..=599 => CheckFault::Unavailable { what, status },
                _ => CheckFault::Refused {
                    what,
                    status,
                    message: message(),
                },
            });
        }
        let Some((member, wanted)) = &call.success.member else {
            return Ok(answer);
        };
        let found = member.get(&answer).filter(|v| !v.is_null());
        let problem = match (found, wanted) {
            (None, _) => format!("the answer has no `{member}`"),
            (Some(found), Some(wanted)) if !equals(found, wanted) => {
                format!("`{member}` is not `{wanted}`")
            }
            _ => return Ok(answer),
        };
        Err(CheckFault::NotSuccess {
            what,
            status,
            problem,
            message: message(),
        })
    }

    /// The vendor's message, without anything that we sent.
    fn message(&self, answer: &Value, tokens: &[Option<Secret>]) -> Option<VendorText> {
        let places = &self.connector.source().auth.account.validate_error;
        let text = places.iter().find_map(|p| p.get(answer)?.as_str())?;
        let auth = &self.connector.source().auth;
        let secrets = auth.fields.iter().filter(|f| f.secret);
        let secrets = secrets.filter_map(|f| self.values.get(&f.name));
        let tokens = tokens.iter().flatten().map(Secret::reveal);
        let sent: Vec<&str> = secrets.chain(tokens).collect();
        VendorText::without(text, &sent, LONGEST_MESSAGE)
    }
}

/// Puts the credential of an API request on a request.
pub(super) fn put_on(
    credential: &Credential,
    request: &mut TokenRequest,
) -> Result<(), CheckFault> {
    let (method, headers) = (request.method.clone(), &mut request.headers);
    let text = &request.body;
    let mut body = (!text.is_empty()).then(|| Bytes::from(text.as_bytes().to_vec()));
    credential
        .apply(&method, &mut request.url, headers, &mut body)
        .map_err(CheckFault::Credential)?;
    let body = body.unwrap_or_default();
    let body = std::str::from_utf8(&body).map_err(|_| ConnectFault::Internal)?;
    request.body = Zeroizing::new(body.to_owned());
    Ok(())
}

fn body<'v>(
    call: &Call,
    mut value: impl FnMut(&str) -> Option<&'v str>,
) -> Result<(Option<&'static str>, Option<Zeroizing<String>>), FillError> {
    Ok(match &call.body {
        None => (None, None),
        Some(Body::Form(fields)) => {
            let mut params = draft::Params::new();
            for (name, template) in fields {
                let text = template.fill(Place::Plain, &mut value)?;
                params.push((name.clone(), Zeroizing::new(text)));
            }
            let mut text = Zeroizing::new(String::new());
            draft::encode(&params, &mut text);
            (Some("application/x-www-form-urlencoded"), Some(text))
        }
        Some(Body::Json(template)) => {
            let text = template.fill(&mut value)?.to_string();
            (Some("application/json"), Some(Zeroizing::new(text)))
        }
    })
}

/// Whether a value of an answer is what a declaration says, which knows texts only.
fn equals(found: &Value, wanted: &str) -> bool {
    match found {
        Value::String(text) => text == wanted,
        Value::Bool(value) => wanted == if *value { "true" } else { "false" },
        Value::Number(value) => value.to_string().as_str() == wanted,
        _ => false,
    }
}

/// The first place that holds a text or a number.
pub(super) fn first(places: &[MemberPath], answer: &Value, longest: usize) -> Option<VendorText> {
    places.iter().find_map(|place| match place.get(answer)? {
        Value::String(text) => VendorText::without(text, &[], longest),
        Value::Number(number) => VendorText::without(&number.to_string(), &[], longest),
        _ => None,
    })
}
