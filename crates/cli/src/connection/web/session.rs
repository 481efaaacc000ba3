//! What happens between the first page and the last: one session, one browser, one connection.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hushgate_gateway::ports::Secret;
use tokio::sync::watch;

use super::flow::{Answers, Begun, Connected, Device, Doing, Flow, Input, InputKind};
use super::form::Pairs;
use super::keys::Key;
use crate::connection::code::Code;
use crate::connection::failure::Failure;

/// How long what is under way at the end of the time may take to end.
const LAST_WORK: Duration = Duration::from_mins(1);

/// Where the setup stands.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// The form is to be filled in, for the first time or again.
    Form(Review),
    /// The vendor is to be asked for consent.
    Consent {
        /// Where.
        url: String,
        /// Whether the browser has been sent there.
        sent: bool,
    },
    /// A code is to be entered at the vendor's.
    Device(Device),
    /// Something outside is being waited for.
    Working,
    /// Done.
    Connected(Connected),
    /// Given up.
    Cancelled,
}

/// How far the browser has come with the page that tells of the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LastPage {
    /// It did not ask for it yet.
    Awaited,
    /// It has the page.
    Told,
    /// And its style sheet.
    Dressed,
}

/// How a setup ends.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// With a connection.
    Connected(Connected),
    /// By the person's wish.
    Cancelled,
}

impl End {
    fn of(stage: &Stage) -> Option<Self> {
        match stage {
            Stage::Connected(connected) => Some(Self::Connected(connected.clone())),
            Stage::Cancelled => Some(Self::Cancelled),
            Stage::Form(_) | Stage::Consent { .. } | Stage::Device(_) | Stage::Working => None,
        }
    }
}

/// What was wrong with the last answers.
#[derive(Debug, Clone, Default)]
pub(super) struct Review {
    /// Per field.
    pub(super) errors: BTreeMap<String, String>,
    /// With all of them.
    pub(super) problem: Option<Failure>,
    /// What was typed into fields that are no secret.
    pub(super) shown: BTreeMap<String, String>,
    /// Secrets that were accepted and need not be typed again.
    pub(super) kept: Vec<String>,
}

/// One setup in one browser.
pub(super) struct Session {
    flow: Arc<dyn Flow>,
    /// Opens the session once.
    pass: Mutex<Option<Key>>,
    cookie: Key,
    redirect: String,
    stage: watch::Sender<Stage>,
    answers: Mutex<Answers>,
    last_page: watch::Sender<LastPage>,
}

/// Why answers are not even looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the form has a field that was not asked for")]
pub(super) struct NotAsked;

impl Session {
    /// A session that `pass` opens and `cookie` continues.
    pub(super) fn new(flow: Arc<dyn Flow>, pass: Key, cookie: Key, redirect: String) -> Self {
        Self {
            flow,
            pass: Mutex::new(Some(pass)),
            cookie,
            redirect,
            stage: watch::Sender::new(Stage::Form(Review::default())),
            answers: Mutex::default(),
            last_page: watch::Sender::new(LastPage::Awaited),
        }
    }

    /// What is set up.
    pub(super) fn flow(&self) -> &dyn Flow {
        self.flow.as_ref()
    }

    /// Where the vendor returns to.
    pub(super) fn redirect(&self) -> &str {
        &self.redirect
    }

    /// The cookie's value, for whoever has the pass, once.
    pub(super) fn enter(&self, pass: &str) -> Option<&str> {
        let mut kept = locked(&self.pass);
        if kept.as_ref().is_some_and(|key| key.is(pass)) {
            *kept = None;
            return Some(self.cookie.reveal());
        }
        None
    }

    /// Whether this is the session's cookie.
    pub(super) fn knows(&self, cookie: &str) -> bool {
        self.cookie.is(cookie)
    }

    /// Where the setup stands, after waiting up to `patience` for what is under way.
    pub(super) async fn settled(&self, patience: Duration) -> Stage {
        let mut stage = self.stage.subscribe();
        let idle = stage.wait_for(|stage| !matches!(stage, Stage::Working));
        match tokio::time::timeout(patience, idle).await {
            Ok(Ok(stage)) => stage.clone(),
            _ => self.stage.borrow().clone(),
        }
    }

    /// Waits up to `patience` for a code to be entered.
    pub(super) async fn entered(&self, patience: Duration) {
        let mut stage = self.stage.subscribe();
        let entered = stage.wait_for(|stage| !matches!(stage, Stage::Device(_)));
        // Whoever comes back too early sees the code again.
        let _ = tokio::time::timeout(patience, entered).await;
    }

