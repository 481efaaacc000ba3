//! Setting up connections.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use hushgate_gateway::connect::lifecycle::{JOURNAL_ENTRY, LOCK_ENTRY};
use hushgate_gateway::ports::{Locked, PortFuture, Random as _, Secret, StoreError, SystemRandom};
use hushgate_host::store::vault::is_connection_id;
use hushgate_host::store::{AdminStore, Change, SaveError, entry};

use super::fault::Fault;
use super::newest::Care;
use super::{SecretManager, name};

/// The entry that every connection has.
const RECORD: &str = "connection";
/// How long a connection that is being made is kept from others.
const MAKING: Duration = Duration::from_mins(1);
/// How long after a write another instance may still read what was before.
const SETTLE: Duration = Duration::from_secs(2);
/// How often it is asked whether another has made it.
const WAITS: u32 = 60;
const WAIT: Duration = Duration::from_millis(250);

/// An entry as it was before it is changed.
struct Before {
    name: String,
    value: Option<Secret>,
    /// Whether its secret was created for this change.
    created: bool,
}

impl SecretManager {
    /// The ids of the secrets below each connection.
    async fn by_connection(&self) -> Result<BTreeMap<String, Vec<String>>, StoreError> {
        let start = name::start_of(&self.prefix, "connections/");
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for id in self.calls.ids(&start).await? {
            let Some(name) = name::name_of(&self.prefix, &id) else {
                continue;
            };
            let parts = name
                .strip_prefix("connections/")
                .and_then(|n| n.split_once('/'));
            if let Some((connection, _)) = parts.filter(|(c, _)| is_connection_id(c)) {
                found.entry(connection.to_owned()).or_default().push(name);
            }
        }
        Ok(found)
    }

    /// Whether a connection has any value. Secrets without one may have been made for it beforehand.
    async fn is_there(&self, connection: &str, names: &[String]) -> Result<bool, StoreError> {
        let record = entry(connection, RECORD);
        if self.ask(&record, Care::Exact).await?.is_some() {
            return Ok(true);
        }
        for name in names.iter().filter(|name| **name != record) {
            if self.ask(name, Care::Exact).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes a connection that nobody else makes at the same time.
    async fn make(&self, connection: &str, changes: Vec<Change>) -> Result<(), SaveError> {
        let lock = self.id(&entry(connection, LOCK_ENTRY))?;
        let owner = format!("making {:032x}", SystemRandom.number());
        let mut turns = 0;
        while self.calls.lock(&lock, &owner, MAKING).await? != Locked::Acquired {
            turns += 1;
            if turns > WAITS {
                let text = format!("connection `{connection}` is being made by another");
                return Err(StoreError::Unavailable(text).into());
            }
            tokio::time::sleep(WAIT).await;
        }
        let made = async {
            let names = self.by_connection().await?.remove(connection);
            if self
                .is_there(connection, &names.unwrap_or_default())
                .await?
            {
                return Err(SaveError::Exists(connection.to_owned()));
            }
            // Functions write it, and may not create it.
            self.create_if_missing(&entry(connection, JOURNAL_ENTRY))
                .await?;
            self.change(connection, changes).await
        }
        .await;
        let freed = self.calls.unlock(&lock, &owner).await;
        made?;
        Ok(freed?)
    }

    /// Changes entries one after the other, the record last; if one can't be changed, those before it get
    /// their values back.
    async fn change(&self, connection: &str, changes: Vec<Change>) -> Result<(), SaveError> {
        let mut changes: Vec<_> = changes
            .into_iter()
            .map(|(field, value)| (entry(connection, &field), value))
            .collect();
        let record = entry(connection, RECORD);
        changes.sort_by_key(|(name, value)| (value.is_none(), *name == record));
        let mut done: Vec<Before> = Vec::with_capacity(changes.len());
        for (name, value) in changes {
            let one = self.change_one(name, value, &mut done).await;
            if let Err(error) = one {
                return Err(self.take_back(connection, done, error).await.into());
            }
        }
        Ok(())
    }

    async fn change_one(
        &self,
        name: String,
        value: Option<Secret>,
        done: &mut Vec<Before>,
    ) -> Result<(), StoreError> {
        let before = self.ask(&name, Care::Exact).await?;
        let Some(value) = value else {
            let had = before.is_some();
            done.push(Before {
                name: name.clone(),
                value: before,
                created: false,
            });
            if had {
                self.take_away(&name).await?;
            }
            return Ok(());
        };
        let created = self.create_if_missing(&name).await?;
        done.push(Before {
            name: name.clone(),
            value: before,
            created,
        });
        self.put(&name, Some(&value)).await
    }

    /// Takes a value away. The secrets that functions write stay, without a value: a function could not
    /// create them again.
    async fn take_away(&self, name: &str) -> Result<(), StoreError> {
        let field = name.rsplit('/').next().unwrap_or_default();
        if [JOURNAL_ENTRY, LOCK_ENTRY].contains(&field) {
            return self.put(name, None).await;
        }
        self.drop_secret(name).await
    }

    async fn take_back(
        &self,
        connection: &str,
        done: Vec<Before>,
        error: StoreError,
    ) -> StoreError {
        let mut left = Vec::new();
        for before in done.into_iter().rev() {
            let restored = match (&before.value, before.created) {
                (None, true) => self.drop_secret(&before.name).await,
                (value, _) => {
                    let again = self.create_if_missing(&before.name).await;
                    match again {
                        Ok(_) => self.put(&before.name, value.as_ref()).await,
                        Err(error) => Err(error),
                    }
                }
            };
            if restored.is_err() {
                left.push(before.name);
            }
        }
        if left.is_empty() {
            return error;
        }
        StoreError::Unavailable(format!(
            "{error}; and the entries of connection `{connection}` changed before that could not be given their former values: {}; save it again",
            left.join(", ")
        ))
    }

    /// Creates the secret of an entry; says whether that was needed.
    async fn create_if_missing(&self, name: &str) -> Result<bool, StoreError> {
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
    }
}

impl AdminStore for SecretManager {
    fn connections(&self) -> PortFuture<'_, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            let mut there = Vec::new();
            for (connection, names) in self.by_connection().await? {
                if self.is_there(&connection, &names).await? {
                    there.push(connection);
                }
            }
            Ok(there)
        })
    }

    fn save<'a>(
        &'a self,
        id: &'a str,
        is_new: bool,
        changes: Vec<Change>,
    ) -> PortFuture<'a, Result<(), SaveError>> {
        Box::pin(async move {
            if is_new {
                return self.make(id, changes).await;
            }
            self.change(id, changes).await
        })
    }

    fn forget<'a>(&'a self, id: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let names = self.by_connection().await?.remove(id).unwrap_or_default();
            // What was made a moment ago may not be listed yet.
            let known = [RECORD, JOURNAL_ENTRY, LOCK_ENTRY].map(|field| entry(id, field));
            let record = entry(id, RECORD);
            // The record last, so that what could not be deleted is still seen.
            let names = names
                .into_iter()
                .chain(known)
                .filter(|name| *name != record);
            for name in names.chain([record.clone()]) {
                self.drop_secret(&name).await?;
            }
            Ok(())
        })
    }

    fn settle(&self) -> Duration {
        SETTLE
    }
}
