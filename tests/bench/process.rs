//! Start, memory and size of the function as a process.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hushgate_cli::sample::{Issuer, LoopbackServer, Response};

use crate::{markdown, quantile};

pub(crate) const AUDIENCE: &str = "https://bench.example";

/// The release binary of source zoom.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(
        std::env::var_os("HUSHGATE_BENCH_FUNCTION").expect("run with `cargo xtask bench`"),
    )
}

/// A running function; killed when dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) port: u16,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts the function on a free port with this issuer and source.
pub(crate) fn start(issuer: &str, source: &str) -> Running {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let policy = format!(
        "issuers:\n  - issuer: {issuer}\n    algorithms: [ES256]\nclients:\n  - id: bench\n    name: Bench\n    \
         identity: {{issuer: \"{issuer}\", subject: \"1\", audience: \"{AUDIENCE}\"}}\n    sources: [zoom]\n    expires: 2099-12-31\n"
    );
    let child = Command::new(binary())
        .env_clear()
        .env("PORT", port.to_string())
        .env("HUSHGATE_ACCESS", policy)
        .env("HUSHGATE_DEV_LOOPBACK", "1")
        .env("HUSHGATE_TARGET_HOST", source)
        .env("HUSHGATE_TOKEN_ORIGIN", format!("http://{source}"))
        .env(
            "PSEUDONYM_KEY",
            "1:aHVzaGdhdGUtZTJlLWtleS1ub3QtYS1zZWNyZXQtMzI=",
        )
        .env("CLIENT_ID", "id")
        .env("CLIENT_SECRET", "secret")
        .env("ACCOUNT_ID", "account")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running { child, port }
}

/// Waits until the function answers its liveness path.
pub(crate) fn wait(port: u16) {
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(30) {
        if let Ok(mut stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            let mut answer = [0; 12];
            if stream.write_all(request).is_ok()
                && stream.read_exact(&mut answer).is_ok()
                && answer.ends_with(b"200")
            {
                return;
            }
        }
        std::thread::sleep(Duration::from_micros(100));
    }
    panic!("no function accepts a request at port {port}");
}

/// A source whose answer to every call is `body`.
pub(crate) async fn source(body: Bytes) -> LoopbackServer {
    LoopbackServer::start(move |request| {
        let body = if request.method() == http::Method::POST {
            Bytes::from_static(
                b"{\"access_token\":\"t\",\"expires_in\":3600,\"token_type\":\"bearer\"}",
            )
        } else {
            body.clone()
        };
        let mut response = Response::new(body);
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    })
    .await
    .unwrap()
}

pub(crate) fn table() -> String {
    eprintln!("process: 100 starts, memory");
    let mut starts: Vec<f64> = (0..100)
        .map(|_| {
            let begin = Instant::now();
            let running = start("http://127.0.0.1:9", "127.0.0.1:9");
            wait(running.port);
            begin.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    let [idle, private, small, large] = memory();
    let size = std::fs::metadata(binary()).unwrap().len();
    let mib = |kib: u64| {
        format!(
            "{:.1} MiB",
            f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0
        )
    };
    let rows = [
        (
            "exec to first accepted request, p50",
            format!("{:.1} ms", quantile(&mut starts, 0.5)),
            "≤ 8 ms",
        ),
        (
            "exec to first accepted request, p99",
            format!("{:.1} ms", quantile(&mut starts, 0.99)),
            "≤ 15 ms",
        ),
        ("resident memory, idle for 2 s", mib(idle), "≤ 12 MiB"),
        ("of it, not pages of the program's file", mib(private), ""),
        ("resident memory after a first small call", mib(small), ""),
        ("peak resident memory with a 50 MB body", mib(large), ""),
        ("binary", mib(size / 1024), ""),
    ];
    let rows: Vec<_> = rows
        .map(|(a, b, c)| vec![a.to_owned(), b, c.to_owned()])
        .into();
    markdown(
        "The process (function zoom)",
        &["figure", "measured", "aim"],
        &rows,
    )
}

/// Resident KiB when idle, those of them that no file backs, after a small call, and the peak with a
/// 50 MB body.
fn memory() -> [u64; 4] {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let issuer = Issuer::start().await.unwrap();
        let token = issuer.token("1", AUDIENCE, Duration::from_hours(1)).unwrap();
        let user = "{\"id\":\"KdYKjnimT4KPd8FFgQt9FQ\",\"email\":\"ada@example.com\",\"type\":2,\"dept\":\"x\",\"status\":\"active\"}";
        let mut figures = [0; 4];
        for (slot, copies) in [(2, 10), (3, 50_000_000 / (user.len() + 1))] {
            let body = format!("{{\"users\":[{}]}}", vec![user; copies].join(","));
            let source = source(Bytes::from(body)).await;
            let running = start(&issuer.url(), &source.address().to_string());
            wait(running.port);
            // What the start freed goes back to the system a moment later.
            tokio::time::sleep(Duration::from_secs(2)).await;
            figures[0] = status(running.child.id(), "VmRSS:");
            figures[1] = status(running.child.id(), "RssAnon:");
            let url = format!("http://127.0.0.1:{}/v2/users", running.port);
            let response =
                reqwest::Client::new().get(url).bearer_auth(&token).send().await.unwrap();
            assert_eq!(response.status(), 200, "{:?}", response.text().await);
            let _ = response.bytes().await.unwrap();
            figures[slot] = status(running.child.id(), if slot == 2 { "VmRSS:" } else { "VmHWM:" });
        }
        figures
    })
}

pub(crate) fn status(pid: u32, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text.lines().find(|l| l.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
