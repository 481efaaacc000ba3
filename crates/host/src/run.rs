//! Starting a function, serving, and stopping it.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::gateway::Gateway;
use hushgate_gateway::inbound::Inbound;
use hushgate_gateway::refusal::Refusal;
use hushgate_gateway::reply::Reply;
use hushgate_gateway::request_id::RequestId;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

use crate::arguments::Asked;
use crate::assemble::{BuiltIn, assemble};
use crate::cloud::{Service, Serving};
use crate::config::{Config, ConfigError, Environment, process_environment};
use crate::logs;
use crate::server::{self, Answering, Handler, Limits, Receiving};
use crate::store::open_store;

/// How long a service other than HTTP may take to end after the signal to stop.
const FAREWELL: Duration = Duration::from_secs(1);

/// Runs one function until it is told to stop; the whole `main` of its program.
///
/// The variables of the process configure it. Problems are written to standard error, all at once,
/// and end the process with code 1 before it answers anything; an argument ends it with code 2, but for
/// `--help` and `--version`.
pub fn run(built_in: &'static BuiltIn) -> ExitCode {
    // Nothing can be done about a stream that is closed.
    match Asked::of(std::env::args_os().skip(1), built_in, on_lambda()) {
        Asked::Serve => match process_environment() {
            Ok(environment) => run_with(built_in, &environment),
            Err(problems) => ended(Err(texts(&problems))),
        },
        Asked::Say(text) => {
            let _ = writeln!(std::io::stdout().lock(), "{text}");
            ExitCode::SUCCESS
        }
        Asked::Refuse(problem) => {
            let _ = writeln!(std::io::stderr().lock(), "error: {problem}");
            ExitCode::from(2)
        }
    }
}

fn on_lambda() -> bool {
    std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some()
}

/// Like [`run`], configured by these variables.
pub fn run_with(built_in: &BuiltIn, environment: &Environment) -> ExitCode {
    ended(serve_until_signal(built_in, environment))
}

fn ended(outcome: Result<(), Vec<String>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            let mut out = std::io::stderr().lock();
            for problem in problems {
                // Nothing can be done about a closed standard error.
                let _ = writeln!(out, "error: {problem}");
            }
            ExitCode::FAILURE
        }
    }
}

/// A function that listens but does not answer yet.
pub struct Prepared {
    listener: TcpListener,
    gateway: Arc<Gateway>,
    limits: Limits,
}

/// Reads the configuration, binds the port, and compiles policy and rules.
///
/// # Errors
/// Every problem found, as text for the operator.
pub async fn prepare(
    built_in: &BuiltIn,
    environment: &Environment,
) -> Result<Prepared, Vec<String>> {
    let config = configure(environment)?;
    let store = open_store(&config, environment, built_in.clouds)?;
    // Bound first, so that calls made meanwhile wait in the system's queue instead of failing.
    let address = SocketAddr::new(config.listen, config.port);
    let listener = server::bind(address)
        .map_err(|e| vec![format!("PORT: can't listen on {address}: {}", e.kind())])?;
    let gateway = assemble(built_in, &config, environment, store).await?;
    let limits = Limits {
        body: config.max_request_bytes,
        in_flight: config.max_in_flight,
        caller_idle: config.caller_idle,
        drain: config.drain,
        ..Limits::default()
    };
    Ok(Prepared {
        listener,
        gateway: Arc::new(gateway),
        limits,
    })
}

