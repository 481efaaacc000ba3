//! A Lambda Runtime API on loopback
//! (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>), as strict as Lambda's own: one
//! invocation at a time, none without its answer, and answers cut off at the limits and at the end of the
//! invocation, which streamed ones reach by Lambda's bandwidth.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// Where Lambda cuts off answers.
const WHOLE: usize = 6_291_556;
const STREAMED: usize = 200 << 20;

/// How much of a streamed answer Lambda takes as fast as it comes, and how much in a second beyond that
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html>).
const UNCAPPED: usize = 6_000_000;
const RATE: f64 = 2_000_000.0;

/// What came of an invocation.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The JSON of a whole answer, and its size.
    Whole { json: Value, size: usize },
    /// The head and body of a streamed answer, and the size of both with what is between them.
    Streamed {
        head: Value,
        body: Bytes,
        size: usize,
    },
    /// An error of the function.
    Failed { kind: String, error: Value },
    /// Lambda cut the answer off.
    CutOff,
    /// Lambda ended the invocation at its time.
    TimedOut,
}

impl Answer {
    /// The status of an answer.
    pub(crate) fn status(&self) -> u64 {
        let head = match self {
            Self::Whole { json, .. } => json,
            Self::Streamed { head, .. } => head,
            other => panic!("{other:?}"),
        };
        head["statusCode"].as_u64().unwrap()
    }

    /// A header of an answer.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let head = match self {
            Self::Whole { json, .. } => json,
            Self::Streamed { head, .. } => head,
            other => panic!("{other:?}"),
        };
        let single = head["headers"][name].as_str();
        let first = head["multiValueHeaders"][name][0].as_str();
        single.or(first).map(str::to_owned)
    }

    /// The body of an answer.
    pub(crate) fn body(&self) -> Vec<u8> {
        use base64::Engine as _;
        match self {
            Self::Whole { json, .. } => {
                let text = json["body"].as_str().unwrap();
                if json["isBase64Encoded"] == true {
                    let engine = base64::engine::general_purpose::STANDARD;
                    engine.decode(text).unwrap()
                } else {
                    text.as_bytes().to_vec()
                }
            }
            Self::Streamed { body, .. } => body.to_vec(),
            other => panic!("{other:?}"),
        }
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap()
    }

    /// The size as the platform counts it.
    pub(crate) fn size(&self) -> usize {
        match self {
            Self::Whole { size, .. } | Self::Streamed { size, .. } => *size,
            other => panic!("{other:?}"),
        }
    }

    /// The code of a refusal, the same in header and body.
    pub(crate) fn code(&self) -> String {
        let code = self.header("x-hushgate-error").unwrap();
        assert_eq!(self.json()["error"]["code"], code.as_str());
        code
    }
}

struct Job {
    id: String,
    event: Bytes,
    deadline: u128,
    context: Option<String>,
    answer: oneshot::Sender<Answer>,
}

struct Running {
    id: String,
    deadline: SystemTime,
    answer: oneshot::Sender<Answer>,
}

struct Shared {
    waiting: tokio::sync::Mutex<mpsc::UnboundedReceiver<Job>>,
    running: Mutex<Option<Running>>,
    polls: AtomicUsize,
    violations: Mutex<Vec<String>>,
}

/// The API; it ends with this value.
pub(crate) struct RuntimeApi {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    jobs: mpsc::UnboundedSender<Job>,
    count: AtomicUsize,
    task: tokio::task::JoinHandle<()>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> Self {
        let (jobs, waiting) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared {
            waiting: tokio::sync::Mutex::new(waiting),
            running: Mutex::new(None),
            polls: AtomicUsize::new(0),
            violations: Mutex::default(),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            jobs,
            count: AtomicUsize::new(0),
            task,
        }
    }

    /// Invokes the function with these bytes and this much time, with a client context if given.
    pub(crate) async fn invoke(
        &self,
        event: Vec<u8>,
        time: Duration,
        context: Option<&str>,
    ) -> Answer {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + time;
        let job = Job {
            id: format!("00000000-0000-4000-8000-{number:012}"),
            event: event.into(),
            deadline: deadline.as_millis(),
            context: context.map(str::to_owned),
            answer,
        };
        self.jobs.send(job).ok().unwrap();
        match tokio::time::timeout(time, answered).await {
            Ok(Ok(answer)) => answer,
            _ => Answer::TimedOut,
        }
    }

    /// How often the function asked for an invocation.
    pub(crate) fn polls(&self) -> usize {
        self.shared.polls.load(Ordering::Relaxed)
    }

    /// Where the function did not keep to the API.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.shared.violations.lock().unwrap().clone()
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.serve(request).await) }
            });
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

fn plain(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
}

