//! Writing an object: in one request when it is small, else in parts that become an object together
//! (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>).

use std::time::Duration;

use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hushgate_gateway::ports::objects::{Facts, Head, ObjectBody, ObjectError, Put};
use hushgate_host::objects::Parts;
use tokio::runtime::Handle;

use super::{Bucket, PUT, UNTYPED};
use crate::failure::{Failure, Kind};

/// Bytes of a part; the service takes no fewer than 5 MiB, but for the last one.
const PART: usize = 8 << 20;
/// Most parts of an object.
const MOST_PARTS: i32 = 10_000;
/// Most bytes of an object that is written here.
const LARGEST: u64 = PART as u64 * MOST_PARTS as u64;
/// The time of one attempt to complete an upload.
const COMPLETION: Duration = Duration::from_mins(10);
/// The pauses before a request of "only if new" is sent again that surely did nothing.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];

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
        let client = self.client().await;
        let client = client.map_err(|failure| self.unwritten(&failure, key))?;
        let (size, version) = if is_last {
            let size = first.len() as u64;
            let written = put_whole(self, client, key, head, put, first).await;
            let version = written.map_err(|failure| self.unwritten(&failure, key))?;
            (size, version)
        } else {
            self.write_large(client, key, head, put, first, body)
                .await?
        };
        Ok(Facts {
            size,
            version,
            modified: None,
            head: head.clone(),
        })
    }

    async fn write_large(
        &self,
        client: &Client,
        key: &str,
        head: &Head,
        put: Put,
        first: Bytes,
        mut body: Parts,
    ) -> Result<(u64, String), ObjectError> {
        let unwritten = |failure: Failure| self.unwritten(&failure, key);
        let upload = Upload::begin(self, client, key, head).await;
        let mut upload = upload.map_err(unwritten)?;
        let sending = async {
            let (mut part, mut is_last) = (first, false);
            loop {
                if upload.size + part.len() as u64 > LARGEST {
                    return Err(ObjectError::TooLarge {
                        name: key.to_owned(),
                        most: LARGEST,
                    });
                }
                upload.send(part).await.map_err(unwritten)?;
                if is_last {
                    return upload.complete(put).await.map_err(unwritten);
                }
                (part, is_last) = body.next().await?;
            }
        };
        let sent = sending.await;
        if sent.is_err() {
            upload.abort().await;
        }
        Ok((upload.size, sent?))
    }

    fn unwritten(&self, failure: &Failure, key: &str) -> ObjectError {
        if failure.kind == Kind::Exists {
            return ObjectError::Exists(key.to_owned());
        }
        self.error(failure, key, PUT)
    }
}

/// Writes an object in one request; gives its version.
async fn put_whole(
    bucket: &Bucket,
    client: &Client,
    key: &str,
    head: &Head,
    put: Put,
    content: Bytes,
) -> Result<String, Failure> {
    let mut pauses = pauses(put);
    loop {
        let request = client
            .put_object()
            .bucket(&bucket.name)
            .key(key)
            .content_type(content_type(head))
            .set_content_encoding(head.content_encoding.clone())
            .set_metadata(Some(head.metadata.clone().into_iter().collect()))
            .set_if_none_match(condition(put))
            .body(ByteStream::from(content.clone()));
        let sent = match put {
            Put::Replace => request.send().await,
            Put::OnlyNew => request.customize().config_override(once()).send().await,
        };
        match (sent.map_err(|e| Failure::of(&e)), pauses.next()) {
            (Ok(answer), _) => return Ok(answer.e_tag.unwrap_or_default()),
            (Err(failure), Some(pause)) if did_nothing(&failure) => {
                tokio::time::sleep(*pause).await;
            }
            (Err(failure), _) => return Err(failure),
        }
    }
}

/// When a request is sent again beside what the SDK does. One of "only if new" is sent again only if it
/// surely did nothing before: after an answer that was lost, it would be told of the object that it
/// made itself.
fn pauses(put: Put) -> std::slice::Iter<'static, Duration> {
    match put {
        Put::Replace => [].iter(),
        Put::OnlyNew => PAUSES.iter(),
    }
}

fn did_nothing(failure: &Failure) -> bool {
    failure.kind == Kind::Throttled || failure.code == "ConditionalRequestConflict"
}

fn once() -> Builder {
    Builder::new().retry_config(RetryConfig::disabled())
}

/// How an upload is completed: the service may take minutes for it, in which it sends white space now and
/// then.
fn completing(put: Put) -> Builder {
    let times = TimeoutConfig::builder().operation_attempt_timeout(COMPLETION);
    let config = Builder::new()
        .timeout_config(times.build())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    match put {
        Put::Replace => config,
        Put::OnlyNew => config.retry_config(RetryConfig::disabled()),
    }
}

fn condition(put: Put) -> Option<String> {
    (put == Put::OnlyNew).then(|| "*".to_owned())
}

fn content_type(head: &Head) -> &str {
    head.content_type.as_deref().unwrap_or(UNTYPED[0])
}

/// Whether an upload may be completed for all its failure tells: its answer was lost, or it tells that the
/// upload is over.
fn may_be_done(failure: &Failure) -> bool {
    let lost = [Kind::Timeout, Kind::Unreachable, Kind::Broken];
    lost.contains(&failure.kind) || failure.code == "NoSuchUpload"
}

/// The checksum of an object of these parts, as the service tells it; none when a part has none.
fn of_parts(parts: &[CompletedPart]) -> Option<String> {
    let mut whole = crc32fast::Hasher::new();
    for part in parts {
        whole.update(&STANDARD.decode(part.checksum_crc32()?).ok()?);
    }
    let whole = STANDARD.encode(whole.finalize().to_be_bytes());
    Some(format!("{whole}-{}", parts.len()))
}

