//! Objects in Google Cloud Storage, over its JSON interface
//! (<https://cloud.google.com/storage/docs/json_api>).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use google_cloud_wkt::Timestamp;
use http::Method;
use hushgate_gateway::ports::objects::{
    Facts, Head, Listed, Object, ObjectBody, ObjectError, Page, Put, check_head, check_key,
};
use hushgate_gateway::ports::{Objects, PortFuture};
use hushgate_host::config::Environment;
use serde_json::Value;

use crate::reach::Reach;
use crate::rest::{Again, Failure, Rest, encoded};

mod reading;
mod upload;

/// Names an emulator of Cloud Storage.
const EMULATOR: &str = "STORAGE_EMULATOR_HOST";
/// What is asked for of an object.
const FIELDS: &str = "size,generation,updated,contentType,contentEncoding,metadata";
/// The type that the service gives an object of none.
const UNTYPED: &str = "application/octet-stream";
/// Objects of a page.
const PAGE: usize = 1000;

const GET: &str = "`storage.objects.get` on the bucket, as with the role Storage Object Viewer";
const LIST: &str = "`storage.objects.list` on the bucket, as with the role Storage Object Viewer";
const DELETE: &str = "`storage.objects.delete` on the bucket, as with the role Storage Object User";
const CREATE: &str = "`storage.objects.create` on the bucket, and `storage.objects.delete` to replace an object, as with the \
     role Storage Object User";

/// The objects of one bucket.
#[derive(Debug, Clone)]
pub struct CloudStorage(Arc<Bucket>);

#[derive(Debug)]
struct Bucket {
    rest: Rest,
    name: String,
}

impl CloudStorage {
    /// The objects of this bucket. Nothing is called yet.
    ///
    /// # Errors
    /// When the environment names an emulator where none may be.
    pub fn open(bucket: &str, environment: &Environment) -> Result<Self, String> {
        let reach = Reach::of(environment, EMULATOR)?;
        Ok(Self(Arc::new(Bucket {
            rest: Rest::new(reach, "storage"),
            name: bucket.to_owned(),
        })))
    }
}

impl Bucket {
    /// The URL of the bucket's objects.
    fn objects(&self) -> String {
        format!(
            "{}/storage/v1/b/{}/o",
            self.rest.base(),
            encoded(&self.name)
        )
    }

    fn object(&self, key: &str) -> String {
        format!("{}/{}", self.objects(), encoded(key))
    }

    /// What a failure means; `key` is empty when it is about the bucket.
    fn error(&self, failure: &Failure, key: &str, need: &str) -> ObjectError {
        let name = format!("gs://{}/{key}", self.name);
        if let Some(hint) = failure.refusal("storage", need) {
            return ObjectError::Denied { name, hint };
        }
        if failure.no_bucket() || failure.status() == Some(404) {
            return ObjectError::NoBucket(self.name.clone());
        }
        ObjectError::Unavailable(format!("Cloud Storage, `{name}`: {}", failure.words()))
    }

    async fn facts(&self, key: &str) -> Result<Option<Facts>, ObjectError> {
        check_key(key)?;
        let url = format!("{}?fields={FIELDS}", self.object(key));
        match self.rest.json(Method::GET, &url, Again::Always, None).await {
            Ok(answer) => Ok(Some(self.read_facts(&answer, key)?)),
            Err(failure) if failure.status() == Some(404) && !failure.no_bucket() => Ok(None),
            Err(failure) => Err(self.error(&failure, key, GET)),
        }
    }

    fn read_facts(&self, answer: &Value, key: &str) -> Result<Facts, ObjectError> {
        let text = |name: &str| answer[name].as_str();
        let facts = || {
            let metadata = answer["metadata"].as_object();
            let pairs = metadata.into_iter().flatten();
            let metadata = pairs.filter_map(|(n, v)| Some((n.clone(), v.as_str()?.to_owned())));
            Some(Facts {
                size: text("size")?.parse().ok()?,
                version: text("generation")?.to_owned(),
                modified: text("updated").and_then(moment),
                head: Head {
                    content_type: text("contentType")
                        .filter(|t| *t != UNTYPED)
                        .map(str::to_owned),
                    content_encoding: text("contentEncoding")
                        .filter(|e| !e.is_empty())
                        .map(str::to_owned),
                    metadata: metadata.collect::<BTreeMap<_, _>>(),
                },
            })
        };
        facts().ok_or_else(|| {
            let name = format!("gs://{}/{key}", self.name);
            ObjectError::Unavailable(format!("Cloud Storage, `{name}`: the answer tells no size"))
        })
    }

    async fn remove(&self, key: &str) -> Result<(), ObjectError> {
        check_key(key)?;
        let url = self.object(key);
        let removed = self.rest.json(Method::DELETE, &url, Again::Always, None);
        match removed.await {
            Ok(_) => Ok(()),
            Err(failure) if failure.status() == Some(404) && !failure.no_bucket() => Ok(()),
            Err(failure) => Err(self.error(&failure, key, DELETE)),
        }
    }

    async fn list(&self, prefix: &str, after: Option<&str>) -> Result<Page, ObjectError> {
        let mut url = format!(
            "{}?prefix={}&maxResults={PAGE}&fields=items(name,size),nextPageToken",
            self.objects(),
            encoded(prefix)
        );
        if let Some(after) = after {
            url.push_str("&pageToken=");
            url.push_str(&encoded(after));
        }
        let listed = self.rest.json(Method::GET, &url, Again::Always, None).await;
        let listed = listed.map_err(|failure| self.error(&failure, "", LIST))?;
        let items = listed["items"].as_array();
        let items = items.into_iter().flatten();
        let read = |item: &Value| {
            Some(Listed {
                key: item["name"].as_str()?.to_owned(),
                size: item["size"].as_str()?.parse().ok()?,
            })
        };
        // What consoles show as folders are empty objects whose names are no keys.
        let objects = items.filter_map(read).filter(|o| check_key(&o.key).is_ok());
        Ok(Page {
            objects: objects.collect(),
            more: listed["nextPageToken"].as_str().map(str::to_owned),
        })
    }
}

fn moment(text: &str) -> Option<SystemTime> {
    let stamp: Timestamp = serde_json::from_value(Value::from(text)).ok()?;
    SystemTime::try_from(stamp).ok()
}

impl Objects for CloudStorage {
    fn read<'a>(&'a self, key: &'a str) -> PortFuture<'a, Result<Option<Object>, ObjectError>> {
        Box::pin(reading::open(Arc::clone(&self.0), key))
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
