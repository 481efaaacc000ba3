//! A lock in a parameter, exact although the service has no compare-and-set.
//!
//! The service creates a parameter only once when it is not to be overwritten, and gives every later
//! write a number: one more than that of the write before it, whoever made it. So the writes to one
//! parameter stand in one order that every instance sees alike, and each can be judged afterwards:
//!
//! - A write says which one before it was *in force* when its writer looked: its *base*.
//! - It is in force itself exactly when that was still so at its own place in the order.
//!
//! Whoever wants the lock reads the newest write, finds that the one in force holds nothing (given back,
//! or its time is over), and writes a claim with that base. When the number of its claim is the base's
//! plus one, nobody was between, and the lock is its own. Else it reads what lies between and judges as
//! everyone does: of two claims with the same base the first is in force and the second is not, so that
//! one owner is told [`Locked::Acquired`] and the other [`Locked::Held`]. An old answer to the first read
//! can only name a base that is not in force any more; such a claim counts for nothing. The same holds for
//! a claim that the network delivers twice or late.
//!
//! The lock is never deleted while the connection lives (numbers would begin anew); giving it back is a
//! write too. The service keeps the last 100 writes, of which a handful is ever looked at. The lock holds
//! no secret and is a plain `String`, so that it needs no key.

use std::time::{Duration, SystemTime};

use aws_sdk_ssm::types::ParameterType;
use hushgate_gateway::ports::{Locked, Secret, StoreError};
use hushgate_host::store::lock_entry;
use hushgate_host::store::remote::Write;

use super::{Parameters, Place};

/// How often the lock is looked at anew when it was created or deleted in between.
const LOOKS: u32 = 3;
/// Most writes between a claim and its base that are judged.
const MOST_BETWEEN: i64 = 40;
/// The entry of a lock that was given back.
const FREE: &str = "0 -";
/// How long a write that is known to be there is waited for.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
];

/// One write to the parameter.
struct Written {
    version: i64,
    /// The write that was in force when this one was made; none when a hand wrote it, which counts.
    base: Option<i64>,
    entry: Secret,
}

impl Written {
    fn parse(text: &str, version: i64) -> Self {
        let parsed = text.split_once(' ').and_then(|(base, entry)| {
            let base = base.parse().ok().filter(|b| (0..version).contains(b))?;
            Some((base, entry))
        });
        let (base, entry) = match parsed {
            Some((base, entry)) => (Some(base), entry),
            None => (None, ""),
        };
        Self {
            version,
            base,
            entry: Secret::new(entry),
        }
    }
}

/// Takes the lock for `owner`, or keeps it.
pub(super) async fn take(
    store: &Parameters,
    name: &str,
    owner: &str,
    ttl: Duration,
) -> Result<Locked, StoreError> {
    let place = store.place(name);
    for _ in 0..LOOKS {
        let now = SystemTime::now();
        let Some(newest) = newest(store, &place).await? else {
            let Some(entry) = lock_entry::acquire(None, owner, ttl, now) else {
                return Ok(Locked::Held);
            };
            if write(store, &place, 0, &entry, Write::OnlyNew)
                .await?
                .is_some()
            {
                return Ok(Locked::Acquired);
            }
            continue;
        };
        let holder = in_force(store, &place, newest).await?;
        let Some(entry) = lock_entry::acquire(Some(&holder.entry), owner, ttl, now) else {
            return Ok(Locked::Held);
        };
        let base = holder.version;
        let Some(version) = write(store, &place, base, &entry, Write::Any).await? else {
            continue;
        };
        let claim = Written {
            version,
            base: Some(base),
            entry,
        };
        let holder = in_force(store, &place, claim).await?;
        return Ok(if lock_entry::is_of(&holder.entry, owner) {
            Locked::Acquired
        } else {
            Locked::Held
        });
    }
    let text = format!("`{}` is created and deleted again and again", place.name);
    Err(StoreError::Unavailable(text))
}

/// Gives the lock back if it is this owner's.
pub(super) async fn give_back(
    store: &Parameters,
    name: &str,
    owner: &str,
) -> Result<(), StoreError> {
    let place = store.place(name);
    let Some(newest) = newest(store, &place).await? else {
        return Ok(());
    };
    let holder = in_force(store, &place, newest).await?;
    if lock_entry::is_of(&holder.entry, owner) {
        // If another took it over meanwhile, this one is not in force.
        let free = Secret::new(FREE);
        write(store, &place, holder.version, &free, Write::Any).await?;
    }
    Ok(())
}

/// The write that is in force once `last` was made.
async fn in_force(store: &Parameters, place: &Place, last: Written) -> Result<Written, StoreError> {
    let Some(base) = last.base.map(|b| b.max(1)) else {
        return Ok(last);
    };
    if base + 1 >= last.version {
        return Ok(last);
    }
    if last.version - base > MOST_BETWEEN {
        let text = format!("`{}` was written too often at once", place.name);
        return Err(StoreError::Unavailable(text));
    }
    // Whoever wrote `last` saw its base in force; from there on each write is judged in its turn.
    let mut holder = at(store, place, base).await?;
    for version in base + 1..last.version {
        let next = at(store, place, version).await?;
        if next.base.is_none_or(|b| b == holder.version) {
            holder = next;
        }
    }
    let counts = last.base == Some(holder.version);
    Ok(if counts { last } else { holder })
}

async fn newest(store: &Parameters, place: &Place) -> Result<Option<Written>, StoreError> {
    let read = store.read(&place.name).await;
    let read = read.map_err(|f| f.store(place.target("ssm:GetParameter")))?;
    Ok(read.map(|(text, version)| Written::parse(&text, version)))
}

/// The write of this number, which is known to be there.
async fn at(store: &Parameters, place: &Place, version: i64) -> Result<Written, StoreError> {
    let name = format!("{}:{version}", place.name);
    let mut pauses = PAUSES.iter();
    loop {
        let read = store.read(&name).await;
        let read = read.map_err(|f| f.store(place.target("ssm:GetParameter")))?;
        if let Some((text, _)) = read {
            return Ok(Written::parse(&text, version));
        }
        let Some(pause) = pauses.next() else {
            let text = format!("version {version} of `{}` does not show", place.name);
            return Err(StoreError::Unavailable(text));
        };
        tokio::time::sleep(*pause).await;
    }
}

async fn write(
    store: &Parameters,
    place: &Place,
    base: i64,
    entry: &Secret,
    how: Write,
) -> Result<Option<i64>, StoreError> {
    let text = format!("{base} {}", entry.reveal());
    let written = store.write(&place.name, &text, how, ParameterType::String);
    let written = written.await;
    written.map_err(|f| f.store(place.target("ssm:PutParameter")))
}
