//! The call to the source: one request out, one capped and decoded answer back.

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use reqwest::{Response, Url};

use crate::egress::{self, Egress};
use crate::refusal::{Cause, Refusal};

mod headers;
mod link;
mod media;

pub(crate) use headers::PassedHeaders;
pub(crate) use link::{OwnTarget, rewrite as rewrite_links};
pub(crate) use media::Media;

/// A call that was admitted and carries its credential. Only [`crate::send`] makes one.
///
/// It has no `Debug`, since everything in it is secret or identifies somebody; so has [`Received`].
pub(crate) struct Outbound {
    /// The method.
    pub(crate) method: Method,
    /// The whole URL; its host comes from the source's declaration.
    pub(crate) url: Url,
    /// The headers, with the credential.
    pub(crate) headers: HeaderMap,
    /// The body, if any.
    pub(crate) body: Option<Bytes>,
}

/// What the source answered, after decoding; nothing of it may leave unsanitized.
pub(crate) struct Received {
    /// A 2xx status, or 304.
    pub(crate) status: StatusCode,
    /// The headers that may be passed on.
    pub(crate) passed: PassedHeaders,
    /// The `link` headers, to be rewritten or dropped.
    pub(crate) links: Vec<HeaderValue>,
    /// What kind of JSON the body is.
    pub(crate) media: Media,
    /// The decoded body.
    pub(crate) body: Vec<u8>,
}

/// An answer in one of the ways the gateway treats differently.
pub(crate) enum Answer {
    /// A success, to be sanitized.
    Success(Received),
    /// A redirect, with its target made absolute.
    Redirect(Url),
    /// The source refused our credential.
    Unauthorized(PassedHeaders),
}

/// What is taken of an answer.
pub(crate) struct Limits<'a> {
    /// Most bytes of the body, after decoding.
    pub(crate) largest: usize,
    /// Headers which the source declares as worth passing, beside the common ones.
    pub(crate) passed: &'a [HeaderName],
}

/// Sends one call and reads the answer.
///
/// # Errors
/// `source-*`, `egress-refused`, `response-too-large`, `content-type-refused`. The body of an error
/// answer is not even read.
pub(crate) async fn send(
    egress: &Egress,
    outbound: &Outbound,
    limits: &Limits<'_>,
) -> Result<Answer, Refusal> {
    let mut request = egress
        .request(outbound.method.clone(), outbound.url.clone())?
        .headers(outbound.headers.clone());
    if let Some(body) = &outbound.body {
        request = request.body(body.clone());
    }
    let response = request
        .send()
        .await
        .map_err(|e| failed(&e, "before its answer"))?;
    let status = response.status();
    let passed = PassedHeaders::from_source(response.headers(), limits.passed);
    if let Some(location) = redirect_target(&response)? {
        return Ok(Answer::Redirect(location));
    }
    if status == StatusCode::UNAUTHORIZED {
        return Ok(Answer::Unauthorized(passed));
    }
    if status.is_client_error() || status.is_server_error() {
        let detail = format!("the source answered {}", status.as_u16());
        return Err(Refusal::source_error(status, detail).with_headers(passed));
    }
    if !status.is_success() && status != StatusCode::NOT_MODIFIED {
        let detail = format!(
            "the source answered {}, which is neither success nor error",
            status.as_u16()
        );
        return Err(Refusal::new(Cause::SourceError, detail));
    }
    let bodiless = outbound.method == Method::HEAD || status == StatusCode::NOT_MODIFIED;
    receive(response, passed, bodiless, limits.largest)
        .await
        .map(Answer::Success)
}

async fn receive(
    mut response: Response,
    passed: PassedHeaders,
    bodiless: bool,
    largest: usize,
) -> Result<Received, Refusal> {
    let status = response.status();
    if response.headers().contains_key(CONTENT_ENCODING) {
        // The client removes the codings it undid.
        return Err(Refusal::new(
            Cause::ContentTypeRefused,
            "the source used a content coding that is not supported",
        ));
    }
    let links = response
        .headers()
        .get_all(http::header::LINK)
        .iter()
        .cloned()
        .collect();
    let declared = response.headers().get(CONTENT_TYPE).cloned();
    let body = if bodiless {
        Vec::new()
    } else {
        read_capped(&mut response, largest).await?
    };
    let media = if body.is_empty() {
        Media::Empty
    } else {
        Media::of(declared.as_ref())?
    };
    Ok(Received {
        status,
        passed,
        links,
        media,
        body,
    })
}

async fn read_capped(response: &mut Response, largest: usize) -> Result<Vec<u8>, Refusal> {
    let announced = response
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|length| length > largest) {
        return Err(too_large(largest));
    }
    let mut body = Vec::with_capacity(announced.unwrap_or(0));
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|e| failed(&e, "in its body"))?
    {
        if body.len() + chunk.len() > largest {
            return Err(too_large(largest));
        }
        body.extend_from_slice(&chunk);
    }
    // In HTTP/2 a stream that is reset without an error looks as if it had come to its end.
    if announced.is_some_and(|length| length != body.len()) {
        let detail = "the source sent another number of bytes than it announced";
        return Err(Refusal::new(Cause::SourceInterrupted, detail));
    }
    Ok(body)
}

fn redirect_target(response: &Response) -> Result<Option<Url>, Refusal> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let mut locations = response.headers().get_all(LOCATION).iter();
    let (Some(location), None) = (locations.next(), locations.next()) else {
        return Err(Refusal::new(
            Cause::RedirectRefused,
            "a redirect without exactly one `location`",
        ));
    };
    location
        .to_str()
        .ok()
        .filter(|text| !text.contains('\\'))
        .and_then(|text| response.url().join(text).ok())
        .map(Some)
        .ok_or_else(|| {
            Refusal::new(
                Cause::RedirectRefused,
                "a redirect whose `location` is not a URL",
            )
        })
}

fn failed(error: &reqwest::Error, place: &str) -> Refusal {
    let reason = egress::root_cause(error);
    Refusal::new(
        egress::cause_of(error),
        format!("the source failed {place}: {reason}"),
    )
}

fn too_large(largest: usize) -> Refusal {
    let detail = format!(
        "the source's answer has more than {largest} bytes after decoding; HUSHGATE_MAX_RESPONSE_BYTES sets the limit"
    );
    Refusal::new(Cause::ResponseTooLarge, detail)
}
