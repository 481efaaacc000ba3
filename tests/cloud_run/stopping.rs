//! The end: what runs is answered, within the time that a platform gives.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::h2c;
use crate::support::World;

/// A source that takes its time, and says how many requests came.
struct SlowSource {
    address: String,
    asked: Arc<AtomicUsize>,
}

impl SlowSource {
    /// `token`: how long a token takes; `users`: how long the list.
    async fn start(token: Duration, users: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address").to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let _ = answer(stream, &count, token, users).await;
                });
            }
        });
        Self { address, asked }
    }

    async fn world(&self, environment: &[(&str, &str)]) -> World {
        World::before(&self.address, environment).await
    }

    /// Waits until so many requests have come.
    async fn asked(&self, count: usize) {
        let start = Instant::now();
        while self.asked.load(Ordering::SeqCst) < count {
            assert!(start.elapsed() < Duration::from_secs(10), "nobody asks");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Answers one request, late.
async fn answer(
    mut stream: TcpStream,
    count: &AtomicUsize,
    token: Duration,
    users: Duration,
) -> std::io::Result<()> {
    let mut text = String::new();
    let mut piece = [0; 4096];
    while !text.contains("\r\n\r\n") || (text.starts_with("POST") && !text.contains("grant_type")) {
        let read = stream.read(&mut piece).await?;
        if read == 0 {
            return Ok(());
        }
        text.push_str(&String::from_utf8_lossy(&piece[..read]));
    }
    count.fetch_add(1, Ordering::SeqCst);
    let (wait, body) = if text.starts_with("POST") {
        let body =
            r#"{"access_token":"sample-access-token","expires_in":3600,"token_type":"bearer"}"#;
        (token, body)
    } else {
        (users, r#"{"users":[]}"#)
    };
    tokio::time::sleep(wait).await;
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn tell_to_stop(world: &World) {
    let pid = world.function.pid().to_string();
    let sent = Command::new("kill").args(["-TERM", &pid]).status();
    assert!(sent.expect("kill runs").success());
}

/// Waits until no connection is taken any more.
async fn closed(world: &World) {
    let start = Instant::now();
    while TcpStream::connect(world.function.address()).await.is_ok() {
        assert!(start.elapsed() < Duration::from_secs(2), "it listens on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_is_answered_and_nothing_new_is_taken_after_sigterm() {
    let source = SlowSource::start(Duration::ZERO, Duration::from_millis(1500)).await;
    let mut world = source.world(&[]).await;
    // A kept connection without a request.
    let mut kept = TcpStream::connect(world.function.address())
        .await
        .expect("a connection");
    let warm = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    kept.write_all(warm).await.expect("it is sent");
    let mut first = [0; 512];
    let count = kept.read(&mut first).await.expect("an answer");
    assert!(String::from_utf8_lossy(&first[..count]).ends_with("ok\n"));
    let mut calls = Vec::new();
    for client in [world.client.clone(), h2c()] {
        let url = format!("{}/v2/users", world.function.url());
        let call = client.get(url).bearer_auth(world.token());
        calls.push(tokio::spawn(call.send()));
    }
    // One token, two lists.
    source.asked(3).await;
    let told = Instant::now();
    tell_to_stop(&world);
    closed(&world).await;
    let _ = kept.write_all(warm).await;
    let mut rest = Vec::new();
    let _ = kept.read_to_end(&mut rest).await;
    assert!(rest.is_empty(), "a kept connection is answered no more");
    for call in calls {
        let response = call.await.expect("the call ends").expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.text().await.expect("a body"), r#"{"users":[]}"#);
    }
    let code = tokio::task::block_in_place(|| world.function.terminate());
    assert_eq!(code, Some(0));
    assert!(told.elapsed() < Duration::from_secs(5));
    assert!(world.function.log().contains("\"stopped\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_by_itself_before_it_is_killed() {
    let forever = Duration::from_secs(40);
    // A list that does not come, and a token that does not come.
    let (lists, tokens) = (
        SlowSource::start(Duration::ZERO, forever).await,
        SlowSource::start(forever, Duration::ZERO).await,
    );
    let lists_by_http2 = SlowSource::start(Duration::ZERO, forever).await;
    let mut ends = BTreeMap::new();
    let mut waiting = Vec::new();
    for (what, source, requests) in [
        ("list", &lists, 2),
        ("list by HTTP/2", &lists_by_http2, 2),
        ("token", &tokens, 1),
    ] {
        let world = source.world(&[]).await;
        let call = if what == "list by HTTP/2" {
            let url = format!("{}/v2/users", world.function.url());
            h2c().get(url).bearer_auth(world.token())
        } else {
            world.request(Method::GET, "/v2/users")
        };
        let call = tokio::spawn(call.send());
        source.asked(requests).await;
        tell_to_stop(&world);
        waiting.push((what, world, call, Instant::now()));
    }
    for (what, mut world, call, told) in waiting {
        let code = tokio::task::block_in_place(|| world.function.terminate());
        ends.insert(what, (code, told.elapsed()));
        // The caller's connection ends; nothing that looks like an answer comes.
        assert!(call.await.expect("the call ends").is_err(), "{what}");
        let log = world.function.log();
        assert!(log.contains("\"stopped\""), "{what}: {log}");
        let unsaved = "stopped while a credential was being obtained";
        assert_eq!(log.contains(unsaved), what == "token", "{log}");
    }
    // Cloud Run kills after ten seconds.
    for (what, (code, time)) in ends {
        assert_eq!(code, Some(0), "{what}");
        assert!(time < Duration::from_millis(9800), "{what}: {time:?}");
        assert!(time > Duration::from_secs(8), "{what}: {time:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_time_to_end_can_be_set() {
    let source = SlowSource::start(Duration::ZERO, Duration::from_secs(20)).await;
    let mut world = source.world(&[("HUSHGATE_DRAIN_SECONDS", "1")]).await;
    let call = tokio::spawn(world.request(Method::GET, "/v2/users").send());
    source.asked(2).await;
    let told = Instant::now();
    let code = tokio::task::block_in_place(|| world.function.terminate());
    let time = told.elapsed();
    assert_eq!(code, Some(0));
    assert!(
        time > Duration::from_millis(900) && time < Duration::from_secs(4),
        "{time:?}"
    );
    assert!(call.await.expect("the call ends").is_err());
}
