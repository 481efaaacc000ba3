//! Start, first answer, warm answers and memory of a function as the clouds' hosts run it: before a
//! minimal Lambda Runtime API, and as Cloud Run starts a container. Secrets come from a minimal
//! answerer of each cloud's secret store; everything is on loopback.

use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hushgate_cli::sample::{Issuer, LoopbackServer};
use serde_json::json;

use crate::callers;
use crate::process::{AUDIENCE, source, status, wait};
use crate::runtime_api::RuntimeApi;
use crate::stores::Store;
use crate::{markdown, quantile};

pub(crate) const STARTS: usize = 100;
const WARM: usize = 1000;
const LONG: Duration = Duration::from_secs(30);
const PATH: &str = "/v2/users";

/// What one host's processes showed, in milliseconds and KiB.
#[derive(Default)]
struct Figures {
    ready: Vec<f64>,
    first: Vec<f64>,
    warm: Vec<f64>,
    idle: u64,
    private: u64,
    peak: u64,
    size: u64,
}

pub(crate) fn table() -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let direct = runtime.block_on(world.direct());
    let mut page = String::new();
    for (name, program, ready, measure) in [
        (
            "AWS Lambda (function zoom, Secrets Manager)",
            program("HUSHGATE_BENCH_AWS"),
            "exec to first request for an event",
            lambda as fn(&World, &PathBuf, &tokio::runtime::Runtime) -> Figures,
        ),
        (
            "Cloud Run (function zoom, Secret Manager)",
            program("HUSHGATE_BENCH_GCP"),
            "exec to first accepted request",
            cloud_run,
        ),
    ] {
        eprintln!("cloud: {name}");
        let mut figures = measure(&world, &program, &runtime);
        figures.size = std::fs::metadata(&program).unwrap().len();
        page += &figures.table(name, ready, direct);
    }
    eprintln!("cloud: callers that Cloud Run has checked");
    page += &runtime.block_on(callers::table(&program("HUSHGATE_BENCH_GCP")));
    page
}

fn program(variable: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).expect("run with `cargo xtask bench cloud`"))
}

impl Figures {
    fn table(mut self, name: &str, ready: &str, direct: f64) -> String {
        let ms = |value: f64| format!("{value:.2} ms");
        let mib = |kib: u64| {
            let kib = f64::from(u32::try_from(kib).unwrap_or(u32::MAX));
            format!("{:.1} MiB", kib / 1024.0)
        };
        let warm = quantile(&mut self.warm, 0.5);
        let rows = [
            (
                format!("{ready}, p50"),
                ms(quantile(&mut self.ready, 0.5)),
                "≤ 10 ms",
            ),
            (
                format!("{ready}, p99"),
                ms(quantile(&mut self.ready, 0.99)),
                "≤ 20 ms",
            ),
            (
                "exec to first sanitized answer, p50".to_owned(),
                ms(quantile(&mut self.first, 0.5)),
                "",
            ),
            (
                "exec to first sanitized answer, p99".to_owned(),
                ms(quantile(&mut self.first, 0.99)),
                "≤ 60 ms",
            ),
            ("warm call, p50".to_owned(), ms(warm), ""),
            ("of it, the source itself".to_owned(), ms(direct), ""),
            ("of it, the function".to_owned(), ms(warm - direct), ""),
            (
                "warm call, p99".to_owned(),
                ms(quantile(&mut self.warm, 0.99)),
                "",
            ),
            (
                "resident memory, idle".to_owned(),
                mib(self.idle),
                "≤ 20 MiB",
            ),
            (
                "of it, not pages of the program's file".to_owned(),
                mib(self.private),
                "",
            ),
            (
                format!("peak resident memory after {WARM} calls"),
                mib(self.peak),
                "",
            ),
            ("binary".to_owned(), mib(self.size / 1024), ""),
        ];
        let rows: Vec<_> = rows.map(|(a, b, c)| vec![a, b, c.to_owned()]).into();
        markdown(name, &["figure", "measured", "aim"], &rows)
    }
}

