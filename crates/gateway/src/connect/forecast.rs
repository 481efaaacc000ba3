//! When a connection ends, foretold from what the source declares and what is known of it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::diagnosis::last_use;
use super::source::{Auth, ClientAuthKind, Grant, Kept};
use super::{ConnectFault, Connector, chosen_client_auth};
use crate::time;

mod certificate;
#[cfg(test)]
mod tests;

/// What is known of a connection.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The present moment.
    pub now: SystemTime,
    /// When the account consented or the key was given.
    pub authorized: Option<SystemTime>,
    /// When the refresh token was used last.
    pub used: Option<SystemTime>,
    /// The client authentication that is configured.
    pub client_auth: Option<ClientAuthKind>,
    /// The values of the fields that `certificate` and `ends` of [`super::source::Forecast`] name.
    pub fields: BTreeMap<String, String>,
}

/// An end that is foreseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// What ends.
    pub what: Ending,
    /// The field that it is about, if it is about one.
    pub field: Option<String>,
    /// When; none: it is declared, but its value can't be read.
    pub when: Option<SystemTime>,
    /// How urgent it is.
    pub urgency: Urgency,
}

/// What ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The consent, with every refresh token that came of it.
    Consent,
    /// The refresh token, if it is not used before.
    Unused,
    /// The key.
    Key,
    /// Nothing yet, but the key is old and should be replaced.
    KeyAge,
    /// The certificate.
    Certificate,
    /// What a field says of itself.
    Declared,
}

/// How urgent an end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// It is far away.
    Fine,
    /// It is near, or can't be known.
    Soon,
    /// It has come.
    Over,
}

impl Ending {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Consent => "consent-ends",
            Self::Unused => "unused-ends",
            Self::Key => "key-ends",
            Self::KeyAge => "key-old",
            Self::Certificate => "certificate-ends",
            Self::Declared => "declared-end",
        }
    }

    /// What to do before it comes.
    pub fn next_step(self) -> &'static str {
        match self {
            Self::Consent => "reconnect before that: `hushgate connection reconnect`",
            Self::Unused => "use the connection before that",
            Self::Key | Self::Declared => {
                "make a new one at the vendor and store it: `hushgate connection rotate`"
            }
            Self::KeyAge => "replace the key: `hushgate connection rotate`",
            Self::Certificate => {
                "register a new certificate at the vendor and store its key: `hushgate connection rotate`"
            }
        }
    }
}

impl Urgency {
    /// The stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Soon => "soon",
            Self::Over => "over",
        }
    }
}

/// The ends that are foreseen, the next one first.
pub fn foresee(auth: &Auth, facts: &Facts) -> Vec<Foreseen> {
    let declared = &auth.forecast;
    let mut ends = Vec::new();
    let mut span = |what, since: Option<SystemTime>, life: Option<Duration>| {
        let when = since.zip(life).and_then(|(since, life)| {
            Some((since.checked_add(life)?, declared.warn_before.min(life / 3)))
        });
        if let Some((when, margin)) = when {
            ends.push(Foreseen {
                what,
                field: None,
                when: Some(when),
                urgency: urgency(facts.now, when, margin),
            });
        }
    };
    span(
        Ending::Consent,
        facts.authorized,
        declared.refresh_token_life,
    );
    let used = facts.used.or(facts.authorized);
    span(Ending::Unused, used, declared.refresh_token_idle);
    if keeps_key(auth, facts.client_auth) {
        span(Ending::Key, facts.authorized, declared.key_life);
        span(Ending::KeyAge, facts.authorized, declared.key_age);
    }
    for end in &mut ends {
        // An old key still works.
        if end.what == Ending::KeyAge && end.urgency != Urgency::Fine {
            let due = end.when.is_some_and(|when| when <= facts.now);
            end.urgency = if due { Urgency::Soon } else { Urgency::Fine };
        }
    }
    let dated = declared
        .certificate
        .iter()
        .map(|field| (Ending::Certificate, field))
        .chain(declared.ends.iter().map(|field| (Ending::Declared, field)));
    for (what, field) in dated {
        let applies = auth.fields.iter().find(|f| f.name == *field);
        let applies = applies.is_some_and(|f| f.applies(facts.client_auth));
        let value = facts.fields.get(field).map(|v| v.trim());
        let Some(value) = value.filter(|v| applies && !v.is_empty()) else {
            continue;
        };
        let when = match what {
            Ending::Certificate => certificate::end(value),
            _ => date(value),
        };
        let when = when.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        ends.push(Foreseen {
            what,
            field: Some(field.clone()),
            when,
            urgency: when.map_or(Urgency::Soon, |when| {
                urgency(facts.now, when, declared.warn_before)
            }),
        });
    }
    // What can't be read comes first: it needs a look.
    ends.sort_by_key(|end| end.when);
    ends
}

impl Connector {
    /// The ends that are foreseen for this connection, the next one first. `authorized` is when the
    /// account consented or the key was given, `used` when somebody saw it used last; the journal in
    /// the store may know of a later use.
    ///
    /// # Errors
    /// When the store can't be read or the configuration is wrong.
    pub async fn forecast(
        &self,
        authorized: Option<SystemTime>,
        used: Option<SystemTime>,
    ) -> Result<Vec<Foreseen>, ConnectFault> {
        let (auth, parts) = (&self.source().auth, self.parts());
        let client_auth = match &auth.exchange {
            Some(exchange) => Some(chosen_client_auth(exchange, &parts.settings)?),
            None => None,
        };
        // Functions use it more often than somebody looks at it.
        let used = used.max(last_use(parts.store.as_ref()).await);
        let mut fields = BTreeMap::new();
        for name in auth.forecast.certificate.iter().chain(&auth.forecast.ends) {
            let field = auth.fields.iter().find(|f| f.name == *name);
            let value = match field.map(|f| f.kept) {
                Some(Kept::Store) => {
                    let value = parts.store.read(name).await?;
                    value.map(|v| v.reveal().to_owned())
                }
                Some(Kept::Settings) => parts.settings.get(name).cloned(),
                None => None,
            };
            fields.extend(value.map(|value| (name.clone(), value)));
        }
        let facts = Facts {
            now: parts.clock.now(),
            authorized,
            used,
            client_auth,
            fields,
        };
        Ok(foresee(auth, &facts))
    }
}

/// Whether a key, a password or a client's secret is stored: what a consent gives is none, and the
/// hosting cloud's identity may stand in its place.
fn keeps_key(auth: &Auth, client_auth: Option<ClientAuthKind>) -> bool {
    let refresh = auth.exchange.as_ref().map(|e| e.refresh_token.as_str());
    let refresh = refresh.filter(|_| auth.grant.is_some_and(Grant::refreshes));
    auth.fields.iter().any(|field| {
        let stored = field.secret && field.kept == Kept::Store && field.applies(client_auth);
        stored && !field.obtained && refresh != Some(field.name.as_str())
    })
}

fn urgency(now: SystemTime, when: SystemTime, margin: Duration) -> Urgency {
    if when <= now {
        Urgency::Over
    } else if when.duration_since(now).is_ok_and(|left| left <= margin) {
        Urgency::Soon
    } else {
        Urgency::Fine
    }
}

/// Seconds since 1970 of an RFC 3339 time, or of the beginning of a date in UTC.
fn date(text: &str) -> Option<u64> {
    time::rfc3339(text).or_else(|| time::rfc3339(&format!("{text}T00:00:00Z")))
}
