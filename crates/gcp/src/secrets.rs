//! Secrets in Google Secret Manager: `gcp-secretmanager:PROJECT/PREFIX`.
//!
//! An entry is a secret, its value the newest version of it. `docs/cloud-stores.md` says how entries
//! are named, what a function must be allowed to do, and what is promised.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::connect::lifecycle::LOCK_ENTRY;
use hushgate_gateway::ports::{Locked, PortFuture, Secret, StoreError};
use hushgate_host::config::Environment;
use hushgate_host::store::remote::{
    Backend, Care, Entry, Found, LOCK_SUFFIX, RemoteStore, Version, Write,
};

use crate::reach::{CALL, Reach};

mod calls;
mod fault;
mod lock;
mod making;
mod name;
mod newest;
mod sweep;

use calls::Calls;
use fault::Fault;
use sweep::{Swept, sweep};

/// Names an emulator of Secret Manager.
const EMULATOR: &str = "SECRET_MANAGER_EMULATOR_HOST";
/// Most bytes of a version.
const LARGEST: usize = 64 << 10;

/// A store of the secrets of `project` (its id or number) whose ids begin with `prefix` and `--`. Nothing
/// is called yet.
///
/// # Errors
/// When the environment names an emulator where none may be.
pub fn secrets(
    project: &str,
    prefix: &str,
    environment: &Environment,
) -> Result<RemoteStore, String> {
    let manager = SecretManager::of(project, prefix, environment)?;
    Ok(RemoteStore::new(manager))
}

/// The secrets of a project whose ids begin with a prefix.
#[derive(Debug)]
pub struct SecretManager {
    calls: Arc<Calls>,
    prefix: String,
    swept: Swept,
}

impl SecretManager {
    /// The secrets of `project` whose ids begin with `prefix` and `--`.
    ///
    /// # Errors
    /// When the environment names an emulator where none may be.
    pub fn of(project: &str, prefix: &str, environment: &Environment) -> Result<Self, String> {
        let reach = Reach::of(environment, EMULATOR)?;
        Ok(Self {
            calls: Arc::new(Calls::new(reach, project.to_owned())),
            prefix: prefix.to_owned(),
            swept: Swept::default(),
        })
    }

    /// The id of the secret that holds an entry, or its lock.
    fn id(&self, name: &str) -> Result<String, StoreError> {
        let name = name.strip_suffix(LOCK_SUFFIX).unwrap_or(name);
        name::id_of(&self.prefix, name).ok_or_else(|| StoreError::Unfit {
            name: name.chars().take(64).collect(),
            reason: "the id of its secret would have more than 255 characters".to_owned(),
        })
    }

    /// Ends a call in time: whoever waits for a store has less patience than its client.
    async fn bounded<T>(
        &self,
        id: &str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let done = tokio::time::timeout(CALL, call).await;
        done.unwrap_or_else(|_| {
            Err(StoreError::Unavailable(format!(
                "Secret Manager, `{}`: no answer within {CALL:?}",
                self.calls.full(id)
            )))
        })
    }

    /// Adds a version, or one that says that there is no value, to a secret that may not be there yet;
    /// gives its number.
    async fn add(&self, id: &str, value: Option<&Secret>) -> Result<i64, StoreError> {
        match self.calls.add(id, value).await {
            Err(Fault::Missing) => {}
            added => return Ok(added?),
        }
        match self.calls.create(id, HashMap::new()).await {
            Ok(()) | Err(Fault::Exists) => Ok(self.calls.add(id, value).await?),
            Err(fault) => Err(fault.into()),
        }
    }

    /// A version that was added. Versions before it that are of no use any more are destroyed.
    fn added(&self, id: String, number: i64) -> Version {
        let (calls, swept) = (Arc::clone(&self.calls), self.swept.clone());
        // Nobody waits for it: what is not destroyed now is destroyed at the next write.
        tokio::spawn(sweep(calls, swept, id, number));
        Version::Number(number)
    }

    /// The entry that a secret holds, as lists name it.
    fn listed(&self, id: &str) -> Option<String> {
        let name = name::name_of(&self.prefix, id)?;
        // A name that ends so is no entry's.
        let name = Some(name).filter(|name| !name.ends_with(LOCK_SUFFIX))?;
        let is_lock = name.rsplit('/').next() == Some(LOCK_ENTRY);
        Some(if is_lock {
            format!("{name}{LOCK_SUFFIX}")
        } else {
            name
        })
    }
}

impl Backend for SecretManager {
    fn whole_name(&self, name: &str) -> String {
        let id = self.id(name).unwrap_or_else(|_| name.to_owned());
        format!("`{}` in Secret Manager", self.calls.full(&id))
    }

    fn permission(&self, _name: &str) -> String {
        fault::ACCESS.text()
    }

    fn get<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            let found = self.look(name, None, Care::Exact).await?;
            let entry = found.value.zip(found.version);
            Ok(entry.map(|(value, version)| Entry { value, version }))
        })
    }

    fn look<'a>(
        &'a self,
        name: &'a str,
        known: Option<Version>,
        care: Care,
    ) -> PortFuture<'a, Result<Found, StoreError>> {
        Box::pin(async move {
            let id = self.id(name)?;
            let known = match known {
                Some(Version::Number(number)) => Some(number),
                Some(Version::Id(_)) | None => None,
            };
            let newest = self
                .bounded(&id, self.calls.newest(&id, known, care))
                .await?;
            let (value, number) = newest.map(|v| (v.value, v.number)).unzip();
            Ok(Found {
                value: value.flatten(),
                version: number.map(Version::Number),
            })
        })
    }

    /// A version that is asked for by its number is there at once.
    fn is_exact(&self) -> bool {
        true
    }

    /// Creates the secret: to create one is a right on the whole project, which a function must not have.
    fn prepare<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<bool, StoreError>> {
        Box::pin(async move {
            let id = self.id(name)?;
            match self.calls.described(&id).await {
                Ok(_) => return Ok(false),
                Err(Fault::Missing) => {}
                Err(fault) => return Err(fault.into()),
            }
            match self.calls.create(&id, HashMap::new()).await {
                Ok(()) => Ok(true),
                Err(Fault::Exists) => Ok(false),
                Err(fault) => Err(fault.into()),
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
            let id = self.id(name)?;
            let number = match how {
                Write::Any => Some(self.bounded(&id, self.add(&id, Some(value))).await?),
                Write::OnlyNew => self.make(&id, value).await?,
            };
            Ok(number.map(|number| self.added(id, number)))
        })
    }

    fn clear<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Version>, StoreError>> {
        Box::pin(async move {
            let id = self.id(name)?;
            let number = self.bounded(&id, self.add(&id, None)).await?;
            Ok(Some(self.added(id, number)))
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let id = self.id(name)?;
            self.swept.forget(&id);
            let deleted = async { Ok(self.calls.delete(&id).await?) };
            self.bounded(&id, deleted).await
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let start = name::start_of(&self.prefix, prefix);
            let ids = self.calls.ids(&start).await?;
            Ok(ids.iter().filter_map(|id| self.listed(id)).collect())
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move {
            let id = self.id(name)?;
            self.bounded(&id, self.calls.lock(&id, owner, ttl)).await
        })
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let id = self.id(name)?;
            self.bounded(&id, self.calls.unlock(&id, owner)).await
        })
    }

    fn largest(&self) -> usize {
        LARGEST
    }
}
