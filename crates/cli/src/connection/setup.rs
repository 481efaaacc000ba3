//! Setting up one connection: which fields, the consent, the check, and keeping it. The terminal and
//! the page drive the same [`Setup`].
//!
//! Nothing is kept before everything was found to work, and then all of it at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hushgate_gateway::connect::Source;
use hushgate_gateway::connect::consent::{Consent, Recognizer};
use hushgate_gateway::ports::Secret;
use hushgate_host::connection::{RECORD, Record};
use hushgate_host::store::entry;

use super::code::Code;
use super::consent;
use super::draft::{Draft, HOST};
use super::failure::Failure;
use super::place::Place;
use super::web::{Answers, Begun, Button, Connected, Doing, Face, Flow, Input};
use crate::sources::Declared;

mod form;
mod keep;

use keep::Left;

/// What a connection is set up as.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Its id; none: the source's.
    pub id: Option<String>,
    /// Its name for people.
    pub label: Option<String>,
    /// The user that a service account acts for while it is checked.
    pub act_for: Option<String>,
}

/// The setup of one connection.
pub struct Setup {
    place: Place,
    /// The sources it serves; the first is the one it is set up with.
    sources: Vec<Arc<Source>>,
    id: String,
    label: Option<String>,
    act_for: Option<String>,
    /// The record of a connection that is renewed.
    before: Option<Record>,
    /// Values that need not be asked for again.
    known: BTreeMap<String, Secret>,
    under_way: tokio::sync::Mutex<Option<(consent::UnderWay, Draft)>>,
    recognizer: std::sync::Mutex<Option<Recognizer>>,
    /// What an attempt that failed left behind.
    left: std::sync::Mutex<Option<Left>>,
}

impl Setup {
    /// A new connection.
    ///
    /// # Errors
    /// When the id is none.
    pub fn new(place: Place, sources: Vec<Arc<Source>>, wanted: Wanted) -> Result<Self, Failure> {
        let Some(main) = sources.first() else {
            return Err(Failure::usage(Code::SourceUnknown, "no source is named"));
        };
        let id = wanted.id.unwrap_or_else(|| main.id.clone());
        super::place::check_id(&id)?;
        let known = match &place.config.target_host {
            Some(host) => BTreeMap::from([(HOST.to_owned(), Secret::new(host.as_str()))]),
            None => BTreeMap::new(),
        };
        Ok(Self {
            place,
            sources,
            id,
            label: wanted.label,
            act_for: wanted.act_for,
            before: None,
            known,
            under_way: tokio::sync::Mutex::default(),
            recognizer: std::sync::Mutex::default(),
            left: std::sync::Mutex::default(),
        })
    }

    /// A connection that is renewed in place: its id and settings stay, and so do secrets that are
    /// not entered again.
    ///
    /// # Errors
    /// When the store can't be read.
    pub async fn again(
        place: Place,
        sources: Vec<Arc<Source>>,
        record: Record,
        wanted: Wanted,
    ) -> Result<Self, Failure> {
        let mut setup = Self::new(
            place,
            sources,
            Wanted {
                id: Some(record.id.clone()),
                label: wanted.label.or_else(|| record.label.clone()),
                ..wanted
            },
        )?;
        let mut known = BTreeMap::new();
        for (name, value) in &record.settings {
            known.insert(name.clone(), Secret::new(value.as_str()));
        }
        if let Some(host) = &record.target_host {
            known.insert(HOST.to_owned(), Secret::new(host.as_str()));
        }
        let auth = &setup.main().auth;
        let living = auth.exchange.as_ref().filter(|e| e.grant.refreshes());
        let living = living.map(|e| e.refresh_token.as_str());
        for field in &auth.fields {
            let name = entry(&record.id, &field.name);
            // A refresh token in use is the functions' alone: trying it here could lose its successor.
            if !field.obtained
                && living != Some(field.name.as_str())
                && let Some(value) = setup.place.store.read_newest(&name).await?
            {
                known.insert(field.name.clone(), value);
            }
        }
        setup.known.extend(known);
        setup.before = Some(record);
        Ok(setup)
    }

    /// The connection's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The ids of the sources it serves.
    pub fn served(&self) -> Vec<&str> {
        self.sources.iter().map(|s| s.id.as_str()).collect()
    }

    /// The source it is set up with.
    pub fn main(&self) -> &Source {
        // `new` refuses an empty list.
        &self.sources[0]
    }

    /// Whether a consent is part of this setup, with these answers: not when what it gives was
    /// entered.
    pub fn asks_consent(&self, answers: &Answers) -> bool {
        let auth = &self.main().auth;
        let mut obtained = auth.fields.iter().filter(|field| field.obtained);
        auth.asks_consent() && !obtained.all(|field| answers.contains_key(&field.name))
    }

