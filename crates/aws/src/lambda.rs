//! AWS Lambda as a host: Function URLs, API Gateway HTTP and REST APIs, Application Load Balancers.
//!
//! The Runtime API is spoken by `lambda_runtime`, which `lambda_http` stands on and hands out. The layer
//! above it, `lambda_http`'s own request, is not used: it keeps parameters in a hash map and so loses
//! their order, puts the stage before the path, decodes what must stay as it is, ends the process on a
//! target that `http::Uri` does not take, and quotes an unreadable event in its error. What an event
//! says is read in [`event`], [`target`] and [`inbound`], strictly; [`answer`] keeps answers within what
//! Lambda carries.
//!
//! The process is frozen when an answer has left. So whatever must not be lost, an exchange under way,
//! is waited for before; and the gateway is given less time than Lambda gives the invocation.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{Response, Uri};
use hushgate_gateway::gateway::Gateway;
use hushgate_gateway::ports::PortFuture;
use hushgate_gateway::refusal::Refusal;
use hushgate_gateway::reply::Reply;
use hushgate_gateway::request_id::RequestId;
use hushgate_host::cloud::{Service, Serving};
use hushgate_host::config::{Environment, LambdaResponse};
use lambda_http::lambda_runtime::{LambdaEvent, Runtime, service_fn};
use tokio::signal::unix::{SignalKind, signal};

mod answer;
mod event;
mod fault;
mod inbound;
mod target;
#[cfg(test)]
mod tests;

use answer::Outcome;
use event::{Event, RawEvent, Way};
use fault::Fault;
use inbound::Times;

/// The variable that marks a process in Lambda, or before an emulator of its Runtime API.
pub(crate) const MARK: &str = "AWS_LAMBDA_RUNTIME_API";

/// How long a process may take to end after SIGTERM; Lambda kills it soon after.
const FAREWELL: Duration = Duration::from_millis(300);

/// The Lambda service, if this process runs in it.
pub(crate) fn service(environment: &Environment) -> Option<Box<dyn Service>> {
    environment.get(MARK)?;
    Some(Box::new(Lambda {
        problems: problems(environment),
    }))
}

/// What Lambda's environment lacks.
fn problems(environment: &Environment) -> Vec<String> {
    let unset = "AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION"
        .split(' ')
        .filter(|name| !environment.contains_key(*name))
        .map(|name| {
            format!("{name}: not set, though {MARK} is; Lambda and its emulators set both")
        });
    let mut problems: Vec<String> = unset.collect();
    let memory = environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    if memory.is_none_or(|size| size.parse::<i32>().is_err()) {
        problems.push("AWS_LAMBDA_FUNCTION_MEMORY_SIZE: not a number of megabytes".to_owned());
    }
    let address = environment
        .get(MARK)
        .and_then(|text| text.parse::<Uri>().ok());
    if address.is_none_or(|uri| uri.authority().is_none()) {
        problems.push(format!(
            "{MARK}: not the address of a Runtime API, such as `127.0.0.1:9001`"
        ));
    }
    problems
}

/// Lambda, as it presents itself in the environment.
struct Lambda {
    problems: Vec<String>,
}

impl Service for Lambda {
    fn serve(self: Box<Self>, serving: Serving) -> PortFuture<'static, Result<(), Vec<String>>> {
        Box::pin(async move {
            if !self.problems.is_empty() {
                return Err(self.problems);
            }
            let gateway = Arc::clone(&serving.gateway);
            gateway.warm();
            tracing::info!(source = gateway.source(), "ready");
            let function = Arc::new(Function::new(serving));
            let runtime = Runtime::new(service_fn(move |event: LambdaEvent<RawEvent>| {
                let function = Arc::clone(&function);
                async move { function.invoke(event).await }
            }));
            tokio::select! {
                ended = runtime.run() => ended.map_err(|_| {
                    // The text could quote what the caller of the invocation sent.
                    vec!["the Lambda Runtime API gave no invocation that can be read".to_owned()]
                }),
                () = told_to_stop() => {
                    let _ = tokio::time::timeout(FAREWELL, gateway.quiet()).await;
                    Ok(())
                }
            }
        })
    }
}

/// Completes at SIGTERM, which Lambda sends where extensions are. No invocation runs then.
async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            terminate.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Answers invocations.
struct Function {
    gateway: Arc<Gateway>,
    largest: usize,
    response: LambdaResponse,
}

impl Function {
    fn new(serving: Serving) -> Self {
        Self {
            gateway: serving.gateway,
            largest: serving.config.max_request_bytes,
            response: serving.config.lambda_response,
        }
    }

