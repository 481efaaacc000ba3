//! Answers on their way to the caller, given up when the caller takes nothing for too long.
//!
//! An answer waits in memory until it is taken, and no request limit counts it any more. A caller
//! that stops reading is noticed in two places: the socket takes no more bytes ([`Patient`]), or, in
//! HTTP/2, a stream's window stays shut while the socket is fine ([`Watch`]). HTTP/1 has no windows,
//! and hyper asks for the next piece of an answer only when it has written the last ones.

use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Version};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use super::activity::{Activity, Running};

/// How much of an answer is handed on at once. What was handed on can't be taken back.
const PIECE: usize = 16 << 10;

/// The caller took nothing of an answer for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the caller stopped reading")]
pub(super) struct GivenUp;

/// The body of one answer.
#[derive(Debug)]
pub(super) struct Outgoing {
    rest: Arc<Mutex<Rest>>,
    watch: Arc<Watch>,
    _running: Running,
}

#[derive(Debug)]
struct Rest {
    bytes: Bytes,
    request_id: Option<HeaderValue>,
    windowed: bool,
    moved: Instant,
    given_up: bool,
}

/// The answers under way on one connection.
#[derive(Debug)]
pub(super) struct Watch {
    answers: Mutex<Vec<Weak<Mutex<Rest>>>>,
    latest: Mutex<Latest>,
    activity: Arc<Activity>,
}

#[derive(Debug)]
struct Latest {
    moved: Instant,
    request_id: Option<HeaderValue>,
}

impl Watch {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::default(),
            latest: Mutex::new(Latest {
                moved: Instant::now(),
                request_id: None,
            }),
            activity: Activity::new(),
        })
    }

    /// What happens on the connection.
    pub(super) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// The body of an answer to a request of this version, watched from now on.
    pub(super) fn body(
        self: &Arc<Self>,
        bytes: Bytes,
        version: Version,
        request_id: Option<&HeaderValue>,
    ) -> Outgoing {
        let request_id = request_id.cloned();
        lock(&self.latest).request_id.clone_from(&request_id);
        let rest = Arc::new(Mutex::new(Rest {
            bytes,
            request_id,
            windowed: version == Version::HTTP_2,
            moved: Instant::now(),
            given_up: false,
        }));
        let mut answers = lock(&self.answers);
        answers.retain(|answer| answer.strong_count() > 0);
        answers.push(Arc::downgrade(&rest));
        Outgoing {
            rest,
            watch: self.clone(),
            _running: self.activity.begin(),
        }
    }

    /// Gives up each answer behind a window, and frees its memory, once nothing of it was taken for
    /// `patience`. Completes when nothing else moved on the connection for as long.
    pub(super) async fn abandoned(&self, patience: Duration) {
        loop {
            tokio::time::sleep(patience / 4).await;
            if self.give_up(patience) && lock(&self.latest).moved.elapsed() >= patience {
                return;
            }
        }
    }

    /// Whether there are answers, and all of them were given up.
    fn give_up(&self, patience: Duration) -> bool {
        let mut answers = lock(&self.answers);
        answers.retain(|answer| answer.strong_count() > 0);
        let (mut given_up, mut others) = (0, 0);
        for answer in answers.iter().filter_map(Weak::upgrade) {
            let mut rest = lock(&answer);
            if rest.windowed && !rest.given_up && rest.moved.elapsed() >= patience {
                log(rest.request_id.as_ref());
                rest.give_up();
            }
            if rest.given_up {
                given_up += 1;
            } else {
                others += 1;
            }
        }
        given_up > 0 && others == 0
    }

    /// Gives up everything, since the socket takes nothing.
    fn give_up_all(&self) {
        let answers = std::mem::take(&mut *lock(&self.answers));
        let mut told = false;
        for answer in answers.iter().filter_map(Weak::upgrade) {
            let mut rest = lock(&answer);
            if !rest.given_up {
                log(rest.request_id.as_ref());
                rest.give_up();
            }
            told = true;
        }
        if !told {
            // All of the latest answer was handed on.
            log(lock(&self.latest).request_id.as_ref());
        }
    }
}

