//! Writing an object: in one request when it is small, else in parts of a session that becomes an object
//! with its last part (<https://cloud.google.com/storage/docs/performing-resumable-uploads>).

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use hushgate_gateway::ports::objects::{Facts, Head, ObjectBody, ObjectError, Put};
use hushgate_gateway::ports::{Random as _, SystemRandom};
use hushgate_host::objects::Parts;
use reqwest::Response;
use serde_json::{Value, json};

use super::{Bucket, CREATE, FIELDS};
use crate::rest::{Again, Failure, encoded, read_json};

/// Bytes of a part: a multiple of 256 KiB, as the service asks for.
const PART: usize = 4 << 20;
/// How often a part is taken up again.
const RESUMES: u32 = 3;
/// What the service answers to a part that is not the last one.
const GO_ON: u16 = 308;

impl Bucket {
    pub(super) async fn write(
        &self,
        key: &str,
        head: &Head,
        put: Put,
        body: ObjectBody,
    ) -> Result<Facts, ObjectError> {
        let mut body = Parts::of(body, PART);
        let (first, is_last) = body.next().await?;
        let answer = if is_last {
            self.write_small(key, head, put, first).await?
        } else {
            self.write_large(key, head, put, first, body).await?
        };
        self.read_facts(&answer, key)
    }

    fn upload_url(&self, kind: &str, key: &str, put: Put) -> String {
        let condition = match put {
            Put::Replace => "",
            Put::OnlyNew => "&ifGenerationMatch=0",
        };
        format!(
            "{}/upload/storage/v1/b/{}/o?uploadType={kind}&name={}&fields={FIELDS}{condition}",
            self.rest.base(),
            encoded(&self.name),
            encoded(key)
        )
    }

    async fn write_small(
        &self,
        key: &str,
        head: &Head,
        put: Put,
        content: Bytes,
    ) -> Result<Value, ObjectError> {
        let boundary = format!("part-{:032x}", SystemRandom.number());
        let described = description(head);
        let content_type = content_type(head);
        let mut whole = BytesMut::with_capacity(content.len() + 1024);
        for piece in [
            format!("--{boundary}\r\ncontent-type: application/json\r\n\r\n{described}\r\n")
                .as_bytes(),
            format!("--{boundary}\r\ncontent-type: {content_type}\r\n\r\n").as_bytes(),
            &content,
            format!("\r\n--{boundary}--\r\n").as_bytes(),
        ] {
            whole.extend_from_slice(piece);
        }
        let whole = whole.freeze();
        let url = self.upload_url("multipart", key, put);
        let kind = format!("multipart/related; boundary={boundary}");
        let sent = self
            .rest
            .send(Method::POST, &url, again(put), &[], |request| {
                request.header(CONTENT_TYPE, &kind).body(whole.clone())
            });
        let answer = sent.await.map_err(|f| self.unwritten(&f, key))?;
        read_json(answer).await.map_err(|f| self.unwritten(&f, key))
    }

    async fn write_large(
        &self,
        key: &str,
        head: &Head,
        put: Put,
        first: Bytes,
        mut body: Parts,
    ) -> Result<Value, ObjectError> {
        let session = self.begin(key, head, put).await?;
        let sending = async {
            let (mut at, mut part, mut is_last) = (0, first, false);
            loop {
                let end = at + part.len() as u64;
                let total = is_last.then_some(end);
                let answer = self.send_part(&session, part, at, total).await;
                let answer = answer.map_err(|f| self.unwritten(&f, key))?;
                if let Some(done) = answer {
                    return Ok(done);
                }
                at = end;
                (part, is_last) = body.next().await?;
            }
        };
        let sent = sending.await;
        if sent.is_err() {
            // Left alone, the session would end by itself after a week; it never becomes an object.
            let dropped = self
                .rest
                .send(Method::DELETE, &session, Again::Always, &[499], |r| {
                    r.header(CONTENT_LENGTH, 0)
                });
            let _ = dropped.await;
        }
        sent
    }