    /// Answers one invocation, whatever it holds.
    ///
    /// # Errors
    /// The fault of an event that waits for no HTTP answer.
    async fn invoke(&self, event: LambdaEvent<RawEvent>) -> Result<Outcome, Fault> {
        let (event, context) = event.into_parts();
        let budget = Budget::until(context.deadline(), SystemTime::now(), Instant::now());
        let answered = AssertUnwindSafe(self.answer(&event, budget))
            .catch_unwind()
            .await;
        let outcome = answered.unwrap_or(Err(Fault::Internal));
        if let Err(fault) = &outcome {
            tracing::warn!(cause = fault.code(), detail = %fault, "invocation refused");
        }
        outcome
    }

    async fn answer(&self, raw: &RawEvent, budget: Budget) -> Result<Outcome, Fault> {
        let event = raw.read()?;
        let way = event.way()?;
        if asks_liveness(&event, way) {
            let alive = Response::new(Bytes::from_static(b"ok\n"));
            return answer::outcome(alive, way, self.response, budget.left())
                .map_err(|_| Fault::Internal);
        }
        let times = Times {
            received: budget.begun,
            deadline: budget.reply,
        };
        let compressible = answer::is_compressible(way, self.response);
        let reply = match inbound::inbound(event, way, times, self.largest, compressible) {
            Ok(inbound) => self.gateway.handle(inbound).await,
            Err(refusal) => self.refuse(&refusal),
        };
        let patience = budget.left();
        let saved = tokio::time::timeout(patience, self.gateway.secured(patience)).await;
        if saved.is_err() {
            tracing::warn!("frozen while a credential was being obtained or saved");
        }
        self.deliver(&reply, way, budget)
    }

    /// The reply in the form for its way, or a refusal in its place when Lambda can't carry it.
    fn deliver(&self, reply: &Reply, way: Way, budget: Budget) -> Result<Outcome, Fault> {
        let whole = answer::outcome(response_of(reply), way, self.response, budget.left());
        whole.or_else(|refusal| {
            let instead = self.gateway.replace(reply, &refusal);
            log(&refusal, &instead);
            answer::outcome(instead.into_response(), way, self.response, budget.left())
                .map_err(|_| Fault::Internal)
        })
    }

    /// The reply to a request that could not even be read.
    fn refuse(&self, refusal: &Refusal) -> Reply {
        let reply = self.gateway.refuse(refusal, &RequestId::fresh());
        log(refusal, &reply);
        reply
    }
}

/// The reply as a response that shares its body.
fn response_of(reply: &Reply) -> Response<Bytes> {
    let mut response = Response::new(reply.body().clone());
    *response.status_mut() = reply.status();
    *response.headers_mut() = reply.headers().clone();
    response
}

/// The question whether the function runs, which load balancers ask; its answer says nothing else.
fn asks_liveness(event: &Event, way: Way) -> bool {
    matches!(event.method(), "GET" | "HEAD") && target::path(event, way) == "/healthz"
}

/// The log line of a request that the gateway did not see, or whose answer it did not see leave.
fn log(refusal: &Refusal, reply: &Reply) {
    let id = reply.headers().get(hushgate_gateway::reply::REQUEST_ID);
    let request_id = id.and_then(|id| id.to_str().ok()).unwrap_or_default();
    let (cause, status) = (refusal.cause().code(), refusal.status().as_u16());
    tracing::info!(target: "hushgate::audit", request_id, cause, detail = refusal.detail(), status, "request");
}

/// The time of one invocation, shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Budget {
    /// When the invocation was received.
    begun: Instant,
    /// By when the gateway's reply has to be there.
    reply: Instant,
    /// By when the answer has to leave, even if something is not saved, and the last byte of it if it is
    /// streamed.
    quiet: Instant,
}

impl Budget {
    /// What is kept back of the time, at most: for what is not saved yet, and for the answer's way.
    const RESERVE: Duration = Duration::from_secs(1);

    /// The most time that an invocation can have
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
    const LONGEST: Duration = Duration::from_mins(15);

    /// The budget of an invocation that Lambda ends at `deadline`. A tenth of the time is kept back, and
    /// no more than [`Self::RESERVE`].
    fn until(deadline: SystemTime, now: SystemTime, begun: Instant) -> Self {
        let left = match deadline.duration_since(now) {
            // A clock that says more is wrong.
            Ok(left) => left.min(Self::LONGEST),
            // No event is handed out so long after its end: this is no time of this clock, such as the
            // ten minutes after 1970 that `cargo lambda watch` gives.
            Err(over) if over.duration() > Self::LONGEST => Self::LONGEST,
            Err(_) => Duration::ZERO,
        };
        let reserve = (left / 10).min(Self::RESERVE);
        Self {
            begun,
            reply: begun + left.saturating_sub(reserve),
            quiet: begun + left.saturating_sub(reserve / 2),
        }
    }

    /// What is left until the answer has to leave.
    fn left(&self) -> Duration {
        self.quiet.saturating_duration_since(Instant::now())
    }
}
