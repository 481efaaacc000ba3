//! Callers without a token that begin large bodies and do not end them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::World;

const CALLERS: usize = 300;
/// A call that the sample source answers.
const USERS: &str = "/v2/users?status=active&page_size=30";
const MEBIBYTE: usize = 1 << 20;

/// The process's memory in bytes.
fn memory(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("Linux tells it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes
        .and_then(|n| n.parse::<usize>().ok())
        .expect("a number")
        << 10
}

/// Sends all of a body but its last byte, or as much as is taken, and gives the first line of the answer.
fn begin(address: SocketAddr) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let wait = Duration::from_secs(10);
    stream.set_read_timeout(Some(wait)).expect("a time limit");
    stream.set_write_timeout(Some(wait)).expect("a time limit");
    let head = format!("POST /v2/users HTTP/1.1\r\nhost: x\r\ncontent-length: {MEBIBYTE}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("the head is sent");
    let body = vec![b'x'; MEBIBYTE - 1];
    match stream.write_all(&body) {
        Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("a reset: {error}"),
        _ => {}
    }
    let mut line = [0; 12];
    stream.read_exact(&mut line).expect("an answer at once");
    (stream, String::from_utf8_lossy(&line).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_without_a_token_fill_no_memory_and_keep_nobody_out() {
    let world = World::with(&[("HUSHGATE_MAX_IN_FLIGHT", "4")]).await;
    assert_eq!(world.get(USERS).await.status(), 200);
    let (address, pid) = (world.function.address(), world.function.pid());
    let before = memory(pid);
    let mut open = Vec::new();
    for _ in 0..CALLERS {
        let (stream, answer) = begin(address);
        assert_eq!(answer, "HTTP/1.1 401");
        open.push(stream);
    }
    let grown = memory(pid).saturating_sub(before);
    assert!(grown < 64 * MEBIBYTE, "{} MiB more", grown / MEBIBYTE);
    assert_eq!(world.get(USERS).await.status(), 200);
}
