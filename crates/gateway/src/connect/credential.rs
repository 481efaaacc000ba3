//! A credential ready to be put on a request.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Url;
use serde_json::Value;
use zeroize::Zeroizing;

use super::fault::ConnectFault;
use super::lifecycle::Print;
use super::oauth1::{Call, Pair, Signed, Signer, Stamp};
use super::source::{Auth, Placement};
use super::template::{Place, Template, percent_encode};
use super::values::Values;
use crate::ports::{Clock, Secret};
use crate::refusal::{Cause, Refusal};

/// What proves to the source who we are, as it stands in a request. Its `Debug` shows nothing.
#[derive(Debug, Clone)]
pub struct Credential {
    parts: Arc<[Part]>,
    /// By which a rejected credential is told from its successor.
    pub(super) print: Print,
}

#[derive(Debug)]
enum Part {
    Header(HeaderName, HeaderValue),
    Query(String, Secret),
    Body(String, Secret),
    Signature(Signature),
}

/// Keys that sign each request anew, with the time of signing.
struct Signature {
    signer: Signer,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signature(…)")
    }
}

impl Credential {
    /// Puts the credential on a request: headers, query parameters, members of the JSON body, or a
    /// signature of the request as it stands (so this is the last thing done to it). Whatever the
    /// request had in these places is replaced.
    ///
    /// # Errors
    /// `body-not-listed` when the credential goes into the body and the body is not a JSON object;
    /// `parameter-not-listed` when the request is signed and has `oauth_` parameters of its own.
    pub fn apply(
        &self,
        method: &Method,
        url: &mut Url,
        headers: &mut HeaderMap,
        body: &mut Option<Bytes>,
    ) -> Result<(), Refusal> {
        for part in self.parts.iter() {
            match part {
                Part::Header(name, value) => {
                    headers.insert(name.clone(), value.clone());
                }
                Part::Query(name, value) => set_query(url, name, value.reveal()),
                Part::Body(name, value) => {
                    *body = Some(with_member(body.as_deref(), name, value.reveal())?);
                    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                    headers.remove(CONTENT_LENGTH);
                }
                Part::Signature(signature) => {
                    signature.apply(method, url, headers, body.as_deref())?;
                }
            }
        }
        Ok(())
    }

    /// The token or key itself, without a scheme before it; none when each request is signed.
    pub(super) fn token(&self) -> Option<Secret> {
        let whole = self.parts.iter().find_map(|part| match part {
            Part::Header(_, value) => value.to_str().ok().map(Secret::new),
            Part::Query(_, value) | Part::Body(_, value) => Some(value.clone()),
            Part::Signature(_) => None,
        })?;
        let token = whole.reveal().rsplit(' ').next().unwrap_or_default();
        (!token.is_empty()).then(|| Secret::new(token))
    }

    /// Whether both stand for the same secret.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let same = |(one, other): (&Part, &Part)| match (one, other) {
            (Part::Header(_, a), Part::Header(_, b)) => a == b,
            (Part::Query(_, a), Part::Query(_, b)) | (Part::Body(_, a), Part::Body(_, b)) => {
                a.reveal() == b.reveal()
            }
            (Part::Signature(a), Part::Signature(b)) => a.signer.same_as(&b.signer),
            _ => false,
        };
        self.parts.len() == other.parts.len() && self.parts.iter().zip(other.parts.iter()).all(same)
    }

    /// Makes the credential that a source declares, from its fields and, where there was an exchange,
    /// the access token.
    pub(super) fn declared(
        auth: &Auth,
        values: &Values,
        access_token: Option<&Secret>,
        clock: &Arc<dyn Clock>,
        print: Print,
    ) -> Result<Self, ConnectFault> {
        let value = |name: &str| match name {
            "access_token" => access_token.map(Secret::reveal),
            name => values.get(name),
        };
        let mut parts = Vec::with_capacity(auth.send.len());
        for placement in &auth.send {
            parts.extend(Part::fill(placement, value)?);
        }
        // Last, since it covers what the others add.
        if let Some(oauth1) = &auth.oauth1 {
            let token = Pair::new(
                values.need(&oauth1.token)?,
                values.get(&oauth1.token_secret).unwrap_or_default(),
            );
            parts.push(Part::Signature(Signature {
                signer: Signer::declared(oauth1, values, Some(token))?,
                clock: Arc::clone(clock),
            }));
        }
        let parts = parts.into();
        Ok(Self { parts, print })
    }
}

impl Part {
    /// Fills a placement; a signature is made otherwise. `value` gives the text for a name.
    fn fill<'v>(
        placement: &Placement,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> Result<Option<Self>, ConnectFault> {
        let text = |template: &Template| {
            let filled = template.fill(Place::Plain, &value);
            filled.map(Zeroizing::new).map_err(ConnectFault::from)
        };
        Ok(Some(match placement {
            Placement::Header(name, template) => {
                Self::Header(name.clone(), sensitive(template, &text(template)?)?)
            }
            Placement::Basic(user, password) => {
                let (name, word) = (text(user)?, text(password)?);
                let value = basic(&name, &word).ok_or_else(|| unusable(user))?;
                Self::Header(AUTHORIZATION, value)
            }
            Placement::Query(name, template) => {
                Self::Query(name.clone(), Secret::new(text(template)?.as_str()))
            }
            Placement::Body(name, template) => {
                Self::Body(name.clone(), Secret::new(text(template)?.as_str()))
            }
            Placement::Signature => return Ok(None),
        }))
    }
}

