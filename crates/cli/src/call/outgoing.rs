//! The body of a request, which knows whether the connection took all of it.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// What the connection takes at once, so that it asks for the rest only as the other side reads.
const PIECE: usize = 64 * 1024;

/// A body that is given to the connection piece by piece.
pub(super) struct Outgoing {
    left: Bytes,
    written: Written,
}

/// Whether a connection took a whole body.
#[derive(Clone)]
pub(super) struct Written(Arc<AtomicBool>);

impl Written {
    /// Whether all of it was taken.
    pub(super) fn all(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl Outgoing {
    /// A body of these bytes.
    pub(super) fn of(bytes: Bytes) -> Self {
        let written = Written(Arc::new(AtomicBool::new(bytes.is_empty())));
        Self {
            left: bytes,
            written,
        }
    }

    /// What tells, now and later, whether all of the body was taken.
    pub(super) fn written(&self) -> Written {
        self.written.clone()
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left.is_empty() {
            return Poll::Ready(None);
        }
        let length = PIECE.min(self.left.len());
        let piece = self.left.split_to(length);
        if self.left.is_empty() {
            self.written.0.store(true, Ordering::Release);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
