//! The service that the tests have in place of a cloud's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use super::*;

/// A service that counts versions, can be made to fail, and can answer with older states.
#[derive(Default, Clone)]
pub(super) struct Service(Arc<Mutex<State>>);

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fault of its own")]
pub(super) struct State {
    pub(super) entries: BTreeMap<String, (String, i64)>,
    pub(super) locks: BTreeMap<String, (String, tokio::time::Instant)>,
    pub(super) count: i64,
    /// Names whose writes fail, and whether all calls do.
    pub(super) failing: Vec<String>,
    pub(super) out: bool,
    /// Whether all calls are refused.
    pub(super) denied: bool,
    /// Whether changes are made without an answer.
    pub(super) losing: bool,
    /// What reads show in place of the present state, if they are late.
    pub(super) shown: Option<BTreeMap<String, (String, i64)>>,
    /// Names that are deleted without an answer.
    pub(super) lost: Vec<String>,
    /// Names that are told to be deleted, and stay.
    pub(super) staying: Vec<String>,
    /// Names that lists do not have yet, and names that they have still.
    pub(super) unlisted: Vec<String>,
    pub(super) listed: Vec<String>,
    /// Answers given in place of the present state.
    pub(super) old: BTreeMap<String, Option<(String, i64)>>,
    /// How long an answer takes, which is of the state at its question.
    pub(super) slow: Duration,
    /// Whether reads fail after that time.
    pub(super) unanswered: bool,
    /// How long a removal takes before it is done.
    pub(super) late: Duration,
    pub(super) is_exact: bool,
    /// All calls, and those that read.
    pub(super) calls: usize,
    pub(super) reads: usize,
    /// What was known at each question.
    pub(super) known: Vec<(Option<Version>, Care)>,
    pub(super) deleted: Vec<String>,
}

impl Service {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    fn call<T>(&self, name: &str, work: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        if self.state().failing.iter().any(|n| n == name) {
            return Err(StoreError::Unavailable("out".to_owned()));
        }
        let done = self.ask(name, work)?;
        if self.state().losing {
            return Err(StoreError::Unavailable(format!("`{name}`: lost")));
        }
        Ok(done)
    }

    fn ask<T>(&self, name: &str, work: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let mut state = self.state();
        state.calls += 1;
        if state.denied {
            return Err(StoreError::Denied {
                name: name.to_owned(),
                hint: "the role needs more".to_owned(),
            });
        }
        if state.out {
            return Err(StoreError::Unavailable(format!("`{name}`: out")));
        }
        Ok(work(&mut state))
    }

    /// Another process writes.
    pub(super) fn set(&self, name: &str, value: &str) {
        let mut state = self.state();
        state.count += 1;
        let entry = (value.to_owned(), state.count);
        state.entries.insert(name.to_owned(), entry);
    }
}

impl Backend for Service {
    fn whole_name(&self, name: &str) -> String {
        format!("`acme/{name}` in a service")
    }

    fn permission(&self, name: &str) -> String {
        format!("`service:Read` on `acme/{name}`")
    }

    fn get<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Entry>, StoreError>> {
        Box::pin(async move {
            let (slow, found) = self.ask(name, |state| {
                state.reads += 1;
                let present = state.shown.as_ref().unwrap_or(&state.entries);
                let present = present.get(name).cloned();
                let found = state.old.get(name).cloned().unwrap_or(present);
                let found = found.map(|(value, version)| Entry {
                    value: Secret::new(value),
                    version: Version::Number(version),
                });
                (state.slow, found)
            })?;
            if slow > Duration::ZERO {
                tokio::time::sleep(slow).await;
            }
            if self.state().unanswered {
                return Err(StoreError::Unavailable("no answer".to_owned()));
            }
            Ok(found)
        })
    }

    fn look<'a>(
        &'a self,
        name: &'a str,
        known: Option<Version>,
        care: Care,
    ) -> PortFuture<'a, Result<Found, StoreError>> {
        self.state().known.push((known, care));
        Box::pin(async move { Ok(self.get(name).await?.into()) })
    }

    fn is_exact(&self) -> bool {
        self.state().is_exact
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        value: &'a Secret,
        how: Write,
    ) -> PortFuture<'a, Result<Option<Version>, StoreError>> {
        Box::pin(async move {
            let (slow, written) = self.call(name, |state| {
                if how == Write::OnlyNew && state.entries.contains_key(name) {
                    return (Duration::ZERO, None);
                }
                state.count += 1;
                let entry = (value.reveal().to_owned(), state.count);
                state.entries.insert(name.to_owned(), entry);
                (state.slow, Some(Version::Number(state.count)))
            })?;
            if slow > Duration::ZERO {
                tokio::time::sleep(slow).await;
            }
            Ok(written)
        })
    }

    fn delete<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let late = self.state().late;
            if late > Duration::ZERO {
                tokio::time::sleep(late).await;
            }
            self.call(name, |state| {
                state.deleted.push(name.to_owned());
                if state.staying.iter().any(|stays| stays == name) {
                    return Ok(());
                }
                state.entries.remove(name);
                state.locks.remove(name);
                if state.lost.iter().any(|lost| lost == name) {
                    return Err(StoreError::Unavailable("lost".to_owned()));
                }
                Ok(())
            })?
        })
    }

    fn list<'a>(&'a self, prefix: &'a str) -> PortFuture<'a, Result<Vec<String>, StoreError>> {
        Box::pin(async move {
            self.ask(prefix, |state| {
                let names = state.entries.keys().chain(state.locks.keys());
                let names = names.filter(|n| !state.unlisted.contains(n));
                let names = names.chain(&state.listed);
                let ours = names.filter(|n| n.starts_with(prefix));
                ours.cloned().collect()
            })
        })
    }

    fn lock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
        ttl: Duration,
    ) -> PortFuture<'a, Result<Locked, StoreError>> {
        Box::pin(async move {
            self.call(name, |state| {
                let now = tokio::time::Instant::now();
                let held = state.locks.get(name);
                if held.is_some_and(|(by, until)| by != owner && now < *until) {
                    return Locked::Held;
                }
                state
                    .locks
                    .insert(name.to_owned(), (owner.to_owned(), now + ttl));
                Locked::Acquired
            })
        })
    }

    fn unlock<'a>(
        &'a self,
        name: &'a str,
        owner: &'a str,
    ) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.call(name, |state| {
                if state.locks.get(name).is_some_and(|(by, _)| by == owner) {
                    state.locks.remove(name);
                }
            })
        })
    }

    fn largest(&self) -> usize {
        4096
    }
}
