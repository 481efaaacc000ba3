//! Objects in Amazon S3: `s3://BUCKET`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::EncodingType;
use hushgate_gateway::ports::objects::{
    Facts, Head, Listed, Object, ObjectBody, ObjectError, Page, Put, check_head, check_key,
};
use hushgate_gateway::ports::{Objects, PortFuture};
use hushgate_host::config::Environment;
use tokio::sync::OnceCell;

use crate::client::{Account, Pace};
use crate::failure::{Failure, Kind, Target};

mod reading;
mod upload;

/// The types that the service gives an object of none.
const UNTYPED: [&str; 2] = ["application/octet-stream", "binary/octet-stream"];
/// Objects of a page.
const PAGE: i32 = 1000;

const GET: &str = "s3:GetObject";
const PUT: &str = "s3:PutObject";
const DELETE: &str = "s3:DeleteObject";
const LIST: &str = "s3:ListBucket";

/// The objects of one bucket.
#[derive(Debug, Clone)]
pub struct S3(Arc<Bucket>);

#[derive(Debug)]
struct Bucket {
    account: Arc<Account>,
    name: String,
    client: OnceCell<Client>,
}

impl S3 {
    /// The objects of this bucket. Nothing is called yet.
    ///
    /// # Errors
    /// What the environment lacks.
    pub fn open(bucket: &str, environment: &Environment) -> Result<Self, String> {
        Ok(Self(Arc::new(Bucket {
            account: Account::of(environment)?,
            name: bucket.to_owned(),
            client: OnceCell::new(),
        })))
    }
}

/// What the service says of an object, in the parts that the answers to all questions have.
struct Said<'a> {
    size: Option<i64>,
    version: Option<&'a str>,
    modified: Option<&'a DateTime>,
    content_type: Option<&'a str>,
    content_encoding: Option<&'a str>,
    metadata: Option<&'a std::collections::HashMap<String, String>>,
}

impl Said<'_> {
    fn facts(&self) -> Option<Facts> {
        let text = |said: Option<&str>| said.filter(|s| !s.is_empty()).map(str::to_owned);
        let metadata = self.metadata.into_iter().flatten();
        Some(Facts {
            size: u64::try_from(self.size?).ok()?,
            version: self.version?.to_owned(),
            modified: self.modified.and_then(|m| SystemTime::try_from(*m).ok()),
            head: Head {
                content_type: text(self.content_type).filter(|t| !UNTYPED.contains(&t.as_str())),
                content_encoding: text(self.content_encoding),
                metadata: metadata
                    .map(|(n, v)| (n.clone(), v.clone()))
                    .collect::<BTreeMap<_, _>>(),
            },
        })
    }
}

impl Bucket {
    async fn client(&self) -> Result<&Client, Failure> {
        let made = self.client.get_or_try_init(|| async {
            let config = self.account.config("S3", Pace::DATA).await?;
            Ok(Client::new(&config))
        });
        made.await
    }

    /// What a failure means; `key` is empty when it is about the bucket.
    fn error(&self, failure: &Failure, key: &str, action: &'static str) -> ObjectError {
        let name = format!("s3://{}/{key}", self.name);
        let resource = match key {
            "" => format!("arn:aws:s3:::{}", self.name),
            key => format!("arn:aws:s3:::{}/{key}", self.name),
        };
        let target = Target {
            action,
            name: &name,
            resource: &resource,
        };
        match failure.kind {
            Kind::Denied if action == GET => ObjectError::Denied {
                hint: format!(
                    "{}; without `{LIST}` on the bucket, S3 says this of objects that are not there, too",
                    failure.hint(target)
                ),
                name,
            },
            Kind::Denied
            | Kind::Key(_)
            | Kind::Credentials
            | Kind::NoCredentials
            | Kind::Region => ObjectError::Denied {
                hint: failure.hint(target),
                name,
            },
            Kind::NoPlace => ObjectError::NoBucket(self.name.clone()),
            _ => ObjectError::Unavailable(format!("S3, `{name}`: {}", failure.reason(target))),
        }
    }

