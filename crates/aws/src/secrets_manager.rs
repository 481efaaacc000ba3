//! Secrets in AWS Secrets Manager: `aws-secretsmanager:PREFIX`.
//!
//! The entry `NAME` is the secret `PREFIX/NAME`, its value the `SecretString` of the version with the
//! label `AWSCURRENT`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};
use hushgate_gateway::ports::{Locked, PortFuture, Random as _, Secret, StoreError, SystemRandom};
use hushgate_host::config::Environment;
use hushgate_host::store::remote::{Backend, Entry, RemoteStore, Version, Write};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::client::{Account, Pace};
use crate::failure::{Failure, Kind, Target};

mod lock;

/// The permission that reading takes.
const READ: &str = "secretsmanager:GetSecretValue";
/// Most bytes of a secret's value.
const LARGEST: usize = 64 << 10;
/// The label of the version that counts.
const CURRENT: &str = "AWSCURRENT";
/// How long a secret that was deleted for good may still be told to be waiting for it
/// (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DeleteSecret.html>).
const DELETION: Duration = Duration::from_mins(1);
/// The pauses between attempts to write a secret that is being deleted: at first, doubling, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];

/// A store of secrets whose names begin with `prefix`, such as `hushgate/zoom`.
///
/// # Errors
/// What the environment lacks.
pub fn secrets(prefix: &str, environment: &Environment) -> Result<RemoteStore, String> {
    Ok(RemoteStore::new(SecretsManager::of(prefix, environment)?))
}

/// The secrets whose names begin with a prefix.
#[derive(Debug)]
pub struct SecretsManager {
    account: Arc<Account>,
    prefix: String,
    key: Option<String>,
    client: OnceCell<Client>,
    /// How long a write waits for the end of a deletion.
    patience: Duration,
    /// Secrets that were deleted here, and when.
    deleted: Mutex<HashMap<String, Instant>>,
}

/// A secret's full name, as a name and as the last part of the ARN by which a policy names it.
struct Place {
    name: String,
    resource: String,
}

impl Place {
    fn target(&self, action: &'static str) -> Target<'_> {
        Target {
            action,
            name: &self.name,
            resource: &self.resource,
        }
    }
}

/// What a version holds.
enum Found {
    Text(String),
    Bytes,
}

impl SecretsManager {
    /// The secrets whose names begin with `prefix`.
    ///
    /// # Errors
    /// What the environment lacks.
    pub fn of(prefix: &str, environment: &Environment) -> Result<Self, String> {
        let key = environment.get("HUSHGATE_AWS_KMS_KEY");
        Ok(Self {
            account: Account::of(environment)?,
            prefix: prefix.trim_end_matches('/').to_owned(),
            key: key.filter(|k| !k.is_empty()).cloned(),
            client: OnceCell::new(),
            patience: DELETION,
            deleted: Mutex::default(),
        })
    }

    /// Lets a write wait for this long, in place of a minute, until a secret of its name that was deleted
    /// is gone.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    fn place(&self, name: &str) -> Place {
        let name = format!("{}/{name}", self.prefix);
        Place {
            // AWS adds a dash and six letters of its own to the name.
            resource: format!("secret:{name}-??????"),
            name,
        }
    }

    async fn client(&self) -> Result<&Client, Failure> {
        let made = self.client.get_or_try_init(|| async {
            let config = self.account.config("SECRETS_MANAGER", Pace::QUICK).await?;
            Ok(Client::new(&config))
        });
        made.await
    }

