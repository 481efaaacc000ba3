//! Google identity tokens: from the metadata server of a Google machine, or for a service account's key.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::{ZeroizeOnDrop, Zeroizing};

use super::code::Code;
use super::exposed;
use super::identity::in_argument;
use super::target::Target;
use super::token::{Token, now};
use super::wire::{Answer, Limits, Wire};
use crate::connection::environment;
use crate::connection::failure::Failure;

const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    bytes: 256 * 1024,
};
const GRANT: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

/// Where a Google identity token comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Google {
    /// The metadata server of this machine (`GCE_METADATA_HOST` names another).
    Metadata,
    /// A service account's key file.
    Key(PathBuf),
}

#[derive(Deserialize, ZeroizeOnDrop)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: String,
    private_key_id: String,
    private_key: String,
    token_uri: String,
}

impl Google {
    /// A fresh token for `audience`.
    ///
    /// # Errors
    /// When the server can't be reached or refuses, or the key file is none.
    pub(super) async fn token(&self, audience: &str) -> Result<Token, Failure> {
        match self {
            Self::Metadata => from_metadata(audience).await,
            Self::Key(path) => for_key(path, audience).await,
        }
    }
}

/// <https://docs.cloud.google.com/compute/docs/instances/verifying-instance-identity>
async fn from_metadata(audience: &str) -> Result<Token, Failure> {
    let environment = environment()?;
    let place = environment.get("GCE_METADATA_HOST");
    let place = place.filter(|place| !place.is_empty());
    let authority = place.map_or("metadata.google.internal", String::as_str);
    let target = format!(
        "/computeMetadata/v1/instance/service-accounts/default/identity?audience={}&format=full",
        component(audience)
    );
    let request = Request::get(target)
        .header(header::HOST, authority)
        .header("metadata-flavor", "Google")
        .body(Bytes::new());
    let request = request.map_err(|_| {
        Failure::usage(Code::MetadataHostInvalid, "GCE_METADATA_HOST is not a host")
    })?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().unwrap_or(80)),
        None => (authority, 80),
    };
    let line = Wire::to_metadata(host, port, LIMITS)
        .line()
        .send(&request)
        .await;
    let elsewhere = "on a machine that is not Google's: --token-command 'gcloud auth print-identity-token', or --google-key FILE";
    let answer = line.map_err(|failure| {
        Failure::new(
            Code::GoogleMetadataUnreachable,
            format!(
                "no answer from Google's metadata server: {}",
                failure.message
            ),
        )
        .next(elsewhere)
    })?;
    if !answer.status.is_success() || answer.header("metadata-flavor") != Some("Google") {
        return Err(Failure::new(
            Code::GoogleMetadataRefused,
            format!(
                "the metadata server gives no identity token (status {})",
                answer.status.as_u16()
            ),
        )
        .next("check that the machine has a service account"));
    }
    Token::read(
        &Zeroizing::new(answer.body.to_vec()),
        "the metadata server's answer",
    )
}

/// <https://docs.cloud.google.com/iam/docs/create-short-lived-credentials-direct>, by RFC 7523 section 2.1.
async fn for_key(path: &PathBuf, audience: &str) -> Result<Token, Failure> {
    let shown = path.display();
    let text = std::fs::read(path).map(Zeroizing::new).map_err(|error| {
        if exposed::is_secret(&path.to_string_lossy()) {
            return in_argument().next("give --google-key the path of the key file; delete this key at Google and make a new one if others use this machine");
        }
        Failure::new(
            Code::GoogleKeyUnreadable,
            format!("can't read {shown} ({})", error.kind()),
        )
    })?;
    let unusable = |what: &str| {
        Failure::new(Code::GoogleKeyUnreadable, format!("{shown} {what}"))
            .next("give the JSON key file of a service account")
    };
    let key: KeyFile = serde_json::from_slice(&text)
        .map_err(|_| unusable("is not the key file of a service account"))?;
    if key.kind != "service_account" {
        return Err(unusable("is not of type `service_account`"));
    }
    let place = Target::parse(&key.token_uri)
        .map_err(|_| unusable("has a `token_uri` that is not https"))?;
    let target = place
        .own()
        .ok_or_else(|| unusable("has a `token_uri` without a path"))?;
    let assertion =
        assertion(&key, audience).ok_or_else(|| unusable("has a `private_key` that is none"))?;
    let body = Zeroizing::new(format!(
        "grant_type={GRANT}&assertion={}",
        assertion.as_str()
    ));
    let request = Request::post(target.as_str())
        .header(header::HOST, &place.authority)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Bytes::copy_from_slice(body.as_bytes()))
        .map_err(|_| unusable("has a `token_uri` that can't be called"))?;
    let answer = Wire::to(&place, LIMITS)?.line().send(&request).await?;
    given(&answer)
}

fn assertion(key: &KeyFile, audience: &str) -> Option<Zeroizing<String>> {
    let now = now();
    let claims = json!({
        "iss": key.client_email, "sub": key.client_email, "aud": key.token_uri,
        "target_audience": audience, "iat": now, "exp": now + 3600,
    });
    let mut header = Header::new(Algorithm::RS256);
    header.kid = Some(key.private_key_id.clone());
    let signing = EncodingKey::from_rsa_pem(key.private_key.as_bytes()).ok()?;
    let signed = jsonwebtoken::encode(&header, &claims, &signing).ok()?;
    Some(Zeroizing::new(signed))
}

fn given(answer: &Answer) -> Result<Token, Failure> {
    let members: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let token = members.as_ref().and_then(|m| m.get("id_token")?.as_str());
    match token.filter(|_| answer.status.is_success()) {
        Some(token) => Token::read(
            &Zeroizing::new(token.as_bytes().to_vec()),
            "Google's answer",
        ),
        None => Err(Failure::new(
            Code::GoogleKeyRefused,
            format!(
                "Google gives no identity token for this key (status {})",
                answer.status.as_u16()
            ),
        )
        .next("check that the key and its service account still exist, and this machine's clock")),
    }
}

fn component(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            other => drop(write!(out, "%{other:02X}")),
        }
    }
    out
}
