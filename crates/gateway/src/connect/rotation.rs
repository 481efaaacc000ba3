//! Refresh tokens that change with their use: the newest one is never lost while this process lives.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::ports::{Secret, SecretStore};

/// Pauses before the second and third attempt to save a token.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_millis(400)];
/// The least time between two later attempts, so that a store that is down is not flooded.
const BETWEEN_SAVES: Duration = Duration::from_secs(1);
/// How many used tokens are remembered, to recognize a stale read of the store.
const REMEMBERED: usize = 8;

/// What this process knows of the refresh token beyond the store.
#[derive(Debug, Default)]
pub(super) struct Rotation(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Tokens that were used up here.
    used: Vec<Secret>,
    /// The newest token that an exchange returned.
    newest: Option<Secret>,
    /// Whether `newest` is not in the store.
    unsaved: bool,
    /// When saving it was tried again.
    tried: Option<Instant>,
}

impl Rotation {
    /// The token to use, given what the store holds: a token that was used up here means that the
    /// store is behind, so the newest one known is used; any other was put there by someone else.
    pub(super) fn newest(&self, stored: &str) -> Secret {
        let state = self.state();
        match &state.newest {
            Some(newest) if state.used.iter().any(|u| u.reveal() == stored) => newest.clone(),
            _ => Secret::new(stored),
        }
    }

    /// Remembers a returned token and writes it to the store, in up to three attempts. If that
    /// fails, the token is kept in memory and saved by [`Rotation::save_again`].
    pub(super) async fn keep(
        &self,
        name: &str,
        used: &Secret,
        new: &Secret,
        store: &dyn SecretStore,
    ) {
        if used.reveal() == new.reveal() {
            return;
        }
        self.note(used, new);
        for pause in PAUSES {
            match store.write(name, new.clone()).await {
                Ok(()) => return self.saved(new),
                Err(_) => tokio::time::sleep(pause).await,
            }
        }
        match store.write(name, new.clone()).await {
            Ok(()) => self.saved(new),
            Err(error) => {
                tracing::error!(secret = name, %error, "a new refresh token could not be saved; it is kept in memory and lost when this process ends: repair the store's write permission at once");
            }
        }
    }

    /// One more attempt to save a token that could not be saved.
    pub(super) async fn save_again(&self, name: &str, store: &dyn SecretStore) {
        let newest = {
            let state = self.state();
            state.newest.clone().filter(|_| state.unsaved)
        };
        if let Some(newest) = newest {
            match store.write(name, newest.clone()).await {
                Ok(()) => {
                    self.saved(&newest);
                    tracing::info!(secret = name, "the new refresh token is saved now");
                }
                Err(error) => {
                    tracing::error!(secret = name, %error, "the new refresh token still can't be saved");
                }
            }
        }
    }

    /// Whether a token waits to be saved and was not tried again within the last second.
    pub(super) fn due_to_save(&self) -> bool {
        let mut state = self.state();
        let now = Instant::now();
        let rested = state
            .tried
            .is_none_or(|at| now.duration_since(at) >= BETWEEN_SAVES);
        if !state.unsaved || !rested {
            return false;
        }
        state.tried = Some(now);
        true
    }

    fn note(&self, used: &Secret, new: &Secret) {
        let mut state = self.state();
        if state.used.len() >= REMEMBERED {
            state.used.remove(0);
        }
        state.used.push(used.clone());
        state.newest = Some(new.clone());
        state.unsaved = true;
    }

    fn saved(&self, token: &Secret) {
        let mut state = self.state();
        if state
            .newest
            .as_ref()
            .is_some_and(|n| n.reveal() == token.reveal())
        {
            state.unsaved = false;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
