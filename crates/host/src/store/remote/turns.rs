//! One question for all who want the same entry at the same time.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// The entries that are being asked for.
#[derive(Default)]
pub(super) struct Turns(Mutex<HashMap<String, watch::Receiver<()>>>);

/// The turn to ask for an entry. Dropping it ends the wait of the others.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    name: &'a str,
    _ends: watch::Sender<()>,
}

impl Turns {
    /// The turn to ask; none after waiting for the end of another's. Nobody waits twice: what the other
    /// found is known then, or is nothing that could be shared.
    pub(super) async fn take<'a>(&'a self, name: &'a str) -> Option<Turn<'a>> {
        let mut end = {
            let mut asking = self.asking();
            let Some(end) = asking.get(name) else {
                let (ends, end) = watch::channel(());
                asking.insert(name.to_owned(), end);
                return Some(Turn {
                    turns: self,
                    name,
                    _ends: ends,
                });
            };
            end.clone()
        };
        // Nothing is ever sent, so this ends with the sender.
        let _ = end.changed().await;
        None
    }

    fn asking(&self) -> MutexGuard<'_, HashMap<String, watch::Receiver<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.asking().remove(self.name);
    }
}
