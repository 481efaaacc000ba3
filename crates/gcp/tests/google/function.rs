//! A function whose policy, rules and secrets are in Google Cloud, called as whom the metadata server says.

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
use crate::mishap::Mishap;
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

/// The program; nothing when it was not built.
fn program() -> Option<PathBuf> {
    let folder = std::env::var_os("HUSHGATE_CLOUD_FUNCTIONS");
    if folder.is_none() {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
            "HUSHGATE_CLOUD_FUNCTIONS is not set; run `cargo xtask test --cloud`"
        );
        skipped("HUSHGATE_CLOUD_FUNCTIONS is not set; `cargo xtask test --cloud` sets it");
    }
    Some(Path::new(&folder?).join("gcp/zoom"))
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
        program()?;
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
        world.put("rules.yaml", RULES.as_bytes()).await;
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

    pub(crate) async fn put(&self, key: &str, content: &'static [u8]) {
        let body = whole_body(content);
        let (objects, head) = (self.place.objects(), Head::default());
        let written = objects.write(key, &head, Put::Replace, body).await;
        written.unwrap();
    }

    fn command(&self, port: u16, more: &[(&str, &str)]) -> (Command, PathBuf) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(crate::emulator::unique("fn"));
        std::fs::create_dir_all(&folder).unwrap();
        let log = folder.join("function.log");
        let output = std::fs::File::create(&log).unwrap();
        let rules = format!("gs://{}/rules.yaml", self.place.bucket);
        let secrets = format!("gcp-secretmanager:{}/acme", self.project.id);
        let mut command = Command::new(program().unwrap());
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
        let port = free_port();
        let (mut command, log) = self.command(port, more);
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
        let (mut command, log) = self.command(free_port(), more);
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
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let call = client.get(format!("{}/v2/people", function.url));
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
        match World::new().await {
            Some(world) => world,
            None => return,
        }
    };
}
pub(crate) use world;

