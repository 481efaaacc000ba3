//! A source that is killed in the middle of an answer, and callers that go away.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use crate::support::World;
use crate::support::function::root;

/// Far longer than anything here takes.
const LONG: Duration = Duration::from_secs(20);

struct StallingSource {
    child: Child,
    lines: Receiver<String>,
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
        let output = BufReader::new(child.stdout.take().expect("its output"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let port = lines.recv().expect("its port");
        Self {
            child,
            lines,
            address: format!("127.0.0.1:{port}"),
        }
    }

    /// Waits until the source says this next.
    fn wait_for(&self, event: &str) {
        let said = tokio::task::block_in_place(|| self.lines.recv_timeout(LONG));
        assert_eq!(said.as_deref(), Ok(event));
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
    source.wait_for("half");
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
    let source = StallingSource::start();
    let world = World::before(&source.address, &[]).await;
    let request = world
        .request(reqwest::Method::GET, "/v2/users")
        .timeout(Duration::from_secs(2));
    let call = tokio::spawn(async move { request.send().await });
    source.wait_for("half");
    assert!(
        call.await.expect("the call ends").is_err(),
        "the caller gave up"
    );
    // Long before the function's own time for the request is over.
    source.wait_for("gone");
}
