//! An OpenID issuer with one ES256 key: discovery, key set, and tokens for whoever asks in process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, anyhow};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::server::{LoopbackServer, Response};

const KEY_ID: &str = "sample-1";

/// A workload-identity issuer on loopback.
pub struct Issuer {
    server: LoopbackServer,
    key: EncodingKey,
}

impl Issuer {
    /// Makes a key and starts serving discovery and the key set.
    ///
    /// # Errors
    /// When no port can be bound or no key can be made.
    pub async fn start() -> anyhow::Result<Self> {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|_| anyhow!("can't make a signing key"))?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref())
            .map_err(|_| anyhow!("can't read the signing key back"))?;
        let keys =
            key_set(pair.public_key().as_ref()).context("the public key is a P-256 point")?;
        let server = LoopbackServer::start(move |request| {
            let host = request
                .headers()
                .get("host")
                .and_then(|h| h.to_str().ok())
                .unwrap_or("");
            let issuer = format!("http://{host}");
            match request.uri().path() {
                "/.well-known/openid-configuration" => answer(&json!({
                    "issuer": issuer,
                    "jwks_uri": format!("{issuer}/jwks.json"),
                    "id_token_signing_alg_values_supported": ["ES256"],
                    "response_types_supported": ["id_token"],
                    "subject_types_supported": ["public"],
                })),
                "/jwks.json" => answer(&keys),
                _ => {
                    let mut response = Response::new(Bytes::new());
                    *response.status_mut() = http::StatusCode::NOT_FOUND;
                    response
                }
            }
        })
        .await?;
        Ok(Self {
            server,
            key: EncodingKey::from_ec_der(pkcs8.as_ref()),
        })
    }

    /// The issuer's identifier, which is also its base URL.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Signs a token for `subject`, meant for `audience`, that ends after `lifetime`.
    ///
    /// # Errors
    /// When signing fails.
    pub fn token(
        &self,
        subject: &str,
        audience: &str,
        lifetime: Duration,
    ) -> anyhow::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = json!({
            "iss": self.url(),
            "sub": subject,
            "aud": audience,
            "iat": now,
            "exp": now + lifetime.as_secs(),
        });
        let mut header = Header::new(Algorithm::ES256);
        header.kid = Some(KEY_ID.to_owned());
        Ok(jsonwebtoken::encode(&header, &claims, &self.key)?)
    }
}

/// The key set with the uncompressed point `04 ‖ x ‖ y` as its one key (RFC 7518, 6.2.1).
fn key_set(point: &[u8]) -> Option<Value> {
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(32)?;
    Some(json!({"keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": KEY_ID,
        "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
    }]}))
}

fn answer(value: &Value) -> Response {
    let mut response = Response::new(Bytes::from(value.to_string()));
    response.headers_mut().insert(
        "content-type",
        http::HeaderValue::from_static("application/json"),
    );
    response
}
