//! A server before an emulator: what the emulator lacks of the service, and the service's bad days.
//!
//! drongo keeps no annotations, does not compare tags and takes `latest` for the last version that is
//! enabled. Here all three are as Google documents them: a secret's tag changes with every change of it, a change with
//! another tag than the present one fails with `FAILED_PRECONDITION` and status 400, and `latest` is
//! the version that was made last, whatever its state. Lists come in pages. Nothing else is added.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex as AsyncMutex;

use crate::mishap::{Mishap, Mishaps};
use crate::together::Together;

/// One project behind the server.
#[derive(Debug, Clone)]
pub(crate) struct Front {
    /// Where it listens.
    pub(crate) address: String,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    upstream: String,
    client: reqwest::Client,
    mishaps: Mishaps,
    /// Permissions, and the ids they are given on; `None`: all on all.
    granted: Mutex<Option<BTreeSet<(String, String)>>>,
    described: AsyncMutex<HashMap<String, Described>>,
    /// What reads that may be late still show.
    late: Mutex<Option<Late>>,
}

#[derive(Debug, Clone, Default)]
struct Described {
    tag: u64,
    annotations: serde_json::Map<String, Value>,
}

#[derive(Debug, Clone)]
struct Late {
    latest: BTreeMap<String, u64>,
    described: HashMap<String, Described>,
}

struct Answer(StatusCode, Value);

impl Front {
    pub(crate) async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State {
            upstream: upstream.to_owned(),
            client: reqwest::Client::builder().no_proxy().build().unwrap(),
            mishaps: Mishaps::default(),
            granted: Mutex::default(),
            described: AsyncMutex::default(),
            late: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                let service = service_fn(move |request| {
                    let state = Arc::clone(&state);
                    async move { state.serve(request).await }
                });
                tokio::spawn(async move {
                    let io = TokioIo::new(stream);
                    let http = hyper::server::conn::http1::Builder::new();
                    let _ = http.serve_connection(io, service).await;
                });
            }
        });
        Self { address, state }
    }

    /// The next `times` calls whose method and path hold `part` meet this.
    pub(crate) fn mishap(&self, part: &str, times: usize, mishap: Mishap) {
        self.state.mishaps.add(part, times, mishap);
    }

    /// Calls whose method and path hold `part` wait until all of these have come.
    pub(crate) fn meet(&self, part: &str, all: &Together) {
        self.state.mishaps.meet(part, all);
    }

    /// All is well from now on.
    pub(crate) fn calm(&self) {
        self.state.mishaps.calm();
    }

    /// From now on, only these permissions are given, each on an id, or with `*` on those that begin so.
    pub(crate) fn grant(&self, grants: &[(&str, &str)]) {
        let grants = grants.iter();
        let grants = grants.map(|(p, id)| ((*p).to_owned(), (*id).to_owned()));
        *self.state.granted.lock().unwrap() = Some(grants.collect());
    }

    /// From now on, what need not be the newest shows the present state for ever.
    pub(crate) async fn be_late(&self, project: &str) {
        self.be_late_about_versions(project).await;
        let described = self.state.described.lock().await.clone();
        if let Some(late) = self.state.late.lock().unwrap().as_mut() {
            late.described = described;
        }
    }

    /// From now on, everything shows the newest state.
    pub(crate) fn be_prompt(&self) {
        *self.state.late.lock().unwrap() = None;
    }

    /// From now on, `latest` and lists of versions show the present state for ever.
    pub(crate) async fn be_late_about_versions(&self, project: &str) {
        let mut latest = BTreeMap::new();
        for id in self.state.ids(project).await {
            let versions = self.state.versions(project, &id).await;
            if let Some((number, _)) = versions.last() {
                latest.insert(id, *number);
            }
        }
        let described = HashMap::new();
        *self.state.late.lock().unwrap() = Some(Late { latest, described });
    }

    /// Method and path of all calls since this was asked last.
    pub(crate) fn calls(&self) -> Vec<String> {
        self.state.mishaps.calls()
    }

    /// The `Authorization` of all calls since this was asked last.
    pub(crate) fn bearers(&self) -> Vec<String> {
        self.state.mishaps.bearers()
    }

    /// Numbers and states of a secret's versions.
    pub(crate) async fn versions(&self, project: &str, id: &str) -> Vec<(u64, String)> {
        self.state.versions(project, id).await
    }

    /// Makes a secret without a version, as an administrator does for a function.
    pub(crate) async fn create(&self, project: &str, id: &str) {
        let path = format!("/v1/projects/{project}/secrets?secretId={id}");
        let created = self.state.forward(&Method::POST, &path, json!({})).await;
        assert_eq!(created.0, StatusCode::OK, "{}", created.1);
        let mut described = self.state.described.lock().await;
        described.insert(format!("{project}/{id}"), Described::default());
    }

    /// Changes the state of a version as an administrator does: `disable`, `enable` or `destroy`.
    pub(crate) async fn set(&self, project: &str, id: &str, version: u64, verb: &str) {
        let path = format!("/v1/projects/{project}/secrets/{id}/versions/{version}:{verb}");
        let set = self.state.forward(&Method::POST, &path, json!({})).await;
        assert_eq!(set.0, StatusCode::OK, "{}", set.1);
    }
}