    fn unclear(&self, key: &str, what: &str) -> ObjectError {
        ObjectError::Unavailable(format!("S3, `s3://{}/{key}`: {what}", self.name))
    }

    async fn facts(self: &Arc<Self>, key: &str) -> Result<Option<Facts>, ObjectError> {
        check_key(key)?;
        let failed = |failure: &Failure| self.error(failure, key, GET);
        let client = self.client().await.map_err(|f| failed(&f))?;
        let asked = client.head_object().bucket(&self.name).key(key);
        let answer = match asked.send().await {
            Ok(answer) => answer,
            Err(error) => {
                let failure = Failure::of(&error);
                if failure.kind != Kind::Missing {
                    return Err(failed(&failure));
                }
                // This answer has no body, so it does not tell a missing bucket from a missing object.
                let opened = reading::open(Arc::clone(self), key).await?;
                return Ok(opened.map(|object| object.facts));
            }
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
        let facts = facts.ok_or_else(|| self.unclear(key, "the answer tells no size or version"));
        facts.map(Some)
    }

    async fn remove(&self, key: &str) -> Result<(), ObjectError> {
        check_key(key)?;
        let failed = |failure: Failure| match failure.kind {
            Kind::Missing => Ok(()),
            _ => Err(self.error(&failure, key, DELETE)),
        };
        let client = match self.client().await {
            Ok(client) => client,
            Err(failure) => return failed(failure),
        };
        let removed = client.delete_object().bucket(&self.name).key(key).send();
        let removed = removed.await;
        removed.map_or_else(|e| failed(Failure::of(&e)), |_| Ok(()))
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, ObjectError> {
        let failed = |failure: &Failure| self.error(failure, "", LIST);
        let client = self.client().await.map_err(|f| failed(&f))?;
        let listed = client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(prefix)
            .max_keys(PAGE)
            // Keys that others wrote may have characters that XML can't hold.
            .encoding_type(EncodingType::Url)
            .set_continuation_token(after.map(str::to_owned))
            .send();
        let listed = listed.await.map_err(|e| failed(&Failure::of(&e)))?;
        let read = |object: &aws_sdk_s3::types::Object| {
            Some(Listed {
                key: decoded(object.key()?)?,
                size: u64::try_from(object.size()?).ok()?,
            })
        };
        let objects = listed.contents().iter().filter_map(read);
        // What consoles show as folders are empty objects whose names are no keys.
        let objects = objects.filter(|o| check_key(&o.key).is_ok());
        Ok(Page {
            objects: objects.collect(),
            more: listed.next_continuation_token,
        })
    }
}

/// A key of a list; none when it is no text.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

impl Objects for S3 {
    fn read<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<Option<Object>, ObjectError>> {
        Box::pin(async move {
            check_key(key)?;
            reading::open(Arc::clone(&self.0), key).await
        })
    }

    fn facts<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<Option<Facts>, ObjectError>> {
        Box::pin(self.0.facts(key))
    }

    fn write<'a>(
        &'a self,
        key: &'a str,
        head: &'a Head,
        put: Put,
        body: ObjectBody,
    ) -> PortFuture<'a, Result<Facts, ObjectError>> {
        Box::pin(async move {
            check_key(key)?;
            check_head(head)?;
            self.0.write(key, head, put, body).await
        })
    }

    fn list<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
    ) -> PortFuture<'a, Result<Page, ObjectError>> {
        Box::pin(self.0.list(prefix, after))
    }

    fn remove<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<(), ObjectError>> {
        Box::pin(self.0.remove(key))
    }
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn keys_of_lists_are_decoded() {
        for (given, expected) in [
            ("plain/key.json", Some("plain/key.json")),
            ("a+b%2Bc%20d", Some("a b+c d")),
            ("%C3%A4", Some("ä")),
            ("%c3%a4%2525", Some("ä%25")),
            ("%C3", None),
            ("%", None),
            ("%4", None),
            ("%zz", None),
        ] {
            assert_eq!(decoded(given).as_deref(), expected, "{given}");
        }
    }
}