impl Shared {
    async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().to_owned();
        let Some(rest) = path.strip_prefix("/2018-06-01/runtime/") else {
            return self.violation(format!("the path {path}"));
        };
        if request.method() == Method::GET && rest == "invocation/next" {
            return self.next().await;
        }
        let parts: Vec<&str> = rest.split('/').collect();
        match parts[..] {
            ["invocation", id, "response"] if request.method() == Method::POST => {
                let headers = request.headers().clone();
                let deadline = self.running.lock().unwrap().as_ref().map(|r| r.deadline);
                let deadline = deadline.unwrap_or(UNIX_EPOCH);
                let (id, answer) = (id.to_owned(), answer_of(request, deadline).await);
                self.finish(&id, &headers, answer)
            }
            ["invocation", id, "error"] if request.method() == Method::POST => {
                let (head, body) = request.into_parts();
                let body = body.collect().await.unwrap().to_bytes();
                let kind = head.headers["lambda-runtime-function-error-type"].to_str();
                let answer = Answer::Failed {
                    kind: kind.unwrap().to_owned(),
                    error: serde_json::from_slice(&body).unwrap(),
                };
                self.finish(id, &head.headers, answer)
            }
            _ => self.violation(format!("the path {path}")),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        self.polls.fetch_add(1, Ordering::Relaxed);
        if self.running.lock().unwrap().is_some() {
            return self.violation("a poll before the answer".to_owned());
        }
        let Some(job) = self.waiting.lock().await.recv().await else {
            return plain(StatusCode::INTERNAL_SERVER_ERROR, "");
        };
        let mut response = Response::new(Full::new(job.event));
        let headers = response.headers_mut();
        let mut put = |name: &'static str, value: &str| {
            headers.insert(name, value.parse().unwrap());
        };
        put("content-type", "application/json");
        put("lambda-runtime-aws-request-id", &job.id);
        put("lambda-runtime-invocation-id", &format!("of-{}", job.id));
        put("lambda-runtime-deadline-ms", &job.deadline.to_string());
        put(
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-central-1:444455556666:function:zoom",
        );
        put(
            "lambda-runtime-trace-id",
            "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
        );
        if let Some(context) = &job.context {
            put("lambda-runtime-client-context", context);
        }
        let deadline = Duration::from_millis(u64::try_from(job.deadline).unwrap());
        *self.running.lock().unwrap() = Some(Running {
            id: job.id,
            deadline: UNIX_EPOCH + deadline,
            answer: job.answer,
        });
        response
    }

    fn finish(&self, id: &str, headers: &HeaderMap, answer: Answer) -> Response<Full<Bytes>> {
        let Some(running) = self.running.lock().unwrap().take() else {
            return self.violation("an answer to nothing".to_owned());
        };
        let echo = headers.get("lambda-runtime-invocation-id");
        let expected = format!("of-{id}");
        if running.id != id || echo.is_none_or(|echo| echo != expected.as_str()) {
            return self.violation("an answer to another invocation".to_owned());
        }
        let cut = matches!(answer, Answer::CutOff);
        // Nobody may wait for it any more.
        let _ = running.answer.send(answer);
        if cut {
            return plain(StatusCode::PAYLOAD_TOO_LARGE, "");
        }
        plain(StatusCode::ACCEPTED, "{\"status\":\"OK\"}")
    }

    fn violation(&self, text: String) -> Response<Full<Bytes>> {
        self.violations.lock().unwrap().push(text);
        plain(StatusCode::FORBIDDEN, "")
    }
}

async fn answer_of(request: Request<Incoming>, deadline: SystemTime) -> Answer {
    let mode = request
        .headers()
        .get("lambda-runtime-function-response-mode");
    let streamed = mode.is_some_and(|mode| mode == "streaming");
    if streamed {
        let headers = request.headers();
        assert_eq!(
            headers["content-type"],
            "application/vnd.awslambda.http-integration-response"
        );
        assert_eq!(headers["transfer-encoding"], "chunked");
    }
    let limit = if streamed { STREAMED } else { WHOLE };
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    // When Lambda would have sent all that came so far: reckoned, so that no test waits for it.
    let mut sent = SystemTime::now();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Answer::CutOff;
        };
        match frame.into_data() {
            Ok(data) => {
                bytes.extend_from_slice(&data);
                let slow = bytes.len().saturating_sub(UNCAPPED).min(data.len());
                let slow = f64::from(u32::try_from(slow).unwrap()) / RATE;
                sent = sent.max(SystemTime::now()) + Duration::from_secs_f64(slow);
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap();
                let kind = trailers["lambda-runtime-function-error-type"].to_str();
                return Answer::Failed {
                    kind: kind.unwrap().to_owned(),
                    error: Value::Null,
                };
            }
        }
        if bytes.len() > limit || streamed && sent > deadline {
            return Answer::CutOff;
        }
    }
    let size = bytes.len();
    if !streamed {
        let json = serde_json::from_slice(&bytes).unwrap();
        return Answer::Whole { json, size };
    }
    let end = bytes.windows(8).position(|window| window == [0; 8]);
    let end = end.expect("a delimiter");
    Answer::Streamed {
        head: serde_json::from_slice(&bytes[..end]).unwrap(),
        body: Bytes::from(bytes).slice(end + 8..),
        size,
    }
}