impl Signature {
    fn apply(
        &self,
        method: &Method,
        url: &mut Url,
        headers: &mut HeaderMap,
        body: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let call = Call {
            method: method.as_str(),
            url,
            form: body.filter(|_| is_form(headers)),
        };
        let stamp = Stamp::fresh(self.clock.unix_seconds());
        let signed = self.signer.sign(&call, &[], &stamp).map_err(|_| {
            let detail =
                "the request is signed with OAuth 1.0a and has `oauth_` parameters of its own";
            Refusal::new(Cause::ParameterNotListed, detail)
        })?;
        match signed {
            Signed::Header(value) => {
                headers.insert(AUTHORIZATION, value);
            }
            Signed::Query(query) => url.set_query(Some(&query)),
        }
        Ok(())
    }
}

/// `Basic` credentials (RFC 7617); `None` when the user holds a colon or either a control character.
pub(super) fn basic(user: &str, password: &str) -> Option<HeaderValue> {
    if user.contains(':') || user.chars().chain(password.chars()).any(char::is_control) {
        return None;
    }
    let pair = Zeroizing::new(format!("{user}:{password}"));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Whether the body is a form, whose parameters are signed (RFC 5849 section 3.4.1.3.1).
fn is_form(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = value.and_then(|v| v.split(';').next()).unwrap_or_default();
    essence
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn sensitive(template: &Template, text: &str) -> Result<HeaderValue, ConnectFault> {
    let mut value = HeaderValue::from_str(text).map_err(|_| unusable(template))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unusable(template: &Template) -> ConnectFault {
    ConnectFault::FieldInvalid {
        field: template.names().collect::<Vec<_>>().join("`, `"),
        problem: "holds characters that can't stand in a header; store the value without line breaks, and a user name without `:`".to_owned(),
    }
}

/// Replaces a query parameter; the others keep their bytes and order.
fn set_query(url: &mut Url, name: &str, value: &str) {
    let mut encoded_name = String::new();
    percent_encode(name, &mut encoded_name);
    let kept = url.query().unwrap_or_default().split('&').filter(|pair| {
        let key = pair.split('=').next().unwrap_or_default();
        !pair.is_empty()
            && !key.eq_ignore_ascii_case(&encoded_name)
            && !key.eq_ignore_ascii_case(name)
    });
    let mut query = Zeroizing::new(String::new());
    for pair in kept {
        query.push_str(pair);
        query.push('&');
    }
    query.push_str(&encoded_name);
    query.push('=');
    percent_encode(value, &mut query);
    url.set_query(Some(&query));
}

fn with_member(body: Option<&[u8]>, name: &str, value: &str) -> Result<Bytes, Refusal> {
    let refused = |detail: &str| Refusal::new(Cause::BodyNotListed, detail);
    let mut object = match body.filter(|b| !b.is_empty()) {
        None => serde_json::Map::new(),
        Some(bytes) => match serde_json::from_slice(bytes) {
            Ok(Value::Object(object)) => object,
            _ => {
                return Err(refused(
                    "the credential goes into the request body, which must be a JSON object",
                ));
            }
        },
    };
    object.insert(name.to_owned(), Value::String(value.to_owned()));
    let text = serde_json::to_vec(&Value::Object(object));
    text.map(Bytes::from)
        .map_err(|_| refused("the request body can't be written again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(placement: &Placement, value: &'static str) -> Credential {
        let part = Part::fill(placement, |_| Some(value)).unwrap();
        Credential {
            parts: part.into_iter().collect(),
            print: Print::of("1"),
        }
    }

    fn filled(placement: &Placement) -> Credential {
        credential(placement, "s3cr&t=/ é")
    }

    #[test]
    fn replaces_a_query_parameter_and_leaves_the_others_alone() {
        let placement = Placement::Query("api_key".to_owned(), Template::name("K"));
        let mut url =
            Url::parse("https://x.example/p?a=%2F&API_KEY=forged&b=1+2&api%5Fkey=z").unwrap();
        let mut headers = HeaderMap::new();
        filled(&placement)
            .apply(&Method::POST, &mut url, &mut headers, &mut None)
            .unwrap();
        assert_eq!(
            url.query(),
            Some("a=%2F&b=1+2&api%5Fkey=z&api_key=s3cr%26t%3D%2F%20%C3%A9")
        );
    }

    #[test]
    fn adds_a_member_to_a_json_body_only() {
        let placement = Placement::Body("service_key".to_owned(), Template::name("K"));
        let mut url = Url::parse("https://x.example/").unwrap();
        let mut headers = HeaderMap::new();
        let mut apply = |body: Option<&'static str>| {
            let mut body = body.map(|b| Bytes::from_static(b.as_bytes()));
            filled(&placement)
                .apply(&Method::POST, &mut url, &mut headers, &mut body)
                .map(|()| body.unwrap())
        };
        assert_eq!(
            apply(None).unwrap(),
            r#"{"service_key":"s3cr&t=/ é"}"#.as_bytes()
        );
        assert_eq!(
            apply(Some(r#"{"z":1,"service_key":"forged"}"#)).unwrap(),
            r#"{"z":1,"service_key":"s3cr&t=/ é"}"#.as_bytes()
        );
        assert!(apply(Some("[1]")).is_err());
        assert!(apply(Some("{")).is_err());
    }

    #[test]
    fn shows_nothing_in_debug() {
        let header = Placement::Header(AUTHORIZATION, Template::name("K"));
        let query = Placement::Query("k".to_owned(), Template::name("K"));
        for placement in [header, query] {
            let credential = credential(&placement, "visible-secret");
            assert!(!format!("{credential:?}").contains("visible"));
        }
    }

    #[test]
    fn basic_refuses_a_colon_in_the_user() {
        assert!(basic("a:b", "c").is_none());
        assert!(basic("a", "b\nc").is_none());
        assert_eq!(basic("key_1", "").unwrap(), "Basic a2V5XzE6");
        assert_eq!(basic("u", "p:q").unwrap(), "Basic dTpwOnE=");
    }
}
