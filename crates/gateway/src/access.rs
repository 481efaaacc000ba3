//! Who is calling: the identity token of a request, the access policy, the caller's address.
//!
//! [`Verifier::verify`] is the first step of a request's life and the only maker of a [`Caller`].
//! Every bad token gives the one cause `token-invalid`; the reason stands only in the refusal's
//! detail, which goes to the log.

pub mod address;
pub mod algorithm;
mod aws;
mod claims;
mod cloud_run;
mod credential;
pub mod fault;
pub mod fetch;
mod issuer;
pub mod jws;
pub mod keys;
mod known;
mod platform;
pub mod policy;
mod strict_json;

use std::net::IpAddr;
use std::sync::Arc;

use crate::inbound::Inbound;
use crate::ports::Clock;
use crate::refusal::{Cause, Refusal};

use aws::Principal;
use claims::Claims;
use credential::Credential;
use fault::TokenFault;
use fetch::KeySource;
use issuer::{IssuerKeys, KeyFault};
use jws::Jws;
use known::{Fingerprint, KnownToken, KnownTokens};
use policy::{Client, Policy};

pub use platform::PlatformCallers;

/// Verifies callers of one source against the access policy.
///
/// It holds the issuers' key caches; make one for the life of the process.
pub struct Verifier {
    policy: Policy,
    source: String,
    issuers: Vec<Arc<IssuerKeys>>,
    known: KnownTokens,
    clock: Arc<dyn Clock>,
}

impl Verifier {
    /// A verifier for the source with this id. Nothing is fetched yet, see [`Verifier::prefetch`].
    pub fn new(
        policy: Policy,
        source: impl Into<String>,
        keys: &Arc<dyn KeySource>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let issuers = policy
            .issuers()
            .map(|issuer| Arc::new(IssuerKeys::new(issuer.clone(), keys.clone(), clock.clone())))
            .collect();
        Self {
            policy,
            source: source.into(),
            issuers,
            known: KnownTokens::default(),
            clock,
        }
    }

    /// Starts to fetch the keys of every issuer with a client that may use this source now, without
    /// waiting for them. A policy may serve many sources; the issuers of the others are left alone.
    ///
    /// Call it once at start-up, inside the async runtime: the first request then finds the keys
    /// on their way.
    pub fn prefetch(&self) {
        let now = self.clock.unix_seconds();
        for keys in &self.issuers {
            let mut clients = self.policy.clients();
            let needed = clients.any(|client| {
                client.identity.issuer() == Some(keys.issuer())
                    && client.check_use(&self.source, now).is_ok()
            });
            if needed {
                keys.prefetch();
            }
        }
    }

    /// Verifies the identity token, or takes the platform's word where the policy was read for that
    /// platform; then the caller's address, then what the client may use.
    ///
    /// # Errors
    /// `token-missing`, `token-invalid` (every bad token, without distinction),
    /// `issuer-unavailable` (no usable keys of a trusted issuer), `address-not-allowed`, and
    /// `caller-not-allowed` (a known client whose access ended or does not cover this source).
    pub async fn verify(&self, inbound: &Inbound) -> Result<Caller, Refusal> {
        let client = match Credential::of(inbound, self.policy.platform())? {
            Credential::Token(token) => self.identify(token).await?,
            Credential::CheckedByCloudRun(token) => {
                let account = cloud_run::read(token, self.clock.unix_seconds())?;
                self.policy.client_on_cloud_run(&account)?
            }
            Credential::AwsIam(context) => self.policy.client_on_aws(&Principal::of(context)?)?,
        };
        let address = self.policy.proxies().client_address(inbound);
        client.check_address(address)?;
        client.check_use(&self.source, self.clock.unix_seconds())?;
        Ok(Caller { client, address })
    }

    async fn identify(&self, token: &str) -> Result<Arc<Client>, Refusal> {
        let fingerprint = Fingerprint::of(token);
        if let Some(client) = self.recognize(fingerprint).await? {
            return Ok(client);
        }
        let jws = Jws::parse(token)?;
        let claims = Claims::read(jws.payload())?;
        let (issuer, keys) = self
            .issuers
            .iter()
            .enumerate()
            .find(|(_, keys)| keys.issuer() == claims.issuer)
            .ok_or(TokenFault::IssuerNotTrusted)?;
        let algorithm = keys.pinned(jws.algorithm())?;
        let key = keys.key(algorithm, jws.kid()).await?;
        if !key.verify(algorithm, &jws) {
            return Err(TokenFault::SignatureMismatch.into());
        }
        let now = self.clock.unix_seconds();
        claims.times.check(now, keys.max_lifetime())?;
        let client = self.policy.client_of(&claims)?;
        let known = KnownToken {
            issuer,
            algorithm,
            kid: jws.kid().map(str::to_owned),
            times: claims.times,
            client: Arc::clone(&client),
            key,
            verified: now,
        };
        self.known.put(fingerprint, known);
        Ok(client)
    }

    /// The client of a token that was verified a moment ago with a key that is still the one for it.
    async fn recognize(&self, fingerprint: Fingerprint) -> Result<Option<Arc<Client>>, Refusal> {
        let Some(known) = self.known.get(fingerprint, self.clock.unix_seconds()) else {
            return Ok(None);
        };
        let Some(keys) = self.issuers.get(known.issuer) else {
            return Ok(None);
        };
        let key = keys.key(known.algorithm, known.kid.as_deref()).await?;
        if !Arc::ptr_eq(&key, &known.key) {
            return Ok(None);
        }
        known
            .times
            .check(self.clock.unix_seconds(), keys.max_lifetime())?;
        Ok(Some(Arc::clone(&known.client)))
    }
}

/// A verified caller: which client of the policy it is.
///
/// Only [`Verifier::verify`] makes one.
#[derive(Debug, Clone)]
pub struct Caller {
    client: Arc<Client>,
    address: Option<IpAddr>,
}

impl Caller {
    /// The client's id in the access policy; safe to log.
    pub fn client_id(&self) -> &str {
        &self.client.id
    }

    /// The client's display name; its id when the policy gives none.
    pub fn client_name(&self) -> &str {
        &self.client.name
    }

    /// The label under which this client gets pseudonyms of its own, if the policy gives one.
    pub fn pseudonym_domain(&self) -> Option<&str> {
        self.client.pseudonym_domain.as_deref()
    }

    /// The caller's address, as far as the trusted proxies vouch for it.
    pub fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl From<TokenFault> for Refusal {
    fn from(fault: TokenFault) -> Self {
        Refusal::new(Cause::TokenInvalid, fault.to_string())
    }
}

impl From<KeyFault> for Refusal {
    fn from(fault: KeyFault) -> Self {
        match fault {
            KeyFault::Token(fault) => fault.into(),
            KeyFault::Unavailable(issuer) => Refusal::new(
                Cause::IssuerUnavailable,
                format!("no usable keys of issuer `{issuer}`"),
            ),
        }
    }
}
