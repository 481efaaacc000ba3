//! From the YAML tree to a checked policy; collects every problem instead of stopping at one.

use std::sync::Arc;

use ipnet::IpNet;

use super::super::address::{TrustedProxies, parse_range};
use super::super::algorithm::Algorithm;
use super::document::{self, Node, Value};
use super::identity::Identity;
use super::shape::{Fields, Item, Reader};
use super::value::end_of_day;
use super::{Client, Issuer, Policy, PolicyOptions, Problem};

const DEFAULT_MAX_LIFETIME: u64 = 24 * 60 * 60;
const MAX_LIFETIME: std::ops::RangeInclusive<u64> = 60..=7 * 24 * 60 * 60;
const DEFAULT_STALE_KEYS: u64 = 24 * 60 * 60;
const STALE_KEYS: std::ops::RangeInclusive<u64> = 0..=7 * 24 * 60 * 60;
const HOPS: std::ops::RangeInclusive<u64> = 1..=16;

/// Reads a policy.
pub(super) fn policy(text: &str, options: PolicyOptions) -> Result<Policy, Vec<Problem>> {
    let root = document::read(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader::new(options);
    let policy = reader.policy(&root);
    if reader.problems.is_empty() {
        return Ok(policy);
    }
    reader.problems.sort_by_key(|p| (p.line, p.column));
    Err(reader.problems)
}

impl Reader {
    fn policy(&mut self, root: &Node) -> Policy {
        let keys = &[
            "issuers",
            "clients",
            "trusted_proxies",
            "aws_iam",
            "cloud_run",
        ];
        let Some(fields) = self.fields(root, "", keys) else {
            return Policy::default();
        };
        let issuers = self.items(&fields, "issuers", Self::issuer);
        let clients = self.items(&fields, "clients", Self::client);
        self.check_issuers(&issuers);
        self.check_clients(&clients);
        self.check_said(&fields, &clients, &AWS);
        self.check_said(&fields, &clients, &CLOUD_RUN);
        let written = match fields.get("issuers").map(|node| &node.value) {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        };
        if issuers.len() == written {
            self.check_trust(&clients, &issuers);
        }
        Policy {
            proxies: self.proxies(&fields),
            platform: self.platform,
            issuers: issuers.into_iter().map(|issuer| issuer.value).collect(),
            clients: clients
                .into_iter()
                .map(|client| Arc::new(client.value))
                .collect(),
        }
    }

    fn issuer(&mut self, fields: &Fields<'_>) -> Option<Issuer> {
        let url = self.url(fields, "issuer", true);
        let jwks_uri = self.url(fields, "jwks_uri", false);
        let algorithms = self.algorithms(fields);
        let max_lifetime = self.span(fields, "max_lifetime", &MAX_LIFETIME, DEFAULT_MAX_LIFETIME);
        let stale_keys = self.span(fields, "stale_keys", &STALE_KEYS, DEFAULT_STALE_KEYS);
        Some(Issuer {
            url: url?,
            algorithms,
            jwks_uri,
            max_lifetime,
            stale_keys,
        })
    }

    fn client(&mut self, fields: &Fields<'_>) -> Option<Client> {
        let id = self.name(fields, "id", true);
        let name = self.text(fields, "name", false);
        let identity = self.identity(fields);
        let sources = self.names(fields, "sources");
        let ends = self.expires(fields);
        let ip_allow = self.ip_allow(fields);
        let pseudonym_domain = self.name(fields, "pseudonym_domain", false);
        let id = id?;
        Some(Client {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            identity: identity?,
            sources,
            ends,
            ip_allow,
            pseudonym_domain,
        })
    }

    fn algorithms(&mut self, fields: &Fields<'_>) -> Vec<Algorithm> {
        let known = || {
            let names: Vec<_> = Algorithm::ALL.iter().map(|a| a.name()).collect();
            names.join(", ")
        };
        let mut found = Vec::new();
        for (path, node, text) in self.texts(fields, "algorithms", true) {
            match Algorithm::from_name(&text) {
                Some(algorithm) if found.contains(&algorithm) => {
                    self.report(node, &path, "is listed twice");
                }
                Some(algorithm) => found.push(algorithm),
                None if text.starts_with("HS") || text.eq_ignore_ascii_case("none") => self.report(
                    node,
                    &path,
                    format!(
                        "is never accepted: it proves no issuer; allowed: {}",
                        known()
                    ),
                ),
                None => {
                    self.report(node, &path, format!("is not known; allowed: {}", known()));
                }
            }
        }
        found
    }

    fn expires(&mut self, fields: &Fields<'_>) -> Option<u64> {
        let text = self.text(fields, "expires", false)?;
        let ends = end_of_day(&text);
        if ends.is_none() {
            self.report_at(
                fields,
                "expires",
                "is not a day; write it as `2027-06-30`, or leave it out for no end",
            );
        }
        ends
    }

    fn ip_allow(&mut self, fields: &Fields<'_>) -> Option<Vec<IpNet>> {
        fields.get("ip_allow")?;
        Some(self.ranges(fields, "ip_allow"))
    }

    fn proxies(&mut self, fields: &Fields<'_>) -> TrustedProxies {
        match fields.get("trusted_proxies").map(|n| &n.value) {
            None => TrustedProxies::None,
            Some(Value::Whole(hops)) if HOPS.contains(hops) => {
                u8::try_from(*hops).map_or(TrustedProxies::None, TrustedProxies::Hops)
            }
            Some(Value::List(_)) => {
                let ranges = self.ranges(fields, "trusted_proxies");
                if ranges.iter().any(|range| range.prefix_len() == 0) {
                    let message = "trusts every address; give the number of proxies instead";
                    self.report_at(fields, "trusted_proxies", message);
                }
                TrustedProxies::Ranges(ranges)
            }
            Some(_) => {
                let message = "is neither a list of addresses and ranges nor a number of proxies from 1 to 16";
                self.report_at(fields, "trusted_proxies", message);
                TrustedProxies::None
            }
        }
    }

    fn ranges(&mut self, fields: &Fields<'_>, key: &str) -> Vec<IpNet> {
        let mut ranges = Vec::new();
        for (path, node, text) in self.texts(fields, key, true) {
            match parse_range(&text) {
                Ok(range) => ranges.push(range),
                Err(message) => self.report(node, &path, message),
            }
        }
        ranges
    }

    fn check_issuers(&mut self, issuers: &[Item<'_, Issuer>]) {
        for (i, issuer) in issuers.iter().enumerate() {
            let mut earlier = issuers.iter().take(i);
            if earlier.any(|earlier| earlier.value.url == issuer.value.url) {
                let path = format!("{}.issuer", issuer.path);
                let message = "is listed twice; join the two entries";
                self.report(issuer.node, &path, message);
            }
        }
    }

    fn check_trust(&mut self, clients: &[Item<'_, Client>], issuers: &[Item<'_, Issuer>]) {
        for client in clients {
            let Some(url) = client.value.identity.issuer() else {
                continue;
            };
            if !issuers.iter().any(|issuer| issuer.value.url == url) {
                let path = format!("{}.identity.issuer", client.path);
                let message = "is not one of `issuers`; the two must be equal to the letter";
                self.report(client.node, &path, message);
            }
        }
    }

    fn check_clients(&mut self, clients: &[Item<'_, Client>]) {
        for (i, client) in clients.iter().enumerate() {
            let earlier = || clients.iter().take(i).map(|earlier| &earlier.value);
            if earlier().any(|c| c.id == client.value.id) {
                let path = format!("{}.id", client.path);
                self.report(client.node, &path, "is used twice");
            }
            if earlier().any(|c| c.identity.overlaps(&client.value.identity)) {
                let path = format!("{}.identity", client.path);
                let message = "fits a caller of an earlier client too; a caller must be one client";
                self.report(client.node, &path, message);
            }
        }
    }

    /// What the operator must say before a platform's word is taken.
    fn check_said(
        &mut self,
        policy: &Fields<'_>,
        clients: &[Item<'_, Client>],
        platform: &Platform,
    ) {
        let Platform { key, door, .. } = platform;
        if let Some(node) = policy.get(key) {
            if let Some(fields) = self.fields(node, key, &[door])
                && let Some(said) = self.text(&fields, door, true)
                && said != SAID
            {
                let message = format!(
                    "is not `{SAID}`; while {}, there can be no clients of `{key}`",
                    platform.open
                );
                self.report_at(&fields, door, message);
            }
            return;
        }
        let of_platform = |client: &&Item<'_, Client>| (platform.has)(&client.value.identity);
        if let Some(client) = clients.iter().find(of_platform) {
            let path = format!("{}.identity.{key}", client.path);
            let message = format!(
                "needs `{key}: {{{door}: {SAID}}}` at the top of the policy; write it once that is so: while {}, this identity can be forged",
                platform.open
            );
            self.report(client.node, &path, message);
        }
    }
}

/// A door past the platform's check. The function can't see whether it is shut, so the policy says it.
struct Platform {
    /// The key of its identities and of what is said.
    key: &'static str,
    /// The key for the door.
    door: &'static str,
    /// What it means that it is open.
    open: &'static str,
    has: fn(&Identity) -> bool,
}

/// The word for a door that is shut.
const SAID: &str = "refused";

const AWS: Platform = Platform {
    key: "aws_iam",
    door: "direct_invoke",
    open: "somebody may invoke the function past its URL or API, with an event of his own",
    has: |identity| matches!(identity, Identity::AwsIam(_)),
};

const CLOUD_RUN: Platform = Platform {
    key: "cloud_run",
    door: "unauthenticated",
    open: "the service allows unauthenticated invocations",
    has: |identity| matches!(identity, Identity::CloudRun { .. }),
};
