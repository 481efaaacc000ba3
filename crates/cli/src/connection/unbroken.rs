//! Steps that an interruption waits for: an exchange whose result is not kept yet is a token lost.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Notify;

static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);
static ENDED: Notify = Notify::const_new();

/// Does a step that is not broken off by an interruption of the command.
pub(super) async fn unbroken<T>(step: impl Future<Output = T>) -> T {
    let _until_done = Step::begin();
    step.await
}

/// Whether no such step is under way.
pub(super) fn idle() -> bool {
    UNDER_WAY.load(Ordering::SeqCst) == 0
}

/// Ends when no such step is under way.
pub(super) async fn until_idle() {
    loop {
        let ended = ENDED.notified();
        if idle() {
            return;
        }
        ended.await;
    }
}

struct Step;

impl Step {
    fn begin() -> Self {
        UNDER_WAY.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
        ENDED.notify_waiters();
    }
}
