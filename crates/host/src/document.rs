//! Reading a document where a variable says it is: the access policy, or rules.

use std::time::Duration;

use hushgate_gateway::ports::SecretStore;
use hushgate_gateway::ports::objects::read_whole;

use crate::cloud::{Clouds, ObjectAt};
use crate::config::{DocumentAt, Environment, LARGEST, TextError, unpack};

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
        match at {
            DocumentAt::Text(given) if packed => text(given.read_packed(), given.name()),
            DocumentAt::Text(given) => text(given.read_plain(), given.name()),
            DocumentAt::Store(name) => {
                let found = self.store.read_newest(name).await;
                let secret = found
                    .map_err(|e| e.to_string())?
                    .ok_or_else(|| {
                        format!(
                            "there is no {}; check this name, and the place that HUSHGATE_SECRETS names",
                            self.store.absent_name(name)
                        )
                    })?;
                text(unpack(secret.reveal().as_bytes()), &format!("store:{name}"))
            }
            DocumentAt::Object(at) => self.object(at).await,
        }
    }

    async fn object(self, at: &ObjectAt) -> Result<(String, String), String> {
        let objects = self.clouds.objects(&at.bucket, self.environment)?;
        let found = read_whole(objects.as_ref(), &at.key, LARGEST);
        let found = tokio::time::timeout(LONGEST, found).await;
        let bytes = found
            .map_err(|_| {
                format!(
                    "the object `{at}` did not come within {} seconds; check that the network lets this \
                     function reach the bucket's service",
                    LONGEST.as_secs()
                )
            })?
            .map_err(|e| e.to_string())?
            .ok_or_else(|| format!("there is no object `{}` in the bucket", at.key))?;
        text(unpack(&bytes), &at.key)
    }
}

fn text(read: Result<String, TextError>, name: &str) -> Result<(String, String), String> {
    read.map(|text| (text, name.to_owned()))
        .map_err(|e| e.to_string())
}
