//! Reading an object as a stream that goes on where a connection broke.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use http::Method;
use hushgate_gateway::ports::objects::{Facts, Object, ObjectError};
use reqwest::Response;

use super::{Bucket, GET};
use crate::rest::{Again, Failure};

/// How often a stream that broke is taken up again without a byte in between.
const RESUMES: u32 = 3;

/// Opens an object.
pub(super) async fn open(bucket: Arc<Bucket>, key: &str) -> Result<Option<Object>, ObjectError> {
    // An object that is replaced between the two questions is asked about anew once.
    for last in [false, true] {
        let Some(facts) = bucket.facts(key).await? else {
            return Ok(None);
        };
        match bucket.content(key, &facts, 0).await {
            Ok(response) => {
                let reading = Reading {
                    bucket,
                    key: key.to_owned(),
                    facts: facts.clone(),
                    at: 0,
                    response: Some(response),
                    resumes: 0,
                };
                let body = Box::pin(stream::try_unfold(reading, Reading::next));
                return Ok(Some(Object { facts, body }));
            }
            Err(ObjectError::Changed(_)) if !last => {}
            Err(error) => return Err(error),
        }
    }
    Err(ObjectError::Changed(key.to_owned()))
}

struct Reading {
    bucket: Arc<Bucket>,
    key: String,
    facts: Facts,
    /// Bytes given so far.
    at: u64,
    response: Option<Response>,
    resumes: u32,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ObjectError> {
        loop {
            if self.at == self.facts.size {
                return Ok(None);
            }
            let mut response = match self.response.take() {
                Some(response) => response,
                None => self.bucket.content(&self.key, &self.facts, self.at).await?,
            };
            if let Ok(Some(bytes)) = response.chunk().await {
                let left = self.facts.size - self.at;
                if bytes.len() as u64 > left {
                    return Err(self.broken("more bytes came than the object has"));
                }
                self.at += bytes.len() as u64;
                self.response = Some(response);
                self.resumes = 0;
                return Ok(Some((bytes, self)));
            }
            self.resumes += 1;
            if self.resumes > RESUMES {
                return Err(self.broken("the connection broke"));
            }
        }
    }

    fn broken(&self, what: &'static str) -> ObjectError {
        self.bucket.error(&Failure::Network(what), &self.key, GET)
    }
}

impl Bucket {
    /// The content of the object that the facts are of, from a byte on.
    async fn content(&self, key: &str, facts: &Facts, from: u64) -> Result<Response, ObjectError> {
        let url = format!(
            "{}?alt=media&generation={}",
            self.object(key),
            facts.version
        );
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let answer = self
            .rest
            .send(Method::GET, &url, Again::Always, &[], |request| {
                // Without this, the service decodes what is stored with `gzip`.
                let request = request.header("accept-encoding", "gzip");
                match &range {
                    Some(range) => request.header("range", range),
                    None => request,
                }
            })
            .await;
        match answer {
            Ok(answer) if from > 0 && answer.status() != 206 => Err(self.error(
                &Failure::Network("the rest of the object was asked for, and all of it came"),
                key,
                GET,
            )),
            Ok(answer) => Ok(answer),
            Err(failure) if failure.status() == Some(404) && !failure.no_bucket() => {
                Err(ObjectError::Changed(key.to_owned()))
            }
            Err(failure) => Err(self.error(&failure, key, GET)),
        }
    }
}
