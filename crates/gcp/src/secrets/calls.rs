//! The calls to Secret Manager, with Google's client.

use std::collections::HashMap;

use bytes::Bytes;
use google_cloud_gax::options::RequestOptionsBuilder as _;
use google_cloud_secretmanager_v1::client::SecretManagerService;
use google_cloud_secretmanager_v1::model::replication::Automatic;
use google_cloud_secretmanager_v1::model::secret_version::State;
use google_cloud_secretmanager_v1::model::{Replication, Secret as Container, SecretPayload};
use google_cloud_wkt::FieldMask;
use hushgate_gateway::ports::{Secret, StoreError};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::fault::{ACCESS, ADD, CREATE, DELETE, DESTROY, Fault, GET, LIST, UPDATE, VERSIONS};
use crate::reach::{ATTEMPT, Patience, Reach, pauses};

/// Entries of a page; few pages even for many connections.
const PAGE: i32 = 250;
/// What a version holds that says that there is no value any more. A version can't be empty, and
/// to delete a secret and create it again takes permissions that a function must not have.
const REMOVED: &[u8] = b"hushgate: removed\n";

/// Secret Manager for one project. The client is made at the first call.
#[derive(Debug)]
pub(super) struct Calls {
    reach: Reach,
    project: String,
    client: OnceCell<SecretManagerService>,
}

/// A version that was read.
#[derive(Debug, Clone)]
pub(super) struct Version {
    /// From 1 upward, without gaps.
    pub(super) number: i64,
    /// Its content; none when it says that there is no value.
    pub(super) value: Option<Secret>,
}

/// What is said of a secret beside its versions.
#[derive(Debug, Clone, Default)]
pub(super) struct Described {
    /// Changes with every change of the annotations.
    pub(super) etag: String,
    pub(super) annotations: HashMap<String, String>,
}

impl Calls {
    pub(super) fn new(reach: Reach, project: String) -> Self {
        Self {
            reach,
            project,
            client: OnceCell::new(),
        }
    }

    /// The full name of a secret.
    pub(super) fn full(&self, id: &str) -> String {
        format!("projects/{}/secrets/{id}", self.project)
    }

    async fn client(&self, about: &str) -> Result<&SecretManagerService, Fault> {
        let made = self.client.get_or_try_init(|| async {
            let credentials = self.reach.credentials();
            let mut builder = SecretManagerService::builder()
                .with_credentials(credentials)
                .with_retry_policy(Patience)
                .with_backoff_policy(pauses())
                .with_attempt_timeout(ATTEMPT);
            if let Some(emulator) = self.reach.emulator() {
                builder = builder.with_endpoint(emulator);
            }
            let built = builder.build().await;
            built.map_err(|_| "the client of Secret Manager can't be made; check GOOGLE_CLOUD_UNIVERSE_DOMAIN")
        });
        made.await.map_err(|hint: &str| {
            Fault::Store(StoreError::Denied {
                name: about.to_owned(),
                hint: hint.to_owned(),
            })
        })
    }

    /// Reads one version, by its number or `latest`.
    pub(super) async fn access(&self, id: &str, version: &str) -> Result<Version, Fault> {
        let name = self.full(id);
        let client = self.client(&name).await?;
        let call = client
            .access_secret_version()
            .set_name(format!("{name}/versions/{version}"));
        let read = call
            .send()
            .await
            .map_err(|e| Fault::of(&e, &name, ACCESS))?;
        let foreign = |what: &str| {
            Fault::Store(StoreError::Unavailable(format!(
                "Secret Manager, `{name}`: {what}"
            )))
        };
        let number = number_of(&read.name).ok_or_else(|| foreign("its answer names no version"))?;
        let data = read.payload.map(|payload| payload.data).unwrap_or_default();
        let data = Zeroizing::new(Vec::from(data));
        if data.as_slice() == REMOVED {
            let value = None;
            return Ok(Version { number, value });
        }
        let text = std::str::from_utf8(&data).map_err(|_| {
            let reason = format!("its version {number} is not UTF-8 text");
            Fault::Store(StoreError::Unfit { name, reason })
        })?;
        let value = Some(Secret::new(text));
        Ok(Version { number, value })
    }

    /// Adds a version, or one that says that there is no value; gives its number.
    pub(super) async fn add(&self, id: &str, value: Option<&Secret>) -> Result<i64, Fault> {
        let name = self.full(id);
        let data = value.map_or(Bytes::from_static(REMOVED), |value| {
            Bytes::copy_from_slice(value.reveal().as_bytes())
        });
        let client = self.client(&name).await?;
        let call = client
            .add_secret_version()
            .set_parent(&name)
            .set_payload(SecretPayload::new().set_data(data))
            .with_idempotency(true);
        let added = call.send().await.map_err(|e| Fault::of(&e, &name, ADD))?;
        number_of(&added.name).ok_or_else(|| {
            Fault::Store(StoreError::Unavailable(format!(
                "Secret Manager, `{name}`: its answer names no version"
            )))
        })
    }

