//! Setting up one connection: which fields, the consent, the check, and keeping it. The terminal and
//! the page drive the same [`Setup`].
//!
//! Nothing is kept before everything was found to work, and then all of it at once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hushgate_gateway::connect::consent::{Consent, Recognizer};
use hushgate_gateway::connect::source::{ClientAuthKind, FieldKind};
use hushgate_gateway::connect::{Field, Source, SourceHost};
use hushgate_gateway::ports::Secret;
use hushgate_host::connection::{RECORD, Record};
use hushgate_host::store::{Change, entry};

use super::draft::{Draft, HOST, JOURNAL, chosen};
use super::failure::Failure;
use super::place::Place;
use super::web::{
    Answers, Begun, Button, Choice, Connected, Doing, Face, Flow, Input, InputKind, Problem,
};
use super::{check, consent};
use crate::sources::Declared;

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

/// A refresh token that was entered and is used up, and the one that came for it and is not kept.
struct Left {
    name: String,
    entered: Secret,
    newest: Secret,
}

impl Setup {
    /// A new connection.
    ///
    /// # Errors
    /// When the id is none.
    pub fn new(place: Place, sources: Vec<Arc<Source>>, wanted: Wanted) -> Result<Self, Failure> {
        let Some(main) = sources.first() else {
            return Err(Failure::usage("source-unknown", "no source is named"));
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

    /// Whether a value may be given under this name.
    pub fn has_field(&self, name: &str) -> bool {
        self.field(name).is_some() || (name == HOST && self.host_input().is_some())
    }

    /// The names under which values may be given.
    pub fn field_names(&self) -> Vec<&str> {
        let host = self.host_input().map(|_| HOST);
        let fields = self.main().auth.fields.iter();
        host.into_iter()
            .chain(fields.map(|f| f.name.as_str()))
            .collect()
    }

    /// Whether a field holds a secret.
    pub fn is_secret(&self, name: &str) -> bool {
        self.field(name).is_some_and(|field| field.secret)
    }

    /// The word of the client authentication that answers choose.
    pub fn client_auth(&self, answers: &Answers) -> Option<&'static str> {
        let value = |name: &str| {
            let answer = answers.get(name).filter(|v| !v.reveal().is_empty());
            let found = answer.or_else(|| self.known.get(name))?;
            Some(found.reveal().to_owned())
        };
        chosen(self.main(), value).map(ClientAuthKind::word)
    }

    fn field(&self, name: &str) -> Option<&Field> {
        self.main().auth.fields.iter().find(|f| f.name == name)
    }

    fn chooser(&self) -> Option<&str> {
        let exchange = self.main().auth.exchange.as_ref()?;
        exchange.client_auth.setting.as_deref()
    }

    fn input(&self, field: &Field) -> Input {
        let known = self.known.get(&field.name).filter(|_| !field.secret);
        let chooser = self.chooser() == Some(field.name.as_str());
        let options: Vec<Choice> = if chooser && field.options.is_empty() {
            self.client_auths()
        } else {
            let choice = |c: &hushgate_gateway::connect::source::Choice| Choice {
                value: c.value.clone(),
                label: c.label.clone(),
            };
            field.options.iter().map(choice).collect()
        };
        let kind = match field.kind {
            _ if !options.is_empty() => InputKind::Select(options),
            FieldKind::Password => InputKind::Password,
            FieldKind::Textarea => InputKind::TextArea,
            FieldKind::Text | FieldKind::Select => InputKind::Text,
        };
        Input {
            name: field.name.clone(),
            label: field.label.clone(),
            tooltip: field.tooltip.clone(),
            kind,
            required: field.required
                && field.default.is_none()
                && !self.known.contains_key(&field.name),
            secret: field.secret,
            default: known
                .map(|value| value.reveal().to_owned())
                .or_else(|| field.default.clone()),
            when: field
                .when
                .iter()
                .map(|kind| kind.word().to_owned())
                .collect(),
            chooser,
        }
    }

    fn client_auths(&self) -> Vec<Choice> {
        let exchange = self.main().auth.exchange.as_ref();
        let options = exchange.map_or(&[][..], |e| e.client_auth.options.as_slice());
        options
            .iter()
            .map(|kind| Choice {
                value: kind.word().to_owned(),
                label: match kind {
                    ClientAuthKind::Body => "Client secret, as a parameter",
                    ClientAuthKind::Basic => "Client secret, by HTTP Basic",
                    ClientAuthKind::Certificate => "Certificate and private key",
                    ClientAuthKind::PrivateKeyJwt => "Private key",
                    ClientAuthKind::Federated => "The hosting cloud's identity; nothing is stored",
                    ClientAuthKind::None => "None",
                }
                .to_owned(),
            })
            .collect()
    }

    fn host_input(&self) -> Option<Input> {
        let SourceHost::Account { example, .. } = &self.main().host else {
            return None;
        };
        let known = self.known.get(HOST);
        Some(Input {
            name: HOST.to_owned(),
            label: format!("Your host at {}", self.main().name),
            tooltip: format!("The host name of your account, such as {example}."),
            kind: InputKind::Text,
            required: known.is_none(),
            secret: false,
            default: known.map(|value| value.reveal().to_owned()),
            when: Vec::new(),
            chooser: false,
        })
    }

    async fn finish(&self, draft: Draft) -> Result<Connected, Problem> {
        let done = self.check_and_keep(&draft).await;
        if done.is_ok() {
            *locked(&self.left) = None;
        } else if let Some((name, entered, newest)) = draft.successor().await {
            let mut left = locked(&self.left);
            // An attempt with a successor goes on for what was entered first.
            let first = left.take();
            let first = first.filter(|l| l.newest.reveal() == entered.reveal());
            let entered = first.map_or_else(|| entered.clone(), |l| l.entered);
            *left = Some(Left {
                name: name.to_owned(),
                entered,
                newest,
            });
        }
        done
    }

    async fn check_and_keep(&self, draft: &Draft) -> Result<Connected, Problem> {
        let checked =
            check::check(&self.place, &self.sources, draft, self.act_for.as_deref()).await?;
        self.keep(draft, &checked).await?;
        Ok(checked.connected)
    }

    /// The answers of another attempt: a refresh token that the last one used up gives way to its
    /// successor, so that it is not used twice.
    fn newest(&self, answers: &Answers) -> Answers {
        let mut answers = answers.clone();
        if let Some(left) = locked(&self.left).as_ref()
            && let Some(given) = answers.get_mut(&left.name)
            && given.reveal() == left.entered.reveal()
        {
            given.clone_from(&left.newest);
        }
        answers
    }

    /// The name of a refresh token that was entered and is used up, when nothing came of it.
    pub fn used_up(&self) -> Option<String> {
        locked(&self.left).as_ref().map(|left| left.name.clone())
    }

    /// Keeps everything at once.
    async fn keep(&self, draft: &Draft, checked: &check::Checked) -> Result<(), Problem> {
        let record = self.record(draft, checked);
        let mut changes = draft.changes().await;
        changes.push((RECORD.to_owned(), Some(Secret::new(record.text()))));
        let saved = match &self.before {
            None => self
                .place
                .store
                .save(&self.id, true, changes)
                .await
                .map_err(Failure::from),
            Some(_) => self.replace(changes).await,
        };
        saved.map_err(problem)
    }

    /// Replaces entries under the lock of renewals, so that no exchange under way crosses it.
    async fn replace(&self, changes: Vec<Change>) -> Result<(), Failure> {
        let lock = super::renewal::RenewalLock::take(&self.place, &self.id).await?;
        let changes = changes
            .into_iter()
            // What a static key or the journal of another account left must not stay; other fields do.
            .filter(|(name, value)| value.is_some() || name == JOURNAL)
            .collect();
        let saved = self.place.store.save(&self.id, false, changes).await;
        lock.give_back().await;
        saved.map_err(Failure::from)
    }

    fn record(&self, draft: &Draft, checked: &check::Checked) -> Record {
        let now = now();
        Record {
            id: self.id.clone(),
            source: self.main().id.clone(),
            serves: self.sources.iter().map(|s| s.id.clone()).collect(),
            label: self.label.clone(),
            account: checked.connected.account.clone(),
            email: checked.connected.email.clone(),
            target_host: draft
                .target_host
                .clone()
                .filter(|_| matches!(self.main().host, SourceHost::Account { .. })),
            settings: draft.settings.clone(),
            created: self.before.as_ref().map_or(now, |before| before.created),
            authorized: now,
            validated: checked.worked.then_some(now),
        }
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
        let auth = &self.main().auth;
        let consent = auth.asks_consent();
        if consent && self.before.is_some() {
            // The client is known; only the account's consent is asked for again.
            return Vec::new();
        }
        let asked = auth
            .fields
            .iter()
            .filter(|field| !(consent && field.obtained));
        let mut inputs: Vec<_> = self.host_input().into_iter().collect();
        inputs.extend(asked.map(|field| self.input(field)));
        if self.before.is_some() {
            // Renewing keeps the settings.
            inputs.retain(|input| input.secret);
        }
        inputs
    }

    fn accept(&self, input: &str, value: &str) -> Result<Secret, String> {
        if input == HOST {
            return self.accept_host(value);
        }
        let Some(field) = self.field(input) else {
            return Err(format!("`{input}` is no field of {}", self.main().id));
        };
        let accepted = match field.accept(value) {
            Ok(accepted) => accepted,
            // What is known need not be entered again.
            Err(_) if value.trim().is_empty() && self.known.contains_key(input) => None,
            Err(problem) => return Err(problem.to_string()),
        };
        let accepted = accepted.unwrap_or_default();
        if !accepted.is_empty()
            && self.chooser() == Some(input)
            && !self.client_auths().iter().any(|c| c.value == accepted)
        {
            let words: Vec<_> = self
                .client_auths()
                .into_iter()
                .map(|c| format!("`{}`", c.value))
                .collect();
            return Err(format!("`{input}` is not one of {}", words.join(", ")));
        }
        Ok(Secret::new(accepted))
    }

    fn begin<'a>(
        &'a self,
        answers: &'a Answers,
        redirect: &'a str,
    ) -> Doing<'a, Result<Begun, Problem>> {
        Box::pin(async move {
            let asks = self.asks_consent(answers);
            let draft = Draft::new(self.main(), &self.known, &self.newest(answers), asks)?;
            if !asks {
                return Ok(Begun::Connected(self.finish(draft).await?));
            }
            let parts = self
                .place
                .parts(
                    self.main(),
                    draft.store.clone(),
                    draft.settings.clone(),
                    draft.target_host.clone(),
                )
                .map_err(problem)?;
            let source = self.sources.first().cloned();
            let Some(source) = source else {
                return Err(problem(Failure::new(
                    "source-unknown",
                    "no source is named",
                )));
            };
            let begun = consent::begin(source, parts, redirect)
                .await
                .map_err(problem)?;
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

    fn returned<'a>(&'a self, query: &'a str) -> Doing<'a, Result<Connected, Problem>> {
        Box::pin(async move {
            let Some((under_way, draft)) = self.under_way.lock().await.take() else {
                return Err(not_begun());
            };
            let entries = under_way.complete(query).await.map_err(problem)?;
            draft.add(entries).await;
            self.finish(draft).await
        })
    }

    fn entered(&self) -> Doing<'_, Result<(), Problem>> {
        Box::pin(async move {
            let mut held = self.under_way.lock().await;
            let Some((under_way, _)) = held.as_mut() else {
                return Err(not_begun());
            };
            under_way.wait().await.map_err(problem)
        })
    }

    fn granted(&self) -> Doing<'_, Result<Connected, Problem>> {
        Box::pin(async move {
            let Some((under_way, draft)) = self.under_way.lock().await.take() else {
                return Err(not_begun());
            };
            let entries = under_way.obtained().map_err(problem)?;
            draft.add(entries).await;
            self.finish(draft).await
        })
    }
}

impl Setup {
    fn accept_host(&self, value: &str) -> Result<Secret, String> {
        let value = value.trim();
        if value.is_empty() && self.known.contains_key(HOST) {
            return Ok(Secret::new(""));
        }
        let plain = hushgate_host::config::check_host(value, self.place.config.dev_loopback);
        plain.map_err(|problem| format!("`{HOST}` is {problem}"))?;
        let origin = self
            .main()
            .origin(Some(value), self.place.config.dev_loopback);
        origin.map_err(|e| e.to_string())?;
        Ok(Secret::new(value))
    }
}

/// A failure as the page shows it.
pub(super) fn problem(failure: Failure) -> Problem {
    Problem {
        message: failure.message,
        vendor: failure.vendor,
        next: failure.next,
        code: failure.code,
        fields: BTreeMap::new(),
    }
}

fn not_begun() -> Problem {
    problem(Failure::new("consent-not-begun", "no consent is under way").next("start again"))
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
