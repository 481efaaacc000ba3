use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::Instant;

use hushgate_gateway::refusal::Cause;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, oneshot};

use super::*;

mod bodies;
mod idle;

/// Notes what it got; answers a refusal, since nothing else can be made outside the gateway.
#[derive(Default)]
struct Probe {
    seen: Mutex<Vec<(String, Option<String>, usize)>>,
    hold: Option<Arc<Notify>>,
    /// Answers without a look at the body.
    refuses_unread: bool,
    dropped: Arc<Mutex<u32>>,
}

struct Dropped(Arc<Mutex<u32>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
    }
}

impl Handler for Probe {
    fn handle(&self, inbound: Inbound, body: Receiving) -> Answering<'_> {
        Box::pin(async move {
            if self.refuses_unread {
                if let Some(hold) = &self.hold {
                    hold.notified().await;
                }
                drop(body);
                return Reply::refused(&Refusal::new(Cause::TokenInvalid, ""), &RequestId::fresh());
            }
            let body = match body.await {
                Ok(body) => body,
                Err(refusal) => return Reply::refused(&refusal, &RequestId::fresh()),
            };
            self.seen
                .lock()
                .unwrap()
                .push((inbound.raw_path, inbound.raw_query, body.len()));
            let _dropped = Dropped(self.dropped.clone());
            if let Some(hold) = &self.hold {
                hold.notified().await;
            }
            Reply::refused(&Refusal::new(Cause::TokenMissing, ""), &RequestId::fresh())
        })
    }

    fn refuse(&self, refusal: &Refusal, id: &RequestId) -> Reply {
        Reply::refused(refusal, id)
    }
}

struct Running {
    address: SocketAddr,
    probe: Arc<Probe>,
    stop: Option<oneshot::Sender<()>>,
    done: tokio::task::JoinHandle<io::Result<()>>,
}

fn start(probe: Probe, limits: Limits) -> Running {
    let listener = bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let probe = Arc::new(probe);
    let (stop, stopped) = oneshot::channel::<()>();
    let handler: Arc<dyn Handler> = probe.clone();
    let done = tokio::spawn(serve(listener, handler, limits, async {
        let _ = stopped.await;
    }));
    Running {
        address,
        probe,
        stop: Some(stop),
        done,
    }
}

