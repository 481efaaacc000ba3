//! What was entered for a connection, before it is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use hushgate_gateway::connect::source::{ClientAuthKind, Kept};
use hushgate_gateway::connect::{Source, SourceHost};
use hushgate_gateway::ports::{MemoryStore, Secret, SecretStore};
use hushgate_host::store::Change;

use super::code::Code;
use super::failure::Failure;
use super::web::Answers;

/// The name under which the account's host is asked for.
pub(super) const HOST: &str = "HUSHGATE_TARGET_HOST";
/// The entry in which the gateway keeps the living access token.
pub(super) const JOURNAL: &str = "ACCESS_TOKEN";

/// Values that fit their fields, in a store of their own: an exchange may replace tokens there.
pub(super) struct Draft {
    /// The secrets.
    pub store: Arc<MemoryStore>,
    /// The settings.
    pub settings: BTreeMap<String, String>,
    /// The account's host.
    pub target_host: Option<String>,
    /// The chosen client authentication.
    pub client_auth: Option<ClientAuthKind>,
    /// Whether a consent or an entered secret is part of it, so that its age begins now.
    pub is_fresh: bool,
    names: Vec<String>,
    /// The entry with the refresh token, and the one that was entered.
    refresh: Option<(String, Secret)>,
}

impl Draft {
    /// What the answers give together with what was known before.
    ///
    /// # Errors
    /// Every field that is missing, at once. Each answer was accepted already.
    pub(super) fn new(
        source: &Source,
        known: &BTreeMap<String, Secret>,
        answers: &Answers,
        consent: bool,
    ) -> Result<Self, Failure> {
        let value = |name: &str| {
            let found = answers.get(name).filter(|v| !v.reveal().is_empty());
            found.or_else(|| known.get(name))
        };
        let client_auth = chosen(source, |name| value(name).map(|v| v.reveal().to_owned()));
        let mut entries = Vec::new();
        let mut settings = BTreeMap::new();
        let mut missing = BTreeMap::new();
        for field in &source.auth.fields {
            if !field.applies(client_auth) {
                continue;
            }
            let Some(value) = value(&field.name) else {
                let needed = field.required && field.default.is_none();
                if needed && !(field.obtained && consent) {
                    missing.insert(
                        field.name.clone(),
                        format!("`{}` is missing: {}", field.name, field.label),
                    );
                }
                continue;
            };
            match field.kept {
                Kept::Store => entries.push((field.name.clone(), value.reveal().to_owned())),
                Kept::Settings => {
                    settings.insert(field.name.clone(), value.reveal().to_owned());
                }
            }
        }
        let target_host = value(HOST).map(|v| v.reveal().to_owned());
        if target_host.is_none() && matches!(source.host, SourceHost::Account { .. }) {
            missing.insert(
                HOST.to_owned(),
                format!("`{HOST}` is missing: the host of your account"),
            );
        }
        if !missing.is_empty() {
            return Err(Failure {
                fields: missing,
                ..Failure::new(Code::FieldMissing, "fields are missing")
            });
        }
        let mut names: Vec<String> = source
            .auth
            .fields
            .iter()
            .filter(|field| field.kept == Kept::Store)
            .map(|field| field.name.clone())
            .collect();
        if source.auth.exchange.is_some() && !names.iter().any(|name| name == JOURNAL) {
            names.push(JOURNAL.to_owned());
        }
        let living = source.auth.exchange.as_ref();
        let living = living.filter(|e| e.grant.refreshes() && !consent);
        let refresh = living.and_then(|exchange| {
            let name = &exchange.refresh_token;
            Some((name.clone(), value(name)?.clone()))
        });
        Ok(Self {
            refresh,
            store: Arc::new(MemoryStore::new(entries)),
            settings,
            target_host,
            client_auth,
            is_fresh: consent || gives_secret(source, answers),
            names,
        })
    }

    /// Puts in what a consent gave.
    pub(super) async fn add(&self, entries: Vec<(String, Secret)>) {
        for (name, value) in entries {
            // Memory can always be written.
            let _ = self.store.write(&name, value).await;
        }
    }

    /// The name of the refresh token that was entered, it, and what an exchange gave in its place.
    pub(super) async fn successor(&self) -> Option<(&str, &Secret, Secret)> {
        let (name, entered) = self.refresh.as_ref()?;
        let now = self.store.read(name).await.ok().flatten()?;
        (now.reveal() != entered.reveal()).then_some((name, entered, now))
    }

    /// All entries as they are now, and those that are gone.
    pub(super) async fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for name in &self.names {
            let value = self.store.read(name).await.ok().flatten();
            changes.push((name.clone(), value));
        }
        changes
    }
}

fn gives_secret(source: &Source, answers: &Answers) -> bool {
    let mut secrets = source.auth.fields.iter().filter(|field| field.secret);
    secrets.any(|field| {
        let answer = answers.get(&field.name);
        answer.is_some_and(|value| !value.reveal().is_empty())
    })
}

/// The client authentication that values choose; none without an exchange.
pub(super) fn chosen(
    source: &Source,
    value: impl Fn(&str) -> Option<String>,
) -> Option<ClientAuthKind> {
    let choice = &source.auth.exchange.as_ref()?.client_auth;
    let word = choice.setting.as_deref().and_then(value);
    let chosen = word.and_then(|word| ClientAuthKind::from_word(&word));
    Some(chosen.unwrap_or(choice.default))
}
