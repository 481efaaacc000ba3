//! What the first request needs, and when it is fetched.

use std::time::{Duration, Instant};

use crate::proxy::{Action, Call};
use crate::stores::Services;
use crate::world::{Delays, RULES, World};

/// How long each call of a service takes: of two that begin within this, both are under way at once.
const EACH: Duration = Duration::from_millis(600);

fn slow() -> Delays {
    Delays {
        keys: EACH,
        ..Delays::default()
    }
}

/// When the first call came whose name ends so.
fn begin(calls: &[Call], end: &str) -> Instant {
    let found = calls.iter().find(|call| call.name().ends_with(end));
    found.unwrap_or_else(|| panic!("{end} in {calls:?}")).at
}

fn assert_at_once(begins: &[Instant]) {
    let (first, last) = (begins.iter().min().unwrap(), begins.iter().max().unwrap());
    assert!(*last - *first < EACH, "{:?} apart", *last - *first);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_are_fetched_at_once_and_so_is_all_that_the_token_takes() {
    let Some(services) = Services::start("first", |_| Action::Late(EACH)).await else {
        return;
    };
    let Some(world) = World::with(&services.with_key(), slow()).await else {
        return;
    };
    let answer = world.invoke(&world.get("/v2/people").function_url()).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    let calls = services.proxy.calls();
    // The issuer's keys and the pseudonyms' key: two peers at a time.
    let keys = world.keys_asked();
    assert_eq!(keys.len(), 1);
    assert_at_once(&[keys[0], begin(&calls, "/PSEUDONYM_KEY")]);
    // All that the token is obtained with, which is read for nobody but a caller who was let in.
    let fields = ["/CLIENT_ID", "/CLIENT_SECRET", "/ACCOUNT_ID"];
    assert_at_once(&fields.map(|field| begin(&calls, field)));
    for field in fields.into_iter().chain(["/PSEUDONYM_KEY"]) {
        let count = calls.iter().filter(|c| c.name().ends_with(field)).count();
        assert_eq!(count, 1, "{field}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_fetched_before_it() {
    let Some(services) = Services::start("before", |_| Action::Pass).await else {
        return;
    };
    let Some(world) = World::with(&services.with_key(), slow()).await else {
        return;
    };
    let begun = Instant::now();
    while world.api.polls() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", world.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let calls = services.proxy.calls();
    let names: Vec<_> = calls
        .iter()
        .map(|c| (c.operation.as_str(), c.name()))
        .collect();
    let key = format!(
        "{}/PSEUDONYM_KEY",
        services.place.trim_start_matches("aws-ssm:")
    );
    assert_eq!(names, [("GetParameter", key.as_str())]);
    assert_eq!(world.keys_asked().len(), 1);
    assert_eq!(world.tokens(), 0);
    assert!(world.seen().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_poll_waits_for_no_key() {
    let Some(services) = Services::start("poll", |_| Action::Late(3 * EACH)).await else {
        return;
    };
    let Some(world) = World::with(&services.with_key(), slow()).await else {
        return;
    };
    let asked = loop {
        if let Some(call) = services.proxy.calls().first() {
            break call.at;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    while world.api.polls() == 0 {
        assert!(
            asked.elapsed() < 2 * EACH,
            "it waits for the key before it polls"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Policy, rules and record are needed to answer anything at all: these the start waits for.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_names_is_fetched_at_once() {
    let Some(services) = Services::start("named", |_| Action::Late(EACH)).await else {
        return;
    };
    let bucket = format!("named-{}", std::process::id());
    services.put(&bucket, "rules.yaml", RULES).await;
    services.put(&bucket, "access.yaml", "clients: []\n").await;
    let (rules, access) = (
        format!("s3://{bucket}/rules.yaml"),
        format!("s3://{bucket}/access.yaml"),
    );
    let mut all = services.with_key();
    all.extend([
        ("HUSHGATE_RULES", rules.as_str()),
        ("HUSHGATE_ACCESS", access.as_str()),
        ("HUSHGATE_CONNECTION", "work"),
    ]);
    let Some(world) = World::start(&all).await else {
        return;
    };
    // Nobody may call; that is known when all three are read.
    let answer = world.invoke(&world.get("/v2/people").function_url()).await;
    assert_eq!(answer.status(), 401, "{answer:?}");
    let calls = services.proxy.calls();
    assert_at_once(&[
        begin(&calls, "/rules.yaml"),
        begin(&calls, "/access.yaml"),
        begin(&calls, "connections/work/connection"),
    ]);
}
