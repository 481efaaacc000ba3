//! A token that was verified a moment ago is still refused for everything a new one is refused for.

use std::sync::Arc;

use hushgate_gateway::access::Verifier;
use serde_json::{Value, json};

use crate::support::*;

struct Scene {
    source: Arc<MemorySource>,
    clock: Arc<TestClock>,
    pair: Pair,
    verifier: Verifier,
}

impl Scene {
    fn new() -> Self {
        let (source, clock, pair) = (Arc::<MemorySource>::default(), TestClock::new(), Pair::ed());
        source.put(KEYS_URL, &json!({"keys": [published(&pair, "k", "EdDSA")]}));
        let verifier = verifier(policy(), &source, &clock);
        Self {
            source,
            clock,
            pair,
            verifier,
        }
    }

    fn token(&self, changed: &Value) -> String {
        let header = json!({"alg": "EdDSA", "kid": "k"}).to_string();
        token(&header, &with(&claims(), changed).to_string(), |m| {
            self.pair.sign(m)
        })
    }

    async fn accepted(&self, token: &str) {
        for _ in 0..3 {
            let caller = verify(&self.verifier, token).await.unwrap();
            assert_eq!(caller.client_id(), "vendor");
        }
    }

    async fn invalid(&self, token: &str) {
        assert_eq!(refused(&self.verifier, token).await, "token-invalid");
    }
}

#[tokio::test]
async fn an_expired_token_is_refused_the_second_it_expires() {
    let scene = Scene::new();
    // With the leeway of a minute it lives for ten seconds more.
    let token = scene.token(&json!({"exp": NOW - 50}));
    scene.accepted(&token).await;
    scene.clock.advance(9);
    scene.accepted(&token).await;
    scene.clock.advance(1);
    scene.invalid(&token).await;
}

#[tokio::test]
async fn a_token_is_refused_before_its_time_when_the_clock_is_set_back() {
    let scene = Scene::new();
    let token = scene.token(&json!({"nbf": NOW + 60}));
    scene.accepted(&token).await;
    scene.clock.set(NOW - 1);
    scene.invalid(&token).await;
    scene.clock.set(NOW);
    scene.accepted(&token).await;
}

#[tokio::test]
async fn a_token_of_a_withdrawn_key_is_refused_as_soon_as_the_new_keys_are_there() {
    let scene = Scene::new();
    let token = scene.token(&json!({}));
    scene.accepted(&token).await;
    let next = Pair::ed();
    scene.source.put(
        KEYS_URL,
        &json!({"keys": [published(&next, "k2", "EdDSA")]}),
    );
    verify(&scene.verifier, &good_token(&next, "k2", "EdDSA"))
        .await
        .unwrap();
    scene.invalid(&token).await;
}

#[tokio::test]
async fn a_token_of_a_key_that_was_replaced_under_the_same_id_is_refused() {
    let scene = Scene::new();
    let token = scene.token(&json!({}));
    scene.accepted(&token).await;
    let next = Pair::ed();
    scene
        .source
        .put(KEYS_URL, &json!({"keys": [published(&next, "k", "EdDSA")]}));
    // An unknown key id makes the verifier look for new keys.
    scene.invalid(&good_token(&next, "k2", "EdDSA")).await;
    scene.invalid(&token).await;
    scene.accepted(&good_token(&next, "k", "EdDSA")).await;
}

#[tokio::test]
async fn a_token_is_refused_when_the_issuers_keys_are_too_old() {
    let scene = Scene::new();
    let token = scene.token(&json!({}));
    scene.accepted(&token).await;
    scene.source.answer(KEYS_URL, Answer::Fails);
    let day = 24 * 3600;
    scene.clock.set(NOW + day - 30);
    let late = scene.token(&json!({"iat": NOW + day - 30, "exp": NOW + day + 600}));
    scene.accepted(&late).await;
    scene.clock.set(NOW + day);
    assert_eq!(refused(&scene.verifier, &late).await, "issuer-unavailable");
}

/// Each character of a known token, changed to its neighbour and to one far away.
#[tokio::test]
async fn no_altered_form_of_a_known_token_is_accepted() {
    let scene = Scene::new();
    let token = scene.token(&json!({}));
    scene.accepted(&token).await;
    for index in 0..token.len() {
        let own = token.as_bytes()[index];
        let others: &[u8] = if own == b'.' { b"A" } else { b"AB-.9" };
        for other in others.iter().filter(|other| **other != own) {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = *other;
            let altered = String::from_utf8(bytes).unwrap();
            scene.invalid(&altered).await;
        }
    }
    for altered in [
        format!("{token}A"),
        format!("{token}="),
        format!("{token}."),
        token[..token.len() - 1].to_owned(),
        token.to_ascii_uppercase(),
    ] {
        scene.invalid(&altered).await;
    }
    scene.accepted(&token).await;
}

/// Neither forged nor good tokens of one client can push memory up or another's token out for good.
#[tokio::test]
async fn floods_of_bad_and_of_good_tokens_change_nothing() {
    let scene = Scene::new();
    let token = scene.token(&json!({}));
    scene.accepted(&token).await;
    let stranger = Pair::ed();
    for number in 0..10_000 {
        let claims = with(&claims(), &json!({ "jti": number })).to_string();
        let header = json!({"alg": "EdDSA", "kid": "k"}).to_string();
        let forged = super::support::token(&header, &claims, |m| {
            if number % 100 == 0 {
                stranger.sign(m)
            } else {
                vec![7; 64]
            }
        });
        scene.invalid(&forged).await;
    }
    for number in 0..600 {
        let good = scene.token(&json!({ "jti": number }));
        scene.accepted(&good).await;
    }
    scene.accepted(&token).await;
}
