//! Faults after which nobody knows at once what is true: answers that are lost, and reads that are late.

use hushgate_gateway::ports::{Locked, Secret};
use tokio::join;

use super::super::super::admin::{SaveError, entry};
use super::super::super::remote::Ages;
use super::{
    LASTING, LONG, MARK, NEW, OLD, OTHER, World, changes, lock, name, newest, set_up, tear_down,
    text, unlock,
};

/// Changes whose answers are lost are made whole or not at all, and who made one learns which.
pub(super) async fn check_lost_answers<W: World>(world: &W, fault: W::Fault) {
    let (writer, knows) = (world.open(LASTING), world.open(LASTING));
    set_up(&writer).await;
    let read = knows.read(&name("A")).await.expect("the store answers");
    assert_eq!(text(read).as_deref(), Some(OLD));

    world.begin(fault).await;
    let (a, b, free) = (name("A"), name("B"), name("FREE"));
    let (written, removed, locked, made) = join!(
        writer.write(&a, Secret::new(NEW)),
        writer.remove(&b),
        writer.lock(&free, "one", LONG),
        writer.save(OTHER, true, changes(&["connection", "A"], NEW)),
    );
    for shown in [
        format!("{written:?} {removed:?} {locked:?} {made:?}"),
        format!("{:?}", written.as_ref().map_err(ToString::to_string)),
        format!("{:?}", made.as_ref().map_err(ToString::to_string)),
    ] {
        assert!(!shown.contains(MARK), "{shown}");
    }
    assert!(
        !matches!(made, Err(SaveError::Exists(_))),
        "{fault:?}: what it made itself is told as another's"
    );
    world.end().await;

    let fresh = world.open(LASTING);
    let (value, other) = (newest(&fresh, "A").await, newest(&fresh, "B").await);
    let wanted: &[&str] = if written.is_ok() { &[NEW] } else { &[NEW, OLD] };
    let whole = value.as_deref().is_some_and(|v| wanted.contains(&v));
    assert!(whole, "{fault:?}: {value:?}");
    let gone = other.is_none() || (removed.is_err() && other.as_deref() == Some(OLD));
    assert!(gone, "{fault:?}: {other:?}");
    for store in [&writer, &knows] {
        assert_eq!(newest(store, "A").await, value, "{fault:?}");
        assert_eq!(newest(store, "B").await, other, "{fault:?}");
    }
    let read = writer.read(&a).await.expect("the store answers");
    assert_eq!(text(read), value, "{fault:?}: what was not known is asked");

    // Whatever was told, one of them has the lock, and it is free when both gave it back.
    let two = lock(&knows, "FREE", "two").await;
    let one = lock(&writer, "FREE", "one").await;
    assert_ne!(two == Locked::Held, one == Locked::Held, "{fault:?}");
    let was_told = matches!(locked, Ok(Locked::Acquired | Locked::Kept));
    assert!(!was_told || one != Locked::Held, "{fault:?}: told and lost");
    unlock(&writer, "FREE", "one").await;
    unlock(&knows, "FREE", "two").await;
    assert_eq!(lock(&knows, "FREE", "three").await, Locked::Acquired);
    unlock(&knows, "FREE", "three").await;

    let mut there = Vec::new();
    for field in ["connection", "A"] {
        let read = knows.read_newest(&entry(OTHER, field)).await;
        there.push(text(read.expect("the store answers")));
    }
    match made {
        Ok(()) => assert!(there.iter().all(|v| v.as_deref() == Some(NEW)), "{fault:?}"),
        Err(error) => {
            let is_told = error.to_string().contains("could not be changed back");
            let is_left = there.iter().any(Option::is_some);
            assert!(is_told || !is_left, "{fault:?}: {error}");
        }
    }
    let forgotten = knows.forget(OTHER, &["A".to_owned()]).await;
    forgotten.expect("a connection is forgotten while all is well");
    tear_down(&writer).await;
}

/// Late reads hide no change from who made it, never go back, and give no lock to two.
pub(super) async fn check_late_reads<W: World>(world: &W, fault: W::Fault) {
    // Who reads long after this began may believe it.
    let late = Ages {
        settle: LONG,
        ..LASTING
    };
    let (writer, knows) = (world.open(late), world.open(late));
    set_up(&writer).await;
    assert_eq!(newest(&knows, "A").await.as_deref(), Some(OLD));
    assert_eq!(newest(&writer, "C").await, None);
    assert_eq!(lock(&writer, "FREE", "zero").await, Locked::Acquired);
    unlock(&writer, "FREE", "zero").await;
    // What everybody sees from now on: a value, and that the lock is free.
    assert_eq!(newest(&knows, "B").await.as_deref(), Some(OLD));
    unlock(&knows, "FREE", "nobody").await;

    world.begin(fault).await;
    let fresh = world.open(late);
    let free = name("FREE");
    let (one, two) = join!(
        writer.lock(&free, "one", LONG),
        knows.lock(&free, "two", LONG),
    );
    let has = |told: &Result<Locked, _>| matches!(told, Ok(Locked::Acquired | Locked::Kept));
    assert!(!(has(&one) && has(&two)), "{fault:?}: both have the lock");
    for (field, value) in [("A", NEW), ("C", NEW)] {
        let written = writer.write(&name(field), Secret::new(value)).await;
        written.expect("an entry is written while reads are late");
    }
    let removed = writer.remove(&name("B")).await;
    removed.expect("an entry is removed while reads are late");
    let mut seen = Some(OLD.to_owned());
    for _ in 0..3 {
        for (field, value) in [("A", Some(NEW)), ("B", None), ("C", Some(NEW))] {
            let read = writer.read(&name(field)).await.expect("the store answers");
            assert_eq!(text(read).as_deref(), value, "{fault:?}: `{field}`");
            let read = newest(&writer, field).await;
            assert_eq!(read.as_deref(), value, "{fault:?}: `{field}`");
        }
        let read = newest(&knows, "A").await;
        let moved = seen != read;
        assert!(
            !moved || (seen.as_deref(), read.as_deref()) == (Some(OLD), Some(NEW)),
            "{fault:?}: {read:?} after {seen:?}"
        );
        seen = read;
        let read = newest(&fresh, "A").await;
        assert!(read.is_some(), "{fault:?}: it is not gone");
    }
    world.end().await;

    let new = world.open(late);
    for store in [&writer, &knows, &fresh, &new] {
        for field in ["A", "C"] {
            let read = newest(store, field).await;
            assert_eq!(read.as_deref(), Some(NEW), "{fault:?}: `{field}`");
        }
    }
    // Who read it before takes its absence for an answer that is late.
    for store in [&writer, &new] {
        assert_eq!(newest(store, "B").await, None, "{fault:?}");
    }
    // Who was told so has it, and else nobody or who could not be told.
    for (store, owner, told) in [(&writer, "one", &one), (&knows, "two", &two)] {
        if has(told) {
            let other = lock(&fresh, "FREE", "other").await;
            assert_eq!(other, Locked::Held, "{fault:?}: {owner} has it");
            assert_ne!(lock(store, "FREE", owner).await, Locked::Held);
        }
        unlock(store, "FREE", owner).await;
    }
    assert_eq!(lock(&fresh, "FREE", "other").await, Locked::Acquired);
    unlock(&fresh, "FREE", "other").await;
    tear_down(&writer).await;
}
