//! The key cache: one fetch for many, floods of unknown key ids, outages, rotation.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::*;

struct Scene {
    source: Arc<MemorySource>,
    clock: Arc<TestClock>,
    old: Pair,
    new: Pair,
}

impl Scene {
    fn new() -> Self {
        let scene = Self {
            source: Arc::default(),
            clock: TestClock::new(),
            old: Pair::ed(),
            new: Pair::ed(),
        };
        scene.publish(&["old"]);
        scene
    }

    fn key_set(&self, kids: &[&str]) -> Value {
        let keys: Vec<Value> = kids
            .iter()
            .map(|kid| published(self.pair(kid), kid, "EdDSA"))
            .collect();
        json!({ "keys": keys })
    }

    fn publish(&self, kids: &[&str]) {
        self.source.put(KEYS_URL, &self.key_set(kids));
    }

    fn pair(&self, kid: &str) -> &Pair {
        if kid == "new" { &self.new } else { &self.old }
    }

    /// A good token for the clock's present time.
    fn token(&self, kid: &str) -> String {
        use hushgate_gateway::ports::Clock;
        let now = self.clock.unix_seconds();
        let claims = with(&claims(), &json!({"iat": now, "exp": now + 300}));
        let header = json!({"alg": "EdDSA", "kid": kid}).to_string();
        token(&header, &claims.to_string(), |m| self.pair(kid).sign(m))
    }

    fn verifier(&self) -> Arc<hushgate_gateway::access::Verifier> {
        Arc::new(verifier(policy(), &self.source, &self.clock))
    }
}

