//! OAuth 1.0a signatures (RFC 5849 section 3): the base string, the methods, the header.
//!
//! A [`Signer`] is made once from the stored keys; each request is then signed with a fresh
//! [`Stamp`]. What is signed is read from the bytes that go over the wire.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use reqwest::Url;
use zeroize::Zeroizing;

use super::draft::filled;
use super::fault::ConnectFault;
use super::random;
use super::source::{Oauth1, SignatureMethod};
use super::template::percent_encode;
use super::values::Values;
use crate::ports::Secret;

mod base;
mod rsa;
#[cfg(test)]
mod tests;

use base::{base_string, call_params, encoded};
use rsa::RsaKey;

/// A shared identifier with its secret. Its `Debug` shows nothing of the secret.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) id: String,
    pub(super) secret: Secret,
}

impl Pair {
    pub(super) fn new(id: &str, secret: &str) -> Self {
        Self {
            id: id.to_owned(),
            secret: Secret::new(secret),
        }
    }
}

/// The timestamp and nonce of one request (RFC 5849 section 3.3).
#[derive(Debug, Clone)]
pub(super) struct Stamp {
    /// Seconds since 1970.
    pub(super) timestamp: u64,
    pub(super) nonce: String,
}

impl Stamp {
    /// A stamp of this moment with a random nonce.
    pub(super) fn fresh(now: u64) -> Self {
        Self {
            timestamp: now,
            nonce: random::uuid().replace('-', ""),
        }
    }
}

/// The request to sign.
pub(super) struct Call<'a> {
    pub(super) method: &'a str,
    pub(super) url: &'a Url,
    /// The body, if its content type is `application/x-www-form-urlencoded`; no other is signed.
    pub(super) form: Option<&'a [u8]>,
}

/// Signs requests for one client and, once it has one, its token. Its `Debug` shows no key.
#[derive(Debug)]
pub(super) struct Signer {
    client: Pair,
    token: Option<Pair>,
    method: SignatureMethod,
    key: Key,
    realm: Option<String>,
    version: bool,
    in_query: bool,
}

/// Where a signature stands.
#[derive(Debug)]
pub(super) enum Signed {
    /// The value of the `Authorization` header (RFC 5849 section 3.5.1).
    Header(HeaderValue),
    /// The whole query with the protocol's parameters at its end (section 3.5.3).
    Query(Zeroizing<String>),
}

#[derive(Debug)]
enum Key {
    Hmac(Box<hmac::Key>),
    Rsa(RsaKey),
    Plain(Secret),
}

impl Key {
    fn hmac(algorithm: hmac::Algorithm, secrets: &str) -> Self {
        Self::Hmac(Box::new(hmac::Key::new(algorithm, secrets.as_bytes())))
    }
}

/// A parameter named `oauth_…` stands in the query or the form, where the signature's own would
/// stand beside it (RFC 5849 section 3.1 forbids that a parameter occurs twice).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reserved;

impl Signer {
    /// The signer that a source declares.
    ///
    /// # Errors
    /// When a field is missing or can't be used.
    pub(super) fn declared(
        oauth1: &Oauth1,
        values: &Values,
        token: Option<Pair>,
    ) -> Result<Self, ConnectFault> {
        let consumer_key = filled(&oauth1.consumer_key, values)?;
        let client = match &oauth1.private_key {
            Some(field) => Pair::new(&consumer_key, values.need(field)?),
            None => Pair::new(&consumer_key, &filled(&oauth1.consumer_secret, values)?),
        };
        let field = oauth1.private_key.as_deref().unwrap_or_default();
        let mut signer = Self::new(oauth1.signature_method, client, token, field)?;
        signer.in_query = oauth1.in_query;
        if let Some(realm) = &oauth1.realm {
            let realm = filled(realm, values)?.to_string();
            // A quoted string (RFC 9110 section 5.6.4) without anything to escape.
            let plain = |b: u8| (b' '..=b'~').contains(&b) && b != b'"' && b != b'\\';
            if !realm.bytes().all(plain) {
                return Err(ConnectFault::FieldInvalid {
                    field: "realm".to_owned(),
                    problem: "holds a quotation mark, a backslash or characters beyond ASCII"
                        .to_owned(),
                });
            }
            signer.realm = Some(realm);
        }
        Ok(signer)
    }

