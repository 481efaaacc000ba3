//! What the first request needs, and when it is fetched.

use std::time::{Duration, Instant};

use crate::proxy::{Action, Call};
use crate::stores::Services;
use crate::together::{Together, shown};
use crate::world::{Delays, RULES, World};

/// The stores of secrets, and the operation that reads an entry.
const KINDS: [(&str, &str); 2] = [
    ("aws-ssm", "GetParameter"),
    ("aws-secretsmanager", "GetSecretValue"),
];

/// All that the source's token is obtained with.
const FIELDS: [&str; 3] = ["/CLIENT_ID", "/CLIENT_SECRET", "/ACCOUNT_ID"];

/// The issuer's keys are at a place of their own, and come with these.
fn with(keys: &Together) -> Delays {
    Delays {
        keys: Some(keys.clone()),
        ..Delays::default()
    }
}

/// How often an entry was read.
fn read(calls: &[Call], end: &str) -> usize {
    calls.iter().filter(|c| c.name().ends_with(end)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_are_fetched_at_once_and_so_is_all_that_the_token_takes() {
    for (kind, _) in KINDS {
        shown(async || keys_and_fields(kind).await).await;
    }
}

/// One start and one call. Says what was seen, where something had to be asked for twice.
async fn keys_and_fields(kind: &str) -> Result<(), String> {
    // The issuer's keys and the pseudonyms' key: two peers at a time.
    let keys = Together::of(2);
    let fields = Together::of(FIELDS.len());
    let meeting = (keys.clone(), fields.clone());
    let script = move |call: &Call| {
        let field = FIELDS.iter().find(|field| call.name().ends_with(*field));
        match field {
            _ if call.name().ends_with("/PSEUDONYM_KEY") => Action::Held(meeting.0.come("the key")),
            Some(field) => Action::Held(meeting.1.come(field)),
            None => Action::Pass,
        }
    };
    let Some(services) = Services::of(kind, "first", script).await else {
        return Ok(());
    };
    let Some(world) = World::with(&services.with_key(), with(&keys)).await else {
        return Ok(());
    };
    let begun = keys.have_come().await;
    let before = services.proxy.calls();
    // Read for nobody but a caller who was let in.
    assert!(FIELDS.iter().all(|field| read(&before, field) == 0));
    let answer = world.invoke(&world.get("/v2/people").function_url()).await;
    let calls = services.proxy.calls();
    let once = |entry: &&str| read(&calls, entry) == 1;
    let once = FIELDS.iter().chain(&["/PSEUDONYM_KEY"]).all(once);
    if begun && once && world.keys_asked() == 1 {
        assert_eq!(answer.status(), 200, "{answer:?}");
        return Ok(());
    }
    let asked = calls.iter().map(Call::name).collect::<Vec<_>>();
    Err(format!("{} key sets, {asked:?}", world.keys_asked()))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_fetched_before_it() {
    for (kind, operation) in KINDS {
        let Some(services) = Services::of(kind, "before", |_| Action::Pass).await else {
            return;
        };
        let Some(world) = World::with(&services.with_key(), with(&Together::of(1))).await else {
            return;
        };
        let begun = Instant::now();
        while world.api.polls() == 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "{}", world.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Nothing more is fetched for a caller who is refused.
        let stranger = world.get("/v2/people").without("authorization");
        let answer = world.invoke(&stranger.function_url()).await;
        assert_eq!(answer.status(), 401, "{answer:?}");
        let calls = services.proxy.calls();
        let names: Vec<_> = calls
            .iter()
            .map(|c| (c.operation.as_str(), c.name()))
            .collect();
        let (_, prefix) = services.place.split_once(':').unwrap();
        let key = format!("{prefix}/PSEUDONYM_KEY");
        assert_eq!(names, [(operation, key.as_str())]);
        assert_eq!(world.keys_asked(), 1);
        assert_eq!(world.tokens(), 0);
        assert!(world.seen().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_poll_waits_for_no_key() {
    for (kind, _) in KINDS {
        shown(async || polled(kind).await).await;
    }
}

/// One start, whose keys come once it has polled.
async fn polled(kind: &str) -> Result<(), String> {
    // The pseudonyms' key, the issuer's keys, and the poll.
    let all = Together::of(3);
    let meeting = all.clone();
    let script = move |_: &Call| Action::Held(meeting.come("the key"));
    let Some(services) = Services::of(kind, "poll", script).await else {
        return Ok(());
    };
    let Some(world) = World::with(&services.with_key(), with(&all)).await else {
        return Ok(());
    };
    let begun = Instant::now();
    while world.api.polls() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", world.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    all.come("the poll");
    let met = all.have_come().await;
    let reads = services.proxy.calls().len();
    if met && reads == 1 && world.keys_asked() == 1 {
        return Ok(());
    }
    Err(format!("{reads} reads, {} key sets", world.keys_asked()))
}

/// Policy, rules and record are needed to answer anything at all: these the start waits for.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_names_is_fetched_at_once() {
    for (kind, _) in KINDS {
        shown(async || named(kind).await).await;
    }
}

async fn named(kind: &str) -> Result<(), String> {
    const NAMED: [&str; 3] = ["/rules.yaml", "/access.yaml", "connections/work/connection"];
    let all = Together::of(NAMED.len());
    let meeting = all.clone();
    let script = move |call: &Call| match NAMED.iter().find(|end| call.name().ends_with(*end)) {
        Some(name) => Action::Held(meeting.come(name)),
        None => Action::Pass,
    };
    let Some(services) = Services::of(kind, "named", script).await else {
        return Ok(());
    };
    let bucket = format!("named-{}", std::process::id());
    services.put(&bucket, "rules.yaml", RULES).await;
    services.put(&bucket, "access.yaml", "clients: []\n").await;
    let (rules, access) = (
        format!("s3://{bucket}/rules.yaml"),
        format!("s3://{bucket}/access.yaml"),
    );
    let mut variables = services.with_key();
    variables.extend([
        ("HUSHGATE_RULES", rules.as_str()),
        ("HUSHGATE_ACCESS", access.as_str()),
        ("HUSHGATE_CONNECTION", "work"),
    ]);
    let Some(world) = World::start(&variables).await else {
        return Ok(());
    };
    let met = all.have_come().await;
    let calls = services.proxy.calls();
    if !met || NAMED.iter().any(|name| read(&calls, name) != 1) {
        return Err(format!(
            "{:?}",
            calls.iter().map(Call::name).collect::<Vec<_>>()
        ));
    }
    // Nobody may call; that is known when all three are read.
    let answer = world.invoke(&world.get("/v2/people").function_url()).await;
    assert_eq!(answer.status(), 401, "{answer:?}");
    Ok(())
}
