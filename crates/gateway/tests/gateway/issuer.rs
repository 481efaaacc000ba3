//! An issuer of identity tokens, and a policy which trusts it.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hushgate_gateway::access::fetch::{Document, FetchFault, KeySource};
use hushgate_gateway::ports::PortFuture;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://issuer.example.com";
pub(crate) const AUDIENCE: &str = "https://sample.gw.example.com";
pub(crate) const SUBJECT: &str = "workload-1";

pub(crate) const POLICY: &str = r"
issuers:
  - issuer: https://issuer.example.com
    algorithms: [ES256]
    jwks_uri: https://issuer.example.com/keys
clients:
  - id: vendor
    identity: {issuer: https://issuer.example.com, subject: workload-1, audience: https://sample.gw.example.com}
    sources: [sample]
  - id: stranger
    identity: {issuer: https://issuer.example.com, subject: workload-2, audience: https://sample.gw.example.com}
    sources: [other]
  - id: far-away
    identity: {issuer: https://issuer.example.com, subject: workload-3, audience: https://sample.gw.example.com}
    sources: [sample]
    ip_allow: [198.51.100.0/24]
";

/// Serves the issuer's keys, or fails.
pub(crate) struct Keys {
    pub(crate) available: bool,
}

impl KeySource for Keys {
    fn fetch<'a>(&'a self, _: &'a str) -> PortFuture<'a, Result<Document, FetchFault>> {
        let keys = json!({"keys": [{
            "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "alg": "ES256",
            "x": "sZLINKZvbdcRDO97mU0LfxR6-rsN0mKeLUynlIa9Xig",
            "y": "V6EHjUrTVd8hmhTp_tkEYWLCmuNqeqLIgXLyP0_G8Tc",
        }]});
        let available = self.available;
        Box::pin(async move {
            if !available {
                return Err(FetchFault::Status(500));
            }
            Ok(Document {
                body: Bytes::from(keys.to_string()),
                max_age: None,
            })
        })
    }
}

pub(crate) fn token_with(change: impl FnOnce(&mut Value)) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut claims =
        json!({"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": now, "exp": now + 600});
    change(&mut claims);
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some("k1".to_owned());
    let key = EncodingKey::from_ec_pem(include_bytes!("issuer-key.pem")).unwrap();
    encode(&header, &claims, &key).unwrap()
}

pub(crate) fn token() -> String {
    token_with(|_| ())
}