    /// A signer. With RSA-SHA1 the client's secret is its key, and `field` names it in messages.
    fn new(
        method: SignatureMethod,
        client: Pair,
        token: Option<Pair>,
        field: &str,
    ) -> Result<Self, ConnectFault> {
        let secrets = secrets(&client, token.as_ref());
        let key = match method {
            SignatureMethod::HmacSha1 => Key::hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &secrets),
            SignatureMethod::HmacSha256 => Key::hmac(hmac::HMAC_SHA256, &secrets),
            SignatureMethod::RsaSha1 => Key::Rsa(RsaKey::read(field, client.secret.reveal())?),
            SignatureMethod::Plaintext => Key::Plain(Secret::new(secrets.as_str())),
        };
        Ok(Self {
            client,
            token,
            method,
            key,
            realm: None,
            version: true,
            in_query: false,
        })
    }

    /// Whether both sign with the same keys.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        let same = |a: &Pair, b: &Pair| a.id == b.id && a.secret.reveal() == b.secret.reveal();
        same(&self.client, &other.client)
            && match (&self.token, &other.token) {
                (Some(a), Some(b)) => same(a, b),
                (None, None) => true,
                _ => false,
            }
    }

    /// Signs a request. `more` are further protocol parameters, such as `oauth_callback`.
    ///
    /// # Errors
    /// When the request has protocol parameters of its own.
    pub(super) fn sign(
        &self,
        call: &Call<'_>,
        more: &[(&str, &str)],
        stamp: &Stamp,
    ) -> Result<Signed, Reserved> {
        if call_params(call).any(|(name, _)| name.starts_with("oauth_")) {
            return Err(Reserved);
        }
        let mut protocol = self.protocol(more, stamp);
        let signature = match &self.key {
            Key::Plain(secrets) => Zeroizing::new(secrets.reveal().to_owned()),
            Key::Hmac(key) => {
                let base = base_string(call, &protocol);
                Zeroizing::new(STANDARD.encode(hmac::sign(key, base.as_bytes())))
            }
            Key::Rsa(key) => {
                let base = base_string(call, &protocol);
                Zeroizing::new(STANDARD.encode(key.sign(base.as_bytes())))
            }
        };
        protocol.push(("oauth_signature".to_owned(), encoded(&signature)));
        if self.in_query {
            return Ok(Signed::Query(in_query(call.url, &protocol)));
        }
        let mut text = Zeroizing::new(String::with_capacity(512));
        text.push_str("OAuth ");
        if let Some(realm) = &self.realm {
            text.push_str("realm=\"");
            text.push_str(realm);
            text.push_str("\", ");
        }
        for (index, (name, value)) in protocol.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { ", " });
            text.push_str(name);
            text.push_str("=\"");
            text.push_str(value);
            text.push('"');
        }
        let mut value = HeaderValue::from_str(&text).map_err(|_| Reserved)?;
        value.set_sensitive(true);
        Ok(Signed::Header(value))
    }

    /// The protocol parameters but the signature, encoded.
    fn protocol(&self, more: &[(&str, &str)], stamp: &Stamp) -> Vec<(String, String)> {
        let timestamp = stamp.timestamp.to_string();
        let mut params = Vec::with_capacity(7 + more.len());
        let mut push = |name: &str, value: &str| params.push((encoded(name), encoded(value)));
        push("oauth_consumer_key", &self.client.id);
        if let Some(token) = &self.token {
            push("oauth_token", &token.id);
        }
        push("oauth_signature_method", self.method.word());
        push("oauth_timestamp", &timestamp);
        push("oauth_nonce", &stamp.nonce);
        if self.version {
            push("oauth_version", "1.0");
        }
        for (name, value) in more {
            push(name, value);
        }
        params
    }
}

/// The key of the HMAC methods and the signature of PLAINTEXT (RFC 5849 sections 3.4.2, 3.4.4).
fn secrets(client: &Pair, token: Option<&Pair>) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    percent_encode(client.secret.reveal(), &mut text);
    text.push('&');
    percent_encode(token.map_or("", |t| t.secret.reveal()), &mut text);
    text
}

/// The query of a URL with the protocol's parameters at its end.
fn in_query(url: &Url, protocol: &[(String, String)]) -> Zeroizing<String> {
    let mut query = Zeroizing::new(url.query().unwrap_or_default().to_owned());
    for (name, value) in protocol {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        query.push_str(value);
    }
    query
}
