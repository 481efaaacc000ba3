//! Everything around one function in Lambda: the Runtime API, an issuer, a source, a policy, secrets.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use hushgate_cli::sample::{Issuer, LoopbackServer, Request};
use serde_json::Value;

use crate::events::{Call, get};
use crate::runtime_api::{Answer, RuntimeApi};
use crate::together::{self, Together};

/// What must not be in any log: people, secrets, and the content of events.
const HIDDEN: &[&str] = &[
    "ada@acme.example",
    "Ada Quill",
    "secret-of-the-tests",
    "token-of-the-source",
    "aHVzaGdhdGUtbGFtYmRhLXRlc3Qta2V5LTMyLWJ5dGVz",
    "session=hidden",
];

const AUDIENCE: &str = "https://zoom.gw.example";
const SUBJECT: &str = "112233";

/// What the functions of these tests admit.
pub(crate) const RULES: &str = "\
endpoints:
  - pathTemplate: /v2/people
    allowedMethods: [GET]
    allowedQueryParams: [page, status, q, empty]
    transforms:
      - !<pseudonymize>
        jsonPaths: [\"$.people[*].email\"]
      - !<redact>
        jsonPaths: [\"$.people[*].name\"]
  - pathTemplate: /v2/meetings/{meeting}
    allowedMethods: [GET]
    pathParameterSchemas:
      meeting: {pattern: '(?i)(?:[a-z0-9+/=]|%(?:25)?2[bf]|%(?:25)?3d)+'}
  - pathTemplate: /v2/sized/{bytes}
    allowedMethods: [GET]
  - pathTemplate: /v2/slow
    allowedMethods: [GET]
  - pathTemplate: /v2/given
    allowedMethods: [GET]
  - pathTemplate: /v2/upload
    allowedMethods: [POST]
    requestBody: {}
  - pathTemplate: /v2/search
    allowedMethods: [POST]
    requestBody:
      required: true
      content:
        application/json:
          type: object
          properties:
            text: {type: string}
";

/// What the source was asked: method, target, body.
pub(crate) type Seen = Arc<Mutex<Vec<(String, String, Bytes)>>>;

/// What the source answers `/v2/given` with: headers and body.
type Given = Arc<Mutex<(Vec<(&'static str, &'static str)>, Bytes)>>;

/// How long the source takes for a token and for `/v2/slow`, and what the issuer's keys wait for, which
/// are then at another place.
#[derive(Debug, Clone, Default)]
pub(crate) struct Delays {
    pub(crate) token: Duration,
    pub(crate) slow: Duration,
    pub(crate) keys: Option<Together>,
}

/// The issuer's keys at another place, and how often they were asked for.
#[derive(Default)]
struct Keys {
    text: String,
    asked: AtomicUsize,
}

/// A function in Lambda. Dropping it searches its log for what must not be there.
pub(crate) struct World {
    pub(crate) api: RuntimeApi,
    pub(crate) issuer: Issuer,
    seen: Seen,
    given: Given,
    tokens: Arc<AtomicUsize>,
    keys: Arc<Keys>,
    process: Child,
    log: PathBuf,
    _source: LoopbackServer,
}

/// The program, or nothing, with a message, when it was not built.
fn program() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("HUSHGATE_CLOUD_FUNCTIONS") else {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
            "HUSHGATE_CLOUD_FUNCTIONS is not set; run `cargo xtask test --cloud`"
        );
        // Past the capture of passing tests' output.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: HUSHGATE_CLOUD_FUNCTIONS is not set; `cargo xtask test --cloud` sets it"
        );
        return None;
    };
    Some(Path::new(&folder).join("aws/zoom"))
}

