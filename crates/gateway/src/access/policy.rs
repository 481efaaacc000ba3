//! The access policy: which issuers are trusted, which clients may call, from where, until when.
//!
//! The file is described in `docs/access-policy.md`. Without a policy every request is refused.

mod document;
mod identity;
mod reach;
mod read;
mod read_identity;
mod shape;
mod value;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::refusal::{Cause, Refusal};

use super::address::{self, TrustedProxies};
use super::algorithm::Algorithm;
use super::aws::Principal;
use super::claims::Claims;
use super::fault::TokenFault;
use super::platform::PlatformCallers;

pub(super) use identity::{GoogleAccount, Identity};

/// A checked access policy. [`Policy::default`] trusts nobody.
#[derive(Debug, Default)]
pub struct Policy {
    issuers: Vec<Issuer>,
    clients: Vec<Arc<Client>>,
    proxies: TrustedProxies,
    platform: Option<PlatformCallers>,
}

/// How a policy is read.
#[derive(Debug, Clone, Copy, Default)]
pub struct PolicyOptions {
    /// Admits issuers on plain http to this machine; never set it on a cloud host.
    pub dev_loopback: bool,
    /// The platform that may vouch for callers, where this function runs on it and the operator
    /// switched it on. Identities of another platform are problems.
    pub platform: Option<PlatformCallers>,
}

/// A trusted token issuer.
#[derive(Debug, Clone)]
pub(super) struct Issuer {
    /// Exactly as its tokens must give it.
    pub(super) url: String,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) jwks_uri: Option<String>,
    /// Seconds.
    pub(super) max_lifetime: u64,
    /// Seconds for which keys may be used when they can't be renewed.
    pub(super) stale_keys: u64,
}

/// A caller that the policy admits.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) identity: Identity,
    sources: Vec<String>,
    /// The first second without access, since 1970.
    ends: Option<u64>,
    ip_allow: Option<Vec<IpNet>>,
    pub(super) pseudonym_domain: Option<String>,
}

/// Every problem of a policy file at once.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.lines())]
pub struct PolicyError {
    file: String,
    problems: Vec<Problem>,
}

/// One problem, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; 0 when the whole file is meant.
    pub line: u64,
    /// The column, from 1; 0 when the whole file is meant.
    pub column: u64,
    /// The place in words, like `clients[0].identity.subject`; empty for the whole file.
    pub path: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl Policy {
    /// Reads and checks a policy in which no platform vouches for callers, see [`Policy::read`].
    ///
    /// # Errors
    /// Every problem found, each with line and column.
    pub fn parse(text: &str, file: &str, dev_loopback: bool) -> Result<Self, PolicyError> {
        let options = PolicyOptions {
            dev_loopback,
            platform: None,
        };
        Self::read(text, file, options)
    }

    /// Reads and checks a policy. `file` is the name used in errors.
    ///
    /// # Errors
    /// Every problem found, each with line and column.
    pub fn read(text: &str, file: &str, options: PolicyOptions) -> Result<Self, PolicyError> {
        read::policy(text, options).map_err(|problems| PolicyError {
            file: file.to_owned(),
            problems,
        })
    }

    /// The ids of the clients, in the order of the file.
    pub fn client_ids(&self) -> impl Iterator<Item = &str> {
        self.clients.iter().map(|client| client.id.as_str())
    }

    /// The ids of the clients that may use this source at this moment (seconds since 1970).
    pub fn clients_of<'a>(&'a self, source: &'a str, now: u64) -> impl Iterator<Item = &'a str> {
        self.clients
            .iter()
            .filter(move |client| client.check_use(source, now).is_ok())
            .map(|client| client.id.as_str())
    }

    /// The setting for the caller's address.
    pub fn proxies(&self) -> &TrustedProxies {
        &self.proxies
    }

    pub(super) fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.issuers.iter()
    }

    pub(super) fn clients(&self) -> impl Iterator<Item = &Client> {
        self.clients.iter().map(AsRef::as_ref)
    }

    /// The platform whose word is taken.
    pub(super) fn platform(&self) -> Option<PlatformCallers> {
        self.platform
    }

    /// The one client with exactly this issuer, subject and one of these audiences.
    pub(super) fn client_of(&self, claims: &Claims) -> Result<Arc<Client>, TokenFault> {
        self.only(|identity| identity.has_token(claims))
            .ok_or(TokenFault::NoClient)
    }

    /// The one client that is this Google account, for one of these audiences.
    pub(super) fn client_on_cloud_run(
        &self,
        account: &GoogleAccount,
    ) -> Result<Arc<Client>, TokenFault> {
        self.only(|identity| identity.is_google_account(account))
            .ok_or(TokenFault::NoGoogleClient)
    }

    /// The one client that is this principal.
    pub(super) fn client_on_aws(
        &self,
        principal: &Principal<'_>,
    ) -> Result<Arc<Client>, TokenFault> {
        self.only(|identity| identity.is_principal(principal))
            .ok_or(TokenFault::NoPrincipal)
    }

    /// The client that fits, if there is one and no other.
    fn only(&self, fits: impl Fn(&Identity) -> bool) -> Option<Arc<Client>> {
        let mut fitting = self.clients.iter().filter(|client| fits(&client.identity));
        match (fitting.next(), fitting.next()) {
            (Some(client), None) => Some(Arc::clone(client)),
            _ => None,
        }
    }
}

impl Client {
    /// Refuses an address outside `ip_allow`, or one that can't be told when there is an `ip_allow`.
    pub(super) fn check_address(&self, address: Option<IpAddr>) -> Result<(), Refusal> {
        let Some(ranges) = &self.ip_allow else {
            return Ok(());
        };
        let detail = match address {
            Some(address) if address::contains(ranges, address) => return Ok(()),
            Some(_) => "its address is not in `ip_allow`",
            None => "its address can't be told: check `trusted_proxies`",
        };
        Err(self.refuse(Cause::AddressNotAllowed, detail))
    }

    /// Refuses a client whose access ended, and one without access to this source.
    pub(super) fn check_use(&self, source: &str, now: u64) -> Result<(), Refusal> {
        if self.has_ended(now) {
            return Err(self.refuse(Cause::CallerNotAllowed, "its access has expired"));
        }
        if !self.sources.iter().any(|s| s == source) {
            return Err(self.refuse(
                Cause::CallerNotAllowed,
                "its `sources` do not list this one",
            ));
        }
        Ok(())
    }

    /// Whether its access has ended (`now` in seconds since 1970).
    fn has_ended(&self, now: u64) -> bool {
        self.ends.is_some_and(|ends| now >= ends)
    }

    fn refuse(&self, cause: Cause, detail: &str) -> Refusal {
        Refusal::new(cause, format!("client `{}`: {detail}", self.id))
    }
}

impl PolicyError {
    /// The stable code of this error.
    pub fn code(&self) -> &'static str {
        "access-policy-invalid"
    }

    /// The problems in the order of the file.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    fn lines(&self) -> String {
        let lines: Vec<String> = self
            .problems
            .iter()
            .map(|problem| format!("{}:{problem}", self.file))
            .collect();
        lines.join("\n")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

#[cfg(test)]
mod tests;
