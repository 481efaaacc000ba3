//! Secrets that are needed and can't be used: named to callers by name and one word, to the log in full.

use crate::connect::ConnectFault;
use crate::ports::StoreError;
use crate::refusal::Refusal;

/// A secret that is needed and can't be used.
#[derive(Debug)]
pub struct Lacking {
    /// Its name, without prefix or connection: the health check tells it to verified callers.
    pub name: String,
    /// Why, in one word.
    pub why: Lack,
    /// What a call that needs it is refused with; the detail is for the log and has the whole name.
    pub refusal: Refusal,
}

/// Why a secret can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// The store has no such entry, or a blank one.
    Missing,
    /// The store refused this function.
    Denied,
    /// The store has an entry that can't be what is wanted.
    Invalid,
    /// The store can't be asked at the moment.
    Unavailable,
}

impl Lack {
    /// The word for it, as the health check has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Denied => "denied",
            Self::Invalid => "invalid",
            Self::Unavailable => "unavailable",
        }
    }
}

impl From<&StoreError> for Lack {
    fn from(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable,
            StoreError::Denied { .. } => Self::Denied,
            StoreError::ReadOnly(_) | StoreError::NoLocks | StoreError::Unfit { .. } => {
                Self::Invalid
            }
        }
    }
}

impl Lacking {
    /// A secret that the store did not give.
    pub(crate) fn unread(name: &str, error: StoreError) -> Self {
        Self {
            name: name.to_owned(),
            why: Lack::from(&error),
            refusal: error.into(),
        }
    }

    /// A field of a source that no credential can be had without.
    pub(crate) fn field(name: &str, why: Lack, fault: ConnectFault) -> Self {
        Self {
            name: name.to_owned(),
            why,
            refusal: fault.into(),
        }
    }

    /// The refusal of a call that meets the first of these, with the details of all; none when there are none.
    pub(crate) fn refusal_of(all: &[Self]) -> Option<Refusal> {
        let cause = all.first()?.refusal.cause();
        let details: Vec<&str> = all.iter().map(|l| l.refusal.detail()).collect();
        Some(Refusal::new(cause, details.join("; ")))
    }
}
