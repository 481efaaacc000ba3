//! A store below a prefix, in which single entries can't be read.

use hushgate_gateway::ports::{MemoryStore, PortFuture, Secret, SecretStore, StoreError};

/// How reading an entry fails.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fails {
    Denied,
    Unfit,
    Unavailable,
}

/// Entries below `/acme/zom` in a service, some of which fail.
pub(crate) struct Ward {
    entries: MemoryStore,
    failing: Vec<(&'static str, Fails)>,
}

impl Ward {
    pub(crate) fn new(entries: &[(&str, &str)], failing: &[(&'static str, Fails)]) -> Self {
        Self {
            entries: MemoryStore::new(entries.iter().copied()),
            failing: failing.to_vec(),
        }
    }
}

impl SecretStore for Ward {
    fn whole_name(&self, name: &str) -> String {
        format!("`/acme/zom/{name}` in a service")
    }

    fn permission(&self, name: &str) -> Option<String> {
        Some(format!("`service:Read` on `/acme/zom/{name}`"))
    }

    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        let failing = self.failing.iter().find(|(entry, _)| *entry == name);
        let Some((_, fails)) = failing else {
            return self.entries.read(name);
        };
        let whole = format!("/acme/zom/{name}");
        let error = match fails {
            Fails::Denied => StoreError::Denied {
                hint: format!("the role needs to read `{whole}`"),
                name: whole,
            },
            Fails::Unfit => StoreError::Unfit {
                name: whole,
                reason: "it is no text".to_owned(),
            },
            Fails::Unavailable => StoreError::Unavailable(format!("`{whole}`: no answer")),
        };
        Box::pin(async move { Err(error) })
    }

    fn write<'a>(&'a self, name: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
    }
}