impl State {
    async fn serve(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, std::io::Error> {
        self.mishaps.called_by(request.headers());
        let method = request.method().clone();
        let path = request.uri().path_and_query().unwrap().to_string();
        let body = request.into_body().collect().await;
        let body = body.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
        let cut = || std::io::Error::other("cut");
        let mut lost = false;
        let line = format!("{method} {path}");
        let mishap = self.mishaps.next(line.clone());
        self.mishaps.wait(&line).await;
        match mishap {
            None => {}
            Some(Mishap::Cut) => return Err(cut()),
            Some(Mishap::Lost | Mishap::Broken(_)) => lost = true,
            Some(Mishap::Slow(time)) => tokio::time::sleep(time).await,
            Some(Mishap::Status(status, word)) => {
                return Ok(answer(failed(status, word)));
            }
            Some(Mishap::Answer(status, text)) => {
                let answer = Response::builder().status(status);
                return Ok(answer.body(Full::new(Bytes::from(text))).unwrap());
            }
            Some(Mishap::Done(_)) => unreachable!("for other services"),
        }
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        let done = match self.refused(&method, &path) {
            Some(refused) => refused,
            None => self.carry_out(&method, &path, body).await,
        };
        if lost {
            return Err(cut());
        }
        Ok(answer(done))
    }

    fn refused(&self, method: &Method, path: &str) -> Option<Answer> {
        let granted = self.granted.lock().unwrap();
        let granted = granted.as_ref()?;
        let (permission, id) = permission_of(method, path);
        let allowed = granted
            .iter()
            .any(|(p, on)| *p == permission && fits(on, &id));
        (!allowed).then(|| failed(403, "PERMISSION_DENIED"))
    }

    async fn carry_out(&self, method: &Method, path: &str, body: Value) -> Answer {
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        let parts: Vec<&str> = bare
            .trim_start_matches("/v1/projects/")
            .split('/')
            .collect();
        let (project, rest) = parts.split_first().unwrap();
        match (method.as_str(), rest) {
            ("POST", ["secrets"]) => {
                let id = member(query, "secretId").unwrap();
                self.create(project, &id, path, body).await
            }
            ("GET", ["secrets"]) => page(
                self.forward(method, bare, Value::Null).await,
                "secrets",
                query,
            ),
            ("GET", ["secrets", id]) => self.get(project, id, path).await,
            ("PATCH", ["secrets", id]) => self.patch(project, id, query, &body).await,
            ("DELETE", ["secrets", id]) => {
                self.described
                    .lock()
                    .await
                    .remove(&format!("{project}/{id}"));
                self.forward(method, path, Value::Null).await
            }
            ("GET", ["secrets", id, "versions"]) => {
                let listed = self.forward(method, bare, Value::Null).await;
                page(
                    newest_first(listed, self.late_latest(id)),
                    "versions",
                    query,
                )
            }
            ("GET", ["secrets", id, "versions", "latest:access"]) => {
                let versions = self.versions(project, id).await;
                let last = versions.last().map_or(0, |(n, _)| *n);
                let number = self.late_latest(id).unwrap_or(last);
                if number == 0 {
                    return failed(404, "NOT_FOUND");
                }
                let path = format!("/v1/projects/{project}/secrets/{id}/versions/{number}:access");
                self.forward(method, &path, Value::Null).await
            }
            _ => self.forward(method, path, body).await,
        }
    }

    /// What a late read takes for the latest version, 0 being none; `None`: nothing is late.
    fn late_latest(&self, id: &str) -> Option<u64> {
        let late = self.late.lock().unwrap();
        late.as_ref()
            .map(|late| late.latest.get(id).copied().unwrap_or(0))
    }

    async fn create(&self, project: &str, id: &str, path: &str, body: Value) -> Answer {
        // Held, so that nobody reads the secret before its annotations are there.
        let mut described = self.described.lock().await;
        let annotations = body["annotations"].as_object().cloned().unwrap_or_default();
        let created = self.forward(&Method::POST, path, body).await;
        if created.0 == StatusCode::OK {
            let fresh = Described {
                tag: 1,
                annotations,
            };
            described.insert(format!("{project}/{id}"), fresh);
        }
        created
    }

    async fn get(&self, project: &str, id: &str, path: &str) -> Answer {
        let described = self.described.lock().await;
        let Answer(status, mut body) = self.forward(&Method::GET, path, Value::Null).await;
        if status == StatusCode::OK {
            let key = format!("{project}/{id}");
            let late = self.late.lock().unwrap();
            let late = late.as_ref().and_then(|late| late.described.get(&key));
            describe(&mut body, late.or(described.get(&key)));
        }
        Answer(status, body)
    }

    async fn patch(&self, project: &str, id: &str, query: &str, body: &Value) -> Answer {
        let mut all = self.described.lock().await;
        let Some(described) = all.get_mut(&format!("{project}/{id}")) else {
            return failed(404, "NOT_FOUND");
        };
        let tag = body["etag"].as_str();
        if tag.is_some_and(|tag| tag != format!("\"{}\"", described.tag)) {
            return failed(400, "FAILED_PRECONDITION");
        }
        assert_eq!(member(query, "updateMask").as_deref(), Some("annotations"));
        described.tag += 1;
        described.annotations = body["annotations"].as_object().cloned().unwrap_or_default();
        let mut body = json!({"name": format!("projects/{project}/secrets/{id}")});
        describe(&mut body, Some(described));
        Answer(StatusCode::OK, body)
    }

    async fn ids(&self, project: &str) -> Vec<String> {
        let path = format!("/v1/projects/{project}/secrets");
        let Answer(_, body) = self.forward(&Method::GET, &path, Value::Null).await;
        let secrets = body["secrets"].as_array().cloned().unwrap_or_default();
        let last = |s: &Value| {
            s["name"]
                .as_str()
                .unwrap()
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned()
        };
        secrets.iter().map(last).collect()
    }

    async fn versions(&self, project: &str, id: &str) -> Vec<(u64, String)> {
        let path = format!("/v1/projects/{project}/secrets/{id}/versions");
        let Answer(_, body) = self.forward(&Method::GET, &path, Value::Null).await;
        let versions = body["versions"].as_array().cloned().unwrap_or_default();
        let read = |v: &Value| (number(v), v["state"].as_str().unwrap().to_owned());
        versions.iter().map(read).collect()
    }

    async fn forward(&self, method: &Method, path: &str, body: Value) -> Answer {
        let mut request = self
            .client
            .request(method.clone(), format!("{}{path}", self.upstream));
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.expect("the emulator answers");
        let status = response.status();
        let bytes = response.bytes().await.expect("its answer");
        Answer(
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }
}

/// Whether something granted on this id, or on all that begin as it does before a `*`, holds for the other.
fn fits(on: &str, id: &str) -> bool {
    on.strip_suffix('*')
        .map_or(on == id, |start| id.starts_with(start))
}

/// The permission that a call needs, and the id of the secret it is about (empty: the project).
fn permission_of(method: &Method, path: &str) -> (String, String) {
    let bare = path.split('?').next().unwrap();
    let parts: Vec<&str> = bare
        .trim_start_matches("/v1/projects/")
        .split('/')
        .skip(1)
        .collect();
    let (name, id) = match (method.as_str(), parts.as_slice()) {
        ("POST", ["secrets"]) => ("secrets.create", ""),
        ("GET", ["secrets"]) => ("secrets.list", ""),
        ("GET", ["secrets", id]) => ("secrets.get", *id),
        ("PATCH", ["secrets", id]) => ("secrets.update", *id),
        ("DELETE", ["secrets", id]) => ("secrets.delete", *id),
        ("POST", ["secrets", id]) => ("versions.add", id.split(':').next().unwrap()),
        ("GET", ["secrets", id, "versions"]) => ("versions.list", *id),
        ("GET", ["secrets", id, "versions", version]) if version.ends_with(":access") => {
            ("versions.access", *id)
        }
        ("POST", ["secrets", id, "versions", version]) if version.ends_with(":destroy") => {
            ("versions.destroy", *id)
        }
        other => panic!("an unexpected call: {other:?}"),
    };
    (name.to_owned(), id.to_owned())
}

fn describe(secret: &mut Value, described: Option<&Described>) {
    let described = described.cloned().unwrap_or_default();
    secret["etag"] = json!(format!("\"{}\"", described.tag));
    secret["annotations"] = Value::Object(described.annotations);
}

fn number(version: &Value) -> u64 {
    let name = version["name"].as_str().unwrap();
    name.rsplit('/').next().unwrap().parse().unwrap()
}

fn newest_first(listed: Answer, late: Option<u64>) -> Answer {
    let Answer(status, mut body) = listed;
    if let Some(versions) = body["versions"].as_array_mut() {
        let last = late.unwrap_or(u64::MAX);
        versions.retain(|v| number(v) <= last);
        versions.reverse();
    }
    Answer(status, body)
}

/// One page of a list, as the query asks for it.
fn page(listed: Answer, member_name: &str, query: &str) -> Answer {
    let Answer(status, mut body) = listed;
    let from: usize = member(query, "pageToken").map_or(0, |t| t.parse().unwrap_or(0));
    // Small, so that tests see several.
    let size = member(query, "pageSize")
        .map_or(3, |s| s.parse().unwrap())
        .min(3);
    if let Some(all) = body[member_name].as_array().cloned() {
        let page: Vec<_> = all.iter().skip(from).take(size).cloned().collect();
        let end = from + page.len();
        body[member_name] = Value::Array(page);
        if end < all.len() {
            body["nextPageToken"] = json!(end.to_string());
        }
    }
    Answer(status, body)
}

fn member(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(n, v)| *n == name && !v.is_empty())?;
    Some(value.to_owned())
}

fn failed(status: u16, word: &str) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    let body = json!({"error": {
        "code": status.as_u16(), "status": word,
        // What a vendor says is shown to nobody.
        "message": "projects/1: a message of the service",
    }});
    Answer(status, body)
}

fn answer(answer: Answer) -> Response<Full<Bytes>> {
    let Answer(status, body) = answer;
    Response::builder()
        .status(status)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap()
}
