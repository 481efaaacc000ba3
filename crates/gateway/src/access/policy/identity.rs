//! What a caller must show to be a client.

use super::super::aws::{Named, Principal};
use super::super::claims::Claims;

/// How a client proves who it is.
#[derive(Debug)]
pub(in super::super) enum Identity {
    /// By a token that is verified here.
    Token {
        issuer: String,
        subject: String,
        audiences: Vec<String>,
    },
    /// By the IAM principal that AWS verified.
    AwsIam(AwsIdentity),
    /// By a token that Cloud Run verified.
    CloudRun {
        account: AccountName,
        audiences: Vec<String>,
    },
}

/// Which IAM principals: all that is given must fit, to the letter.
#[derive(Debug)]
pub(in super::super) struct AwsIdentity {
    pub(super) partition: String,
    pub(super) account: Option<String>,
    pub(super) named: Option<AwsName>,
    pub(super) organization: Option<String>,
}

/// One user or role of an account.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AwsName {
    Role(String),
    User(String),
}

/// By what a Google account is recognized.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) enum AccountName {
    Email(String),
    Subject(String),
}

/// A Google account as a token of it says.
#[derive(Debug)]
pub(in super::super) struct GoogleAccount {
    pub(in super::super) subject: String,
    /// Its e-mail address, if the token says that it is verified.
    pub(in super::super) email: Option<String>,
    pub(in super::super) audiences: Vec<String>,
}

impl Identity {
    /// The issuer whose keys verify this client's tokens.
    pub(in super::super) fn issuer(&self) -> Option<&str> {
        match self {
            Self::Token { issuer, .. } => Some(issuer),
            Self::AwsIam(_) | Self::CloudRun { .. } => None,
        }
    }

    pub(super) fn has_token(&self, claims: &Claims) -> bool {
        matches!(self, Self::Token { issuer, subject, audiences }
            if *issuer == claims.issuer
                && *subject == claims.subject
                && share(audiences, &claims.audiences))
    }

    pub(super) fn is_google_account(&self, shown: &GoogleAccount) -> bool {
        let Self::CloudRun { account, audiences } = self else {
            return false;
        };
        let same = match account {
            AccountName::Email(email) => shown.email.as_ref() == Some(email),
            AccountName::Subject(subject) => shown.subject == *subject,
        };
        same && share(audiences, &shown.audiences)
    }

    pub(super) fn is_principal(&self, shown: &Principal<'_>) -> bool {
        let Self::AwsIam(identity) = self else {
            return false;
        };
        let fits = |wanted: &Option<String>, shown: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| shown == Some(wanted))
        };
        let named = match &identity.named {
            None => true,
            Some(AwsName::Role(name)) => shown.named == Named::Role(name),
            Some(AwsName::User(name)) => shown.named == Named::User(name),
        };
        named
            && identity.partition == shown.partition
            && fits(&identity.account, Some(shown.account))
            && fits(&identity.organization, shown.organization)
    }

    /// Whether one caller could be both, as far as the policy shows.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Token {
                    issuer,
                    subject,
                    audiences,
                },
                Self::Token {
                    issuer: i,
                    subject: s,
                    audiences: a,
                },
            ) => issuer == i && subject == s && share(audiences, a),
            (
                Self::CloudRun { account, audiences },
                Self::CloudRun {
                    account: other,
                    audiences: a,
                },
            ) => account == other && share(audiences, a),
            (Self::AwsIam(one), Self::AwsIam(other)) => one.overlaps(other),
            _ => false,
        }
    }
}

impl AwsIdentity {
    fn overlaps(&self, other: &Self) -> bool {
        fn meet<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
            a.is_none() || b.is_none() || a == b
        }
        self.partition == other.partition
            && meet(self.account.as_ref(), other.account.as_ref())
            && meet(self.named.as_ref(), other.named.as_ref())
            && meet(self.organization.as_ref(), other.organization.as_ref())
    }
}

fn share(one: &[String], other: &[String]) -> bool {
    one.iter().any(|audience| other.contains(audience))
}
