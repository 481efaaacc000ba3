//! The values of a source's fields, read from the store and the configuration when they are needed.

use std::collections::BTreeMap;

use futures_util::future::join_all;

use super::fault::ConnectFault;
use super::source::{Auth, ClientAuthKind, Field, Kept};
use super::{ConnectorParts, chosen_client_auth};
use crate::ports::{Secret, SecretStore};

/// The values of the fields that an exchange or a credential uses.
#[derive(Debug, Default)]
pub(super) struct Values {
    given: BTreeMap<String, Secret>,
    /// Those that are in no store, and need not be; with their whole names.
    absent: BTreeMap<String, String>,
}

/// What values are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An exchange or a credential.
    Call,
    /// A consent: what it will give is not there yet, and not read.
    Consent,
    /// A look at the account, which may use every field.
    Account,
}

impl Values {
    /// Reads the fields that apply to the chosen client authentication and serve a purpose.
    ///
    /// # Errors
    /// When one that is required is missing.
    pub(super) async fn read(
        auth: &Auth,
        parts: &ConnectorParts,
        purpose: Purpose,
    ) -> Result<Self, ConnectFault> {
        let ConnectorParts {
            store, settings, ..
        } = parts;
        let client_auth = match &auth.exchange {
            Some(exchange) => Some(chosen_client_auth(exchange, settings)?),
            None => None,
        };
        let wanted = |field: &&Field| match purpose {
            Purpose::Call => field.needed,
            Purpose::Consent => !field.obtained,
            Purpose::Account => true,
        };
        let fields = auth.fields.iter();
        let fields: Vec<&Field> = fields
            .filter(|f| applies(f, client_auth))
            .filter(wanted)
            .collect();
        // All at once: a store may be a service at some distance.
        let reads = fields.iter().map(|field| async {
            match field.kept {
                Kept::Store => store.read(&field.name).await,
                Kept::Settings => Ok(settings.get(&field.name).map(Secret::new)),
            }
        });
        let mut values = Self::default();
        for (field, given) in fields.iter().zip(join_all(reads).await) {
            let given = given?.and_then(|s| usable(s.reveal()));
            let value = given.or_else(|| field.default.as_deref().map(Secret::new));
            if value.is_none() && field.required {
                return Err(missing(field, store.as_ref()));
            }
            if value.is_none() && field.kept == Kept::Store {
                let name = store.absent_name(&field.name);
                values.absent.insert(field.name.clone(), name);
            }
            let value = value.unwrap_or_else(|| Secret::new(""));
            values.given.insert(field.name.clone(), value);
        }
        Ok(values)
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(Secret::reveal)
    }

    pub(super) fn need(&self, name: &str) -> Result<&str, ConnectFault> {
        let value = self.get(name).filter(|v| !v.is_empty());
        value.ok_or_else(|| {
            let whole = self.absent.get(name).cloned();
            ConnectFault::SecretMissing(whole.unwrap_or_else(|| format!("`{name}`")))
        })
    }
}

/// Whether a field is used with this client authentication.
pub(super) fn applies(field: &Field, client_auth: Option<ClientAuthKind>) -> bool {
    field.applies(client_auth)
}

/// A value without the white space and control characters that copying adds; `None` when blank.
pub(super) fn usable(value: &str) -> Option<Secret> {
    let stray = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    let trimmed = value.trim_matches(stray);
    (!trimmed.is_empty()).then(|| Secret::new(trimmed))
}

pub(super) fn missing(field: &Field, store: &dyn SecretStore) -> ConnectFault {
    match field.kept {
        Kept::Store => ConnectFault::SecretMissing(store.absent_name(&field.name)),
        Kept::Settings => ConnectFault::SettingMissing(field.name.clone()),
    }
}
