//! What a verified client may do: sources, end of access, addresses.

use std::net::IpAddr;
use std::sync::Arc;

use hushgate_gateway::access::policy::Policy;
use hushgate_gateway::refusal::Cause;
use serde_json::json;

use crate::support::*;

fn policy_of(client_lines: &str, rest: &str) -> Policy {
    let text = format!(
        "issuers: [{{issuer: {ISSUER}, jwks_uri: {KEYS_URL}, algorithms: [EdDSA]}}]\n\
         clients:\n  - id: vendor\n    identity: {{issuer: {ISSUER}, subject: \"{SUBJECT}\", audience: {AUDIENCE}}}\n\
         {client_lines}{rest}"
    );
    Policy::parse(&text, "access.yaml", false).unwrap()
}

async fn outcome(policy: Policy, peer: &str, forwarded: &str) -> Result<String, Cause> {
    let pair = Pair::ed();
    let source: Arc<MemorySource> = Arc::default();
    source.put(KEYS_URL, &json!({"keys": [published(&pair, "k", "EdDSA")]}));
    let verifier = verifier(policy, &source, &TestClock::new());
    let value = format!("Bearer {}", good_token(&pair, "k", "EdDSA"));
    let mut request = request(&[value.as_bytes()]);
    request.peer = peer.parse().ok();
    if !forwarded.is_empty() {
        request
            .headers
            .insert("x-forwarded-for", forwarded.parse().unwrap());
    }
    match verifier.verify(&request).await {
        Ok(caller) => Ok(format!(
            "{} {:?} {:?}",
            caller.client_name(),
            caller.pseudonym_domain(),
            caller.address().map(|a: IpAddr| a.to_string())
        )),
        Err(refusal) => Err(refusal.cause()),
    }
}

#[tokio::test]
async fn without_a_policy_every_token_is_refused() {
    assert_eq!(
        outcome(Policy::default(), "198.51.100.4", "").await,
        Err(Cause::TokenInvalid)
    );
    let verifier = verifier(Policy::default(), &Arc::default(), &TestClock::new());
    let refusal = verifier.verify(&request(&[])).await.unwrap_err();
    assert_eq!(refusal.cause(), Cause::TokenMissing);
}

#[tokio::test]
async fn a_client_uses_its_sources_until_its_access_ends() {
    // The clock stands at 2027-01-15 08:00 UTC.
    let table = [
        ("    sources: [zoom]\n", Ok(())),
        (
            "    sources: [slack-discovery-api, zoom]\n    expires: 2027-01-15\n",
            Ok(()),
        ),
        (
            "    sources: [zoom]\n    expires: 2027-01-14\n",
            Err(Cause::CallerNotAllowed),
        ),
        (
            "    sources: [slack-discovery-api]\n",
            Err(Cause::CallerNotAllowed),
        ),
        (
            "    sources: [zoom-reports]\n",
            Err(Cause::CallerNotAllowed),
        ),
        ("    sources: []\n", Err(Cause::CallerNotAllowed)),
        ("", Err(Cause::CallerNotAllowed)),
    ];
    for (lines, expected) in table {
        let found = outcome(policy_of(lines, ""), "198.51.100.4", "").await;
        assert_eq!(found.map(|_| ()), expected, "{lines}");
    }
}

#[tokio::test]
async fn the_callers_address_is_checked_behind_trusted_proxies_only() {
    const ALLOW: &str = "    sources: [zoom]\n    ip_allow: [203.0.113.0/24]\n";
    const PROXIES: &str = "trusted_proxies: [10.0.0.0/8]\n";
    let denied = Err(Cause::AddressNotAllowed);
    let table = [
        (ALLOW, "", "203.0.113.7", "", Ok(())),
        (ALLOW, "", "::ffff:203.0.113.7", "", Ok(())),
        (ALLOW, "", "198.51.100.4", "", denied),
        (ALLOW, "", "198.51.100.4", "203.0.113.7", denied),
        (ALLOW, "", "none", "203.0.113.7", denied),
        (ALLOW, PROXIES, "10.0.0.1", "203.0.113.7", Ok(())),
        (
            ALLOW,
            PROXIES,
            "10.0.0.1",
            "198.51.100.4, 203.0.113.7",
            Ok(()),
        ),
        (
            ALLOW,
            PROXIES,
            "10.0.0.1",
            "203.0.113.7, 198.51.100.4",
            denied,
        ),
        (ALLOW, PROXIES, "198.51.100.4", "203.0.113.7", denied),
        (ALLOW, PROXIES, "10.0.0.1", "", denied),
        (ALLOW, PROXIES, "10.0.0.1", "203.0.113.7, junk", denied),
        (
            ALLOW,
            "trusted_proxies: 1\n",
            "10.0.0.1",
            "203.0.113.7",
            Ok(()),
        ),
        (
            ALLOW,
            "trusted_proxies: 1\n",
            "10.0.0.1",
            "203.0.113.7, 10.0.0.2",
            denied,
        ),
        (
            ALLOW,
            "trusted_proxies: 2\n",
            "10.0.0.1",
            "203.0.113.7, 10.0.0.2",
            Ok(()),
        ),
        ("    sources: [zoom]\n", PROXIES, "10.0.0.1", "junk", Ok(())),
        ("    sources: [zoom]\n", "", "none", "", Ok(())),
        // The address is the first thing that is checked of a known client.
        (
            "    ip_allow: [203.0.113.0/24]\n",
            "",
            "198.51.100.4",
            "",
            denied,
        ),
    ];
    for (client, proxies, peer, forwarded, expected) in table {
        let found = outcome(policy_of(client, proxies), peer, forwarded).await;
        assert_eq!(found.map(|_| ()), expected, "{proxies} {peer} {forwarded}");
    }
}

