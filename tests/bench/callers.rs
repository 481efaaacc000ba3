//! What it costs a start on Cloud Run to believe the callers that Cloud Run has checked: a question to the
//! metadata server, before the first request is accepted.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use bytes::Bytes;
use hushgate_cli::sample::LoopbackServer;

use crate::cloud::{Process, STARTS, milliseconds};
use crate::process::wait;
use crate::{markdown, quantile};

/// Starts with and without the switch take turns, so that both have the same machine.
pub(crate) async fn table(program: &Path) -> String {
    let metadata = LoopbackServer::start(|_| {
        let region = Bytes::from_static(b"projects/104857600000/regions/europe-west6");
        let response = http::Response::builder().header("metadata-flavor", "Google");
        response.body(region).unwrap()
    });
    let metadata = metadata.await.unwrap();
    let address = metadata.address().to_string();
    let switch = [("HUSHGATE_PLATFORM_CALLERS", "cloud-run")];
    let mut plain = Vec::new();
    let mut switched = Vec::new();
    for _ in 0..STARTS {
        plain.push(start(program, &address, &[]));
        switched.push(start(program, &address, &switch));
    }
    let mut rows = Vec::new();
    for (quantile_of, share) in [("p50", 0.5), ("p99", 0.99)] {
        let of = |times: &mut Vec<f64>| format!("{:.2} ms", quantile(times, share));
        rows.push(vec![
            quantile_of.to_owned(),
            of(&mut plain),
            of(&mut switched),
        ]);
    }
    let columns = ["exec to first accepted request", "off", "on"];
    markdown(
        "Cloud Run, with `HUSHGATE_PLATFORM_CALLERS`",
        &columns,
        &rows,
    )
}

/// Milliseconds from exec to the first accepted request, with a policy that believes no other caller.
fn start(program: &Path, metadata: &str, switch: &[(&str, &str)]) -> f64 {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .unwrap()
        .port();
    let identity = if switch.is_empty() {
        "{issuer: \"https://accounts.google.com\", subject: \"1\", audience: \"https://bench.run.example\"}"
    } else {
        "{cloud_run: {subject: \"1\", audience: \"https://bench.run.example\"}}"
    };
    let unauthenticated = if switch.is_empty() {
        ""
    } else {
        "cloud_run: {unauthenticated: refused}\n"
    };
    let policy = format!(
        "issuers:\n  - issuer: https://accounts.google.com\n    algorithms: [RS256]\nclients:\n  - id: bench\n    identity: {identity}\n    \
         sources: [zoom]\n    expires: 2099-12-31\n{unauthenticated}"
    );
    let begin = Instant::now();
    let _process = Command::new(program)
        .env_clear()
        .env("PORT", port.to_string())
        .env("K_SERVICE", "zoom")
        .env("K_REVISION", "zoom-00001-abc")
        .env("K_CONFIGURATION", "zoom")
        .env("GCE_METADATA_HOST", metadata)
        .env("HUSHGATE_ACCESS", policy)
        .env(
            "PSEUDONYM_KEY",
            "1:aHVzaGdhdGUtZTJlLWtleS1ub3QtYS1zZWNyZXQtMzI=",
        )
        .envs(switch.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map(Process)
        .unwrap();
    wait(port);
    milliseconds(begin.elapsed())
}
