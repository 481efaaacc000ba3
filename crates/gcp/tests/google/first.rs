//! What the first request needs, and when it is fetched.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Request, Response};

use crate::together::{self, Together, shown};
use crate::world::{RULES, World, world};

/// All that the source's token is obtained with.
const FIELDS: [&str; 3] = ["--CLIENT_ID/", "--CLIENT_SECRET/", "--ACCOUNT_ID/"];
const KEY: &str = "--PSEUDONYM_KEY/";

/// The keys of the world's issuer at a place of their own.
struct KeySets {
    server: LoopbackServer,
    asked: Arc<AtomicUsize>,
}

impl KeySets {
    /// Comes as one of each of these, and answers once all have come.
    async fn of(world: &World, meet: Vec<Together>) -> Self {
        let url = format!("{}/jwks.json", world.issuer.url());
        let text = get(&url).await.text().await.unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        let server = LoopbackServer::start(move |_: Request| {
            count.fetch_add(1, Ordering::SeqCst);
            let waits: Vec<_> = meet.iter().map(|m| m.come("the issuer's keys")).collect();
            let runtime = tokio::runtime::Handle::current();
            for all in waits {
                tokio::task::block_in_place(|| runtime.block_on(together::wait(all)));
            }
            Response::new(Bytes::from(text.clone()))
        });
        let server = server.await.unwrap();
        Self { server, asked }
    }

    fn policy(&self, world: &World) -> String {
        world.policy(&format!("    jwks_uri: {}/keys\n", self.server.url()))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn get(url: &str) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(url).send().await.unwrap()
}

/// How often an entry was read.
fn read(calls: &[String], part: &str) -> usize {
    calls.iter().filter(|call| call.contains(part)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keys_are_fetched_at_once_and_so_is_all_that_the_token_takes() {
    shown(keys_and_fields).await;
}

/// One start and one call. Says what was seen, where something had to be asked for twice.
async fn keys_and_fields() -> Result<(), String> {
    let Some(world) = World::new().await else {
        return Ok(());
    };
    // The issuer's keys wait neither for an access token nor for the pseudonyms' key, nor the other way
    // round; the access token comes before what is read with it.
    let (tokens, keys) = (Together::of(2), Together::of(2));
    let fields = Together::of(FIELDS.len());
    world.metadata.meet(&tokens);
    world.project.front.meet(KEY, &keys);
    for field in FIELDS {
        world.project.front.meet(field, &fields);
    }
    let sets = KeySets::of(&world, vec![tokens, keys.clone()]).await;
    let policy = sets.policy(&world);
    world.project.front.calls();
    let given = [
        ("HUSHGATE_ACCESS", policy.as_str()),
        ("HUSHGATE_RULES", RULES),
    ];
    let function = world.function(&given).await;
    let begun = keys.have_come().await;
    let mut calls = world.project.front.calls();
    // Read for nobody but a caller who was let in.
    assert!(FIELDS.iter().all(|field| read(&calls, field) == 0));
    let (status, answer) = world.call(&function, "authorization").await;
    calls.extend(world.project.front.calls());
    let once = FIELDS.iter().chain(&[KEY]).all(|e| read(&calls, e) == 1);
    if begun && once && sets.asked() == 1 && world.metadata.asked() == 1 {
        assert_eq!(status, 200, "{answer}");
        return Ok(());
    }
    Err(format!(
        "{} key sets, {} access tokens, {calls:?}",
        sets.asked(),
        world.metadata.asked()
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_fetched_before_it() {
    let world = world!();
    let sets = KeySets::of(&world, Vec::new()).await;
    let policy = sets.policy(&world);
    let (front, wire) = (&world.project.front, &world.place.wire.mishaps);
    front.calls();
    wire.calls();
    let given = [
        ("HUSHGATE_ACCESS", policy.as_str()),
        ("HUSHGATE_RULES", RULES),
    ];
    let function = world.function(&given).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // Nothing more is fetched for a caller who is refused.
    let stranger = get(&format!("{}/v2/people", function.url)).await;
    assert_eq!(stranger.status(), 401);
    let calls = front.calls();
    assert!(calls.len() == 1 && calls[0].contains(KEY), "{calls:?}");
    assert_eq!(sets.asked(), 1);
    assert_eq!(world.metadata.asked(), 1);
    assert_eq!(wire.calls(), Vec::<String>::new());
}

/// Policy, rules and record are needed to answer anything at all: these the start waits for.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_configuration_names_is_fetched_at_once() {
    shown(named).await;
}

async fn named() -> Result<(), String> {
    const NAMED: [&str; 2] = [
        "--ACCESS/versions/latest",
        "--connections--work--connection/versions/latest",
    ];
    /// The first of two calls for an object.
    const RULES: &str = "/rules.yaml?fields=";
    let Some(world) = World::new().await else {
        return Ok(());
    };
    let all = Together::of(3);
    let (front, wire) = (&world.project.front, &world.place.wire.mishaps);
    for name in NAMED {
        front.meet(name, &all);
    }
    wire.meet(RULES, &all);
    front.calls();
    wire.calls();
    let function = world.function(&[("HUSHGATE_CONNECTION", "work")]).await;
    let (secrets, objects) = (front.calls(), wire.calls());
    let once = NAMED.iter().all(|name| read(&secrets, name) == 1);
    if !once || read(&objects, RULES) != 1 {
        return Err(format!("{secrets:?}, {objects:?}"));
    }
    let log = function.log();
    assert!(log.contains("no record of connection work"), "{log}");
    Ok(())
}