#[tokio::test(flavor = "multi_thread")]
async fn policy_rules_and_secrets_come_from_google() {
    let world = world!();
    let function = world.function(&[]).await;
    for header in ["authorization", "x-serverless-authorization"] {
        let (status, answer) = world.call(&function, header).await;
        assert_eq!(status, 200, "{answer}");
        assert!(
            answer.contains("\"email\":") && answer.contains("\"id\":7"),
            "{answer}"
        );
    }
    for bearers in [
        world.project.front.bearers(),
        world.place.wire.mishaps.bearers(),
    ] {
        assert!(!bearers.is_empty());
        assert!(bearers.iter().all(|b| b.starts_with("Bearer secret-t")));
    }
    assert!(world.metadata.asked() <= 2, "one token for each store");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_t_be_read_keeps_the_function_from_starting() {
    let world = world!();
    let (project, bucket) = (&world.project.id, &world.place.bucket);
    world.put("broken.yaml", b"endpoints: [").await;
    world.put("binary.yaml", b"\xff\xfe\0").await;
    let large = format!("# {}", "x".repeat(8 << 20));
    world.put("large.yaml", large.into_bytes().leak()).await;
    let at = |key: &str| format!("gs://{bucket}/{key}");
    for (name, value, words) in [
        ("HUSHGATE_RULES", at("missing.yaml"), "missing.yaml"),
        ("HUSHGATE_RULES", at("broken.yaml"), "broken.yaml"),
        ("HUSHGATE_RULES", at("large.yaml"), "more than"),
        (
            "HUSHGATE_RULES",
            at("binary.yaml"),
            "HUSHGATE_RULES: the document is not UTF-8",
        ),
        (
            "HUSHGATE_RULES",
            "gs://no-such-bucket/rules.yaml".to_owned(),
            "HUSHGATE_RULES: there is no",
        ),
        ("HUSHGATE_RULES", "store:NO_RULES".to_owned(), "NO_RULES"),
        ("HUSHGATE_ACCESS", "store:NO_POLICY".to_owned(), "NO_POLICY"),
        ("HUSHGATE_ACCESS", at("missing.yaml"), "missing.yaml"),
        (
            "HUSHGATE_RULES",
            "s3://bucket/rules.yaml".to_owned(),
            "`aws`",
        ),
        ("HUSHGATE_SECRETS", "aws-ssm:/hushgate".to_owned(), "`aws`"),
    ] {
        let (status, log) = world.end(&[(name, &value)]).await;
        assert_eq!(status.code(), Some(1), "{name}={value}: {log}");
        assert!(log.contains(words), "{value}: {log}");
        assert!(!log.contains("\"ready\""), "{log}");
    }
    // Access denied, and an outage, name what is missing too.
    for (part, words) in [
        ("GET /storage", format!("gs://{bucket}/rules.yaml")),
        (
            "GET /v1",
            format!("projects/{project}/secrets/acme--ACCESS"),
        ),
    ] {
        for (status, word) in [(403, "PERMISSION_DENIED"), (503, "UNAVAILABLE")] {
            let mishap = Mishap::Status(status, word);
            world.place.wire.mishaps.add(part, usize::MAX, mishap);
            world.project.front.mishap(part, usize::MAX, mishap);
            let (ended, log) = world.end(&[]).await;
            assert_eq!(ended.code(), Some(1), "{log}");
            assert!(log.contains(&words), "{log}");
            let told = if status == 403 {
                "grant `"
            } else {
                "it answered 503"
            };
            assert!(log.contains(told), "{log}");
            world.place.wire.mishaps.calm();
            world.project.front.calm();
        }
    }
}

/// The code that the page promises where this is the case.
fn promised(case: &str) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cloud-run.md");
    let page = std::fs::read_to_string(page).unwrap();
    let row = page
        .lines()
        .find(|line| line.starts_with(&format!("| {case} |")));
    let code = row.and_then(|row| row.split('`').nth(1));
    code.unwrap_or_else(|| panic!("no row {case}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_may_not_be_read_is_refused_as_the_page_says() {
    for (status, word, case) in [
        (
            403,
            "PERMISSION_DENIED",
            "a service account that may not read an entry",
        ),
        (
            503,
            "UNAVAILABLE",
            "a metadata server, a store or a secret's service out of reach",
        ),
    ] {
        for entry in ["PSEUDONYM_KEY", "CLIENT_SECRET"] {
            // One for each: a function that is killed may leave the lock of renewals behind.
            let world = world!();
            let name = format!("projects/{}/secrets/acme--{entry}", world.project.id);
            world
                .project
                .front
                .mishap(&name, usize::MAX, Mishap::Status(status, word));
            let function = world.function(&[]).await;
            let (_, answer) = world.call(&function, "authorization").await;
            assert!(answer.contains(&promised(case)), "{entry}: {answer}");
            assert!(!answer.contains("acme--"), "told in the log only");
            let log = function.log();
            assert!(log.contains(&name), "{log}");
            if status == 403 {
                assert!(
                    log.contains("grant `secretmanager.versions.access`"),
                    "{log}"
                );
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_in_the_prefix_is_told_with_the_name_that_was_looked_for() {
    let world = world!();
    let slip = format!("gcp-secretmanager:{}/acmex", world.project.id);
    let slip = ("HUSHGATE_SECRETS", slip.as_str());
    let (status, log) = world.end(&[slip]).await;
    assert_eq!(status.code(), Some(1), "{log}");
    let whole = |entry: &str| {
        let id = &world.project.id;
        format!("`projects/{id}/secrets/acmex--{entry}` in Secret Manager")
    };
    assert!(
        log.contains(&format!(
            "there is no {} (reading it takes `secretmanager.versions.access`",
            whole("ACCESS")
        )),
        "{log}"
    );
    let policy = world.project.store().read("ACCESS").await.unwrap().unwrap();
    let more = [slip, ("HUSHGATE_ACCESS", policy.reveal())];
    let function = world.function(&more).await;
    let (status, answer) = world.call(&function, "authorization").await;
    assert_eq!(status, 500, "{answer}");
    let log = function.log();
    let permission = "reading it takes `secretmanager.versions.access` on this secret";
    let told = format!(
        "secret {} ({permission}, as with the role Secret Manager Secret Accessor) is missing: check first",
        whole("PSEUDONYM_KEY")
    );
    assert!(log.contains(&told), "{log}");
    assert!(!answer.contains("acmex"), "told in the log only");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_without_identity_says_so_and_answers_when_it_has_one() {
    let world = world!();
    world.metadata.be(Mood::Says(404));
    let (status, log) = world.end(&[]).await;
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("no service account is attached"), "{log}");
    // With policy and rules at hand it starts, since nothing is asked for before it is needed.
    let policy = world.project.store().read("ACCESS").await.unwrap().unwrap();
    let more = [
        ("HUSHGATE_ACCESS", policy.reveal()),
        ("HUSHGATE_RULES", RULES),
    ];
    let function = world.function(&more).await;
    let (status, answer) = world.call(&function, "authorization").await;
    assert_eq!(status, 500, "{answer}");
    assert!(answer.contains("configuration-invalid"), "{answer}");
    assert!(!answer.contains("service account"), "told in the log only");
    let log = function.log();
    assert!(
        log.contains("no service account is attached") && log.contains(&world.metadata.address),
        "{log}"
    );
    world.metadata.be(Mood::Gives(3600));
    let start = Instant::now();
    loop {
        let (status, answer) = world.call(&function, "authorization").await;
        if status == 200 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{answer}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
