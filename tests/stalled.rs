//! Callers that take their answer slowly, or not at all.

use std::time::Duration;

use hushgate_cli::sample::LoopbackServer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::World;
use crate::support::canned::{JSON, source_that_answers};

/// More than the sockets of both sides hold.
const LARGE: usize = 16 << 20;

async fn world() -> (World, LoopbackServer) {
    let body = format!("{{\"users\":[{{\"dept\":\"{}\"}}]}}", "x".repeat(LARGE));
    let source = source_that_answers(200, &[JSON], body.leak().as_bytes()).await;
    let address = source.address().to_string();
    let world = World::before(&address, &[("HUSHGATE_CALLER_IDLE_SECONDS", "1")]).await;
    (world, source)
}

/// Asks for the large answer, with a small buffer on our side.
async fn ask(world: &World) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .set_recv_buffer_size(16 << 10)
        .expect("a small buffer");
    let mut stream = socket
        .connect(world.function.address())
        .await
        .expect("a connection");
    let token = world.token();
    let request = format!(
        "GET /v2/users HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("it is sent");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_stops_reading_is_dropped_and_the_log_says_so() {
    let (world, _source) = world().await;
    let mut stream = ask(&world).await;
    let mut head = vec![0; 1000];
    stream.read_exact(&mut head).await.expect("the head");
    let head = String::from_utf8_lossy(&head).into_owned();
    let id = head
        .lines()
        .find_map(|line| line.strip_prefix("x-hushgate-request-id: "))
        .expect("a request id");
    for _ in 0..400 {
        let log = world.function.log();
        if let Some(line) = log.lines().find(|line| line.contains("caller-stalled")) {
            assert!(line.contains(id), "{line}");
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
            assert!(rest.len() < LARGE, "{}", rest.len());
            assert_eq!(world.get("/v2/users").await.status(), 200);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the answer still waits: {}", world.function.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_reads_slowly_gets_the_whole_answer() {
    let (world, _source) = world().await;
    let mut stream = ask(&world).await;
    let mut answer = vec![0; 64 << 10];
    let mut length = 0;
    for _ in 0..10 {
        length += stream.read(&mut answer).await.expect("a part");
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    let mut rest = Vec::new();
    length += stream.read_to_end(&mut rest).await.expect("the rest");
    assert!(length > LARGE, "{length}");
    assert!(rest.ends_with(b"}]}"));
    assert!(!world.function.log().contains("caller-stalled"));
}