/// Lets tasks in the background finish: the sources of these tests answer at once.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_at_a_cold_start_share_one_fetch() {
    let scene = Scene::new();
    scene.source.slow_down(100);
    let verifier = scene.verifier();
    let calls: Vec<_> = (0..200)
        .map(|_| {
            let (verifier, token) = (verifier.clone(), scene.token("old"));
            tokio::spawn(async move { verify(&verifier, &token).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().client_id(), "vendor");
    }
    assert_eq!(scene.source.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_callers_with_a_new_key_share_one_fetch() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.clock.advance(31);
    scene.publish(&["new", "old"]);
    scene.source.slow_down(100);
    let calls: Vec<_> = (0..200)
        .map(|i| {
            let kid = if i % 2 == 0 { "new" } else { "old" };
            let (verifier, token) = (verifier.clone(), scene.token(kid));
            tokio::spawn(async move { verify(&verifier, &token).await })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(scene.source.fetches(), 2);
    assert_eq!(scene.source.most_in_flight(), 1);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_fetch_of_the_others() {
    let scene = Scene::new();
    scene.source.slow_down(50);
    let verifier = scene.verifier();
    let token = scene.token("old");
    let hurried = tokio::time::timeout(Duration::from_millis(5), verify(&verifier, &token));
    assert!(hurried.await.is_err());
    verify(&verifier, &scene.token("old")).await.unwrap();
    assert_eq!(scene.source.fetches(), 1);
}

#[tokio::test]
async fn ten_thousand_unknown_key_ids_cause_one_fetch_in_the_interval_and_disturb_nobody() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    assert_eq!(scene.source.fetches(), 1);
    scene.clock.advance(31);
    for i in 0..10_000 {
        assert_eq!(
            refused(&verifier, &scene.token(&format!("{i:x}"))).await,
            "token-invalid"
        );
        if i % 500 == 0 {
            verify(&verifier, &scene.token("old")).await.unwrap();
        }
    }
    assert_eq!(scene.source.fetches(), 2);
    scene.clock.advance(29);
    assert_eq!(refused(&verifier, &scene.token("x")).await, "token-invalid");
    assert_eq!(scene.source.fetches(), 2);
    scene.clock.advance(1);
    assert_eq!(refused(&verifier, &scene.token("x")).await, "token-invalid");
    assert_eq!(scene.source.fetches(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_at_once_causes_one_fetch_and_known_keys_do_not_wait_for_it() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.clock.advance(31);
    scene.source.hold();
    let flood: Vec<_> = (0..500)
        .map(|i| {
            let (verifier, token) = (verifier.clone(), scene.token(&format!("{i:x}")));
            tokio::spawn(async move { refused(&verifier, &token).await })
        })
        .collect();
    while scene.source.fetches() < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    for _ in 0..20 {
        verify(&verifier, &scene.token("old")).await.unwrap();
    }
    assert!(flood.iter().any(|call| !call.is_finished()));
    scene.source.release();
    for call in flood {
        assert_eq!(call.await.unwrap(), "token-invalid");
    }
    assert_eq!(scene.source.fetches(), 2);
}

#[tokio::test]
async fn an_outage_leaves_known_keys_working_until_the_limit_and_not_longer() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.source.answer(KEYS_URL, Answer::Fails);
    for hours in 1..24 {
        scene.clock.set(NOW + hours * 3600);
        verify(&verifier, &scene.token("old")).await.unwrap();
        assert_eq!(
            refused(&verifier, &scene.token("new")).await,
            "token-invalid"
        );
    }
    scene.clock.set(NOW + 24 * 3600 - 1);
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.clock.set(NOW + 24 * 3600 + 60);
    assert_eq!(
        refused(&verifier, &scene.token("old")).await,
        "issuer-unavailable"
    );
    assert_eq!(
        refused(&verifier, &scene.token("new")).await,
        "issuer-unavailable"
    );
    scene.publish(&["old"]);
    scene.clock.advance(31);
    verify(&verifier, &scene.token("old")).await.unwrap();
}

#[tokio::test]
async fn the_limit_of_an_outage_is_a_setting_of_the_issuer() {
    let scene = Scene::new();
    let verifier = verifier(
        policy_with("    stale_keys: 2h\n"),
        &scene.source,
        &scene.clock,
    );
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.source.answer(KEYS_URL, Answer::Fails);
    scene.clock.set(NOW + 7199);
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.clock.set(NOW + 7200);
    assert_eq!(
        refused(&verifier, &scene.token("old")).await,
        "issuer-unavailable"
    );
}

#[tokio::test]
async fn an_issuer_that_never_answered_is_tried_again_with_growing_pauses() {
    let scene = Scene::new();
    scene.source.answer(KEYS_URL, Answer::Fails);
    let verifier = scene.verifier();
    let mut tries = Vec::new();
    for second in 0..100 {
        let before = scene.source.fetches();
        for _ in 0..5 {
            assert_eq!(
                refused(&verifier, &scene.token("old")).await,
                "issuer-unavailable"
            );
        }
        if scene.source.fetches() > before {
            assert_eq!(scene.source.fetches(), before + 1);
            tries.push(second);
        }
        scene.clock.advance(1);
    }
    assert_eq!(tries, [0, 1, 3, 7, 15, 31, 61, 91]);
    scene.publish(&["old"]);
    scene.clock.advance(30);
    verify(&verifier, &scene.token("old")).await.unwrap();
}

#[tokio::test]
async fn answers_that_are_no_key_set_never_replace_good_keys() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    let too_many: Vec<Value> = (0..129)
        .map(|i| published(&scene.old, &format!("{i}"), "EdDSA"))
        .collect();
    let private = with(
        &published(&scene.new, "new", "EdDSA"),
        &json!({"d": "AAAA"}),
    );
    let symmetric = json!({"kty": "oct", "k": "AAAA", "kid": "new", "alg": "HS256"});
    let bodies: Vec<Vec<u8>> = [
        json!({"keys": []}).to_string(),
        json!({}).to_string(),
        json!([]).to_string(),
        json!({"keys": {}}).to_string(),
        json!({"keys": [1]}).to_string(),
        json!({"keys": [private]}).to_string(),
        json!({"keys": [symmetric]}).to_string(),
        json!({ "keys": too_many }).to_string(),
        format!(
            r#"{{"keys":[],"keys":{}}}"#,
            scene.key_set(&["new"])["keys"]
        ),
        format!("{} trailing", scene.key_set(&["new"])),
        "<html>sign in</html>".to_owned(),
        String::new(),
    ]
    .into_iter()
    .map(String::into_bytes)
    .chain([vec![0xff; 64]])
    .collect();
    for body in bodies {
        let shown = String::from_utf8_lossy(&body).into_owned();
        scene.source.answer(KEYS_URL, Answer::Body(body, None));
        let before = scene.source.fetches();
        scene.clock.advance(31);
        assert_eq!(
            refused(&verifier, &scene.token("new")).await,
            "token-invalid"
        );
        assert_eq!(scene.source.fetches(), before + 1, "{shown:.60}");
        verify(&verifier, &scene.token("old")).await.unwrap();
    }
}

#[tokio::test]
async fn a_rotated_key_is_taken_up_at_once_and_the_old_one_dropped() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.publish(&["new"]);
    verify(&verifier, &scene.token("old")).await.unwrap();
    verify(&verifier, &scene.token("new")).await.unwrap();
    assert_eq!(
        refused(&verifier, &scene.token("old")).await,
        "token-invalid"
    );
    assert_eq!(scene.source.fetches(), 2);
}

#[tokio::test]
async fn a_second_rotation_within_the_interval_waits_for_its_end() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    assert_eq!(refused(&verifier, &scene.token("x")).await, "token-invalid");
    assert_eq!(scene.source.fetches(), 2);
    scene.publish(&["new"]);
    scene.clock.advance(29);
    assert_eq!(
        refused(&verifier, &scene.token("new")).await,
        "token-invalid"
    );
    assert_eq!(scene.source.fetches(), 2);
    scene.clock.advance(1);
    verify(&verifier, &scene.token("new")).await.unwrap();
    assert_eq!(scene.source.fetches(), 3);
}

#[tokio::test]
async fn keys_are_renewed_in_the_background_before_they_age_and_awaited_after() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.clock.advance(12 * 60 - 1);
    verify(&verifier, &scene.token("old")).await.unwrap();
    settle().await;
    assert_eq!(scene.source.fetches(), 1);
    scene.publish(&["new"]);
    scene.clock.advance(1);
    verify(&verifier, &scene.token("old")).await.unwrap();
    settle().await;
    assert_eq!(scene.source.fetches(), 2);
    verify(&verifier, &scene.token("new")).await.unwrap();
    assert_eq!(scene.source.fetches(), 2);
    scene.publish(&["old"]);
    scene.clock.advance(15 * 60);
    verify(&verifier, &scene.token("old")).await.unwrap();
    assert_eq!(scene.source.fetches(), 3);
}

#[tokio::test]
async fn the_issuers_max_age_counts_within_bounds() {
    for (max_age, fresh) in [
        (0, 60),
        (59, 60),
        (600, 600),
        (86_400, 3600),
        (u64::MAX, 3600),
    ] {
        let scene = Scene::new();
        let body = scene.key_set(&["old"]).to_string().into_bytes();
        scene
            .source
            .answer(KEYS_URL, Answer::Body(body, Some(max_age)));
        let verifier = scene.verifier();
        verify(&verifier, &scene.token("old")).await.unwrap();
        scene.clock.advance(fresh - fresh / 5 - 1);
        verify(&verifier, &scene.token("old")).await.unwrap();
        settle().await;
        assert_eq!(scene.source.fetches(), 1, "max-age {max_age}");
        scene.clock.advance(1);
        verify(&verifier, &scene.token("old")).await.unwrap();
        settle().await;
        assert_eq!(scene.source.fetches(), 2, "max-age {max_age}");
    }
}

#[tokio::test]
async fn a_clock_that_goes_back_locks_nobody_out() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.clock.set(NOW - 10);
    verify(&verifier, &scene.token("old")).await.unwrap();
    scene.publish(&["new"]);
    verify(&verifier, &scene.token("new")).await.unwrap();
}

