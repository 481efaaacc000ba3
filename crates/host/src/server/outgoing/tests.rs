use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;
use crate::server::Limits;
use crate::server::connection::{Patience, builder, drive};

const PATIENCE: Duration = Duration::from_mins(1);
const LARGE: usize = 4 << 20;

impl WriteNow for DuplexStream {
    fn write_now(&self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// A connection to a server that answers `/<number>` with that many bytes, whose buffers hold
/// 64 KiB; and the server's side, which ends when the connection does.
fn connect() -> (DuplexStream, JoinHandle<()>, Arc<Watch>) {
    let (ours, theirs) = duplex(64 << 10);
    let watch = Watch::new();
    let watching = watch.clone();
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let size = request.uri().path()[1..].parse().unwrap();
        let body = watching.body(Bytes::from(vec![b'x'; size]), request.version(), None);
        async move { Ok::<_, Infallible>(Response::new(body)) }
    });
    let limits = Limits {
        head_time: Duration::from_hours(1),
        ..Limits::default()
    };
    let patience = Patience {
        request: limits.head_time,
        answer: PATIENCE,
    };
    let running = tokio::sync::watch::Sender::new(false);
    let stopping = running.subscribe();
    let driven = drive(
        &builder(&limits),
        theirs,
        service,
        watch.clone(),
        patience,
        stopping,
    );
    let server = tokio::spawn(async move {
        driven.await;
        // Dropped, it would be the signal to stop.
        drop(running);
    });
    (ours, server, watch)
}

fn get(path: &str) -> Request<Empty<Bytes>> {
    Request::get(path)
        .header("host", "x")
        .body(Empty::new())
        .unwrap()
}

/// Bytes that the watch still holds for the caller.
fn held(watch: &Watch) -> usize {
    let answers = lock(&watch.answers);
    answers
        .iter()
        .filter_map(Weak::upgrade)
        .map(|a| lock(&a).bytes.len())
        .sum()
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_stops_reading_is_dropped_after_the_time_and_not_before() {
    let (mut caller, server, watch) = connect();
    caller
        .write_all(format!("GET /{LARGE} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut first = [0; 1000];
    caller.read_exact(&mut first).await.unwrap();
    tokio::time::sleep(PATIENCE * 59 / 60).await;
    assert!(!server.is_finished());
    assert!(held(&watch) > LARGE / 2);
    tokio::time::timeout(PATIENCE / 2, server)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(held(&watch), 0);
    let mut rest = Vec::new();
    let _ = caller.read_to_end(&mut rest).await;
    assert!(rest.len() < 256 << 10, "{}", rest.len());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_fits_the_buffers_does_not_keep_a_connection_either() {
    let (mut caller, server, _) = connect();
    caller
        .write_all(b"GET /100000 HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    tokio::time::timeout(PATIENCE * 2, server)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_slow_caller_is_served_to_the_end() {
    let (mut caller, server, _) = connect();
    let request = format!("GET /{LARGE} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    caller.write_all(request.as_bytes()).await.unwrap();
    let (mut got, mut piece) = (0, vec![0; 40 << 10]);
    loop {
        tokio::time::sleep(PATIENCE * 11 / 12).await;
        match caller.read(&mut piece).await.unwrap() {
            0 => break,
            length => got += length,
        }
    }
    assert!(got > LARGE, "{got}");
    server.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_left_alone() {
    let (caller, server, _) = connect();
    let (mut sender, connection) = http1::handshake(TokioIo::new(caller)).await.unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let answer = sender.send_request(get("/10")).await.unwrap();
        assert_eq!(
            answer.into_body().collect().await.unwrap().to_bytes().len(),
            10
        );
        tokio::time::sleep(PATIENCE * 3).await;
        assert!(!server.is_finished());
    }
}

/// The socket is read all the while, so only the stream's window tells.
#[tokio::test(start_paused = true)]
async fn a_stream_whose_window_stays_shut_loses_its_memory_and_leaves_the_others() {
    let (caller, server, watch) = connect();
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(60_000)
        .initial_connection_window_size(10_000_000)
        .handshake(TokioIo::new(caller))
        .await
        .unwrap();
    tokio::spawn(connection);
    let stalled = sender
        .send_request(get(&format!("http://x/{LARGE}")))
        .await
        .unwrap();
    for _ in 0..8 {
        tokio::time::sleep(PATIENCE / 4).await;
        let answer = sender.send_request(get("http://x/200000")).await.unwrap();
        let whole = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(whole.len(), 200_000);
    }
    assert_eq!(held(&watch), 0);
    // Whoever reads it after all learns that it is not whole.
    assert!(stalled.into_body().collect().await.is_err());
    drop(sender);
    tokio::time::timeout(PATIENCE * 2, server)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_ends_when_all_its_streams_are_stalled() {
    let (caller, server, watch) = connect();
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .initial_stream_window_size(1000)
        .handshake(TokioIo::new(caller))
        .await
        .unwrap();
    tokio::spawn(connection);
    let mut open = Vec::new();
    for _ in 0..5 {
        open.push(sender.send_request(get("http://x/500000")).await.unwrap());
    }
    tokio::time::timeout(PATIENCE * 2, server)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(held(&watch), 0);
}