    /// The current version: what it holds and its id.
    async fn read(&self, name: &str) -> Result<Option<(Found, String)>, Failure> {
        let client = self.client().await?;
        let request = client
            .get_secret_value()
            .secret_id(name)
            .version_stage(CURRENT);
        match request.send().await {
            Ok(answer) => {
                let found = answer.secret_string.map_or(Found::Bytes, Found::Text);
                Ok(Some((found, answer.version_id.unwrap_or_default())))
            }
            Err(error) => match Failure::of(&error) {
                failure if failure.kind == Kind::Missing => Ok(None),
                failure if failure.kind == Kind::Deleting && self.was_deleted(name) => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// Makes a secret and gives its version; none when it is there.
    async fn create(&self, name: &str, value: &str) -> Result<Option<String>, Failure> {
        let id = fresh_id();
        let client = self.client().await?;
        let request = client
            .create_secret()
            .name(name)
            .secret_string(value)
            // Repeated under the same id, it is the same call; an answer that was lost does no harm.
            .client_request_token(&id)
            .set_kms_key_id(self.key.clone());
        match request.send().await {
            Ok(_) => Ok(Some(id)),
            Err(error) => match Failure::of(&error) {
                failure if failure.kind == Kind::Exists => Ok(None),
                failure => Err(failure),
            },
        }
    }

    /// Adds a version with this label and gives its id; none when there is no such secret.
    async fn add(&self, name: &str, value: &str, label: &str) -> Result<Option<String>, Failure> {
        let id = fresh_id();
        let client = self.client().await?;
        let request = client
            .put_secret_value()
            .secret_id(name)
            .secret_string(value)
            .client_request_token(&id)
            .version_stages(label);
        match request.send().await {
            Ok(_) => Ok(Some(id)),
            Err(error) => match Failure::of(&error) {
                failure if failure.kind == Kind::Missing => Ok(None),
                failure if failure.kind == Kind::Deleting && self.was_deleted(name) => Ok(None),
                failure => Err(failure),
            },
        }
    }

    async fn delete(&self, name: &str) -> Result<(), Failure> {
        let client = self.client().await?;
        let request = client
            .delete_secret()
            .secret_id(name)
            .force_delete_without_recovery(true);
        if let Err(error) = request.send().await {
            let failure = Failure::of(&error);
            if failure.kind != Kind::Missing {
                return Err(failure);
            }
        }
        let mut deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.retain(|_, at| at.elapsed() < DELETION);
        deleted.insert(name.to_owned(), Instant::now());
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, Failure> {
        let client = self.client().await?;
        let whole = format!("{}/", self.prefix);
        let filter = Filter::builder()
            .key(FilterNameStringType::Name)
            .values(format!("{whole}{prefix}"))
            .build();
        let mut pages = client
            .list_secrets()
            .filters(filter)
            .into_paginator()
            .send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|e| Failure::of(&e))?;
            let found = page.secret_list.unwrap_or_default().into_iter();
            let found = found.filter_map(|s| Some(s.name?.strip_prefix(&whole)?.to_owned()));
            names.extend(found.filter(|name| name.starts_with(prefix)));
        }
        Ok(names)
    }

    /// Whether this process deleted the secret a moment ago: the service does that in the background.
    fn was_deleted(&self, name: &str) -> bool {
        let deleted = self.deleted.lock().unwrap_or_else(PoisonError::into_inner);
        deleted.get(name).is_some_and(|at| at.elapsed() < DELETION)
    }

    /// Writes a value as the current version, making the secret if there is none.
    async fn put_any(&self, place: &Place, value: &str) -> Result<Option<String>, Unwritten> {
        for _ in 0..2 {
            let added = self.add(&place.name, value, CURRENT).await;
            let added = added.map_err(|f| (f, "secretsmanager:PutSecretValue"))?;
            if added.is_some() {
                return Ok(added);
            }
            let made = self.make(place, value).await?;
            if made.is_some() {
                return Ok(made);
            }
        }
        Ok(None)
    }

    async fn make(&self, place: &Place, value: &str) -> Result<Option<String>, Unwritten> {
        let made = self.create(&place.name, value).await;
        made.map_err(|f| (f, "secretsmanager:CreateSecret"))
    }

    /// Writes a secret, again and again while one of its name is being deleted: the service does that in
    /// the background.
    async fn write(
        &self,
        place: &Place,
        value: &str,
        how: Write,
    ) -> Result<Option<String>, StoreError> {
        let begun = Instant::now();
        let [mut pause, longest] = PAUSES;
        loop {
            let written = match how {
                Write::Any => self.put_any(place, value).await,
                Write::OnlyNew => self.make(place, value).await,
            };
            match written {
                Err((failure, _))
                    if failure.kind == Kind::Deleting
                        && begun.elapsed() + pause < self.patience =>
                {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(longest);
                }
                Err((failure, action)) => return Err(failure.store(place.target(action))),
                Ok(None) if how == Write::Any => {
                    let text = format!("`{}` is made and deleted again and again", place.name);
                    return Err(StoreError::Unavailable(text));
                }
                Ok(written) => return Ok(written),
            }
        }
    }
}

/// Why a secret was not written, and the permission that the call needs.
type Unwritten = (Failure, &'static str);

/// A version's id that no other has. Versions are told apart and calls recognized by it.
fn fresh_id() -> String {
    let hex = format!("{:032x}", SystemRandom.number());
    let part = |range| hex.get(range).unwrap_or_default();
    let parts = [
        part(0..8),
        part(8..12),
        part(12..16),
        part(16..20),
        part(20..32),
    ];
    parts.join("-")
}

impl Backend for SecretsManager {
    fn whole_name(&self, name: &str) -> String {
        format!("`{}` in Secrets Manager", self.place(name).name)
    }

    fn permission(&self, name: &str) -> String {
        format!("`{READ}` on `{}`", self.place(name).resource)
    }

    fn get<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            let place = self.place(name);
            let read = self.read(&place.name).await;
            let read = read.map_err(|f| f.store(place.target(READ)))?;
            match read {
                None => Ok(None),
                Some((Found::Text(value), id)) => Ok(Some(Entry {
                    value: Secret::new(value),
                    version: Version::Id(id),
                })),
                Some((Found::Bytes, _)) => Err(StoreError::Unfit {
                    name: place.name,
                    reason: "it holds bytes; store its text as `SecretString`".to_owned(),
                }),
            }
        })
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a Secret,
        how: Write,
    ) -> PortFuture<'a, Result<Option<Version>, StoreError>> {
        Box::pin(async move {
            let place = self.place(name);
            let written = self.write(&place, value.reveal(), how).await?;
            Ok(written.map(Version::Id))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let place = self.place(name);
            let deleted = self.delete(&place.name).await;
            deleted.map_err(|f| f.store(place.target("secretsmanager:DeleteSecret")))
        })
    }

    fn is_leaving<'a>(&'a self, name: &'a str) -> PortFuture<'a, bool> {
        Box::pin(async move {
            let read = self.read(&self.place(name).name).await;
            read.is_err_and(|failure| failure.kind == Kind::Deleting)
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let place = Place {
                name: format!("{}/{prefix}", self.prefix),
                resource: "*".to_owned(),
            };
            let listed = self.list(prefix).await;
            listed.map_err(|f| f.store(place.target("secretsmanager:ListSecrets")))
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(lock::take(self, name, owner, ttl))
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(lock::give_back(self, name, owner))
    }

    fn largest(&self) -> usize {
        LARGEST
    }
}
