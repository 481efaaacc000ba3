//! Everything around a function whose policy, rules and secrets are in Google Cloud.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hushgate_cli::sample::{Issuer, LoopbackServer, Request, Response};
use hushgate_gateway::ports::objects::{Head, Put, whole_body};
use hushgate_gateway::ports::{Objects as _, Secret, SecretStore as _};

use crate::emulator::{free_port, skipped};
use crate::metadata::{Metadata, Mood};
use crate::objects::Place;
use crate::secrets::Project;

const AUDIENCE: &str = "https://zoom.gw.example";
const SUBJECT: &str = "112233";
const SECRETS: &[(&str, &str)] = &[
    (
        "PSEUDONYM_KEY",
        "1:aHVzaGdhdGUtZ29vZ2xlLXRlc3Qta2V5LTMyLWJ5dGVzIQ==",
    ),
    ("CLIENT_ID", "client"),
    ("CLIENT_SECRET", "secret-of-the-tests"),
    ("ACCOUNT_ID", "account"),
];
/// What the function admits.
pub(crate) const RULES: &str = "\
endpoints:
  - pathTemplate: /v2/people
    allowedMethods: [GET]
    allowedQueryParams: []
    transforms:
      - !<pseudonymize>
        jsonPaths: [\"$.people[*].email\"]
      - !<redact>
        jsonPaths: [\"$.people[*].name\"]
";
/// What no log and no answer may hold.
const HIDDEN: &[&str] = &[
    "ada@acme.example",
    "Ada Quill",
    "secret-of-the-tests",
    "token-of-the-source",
    "secret-t",
    "aHVzaGdhdGUtZ29vZ2xl",
    "a message of",
];

/// Everything around one function.
pub(crate) struct World {
    pub(crate) project: Project,
    pub(crate) place: Place,
    pub(crate) metadata: Metadata,
    pub(crate) issuer: Issuer,
    source: LoopbackServer,
}

/// A running function. Dropping it searches its log.
pub(crate) struct Function {
    process: Child,
    pub(crate) url: String,
    log: PathBuf,
}

/// The program of a source; nothing when it was not built.
pub(crate) fn program(source: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("HUSHGATE_CLOUD_FUNCTIONS");
    if folder.is_none() {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
            "HUSHGATE_CLOUD_FUNCTIONS is not set; run `cargo xtask test --cloud`"
        );
        skipped("HUSHGATE_CLOUD_FUNCTIONS is not set; `cargo xtask test --cloud` sets it");
    }
    let program = Path::new(&folder?).join("gcp").join(source);
    if !program.exists() {
        let required = std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_some();
        assert!(!required, "no {}", program.display());
        skipped(&format!(
            "{} not found; `cargo xtask test --cloud` builds it",
            program.display()
        ));
        return None;
    }
    Some(program)
}

#[expect(clippy::needless_pass_by_value, reason = "as the server gives it")]
fn source(request: Request) -> Response {
    let body = if request.method() == http::Method::POST {
        r#"{"access_token":"token-of-the-source","token_type":"bearer","expires_in":3600}"#
    } else {
        r#"{"people":[{"id":7,"name":"Ada Quill","email":"ada@acme.example"}]}"#
    };
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}

impl World {
    pub(crate) async fn new() -> Option<Self> {
        program("zoom")?;
        let world = Self {
            project: Project::new().await?,
            place: Place::new().await?,
            metadata: Metadata::start(Mood::Gives(3600)).await,
            issuer: Issuer::start().await.unwrap(),
            source: LoopbackServer::start(source).await.unwrap(),
        };
        let store = world.project.store();
        for (name, value) in SECRETS {
            store.write(name, Secret::new(*value)).await.unwrap();
        }
        let policy = Secret::new(world.policy(""));
        store.write("ACCESS", policy).await.unwrap();
        world.put("rules.yaml", RULES).await;
        // What was needed to set it up.
        world.project.front.bearers();
        world.place.wire.mishaps.bearers();
        Some(world)
    }

    /// A policy with these lines about its issuer.
    pub(crate) fn policy(&self, more: &str) -> String {
        format!(
            "issuers:\n  - issuer: {url}\n    algorithms: [ES256]\n{more}clients:\n  - id: vendor\n    \
             identity: {{issuer: \"{url}\", subject: \"{SUBJECT}\", audience: \"{AUDIENCE}\"}}\n    \
             sources: [zoom]\n",
            url = self.issuer.url()
        )
    }

    pub(crate) async fn put(&self, key: &str, content: impl Into<Bytes>) {
        let body = whole_body(content.into());
        let (objects, head) = (self.place.objects(), Head::default());
        let written = objects.write(key, &head, Put::Replace, body).await;
        written.unwrap();
    }

    fn command(&self, source: &str, port: u16, more: &[(&str, &str)]) -> (Command, PathBuf) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(crate::emulator::unique("fn"));
        std::fs::create_dir_all(&folder).unwrap();
        let log = folder.join("function.log");
        let output = std::fs::File::create(&log).unwrap();
        let rules = format!("gs://{}/rules.yaml", self.place.bucket);
        let secrets = format!("gcp-secretmanager:{}/acme", self.project.id);
        let mut command = Command::new(program(source).unwrap());
        command
            .env_clear()
            .env("PORT", port.to_string())
            .env("HUSHGATE_DEV_LOOPBACK", "1")
            .env("HUSHGATE_SECRETS", secrets)
            .env("HUSHGATE_ACCESS", "store:ACCESS")
            .env("HUSHGATE_RULES", rules)
            .env("HUSHGATE_TARGET_HOST", self.source.url())
            .env("HUSHGATE_TOKEN_ORIGIN", self.source.url())
            .env("GCE_METADATA_HOST", &self.metadata.address)
            .env("SECRET_MANAGER_EMULATOR_HOST", &self.project.front.address)
            .env("STORAGE_EMULATOR_HOST", &self.place.wire.address)
            .envs(more.iter().copied())
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output);
        (command, log)
    }

    /// A function that answers.
    pub(crate) async fn function(&self, more: &[(&str, &str)]) -> Function {
        self.function_of("zoom", more).await
    }

    /// The same of another source.
    pub(crate) async fn function_of(&self, source: &str, more: &[(&str, &str)]) -> Function {
        let port = free_port();
        let (mut command, log) = self.command(source, port, more);
        let process = command.spawn().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let mut function = Function { process, url, log };
        let start = Instant::now();
        while !function.log().contains("\"ready\"") {
            let ended = function.process.try_wait().unwrap();
            assert!(ended.is_none(), "{}", function.log());
            assert!(start.elapsed() < Duration::from_secs(20), "not ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        function
    }

    /// How a function ends that does not start, and what it says.
    pub(crate) async fn end(&self, more: &[(&str, &str)]) -> (ExitStatus, String) {
        let (mut command, log) = self.command("zoom", free_port(), more);
        let mut process = command.spawn().unwrap();
        let start = Instant::now();
        let status = loop {
            if let Some(status) = process.try_wait().unwrap() {
                break status;
            }
            if start.elapsed() > Duration::from_secs(20) {
                let _ = process.kill();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        let log = std::fs::read_to_string(log).unwrap();
        check_hidden(&log);
        (status, log)
    }

    pub(crate) fn token(&self) -> String {
        let lifetime = Duration::from_mins(10);
        self.issuer.token(SUBJECT, AUDIENCE, lifetime).unwrap()
    }

    /// Status and body of a call with the token in this header.
    pub(crate) async fn call(&self, function: &Function, header: &str) -> (u16, String) {
        self.call_as(function, "/v2/people", header).await
    }

    /// The same at this path.
    pub(crate) async fn call_path(&self, function: &Function, path: &str) -> (u16, String) {
        self.call_as(function, path, "authorization").await
    }

    async fn call_as(&self, function: &Function, path: &str, header: &str) -> (u16, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let call = client.get(format!("{}{path}", function.url));
        let call = call.header(header, format!("Bearer {}", self.token()));
        let answer = call.send().await.unwrap();
        let status = answer.status().as_u16();
        let code = answer.headers().get("x-hushgate-error").cloned();
        let body = answer.text().await.unwrap();
        check_hidden(&body);
        (status, format!("{code:?} {body}"))
    }
}

impl Function {
    /// Tells it to stop, as Cloud Run does.
    pub(crate) fn tell_to_stop(&self) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", "TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it takes no connection any more.
    pub(crate) async fn is_closed(&self) {
        let start = Instant::now();
        let address = self.url.trim_start_matches("http://");
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            assert!(start.elapsed() < Duration::from_secs(20), "{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn has_ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "{}", self.log());
        } else {
            check_hidden(&self.log());
        }
    }
}

fn check_hidden(text: &str) {
    for hidden in HIDDEN {
        assert!(!text.contains(hidden), "{hidden} in {text}");
    }
}

macro_rules! world {
    () => {
        match $crate::world::World::new().await {
            Some(world) => world,
            None => return,
        }
    };
}
pub(crate) use world;
