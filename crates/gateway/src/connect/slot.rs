//! The keepers of one connector, by the user that a call acts for.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Users whose tokens are kept at once.
const MOST_SLOTS: usize = 50;

/// What is kept per user; the one used least recently goes first.
#[derive(Debug)]
pub(super) struct Slots<T>(Mutex<Table<T>>);

#[derive(Debug)]
struct Table<T> {
    slots: HashMap<String, Slot<T>>,
    moment: u64,
}

#[derive(Debug)]
struct Slot<T> {
    kept: T,
    used: u64,
}

impl<T: Clone> Slots<T> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Table {
            slots: HashMap::new(),
            moment: 0,
        }))
    }

    /// What is kept for this user, made if need be. Only what is idle may go to make room.
    pub(super) fn of(
        &self,
        user: Option<&str>,
        make: impl FnOnce() -> T,
        is_idle: impl Fn(&T) -> bool,
    ) -> T {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let user = user.unwrap_or_default();
        table.moment += 1;
        let moment = table.moment;
        if let Some(slot) = table.slots.get_mut(user) {
            slot.used = moment;
            return slot.kept.clone();
        }
        if table.slots.len() >= MOST_SLOTS {
            let idle = table.slots.iter().filter(|(_, slot)| is_idle(&slot.kept));
            let oldest = idle.min_by_key(|(_, slot)| slot.used);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                table.slots.remove(&oldest);
            }
        }
        let kept = make();
        let slot = Slot {
            kept: kept.clone(),
            used: moment,
        };
        table.slots.insert(user.to_owned(), slot);
        kept
    }

    /// All that is kept at the moment.
    pub(super) fn all(&self) -> Vec<T> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.slots.values().map(|slot| slot.kept.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn keeps_fifty_users_and_drops_the_one_not_used_for_longest() {
        let slots: Slots<Arc<()>> = Slots::new();
        let of = |user: &str| {
            slots.of(Some(user), Arc::default, |kept| {
                Arc::strong_count(kept) == 1
            })
        };
        let busy = of("busy");
        let often = Arc::as_ptr(&of("often"));
        for n in 0..500 {
            of(&format!("user{n}"));
            assert_eq!(Arc::as_ptr(&of("often")), often);
        }
        assert_eq!(slots.all().len(), MOST_SLOTS);
        assert!(Arc::ptr_eq(&busy, &of("busy")));
    }
}
