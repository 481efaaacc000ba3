//! Calls that are to be under way at the same time.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

/// How long a call waits for the others. Whoever makes one after the other has given up by then.
const LONGEST: Duration = Duration::from_secs(20);

/// Calls of which none is answered before all have come. One that is made only when another was answered
/// never comes in time: the other is given up, and made again.
#[derive(Debug, Clone)]
pub(crate) struct Together(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    wanted: usize,
    come: Mutex<BTreeSet<String>>,
    all: watch::Sender<bool>,
}

/// Ends its waiting when all have come.
pub(crate) type All = watch::Receiver<bool>;

impl Together {
    /// So many calls.
    pub(crate) fn of(wanted: usize) -> Self {
        Self(Arc::new(Inner {
            wanted,
            come: Mutex::default(),
            all: watch::Sender::new(false),
        }))
    }

    /// Notes that this one came; gives what it has to wait for.
    pub(crate) fn come(&self, name: &str) -> All {
        let mut come = self.0.come.lock().unwrap();
        come.insert(name.to_owned());
        if come.len() >= self.0.wanted {
            self.0.all.send_replace(true);
        }
        self.0.all.subscribe()
    }

    /// Waits until all have come; false: they do not.
    pub(crate) async fn have_come(&self) -> bool {
        wait(self.0.all.subscribe()).await
    }
}

/// Waits until all have come; false: they do not.
pub(crate) async fn wait(mut all: All) -> bool {
    let come = all.wait_for(|all| *all);
    tokio::time::timeout(LONGEST, come).await.is_ok()
}

/// Runs what is to show that calls are under way together. A machine that is busy may keep one of them from
/// coming before another is given up, so there are three tries; of calls that are made one after the
/// other none ever shows it.
pub(crate) async fn shown(run: impl AsyncFn() -> Result<(), String>) {
    let mut told = Vec::new();
    for _ in 0..3 {
        match run().await {
            Ok(()) => return,
            Err(seen) => told.push(seen),
        }
    }
    panic!("not at the same time: {told:#?}");
}