    /// Waits for the end, up to `patience` and for what is under way then; none when it was not reached.
    pub(super) async fn ended(&self, patience: Duration) -> Option<End> {
        let mut stage = self.stage.subscribe();
        let ended = stage.wait_for(|stage| End::of(stage).is_some());
        if let Ok(Ok(stage)) = tokio::time::timeout(patience, ended).await {
            return End::of(&stage);
        }
        End::of(&self.settled(LAST_WORK).await)
    }

    /// Waits until the browser has come so far with the last page.
    pub(super) async fn reached(&self, stage: LastPage) {
        // An error can't be: this session holds the sender.
        let _ = self
            .last_page
            .subscribe()
            .wait_for(|now| *now >= stage)
            .await;
    }

    /// Notes that the page was given that tells of the end.
    pub(super) fn told(&self) {
        self.last_page.send_replace(LastPage::Told);
    }

    /// Notes that the style sheet was given.
    pub(super) fn dressed(&self) {
        self.last_page.send_if_modified(|now| {
            let last = *now == LastPage::Told;
            if last {
                *now = LastPage::Dressed;
            }
            last
        });
    }

    /// Where the vendor asks for consent, if that is what is waited for.
    pub(super) fn consent(&self) -> Option<String> {
        let mut url = None;
        self.stage.send_if_modified(|stage| {
            if let Stage::Consent { url: known, sent } = stage {
                url = Some(known.clone());
                *sent = true;
            }
            false
        });
        url
    }

    /// Takes the answers of the form and goes on with them if they fit.
    ///
    /// # Errors
    /// When there is an answer to something that was not asked.
    pub(super) fn submit(self: &Arc<Self>, pairs: Pairs) -> Result<(), NotAsked> {
        let inputs = self.flow.inputs();
        if pairs
            .iter()
            .any(|(name, _)| !inputs.iter().any(|input| input.name == *name))
        {
            return Err(NotAsked);
        }
        let given: BTreeMap<_, _> = pairs.into_iter().collect();
        let mut answers = locked(&self.answers);
        let started = self.stage.send_if_modified(|stage| {
            // What comes from another tab while something is under way, or after the end, is late.
            if !matches!(stage, Stage::Form(_) | Stage::Consent { .. }) {
                return false;
            }
            let review = review(self.flow.as_ref(), &inputs, &given, &mut answers);
            *stage = if review.errors.is_empty() {
                Stage::Working
            } else {
                Stage::Form(review)
            };
            true
        });
        let working = matches!(*self.stage.borrow(), Stage::Working);
        drop(answers);
        if started && working {
            self.begin();
        }
        Ok(())
    }

    /// Goes back to the form from where consent is waited for.
    pub(super) fn back(&self) {
        self.stage.send_if_modified(|stage| {
            let waits = matches!(stage, Stage::Consent { .. });
            if waits {
                *stage = Stage::Form(self.kept());
            }
            waits
        });
    }

    /// Gives the setup up, unless something is under way or it has ended.
    pub(super) fn cancel(&self) {
        self.stage.send_if_modified(|stage| {
            let open = matches!(
                stage,
                Stage::Form(_) | Stage::Consent { .. } | Stage::Device(_)
            );
            if open {
                *stage = Stage::Cancelled;
            }
            open
        });
    }

    /// Takes what came back from the vendor; false, and nothing happens, when it belongs to no
    /// consent that is waited for.
    pub(super) fn returned(self: &Arc<Self>, query: String) -> bool {
        let ours = self.stage.send_if_modified(|stage| {
            let ours = matches!(stage, Stage::Consent { .. }) && self.flow.recognizes(&query);
            if ours {
                *stage = Stage::Working;
            }
            ours
        });
        if ours {
            let session = Arc::clone(self);
            self.work(async move {
                let connected = session.flow.returned(&query).await?;
                Ok(Begun::Connected(connected))
            });
        }
        ours
    }

    fn begin(self: &Arc<Self>) {
        let session = Arc::clone(self);
        self.work(async move {
            let answers = locked(&session.answers).clone();
            session.flow.begin(&answers, &session.redirect).await
        });
    }

    /// Does something outside of the request that asked for it, so that a browser that goes away does
    /// not stop it half-way.
    fn work(self: &Arc<Self>, task: impl Future<Output = Result<Begun, Failure>> + Send + 'static) {
        let session = Arc::clone(self);
        // A future of its own size would contain itself: work may lead to more work.
        let task: Doing<'static, _> = Box::pin(task);
        let task = tokio::spawn(task);
        tokio::spawn(async move {
            let result = task.await.unwrap_or_else(|_| Err(internal()));
            session.go_on(result);
        });
    }

