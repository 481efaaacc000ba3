//! From the YAML tree to a checked policy; collects every problem instead of stopping at one.

use std::sync::Arc;

use ipnet::IpNet;

use super::super::address::{TrustedProxies, parse_range};
use super::super::algorithm::Algorithm;
use super::document::{self, Node, Value};
use super::shape::{Fields, Reader};
use super::value::end_of_day;
use super::{Client, Issuer, Policy, Problem};

const DEFAULT_MAX_LIFETIME: u64 = 24 * 60 * 60;
const MAX_LIFETIME: std::ops::RangeInclusive<u64> = 60..=7 * 24 * 60 * 60;
const DEFAULT_STALE_KEYS: u64 = 24 * 60 * 60;
const STALE_KEYS: std::ops::RangeInclusive<u64> = 0..=7 * 24 * 60 * 60;
const HOPS: std::ops::RangeInclusive<u64> = 1..=16;

/// Reads a policy.
pub(super) fn policy(text: &str, dev_loopback: bool) -> Result<Policy, Vec<Problem>> {
    let root = document::read(text).map_err(|problem| vec![problem])?;
    let mut reader = Reader::new(dev_loopback);
    let policy = reader.policy(&root);
    if reader.problems.is_empty() {
        return Ok(policy);
    }
    reader.problems.sort_by_key(|p| (p.line, p.column));
    Err(reader.problems)
}

impl Reader {
    fn policy(&mut self, root: &Node) -> Policy {
        let Some(fields) = self.fields(root, "", &["issuers", "clients", "trusted_proxies"]) else {
            return Policy::default();
        };
        let issuers = self.items(&fields, "issuers", Self::issuer);
        let clients = self.items(&fields, "clients", Self::client);
        self.check_issuers(&issuers);
        self.check_clients(&clients);
        let written = match fields.get("issuers").map(|node| &node.value) {
            Some(Value::List(items)) => items.len(),
            _ => 0,
        };
        if issuers.len() == written {
            self.check_trust(&clients, &issuers);
        }
        Policy {
            proxies: self.proxies(&fields),
            issuers: issuers.into_iter().map(|(_, issuer)| issuer).collect(),
            clients: clients.into_iter().map(|(_, c)| Arc::new(c)).collect(),
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
        let (issuer, subject, audiences) = identity?;
        Some(Client {
            name: name.unwrap_or_else(|| id.clone()),
            id,
            issuer,
            subject,
            audiences,
            sources,
            ends,
            ip_allow,
            pseudonym_domain,
        })
    }

    fn identity(&mut self, client: &Fields<'_>) -> Option<(String, String, Vec<String>)> {
        let Some(node) = client.get("identity") else {
            self.missing(client, "identity");
            return None;
        };
        let path = client.path_of("identity");
        let fields = self.fields(node, &path, &["issuer", "subject", "audience"])?;
        let issuer = self.text(&fields, "issuer", true);
        let subject = self.text(&fields, "subject", true);
        let audiences = self.audiences(&fields);
        Some((issuer?, subject?, audiences?))
    }

    /// `audience`: one text, or a list for a client that calls several functions.
    fn audiences(&mut self, fields: &Fields<'_>) -> Option<Vec<String>> {
        match fields.get("audience").map(|node| &node.value) {
            Some(Value::List(items)) if !items.is_empty() => {
                let path = fields.path_of("audience");
                let texts: Vec<String> = items
                    .iter()
                    .enumerate()
                    .filter_map(|(i, item)| self.text_of(item, &format!("{path}[{i}]")))
                    .collect();
                Some(texts)
            }
            Some(Value::List(_)) => {
                self.report_at(fields, "audience", "is empty; name at least one audience");
                None
            }
            _ => self.text(fields, "audience", true).map(|one| vec![one]),
        }
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

    fn check_issuers(&mut self, issuers: &[(&Node, Issuer)]) {
        for (i, (node, issuer)) in issuers.iter().enumerate() {
            if issuers.iter().take(i).any(|(_, i)| i.url == issuer.url) {
                let path = format!("issuers[{i}].issuer");
                self.report(node, &path, "is listed twice; join the two entries");
            }
        }
    }

    fn check_trust(&mut self, clients: &[(&Node, Client)], issuers: &[(&Node, Issuer)]) {
        for (i, (node, client)) in clients.iter().enumerate() {
            if !issuers.iter().any(|(_, i)| i.url == client.issuer) {
                let path = format!("clients[{i}].identity.issuer");
                let message = "is not one of `issuers`; the two must be equal to the letter";
                self.report(node, &path, message);
            }
        }
    }

    fn check_clients(&mut self, clients: &[(&Node, Client)]) {
        for (i, (node, client)) in clients.iter().enumerate() {
            let path = format!("clients[{i}]");
            let earlier = || clients.iter().take(i).map(|(_, c)| c);
            if earlier().any(|c| c.id == client.id) {
                self.report(node, &format!("{path}.id"), "is used twice");
            }
            let same_identity = |c: &Client| {
                c.issuer == client.issuer
                    && c.subject == client.subject
                    && c.audiences.iter().any(|a| client.audiences.contains(a))
            };
            if earlier().any(same_identity) {
                let message =
                    "is the identity of an earlier client too; a token must name one client";
                self.report(node, &format!("{path}.identity"), message);
            }
        }
    }
}
