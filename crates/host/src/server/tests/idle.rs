//! Connections on which nothing happens, and connections at the end.

use std::io::{Read as _, Write as _};

use http_body_util::Empty;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;

use super::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00";

fn impatient() -> Limits {
    Limits {
        head_time: Duration::from_millis(200),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed_after_the_time_for_a_head() {
    let running = start(Probe::default(), impatient());
    let half_a_head = [
        PREFACE,
        SETTINGS,
        b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82",
    ]
    .concat();
    for begun in [
        &b""[..],
        b"P",
        b"PRI * HTTP",
        PREFACE,
        &[PREFACE, SETTINGS].concat(),
        // Headers that are to go on in another frame.
        &half_a_head,
        b"G",
        b"GET /a HTTP/1.1\r\nhost: ",
    ] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(begun).await.unwrap();
        let started = Instant::now();
        let mut answer = Vec::new();
        let closed = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut answer));
        assert!(closed.await.is_ok(), "{begun:?} keeps its connection");
        assert!(started.elapsed() > Duration::from_millis(150), "{begun:?}");
    }
}

#[tokio::test]
async fn a_connection_that_only_answers_pings_is_closed_too() {
    let running = start(Probe::default(), impatient());
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (_sender, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(3), connection).await;
    assert!(ended.expect("it is closed").is_ok(), "not in order");
}

#[tokio::test]
async fn a_running_request_keeps_its_connection() {
    let hold = Arc::new(Notify::new());
    let probe = Probe {
        hold: Some(hold.clone()),
        ..Probe::default()
    };
    let running = start(probe, impatient());
    let stream = TcpStream::connect(running.address).await.unwrap();
    let (mut sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::get("http://x/a").body(Empty::<Bytes>::new());
    let answer = tokio::spawn(sender.send_request(request.unwrap()));
    tokio::time::sleep(impatient().head_time * 4).await;
    assert!(!connection.is_finished());
    hold.notify_one();
    assert_eq!(answer.await.unwrap().unwrap().status(), 401);
    drop(connection);
}

/// A request on a connection that the server has not seen when this returns.
fn sent(address: SocketAddr, request: &str) -> std::net::TcpStream {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

#[tokio::test]
async fn requests_that_the_system_took_before_the_stop_are_answered_and_their_connections_closed() {
    let mut running = start(Probe::default(), Limits::default());
    tokio::task::yield_now().await;
    let request = "GET /a HTTP/1.1\r\nhost: x\r\n\r\n";
    // Nothing else runs meanwhile: this test has one thread.
    let streams: Vec<_> = (0..100).map(|_| sent(running.address, request)).collect();
    running.stop.take().unwrap().send(()).unwrap();
    let answers = tokio::task::spawn_blocking(move || {
        let read = |mut stream: std::net::TcpStream| {
            let mut answer = String::new();
            stream.read_to_string(&mut answer).map(|_| answer)
        };
        streams.into_iter().map(read).collect::<Vec<_>>()
    });
    for answer in answers.await.unwrap() {
        let answer = answer.expect("no reset");
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        assert!(answer.contains("connection: close\r\n"), "{answer}");
    }
    running.done.await.unwrap().unwrap();
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_hold_up_the_end() {
    let mut running = start(Probe::default(), Limits::default());
    let _silent = TcpStream::connect(running.address).await.unwrap();
    let mut kept = TcpStream::connect(running.address).await.unwrap();
    kept.write_all(b"GET /a HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    kept.read_u8().await.unwrap();
    running.stop.take().unwrap().send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(2), running.done)
        .await
        .expect("it ends")
        .unwrap()
        .unwrap();
}