    fn go_on(self: &Arc<Self>, result: Result<Begun, Failure>) {
        let stage = match result {
            Ok(Begun::Consent(url)) => Stage::Consent { url, sent: false },
            Ok(Begun::Device(device)) => Stage::Device(device),
            Ok(Begun::Connected(connected)) => {
                locked(&self.answers).clear();
                Stage::Connected(connected)
            }
            Err(problem) => Stage::Form(Review {
                errors: problem.fields.clone(),
                problem: Some(problem),
                ..self.kept()
            }),
        };
        let device = match &stage {
            Stage::Device(device) => Some(device.clone()),
            _ => None,
        };
        self.stage.send_replace(stage);
        if let Some(device) = device {
            self.await_code(device);
        }
    }

    /// Goes on once the code was entered, unless the setup was given up before.
    fn await_code(self: &Arc<Self>, device: Device) {
        let session = Arc::clone(self);
        tokio::spawn(async move {
            let entered = session.flow.entered().await;
            let waited = session.stage.send_if_modified(|stage| {
                let waits = matches!(stage, Stage::Device(known) if *known == device);
                if waits {
                    *stage = Stage::Working;
                }
                waits
            });
            if !waited {
                return;
            }
            let next = Arc::clone(&session);
            session.work(async move {
                entered?;
                next.flow.granted().await.map(Begun::Connected)
            });
        });
    }

    /// The form again, with nothing wrong.
    fn kept(&self) -> Review {
        let answers = locked(&self.answers);
        let mut review = Review::default();
        for input in self.flow.inputs() {
            let Some(answer) = answers.get(&input.name) else {
                continue;
            };
            if input.secret {
                review.kept.push(input.name);
            } else {
                review.shown.insert(input.name, answer.reveal().to_owned());
            }
        }
        review
    }
}

/// Looks at every answer; what fits is put to the answers.
fn review(
    flow: &dyn Flow,
    inputs: &[Input],
    given: &BTreeMap<String, String>,
    answers: &mut Answers,
) -> Review {
    let mut review = Review::default();
    let chosen = inputs.iter().find(|input| input.chooser).and_then(|input| {
        let given = given.get(&input.name).filter(|value| !value.is_empty());
        given.or(input.default.as_ref())
    });
    for input in inputs {
        let applies = input.when.is_empty() || chosen.is_some_and(|c| input.when.contains(c));
        if !applies {
            answers.remove(&input.name);
            continue;
        }
        // Browsers send line ends as CRLF.
        let value = given
            .get(&input.name)
            .map(|value| value.replace("\r\n", "\n"))
            .unwrap_or_default();
        if !input.secret {
            review.shown.insert(input.name.clone(), value.clone());
        }
        match answer(flow, input, &value, answers.get(&input.name)) {
            Ok(Some(accepted)) => {
                answers.insert(input.name.clone(), accepted);
                if input.secret {
                    review.kept.push(input.name.clone());
                }
            }
            Ok(None) => {
                answers.remove(&input.name);
            }
            Err(message) => {
                answers.remove(&input.name);
                review.errors.insert(input.name.clone(), message);
            }
        }
    }
    review
}

fn answer(
    flow: &dyn Flow,
    input: &Input,
    value: &str,
    before: Option<&Secret>,
) -> Result<Option<Secret>, String> {
    if value.trim().is_empty() {
        return match before.filter(|_| input.secret) {
            Some(before) => Ok(Some(before.clone())),
            None if input.required && input.default.is_none() => Err(missing(input)),
            None => Ok(None),
        };
    }
    if let InputKind::Select(choices) = &input.kind
        && !choices.iter().any(|choice| choice.value == value)
    {
        return Err("choose one of the list".to_owned());
    }
    flow.accept(&input.name, value).map(Some)
}

fn missing(input: &Input) -> String {
    match input.kind {
        InputKind::Select(_) => "choose one of the list".to_owned(),
        _ => format!("enter the {}", lower_first(&input.label)),
    }
}

/// A label inside a sentence: `Client secret` is `client secret`, `API key` stays.
fn lower_first(label: &str) -> String {
    let mut rest = label.chars();
    match (rest.next(), rest.as_str().chars().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().collect::<String>() + rest.as_str()
        }
        _ => label.to_owned(),
    }
}

fn internal() -> Failure {
    Failure::new(Code::Internal, "the command failed inside")
        .next("end the command with Ctrl-C, start it again, and report it if it stays")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