pub(crate) fn scratch() -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("lambda-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

impl World {
    /// Starts it, with further variables; none when the program was not built.
    pub(crate) async fn start(environment: &[(&str, &str)]) -> Option<Self> {
        Self::with(environment, Delays::default()).await
    }

    /// Starts it with a slow source.
    pub(crate) async fn with(environment: &[(&str, &str)], delays: Delays) -> Option<Self> {
        Self::launch(environment, delays, "").await
    }

    /// Starts it with these lines behind the policy, whose last list is that of clients.
    pub(crate) async fn trusting(policy: &str, environment: &[(&str, &str)]) -> Option<Self> {
        Self::launch(environment, Delays::default(), policy).await
    }

    async fn launch(environment: &[(&str, &str)], delays: Delays, further: &str) -> Option<Self> {
        let program = program()?;
        let (seen, tokens) = (Seen::default(), Arc::new(AtomicUsize::new(0)));
        let given = Given::default();
        let issuer = Issuer::start().await.unwrap();
        let keys = Arc::new(Keys {
            text: fetch(&issuer.url(), "/jwks.json").await,
            ..Keys::default()
        });
        let moved = delays.keys.is_some();
        let source = start_source(
            delays,
            (seen.clone(), given.clone()),
            tokens.clone(),
            keys.clone(),
        )
        .await;
        let elsewhere = if moved {
            format!("    jwks_uri: {}/keys\n", source.url())
        } else {
            String::new()
        };
        let api = RuntimeApi::start().await;
        let folder = scratch();
        let log = folder.join("function.log");
        let output = File::create(&log).unwrap();
        let policy = format!(
            "issuers:\n  - issuer: {url}\n    algorithms: [ES256]\n{elsewhere}clients:\n  - id: vendor\n    \
             identity: {{issuer: \"{url}\", subject: \"{SUBJECT}\", audience: \"{AUDIENCE}\"}}\n    \
             sources: [zoom]\n{further}",
            url = issuer.url()
        );
        let api_address = api.address.to_string();
        let mut variables = vec![
            ("AWS_LAMBDA_RUNTIME_API", api_address.as_str()),
            ("AWS_LAMBDA_FUNCTION_NAME", "zoom"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_REGION", "eu-central-1"),
            ("HUSHGATE_ACCESS", policy.as_str()),
            ("HUSHGATE_RULES", RULES),
            ("HUSHGATE_DEV_LOOPBACK", "1"),
            ("HUSHGATE_TARGET_HOST", ""),
            ("HUSHGATE_TOKEN_ORIGIN", ""),
            (
                "PSEUDONYM_KEY",
                "1:aHVzaGdhdGUtbGFtYmRhLXRlc3Qta2V5LTMyLWJ5dGVz",
            ),
            ("CLIENT_ID", "client"),
            ("CLIENT_SECRET", "secret-of-the-tests"),
            ("ACCOUNT_ID", "account"),
        ];
        let url = source.url();
        for (name, value) in &mut variables {
            if matches!(*name, "HUSHGATE_TARGET_HOST" | "HUSHGATE_TOKEN_ORIGIN") {
                *value = url.as_str();
            }
        }
        let process = Command::new(program)
            .env_clear()
            .envs(variables)
            .envs(environment.iter().copied())
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        Some(Self {
            api,
            issuer,
            seen,
            given,
            tokens,
            keys,
            process,
            log,
            _source: source,
        })
    }

    /// Starts a function that is to end by itself; gives how it ended and what it wrote.
    pub(crate) async fn end_of(environment: &[(&str, &str)]) -> Option<(ExitStatus, String)> {
        let mut world = Self::start(environment).await?;
        let status = world.end().await;
        Some((status, world.log()))
    }

    /// Waits until the process has ended by itself.
    pub(crate) async fn end(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A good token.
    pub(crate) fn token(&self) -> String {
        let lifetime = Duration::from_mins(10);
        self.issuer.token(SUBJECT, AUDIENCE, lifetime).unwrap()
    }

    /// `GET` with a good token.
    pub(crate) fn get(&self, path: &str) -> Call {
        get(path, &self.token())
    }

    /// Invokes it with an event and plenty of time.
    pub(crate) async fn invoke(&self, event: &Value) -> Answer {
        self.invoke_within(event, Duration::from_mins(2)).await
    }

    /// Invokes it with an event and this much time.
    pub(crate) async fn invoke_within(&self, event: &Value, time: Duration) -> Answer {
        let answer = self.api.invoke(event.to_string().into(), time, None).await;
        self.check_alive();
        answer
    }

    /// Invokes it with bytes that may be no event.
    pub(crate) async fn invoke_raw(&self, event: &[u8]) -> Answer {
        let time = Duration::from_secs(30);
        let answer = self.api.invoke(event.to_vec(), time, None).await;
        self.check_alive();
        answer
    }

    fn check_alive(&self) {
        assert_eq!(
            self.api.violations(),
            Vec::<String>::new(),
            "{}",
            self.log()
        );
    }

    /// What the source was asked since the last question, without tokens.
    pub(crate) fn seen(&self) -> Vec<(String, String, Bytes)> {
        std::mem::take(&mut self.seen.lock().unwrap())
    }

    /// Lets the source answer `/v2/given` with this from now on.
    pub(crate) fn give(&self, headers: &[(&'static str, &'static str)], body: &[u8]) {
        let body = Bytes::copy_from_slice(body);
        *self.given.lock().unwrap() = (headers.to_vec(), body);
    }

    /// How many tokens the source gave.
    pub(crate) fn tokens(&self) -> usize {
        self.tokens.load(Ordering::SeqCst)
    }

    /// How often the issuer's keys were asked for, where they wait for something.
    pub(crate) fn keys_asked(&self) -> usize {
        self.keys.asked.load(Ordering::SeqCst)
    }

    /// All it wrote so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Searches the log for these as well.
    pub(crate) fn check_log(&self, also: &[&str]) {
        let log = self.log();
        for hidden in HIDDEN.iter().chain(also) {
            assert!(!log.contains(hidden), "{hidden} in the log:\n{log}");
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "{}", self.log());
        } else {
            self.check_log(&[]);
        }
    }
}

/// The body of an answer on this machine.
async fn fetch(url: &str, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let host = url.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

async fn start_source(
    delays: Delays,
    (seen, given): (Seen, Given),
    tokens: Arc<AtomicUsize>,
    keys: Arc<Keys>,
) -> LoopbackServer {
    LoopbackServer::start(move |request: Request| {
        let path = request.uri().path();
        if path == "/keys" {
            keys.asked.fetch_add(1, Ordering::SeqCst);
            if let Some(together) = &delays.keys {
                let all = together.come("the issuer's keys");
                let runtime = tokio::runtime::Handle::current();
                tokio::task::block_in_place(|| runtime.block_on(together::wait(all)));
            }
            return json(&keys.text);
        }
        if path == "/oauth/token" {
            wait(delays.token);
            tokens.fetch_add(1, Ordering::SeqCst);
            return json(
                "{\"access_token\":\"token-of-the-source\",\"token_type\":\"bearer\",\"expires_in\":3600}",
            );
        }
        if path == "/v2/slow" {
            wait(delays.slow);
        }
        let target = request.uri().path_and_query().unwrap().to_string();
        let asked = (request.method().to_string(), target, request.body().clone());
        seen.lock().unwrap().push(asked);
        let Some(authorization) = request.headers().get("authorization") else {
            return status(StatusCode::UNAUTHORIZED);
        };
        assert_eq!(authorization, "Bearer token-of-the-source");
        if path == "/v2/given" {
            let (headers, body) = given.lock().unwrap().clone();
            let mut response = Response::new(body);
            for (name, value) in headers {
                let value = HeaderValue::from_static(value);
                response.headers_mut().append(name, value);
            }
            return response;
        }
        match path.strip_prefix("/v2/sized/") {
            // `{"a":"x…"}` of this many bytes.
            Some(bytes) => {
                let fill = bytes.parse::<usize>().unwrap() - 8;
                json(&format!("{{\"a\":\"{}\"}}", "x".repeat(fill)))
            }
            None => json(
                "{\"people\":[{\"id\":7,\"name\":\"Ada Quill\",\"email\":\"ada@acme.example\",\"note\":\"grüße\"}]}",
            ),
        }
    })
    .await
    .unwrap()
}

/// Waits without keeping others from running.
fn wait(time: Duration) {
    tokio::task::block_in_place(|| std::thread::sleep(time));
}

fn json(body: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::copy_from_slice(body.as_bytes()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}

fn status(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