/// Sends raw bytes and reads until the server closes, or 2 s.
async fn raw(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

#[tokio::test]
async fn keeps_path_and_query_byte_for_byte() {
    let running = start(Probe::default(), Limits::default());
    for (target, path, query) in [
        (
            "/a%2Fb//../c;x=1?b=%31&a=+;&&b=",
            "/a%2Fb//../c;x=1",
            Some("b=%31&a=+;&&b="),
        ),
        ("/?", "/", Some("")),
        ("/%7e%7E?x?y=/", "/%7e%7E", Some("x?y=/")),
        ("//evil.example.com/x", "//evil.example.com/x", None),
    ] {
        let answer = raw(running.address, &get(target)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{target}: {answer}");
        let seen = running.probe.seen.lock().unwrap().pop().unwrap();
        assert_eq!(seen, (path.to_owned(), query.map(str::to_owned), 0));
    }
}

#[tokio::test]
async fn refuses_targets_that_name_a_host_and_malformed_requests() {
    let running = start(Probe::default(), Limits::default());
    for request in [
        get("http://evil.example.com/x"),
        get("https://evil.example.com/"),
        "CONNECT evil.example.com:443 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
        "OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
        "GET /a b HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1\r\nhost: x\r\nbad header: y\r\nconnection: close\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1\r\nhost: x\r\nx: a\rb\r\nconnection: close\r\n\r\n".to_owned(),
        "GET /a HTTP/1.1\r\nhost: x\r\ncontent-length: 1, 2\r\nconnection: close\r\n\r\nab".to_owned(),
        "POST /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, identity\r\nconnection: close\r\n\r\n0\r\n\r\n".to_owned(),
        "\0\0\0\0 / HTTP/1.1\r\n\r\n".to_owned(),
    ] {
        let answer = raw(running.address, &request).await;
        assert!(answer.starts_with("HTTP/1.1 400") || answer.is_empty(), "{request}: {answer}");
    }
    assert!(running.probe.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn limits_head_and_body() {
    let limits = Limits {
        body: 10,
        head: 8 << 10,
        ..Limits::default()
    };
    let running = start(Probe::default(), limits);
    let body = |length: usize| {
        format!(
            "POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{}",
            "x".repeat(length)
        )
    };
    assert!(
        raw(running.address, &body(10))
            .await
            .starts_with("HTTP/1.1 401")
    );
    let refused = raw(running.address, &body(11)).await;
    assert!(
        refused.starts_with("HTTP/1.1 413") && refused.contains("request-too-large"),
        "{refused}"
    );
    let chunked = "POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n8\r\nxxxxxxxx\r\n8\r\nxxxxxxxx\r\n0\r\n\r\n";
    assert!(
        raw(running.address, chunked)
            .await
            .starts_with("HTTP/1.1 413")
    );
    let long = format!(
        "GET /a HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n",
        "y".repeat(20_000)
    );
    assert!(
        raw(running.address, &long)
            .await
            .starts_with("HTTP/1.1 431")
    );
    let many = format!(
        "GET /a HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "a: b\r\n".repeat(200)
    );
    assert!(
        raw(running.address, &many)
            .await
            .starts_with("HTTP/1.1 431")
    );
    assert_eq!(running.probe.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn gives_up_on_slow_heads_and_bodies() {
    let limits = Limits {
        head_time: Duration::from_millis(100),
        body_time: Duration::from_millis(100),
        ..Limits::default()
    };
    let running = start(Probe::default(), limits);
    let started = Instant::now();
    let head = raw(running.address, "GET /a HTTP/1.1\r\nhost:").await;
    assert!(
        head.is_empty() || head.starts_with("HTTP/1.1 408"),
        "{head}"
    );
    let body = raw(
        running.address,
        "POST /a HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 5\r\n\r\nab",
    )
    .await;
    assert!(body.starts_with("HTTP/1.1 400"), "{body}");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn tells_liveness_and_nothing_else_without_the_gateway() {
    let running = start(Probe::default(), Limits::default());
    let answer = raw(running.address, &get("/healthz")).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("\r\n\r\nok\n"),
        "{answer}"
    );
    let headers: Vec<&str> = answer
        .lines()
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split(':').next())
        .collect();
    assert!(
        headers
            .iter()
            .all(|h| ["content-length", "date", "connection"].contains(h)),
        "{headers:?}"
    );
    assert!(running.probe.seen.lock().unwrap().is_empty());
    assert!(
        raw(running.address, &get("/healthz/x"))
            .await
            .starts_with("HTTP/1.1 401")
    );
}

#[tokio::test]
async fn answers_overloaded_when_full_and_drops_what_callers_left() {
    let hold = Arc::new(Notify::new());
    let probe = Probe {
        hold: Some(hold.clone()),
        ..Probe::default()
    };
    let running = start(
        probe,
        Limits {
            in_flight: 1,
            ..Limits::default()
        },
    );
    let mut first = TcpStream::connect(running.address).await.unwrap();
    first.write_all(get("/a").as_bytes()).await.unwrap();
    while running.probe.seen.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let second = raw(running.address, &get("/b")).await;
    assert!(
        second.starts_with("HTTP/1.1 503") && second.contains("retry-after: 1"),
        "{second}"
    );
    drop(first);
    for _ in 0..200 {
        if *running.probe.dropped.lock().unwrap() == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the abandoned request still runs");
}

#[tokio::test]
async fn lets_running_requests_end_when_stopped_and_takes_no_new_ones() {
    let hold = Arc::new(Notify::new());
    let probe = Probe {
        hold: Some(hold.clone()),
        ..Probe::default()
    };
    let mut running = start(probe, Limits::default());
    let address = running.address;
    let first = tokio::spawn(async move { raw(address, &get("/a")).await });
    while running.probe.seen.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop.take().unwrap().send(()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(TcpStream::connect(address).await.is_err());
    hold.notify_one();
    assert!(first.await.unwrap().starts_with("HTTP/1.1 401"));
    running.done.await.unwrap().unwrap();
}

#[tokio::test]
async fn stops_waiting_for_requests_that_do_not_end() {
    let probe = Probe {
        hold: Some(Arc::new(Notify::new())),
        ..Probe::default()
    };
    let mut running = start(
        probe,
        Limits {
            drain: Duration::from_millis(50),
            ..Limits::default()
        },
    );
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(get("/a").as_bytes()).await.unwrap();
    while running.probe.seen.lock().unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    running.stop.take().unwrap().send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(2), running.done)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
