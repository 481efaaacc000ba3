//! Several instances that write and lock at the same time, with faults in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hushgate_gateway::ports::{Locked, Secret};

use super::{
    BRIEF, Instance, LASTING, LONG, MARK, World, lock, name, newest, set_up, tear_down, unlock,
};

const WRITERS: usize = 4;
/// Attempts between a fault's beginning and its end, and until the next.
const STRETCH: usize = 8;
const PAUSE: Duration = Duration::from_millis(30);

/// What all writers share.
#[derive(Default)]
struct Shared {
    attempts: AtomicUsize,
    /// Who works under the lock, by number from 1.
    inside: AtomicUsize,
    done: AtomicBool,
    /// After an attempt: one emulator serves many tests.
    pause: Duration,
}

/// What a writer knows of its own entry: the last round that was told to be written, and the last tried.
struct Wrote {
    told: Option<usize>,
    tried: usize,
}

/// Whatever fails in between: what was told to be written is there, values are whole, and the lock is of one.
pub(super) async fn check<W: World>(world: &W, faults: &[W::Fault]) {
    let first = world.open(LASTING);
    set_up(&first).await;
    let shared = Arc::new(Shared {
        pause: if world.remembers() { PAUSE } else { BRIEF },
        ..Shared::default()
    });
    let mut writers = tokio::task::JoinSet::new();
    for number in 1..=WRITERS {
        let (store, shared) = (world.open(LASTING), Arc::clone(&shared));
        writers.spawn(async move { (number, write(store, number, &shared).await) });
    }
    for fault in faults {
        world.begin(*fault).await;
        shared.pass(STRETCH).await;
        world.end().await;
        shared.pass(STRETCH).await;
    }
    shared.done.store(true, Ordering::SeqCst);
    let wrote = writers.join_all().await;

    let stores = [first, world.open(LASTING)];
    for (number, Wrote { told, tried }) in wrote {
        let field = own(number);
        let found = newest(&stores[1], &field).await;
        let rounds = told.unwrap_or(1)..=tried;
        let right = match &found {
            Some(found) => rounds.clone().any(|round| *found == value(number, round)),
            None => told.is_none(),
        };
        assert!(right, "writer {number}: {found:?} is not of {rounds:?}");
        let last = Secret::new(value(number, tried + 1));
        let written = stores[0].write(&name(&field), last).await;
        written.expect("an entry is written while all is well");
        let found = newest(&stores[1], &field).await;
        assert_eq!(found, Some(value(number, tried + 1)));
    }
    let common = newest(&stores[0], "COMMON").await;
    let whole = |value: &String| {
        let rest = value.strip_prefix(MARK).map(|r| r.trim().split(' '));
        rest.is_some_and(|rest| rest.flat_map(str::parse::<usize>).count() == 2)
    };
    assert!(common.as_ref().is_some_and(whole), "{common:?}");
    assert_eq!(newest(&stores[1], "COMMON").await, common);
    assert_eq!(lock(&stores[0], "LOCK", "last").await, Locked::Acquired);
    unlock(&stores[0], "LOCK", "last").await;
    for number in 1..=WRITERS {
        let removed = stores[0].remove(&name(&own(number))).await;
        removed.expect("an entry is removed while all is well");
    }
    tear_down(&stores[0]).await;
}

fn own(number: usize) -> String {
    format!("WRITER_{number}")
}

fn value(number: usize, round: usize) -> String {
    format!("{MARK} {number} {round}")
}

async fn write(store: Instance, number: usize, shared: &Shared) -> Wrote {
    let own = name(&own(number));
    let mut wrote = Wrote {
        told: None,
        tried: 0,
    };
    while !shared.done.load(Ordering::SeqCst) {
        wrote.tried += 1;
        let value = Secret::new(value(number, wrote.tried));
        let written = store.write(&own, value).await;
        shared.attempt(&written).await;
        if written.is_ok() {
            wrote.told = Some(wrote.tried);
        }
        shared.exclusively(&store, number, wrote.tried).await;
    }
    wrote
}

impl Shared {
    async fn exclusively(&self, store: &Instance, number: usize, round: usize) {
        let (lock, owner) = (name("LOCK"), format!("writer {number}"));
        loop {
            let locked = store.lock(&lock, &owner, LONG).await;
            self.attempt(&locked).await;
            match locked {
                Ok(Locked::Held) => return,
                Ok(_) => break,
                // It may be this one's nevertheless.
                Err(_) => {}
            }
        }
        let before = self.inside.swap(number, Ordering::SeqCst);
        assert_eq!(before, 0, "{owner} has the lock of writer {before}");
        // What nobody is told may be written or not.
        let common = name("COMMON");
        let written = store
            .write(&common, Secret::new(value(number, round)))
            .await;
        self.attempt(&written).await;
        self.inside.store(0, Ordering::SeqCst);
        loop {
            let unlocked = store.unlock(&lock, &owner).await;
            self.attempt(&unlocked).await;
            if unlocked.is_ok() {
                return;
            }
        }
    }

    async fn attempt<T, E>(&self, attempt: &Result<T, E>) {
        self.attempts.fetch_add(1, Ordering::SeqCst);
        let pause = if attempt.is_ok() { self.pause } else { PAUSE };
        tokio::time::sleep(pause).await;
    }

    /// Waits for so many attempts.
    async fn pass(&self, count: usize) {
        let end = self.attempts.load(Ordering::SeqCst) + count;
        let passing = async {
            while self.attempts.load(Ordering::SeqCst) < end {
                tokio::time::sleep(PAUSE).await;
            }
        };
        let passed = tokio::time::timeout(LONG, passing).await;
        passed.expect("the writers go on");
    }
}