#[tokio::test]
async fn prefetched_keys_serve_the_first_request_without_another_fetch() {
    let scene = Scene::new();
    let verifier = scene.verifier();
    verifier.prefetch();
    verifier.prefetch();
    settle().await;
    assert_eq!(scene.source.fetches(), 1);
    verify(&verifier, &scene.token("old")).await.unwrap();
    assert_eq!(scene.source.fetches(), 1);
}

#[tokio::test]
async fn keys_are_prefetched_for_clients_of_this_source_alone() {
    for (use_of_client, fetches) in [
        ("sources: [zoom]", 1),
        ("sources: [gcal, zoom]", 1),
        ("sources: [gcal]", 0),
        ("sources: [zoom], expires: 2020-01-01", 0),
    ] {
        let scene = Scene::new();
        let text = format!(
            "issuers: [{{issuer: {ISSUER}, jwks_uri: {KEYS_URL}, algorithms: [EdDSA]}}]\n\
             clients: [{{id: v, identity: {{issuer: {ISSUER}, subject: \"{SUBJECT}\", audience: {AUDIENCE}}}, {use_of_client}}}]"
        );
        let policy = hushgate_gateway::access::policy::Policy::parse(&text, "p", false).unwrap();
        verifier(policy, &scene.source, &scene.clock).prefetch();
        settle().await;
        assert_eq!(scene.source.fetches(), fetches, "{use_of_client}");
    }
}

#[tokio::test]
async fn keys_are_discovered_when_the_policy_gives_no_address() {
    const DISCOVERY: &str = "https://issuer.example/.well-known/openid-configuration";
    let scene = Scene::new();
    let text = format!(
        "issuers: [{{issuer: {ISSUER}, algorithms: [EdDSA]}}]\n\
         clients: [{{id: v, identity: {{issuer: {ISSUER}, subject: \"{SUBJECT}\", audience: {AUDIENCE}}}, sources: [zoom]}}]"
    );
    let verifier = verifier(
        hushgate_gateway::access::policy::Policy::parse(&text, "p", false).unwrap(),
        &scene.source,
        &scene.clock,
    );
    let impostors = [
        json!({"issuer": "https://issuer.example/", "jwks_uri": KEYS_URL}),
        json!({"issuer": "https://other.example", "jwks_uri": KEYS_URL}),
        json!({"jwks_uri": KEYS_URL}),
        json!({"issuer": ISSUER}),
        json!({"issuer": ISSUER, "jwks_uri": [KEYS_URL]}),
        json!([ISSUER, KEYS_URL]),
    ];
    for impostor in impostors {
        scene.source.put(DISCOVERY, &impostor);
        assert_eq!(
            refused(&verifier, &scene.token("old")).await,
            "issuer-unavailable",
            "{impostor}"
        );
        scene.clock.advance(31);
    }
    assert!(!scene.source.fetched().contains(&KEYS_URL.to_owned()));
    scene
        .source
        .put(DISCOVERY, &json!({"issuer": ISSUER, "jwks_uri": KEYS_URL}));
    verify(&verifier, &scene.token("old")).await.unwrap();
    let before = scene.source.fetches();
    scene.clock.advance(3600);
    verify(&verifier, &scene.token("old")).await.unwrap();
    assert_eq!(
        scene.source.fetched()[before..],
        [KEYS_URL],
        "the discovered address is kept"
    );
}
