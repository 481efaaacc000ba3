//! Reading a document where a variable says it is: the access policy, or rules.

use std::time::Duration;

use hushgate_gateway::ports::objects::{ObjectError, read_whole};
use hushgate_gateway::ports::{SecretStore, StoreError};

use crate::cloud::{Clouds, ObjectAt};
use crate::config::{DocumentAt, Environment, LARGEST, TextError, unpack};
use crate::start::{StartCode, StartError};

/// The longest that an object is waited for: a start on AWS Lambda is ended after ten seconds, and what
/// is wrong is to be told before.
const LONGEST: Duration = Duration::from_secs(8);

/// What documents are read with.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    /// The secret store.
    pub(crate) store: &'a dyn SecretStore,
    /// What opens buckets.
    pub(crate) clouds: Clouds,
    /// What it is opened with.
    pub(crate) environment: &'a Environment,
}

impl Reader<'_> {
    /// The text of a document and its name for messages. What is missing or can't be read is an
    /// error: nothing stands in for it.
    pub(crate) async fn read(
        self,
        at: &DocumentAt,
        packed: bool,
    ) -> Result<(String, String), String> {
        let read = match at {
            DocumentAt::Text(given) => {
                let read = if packed {
                    given.read_packed()
                } else {
                    given.read_plain()
                };
                let read = read.map_err(|e| StartError::new(unread(&e), e.to_string()));
                read.map(|text| (text, given.name().to_owned()))
            }
            DocumentAt::Store(name) => self.entry(name).await,
            DocumentAt::Object(at) => {
                // Whatever is wrong with the configuration says so itself.
                let objects = self.clouds.objects(&at.bucket, self.environment)?;
                let found = read_whole(objects.as_ref(), &at.key, LARGEST);
                object(at, tokio::time::timeout(LONGEST, found).await.ok())
            }
        };
        read.map_err(|e| e.to_string())
    }

    async fn entry(self, name: &str) -> Result<(String, String), StartError> {
        let found = self.store.read_newest(name).await;
        let found = found.map_err(|e| {
            let code = match e {
                StoreError::Denied { .. } => StartCode::DocumentDenied,
                StoreError::Unfit { .. } => StartCode::DocumentUnreadable,
                _ => StartCode::DocumentUnavailable,
            };
            StartError::new(code, e.to_string())
        })?;
        let secret = found.ok_or_else(|| {
            let words = format!(
                "there is no {}; check this name, and the place that HUSHGATE_SECRETS names",
                self.store.absent_name(name)
            );
            StartError::new(StartCode::DocumentMissing, words)
        })?;
        let whole = self.store.whole_name(name);
        let text = unpack(secret.reveal().as_bytes());
        let text = text.map_err(|e| StartError::new(unread(&e), format!("{whole}: {e}")))?;
        Ok((text, format!("store:{name}")))
    }
}

/// The text of an object that was read; none: it did not come in time.
fn object(
    at: &ObjectAt,
    found: Option<Result<Option<Vec<u8>>, ObjectError>>,
) -> Result<(String, String), StartError> {
    let found = found.ok_or_else(|| {
        let words = format!(
            "the object `{at}` did not come within {} seconds; check that the network lets this \
             function reach the bucket's service",
            LONGEST.as_secs()
        );
        StartError::new(StartCode::DocumentUnavailable, words)
    })?;
    let found = found.map_err(|e| {
        let code = match e {
            ObjectError::Denied { .. } => StartCode::DocumentDenied,
            ObjectError::NoBucket(_) => StartCode::DocumentMissing,
            ObjectError::TooLarge { .. } => StartCode::DocumentTooLarge,
            _ => StartCode::DocumentUnavailable,
        };
        let words = match e {
            ObjectError::TooLarge { most, .. } => {
                format!("the object `{at}` has more than {most} bytes")
            }
            e => format!("the object `{at}` can't be read: {e}"),
        };
        StartError::new(code, words)
    })?;
    let bytes = found.ok_or_else(|| {
        StartError::new(
            StartCode::DocumentMissing,
            format!("there is no object `{at}`"),
        )
    })?;
    let text = unpack(&bytes)
        .map_err(|e| StartError::new(unread(&e), format!("the object `{at}`: {e}")))?;
    Ok((text, at.to_string()))
}

fn unread(error: &TextError) -> StartCode {
    match error {
        TextError::TooLarge => StartCode::DocumentTooLarge,
        TextError::File(_) | TextError::Packed(_) | TextError::NotText => {
            StartCode::DocumentUnreadable
        }
    }
}
