//! A proxy before the services that answers in their place, late, twice, with something old, or not at all.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// One call of a service.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The service as the SDK writes it, such as `AmazonSSM`; nothing for S3.
    pub(crate) service: String,
    /// The operation, such as `GetParameter`.
    pub(crate) operation: String,
    pub(crate) body: Value,
    /// Path and query of what is asked.
    pub(crate) target: String,
    /// When it came.
    pub(crate) at: Instant,
    /// The id of the access key that it is signed with.
    pub(crate) access_key: String,
    /// How many calls of the operation there were before, of the same entry.
    pub(crate) before: usize,
}

impl Call {
    /// The entry's full name.
    pub(crate) fn name(&self) -> &str {
        let name = self.body.get("Name").or_else(|| self.body.get("SecretId"));
        let path = self.target.split('?').next().unwrap_or_default();
        name.and_then(Value::as_str).unwrap_or(path)
    }

    pub(crate) fn is(&self, operation: &str, end_of_name: &str) -> bool {
        self.operation == operation && self.name().ends_with(end_of_name)
    }
}

/// What is done with a call.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Pass,
    /// Passed on after a time.
    Late(Duration),
    /// Passed on once this is true.
    Held(watch::Receiver<bool>),
    /// Not passed on; this status with an error of this code and message.
    Fail(u16, &'static str, &'static str),
    /// Not passed on; this as the body of a good answer.
    Answer(String),
    /// Not passed on; the connection is closed.
    Cut,
    /// Passed on, and the connection closed after so many bytes of the answer.
    CutAfter(usize),
    /// Passed on, and the connection closed so many bytes before the answer's end.
    CutShort(usize),
    /// Passed on, and the connection closed without the answer.
    LoseAnswer,
    /// Passed on twice; the second answer is given.
    Twice,
    /// Not passed on; the answer that the n-th call of this operation and entry got.
    Replay(usize),
}

/// Calls, and the answers they were given.
type Log = Mutex<Vec<(Call, Vec<u8>)>>;
type Script = dyn Fn(&Call) -> Action + Send + Sync;

pub(crate) struct Proxy {
    pub(crate) port: u16,
    log: Arc<Log>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub(crate) async fn start(
        services: u16,
        script: impl Fn(&Call) -> Action + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&log);
        let script: Arc<Script> = Arc::new(script);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (script, log) = (Arc::clone(&script), Arc::clone(&shared));
                tokio::spawn(async move {
                    let _ = serve(stream, services, script.as_ref(), &log).await;
                });
            }
        });
        Self { port, log, task }
    }

    /// All calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let log = self.log.lock().unwrap();
        log.iter().map(|(call, _)| call.clone()).collect()
    }

    /// How many calls of an operation there were.
    pub(crate) fn count(&self, operation: &str) -> usize {
        let calls = self.calls();
        calls.iter().filter(|c| c.operation == operation).count()
    }

    /// Takes no connection any more.
    pub(crate) async fn stop(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn serve(
    mut stream: TcpStream,
    services: u16,
    script: &Script,
    log: &Log,
) -> std::io::Result<()> {
    let Some((head, body)) = request(&mut stream).await? else {
        return Ok(());
    };
    let target = header(&head, "x-amz-target");
    let of_target = target.as_deref().and_then(|t| t.split_once('.'));
    let (service, operation) = of_target.unwrap_or_else(|| ("", operation_of_objects(&head)));
    let mut call = Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
        target: head.split(' ').nth(1).unwrap_or_default().to_owned(),
        at: Instant::now(),
        access_key: header(&head, "authorization")
            .and_then(|a| Some(a.split_once("Credential=")?.1.split('/').next()?.to_owned()))
            .unwrap_or_default(),
        before: 0,
    };
    let number = {
        let mut log = log.lock().unwrap();
        let same = |c: &Call| c.operation == call.operation && c.name() == call.name();
        call.before = log.iter().filter(|(c, _)| same(c)).count();
        log.push((call.clone(), Vec::new()));
        log.len() - 1
    };
    let pass = || ask(services, &head, &body);
    let answer = match script(&call) {
        Action::Pass => pass().await?,
        Action::Late(time) => {
            tokio::time::sleep(time).await;
            pass().await?
        }
        Action::Held(mut until) => {
            let _ = until.wait_for(|over| *over).await;
            pass().await?
        }
        Action::Fail(status, code, message) => {
            let text = match target {
                Some(_) => format!("{{\"__type\":\"{code}\",\"message\":\"{message}\"}}"),
                None if head.starts_with("HEAD") => String::new(),
                None => format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>"),
            };
            answer(status, &text)
        }
        Action::Answer(text) => answer(200, &text),
        Action::CutAfter(count) => {
            let answer = pass().await?;
            stream.write_all(&answer[..count.min(answer.len())]).await?;
            return Ok(());
        }
        Action::CutShort(count) => {
            let answer = pass().await?;
            let kept = answer.len().saturating_sub(count);
            stream.write_all(&answer[..kept]).await?;
            return Ok(());
        }
        Action::Cut => return Ok(()),
        Action::LoseAnswer => {
            pass().await?;
            return Ok(());
        }
        Action::Twice => {
            pass().await?;
            pass().await?
        }
        Action::Replay(which) => {
            let log = log.lock().unwrap();
            let same = |c: &Call| c.operation == call.operation && c.name() == call.name();
            let mut answers = log.iter().filter(|(c, _)| same(c));
            answers.nth(which).expect("that call was made").1.clone()
        }
    };
    log.lock().unwrap()[number].1.clone_from(&answer);
    stream.write_all(&answer).await?;
    stream.shutdown().await
}

fn answer(status: u16, text: &str) -> Vec<u8> {
    let length = text.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.1\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}"
    )
    .into_bytes()
}

/// The operation of S3, which names it by method and parameters.
fn operation_of_objects(head: &str) -> &'static str {
    let line = head.lines().next().unwrap_or_default();
    let has = |parameter: &str| line.contains(parameter);
    match line.split(' ').next().unwrap_or_default() {
        "PUT" if has("partNumber=") => "UploadPart",
        "PUT" => "PutObject",
        "POST" if has("uploads") => "CreateMultipartUpload",
        "POST" => "CompleteMultipartUpload",
        "DELETE" if has("uploadId=") => "AbortMultipartUpload",
        "DELETE" => "DeleteObject",
        "HEAD" => "HeadObject",
        _ if has("list-type=") => "ListObjectsV2",
        _ => "GetObject",
    }
}

/// Reads one request: its head and its body.
async fn request(stream: &mut TcpStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 16 << 10];
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break end + 4;
        }
        match stream.read(&mut piece).await? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&piece[..count]),
        }
    };
    let body = bytes.split_off(end);
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length: usize = header(&head, "content-length").map_or(0, |l| l.parse().unwrap());
    let mut body = body;
    while body.len() < length {
        match stream.read(&mut piece).await? {
            0 => return Ok(None),
            count => body.extend_from_slice(&piece[..count]),
        }
    }
    Ok(Some((head, body)))
}

fn header(head: &str, name: &str) -> Option<String> {
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut found = lines.filter(|(n, _)| n.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value.trim().to_owned())
}

async fn ask(services: u16, head: &str, body: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", services)).await?;
    let lines = head.trim_end().lines();
    let kept = lines.filter(|l| !l.to_ascii_lowercase().starts_with("connection:"));
    let head = kept.collect::<Vec<_>>().join("\r\n");
    let head = format!("{head}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}
