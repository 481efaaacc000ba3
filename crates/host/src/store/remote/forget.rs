//! Taking all entries of a connection away, where lists are late.

use std::collections::BTreeSet;

use hushgate_gateway::connect::lifecycle::{JOURNAL_ENTRY, LOCK_ENTRY};
use hushgate_gateway::ports::StoreError;

use super::super::admin::entry;
use super::{ARBITER, Inner, LOCK_SUFFIX, check_name, declares};

impl Inner {
    /// Takes away what the list names, and what every connection has or these fields name: lists may lack
    /// for minutes what was written.
    pub(super) async fn forget(&self, id: &str, fields: &[String]) -> Result<(), StoreError> {
        let mut names: BTreeSet<String> = self
            .backend
            .list(&entry(id, ""))
            .await?
            .into_iter()
            .collect();
        let known = fields.iter().map(String::as_str);
        for field in known.chain([ARBITER, JOURNAL_ENTRY]) {
            let name = entry(id, field);
            check_name(&name)?;
            names.insert(name);
        }
        names.insert(format!("{}{LOCK_SUFFIX}", entry(id, LOCK_ENTRY)));
        // The entry that makes it a connection goes last: until then it is listed and can be
        // forgotten again.
        let (last, mut first): (Vec<_>, Vec<_>) = names.into_iter().partition(|n| declares(n));
        // Whoever gets the lock next is to find nothing that an exchange could use.
        first.sort_by_key(|name| name.ends_with(LOCK_SUFFIX));
        for name in first.iter().chain(&last) {
            self.delete(name).await?;
        }
        self.is_forgotten(id).await
    }

    /// Asks the service itself, which may take a moment until all its parts answer alike.
    async fn is_forgotten(&self, id: &str) -> Result<(), StoreError> {
        let arbiter = entry(id, ARBITER);
        if self.backend.get(&arbiter).await?.is_none() {
            return Ok(());
        }
        tokio::time::sleep(self.memory.settle()).await;
        if self.backend.get(&arbiter).await?.is_none() {
            return Ok(());
        }
        Err(StoreError::Unavailable(format!(
            "`{arbiter}` is there still after it was removed; try again"
        )))
    }
}
