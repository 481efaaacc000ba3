//! What the page sets up, as far as the page needs to know.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use hushgate_gateway::ports::Secret;

use crate::connection::failure::Failure;

/// A future of a [`Flow`].
pub type Doing<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The answers to the form by the field's name; each as [`Flow::accept`] gave it.
pub type Answers = BTreeMap<String, Secret>;

/// A setup of one connection that the page drives: the form, the vendor's consent, the check.
pub trait Flow: Send + Sync + 'static {
    /// What the page says about the setup.
    fn face(&self) -> Face;

    /// What is asked in the form, in order; empty when everything is known already.
    fn inputs(&self) -> Vec<Input>;

    /// Whether a value fits its field; returns it as it is kept.
    ///
    /// # Errors
    /// What is wrong with it and what it must be, without the value.
    fn accept(&self, input: &str, value: &str) -> Result<Secret, String>;

    /// Goes on with accepted answers: checks and keeps the connection, or prepares the vendor's
    /// consent, which returns to `redirect`. Called again after a failure.
    fn begin<'a>(
        &'a self,
        answers: &'a Answers,
        redirect: &'a str,
    ) -> Doing<'a, Result<Begun, Failure>>;

    /// Whether a return from the vendor belongs to the consent that was begun last, and to no other:
    /// its `state` is the one that was sent. Nothing else is looked at and nothing changes.
    fn recognizes(&self, query: &str) -> bool;

    /// Goes on after the vendor's consent, or its refusal, with the query that came back. Called once for each
    /// consent begun, and only if [`Flow::recognizes`] it.
    fn returned<'a>(&'a self, query: &'a str) -> Doing<'a, Result<Connected, Failure>>;

    /// Waits until the person has entered the code of [`Begun::Device`] at the vendor's; keeps nothing,
    /// and may be dropped at any time.
    fn entered(&self) -> Doing<'_, Result<(), Failure>>;

    /// Goes on after [`Flow::entered`].
    fn granted(&self) -> Doing<'_, Result<Connected, Failure>>;
}

/// What the page says about the setup.
#[derive(Debug, Clone, Default)]
pub struct Face {
    /// The source's name for people.
    pub source: String,
    /// The id of the connection.
    pub connection: String,
    /// Where values are kept, for people.
    pub store: String,
    /// The vendor's documentation.
    pub docs: Option<String>,
    /// Whether the vendor is asked for consent.
    pub consent: bool,
    /// Whether that is done with a code, on a page of the vendor's from which nothing leads back.
    pub by_code: bool,
    /// Whether a connection there is is being renewed.
    pub again: bool,
    /// What the account must have granted, for people.
    pub permissions: Vec<String>,
    /// The vendor's picture for the button.
    pub button: Option<Button>,
}

/// The vendor's picture for the button.
#[derive(Debug, Clone)]
pub struct Button {
    /// Its media type.
    pub media: &'static str,
    /// The picture.
    pub bytes: Bytes,
}

/// One question of the form.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its field's name: upper-case letters, digits and `_`.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What it is and where to find it.
    pub tooltip: String,
    /// How it is asked.
    pub kind: InputKind,
    /// Whether it must be answered.
    pub required: bool,
    /// Whether the answer must not be shown again.
    pub secret: bool,
    /// What is used without an answer.
    pub default: Option<String>,
    /// The choices of `chooser` for which it is asked; empty: all.
    pub when: Vec<String>,
    /// Whether its answer is what `when` speaks of.
    pub chooser: bool,
}

/// How a question is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputKind {
    /// One line.
    Text,
    /// One line that is not shown.
    Password,
    /// Several lines.
    TextArea,
    /// One of these.
    Select(Vec<Choice>),
}

/// One of several answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What is kept.
    pub value: String,
    /// What is shown.
    pub label: String,
}

/// How the setup goes on.
#[derive(Debug, Clone)]
pub enum Begun {
    /// The vendor asks for consent at this URL.
    Consent(String),
    /// The vendor asks for a code on a page of its own (RFC 8628).
    Device(Device),
    /// It is done.
    Connected(Connected),
}

/// A code to be entered at the vendor's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The code.
    pub code: String,
    /// Where to enter it.
    pub url: String,
    /// The same with the code in it, if the vendor has such.
    pub complete: Option<String>,
}

/// A connection that works and is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Connected {
    /// The account's name, as the vendor shows it.
    pub account: Option<String>,
    /// The account's address, as the vendor shows it.
    pub email: Option<String>,
    /// What else is worth knowing, a sentence each.
    pub notes: Vec<String>,
}
