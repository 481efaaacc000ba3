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
//! Where too many writes came after the one in force, as when many instances ask for a lock at the same
//! moment, who has it is not looked up any more. A claim that was written then is told [`Locked::Held`]. Once
//! nothing was written for longer than any lock is held, whoever had it has it no longer, and a claim may name
//! the newest write in place of a base: it is in force exactly when it is the very next one.
//!
//! The lock is never deleted while the connection lives (numbers would begin anew); giving it back is a
//! write too. The service keeps the last 100 writes, of which a handful is ever looked at. The lock holds
//! no secret and is a plain `String`, so that it needs no key.

use std::time::{Duration, SystemTime};

use aws_sdk_ssm::types::ParameterType;
use hushgate_gateway::ports::{Locked, Secret, StoreError};
use hushgate_host::store::lock_entry;
use hushgate_host::store::remote::Write;

use super::{Parameters, Place, READ};

/// How often the lock is looked at anew when it was created or deleted in between.
const LOOKS: u32 = 3;
/// Most writes between a claim and its base that are judged.
const MOST_BETWEEN: i64 = 40;
/// Longer than any lock is held, and than clocks are apart.
const SILENCE: Duration = Duration::from_mins(15);
/// The entry of a lock that was given back.
const FREE: &str = "0 -";
/// How long a write that is known to be there is waited for.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(150),
    Duration::from_millis(400),
];

/// What a write rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    /// The write that was in force when this one was made.
    InForce(i64),
    /// The newest write, when nothing was in force for sure.
    Newest(i64),
    /// None: a hand wrote it, which counts.
    Hand,
}

/// One write to the parameter.
struct Written {
    version: i64,
    base: Base,
    entry: Secret,
}

impl Written {
    fn parse(text: &str, version: i64) -> Self {
        let earlier = |text: &str| text.parse().ok().filter(|b| (0..version).contains(b));
        let parsed = text.split_once(' ').and_then(|(base, entry)| {
            let base = match base.strip_prefix('=') {
                Some(newest) => Base::Newest(earlier(newest)?),
                None => Base::InForce(earlier(base)?),
            };
            Some((base, entry))
        });
        let (base, entry) = parsed.unwrap_or((Base::Hand, ""));
        Self {
            version,
            base,
            entry: Secret::new(entry),
        }
    }

    /// Whether it came into force, where this was in force before it.
    fn follows(&self, holder: i64) -> bool {
        match self.base {
            Base::InForce(base) => base == holder,
            Base::Newest(newest) => newest + 1 == self.version,
            Base::Hand => true,
        }
    }
}

impl std::fmt::Display for Base {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::InForce(base) => write!(f, "{base}"),
            Self::Newest(newest) => write!(f, "={newest}"),
            Self::Hand => f.write_str("-"),
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
        let Some((newest, since)) = newest(store, &place).await? else {
            let Some(entry) = lock_entry::acquire(None, owner, ttl, now) else {
                return Ok(Locked::Held);
            };
            if write(store, &place, Base::InForce(0), &entry, Write::OnlyNew)
                .await?
                .is_some()
            {
                return Ok(Locked::Acquired);
            }
            continue;
        };
        let last = newest.version;
        let (held, base) = match in_force(store, &place, newest).await? {
            Some(holder) => (Some(holder.entry), Base::InForce(holder.version)),
            None if is_silent(since, now) => (None, Base::Newest(last)),
            None => return Err(unclear(&place)),
        };
        let Some(entry) = lock_entry::acquire(held.as_ref(), owner, ttl, now) else {
            return Ok(Locked::Held);
        };
        let Some(version) = write(store, &place, base, &entry, Write::Any).await? else {
            continue;
        };
        let claim = Written {
            version,
            base,
            entry,
        };
        let holder = match base {
            Base::Newest(newest) if newest + 1 != version => return Ok(Locked::Held),
            _ => in_force(store, &place, claim).await?,
        };
        let is_ours = holder.is_some_and(|h| lock_entry::is_of(&h.entry, owner));
        return Ok(if is_ours {
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
    let Some((newest, _)) = newest(store, &place).await? else {
        return Ok(());
    };
    let holder = in_force(store, &place, newest).await?;
    let holder = holder.ok_or_else(|| unclear(&place))?;
    if lock_entry::is_of(&holder.entry, owner) {
        // If another took it over meanwhile, this one is not in force.
        let free = Secret::new(FREE);
        let base = Base::InForce(holder.version);
        write(store, &place, base, &free, Write::Any).await?;
    }
    Ok(())
}

/// Whether nothing was written for so long that nobody has the lock.
fn is_silent(since: Option<SystemTime>, now: SystemTime) -> bool {
    let quiet = since.and_then(|since| now.duration_since(since).ok());
    quiet.is_some_and(|quiet| quiet >= SILENCE)
}

fn unclear(place: &Place) -> StoreError {
    StoreError::Unavailable(format!(
        "`{}` was written so often at once that who has the lock can't be told; it can be taken again \
         {} minutes after the last write, or at once when this parameter is deleted",
        place.name,
        SILENCE.as_secs() / 60
    ))
}

/// The write that is in force once `last` was made; none when too many are to be looked at.
async fn in_force(
    store: &Parameters,
    place: &Place,
    mut last: Written,
) -> Result<Option<Written>, StoreError> {
    let end = last.version;
    let base = loop {
        match last.base {
            Base::InForce(base) => break base.max(1),
            Base::Newest(newest) if newest + 1 < last.version => {
                // It never was in force.
                if end - last.version >= MOST_BETWEEN {
                    return Ok(None);
                }
                last = at(store, place, last.version - 1).await?;
            }
            Base::Newest(_) | Base::Hand => return Ok(Some(last)),
        }
    };
    if base + 1 >= last.version {
        return Ok(Some(last));
    }
    if end - base > MOST_BETWEEN {
        return Ok(None);
    }
    // Whoever wrote `last` saw its base in force; from there on each write is judged in its turn.
    let mut holder = at(store, place, base).await?;
    for version in base + 1..last.version {
        let next = at(store, place, version).await?;
        if next.follows(holder.version) {
            holder = next;
        }
    }
    let counts = last.follows(holder.version);
    Ok(Some(if counts { last } else { holder }))
}

/// The newest write, and when it was made.
async fn newest(
    store: &Parameters,
    place: &Place,
) -> Result<Option<(Written, Option<SystemTime>)>, StoreError> {
    let read = store.read(&place.name).await;
    let read = read.map_err(|f| f.store(place.target(READ)))?;
    Ok(read.map(|read| (Written::parse(&read.text, read.version), read.since)))
}

/// The write of this number, which is known to be there.
async fn at(store: &Parameters, place: &Place, version: i64) -> Result<Written, StoreError> {
    let name = format!("{}:{version}", place.name);
    let mut pauses = PAUSES.iter();
    loop {
        let read = store.read(&name).await;
        let read = read.map_err(|f| f.store(place.target(READ)))?;
        if let Some(read) = read {
            return Ok(Written::parse(&read.text, version));
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
    base: Base,
    entry: &Secret,
    how: Write,
) -> Result<Option<i64>, StoreError> {
    let text = format!("{base} {}", entry.reveal());
    let written = store.write(&place.name, &text, how, ParameterType::String);
    let written = written.await;
    written.map_err(|f| f.store(place.target("ssm:PutParameter")))
}
