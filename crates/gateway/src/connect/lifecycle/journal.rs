//! The journal in the store's entry `ACCESS_TOKEN`: the shared access token, which refresh token is
//! the current one, and how far the exchange of it came.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::print::Print;
use crate::ports::Secret;

/// Used refresh tokens that are remembered.
pub(super) const MOST_USED: usize = 16;
/// The longest journal that is read.
const LONGEST: usize = 64 * 1024;
/// The longest reason that is kept.
const LONGEST_REASON: usize = 300;
/// The version of the form below. A newer one is never guessed at.
const VERSION: u64 = 1;

/// The journal of one connection.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    /// Grows with every write.
    pub seq: u64,
    /// The access token.
    pub token: Option<Stored>,
    /// The print of the current refresh token.
    pub refresh: Option<Print>,
    /// The prints of refresh tokens that were replaced, the newest last.
    pub used: Vec<Print>,
    /// An exchange whose outcome is not recorded.
    pub intent: Option<Intent>,
    /// A refresh token that the token endpoint refused.
    pub refused: Option<Refused>,
    /// Until when the token endpoint asked to be left alone.
    pub wait: Option<Wait>,
}

/// An access token in the journal.
#[derive(Debug, Clone)]
pub struct Stored {
    /// The token.
    pub value: Secret,
    /// When it was obtained.
    pub from: SystemTime,
    /// When it ends.
    pub until: SystemTime,
}

/// That an exchange was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// Who began it: the process and its turn.
    pub owner: String,
    /// When, by the owner's clock.
    pub at: SystemTime,
    /// The print of the refresh token that is exchanged.
    pub refresh: Print,
    /// Whether its owner knows that the answer is lost, so that nobody can hold a newer token.
    pub lost: bool,
    /// Whether an exchange of the same token before it had no known outcome either.
    pub unsure: bool,
}

/// That the token endpoint refused a refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its print. Another refresh token in the store is not concerned.
    pub refresh: Print,
    /// Until when it is not tried again.
    pub until: SystemTime,
    /// Refusals in a row.
    pub strikes: u32,
    /// Why, without any value.
    pub reason: String,
    /// When the exchange began whose outcome is unknown and which probably used the token up.
    pub interrupted: Option<SystemTime>,
}

/// That the token endpoint asked to be left alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// Until when.
    pub until: SystemTime,
    /// With which status.
    pub status: u16,
}

/// Why a text is no journal that this version can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JournalError {
    /// It is something else, such as another program's token.
    #[error("is not a journal of this program")]
    Foreign,
    /// A newer version of this program wrote it.
    #[error("was written by a newer version of this program; update this instance")]
    Newer,
}

impl Journal {
    /// Reads a journal, strictly: a member too many or of another type and it is none.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn read(text: &str) -> Result<Self, JournalError> {
        if text.len() > LONGEST {
            return Err(JournalError::Foreign);
        }
        if let Ok(form) = serde_json::from_str::<Form<'_>>(text)
            && form.v == VERSION
        {
            return form.into_journal();
        }
        match serde_json::from_str::<Version>(text) {
            Ok(Version { v }) if v > VERSION => Err(JournalError::Newer),
            _ => Err(JournalError::Foreign),
        }
    }

    /// The text of this journal.
    pub fn write(&self) -> Secret {
        let prints: Vec<String> = self.used.iter().map(Print::to_string).collect();
        let form = Form {
            v: VERSION,
            seq: self.seq,
            token: self.token.as_ref().map(|t| TokenForm {
                value: Text::Borrowed(t.value.reveal()),
                from: millis(t.from),
                until: millis(t.until),
            }),
            refresh: self.refresh.map(|p| p.to_string()),
            used: prints,
            intent: self.intent.as_ref().map(|i| IntentForm {
                owner: i.owner.clone(),
                at: millis(i.at),
                refresh: i.refresh.to_string(),
                lost: i.lost,
                unsure: i.unsure,
            }),
            refused: self.refused.as_ref().map(|r| RefusedForm {
                refresh: r.refresh.to_string(),
                until: millis(r.until),
                strikes: r.strikes,
                reason: r.reason.chars().take(LONGEST_REASON).collect(),
                interrupted: r.interrupted.map(millis),
            }),
            wait: self.wait.map(|w| WaitForm {
                until: millis(w.until),
                status: w.status,
            }),
        };
        // Plain members of texts and numbers always have a JSON form.
        Secret::new(serde_json::to_string(&form).unwrap_or_default())
    }

    /// The journal that follows this one.
    #[must_use]
    pub(super) fn next(&self) -> Self {
        Self {
            seq: self.seq.saturating_add(1),
            ..self.clone()
        }
    }

    /// Remembers a refresh token that was replaced.
    pub(super) fn note_used(&mut self, print: Print) {
        if !self.used.contains(&print) {
            self.used.push(print);
        }
        let excess = self.used.len().saturating_sub(MOST_USED);
        self.used.drain(..excess);
    }
}