#[tokio::test]
async fn a_caller_carries_its_name_and_pseudonym_domain() {
    let lines = "    name: Analytics vendor\n    sources: [zoom]\n    pseudonym_domain: vendor-a\n";
    assert_eq!(
        outcome(policy_of(lines, ""), "198.51.100.4", "")
            .await
            .unwrap(),
        r#"Analytics vendor Some("vendor-a") Some("198.51.100.4")"#
    );
}

#[tokio::test]
async fn a_token_for_two_clients_is_nobodys() {
    let pair = Pair::ed();
    let source: Arc<MemorySource> = Arc::default();
    source.put(KEYS_URL, &json!({"keys": [published(&pair, "k", "EdDSA")]}));
    let identity = |audience: &str| {
        format!("identity: {{issuer: {ISSUER}, subject: \"{SUBJECT}\", audience: {audience}}}")
    };
    let text = format!(
        "issuers: [{{issuer: {ISSUER}, jwks_uri: {KEYS_URL}, algorithms: [EdDSA]}}]\n\
         clients:\n  - {{id: one, sources: [zoom], {}}}\n  - {{id: two, sources: [zoom], {}}}\n",
        identity("https://one.example"),
        identity("[https://two.example, https://three.example]"),
    );
    let policy = Policy::parse(&text, "access.yaml", false).unwrap();
    let verifier = verifier(policy, &source, &TestClock::new());
    let with_audience = |audience: serde_json::Value| {
        let claims = with(&claims(), &json!({ "aud": audience }));
        token(r#"{"alg":"EdDSA","kid":"k"}"#, &claims.to_string(), |m| {
            pair.sign(m)
        })
    };
    let one = with_audience(json!(["https://one.example"]));
    assert_eq!(verify(&verifier, &one).await.unwrap().client_id(), "one");
    let three = with_audience(json!("https://three.example"));
    assert_eq!(verify(&verifier, &three).await.unwrap().client_id(), "two");
    let both = with_audience(json!(["https://one.example", "https://two.example"]));
    assert_eq!(refused(&verifier, &both).await, "token-invalid");
}

#[tokio::test]
async fn an_issuer_speaks_for_its_own_clients_only() {
    let (one, two) = (Pair::ed(), Pair::ed());
    let source: Arc<MemorySource> = Arc::default();
    source.put(
        "https://one.example/keys",
        &json!({"keys": [published(&one, "k", "EdDSA")]}),
    );
    source.put(
        "https://two.example/keys",
        &json!({"keys": [published(&two, "k", "EdDSA")]}),
    );
    let text = "issuers:\n  - {issuer: https://one.example, jwks_uri: https://one.example/keys, algorithms: [EdDSA]}\n  \
                - {issuer: https://two.example, jwks_uri: https://two.example/keys, algorithms: [EdDSA]}\n\
                clients:\n  - {id: one, sources: [zoom], identity: {issuer: https://one.example, subject: s, audience: a}}\n  \
                - {id: two, sources: [zoom], identity: {issuer: https://two.example, subject: s, audience: b}}\n";
    let policy = Policy::parse(text, "access.yaml", false).unwrap();
    let verifier = verifier(policy, &source, &TestClock::new());
    let made = |issuer: &str, audience: &str, pair: &Pair| {
        let claims = with(
            &claims(),
            &json!({"iss": issuer, "sub": "s", "aud": audience}),
        );
        token(r#"{"alg":"EdDSA","kid":"k"}"#, &claims.to_string(), |m| {
            pair.sign(m)
        })
    };
    let own = made("https://two.example", "b", &two);
    assert_eq!(verify(&verifier, &own).await.unwrap().client_id(), "two");
    for foreign in [
        made("https://two.example", "a", &two),
        made("https://one.example", "a", &two),
        made("https://one.example", "b", &one),
    ] {
        assert_eq!(refused(&verifier, &foreign).await, "token-invalid");
    }
}