/// Parts that become an object when they are completed, and else are dropped.
struct Upload {
    client: Client,
    bucket: String,
    key: String,
    id: String,
    parts: Vec<CompletedPart>,
    size: u64,
    is_open: bool,
}

impl Upload {
    async fn begin(
        bucket: &Bucket,
        client: &Client,
        key: &str,
        head: &Head,
    ) -> Result<Self, Failure> {
        let begun = client
            .create_multipart_upload()
            .bucket(&bucket.name)
            .key(key)
            .content_type(content_type(head))
            .set_content_encoding(head.content_encoding.clone())
            .set_metadata(Some(head.metadata.clone().into_iter().collect()))
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .send();
        let begun = begun.await.map_err(|e| Failure::of(&e))?;
        Ok(Self {
            client: client.clone(),
            bucket: bucket.name.clone(),
            key: key.to_owned(),
            id: begun.upload_id.unwrap_or_default(),
            parts: Vec::new(),
            size: 0,
            is_open: true,
        })
    }

    async fn send(&mut self, part: Bytes) -> Result<(), Failure> {
        let length = part.len() as u64;
        let number = i32::try_from(self.parts.len() + 1).unwrap_or(i32::MAX);
        let sent = self
            .client
            .upload_part()
            .bucket(&self.bucket)
            .key(&self.key)
            .upload_id(&self.id)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(ByteStream::from(part))
            .send();
        let sent = sent.await.map_err(|e| Failure::of(&e))?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(sent.e_tag)
            .set_checksum_crc32(sent.checksum_crc32);
        self.parts.push(part.build());
        self.size += length;
        Ok(())
    }

    /// Makes the object; gives its version.
    async fn complete(&mut self, put: Put) -> Result<String, Failure> {
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone()));
        let parts = parts.build();
        let mut pauses = pauses(put);
        loop {
            let request = self
                .client
                .complete_multipart_upload()
                .bucket(&self.bucket)
                .key(&self.key)
                .upload_id(&self.id)
                .set_if_none_match(condition(put))
                .multipart_upload(parts.clone());
            let sent = request.customize().config_override(completing(put));
            let sent = sent.send().await;
            match (sent.map_err(|e| Failure::of(&e)), pauses.next()) {
                (Ok(answer), _) => {
                    self.is_open = false;
                    return Ok(answer.e_tag.unwrap_or_default());
                }
                (Err(failure), Some(pause)) if did_nothing(&failure) => {
                    tokio::time::sleep(*pause).await;
                }
                (Err(failure), _) => {
                    let made = if may_be_done(&failure) {
                        self.made().await
                    } else {
                        None
                    };
                    self.is_open = made.is_none();
                    return made.ok_or(failure);
                }
            }
        }
    }

    /// The version of the object, if it is the one that these parts make: its checksum is that of the
    /// checksums of the parts
    /// (<https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html>). None
    /// too when that can't be told, as without the permission to read.
    async fn made(&self) -> Option<String> {
        let expected = of_parts(&self.parts)?;
        let asked = self.client.head_object();
        let asked = asked.bucket(&self.bucket).key(&self.key);
        let answer = asked.checksum_mode(ChecksumMode::Enabled).send().await;
        let answer = answer.ok()?;
        let size = answer.content_length().and_then(|s| u64::try_from(s).ok());
        let is_ours = size == Some(self.size) && answer.checksum_crc32() == Some(&expected);
        is_ours.then(|| answer.e_tag.unwrap_or_default())
    }

    /// Drops the parts. What is left when that fails never becomes an object, but costs until the
    /// bucket's life cycle ends it.
    async fn abort(&mut self) {
        self.is_open = false;
        let request = self.client.abort_multipart_upload();
        let request = request.bucket(&self.bucket).key(&self.key);
        if let Err(error) = request.upload_id(&self.id).send().await {
            let failure = Failure::of(&error);
            tracing::warn!(
                kind = ?failure.kind,
                code = failure.code,
                "the parts of an object that was not written are left; \
                 `s3:AbortMultipartUpload` lets the function remove them"
            );
        }
    }
}

impl Drop for Upload {
    /// Whoever waited for the object went away.
    fn drop(&mut self) {
        if !self.is_open {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            let mut left = Self {
                client: self.client.clone(),
                bucket: std::mem::take(&mut self.bucket),
                key: std::mem::take(&mut self.key),
                id: std::mem::take(&mut self.id),
                parts: Vec::new(),
                size: 0,
                is_open: false,
            };
            runtime.spawn(async move { left.abort().await });
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;

    use super::*;

    #[test]
    fn completing_an_upload_may_take_minutes() {
        for put in [Put::Replace, Put::OnlyNew] {
            let config = completing(put).behavior_version(BehaviorVersion::latest());
            let config = config.build();
            let times = config
                .timeout_config()
                .and_then(TimeoutConfig::operation_attempt_timeout);
            assert!(times >= Some(Duration::from_mins(10)), "{put:?} {times:?}");
        }
    }

    #[test]
    fn an_object_is_known_by_the_checksums_of_its_parts() {
        let part = |sum: Option<&str>| {
            let part = CompletedPart::builder().set_checksum_crc32(sum.map(str::to_owned));
            part.build()
        };
        // Of `a` and of `b`.
        let parts = [part(Some("6Le+Qw==")), part(Some("cb7v+Q=="))];
        let all: Vec<u8> = [0xe8_b7_be_43_u32, 0x71_be_ef_f9]
            .map(u32::to_be_bytes)
            .concat();
        let expected = STANDARD.encode(crc32fast::hash(&all).to_be_bytes());
        assert_eq!(of_parts(&parts), Some(format!("{expected}-2")));
        assert_eq!(of_parts(&[part(Some("6Le+Qw==")), part(None)]), None);
    }
}