    /// Refuses answers that leave a field open, before anything is begun with them.
    ///
    /// # Errors
    /// `field-missing`, with every field.
    pub fn check_complete(&self, answers: &Answers) -> Result<(), Failure> {
        self.draft(answers).map(drop)
    }

    fn draft(&self, answers: &Answers) -> Result<Draft, Failure> {
        let asks = self.asks_consent(answers);
        Draft::new(self.main(), &self.known, &self.newest(answers), asks)
    }

    /// Refuses a new connection whose id is taken, before anything is asked.
    ///
    /// # Errors
    /// `connection-exists`.
    pub async fn check_free(&self) -> Result<(), Failure> {
        if self.before.is_some() {
            return Ok(());
        }
        let taken = self
            .place
            .store
            .read_newest(&entry(&self.id, RECORD))
            .await?;
        match taken {
            Some(_) => Err(hushgate_host::store::SaveError::Exists(self.id.clone()).into()),
            None => Ok(()),
        }
    }

    /// Whether a connection there is is renewed.
    pub fn is_renewal(&self) -> bool {
        self.before.is_some()
    }
}

/// The picture that a built-in source declares for the button.
fn picture(source: &Source) -> Option<Button> {
    source.connect_button.as_ref()?;
    let (media, bytes) = Declared::find(&source.id).ok()?.button?;
    let bytes = Bytes::from_static(bytes);
    Some(Button { media, bytes })
}

impl Flow for Setup {
    fn face(&self) -> Face {
        let source = self.main();
        let permissions: Vec<_> = self
            .sources
            .iter()
            .flat_map(|s| s.auth.scope.iter().chain(&s.auth.permissions).cloned())
            .collect();
        Face {
            source: source.name.clone(),
            connection: self.id.clone(),
            store: self.place.name.clone(),
            docs: Some(source.docs.clone()).filter(|docs| !docs.is_empty()),
            consent: source.auth.asks_consent(),
            by_code: Consent::redirect(source).is_none(),
            again: self.before.is_some(),
            permissions,
            button: picture(source),
        }
    }

    fn inputs(&self) -> Vec<Input> {
        self.questions()
    }

    fn accept(&self, input: &str, value: &str) -> Result<Secret, String> {
        self.accepted(input, value)
    }

    fn begin<'a>(
        &'a self,
        answers: &'a Answers,
        redirect: &'a str,
    ) -> Doing<'a, Result<Begun, Failure>> {
        Box::pin(async move {
            let draft = self.draft(answers)?;
            if !self.asks_consent(answers) {
                return Ok(Begun::Connected(self.finish(draft).await?));
            }
            let parts = self.place.parts(
                self.main(),
                draft.store.clone(),
                draft.settings.clone(),
                draft.target_host.clone(),
            )?;
            let source = self.sources.first().cloned();
            let Some(source) = source else {
                return Err(Failure::new(Code::SourceUnknown, "no source is named"));
            };
            let begun = consent::begin(source, parts, redirect).await?;
            *locked(&self.recognizer) = begun.recognizer;
            *self.under_way.lock().await = Some((begun.under_way, draft));
            Ok(begun.shown)
        })
    }

    fn recognizes(&self, query: &str) -> bool {
        locked(&self.recognizer)
            .as_ref()
            .is_some_and(|ours| ours.recognizes(query))
    }

    fn returned<'a>(&'a self, query: &'a str) -> Doing<'a, Result<Connected, Failure>> {
        Box::pin(async move {
            let Some((under_way, draft)) = self.under_way.lock().await.take() else {
                return Err(not_begun());
            };
            let entries = under_way.complete(query).await?;
            draft.add(entries).await;
            self.finish(draft).await
        })
    }

    fn entered(&self) -> Doing<'_, Result<(), Failure>> {
        Box::pin(async move {
            let mut held = self.under_way.lock().await;
            let Some((under_way, _)) = held.as_mut() else {
                return Err(not_begun());
            };
            under_way.wait().await
        })
    }

    fn granted(&self) -> Doing<'_, Result<Connected, Failure>> {
        Box::pin(async move {
            let Some((under_way, draft)) = self.under_way.lock().await.take() else {
                return Err(not_begun());
            };
            let entries = under_way.obtained()?;
            draft.add(entries).await;
            self.finish(draft).await
        })
    }
}

fn not_begun() -> Failure {
    Failure::new(Code::ConsentNotBegun, "no consent is under way")
}

fn locked<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The present moment, in seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