type Text<'a> = std::borrow::Cow<'a, str>;

#[derive(Deserialize)]
struct Version {
    v: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form<'a> {
    v: u64,
    seq: u64,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    token: Option<TokenForm<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    used: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    intent: Option<IntentForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refused: Option<RefusedForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wait: Option<WaitForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenForm<'a> {
    #[serde(borrow)]
    value: Text<'a>,
    from: u64,
    until: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IntentForm {
    owner: String,
    at: u64,
    refresh: String,
    #[serde(default)]
    lost: bool,
    #[serde(default)]
    unsure: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RefusedForm {
    refresh: String,
    until: u64,
    strikes: u32,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interrupted: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitForm {
    until: u64,
    status: u16,
}

impl Form<'_> {
    fn into_journal(self) -> Result<Journal, JournalError> {
        if self.used.len() > MOST_USED {
            return Err(JournalError::Foreign);
        }
        let used: Option<Vec<Print>> = self.used.iter().map(|t| Print::parse(t)).collect();
        Ok(Journal {
            seq: self.seq,
            token: part(self.token, TokenForm::into_stored)?,
            refresh: part(self.refresh, |text| Print::parse(&text))?,
            used: used.ok_or(JournalError::Foreign)?,
            intent: part(self.intent, IntentForm::into_intent)?,
            refused: part(self.refused, RefusedForm::into_refused)?,
            wait: part(self.wait, WaitForm::into_wait)?,
        })
    }
}

impl TokenForm<'_> {
    fn into_stored(self) -> Option<Stored> {
        let value = Zeroizing::new(self.value.into_owned());
        let plain = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
        let stored = Stored {
            value: Secret::new(value.as_str()),
            from: moment(self.from)?,
            until: moment(self.until)?,
        };
        (plain && stored.from <= stored.until).then_some(stored)
    }
}

impl IntentForm {
    fn into_intent(self) -> Option<Intent> {
        Some(Intent {
            owner: self.owner,
            at: moment(self.at)?,
            refresh: Print::parse(&self.refresh)?,
            lost: self.lost,
            unsure: self.unsure,
        })
    }
}

impl RefusedForm {
    fn into_refused(self) -> Option<Refused> {
        let plain = !self.reason.chars().any(char::is_control);
        Some(Refused {
            refresh: Print::parse(&self.refresh)?,
            until: moment(self.until)?,
            strikes: self.strikes,
            reason: Some(self.reason).filter(|_| plain)?,
            interrupted: part(self.interrupted, moment).ok()?,
        })
    }
}

impl WaitForm {
    fn into_wait(self) -> Option<Wait> {
        Some(Wait {
            until: moment(self.until)?,
            status: self.status,
        })
    }
}

/// An optional part, which must be right if it is there.
fn part<A, B>(
    form: Option<A>,
    read: impl FnOnce(A) -> Option<B>,
) -> Result<Option<B>, JournalError> {
    form.map(|form| read(form).ok_or(JournalError::Foreign))
        .transpose()
}

fn millis(at: SystemTime) -> u64 {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn moment(millis: u64) -> Option<SystemTime> {
    // Year 9999; later ones are nonsense and overflow elsewhere.
    let sane = millis < 253_402_300_800_000;
    UNIX_EPOCH
        .checked_add(Duration::from_millis(millis))
        .filter(|_| sane)
}

#[cfg(test)]
mod tests;
