//! Request bodies on their way in.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, EXPECT};
use http::request::Parts;
use http_body_util::BodyExt as _;
use hushgate_gateway::refusal::{Cause, Refusal};
use hyper::body::{Body as _, Incoming};
use tokio::runtime::Handle;

use super::Limits;

/// How much of an unwanted body is read and forgotten, at most, and for how long.
const FORGOTTEN: usize = 8 << 20;
const FORGETTING: Duration = Duration::from_secs(5);

/// A request's body, of which nothing is read yet.
///
/// When it is dropped before its end, the rest is read for a while and forgotten: a connection that is
/// closed while its caller still sends takes the answer away from it (RFC 9112 section 9.6).
#[derive(Debug)]
pub(super) struct Arriving {
    body: Option<Incoming>,
    /// Whether the caller sends nothing before it is told to (RFC 9110 section 10.1.1).
    is_held_back: bool,
    announced: Option<usize>,
    largest: usize,
    time: Duration,
}

impl Arriving {
    pub(super) fn new(head: &Parts, body: Incoming, limits: &Limits) -> Self {
        let announced = head.headers.get(CONTENT_LENGTH);
        Self {
            body: (!body.is_end_stream()).then_some(body),
            is_held_back: head.headers.contains_key(EXPECT),
            announced: announced.and_then(|v| v.to_str().ok()?.parse().ok()),
            largest: limits.body,
            time: limits.body_time,
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// The refusal of a body that is too large or too slow, or that breaks off.
    pub(super) async fn whole(mut self) -> Result<Bytes, Refusal> {
        let time = self.time;
        let read = tokio::time::timeout(time, self.read()).await;
        read.unwrap_or_else(|_| Err(invalid("the request body did not arrive in time")))
    }

    async fn read(&mut self) -> Result<Bytes, Refusal> {
        if self.announced.is_some_and(|length| length > self.largest) {
            return Err(too_large());
        }
        let Some(body) = &mut self.body else {
            return Ok(Bytes::new());
        };
        self.is_held_back = false;
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| invalid("the request body broke off"))?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if data.len() > self.largest - whole.len() {
                return Err(too_large());
            }
            whole.extend_from_slice(&data);
        }
        self.body = None;
        Ok(whole.freeze())
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|_| !self.is_held_back) else {
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            let time = self.time.min(FORGETTING);
            runtime.spawn(tokio::time::timeout(time, forget(body)));
        }
    }
}

async fn forget(mut body: Incoming) {
    let mut forgotten = 0;
    while let Some(Ok(frame)) = body.frame().await {
        forgotten += frame.data_ref().map_or(0, Bytes::len);
        if forgotten > FORGOTTEN {
            return;
        }
    }
}

fn too_large() -> Refusal {
    Refusal::new(
        Cause::RequestTooLarge,
        "a request body larger than HUSHGATE_MAX_REQUEST_BYTES",
    )
}

fn invalid(detail: &'static str) -> Refusal {
    Refusal::new(Cause::RequestInvalid, detail)
}
