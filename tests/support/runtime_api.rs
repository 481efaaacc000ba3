//! The part of the Lambda Runtime API that an invocation needs: hands out events, takes answers.
//!
//! It is minimal so that it can be timed; how a function behaves with it is tested elsewhere.
//! Source: AWS, "Using the Lambda runtime API for custom runtimes".

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What a function sent back for an event.
pub(crate) struct Answer {
    /// The last part of the path: `response`, or `error`.
    pub(crate) kind: String,
    pub(crate) body: Vec<u8>,
    /// When its last byte was here.
    pub(crate) at: Instant,
    /// From the event's last byte out until then.
    pub(crate) took: Duration,
}

/// A server for one function.
pub(crate) struct RuntimeApi {
    address: SocketAddr,
    events: Sender<String>,
    polls: Receiver<Instant>,
    answers: Receiver<Answer>,
}

/// What the server's threads share.
struct Shared {
    events: Mutex<Receiver<String>>,
    polls: Sender<Instant>,
    answers: Sender<Answer>,
    /// When the event that is being worked on was out.
    handed_out: Mutex<Instant>,
}

impl RuntimeApi {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let (events, waiting) = channel();
        let (poll, polls) = channel();
        let (answer, answers) = channel();
        let shared = Arc::new(Shared {
            events: Mutex::new(waiting),
            polls: poll,
            answers: answer,
            handed_out: Mutex::new(Instant::now()),
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A connection that breaks is the function's end; whoever waits for it runs out of time.
                std::thread::spawn(move || serve(&stream, &shared));
            }
        });
        Self {
            address,
            events,
            polls,
            answers,
        }
    }

    /// The value of `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// Waits for the function's next request for an event, and gives when it came.
    pub(crate) fn poll(&self, at_most: Duration) -> Option<Instant> {
        self.polls.recv_timeout(at_most).ok()
    }

    /// Hands out an event and waits for what becomes of it.
    pub(crate) fn invoke(&self, event: &str, at_most: Duration) -> Option<Answer> {
        self.events.send(event.to_owned()).ok()?;
        self.answers.recv_timeout(at_most).ok()
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let arrived = Instant::now();
        let path = line.split(' ').nth(1)?.to_owned();
        let body = body(&mut reader)?;
        if line.starts_with("GET") {
            let _ = shared.polls.send(arrived);
            hand_out(stream, shared)?;
        } else {
            let handed_out = *shared
                .handed_out
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let kind = path.rsplit('/').next()?.to_owned();
            let at = Instant::now();
            let _ = shared.answers.send(Answer {
                kind,
                body,
                at,
                took: at.duration_since(handed_out),
            });
            reply(stream, "202 Accepted", "", "{\"status\":\"OK\"}")?;
        }
    }
}

fn hand_out(stream: &TcpStream, shared: &Shared) -> Option<()> {
    let event = shared
        .events
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .recv()
        .ok()?;
    let deadline = SystemTime::now() + Duration::from_secs(30);
    let deadline = deadline
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?
        .as_millis();
    let head = format!(
        "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
         Lambda-Runtime-Deadline-Ms: {deadline}\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:zoom\r\n\
         Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0\r\n"
    );
    reply(stream, "200 OK", &head, &event)?;
    *shared
        .handed_out
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Instant::now();
    Some(())
}

fn reply(mut stream: &TcpStream, status: &str, head: &str, body: &str) -> Option<()> {
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\n{head}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(text.as_bytes()).ok()
}

/// The rest of a request: its headers, and a body of a stated length or in chunks.
fn body(reader: &mut BufReader<&TcpStream>) -> Option<Vec<u8>> {
    let mut length = 0;
    let mut chunked = false;
    loop {
        let line = line(reader)?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        chunked |= line.starts_with("transfer-encoding:") && line.ends_with("chunked");
    }
    let mut body = Vec::new();
    if !chunked {
        take(reader, &mut body, length)?;
        return Some(body);
    }
    loop {
        let size = usize::from_str_radix(&line(reader)?, 16).ok()?;
        if size == 0 {
            break;
        }
        take(reader, &mut body, size)?;
        line(reader)?;
    }
    // Trailers, such as those that report an error, end with an empty line.
    while !line(reader)?.is_empty() {}
    Some(body)
}

fn take(reader: &mut BufReader<&TcpStream>, body: &mut Vec<u8>, size: usize) -> Option<()> {
    let start = body.len();
    body.resize(start + size, 0);
    reader.read_exact(body.get_mut(start..)?).ok()
}

fn line(reader: &mut BufReader<&TcpStream>) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    Some(line.trim_end().to_owned())
}