    /// The newest versions first, at least `least` if there are so many: their numbers, and whether their
    /// content is still there.
    pub(super) async fn versions(&self, id: &str, least: usize) -> Result<Vec<(i64, bool)>, Fault> {
        let name = self.full(id);
        let client = self.client(&name).await?;
        let mut versions = Vec::new();
        let mut page = String::new();
        loop {
            let call = client
                .list_secret_versions()
                .set_parent(&name)
                .set_page_size(i32::try_from(least).unwrap_or(PAGE))
                .set_page_token(page);
            let listed = call.send().await;
            let listed = listed.map_err(|e| Fault::of(&e, &name, VERSIONS))?;
            let found = listed.versions.iter();
            let found =
                found.filter_map(|v| Some((number_of(&v.name)?, v.state != State::Destroyed)));
            versions.extend(found);
            if listed.next_page_token.is_empty() || versions.len() >= least {
                versions.sort_unstable_by_key(|(number, _)| std::cmp::Reverse(*number));
                return Ok(versions);
            }
            page = listed.next_page_token;
        }
    }

    /// Destroys the content of a version. Fine when it is gone.
    pub(super) async fn destroy(&self, id: &str, version: i64) -> Result<(), Fault> {
        let name = self.full(id);
        let client = self.client(&name).await?;
        let call = client
            .destroy_secret_version()
            .set_name(format!("{name}/versions/{version}"));
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => match Fault::of(&error, &name, DESTROY) {
                Fault::Missing | Fault::State => Ok(()),
                fault => Err(fault),
            },
        }
    }

    /// What is said of a secret.
    pub(super) async fn described(&self, id: &str) -> Result<Described, Fault> {
        let name = self.full(id);
        let client = self.client(&name).await?;
        let got = client.get_secret().set_name(&name).send().await;
        let got = got.map_err(|e| Fault::of(&e, &name, GET))?;
        Ok(Described {
            etag: got.etag,
            annotations: got.annotations,
        })
    }

    /// Replaces the annotations if the secret is still as it was read, else [`Fault::State`].
    pub(super) async fn annotate(&self, id: &str, described: Described) -> Result<(), Fault> {
        let name = self.full(id);
        let client = self.client(&name).await?;
        // Without a tag, the service would not compare.
        if described.etag.is_empty() {
            return Err(Fault::Store(StoreError::NoLocks));
        }
        let container = Container::new()
            .set_name(&name)
            .set_etag(described.etag)
            .set_annotations(described.annotations);
        let call = client
            .update_secret()
            .set_secret(container)
            .set_update_mask(FieldMask::default().set_paths(["annotations"]));
        call.send()
            .await
            .map_err(|e| Fault::of(&e, &name, UPDATE))?;
        Ok(())
    }

    /// Creates a secret without a version.
    pub(super) async fn create(
        &self,
        id: &str,
        annotations: HashMap<String, String>,
    ) -> Result<(), Fault> {
        let name = self.full(id);
        let client = self.client(&name).await?;
        let replication = Replication::new().set_automatic(Automatic::new());
        let container = Container::new()
            .set_replication(replication)
            .set_annotations(annotations);
        let call = client
            .create_secret()
            .set_parent(format!("projects/{}", self.project))
            .set_secret_id(id)
            .set_secret(container);
        call.send()
            .await
            .map_err(|e| Fault::of(&e, &name, CREATE))?;
        Ok(())
    }

    /// Deletes a secret with all its versions. Fine when there is none.
    pub(super) async fn delete(&self, id: &str) -> Result<(), Fault> {
        let name = self.full(id);
        let client = self.client(&name).await?;
        match client.delete_secret().set_name(&name).send().await {
            Ok(()) => Ok(()),
            Err(error) => match Fault::of(&error, &name, DELETE) {
                Fault::Missing => Ok(()),
                fault => Err(fault),
            },
        }
    }

    /// The ids of all secrets that begin so.
    pub(super) async fn ids(&self, start: &str) -> Result<Vec<String>, Fault> {
        let about = self.full(&format!("{start}*"));
        let client = self.client(&about).await?;
        let mut ids = Vec::new();
        let mut page = String::new();
        loop {
            let call = client
                .list_secrets()
                .set_parent(format!("projects/{}", self.project))
                .set_filter(format!("name:{start}"))
                .set_page_size(PAGE)
                .set_page_token(page);
            let listed = call.send().await.map_err(|e| Fault::of(&e, &about, LIST))?;
            let found = listed
                .secrets
                .iter()
                .filter_map(|s| s.name.rsplit('/').next());
            ids.extend(found.filter(|id| id.starts_with(start)).map(str::to_owned));
            if listed.next_page_token.is_empty() {
                return Ok(ids);
            }
            page = listed.next_page_token;
        }
    }

    /// An error about a secret that the caller found.
    pub(super) fn denied(&self, id: &str, hint: impl Into<String>) -> StoreError {
        StoreError::Denied {
            name: self.full(id),
            hint: hint.into(),
        }
    }
}

/// The number at the end of a version's full name.
fn number_of(name: &str) -> Option<i64> {
    let (_, number) = name.rsplit_once("/versions/")?;
    number.parse().ok()
}
