//! A provider that misbehaves, in every way of [`scenarios`] towards every grant of [`grants`]: each way
//! gives its own coded refusal after one call, nothing of it is shown, the refresh token stays, and the
//! next good answer is taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hushgate_gateway::egress::Egress;

use crate::server::{Recorded, Server, reply};
use crate::setup::{egress, logs};

#[path = "hostile/client.rs"]
mod client;
#[path = "hostile/consents.rs"]
mod consents;
#[path = "hostile/grants.rs"]
mod grants;
#[path = "hostile/scenarios.rs"]
mod scenarios;
#[path = "hostile/shape.rs"]
mod shape;

use client::{Client, lasting};
use grants::Grant;
use shape::{NEXT, Outcome, Scenario, good_header};

/// What a test waits for at most before it calls an attempt hung.
const PATIENCE: Duration = Duration::from_mins(2);

/// Plays one scenario against one grant, from the first call to the recovery.
async fn play(grant: Grant, scenario: Scenario, egress: Egress) {
    let at = format!("{}: {}", grant.name, scenario.name);
    let well = Arc::new(AtomicBool::new(false));
    let (flag, kind, action) = (Arc::clone(&well), grant.kind, scenario.action);
    let shape = grant.shape;
    let server = Server::answering(move |_, request| {
        if let Some(aside) = kind.aside(request) {
            aside
        } else if flag.load(Ordering::SeqCst) {
            shape.good()
        } else {
            action.clone()
        }
    })
    .await;
    // The requests that this is about.
    let asked = || -> Vec<Recorded> {
        let requests = server.requests().into_iter();
        requests.filter(|r| kind.aside(r).is_none()).collect()
    };
    let client = Client::new(&grant, &server.origin, egress);
    let attempt = || async {
        let attempt = tokio::time::timeout(PATIENCE, client.attempt()).await;
        attempt.unwrap_or_else(|_| panic!("{at}: hangs"))
    };
    let first = attempt().await;
    assert_eq!(asked().len(), 1, "{at}: {first:?}");
    let saved = scenario.saves && grant.refreshes();
    let kept = if saved {
        Some(NEXT.to_owned())
    } else {
        grant.refresh_token()
    };
    assert_eq!(client.refresh_token().await, kept, "{at}");
    let refused = match scenario.outcome {
        Outcome::Token => {
            assert_eq!(first.unwrap(), good_header(), "{at}");
            return;
        }
        Outcome::Refused(refused) => kind.expect(refused),
    };
    let told = first.err().unwrap_or_else(|| panic!("{at}: taken"));
    assert_eq!(
        (told.cause, &*told.code),
        (refused.cause, refused.code),
        "{at}: {told:?}"
    );
    let shown = grant.secrets().find(|s| told.text.contains(s.as_str()));
    assert!(
        shown.is_none() && !told.text.contains("127.0.0.1"),
        "{at}: {told:?}"
    );
    well.store(true, Ordering::SeqCst);
    if refused.pause > 0 {
        client.clock.advance(Duration::from_secs(refused.pause - 1));
        assert!(attempt().await.is_err(), "{at}");
        assert_eq!(asked().len(), 1, "{at}: asked during the pause");
        client.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(attempt().await.unwrap(), good_header(), "{at}");
    let asked = asked();
    assert_eq!(asked.len(), 2, "{at}");
    if saved {
        assert!(
            format!("{:?}", lasting(&asked[1])).contains(NEXT),
            "{at}: {asked:?}"
        );
    } else {
        assert_eq!(lasting(&asked[0]), lasting(&asked[1]), "{at}");
    }
}

fn nothing_secret_is_logged() {
    let logged = logs();
    assert!(logged.contains("connect-rejected"));
    for secret in grants::all().iter().flat_map(Grant::secrets) {
        let shown = logged.lines().find(|line| line.contains(&secret));
        assert!(shown.is_none(), "{shown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_misbehaviour_towards_every_grant_is_a_coded_refusal_that_shows_nothing() {
    let mut playing = tokio::task::JoinSet::new();
    let mut played = 0;
    let egress = egress(Duration::from_secs(10));
    for grant in grants::all() {
        let elsewhere = Server::start(|_| reply("200 OK", "text/plain", "")).await;
        let scenarios = scenarios::of(&grant.shape, &elsewhere.origin);
        assert!(scenarios.len() >= 40, "{}", grant.name);
        for scenario in scenarios {
            playing.spawn(play(grant.clone(), scenario, egress.clone()));
        }
        while let Some(ended) = playing.join_next().await {
            ended.unwrap();
            played += 1;
        }
        assert!(elsewhere.requests().is_empty(), "a redirect was followed");
    }
    assert!(played > 1200, "{played}");
    nothing_secret_is_logged();
}

/// Time stands still in this test except where everybody waits, so that a minute takes no time.
#[tokio::test(start_paused = true)]
async fn every_slow_answer_ends_within_the_bounds() {
    // Only the slow answers wait so long, and in virtual time.
    let egress = egress(Duration::from_secs(10));
    for grant in grants::all() {
        for scenario in scenarios::slow(&grant.shape) {
            play(grant.clone(), scenario, egress.clone()).await;
        }
    }
}
