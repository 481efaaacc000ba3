//! OAuth 1.0a (RFC 5849), as declared.

use super::consent::Redirect;
use super::read::{Map, Reader};
use crate::connect::template::Template;

/// The three endpoints and how requests are signed.
#[derive(Debug, Clone)]
pub struct Oauth1 {
    /// Gives temporary credentials (section 2.1).
    pub request_token_url: Template,
    /// Where the resource owner consents (section 2.2).
    pub authorize_url: Template,
    /// Gives the token credentials (section 2.3).
    pub access_token_url: Template,
    /// How requests are signed.
    pub signature_method: SignatureMethod,
    /// The `realm` of the `Authorization` header.
    pub realm: Option<Template>,
    /// The client's identifier.
    pub consumer_key: Template,
    /// The client's shared secret; not used by RSA-SHA1.
    pub consumer_secret: Template,
    /// The field with the client's RSA key in PEM; RSA-SHA1 only.
    pub private_key: Option<String>,
    /// The field with the token.
    pub token: String,
    /// The field with the token's secret.
    pub token_secret: String,
    /// Further parameters of the address to consent at.
    pub authorize_params: Vec<(String, Template)>,
    /// Where the browser is sent back to.
    pub redirect: Redirect,
    /// Whether the protocol's parameters go to the query instead of the `Authorization` header.
    pub in_query: bool,
}

/// A signature method (RFC 5849 section 3.4; HMAC-SHA256 as its vendors define it alike).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureMethod {
    /// `HMAC-SHA1`.
    HmacSha1,
    /// `HMAC-SHA256`.
    HmacSha256,
    /// `RSA-SHA1`.
    RsaSha1,
    /// `PLAINTEXT`, over TLS only.
    Plaintext,
}

impl SignatureMethod {
    /// All methods with their names on the wire.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("HMAC-SHA1", Self::HmacSha1),
        ("HMAC-SHA256", Self::HmacSha256),
        ("RSA-SHA1", Self::RsaSha1),
        ("PLAINTEXT", Self::Plaintext),
    ];

    /// Its name on the wire.
    pub fn word(self) -> &'static str {
        let found = Self::ALL.iter().find(|(_, method)| *method == self);
        found.map_or("", |(name, _)| name)
    }
}

impl Reader<'_> {
    pub(super) fn oauth1(&mut self, map: &Map<'_>) -> Option<Oauth1> {
        let request_token_url = self.required_endpoint(map, "request_token_url", &["host"]);
        let authorize_url = self.required_endpoint(map, "authorize_url", &["host"]);
        let access_token_url = self.required_endpoint(map, "access_token_url", &["host"]);
        let method = self.word(map, "signature_method", SignatureMethod::ALL);
        let method = method.unwrap_or(SignatureMethod::HmacSha1);
        let rsa = method == SignatureMethod::RsaSha1;
        let private_key = self.field_name(map, "private_key");
        if rsa != private_key.is_some() {
            self.invalid(
                map.node.span,
                "`private_key` belongs to RSA-SHA1, and RSA-SHA1 needs it",
                "name the field with the RSA key, for `signature_method: RSA-SHA1` only",
            );
        }
        let mut obtained = |key, standard: &str| {
            let name = self.field_name(map, key);
            if map.get(key).is_none() {
                self.uses(standard, map.node.span);
            }
            name.unwrap_or_else(|| standard.to_owned())
        };
        let token = obtained("token", "TOKEN");
        let token_secret = obtained("token_secret", "TOKEN_SECRET");
        let realm = self.template(map, "realm", &[]);
        let consumer_key = self.named_template(map, "consumer_key", "CONSUMER_KEY", true);
        let consumer_secret = self.named_template(map, "consumer_secret", "CONSUMER_SECRET", !rsa);
        let places = [("header", false), ("query", true)];
        let in_query = self.word(map, "params_in", &places).unwrap_or(false);
        let authorize_params = self.params(
            map,
            "authorize_params",
            &["oauth_token", "oauth_callback", "oauth_verifier"],
        );
        let redirect = self.redirect(map);
        Some(Oauth1 {
            request_token_url: request_token_url?,
            authorize_url: authorize_url?,
            access_token_url: access_token_url?,
            signature_method: method,
            realm,
            consumer_key,
            consumer_secret,
            private_key,
            token,
            token_secret,
            authorize_params,
            redirect,
            in_query,
        })
    }
}
