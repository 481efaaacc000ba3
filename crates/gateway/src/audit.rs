//! The one line per request that the log gets.
//!
//! It holds what the operator configured (source, client, endpoint template), numbers and codes;
//! never a value, a path, a query, a token or a secret.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{Method, StatusCode};

use crate::access::Caller;
use crate::inbound::Inbound;
use crate::refusal::{Refusal, Side};
use crate::request_id::RequestId;

/// The steps whose time is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Who calls.
    Verify,
    /// The request's body.
    Receive,
    /// Whether the rules admit it.
    Admit,
    /// The credential for the source.
    Authorize,
    /// The source's answer.
    Send,
    /// Sanitizing it.
    Sanitize,
}

impl Phase {
    const COUNT: usize = 6;

    fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Receive => "receive",
            Self::Admit => "admit",
            Self::Authorize => "authorize",
            Self::Send => "send",
            Self::Sanitize => "sanitize",
        }
    }
}

/// What is known about a request so far. Writes its line when finished, or, if the caller went away
/// and the request was dropped, when dropped.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: RequestId,
    source: Arc<str>,
    method: &'static str,
    started: Instant,
    phase: Phase,
    phase_started: Instant,
    spent: [Duration; Phase::COUNT],
    client: Option<String>,
    /// The template of the endpoint.
    pub(crate) endpoint: Option<String>,
    /// Bytes of the request's body.
    pub(crate) bytes_in: usize,
    /// Decoded bytes of the source's answer.
    pub(crate) bytes_source: usize,
    /// How often each kind of transformation happened.
    pub(crate) counts: Vec<(&'static str, u64)>,
    noted: Option<Refusal>,
    written: bool,
}

impl Record {
    /// Starts the record of a request.
    pub(crate) fn new(source: Arc<str>, inbound: &Inbound) -> Self {
        Self {
            id: RequestId::fresh(),
            source,
            method: method_name(&inbound.method),
            started: inbound.received,
            phase: Phase::Verify,
            phase_started: Instant::now(),
            spent: [Duration::ZERO; Phase::COUNT],
            client: None,
            endpoint: None,
            bytes_in: 0,
            bytes_source: 0,
            counts: Vec::new(),
            noted: None,
            written: false,
        }
    }

    /// Notes who calls.
    pub(crate) fn verified(&mut self, caller: &Caller) {
        self.client = Some(caller.client_id().to_owned());
    }

    /// Notes a refusal that the caller is not told: a health check answers in its own way.
    pub(crate) fn note(&mut self, refusal: Refusal) {
        self.noted = Some(refusal);
    }

    /// Whether the caller's token was verified.
    pub(crate) fn is_verified(&self) -> bool {
        self.client.is_some()
    }

    /// Ends the running phase and begins another.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.close_phase();
        self.phase = phase;
    }

    /// The phase that is running.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Writes the line.
    pub(crate) fn finish(
        &mut self,
        status: StatusCode,
        bytes_out: usize,
        refusal: Option<&Refusal>,
    ) {
        self.close_phase();
        self.written = true;
        let noted = self.noted.take();
        let refusal = refusal.or(noted.as_ref());
        let cause = refusal.map_or("", |r| r.cause().code());
        let detail = refusal.map_or("", Refusal::detail);
        let status = status.as_u16();
        match refusal.map(|r| r.cause().side()) {
            None | Some(Side::Caller) => self.line(Level::Info, status, bytes_out, cause, detail),
            Some(Side::Source) => self.line(Level::Warn, status, bytes_out, cause, detail),
            Some(Side::Gateway) => self.line(Level::Error, status, bytes_out, cause, detail),
        }
    }

    fn line(&self, level: Level, status: u16, bytes_out: usize, cause: &str, detail: &str) {
        macro_rules! write_line {
            ($log:ident) => {
                tracing::$log!(
                    target: "hushgate::audit",
                    request_id = self.id.as_str(),
                    source = &*self.source,
                    client = self.client.as_deref().unwrap_or_default(),
                    method = self.method,
                    endpoint = self.endpoint.as_deref().unwrap_or_default(),
                    status,
                    cause,
                    detail,
                    phase = self.phase.name(),
                    ms = millis(self.started.elapsed()),
                    ms_verify = millis(self.spent[0]),
                    ms_receive = millis(self.spent[1]),
                    ms_admit = millis(self.spent[2]),
                    ms_authorize = millis(self.spent[3]),
                    ms_send = millis(self.spent[4]),
                    ms_sanitize = millis(self.spent[5]),
                    bytes_in = self.bytes_in,
                    bytes_source = self.bytes_source,
                    bytes_out,
                    transformed = self.counts_text().as_str(),
                    "request"
                )
            };
        }
        match level {
            Level::Info => write_line!(info),
            Level::Warn => write_line!(warn),
            Level::Error => write_line!(error),
        }
    }

    fn counts_text(&self) -> String {
        let mut text = String::new();
        for (name, count) in self.counts.iter().filter(|(_, count)| *count > 0) {
            let separator = if text.is_empty() { "" } else { " " };
            // Writing to a String can't fail.
            let _ = write!(text, "{separator}{name}={count}");
        }
        text
    }

    fn close_phase(&mut self) {
        let now = Instant::now();
        if let Some(spent) = self.spent.get_mut(self.phase as usize) {
            *spent += now - self.phase_started;
        }
        self.phase_started = now;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if !self.written {
            self.close_phase();
            self.line(
                Level::Info,
                0,
                0,
                "caller-gone",
                "the caller went away before the answer",
            );
        }
    }
}

#[derive(Clone, Copy)]
enum Level {
    Info,
    Warn,
    Error,
}

/// Milliseconds with three decimals, which read well and cost no more than whole ones.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

/// A method's name if it is a standard one: an invented method could spell an identifier.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
