//! The least of both clouds' secret stores that a function needs to read its secrets, to take the lock of
//! its token and to keep the token: fast, so that a start is timed and not an emulator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Request, Response};
use serde_json::{Value, json};

/// The secrets of source zoom and of the deployment.
const SECRETS: &[(&str, &str)] = &[
    (
        "PSEUDONYM_KEY",
        "1:aHVzaGdhdGUtZTJlLWtleS1ub3QtYS1zZWNyZXQtMzI=",
    ),
    ("CLIENT_ID", "id"),
    ("CLIENT_SECRET", "secret"),
    ("ACCOUNT_ID", "account"),
];

/// One cloud's store.
pub(crate) struct Store {
    server: LoopbackServer,
    kept: Arc<Mutex<Kept>>,
}

/// What functions wrote, by the secrets' names.
type Kept = BTreeMap<String, Written>;

#[derive(Default)]
struct Written {
    versions: Vec<String>,
    /// The versions' ids, and the place of the one in force (Secrets Manager).
    ids: Vec<String>,
    current: usize,
    /// What is said of the secret, and how often that changed (Secret Manager).
    annotations: Value,
    changes: usize,
}

impl Store {
    pub(crate) async fn aws() -> Self {
        Self::start(secrets_manager).await
    }

    pub(crate) async fn google() -> Self {
        Self::start(secret_manager).await
    }

    async fn start(answer: fn(&Request, &mut Kept) -> (u16, Value)) -> Self {
        let kept = Arc::new(Mutex::new(Kept::default()));
        let shared = Arc::clone(&kept);
        let server = LoopbackServer::start(move |request: Request| {
            let (status, body) = answer(&request, &mut locked(&shared));
            let mut response = Response::new(Bytes::from(body.to_string()));
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            let media = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert("content-type", media);
            response
        });
        Self {
            server: server.await.unwrap(),
            kept,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.server.address().to_string()
    }

    /// Forgets what functions wrote, so that the next one gets a token for itself.
    pub(crate) fn forget(&self) {
        locked(&self.kept).clear();
    }
}

fn locked(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The value of the entry whose name ends `name`.
fn given(name: &str) -> Option<&'static str> {
    let known = SECRETS.iter().find(|(entry, _)| name.ends_with(entry));
    known.map(|(_, value)| *value)
}

/// AWS Secrets Manager (AWS JSON 1.1).
fn secrets_manager(request: &Request, kept: &mut Kept) -> (u16, Value) {
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|t| t.to_str().ok()).unwrap_or_default();
    let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let text = |member: &str| asked[member].as_str().unwrap_or_default().to_owned();
    let operation = target.rsplit('.').next().unwrap_or_default();
    let name = match operation {
        "CreateSecret" => text("Name"),
        _ => text("SecretId"),
    };
    let described = |id: Option<&String>| {
        json!({
            "ARN": format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{name}-AbCdEf"),
            "Name": name,
            "VersionId": id.map_or("8476a536-e9f4-11e8-9739-2dfe598c3fcd", String::as_str),
            "CreatedDate": 1_795_262_400.0,
        })
    };
    if let Some(value) = given(&name) {
        let mut answer = described(None);
        answer["SecretString"] = json!(value);
        return (200, answer);
    }
    let known = kept.contains_key(&name);
    if !known && operation != "CreateSecret" {
        return (400, json!({"__type": "ResourceNotFoundException"}));
    }
    if known && operation == "CreateSecret" {
        return (400, json!({"__type": "ResourceExistsException"}));
    }
    let written = kept.entry(name.clone()).or_default();
    match operation {
        "CreateSecret" | "PutSecretValue" => {
            let place = written.versions.len();
            written.versions.push(text("SecretString"));
            written.ids.push(text("ClientRequestToken"));
            if asked["VersionStages"]
                .as_array()
                .is_none_or(|stages| stages.contains(&json!("AWSCURRENT")))
            {
                written.current = place;
            }
            (200, described(written.ids.last()))
        }
        "UpdateSecretVersionStage" => {
            let to = text("MoveToVersionId");
            let place = written.ids.iter().position(|id| *id == to);
            written.current = place.unwrap_or(written.current);
            (200, described(written.ids.get(written.current)))
        }
        _ => {
            let mut answer = described(written.ids.get(written.current));
            answer["SecretString"] = json!(written.versions.get(written.current));
            (200, answer)
        }
    }
}

/// Google Secret Manager (REST v1).
fn secret_manager(request: &Request, kept: &mut Kept) -> (u16, Value) {
    let path = request.uri().path();
    let created = request.uri().query().and_then(|query| {
        let mut parameters = query.split('&');
        parameters.find_map(|p| p.strip_prefix("secretId="))
    });
    let part = path.split('/').nth(5).or(created).unwrap_or_default();
    let (id, action) = part.split_once(':').unwrap_or((part, ""));
    let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let name = format!("projects/benchmark/secrets/{id}");
    let version = |place: usize, value: &str| json!({"name": format!("{name}/versions/{place}"), "payload": {"data": STANDARD.encode(value)}});
    if let Some(value) = given(id) {
        return (200, version(1, value));
    }
    let missing = (404, json!({"error": {"code": 404, "status": "NOT_FOUND"}}));
    if created.is_none() && !kept.contains_key(id) {
        return missing;
    }
    let written = kept.entry(id.to_owned()).or_default();
    if path.contains("/versions") {
        let count = written.versions.len();
        return match written.versions.last() {
            Some(value) if path.ends_with(":access") => (200, version(count, value)),
            None if path.ends_with(":access") => missing,
            _ => (200, json!({})),
        };
    }
    if action == "addVersion" {
        let data = asked["payload"]["data"].as_str().unwrap_or_default();
        let value = STANDARD.decode(data).unwrap();
        let value = String::from_utf8(value).unwrap();
        written.versions.push(value.clone());
        return (200, version(written.versions.len(), &value));
    }
    if request.method() != http::Method::GET {
        written.annotations = asked["annotations"].clone();
        written.changes += 1;
    }
    let etag = format!("\"{:x}\"", written.changes);
    let answer = json!({"name": name, "etag": etag, "annotations": written.annotations});
    (200, answer)
}
