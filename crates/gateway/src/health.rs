//! The health check: what is configured and what is missing, for a verified caller; never a value.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::access::Caller;
use crate::gateway::Gateway;
use crate::refusal::Cause;
use crate::reply::Reply;
use crate::request_id::RequestId;

/// The answer without a valid token: that the process runs, found out without any work.
pub(crate) fn bare(id: &RequestId) -> Reply {
    Reply::own(StatusCode::OK, "{\"status\":\"up\"}\r\n".to_owned(), id)
}

/// What the check found.
pub(crate) struct Health {
    members: Map<String, Value>,
    passed: bool,
}

impl Gateway {
    /// Looks at keys, secrets and settings. The names of the members are those readers of the
    /// reference's check know; they must tolerate others.
    pub(crate) async fn health(&self, caller: &Caller) -> Health {
        let mut warnings = self.settings.warnings.clone();
        let secrets = self.connector.missing_secrets().await;
        let readable = secrets.is_ok();
        let mut missing = secrets.unwrap_or_default();
        let keys = self.keys.load().await;
        match &keys {
            Err(refusal) if refusal.cause() == Cause::StoreUnavailable => {
                warnings.push("the secret store is not available at the moment".to_owned());
            }
            Err(_) => missing.push(self.keys.required().to_owned()),
            Ok(_) => {}
        }
        missing.sort();
        missing.dedup();
        let passed = missing.is_empty() && readable && keys.is_ok();
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
        put("nonDefaultSalt", json!(keys.is_ok()));
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
        put(
            "userAgent",
            json!(concat!("hushgate/", env!("CARGO_PKG_VERSION"))),
        );
        put("version", json!(env!("CARGO_PKG_VERSION")));
        put("warningMessages", json!(warnings));
        Health { members, passed }
    }
}

impl Health {
    /// The answer: 200 if a call could be served, else 412.
    pub(crate) fn reply(self, id: &RequestId) -> Reply {
        let status = if self.passed {
            StatusCode::OK
        } else {
            StatusCode::PRECONDITION_FAILED
        };
        Reply::own(status, format!("{}\r\n", Value::Object(self.members)), id)
    }
}
