//! The health check: what is configured and what is missing, for a verified caller; never a value.

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::gateway::Gateway;
use crate::lacking::{Lack, Lacking};
use crate::refusal::Refusal;
use crate::reply::Reply;
use crate::request_id::RequestId;

/// The answer without a valid token: that the process runs, found out without any work.
pub(crate) fn bare(id: &RequestId) -> Reply {
    Reply::own(StatusCode::OK, "{\"status\":\"up\"}\r\n".to_owned(), id)
}

/// What the check found.
pub(crate) struct Health {
    members: Map<String, Value>,
    /// What a call would be refused with, for the log; none when it could be served.
    pub(crate) refusal: Option<Refusal>,
}

impl Gateway {
    /// Looks at keys, secrets and settings. The names of the members are those readers of the
    /// reference's check know; they must tolerate others.
    pub(crate) async fn health(&self, caller: &Caller) -> Health {
        let mut warnings = self.settings.warnings.clone();
        let keys = self.keys.load().await.err().unwrap_or_default();
        let keys_fine = keys.is_empty();
        let mut lacking = keys;
        lacking.extend(self.connector.lacking_secrets().await);
        if lacking.iter().any(|l| l.why == Lack::Unavailable) {
            warnings.push("the secret store is not available at the moment".to_owned());
        }
        let names = |wanted: fn(Lack) -> bool| lacking.iter().filter(move |l| wanted(l.why));
        let missing = names(|why| why == Lack::Missing).map(|l| l.name.as_str());
        let missing: BTreeSet<&str> = missing.collect();
        let unusable = names(|why| why != Lack::Missing).map(|l| (l.name.as_str(), l.why.word()));
        let unusable: BTreeMap<&str, &str> = unusable.collect();
        let source = self.connector.source();
        let address = caller
            .address()
            .map_or_else(|| "unknown".to_owned(), |ip| ip.to_string());
        let host = self.connector.origin().host_str().unwrap_or_default();
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| {
            members.insert(name.to_owned(), value);
        };
        put("callerClient", json!(caller.client_id()));
        put("callerIp", json!(address));
        put("clientIpAuthorized", json!(true));
        put("configuredHost", json!(host));
        put("configuredSource", json!(source.id));
        put("missingConfigProperties", json!(missing));
        put("nonDefaultSalt", json!(keys_fine));
        put(
            "pseudonymImplementation",
            json!(if self.settings.compat {
                "psoxy"
            } else {
                "native"
            }),
        );
        put("rulesDigest", json!(self.rules.digest()));
        if let Some(fingerprint) = self.keys.fingerprint() {
            put("saltSha256Hash", json!(fingerprint));
        }
        put("unusableConfigProperties", json!(unusable));
        put(
            "userAgent",
            json!(concat!("hushgate/", env!("CARGO_PKG_VERSION"))),
        );
        put("version", json!(env!("CARGO_PKG_VERSION")));
        put("warningMessages", json!(warnings));
        Health {
            members,
            refusal: Lacking::refusal_of(&lacking),
        }
    }
}

impl Health {
    /// The answer: 200 if a call could be served, else 412.
    pub(crate) fn reply(&self, id: &RequestId) -> Reply {
        let status = if self.refusal.is_none() {
            StatusCode::OK
        } else {
            StatusCode::PRECONDITION_FAILED
        };
        Reply::own(status, format!("{}\r\n", json!(self.members)), id)
    }
}
