//! A JWT that is signed here, as declared.

use std::time::Duration;

use super::client::ClientAuthKind;
use super::exchange::Grant;
use super::read::{Map, Reader};
use crate::connect::template::Template;

const ASSERTION_KEYS: &[&str] = &[
    "key",
    "format",
    "algorithm",
    "key_id",
    "issuer",
    "subject",
    "audience",
    "fingerprint",
    "lifetime",
    "backdate",
    "for_user",
];

/// A JWT made and signed here.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// The field with the private key.
    pub key: String,
    /// What that field holds.
    pub format: KeyFormat,
    /// How it is signed.
    pub algorithm: SigningAlgorithm,
    /// The `kid` header; with a Google key file always its `private_key_id`.
    pub key_id: Option<Template>,
    /// `iss`; with a Google key file always its `client_email`.
    pub issuer: Option<Template>,
    /// `sub`.
    pub subject: Option<Template>,
    /// `aud`.
    pub audience: Option<Template>,
    /// The field with the certificate's SHA-1 fingerprint in hex, for the `x5t` header.
    pub fingerprint: Option<String>,
    /// How long the assertion is valid.
    pub lifetime: Duration,
    /// How far `iat` is set back, for clocks that differ.
    pub backdate: Duration,
    /// Whether `sub` is the user that the request names.
    pub for_user: bool,
    /// Whether `scope` is a claim.
    pub scope_claim: bool,
    /// Whether a random `jti` is added.
    pub jti: bool,
}

/// What a key field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyFormat {
    /// PEM, PKCS#1 or PKCS#8, possibly wrapped in base64.
    Pem,
    /// A Google service account key file, raw JSON or base64.
    GoogleServiceAccount,
}

/// A signature algorithm (RFC 7518 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
}

impl Reader<'_> {
    pub(super) fn assertion(
        &mut self,
        map: &Map<'_>,
        grant: Option<Grant>,
        client: &[ClientAuthKind],
        client_id: &Template,
    ) -> Option<Assertion> {
        let map = self.map(map.get("assertion")?, "`assertion`", ASSERTION_KEYS)?;
        let key = self.field_name(&map, "key");
        if map.get("key").is_none() {
            self.missing(&map, "key");
        }
        let formats = [
            ("pem", KeyFormat::Pem),
            ("google_service_account", KeyFormat::GoogleServiceAccount),
        ];
        let format = self.word(&map, "format", &formats);
        let format = format.unwrap_or(KeyFormat::Pem);
        let algorithms = [
            ("RS256", SigningAlgorithm::Rs256),
            ("PS256", SigningAlgorithm::Ps256),
            ("ES256", SigningAlgorithm::Es256),
        ];
        let algorithm = self.word(&map, "algorithm", &algorithms);
        // For its own authentication a client is issuer and subject (RFC 7523 section 3).
        let by_client = client.iter().any(|kind| kind.signs());
        let own = |given: Option<Template>| given.or_else(|| by_client.then(|| client_id.clone()));
        let issuer = own(self.template(&map, "issuer", &[]));
        let subject = own(self.template(&map, "subject", &[]));
        let audience = self.template(&map, "audience", &["token_url"]);
        let audience = audience.or_else(|| by_client.then(|| Template::name("token_url")));
        if format == KeyFormat::Pem && issuer.is_none() {
            self.missing(&map, "issuer");
        }
        let most = if grant == Some(Grant::GithubApp) {
            Duration::from_mins(10)
        } else {
            Duration::from_hours(1)
        };
        let lifetime = self
            .duration(&map, "lifetime", Duration::from_mins(1), most)
            .unwrap_or(Duration::from_mins(5));
        let backdate = self
            .duration(&map, "backdate", Duration::ZERO, Duration::from_mins(5))
            .unwrap_or_default();
        if lifetime <= backdate {
            self.invalid(
                map.node.span,
                "`lifetime` is not longer than `backdate`",
                "the lifetime counts from the set-back `iat`; make it longer",
            );
        }
        Some(Assertion {
            key: key?,
            format,
            algorithm: algorithm.unwrap_or(SigningAlgorithm::Rs256),
            key_id: self.template(&map, "key_id", &[]),
            issuer,
            subject,
            audience,
            fingerprint: self.field_name(&map, "fingerprint"),
            lifetime,
            backdate,
            for_user: self.flag(&map, "for_user").unwrap_or(false),
            scope_claim: grant == Some(Grant::JwtBearer),
            jti: !matches!(grant, Some(Grant::JwtBearer | Grant::GithubApp)),
        })
    }
}
