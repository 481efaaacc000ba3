//! A source that is killed in the middle of an answer, and callers that go away.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::support::World;
use crate::support::function::root;

struct StallingSource {
    child: Child,
    lines: BufReader<ChildStdout>,
    address: String,
}

impl StallingSource {
    fn start() -> Self {
        let mut child = Command::new("python3")
            .arg(root().join("tests/peers/stalling_source.py"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python3 starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output"));
        let mut port = String::new();
        lines.read_line(&mut port).expect("its port");
        Self {
            child,
            lines,
            address: format!("127.0.0.1:{}", port.trim()),
        }
    }

    fn wait_for_half(&mut self) {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line");
        assert_eq!(line.trim(), "half");
    }
}

impl Drop for StallingSource {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_killed_in_the_middle_of_a_body_gives_a_code_and_no_byte_of_it() {
    let mut source = StallingSource::start();
    let world = World::before(&source.address, &[]).await;
    let request = world.request(reqwest::Method::GET, "/v2/users");
    let call = tokio::spawn(async move { request.send().await.expect("an answer") });
    tokio::task::block_in_place(|| source.wait_for_half());
    source.child.kill().expect("kill -9");
    let response = call.await.expect("the call ends");
    assert_eq!(response.status(), 502);
    let body = response.text().await.expect("a body");
    assert!(body.contains("source-interrupted"), "{body}");
    assert!(
        !body.contains("hollis") && !body.contains("KdYKjnimT4KPd8FFgQt9FQ"),
        "{body}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_stalls_gives_a_timeout_code() {
    let source = StallingSource::start();
    let world = World::before(
        &source.address,
        &[("HUSHGATE_REQUEST_TIMEOUT_SECONDS", "1")],
    )
    .await;
    let response = world.get("/v2/users").await;
    assert_eq!(response.status(), 504);
    assert!(
        response
            .text()
            .await
            .expect("a body")
            .contains("source-timeout")
    );
}

#[tokio::test]
async fn a_source_that_is_not_there_gives_a_code() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    drop(listener);
    let world = World::before(&address, &[]).await;
    let response = world.get("/v2/users").await;
    assert_eq!(response.status(), 503);
    assert!(
        response
            .text()
            .await
            .expect("a body")
            .contains("source-unreachable")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_no_call_to_the_source_behind() {
    let mut source = StallingSource::start();
    let world = World::before(&source.address, &[]).await;
    let request = world
        .request(reqwest::Method::GET, "/v2/users")
        .timeout(Duration::from_secs(2));
    let call = tokio::spawn(async move { request.send().await });
    tokio::task::block_in_place(|| source.wait_for_half());
    assert!(
        call.await.expect("the call ends").is_err(),
        "the caller gave up"
    );
    let port: u16 = source
        .address
        .rsplit(':')
        .next()
        .and_then(|p| p.parse().ok())
        .expect("a port");
    for _ in 0..200 {
        if open_connections(world.function.pid(), port) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the function still holds a connection to the source");
}

/// Established connections of a process to a port on this machine, from /proc.
fn open_connections(pid: u32, port: u16) -> usize {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    let sockets: Vec<String> = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .map(|link| link.display().to_string())
        .collect();
    let suffix = format!(":{port:04X}");
    table
        .lines()
        .skip(1)
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.len() > 9 && fields[2].ends_with(&suffix) && fields[3] == "01")
        .filter(|fields| sockets.contains(&format!("socket:[{}]", fields[9])))
        .count()
}