impl Rest {
    fn give_up(&mut self) {
        self.bytes = Bytes::new();
        self.given_up = true;
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = GivenUp;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, GivenUp>>> {
        let mut rest = lock(&self.rest);
        if rest.given_up {
            return Poll::Ready(Some(Err(GivenUp)));
        }
        if rest.bytes.is_empty() {
            return Poll::Ready(None);
        }
        rest.moved = Instant::now();
        lock(&self.watch.latest).moved = rest.moved;
        let piece = if rest.bytes.len() <= PIECE {
            std::mem::take(&mut rest.bytes)
        } else {
            // A copy, since a part of the whole would keep the whole in memory.
            let part = rest.bytes.split_to(PIECE);
            Bytes::copy_from_slice(&part)
        };
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        let rest = lock(&self.rest);
        rest.bytes.is_empty() && !rest.given_up
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(lock(&self.rest).bytes.len() as u64)
    }
}

/// A connection whose writing fails when the other side takes nothing for too long. What it reads tells
/// which version of HTTP is spoken.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    watch: Arc<Watch>,
    decided: bool,
    patience: Duration,
    waiting: Option<Waiting>,
}

/// A write that the stream did not take.
#[derive(Debug)]
struct Waiting {
    since: Instant,
    tick: Pin<Box<Sleep>>,
}

/// Writing now or not at all, whatever the last notification said.
pub(super) trait WriteNow {
    fn write_now(&self, bytes: &[u8]) -> io::Result<usize>;
}

/// Linux tells that a socket can be written to only when a third of its buffer is free, which takes a
/// slow reader long; a write succeeds as soon as a little is.
impl WriteNow for TcpStream {
    fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        let own = std::net::TcpStream::from(self.as_fd().try_clone_to_owned()?);
        (&own).write(bytes)
    }
}

impl<S: WriteNow> Patient<S> {
    pub(super) fn new(stream: S, watch: Arc<Watch>, patience: Duration) -> Self {
        Self {
            stream,
            watch,
            decided: false,
            patience,
            waiting: None,
        }
    }

    /// Passes on what writing came to. While it is pending it is tried now and then past the
    /// notifications, and fails once that came to nothing for too long.
    fn timed(
        &mut self,
        written: Poll<io::Result<usize>>,
        bytes: &[u8],
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let now = Instant::now();
        let pause = self.patience / 4;
        let waiting = self.waiting.get_or_insert_with(|| Waiting {
            since: now,
            tick: Box::pin(sleep_until(now + pause)),
        });
        while waiting.tick.as_mut().poll(context).is_ready() {
            match self.stream.write_now(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => {
                    self.waiting = None;
                    return Poll::Ready(written);
                }
            }
            if waiting.since.elapsed() >= self.patience {
                self.watch.give_up_all();
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, GivenUp)));
            }
            waiting.tick.as_mut().reset(Instant::now() + pause);
        }
        Poll::Pending
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let heard = buffer.filled().get(before..).unwrap_or_default();
        if !self.decided && !heard.is_empty() {
            self.decided = self.watch.activity.heard(heard);
        }
        read
    }
}

impl<S: AsyncWrite + WriteNow + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.timed(written, bytes, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        let first = parts.iter().find(|part| !part.is_empty());
        self.timed(written, first.map_or(&[], |part| part), context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// The log line of an answer that was not taken; the line of its request was written before.
fn log(request_id: Option<&HeaderValue>) {
    let request_id = request_id
        .and_then(|id| id.to_str().ok())
        .unwrap_or_default();
    tracing::warn!(target: "hushgate::audit", request_id, cause = "caller-stalled", detail = "the caller took nothing of an answer for too long; HUSHGATE_CALLER_IDLE_SECONDS sets it", "answer given up");
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
