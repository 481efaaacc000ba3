//! A request as the transcript shows it: whole, but for what differs each time, which is verified
//! instead: signatures, nonces, times, the server's port.

use std::fmt::Write as _;
use std::sync::OnceLock;

use aws_lc_rs::encoding::AsBigEndian as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, UnparsedPublicKey,
};
use aws_lc_rs::{encoding, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use reqwest::Url;
use serde_json::Value;

use crate::server::Recorded;
use crate::setup::{START, key, pem};

/// A P-256 key made for the test run.
pub(super) struct EcKey {
    pub(super) pem: String,
    public: Vec<u8>,
}

pub(super) fn ec_key() -> &'static EcKey {
    static KEY: OnceLock<EcKey> = OnceLock::new();
    KEY.get_or_init(|| {
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let document = document.unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref());
        let point: encoding::EcPublicKeyUncompressedBin<'_> =
            pair.unwrap().public_key().as_be_bytes().unwrap();
        EcKey {
            pem: pem("PRIVATE KEY", document.as_ref()),
            public: point.as_ref().to_vec(),
        }
    })
}

/// The request as text. `secrets` is the key of OAuth 1.0a signatures.
pub(super) fn shown(request: &Recorded, origin: &str, secrets: &str) -> String {
    let mut text = format!("{}\n", request.line);
    for (name, value) in &request.headers {
        // A token names the server's port, which is not always as long.
        let varies = name == "content-length" && request.body.contains("eyJ");
        let value = if varies { "<length>" } else { value };
        writeln!(text, "{name}: {value}").unwrap();
    }
    if !request.body.is_empty() {
        writeln!(text, "\n{}", request.body).unwrap();
    }
    let text = without_signature(request, origin, secrets, text);
    let text = with_read_tokens(&text);
    let host = origin.strip_prefix("http://").unwrap();
    text.replace(host, "HOST")
}

/// Replaces each JWT by its header and claims, its signature verified.
fn with_read_tokens(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("eyJ") {
        let (before, token) = rest.split_at(at);
        let end = token.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
        let (token, after) = token.split_at(end.unwrap_or(token.len()));
        let (header, mut claims) = verified(token);
        if let Some(jti) = claims.get_mut("jti") {
            assert_eq!(jti.as_str().unwrap().len(), 36);
            *jti = "a-uuid".into();
        }
        for name in ["iat", "exp"] {
            let moment = claims[name].as_i64().unwrap() - i64::try_from(START).unwrap();
            claims[name] = format!("now{moment:+}").into();
        }
        write!(shown, "{before}<{header} {claims}>").unwrap();
        rest = after;
    }
    shown + rest
}

/// The header and the claims of a token whose signature is right.
pub(crate) fn verified(token: &str) -> (Value, Value) {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap());
    let header: Value = serde_json::from_slice(&header.unwrap()).unwrap();
    let algorithm: Algorithm = header["alg"].as_str().unwrap().parse().unwrap();
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let public = match algorithm {
        Algorithm::ES256 => DecodingKey::from_ec_der(&ec_key().public),
        _ => DecodingKey::from_rsa_der(&key().public),
    };
    let read = jsonwebtoken::decode::<Value>(token, &public, &validation);
    (header, read.unwrap().claims)
}

/// Verifies an OAuth 1.0a signature against the request as it came, and replaces it.
fn without_signature(request: &Recorded, origin: &str, secrets: &str, text: String) -> String {
    let target = request.line.split(' ').nth(1).unwrap();
    let url = Url::parse(&format!("{origin}{target}")).unwrap();
    let mut params: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let header = request.header("authorization");
    if let Some(protocol) = header.strip_prefix("OAuth ") {
        let protocol = protocol.replace("\", ", "&").replace(['"', ' '], "");
        let protocol = Url::parse(&format!("http://x.example/?{protocol}")).unwrap();
        let protocol = protocol.query_pairs().into_owned();
        params.extend(protocol.filter(|(name, _)| name != "realm"));
    }
    let Some(at) = params.iter().position(|(n, _)| n == "oauth_signature") else {
        return text;
    };
    let (_, signature) = params.remove(at);
    if request.header("content-type") == "application/x-www-form-urlencoded" {
        let form = Url::parse(&format!("http://x.example/?{}", request.body)).unwrap();
        params.extend(form.query_pairs().into_owned());
    }
    let get = |name: &str| {
        let found = params.iter().find(|(known, _)| known == name);
        found.unwrap().1.clone()
    };
    let (method, nonce, time) = (
        get("oauth_signature_method"),
        get("oauth_nonce"),
        get("oauth_timestamp"),
    );
    assert_eq!(time, START.to_string());
    assert_eq!(nonce.len(), 32);
    let mut pairs: Vec<_> = params
        .iter()
        .map(|(n, v)| (escaped(n), escaped(v)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let verb = request.line.split(' ').next().unwrap();
    let base = format!(
        "{verb}&{}&{}",
        escaped(&format!("{origin}{}", url.path())),
        escaped(&pairs.join("&"))
    );
    let hmac = |algorithm| {
        let key = hmac::Key::new(algorithm, secrets.as_bytes());
        let signature = STANDARD.decode(&signature).unwrap();
        hmac::verify(&key, base.as_bytes(), &signature).unwrap();
    };
    match method.as_str() {
        "HMAC-SHA1" => hmac(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        "HMAC-SHA256" => hmac(hmac::HMAC_SHA256),
        "RSA-SHA1" => {
            let public = UnparsedPublicKey::new(
                &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                &key().public,
            );
            let signature = STANDARD.decode(&signature).unwrap();
            public.verify(base.as_bytes(), &signature).unwrap();
        }
        _ => assert_eq!(signature, secrets),
    }
    text.replace(&escaped(&signature), "<signature>")
        .replace(&nonce, "<nonce>")
        .replace(&time, "<now>")
}

pub(super) fn escaped(text: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes()
        .map(|b| {
            if unreserved(b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect()
}
