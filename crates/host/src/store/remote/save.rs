//! Saving a connection, all of it or nothing, where the service writes one entry at a time.

use hushgate_gateway::connect::lifecycle::{JOURNAL_ENTRY, LOCK_ENTRY};
use hushgate_gateway::ports::{Secret, StoreError};

use super::super::admin::{Change, SaveError, entry};
use super::{ARBITER, Inner, Write, check_name};

/// Entries that functions write, and need not be allowed to make.
const OF_FUNCTIONS: [&str; 2] = [JOURNAL_ENTRY, LOCK_ENTRY];

/// What an entry was before it was changed.
struct Before {
    name: String,
    value: Option<Secret>,
    /// Whether it was made for this change.
    made: bool,
}

impl Inner {
    /// Changes entries of a connection. What was changed is changed back when a later change fails.
    pub(super) async fn save(
        &self,
        id: &str,
        is_new: bool,
        changes: Vec<Change>,
    ) -> Result<(), SaveError> {
        let mut changes: Vec<_> = changes
            .into_iter()
            .map(|(field, value)| (entry(id, &field), value))
            .collect();
        for (name, value) in &changes {
            check_name(name)?;
            if let Some(value) = value {
                self.check_value(name, value)?;
            }
        }
        if is_new {
            // The list may lack what was written a moment ago.
            let mut names = self.backend.list(&entry(id, "")).await?;
            names.extend([ARBITER, JOURNAL_ENTRY].map(|field| entry(id, field)));
            names.extend(changes.iter().map(|(name, _)| name.clone()));
            names.sort_unstable();
            names.dedup();
            if self.has_value(names).await? {
                return Err(SaveError::Exists(id.to_owned()));
            }
        }
        // What is new comes before what goes, so that a crash takes nothing away. The entry by which one
        // of many that make a connection is the first comes before all.
        let arbiter = entry(id, ARBITER);
        changes.sort_by_key(|(name, value)| (value.is_none(), *name != arbiter, name.clone()));
        let mut done = Vec::new();
        match self.change_all(id, is_new, changes, &mut done).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SaveError::Exists(id.to_owned())),
            Err(error) => Err(self.undo(done, error).await.into()),
        }
    }

    /// Changes all entries; false when the first was to be new and is there.
    async fn change_all(
        &self,
        id: &str,
        is_new: bool,
        changes: Vec<(String, Option<Secret>)>,
        done: &mut Vec<Before>,
    ) -> Result<bool, StoreError> {
        for (number, (name, value)) in changes.into_iter().enumerate() {
            match value {
                None => self.take_away(id, name, done).await?,
                Some(value) if is_new && number == 0 => {
                    if !self.claim(name, &value, done).await? {
                        return Ok(false);
                    }
                    for field in OF_FUNCTIONS {
                        self.prepare(entry(id, field), done).await?;
                    }
                }
                Some(value) => self.replace(name, &value, done).await?,
            }
        }
        Ok(true)
    }

    /// Writes an entry that nobody else has; false when somebody has.
    async fn claim(
        &self,
        name: String,
        value: &Secret,
        done: &mut Vec<Before>,
    ) -> Result<bool, StoreError> {
        let made = self.backend.prepare(&name).await?;
        let claimed = self.put(&name, value, Write::OnlyNew).await;
        let is_ours = if let Ok(written) = &claimed {
            *written
        } else {
            // A write without an answer is taken back if it is ours, and only then.
            let found = self.backend.get(&name).await.ok().flatten();
            found.is_some_and(|e| e.value.reveal() == value.reveal())
        };
        if is_ours {
            done.push(Before {
                name,
                value: None,
                made,
            });
        }
        claimed
    }

    async fn prepare(&self, name: String, done: &mut Vec<Before>) -> Result<(), StoreError> {
        if self.backend.prepare(&name).await? {
            done.push(Before {
                name,
                value: None,
                made: true,
            });
        }
        Ok(())
    }

    async fn replace(
        &self,
        name: String,
        value: &Secret,
        done: &mut Vec<Before>,
    ) -> Result<(), StoreError> {
        let before = self.present(&name).await?;
        let made = self.backend.prepare(&name).await?;
        done.push(Before {
            name: name.clone(),
            value: before,
            made,
        });
        self.write(&name, value).await
    }

    async fn take_away(
        &self,
        id: &str,
        name: String,
        done: &mut Vec<Before>,
    ) -> Result<(), StoreError> {
        let before = self.present(&name).await?;
        if before.is_none() {
            return Ok(());
        }
        done.push(Before {
            name: name.clone(),
            value: before,
            made: false,
        });
        if OF_FUNCTIONS.iter().any(|field| entry(id, field) == name) {
            return self.clear(&name).await;
        }
        self.delete(&name).await
    }

    /// Changes back what was changed; gives the error that made it necessary.
    async fn undo(&self, done: Vec<Before>, error: StoreError) -> StoreError {
        let mut left = Vec::new();
        for before in done.iter().rev() {
            let undone = match &before.value {
                Some(value) => self.write(&before.name, value).await,
                None if before.made => self.delete(&before.name).await,
                None => self.clear(&before.name).await,
            };
            if undone.is_err() {
                left.push(format!("`{}`", before.name));
            }
        }
        if left.is_empty() {
            return error;
        }
        StoreError::Unavailable(format!(
            "{error}; and what was changed before could not be changed back: {}; save it again",
            left.join(", ")
        ))
    }
}
