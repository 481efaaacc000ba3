//! Reading an object as a stream that goes on where a connection broke.

use std::sync::Arc;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ChecksumMode;
use bytes::Bytes;
use futures_util::stream;
use hushgate_gateway::ports::objects::{Facts, Object, ObjectError};

use super::{Bucket, GET, Said};
use crate::failure::{Failure, Kind};

/// How often a stream that broke is taken up again without a byte in between.
const RESUMES: u32 = 3;

/// Opens an object: one question, so that what is said of it and its content are of one state.
pub(super) async fn open(bucket: Arc<Bucket>, key: &str) -> Result<Option<Object>, ObjectError> {
    let Some(answer) = bucket.content(key, None).await? else {
        return Ok(None);
    };
    let said = Said {
        size: answer.content_length(),
        version: answer.e_tag(),
        modified: answer.last_modified(),
        content_type: answer.content_type(),
        content_encoding: answer.content_encoding(),
        metadata: answer.metadata(),
    };
    let facts = said.facts();
    let facts = facts.ok_or_else(|| bucket.unclear(key, "the answer tells no size or version"))?;
    let reading = Reading {
        bucket,
        key: key.to_owned(),
        facts: facts.clone(),
        at: 0,
        content: Some(answer.body),
        resumes: 0,
    };
    let body = Box::pin(stream::try_unfold(reading, Reading::next));
    Ok(Some(Object { facts, body }))
}

struct Reading {
    bucket: Arc<Bucket>,
    key: String,
    facts: Facts,
    /// Bytes given so far.
    at: u64,
    content: Option<ByteStream>,
    resumes: u32,
}

impl Reading {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, ObjectError> {
        loop {
            let mut content = match self.content.take() {
                Some(content) => content,
                None => self.rest().await?,
            };
            let piece = content.try_next().await;
            if let Ok(Some(bytes)) = piece {
                self.at += bytes.len() as u64;
                if self.at > self.facts.size {
                    return Err(self.broken("more bytes came than the object has"));
                }
                self.content = Some(content);
                self.resumes = 0;
                return Ok(Some((bytes, self)));
            }
            if self.at == self.facts.size {
                // The checksum is compared after the last byte.
                let whole = piece.map(|_| None);
                return whole.map_err(|_| self.broken("the content is not what was stored"));
            }
            self.resumes += 1;
            if self.resumes > RESUMES {
                return Err(self.broken("the connection broke"));
            }
        }
    }

    /// What was not given yet, of the same object.
    async fn rest(&self) -> Result<ByteStream, ObjectError> {
        let answer = self.bucket.content(&self.key, Some((&self.facts, self.at)));
        let answer = answer.await?;
        let answer = answer.ok_or_else(|| ObjectError::Changed(self.key.clone()))?;
        let from = format!("bytes {}-", self.at);
        if answer
            .content_range()
            .is_none_or(|range| !range.starts_with(&from))
        {
            return Err(self.broken("the rest of the object was asked for, and another part came"));
        }
        Ok(answer.body)
    }

    fn broken(&self, what: &str) -> ObjectError {
        self.bucket.unclear(&self.key, what)
    }
}

impl Bucket {
    /// The content of an object, or of the one that facts are of, from a byte on; none when there is none.
    async fn content(
        &self,
        key: &str,
        from: Option<(&Facts, u64)>,
    ) -> Result<Option<GetObjectOutput>, ObjectError> {
        let failed = |failure: &Failure| self.error(failure, key, GET);
        let client = self.client().await.map_err(|f| failed(&f))?;
        let mut asked = client.get_object().bucket(&self.name).key(key);
        asked = match from {
            None => asked.checksum_mode(ChecksumMode::Enabled),
            Some((facts, at)) => asked.if_match(&facts.version).range(format!("bytes={at}-")),
        };
        match asked.send().await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) => match Failure::of(&error) {
                failure if failure.kind == Kind::Missing => Ok(None),
                failure if from.is_some() && failure.status == Some(412) => {
                    Err(ObjectError::Changed(key.to_owned()))
                }
                failure => Err(failed(&failure)),
            },
        }
    }
}
