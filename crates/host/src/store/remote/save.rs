//! Saving a connection, all of it or nothing, where the service writes one entry at a time.

use hushgate_gateway::ports::{Secret, StoreError};

use super::super::admin::{Change, SaveError, entry};
use super::{Inner, LOCK_SUFFIX, Write, check_name};

/// The entry by which one of many that create a connection is the first.
const ARBITER: &str = "connection";

/// What an entry was before it was changed.
struct Before {
    name: String,
    value: Option<Secret>,
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
            let names = self.backend.list(&entry(id, "")).await?;
            if names.iter().any(|name| !name.ends_with(LOCK_SUFFIX)) {
                return Err(SaveError::Exists(id.to_owned()));
            }
        }
        // What is new comes before what goes, so that a crash takes nothing away.
        let arbiter = entry(id, ARBITER);
        changes.sort_by_key(|(name, value)| (value.is_none(), *name != arbiter, name.clone()));
        let mut done = Vec::new();
        for (name, value) in &changes {
            let first = is_new && done.is_empty();
            match self.change(name, value.as_ref(), first, &mut done).await {
                Ok(true) => {}
                Ok(false) => return Err(SaveError::Exists(id.to_owned())),
                Err(error) => return Err(self.undo(done, error).await.into()),
            }
        }
        Ok(())
    }

    /// Changes one entry; false when it was to be new and is there.
    async fn change(
        &self,
        name: &str,
        value: Option<&Secret>,
        only_new: bool,
        done: &mut Vec<Before>,
    ) -> Result<bool, StoreError> {
        let note = |value: Option<Secret>| Before {
            name: name.to_owned(),
            value,
        };
        let Some(value) = value else {
            let before = self.backend.get(name).await?.map(|e| e.value);
            if before.is_some() {
                done.push(note(before));
                self.remove(name).await?;
            }
            return Ok(true);
        };
        if only_new {
            let written = match self.backend.put(name, value, Write::OnlyNew).await {
                Ok(written) => written,
                Err(error) => {
                    // A write without an answer is taken back if it is ours, and only then.
                    let found = self.backend.get(name).await.ok().flatten();
                    if found.is_some_and(|e| e.value.reveal() == value.reveal()) {
                        done.push(note(None));
                    }
                    return Err(error);
                }
            };
            if written.is_none() {
                return Ok(false);
            }
            self.memory.wrote(name, value, written);
            done.push(note(None));
            return Ok(true);
        }
        let before = self.backend.get(name).await?.map(|e| e.value);
        done.push(note(before));
        self.write(name, value).await?;
        Ok(true)
    }

    /// Changes back what was changed; gives the error that made it necessary.
    async fn undo(&self, done: Vec<Before>, error: StoreError) -> StoreError {
        let mut left = Vec::new();
        for before in done.iter().rev() {
            let undone = match &before.value {
                Some(value) => self.write(&before.name, value).await,
                None => self.remove(&before.name).await,
            };
            if undone.is_err() {
                left.push(format!("`{}`", before.name));
            }
        }
        if left.is_empty() {
            return error;
        }
        StoreError::Unavailable(format!(
            "{error}; and what was changed before could not be changed back: {}",
            left.join(", ")
        ))
    }
}
