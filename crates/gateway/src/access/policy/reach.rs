//! Whom a policy lets in, judged without a caller: what its author should look at again.

use hushgate_rules::language::closest;

use super::{Client, Policy};

impl Policy {
    /// What keeps clients out that their author may think are let in: access that has ended at `now`
    /// (seconds since 1970), no source at all, and sources that are not `known`. None of it is an
    /// error: a source may be of somebody's own, and access is meant to end.
    pub fn warnings(&self, known: &[&str], now: u64) -> Vec<String> {
        if self.clients.is_empty() {
            return vec![NO_CLIENTS.to_owned()];
        }
        let mut warnings = Vec::new();
        for client in self.clients() {
            let mut warn = |text: String| warnings.push(format!("client `{}`: {text}", client.id));
            if client.has_ended(now) {
                warn("its access has ended: `expires` is a day in the past".to_owned());
            }
            if client.sources.is_empty() {
                warn("it may use no source: `sources` lists none".to_owned());
            }
            for source in &client.sources {
                if known.contains(&source.as_str()) {
                    continue;
                }
                let meant = closest(source, known).map_or_else(
                    || "it is good for a source of your own only".to_owned(),
                    |meant| format!("did you mean `{meant}`?"),
                );
                warn(format!("there is no built-in source `{source}`; {meant}"));
            }
        }
        warnings
    }

    /// Why no client may use a source at this moment (seconds since 1970); none when one may.
    pub fn closed_to(&self, source: &str, now: u64) -> Option<String> {
        if self.clients_of(source, now).next().is_some() {
            return None;
        }
        let lists = |client: &&Client| client.sources.iter().any(|listed| listed == source);
        let ended: Vec<_> = self.clients().filter(lists).map(|c| &*c.id).collect();
        let why = if self.clients.is_empty() {
            NO_CLIENTS.to_owned()
        } else if ended.is_empty() {
            let listed = self.clients().flat_map(|client| &client.sources);
            let listed: Vec<_> = listed.map(String::as_str).collect();
            let near = closest(source, &listed);
            let near = near.map_or_else(String::new, |near| format!(", but one lists `{near}`"));
            format!("the `sources` of none list it{near}")
        } else {
            format!("the access of `{}` has ended", ended.join("`, `"))
        };
        Some(format!("no client may use `{source}` now: {why}"))
    }
}

const NO_CLIENTS: &str = "the policy has no clients, so every call is refused";

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-01-01.
    const NOW: u64 = 1_767_225_600;
    const KNOWN: &[&str] = &["gcal", "zoom"];

    /// Ids of clients, and the rest of their entries.
    type Clients = &'static [(&'static str, &'static str)];

    fn policy(clients: Clients) -> Policy {
        let entry = |(id, rest): &(&str, &str)| {
            format!(
                "  - {{id: {id}, identity: {{issuer: https://issuer.example, subject: {id}, audience: https://gw.example}}, {rest}}}\n"
            )
        };
        let entries: String = clients.iter().map(entry).collect();
        let text = if entries.is_empty() {
            "clients: []\n".to_owned()
        } else {
            format!(
                "issuers: [{{issuer: https://issuer.example, algorithms: [RS256]}}]\nclients:\n{entries}"
            )
        };
        Policy::parse(&text, "policy.yaml", false).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn says_what_keeps_clients_out() {
        let cases: &[(Clients, &[&str])] = &[
            (&[("a", "sources: [zoom, gcal], expires: 2026-01-01")], &[]),
            (&[("a", "sources: [zoom]")], &[]),
            (
                &[("a", "sources: [zooom], expires: 2025-12-31")],
                &[
                    "client `a`: its access has ended: `expires` is a day in the past",
                    "client `a`: there is no built-in source `zooom`; did you mean `zoom`?",
                ],
            ),
            (
                &[("a", "sources: [zoom]"), ("b", "sources: [weather-notes]")],
                &[
                    "client `b`: there is no built-in source `weather-notes`; it is good for a source of your own only",
                ],
            ),
            (
                &[("a", "sources: []")],
                &["client `a`: it may use no source: `sources` lists none"],
            ),
            (
                &[],
                &["the policy has no clients, so every call is refused"],
            ),
        ];
        for (clients, wanted) in cases {
            assert_eq!(policy(clients).warnings(KNOWN, NOW), *wanted, "{clients:?}");
        }
    }

    #[test]
    fn says_why_nobody_may_use_a_source() {
        let cases: &[(Clients, Option<&str>)] = &[
            (&[("a", "sources: [zoom], expires: 2026-01-01")], None),
            (
                &[
                    ("a", "sources: [zoom], expires: 2020-01-01"),
                    ("b", "sources: [zoom]"),
                ],
                None,
            ),
            (
                &[
                    ("a", "sources: [zoom], expires: 2025-12-31"),
                    ("b", "sources: [gcal]"),
                ],
                Some("no client may use `zoom` now: the access of `a` has ended"),
            ),
            (
                &[("a", "sources: [zooom]")],
                Some(
                    "no client may use `zoom` now: the `sources` of none list it, but one lists `zooom`",
                ),
            ),
            (
                &[("a", "sources: [gcal]")],
                Some("no client may use `zoom` now: the `sources` of none list it"),
            ),
            (
                &[],
                Some(
                    "no client may use `zoom` now: the policy has no clients, so every call is refused",
                ),
            ),
        ];
        for (clients, wanted) in cases {
            let told = policy(clients).closed_to("zoom", NOW);
            assert_eq!(told.as_deref(), *wanted, "{clients:?}");
        }
    }
}
