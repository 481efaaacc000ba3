//! `--repeat`: one call many times, with percentiles.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::code::Code;
use super::identity::Identity;
use super::show::{self, Form, milliseconds};
use super::target::Target;
use super::verdict::Verdict;
use super::wire::Wire;
use crate::connection::failure::Failure;
use crate::{REFUSED, print};

/// The exit code after Ctrl-C, as shells give it.
const INTERRUPTED: u8 = 130;

/// What is called, as whom.
pub(super) struct Load {
    pub(super) request: Request<Bytes>,
    pub(super) target: Target,
    pub(super) identity: Identity,
    pub(super) wire: Wire,
}

/// One call's outcome.
struct Sample {
    /// To the last byte of the answer, or to the end of the patience for one.
    time: Option<Duration>,
    kind: String,
    verdict: Verdict,
    line: Option<String>,
}

#[derive(Default)]
struct Tally {
    times: Vec<Duration>,
    kinds: BTreeMap<String, usize>,
    calls: usize,
    fine: usize,
    by_rules: usize,
    /// The first call that failed of each code.
    failures: BTreeMap<String, Verdict>,
}

impl Tally {
    fn add(&mut self, sample: Sample) {
        self.calls += 1;
        self.fine += usize::from(sample.verdict.fine);
        self.by_rules += usize::from(sample.verdict.by_rules);
        self.times.extend(sample.time);
        *self.kinds.entry(sample.kind).or_default() += 1;
        if let Some(code) = sample.verdict.code.clone() {
            self.failures.entry(code).or_insert(sample.verdict);
        }
    }
}

/// Calls `times` times, `at_once` at a time, and tells how long it took. Ctrl-C ends early.
///
/// # Errors
/// When no token can be had.
pub(super) async fn run(
    load: Load,
    times: u32,
    at_once: u16,
    form: Form,
) -> Result<ExitCode, Failure> {
    let lost = |_| Failure::new(Code::Internal, "signals can't be received");
    let mut interrupted = signal(SignalKind::interrupt()).map_err(lost)?;
    let load = Arc::new(load);
    let left = Arc::new(AtomicU32::new(times));
    let (sender, mut samples) = mpsc::channel(1024);
    let start = Instant::now();
    let at_once = u32::from(at_once).min(times);
    for _ in 0..at_once {
        tokio::spawn(work(
            Arc::clone(&load),
            Arc::clone(&left),
            sender.clone(),
            form,
        ));
    }
    drop(sender);
    let mut tally = Tally::default();
    let mut progress = Progress::new(times);
    let mut stopped = false;
    loop {
        tokio::select! {
            sample = samples.recv() => match sample {
                Some(Ok(sample)) => {
                    if let Some(line) = &sample.line {
                        print::line(line);
                    }
                    tally.add(sample);
                    progress.tell(&tally);
                    if print::reader_left() {
                        break;
                    }
                }
                Some(Err(failure)) => return Err(failure),
                None => break,
            },
            _ = interrupted.recv() => {
                print::note("interrupted; what was measured so far:");
                stopped = true;
                break;
            }
        }
    }
    progress.end();
    let summary = summary(&mut tally, start.elapsed(), at_once);
    if form.json {
        print::note(&summary);
    } else {
        print::line(&summary);
    }
    for (code, verdict) in &tally.failures {
        show::judged(verdict, &load.identity.facts(Some(code)));
    }
    let failed = tally.calls - tally.fine;
    Ok(match failed {
        _ if stopped => ExitCode::from(INTERRUPTED),
        0 if tally.calls > 0 => ExitCode::SUCCESS,
        _ if failed > 0 && failed == tally.by_rules => ExitCode::from(REFUSED),
        _ => ExitCode::from(1),
    })
}

async fn work(
    load: Arc<Load>,
    left: Arc<AtomicU32>,
    samples: mpsc::Sender<Result<Sample, Failure>>,
    form: Form,
) {
    let mut line = load.wire.line();
    let call = format!("{} {}", load.request.method(), load.request.uri());
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            left.checked_sub(1)
        })
        .is_ok()
    {
        let mut request = load.request.clone();
        if let Err(failure) = load.identity.apply(&mut request).await {
            // The end is told once; the others find the channel closed.
            let _ = samples.send(Err(failure)).await;
            return;
        }
        let path = load.request.uri().path();
        let start = Instant::now();
        let (answer, verdict) = match line.send(&request).await {
            Ok(answer) => {
                let verdict = Verdict::of(&answer, path, &load.target, &load.identity);
                (Some(answer), verdict)
            }
            Err(failure) => (None, Verdict::unanswered(&failure)),
        };
        let patience = verdict.code.as_deref().is_some_and(|code| {
            [Code::AnswerTimeout, Code::ConnectTimeout]
                .map(|c| c.known().code)
                .contains(&code)
        });
        let status = answer
            .as_ref()
            .map(|answer| answer.status.as_u16().to_string());
        let words: Vec<_> = status.into_iter().chain(verdict.code.clone()).collect();
        let sample = Sample {
            time: match &answer {
                Some(answer) => Some(answer.timing.total),
                None => patience.then(|| start.elapsed()),
            },
            kind: words.join(" "),
            line: form
                .json
                .then(|| show::object(&call, answer.as_ref(), &verdict, false)),
            verdict,
        };
        if samples.send(Ok(sample)).await.is_err() {
            return;
        }
    }
}

fn summary(tally: &mut Tally, took: Duration, at_once: u32) -> String {
    tally.times.sort_unstable();
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    let rate = tally.calls as f64 / took.as_secs_f64().max(0.001);
    let mut text = format!(
        "{} calls, {at_once} at once, in {:.1} s: {rate:.1} a second\n  fine {}, failed {}",
        tally.calls,
        took.as_secs_f64(),
        tally.fine,
        tally.calls - tally.fine
    );
    for (kind, count) in &tally.kinds {
        let _ = write!(text, "\n  {count:>8}  {kind}");
    }
    if let Some(max) = tally.times.last() {
        let at = |percent| milliseconds(percentile(&tally.times, percent));
        // Those that could not even be waited for have no time.
        let of = if tally.times.len() < tally.calls {
            format!(", of {} of {} calls", tally.times.len(), tally.calls)
        } else {
            String::new()
        };
        let _ = write!(
            text,
            "\n  milliseconds to the last byte{of}: p50 {}   p90 {}   p99 {}   max {}",
            at(50),
            at(90),
            at(99),
            milliseconds(*max)
        );
    }
    text
}

/// The nearest-rank percentile of sorted times.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// How far it is: rewritten each second on a terminal, else a line each ten seconds.
struct Progress {
    of: u32,
    told: Instant,
    terminal: bool,
}

impl Progress {
    fn new(of: u32) -> Self {
        Self {
            of,
            told: Instant::now(),
            terminal: std::io::stderr().is_terminal(),
        }
    }

    fn tell(&mut self, tally: &Tally) {
        let pause = if self.terminal { 1 } else { 10 };
        if self.told.elapsed() < Duration::from_secs(pause) {
            return;
        }
        self.told = Instant::now();
        let text = format!(
            "{} of {} calls, {} failed",
            tally.calls,
            self.of,
            tally.calls - tally.fine
        );
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r{text} ");
        } else {
            print::note(&text);
        }
    }

    fn end(&self) {
        if self.terminal {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        let one = &times[..1];
        assert!([50, 90, 99].iter().all(|p| percentile(one, *p) == times[0]));
        assert_eq!(percentile(&times[..3], 90), times[2]);
    }
}
