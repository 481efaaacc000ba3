//! Bodies that nobody asked for.

use super::*;

const MEBIBYTE: usize = 1 << 20;

fn post(length: usize, more: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{more}\r\n");
    [head.as_bytes(), body].concat()
}

/// Sends this and reads the head of the answer.
async fn head(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let byte = tokio::time::timeout(Duration::from_secs(2), stream.read_u8()).await;
        answer.push(byte.expect("an answer at once").expect("an answer"));
    }
    String::from_utf8(answer).unwrap()
}

fn refusing(limits: Limits) -> Running {
    let probe = Probe {
        refuses_unread: true,
        ..Probe::default()
    };
    start(probe, limits)
}

#[tokio::test]
async fn refused_callers_whose_bodies_do_not_end_keep_nobody_out() {
    let limits = Limits {
        in_flight: 1,
        ..Limits::default()
    };
    let running = refusing(limits);
    let mut open = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let answer = head(&mut stream, &post(10, "", b"half")).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        open.push(stream);
    }
}

#[tokio::test]
async fn a_refused_caller_that_goes_on_sending_gets_its_answer_and_may_ask_again() {
    let running = refusing(Limits::default());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let body = vec![b'x'; 4 * MEBIBYTE];
    for _ in 0..3 {
        // All of it is written before anything is read.
        let answer = head(&mut stream, &post(body.len(), "", &body)).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
        let length = answer
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let mut rest = vec![0; length.parse().unwrap()];
        stream.read_exact(&mut rest).await.unwrap();
    }
}

#[tokio::test]
async fn a_caller_whose_body_is_too_large_gets_its_answer() {
    let running = start(Probe::default(), Limits::default());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let body = vec![b'x'; 4 * MEBIBYTE];
    let answer = head(&mut stream, &post(body.len(), "", &body)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test]
async fn a_body_without_end_is_not_read_for_ever() {
    let limits = Limits {
        body_time: Duration::from_millis(100),
        ..Limits::default()
    };
    let running = refusing(limits);
    let answer = raw(
        running.address,
        "POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf",
    );
    let answer = tokio::time::timeout(Duration::from_secs(1), answer).await;
    assert!(answer.expect("it is closed").starts_with("HTTP/1.1 401"));
}

#[tokio::test]
async fn only_a_wanted_body_is_asked_for() {
    let expects = post(4, "expect: 100-continue\r\n", b"");
    let refused = refusing(Limits::default());
    let mut stream = TcpStream::connect(refused.address).await.unwrap();
    let answer = head(&mut stream, &expects).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let wanted = start(Probe::default(), Limits::default());
    let mut stream = TcpStream::connect(wanted.address).await.unwrap();
    let answer = head(&mut stream, &expects).await;
    assert!(answer.starts_with("HTTP/1.1 100"), "{answer}");
    let answer = head(&mut stream, b"body").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(wanted.probe.seen.lock().unwrap()[0].2, 4);
}

#[tokio::test]
async fn a_body_that_is_not_asked_for_stays_outside() {
    let probe = Probe {
        refuses_unread: true,
        hold: Some(Arc::default()),
        ..Probe::default()
    };
    let running = start(probe, Limits::default());
    let stream = tokio::net::TcpSocket::new_v4().unwrap();
    stream.set_send_buffer_size(16 << 10).unwrap();
    let mut stream = stream.connect(running.address).await.unwrap();
    let length = 256 * MEBIBYTE;
    stream.write_all(&post(length, "", b"")).await.unwrap();
    let piece = vec![b'x'; 64 << 10];
    let mut taken = 0;
    while let Ok(written) =
        tokio::time::timeout(Duration::from_millis(300), stream.write(&piece)).await
    {
        taken += written.unwrap();
        // The system's buffers hold some of it.
        assert!(taken < 32 * MEBIBYTE, "the body is read");
    }
}