    /// Begins a session; gives its address.
    async fn begin(&self, key: &str, head: &Head, put: Put) -> Result<String, ObjectError> {
        let url = self.upload_url("resumable", key, put);
        let described = description(head).to_string();
        let sent = self
            .rest
            .send(Method::POST, &url, Again::Always, &[], |request| {
                request
                    .header(CONTENT_TYPE, "application/json")
                    .header("x-upload-content-type", content_type(head))
                    .body(described.clone())
            });
        let answer = sent.await.map_err(|f| self.unwritten(&f, key))?;
        let session = answer.headers().get(LOCATION).and_then(|l| l.to_str().ok());
        // The access token goes to the service and to nobody else.
        let ours = session.filter(|s| s.starts_with(&format!("{}/", self.rest.base())));
        ours.map(str::to_owned).ok_or_else(|| {
            let failure = Failure::Network("it gave no address of its own for the upload");
            self.unwritten(&failure, key)
        })
    }

    /// Sends one part, going on where the service has got to; gives the answer to the last part.
    async fn send_part(
        &self,
        session: &str,
        part: Bytes,
        from: u64,
        total: Option<u64>,
    ) -> Result<Option<Value>, Failure> {
        let end = from + part.len() as u64;
        let all = total.map_or("*".to_owned(), |t| t.to_string());
        let mut at = from;
        let mut failure = None;
        for attempt in 0..=RESUMES {
            if failure.is_some() {
                tokio::time::sleep(std::time::Duration::from_millis(200) * attempt).await;
                // What of the part arrived?
                let range = format!("bytes */{all}");
                let state = self
                    .put_bytes(session, &range, Bytes::new(), Again::Always)
                    .await?;
                if state.status() != GO_ON {
                    return read_json(state).await.map(Some);
                }
                at = reached(&state).unwrap_or(0);
                if at == end && total.is_none() {
                    return Ok(None);
                }
            }
            let skip = at.checked_sub(from).and_then(|n| usize::try_from(n).ok());
            let Some(rest) = skip.filter(|n| *n <= part.len()).map(|n| part.slice(n..)) else {
                return Err(Failure::Network("it lost bytes that it had taken"));
            };
            let range = match rest.len() {
                0 => format!("bytes */{all}"),
                _ => format!("bytes {at}-{}/{all}", end - 1),
            };
            match self.put_bytes(session, &range, rest, Again::Never).await {
                Ok(answer) if answer.status() != GO_ON => {
                    return read_json(answer).await.map(Some);
                }
                Ok(answer) if total.is_none() && reached(&answer) == Some(end) => return Ok(None),
                Ok(_) => failure = Some(Failure::Network("it took only some of the bytes")),
                Err(error) if error.is_lasting() => return Err(error),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or(Failure::Network("the upload did not end")))
    }

    async fn put_bytes(
        &self,
        session: &str,
        range: &str,
        bytes: Bytes,
        again: Again,
    ) -> Result<Response, Failure> {
        let fill = |request: reqwest::RequestBuilder| {
            request
                .header(CONTENT_RANGE, range)
                .header(CONTENT_LENGTH, bytes.len())
                .body(bytes.clone())
        };
        self.rest
            .send(Method::PUT, session, again, &[GO_ON], fill)
            .await
    }

    fn unwritten(&self, failure: &Failure, key: &str) -> ObjectError {
        if failure.status() == Some(412) {
            return ObjectError::Exists(key.to_owned());
        }
        self.error(failure, key, CREATE)
    }
}

/// Whether a request may be sent again whose fate is not known: a second "only if new" would be told of the
/// object that the first made.
fn again(put: Put) -> Again {
    match put {
        Put::Replace => Again::Always,
        Put::OnlyNew => Again::Undone,
    }
}

fn content_type(head: &Head) -> &str {
    head.content_type.as_deref().unwrap_or(super::UNTYPED)
}

fn description(head: &Head) -> Value {
    let mut described = json!({"contentType": content_type(head)});
    if let Some(encoding) = &head.content_encoding {
        described["contentEncoding"] = json!(encoding);
    }
    if !head.metadata.is_empty() {
        described["metadata"] = json!(head.metadata);
    }
    described
}

/// How many bytes the service has.
fn reached(answer: &Response) -> Option<u64> {
    let range = answer.headers().get(RANGE)?.to_str().ok()?;
    let (_, last) = range.rsplit_once('-')?;
    last.parse::<u64>().ok()?.checked_add(1)
}