impl Prepared {
    /// Where it listens.
    ///
    /// # Errors
    /// When the system doesn't tell.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` completes, inside a runtime of the caller's.
    ///
    /// # Errors
    /// When the listener can't be used.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> std::io::Result<()> {
        self.gateway.warm();
        tracing::info!(address = %self.listener.local_addr()?, source = self.gateway.source(), "ready");
        let gateway = Arc::clone(&self.gateway);
        let mut told = None;
        let stop = async {
            stop.await;
            told = Some(Instant::now());
        };
        server::serve(self.listener, self.gateway, self.limits, stop).await?;
        // One time for requests and exchanges: the host kills the process when it is over.
        let end = told.unwrap_or_else(Instant::now) + self.limits.drain;
        // An exchange under way may hold the only copy of a new refresh token.
        let saved = tokio::time::timeout_at(end, gateway.quiet()).await;
        if saved.is_err() {
            tracing::warn!("stopped while a credential was being obtained or saved");
        }
        tracing::info!("stopped");
        Ok(())
    }
}

fn configure(environment: &Environment) -> Result<Config, Vec<String>> {
    let config = Config::read(environment).map_err(|problems| texts(&problems))?;
    logs::start(&config.log);
    hushgate_gateway::panics::quiet();
    Ok(config)
}

/// Answers what the cloud's own service hands over, until that ends the process.
async fn serve_for(
    service: Box<dyn Service>,
    built_in: &BuiltIn,
    environment: &Environment,
) -> Result<(), Vec<String>> {
    let config = configure(environment)?;
    let store = open_store(&config, environment, built_in.clouds)?;
    let gateway = Arc::new(assemble(built_in, &config, environment, store).await?);
    service.serve(Serving { gateway, config }).await
}

/// Lets a service end in its own way after the signal to stop, which it may not have seen in its start.
async fn serve_for_until(
    serving: impl Future<Output = Result<(), Vec<String>>>,
    stop: impl Future<Output = ()>,
) -> Result<(), Vec<String>> {
    let late = async {
        stop.await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        served = serving => served,
        () = late => Ok(()),
    }
}

fn serve_until_signal(built_in: &BuiltIn, environment: &Environment) -> Result<(), Vec<String>> {
    let service = built_in.clouds.service(environment);
    let service = service.map_err(|problem| vec![problem])?;
    let threads = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(2, 4);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .max_blocking_threads(16)
        .enable_all()
        .build()
        .map_err(|e| vec![format!("can't start threads: {}", e.kind())])?;
    let served = runtime.block_on(async {
        // Before the start, which may take long: the first process of a container gets no signal
        // that it does not listen for.
        let mut stop = std::pin::pin!(told_to_stop());
        if let Some(service) = service {
            let serving = serve_for(service, built_in, environment);
            return serve_for_until(serving, stop).await;
        }
        let prepared = tokio::select! {
            prepared = prepare(built_in, environment) => prepared?,
            () = &mut stop => {
                tracing::info!("stopped before it was ready");
                return Ok(());
            }
        };
        let served = prepared.serve(stop).await;
        served.map_err(|e| vec![format!("can't serve: {}", e.kind())])
    });
    // What is still running had its time.
    runtime.shutdown_background();
    served
}

impl Handler for Gateway {
    fn handle(&self, inbound: Inbound, body: Receiving) -> Answering<'_> {
        Box::pin(Gateway::handle_arriving(self, inbound, body))
    }

    fn refuse(&self, refusal: &Refusal, id: &RequestId) -> Reply {
        Gateway::refuse(self, refusal, id)
    }
}

fn texts(problems: &[ConfigError]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

/// A future that completes at SIGTERM (how clouds and containers stop a process) or SIGINT.
///
/// Signals count from this call on, not from the first poll. Needs a runtime around it.
fn told_to_stop() -> impl Future<Output = ()> {
    let terminate = Waiting::on(SignalKind::terminate());
    let interrupt = Waiting::on(SignalKind::interrupt());
    async {
        tokio::select! {
            () = terminate.arrives() => {}
            () = interrupt.arrives() => {}
        }
    }
}

/// A signal that is waited for; none where the system refuses, which then ends the process its own way.
struct Waiting(Option<Signal>);

impl Waiting {
    fn on(kind: SignalKind) -> Self {
        Self(signal(kind).ok())
    }

    async fn arrives(self) {
        match self.0 {
            Some(mut signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}
