//! Whether anything happens on a connection, so that one on which nothing does is closed.
//!
//! hyper waits without an end for the bytes that tell HTTP/1 from HTTP/2, and for the first and the next
//! stream in HTTP/2; the time for a head of HTTP/1 is its own.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// What HTTP/2 begins with (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What happens on one connection.
#[derive(Debug)]
pub(super) struct Activity {
    state: Mutex<State>,
    decided: Notify,
}

#[derive(Debug)]
struct State {
    version: Version,
    running: usize,
    idle_since: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// So many bytes came, as HTTP/2 begins.
    Undecided(usize),
    Http1,
    Http2,
}

/// A request that is being answered.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State {
                version: Version::Undecided(0),
                running: 0,
                idle_since: Instant::now(),
            }),
            decided: Notify::new(),
        })
    }

    /// Takes note of what came from the caller; gives whether it is known now which version it speaks.
    pub(super) fn heard(&self, bytes: &[u8]) -> bool {
        let mut state = self.state();
        let Version::Undecided(so_far) = state.version else {
            return true;
        };
        let awaited = PREFACE.get(so_far..).unwrap_or_default();
        state.version = if bytes.starts_with(awaited) {
            Version::Http2
        } else if awaited.starts_with(bytes) {
            Version::Undecided(so_far + bytes.len())
        } else {
            Version::Http1
        };
        let decided = !matches!(state.version, Version::Undecided(_));
        if decided {
            self.decided.notify_one();
        }
        decided
    }

    /// Whether it is known which version of HTTP the caller speaks.
    pub(super) fn is_decided(&self) -> bool {
        !matches!(self.state().version, Version::Undecided(_))
    }

    /// Completes when it is known which version the caller speaks. For one task at a time.
    pub(super) async fn decided(&self) {
        if !self.is_decided() {
            self.decided.notified().await;
        }
    }

    /// Begins a request; it runs until what this gives is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.state().running += 1;
        Running(self.clone())
    }

    /// Completes when for `patience` from now on the caller did not even say its version, or in HTTP/2
    /// ran no request.
    pub(super) async fn idle(&self, patience: Duration) {
        let begun = Instant::now();
        loop {
            let since = self.idle_since().map(|since| since.max(begun));
            sleep_until(since.unwrap_or_else(Instant::now) + patience).await;
            if since.is_some() && self.idle_since().map(|since| since.max(begun)) == since {
                return;
            }
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        let state = self.state();
        let counts = state.version != Version::Http1 && state.running == 0;
        counts.then_some(state.idle_since)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.running -= 1;
        state.idle_since = Instant::now();
    }
}