/// A process that is killed when dropped.
pub(crate) struct Process(pub(crate) Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Issuer, source and secret stores.
struct World {
    source: LoopbackServer,
    secrets_manager: Store,
    secret_manager: Store,
    policy: String,
    token: String,
}

impl World {
    async fn start() -> Self {
        let issuer = Issuer::start().await.unwrap();
        let url = issuer.url();
        let token = issuer
            .token("1", AUDIENCE, Duration::from_hours(1))
            .unwrap();
        let policy = format!(
            "issuers:\n  - issuer: {url}\n    algorithms: [ES256]\nclients:\n  - id: bench\n    name: Bench\n    \
             identity: {{issuer: \"{url}\", subject: \"1\", audience: \"{AUDIENCE}\"}}\n    sources: [zoom]\n    expires: 2099-12-31\n"
        );
        // It serves its keys until the benchmark ends.
        std::mem::forget(issuer);
        let user = "{\"id\":\"KdYKjnimT4KPd8FFgQt9FQ\",\"email\":\"ada@example.com\",\"type\":2,\"dept\":\"x\",\"status\":\"active\"}";
        let body = format!("{{\"users\":[{}]}}", vec![user; 20].join(","));
        Self {
            source: source(Bytes::from(body)).await,
            secrets_manager: Store::aws().await,
            secret_manager: Store::google().await,
            policy,
            token,
        }
    }

    fn command(&self, program: &PathBuf) -> Command {
        let address = self.source.address().to_string();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HUSHGATE_ACCESS", &self.policy)
            .env("HUSHGATE_DEV_LOOPBACK", "1")
            .env("HUSHGATE_TOKEN_ORIGIN", format!("http://{address}"))
            .env("HUSHGATE_TARGET_HOST", address)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Milliseconds of the same call to the source itself.
    async fn direct(&self) -> f64 {
        let client = plain();
        let url = format!("{}{PATH}", self.source.url());
        let mut times = Vec::new();
        for _ in 0..WARM {
            let sent = Instant::now();
            let response = client.get(&url).send().await.unwrap();
            let _ = response.bytes().await.unwrap();
            times.push(milliseconds(sent.elapsed()));
        }
        quantile(&mut times, 0.5)
    }
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn plain() -> reqwest::Client {
    reqwest::Client::builder()
        .no_proxy()
        .no_gzip()
        .no_brotli()
        .no_deflate()
        .no_zstd()
        .build()
        .unwrap()
}

fn lambda(world: &World, program: &PathBuf, _: &tokio::runtime::Runtime) -> Figures {
    let event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": PATH,
        "rawQueryString": "",
        "headers": {
            "host": "example.lambda-url.us-east-1.on.aws",
            "authorization": format!("Bearer {}", world.token),
        },
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "example",
            "domainName": "example.lambda-url.us-east-1.on.aws",
            "domainPrefix": "example",
            "http": {"method": "GET", "path": PATH, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "bench"},
            "requestId": "4c0b1a3f-0000-4000-8000-000000000000",
            "routeKey": "$default",
            "stage": "$default",
            "time": "21/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1_795_262_400_000_u64,
        },
        "isBase64Encoded": false,
    })
    .to_string();
    let mut figures = Figures::default();
    for start in 0..STARTS {
        world.secrets_manager.forget();
        let api = RuntimeApi::start();
        let begin = Instant::now();
        let process = world
            .command(program)
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .env("AWS_LAMBDA_FUNCTION_NAME", "zoom")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "example")
            .env("AWS_SESSION_TOKEN", "example")
            .env(
                "AWS_ENDPOINT_URL",
                format!("http://{}", world.secrets_manager.address()),
            )
            .env("HUSHGATE_SECRETS", "aws-secretsmanager:hushgate/zoom")
            .spawn()
            .map(Process)
            .unwrap();
        let polled = api.poll(LONG).expect("it asks for an event");
        figures.ready.push(milliseconds(polled - begin));
        let id = process.0.id();
        if start + 1 == STARTS {
            figures.idle = status(id, "VmRSS:");
            figures.private = status(id, "RssAnon:");
        }
        // The event is there when the process asks; how long this took to read it is not the process's.
        let waited = polled.elapsed();
        let answer = api.invoke(&event, LONG).expect("it answers");
        assert_eq!(answer.kind, "response");
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.contains("\"statusCode\":200"), "{text}");
        figures
            .first
            .push(milliseconds(answer.at - begin) - milliseconds(waited));
        if start + 1 == STARTS {
            for _ in 0..WARM {
                let answer = api.invoke(&event, LONG).expect("it answers");
                figures.warm.push(milliseconds(answer.took));
            }
            figures.peak = status(id, "VmHWM:");
        }
    }
    figures
}

fn cloud_run(world: &World, program: &PathBuf, runtime: &tokio::runtime::Runtime) -> Figures {
    let mut figures = Figures::default();
    let emulator = world.secret_manager.address();
    for start in 0..STARTS {
        world.secret_manager.forget();
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|listener| listener.local_addr())
            .unwrap()
            .port();
        let client = plain();
        let begin = Instant::now();
        let process = world
            .command(program)
            .env("PORT", port.to_string())
            .env("SECRET_MANAGER_EMULATOR_HOST", &emulator)
            .env("HUSHGATE_SECRETS", "gcp-secretmanager:benchmark/zoom")
            .spawn()
            .map(Process)
            .unwrap();
        wait(port);
        figures.ready.push(milliseconds(begin.elapsed()));
        let id = process.0.id();
        if start + 1 == STARTS {
            figures.idle = status(id, "VmRSS:");
            figures.private = status(id, "RssAnon:");
        }
        let waited = Instant::now();
        let url = format!("http://127.0.0.1:{port}{PATH}");
        let call = async || {
            let sent = Instant::now();
            let call = client.get(&url).bearer_auth(&world.token);
            let response = call.send().await.unwrap();
            let status = response.status();
            let body = response.text().await.unwrap();
            assert_eq!(status, 200, "{body}");
            milliseconds(sent.elapsed())
        };
        let ready = milliseconds(waited - begin);
        figures.first.push(ready + runtime.block_on(call()));
        if start + 1 == STARTS {
            for _ in 0..WARM {
                figures.warm.push(runtime.block_on(call()));
            }
            figures.peak = status(id, "VmHWM:");
        }
    }
    figures
}
