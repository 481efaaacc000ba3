//! The life cycle of shared tokens under a deterministic simulation: several instances, a store, a
//! provider and everything that can go wrong between them, over the code that serves requests.
//!
//! `HUSHGATE_SCHEDULES` says how many schedules are played (default 100,000), `HUSHGATE_SEED` with which
//! seed they begin; `HUSHGATE_REPLAY` plays one seed and prints its trace, `HUSHGATE_FLAW` with a defect.
//! `cargo xtask simulate` sets these.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::unreachable,
    reason = "a test fails by panicking"
)]

mod flaws;
mod provider;
mod rng;
mod run;
mod schedule;
mod store;
mod world;

use std::time::Instant;

use flaws::Flaw;
use run::{Seen, Violation, run};

/// Schedules in the normal test run.
const USUAL: u64 = 100_000;
/// Every defect is found within so many schedules.
const FLAW_BUDGET: u64 = 20_000;

fn from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    let parsed = text.parse();
    Some(parsed.unwrap_or_else(|_| panic!("{name} is not a whole number: `{text}`")))
}

fn report(seed: u64, flaw: Flaw, what: &str) -> String {
    let replayed = run(seed, flaw, true);
    let trace = match replayed {
        Err(Violation { trace, .. }) => trace.join("\n"),
        Ok(_) => {
            "the second run of the same seed held: the simulation is not deterministic".to_owned()
        }
    };
    format!("seed {seed}: {what}\n\n{trace}\n\nreplay: cargo xtask simulate --replay {seed}\n")
}

#[test]
fn no_token_is_lost_in_any_schedule() {
    if let Some(seed) = from_environment("HUSHGATE_REPLAY") {
        return replay(seed);
    }
    let first = from_environment("HUSHGATE_SEED").unwrap_or(1);
    let count = from_environment("HUSHGATE_SCHEDULES").unwrap_or(USUAL);
    let begun = Instant::now();
    let mut seen = Seen::default();
    for (number, seed) in (first..first + count).enumerate() {
        match run(seed, Flaw::None, false) {
            Ok(more) => seen.add(more),
            Err(violation) => panic!("{}", report(seed, Flaw::None, &violation.what)),
        }
        if count > USUAL && (number + 1) % 50_000 == 0 {
            progress(number as u64 + 1, begun, &seen);
        }
    }
    progress(count, begun, &seen);
    if count >= 10_000 {
        let worth = [seen.reused, seen.deaths, seen.interrupted, seen.outdated];
        assert!(worth.iter().all(|n| *n > 0), "too tame: {seen:?}");
    }
}

fn progress(done: u64, begun: Instant, seen: &Seen) {
    let seconds = begun.elapsed().as_secs_f64();
    let Seen {
        exchanges,
        deaths,
        interrupted,
        outdated,
        requests,
        reused,
    } = seen;
    println!(
        "{done} schedules held in {seconds:.1} s ({:.0} a second): {requests} requests, {exchanges} exchanges, {deaths} crashes; {interrupted} connections lost by a crash or a lost answer and told so, {outdated} by an old token written back, {reused} used-up tokens tried after their successor was lost",
        f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / seconds
    );
}

fn replay(seed: u64) {
    let name = std::env::var("HUSHGATE_FLAW").unwrap_or_default();
    let flaw = flaws::ALL.into_iter().find(|f| format!("{f:?}") == name);
    match run(seed, flaw.unwrap_or(Flaw::None), true) {
        Ok(shown) => println!("seed {seed} held: {shown:?}"),
        Err(violation) => panic!(
            "seed {seed}: {}\n\n{}\n",
            violation.what,
            violation.trace.join("\n")
        ),
    }
}

#[test]
fn the_same_seed_gives_the_same_schedule() {
    let trace = |seed| {
        let mut seen = Vec::new();
        // A defect makes sure that there is a trace to compare.
        for seed in seed..seed + 300 {
            if let Err(violation) = run(seed, Flaw::NoLock, true) {
                seen.push((seed, violation.what, violation.trace));
            }
        }
        seen
    };
    let first = trace(1);
    assert!(!first.is_empty());
    assert_eq!(first, trace(1));
}

#[test]
fn every_defect_of_the_protocol_is_found() {
    for flaw in flaws::ALL {
        let found = (1..=FLAW_BUDGET).find_map(|seed| Some((seed, run(seed, flaw, false).err()?)));
        let Some((seed, violation)) = found else {
            panic!("{flaw:?} is not found in {FLAW_BUDGET} schedules");
        };
        println!("{flaw:?}: found by schedule {seed}: {}", violation.what);
    }
}
