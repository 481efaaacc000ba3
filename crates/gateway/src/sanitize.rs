//! The step from a source's answer to a body that may leave.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, LINK};
use http::{HeaderMap, HeaderValue, StatusCode};
use hushgate_rules::endpoint::RuleSet;
use hushgate_rules::sanitize::{self as rules, Report, SanitizeError, Sanitizer};

use crate::audit::Record;
use crate::refusal::{Cause, Refusal};
use crate::upstream::{Media, Received};

/// Bodies above this many bytes are sanitized on a thread of their own, so that others don't wait.
pub(crate) const LARGE: usize = 256 << 10;

/// A body that may leave, with its status and headers. Only [`sanitize`] makes one.
#[derive(Debug)]
pub(crate) struct Sanitized {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Sanitized {
    /// Status, headers and body, for the reply.
    pub(crate) fn into_parts(self) -> (StatusCode, HeaderMap, Bytes) {
        (self.status, self.headers, self.body)
    }
}

/// Sanitizes an answer by the rules of the endpoint with this index. `link` is the rewritten header.
///
/// # Errors
/// `not-sanitizable` when the body is not JSON or beyond a limit.
pub(crate) async fn sanitize(
    ruleset: &Arc<RuleSet>,
    endpoint: usize,
    received: Received,
    link: Option<HeaderValue>,
    sanitizer: Arc<Sanitizer>,
    record: &mut Record,
) -> Result<Sanitized, Refusal> {
    let Received {
        status,
        passed,
        media,
        body,
        ..
    } = received;
    let mut headers = passed.into_map();
    if let Some(link) = link {
        headers.insert(LINK, link);
    }
    if media == Media::Empty {
        return Ok(Sanitized {
            status,
            headers,
            body: Bytes::new(),
        });
    }
    record.bytes_source = body.len();
    let ruleset = ruleset.clone();
    let run = move || run(&ruleset, endpoint, &sanitizer, &body);
    let done = if record.bytes_source <= LARGE {
        run()
    } else {
        tokio::task::spawn_blocking(run).await.map_err(|_| {
            Refusal::new(
                Cause::Internal,
                "a panic while sanitizing; its place was logged before this line",
            )
        })?
    };
    let (body, report) = done?.into_parts();
    let media = if report.documents > 1 {
        Media::JsonLines
    } else {
        media
    };
    record.counts = counts(&report);
    headers.extend(media.content_type().map(|value| (CONTENT_TYPE, value)));
    Ok(Sanitized {
        status,
        headers,
        body: Bytes::from(body),
    })
}

fn run(
    ruleset: &RuleSet,
    endpoint: usize,
    sanitizer: &Sanitizer,
    body: &[u8],
) -> Result<rules::Sanitized, Refusal> {
    let endpoint = ruleset.endpoints().get(endpoint).ok_or_else(|| {
        Refusal::new(Cause::Internal, "the admitted endpoint is not in the rules")
    })?;
    sanitizer
        .sanitize(endpoint.response(), body)
        .map_err(Refusal::from)
}

/// What was done, by name; names are those of transforms and reasons, never of the source's fields.
fn counts(report: &Report) -> Vec<(&'static str, u64)> {
    let mut counts: Vec<_> = report
        .transformed
        .iter()
        .map(|(name, count)| (*name, *count))
        .collect();
    counts.push(("augmented", report.augmented));
    counts.push(("forged", report.forged));
    counts.push(("failed", report.failures()));
    counts
}

impl From<SanitizeError> for Refusal {
    fn from(error: SanitizeError) -> Self {
        Refusal::new(Cause::NotSanitizable, format!("{}: {error}", error.code()))
    }
}
