//! Tokens that Cloud Run verified and whose signature it removed.

use std::sync::Arc;

use hushgate_gateway::access::{PlatformCallers, Verifier};
use hushgate_gateway::inbound::Inbound;
use hushgate_gateway::refusal::Cause;
use serde_json::{Value, json};

use super::*;

const GOOGLE: &str = "https://accounts.google.com";
const GOOGLE_KEYS: &str = "https://www.googleapis.com/oauth2/v3/certs";
const MARK: &str = "SIGNATURE_REMOVED_BY_GOOGLE";

/// Google's issuer is trusted for signed tokens too, by a client of its own.
fn policy_of(identity: &str) -> String {
    format!(
        "issuers: [{{issuer: {GOOGLE}, jwks_uri: {GOOGLE_KEYS}, algorithms: [RS256]}}]\n\
         cloud_run: {{unauthenticated: refused}}\n\
         clients:\n\
         \x20 - {{id: checked, identity: {{cloud_run: {{{identity}, audience: {AUDIENCE}}}}}, sources: [zoom]}}\n\
         \x20 - {{id: signed, identity: {{issuer: {GOOGLE}, subject: signed, audience: {AUDIENCE}}}, sources: [zoom]}}\n"
    )
}

const BY_SUBJECT: &str = "subject: \"104857600000000000000\"";
const BY_EMAIL: &str = "email: loader@project.example";

fn google_claims() -> Value {
    json!({
        "iss": GOOGLE, "azp": "104857600000000000000", "sub": "104857600000000000000",
        "aud": AUDIENCE, "email": "loader@project.example", "email_verified": true,
        "iat": NOW - 10, "exp": NOW + 3590,
    })
}

fn google_header() -> Value {
    json!({"alg": "RS256", "kid": "k", "typ": "JWT"})
}

/// A token with something else in place of its signature.
fn marked(header: &Value, payload: &str, mark: &str) -> String {
    let header = b64(header.to_string().as_bytes());
    format!("{header}.{}.{mark}", b64(payload.as_bytes()))
}

fn good() -> String {
    marked(&google_header(), &google_claims().to_string(), MARK)
}

fn with_headers(headers: &[(&str, &str)]) -> Inbound {
    let mut inbound = request(&[]);
    for (name, value) in headers {
        put(&mut inbound.headers, name, value.as_bytes());
    }
    inbound
}

struct World {
    pair: Pair,
    source: Arc<MemorySource>,
}

impl World {
    fn new() -> Self {
        let pair = Pair::rsa();
        let source: Arc<MemorySource> = Arc::default();
        source.put(
            GOOGLE_KEYS,
            &json!({"keys": [published(&pair, "k", "RS256")]}),
        );
        Self { pair, source }
    }

    fn verifier(&self, identity: &str) -> Verifier {
        verifier_on(
            PlatformCallers::CloudRun,
            &policy_of(identity),
            &self.source,
        )
    }

    /// A good token of the client that is verified here.
    fn signed(&self) -> String {
        let payload = with(&google_claims(), &json!({"sub": "signed"}));
        token(&google_header().to_string(), &payload.to_string(), |m| {
            self.pair.sign(m)
        })
    }
}

#[tokio::test]
async fn an_account_that_fits_two_clients_is_neither() {
    // No policy shows that this address and this number are one account.
    let policy = format!(
        "cloud_run: {{unauthenticated: refused}}\nclients:\n\
         \x20 - {{id: a, identity: {{cloud_run: {{{BY_SUBJECT}, audience: {AUDIENCE}}}}}, sources: [zoom]}}\n\
         \x20 - {{id: b, identity: {{cloud_run: {{{BY_EMAIL}, audience: {AUDIENCE}}}}}, sources: [zoom]}}\n"
    );
    let verifier = verifier_on(PlatformCallers::CloudRun, &policy, &Arc::default());
    let of = |claims: &Value| {
        let token = marked(&google_header(), &claims.to_string(), MARK);
        with_headers(&[("authorization", &format!("Bearer {token}"))])
    };
    let both = google_claims();
    let refusal = verifier.verify(&of(&both)).await.unwrap_err();
    check_refusal(&refusal, "no-account", "both");
    for (claims, client) in [
        (with(&both, &json!({"sub": "1"})), "b"),
        (with(&both, &json!({"email": "other@project.example"})), "a"),
    ] {
        let caller = verifier.verify(&of(&claims)).await.unwrap();
        assert_eq!(caller.client_id(), client);
    }
}

#[tokio::test]
async fn every_claim_of_a_checked_token_counts_and_only_the_exact_mark() {
    let world = World::new();
    let by_subject = world.verifier(BY_SUBJECT);
    let by_email = world.verifier(BY_EMAIL);
    let cases: Vec<Value> = serde_json::from_str(include_str!("cloud_run.json")).unwrap();
    let mut count = (0, 0);
    for case in &cases {
        let name = case["name"].as_str().unwrap();
        let mut claims = google_claims();
        if case["claims"].is_object() {
            claims = with(&claims, &case["claims"]);
        }
        for member in case["without"].as_array().into_iter().flatten() {
            claims = without(&claims, member.as_str().unwrap());
        }
        let payload = case["payload"]
            .as_str()
            .map_or(claims.to_string(), str::to_owned);
        let header = match &case["header"] {
            Value::Null => google_header(),
            header => header.clone(),
        };
        let mark = case["mark"].as_str().unwrap_or(MARK);
        let value = format!("Bearer {}", marked(&header, &payload, mark));
        let verifier = match case["client"].as_str() {
            Some(_) => &by_email,
            None => &by_subject,
        };
        for header in ["authorization", "x-serverless-authorization"] {
            let result = verifier.verify(&with_headers(&[(header, &value)])).await;
            match (result, case["is"].as_str().unwrap()) {
                (Ok(caller), "ok") => {
                    assert_eq!(caller.client_id(), "checked", "{name}");
                    count.0 += 1;
                }
                (Ok(_), _) => panic!("ACCEPTED: {name}, {header}"),
                (Err(refusal), expected) => {
                    check_refusal(&refusal, expected, name);
                    count.1 += 1;
                }
            }
        }
    }
    assert!(count.0 >= 16 && count.1 >= 120, "{count:?}");
}

#[tokio::test]
async fn a_forged_token_beside_the_one_that_is_checked_is_refused() {
    let world = World::new();
    let verifier = world.verifier(BY_SUBJECT);
    let forged = format!("Bearer {}", good());
    // The attacker's own token: the platform lets it through, and no client has it.
    let other = with(
        &google_claims(),
        &json!({"sub": "attacker", "email": "attacker@other.example"}),
    );
    let own = format!(
        "Bearer {}",
        marked(&google_header(), &other.to_string(), MARK)
    );
    let cases: &[(&[(&str, &str)], &str)] = &[
        (
            &[
                ("authorization", &forged),
                ("x-serverless-authorization", &own),
            ],
            "unchecked",
        ),
        (
            &[
                ("x-serverless-authorization", &own),
                ("authorization", &forged),
            ],
            "unchecked",
        ),
        (
            &[
                ("authorization", &forged),
                ("x-serverless-authorization", &forged),
            ],
            "unchecked",
        ),
        (
            &[
                ("authorization", &forged),
                ("x-serverless-authorization", ""),
            ],
            "unchecked",
        ),
        (
            &[
                ("authorization", &forged),
                ("x-serverless-authorization", "Basic YTpi"),
            ],
            "unchecked",
        ),
        (
            &[("authorization", &forged), ("proxy-authorization", &own)],
            "unchecked",
        ),
        (
            &[
                ("authorization", &forged),
                ("x-goog-iap-jwt-assertion", "a.b.c"),
            ],
            "unchecked",
        ),
        (
            &[("authorization", &forged), ("authorization", &own)],
            "repeated",
        ),
        (
            &[("authorization", &own), ("authorization", &forged)],
            "repeated",
        ),
        (
            &[
                ("x-serverless-authorization", &own),
                ("x-serverless-authorization", &forged),
            ],
            "repeated",
        ),
        (
            &[
                ("authorization", &own),
                ("x-serverless-authorization", &forged),
                ("x-serverless-authorization", &own),
            ],
            "repeated",
        ),
        (&[("authorization", &own)], "no-account"),
        (&[("x-serverless-authorization", &own)], "no-account"),
        (
            &[
                ("authorization", "Basic YTpi"),
                ("x-serverless-authorization", &own),
            ],
            "no-account",
        ),
    ];
    for (headers, expected) in cases {
        let refusal = verifier.verify(&with_headers(headers)).await.unwrap_err();
        check_refusal(&refusal, expected, &format!("{headers:?}"));
    }
    for elsewhere in [
        "x-forwarded-authorization",
        "x-original-authorization",
        "proxy-authorization",
        "x-goog-authenticated-user-email",
        "x-endpoint-api-userinfo",
        "cookie",
    ] {
        let refusal = verifier
            .verify(&with_headers(&[(elsewhere, &forged)]))
            .await
            .unwrap_err();
        assert_eq!(refusal.cause(), Cause::TokenMissing, "{elsewhere}");
    }
}

#[tokio::test]
async fn beside_the_platform_s_token_the_caller_s_own_is_verified_here() {
    let world = World::new();
    let verifier = world.verifier(BY_SUBJECT);
    let platform = format!("Bearer {}", good());
    let own = format!("Bearer {}", world.signed());
    let forged = token(
        &google_header().to_string(),
        &with(&google_claims(), &json!({"sub": "signed"})).to_string(),
        |m| Pair::rsa().sign(m),
    );
    let forged = format!("Bearer {forged}");
    let table: [Row; 5] = [
        (&[("x-serverless-authorization", &platform)], Ok("checked")),
        (&[("authorization", &own)], Ok("signed")),
        (&[("x-serverless-authorization", &own)], Ok("signed")),
        (
            &[
                ("authorization", &own),
                ("x-serverless-authorization", &platform),
            ],
            Ok("signed"),
        ),
        (
            &[
                ("authorization", &forged),
                ("x-serverless-authorization", &platform),
            ],
            Err("signature"),
        ),
    ];
    for (headers, expected) in table {
        match (verifier.verify(&with_headers(headers)).await, expected) {
            (Ok(caller), Ok(client)) => assert_eq!(caller.client_id(), client),
            (Err(refusal), Err(fault)) => check_refusal(&refusal, fault, "forged"),
            (result, _) => panic!(
                "{headers:?}: {:?}",
                result.map(|c| c.client_id().to_owned())
            ),
        }
    }
}

#[tokio::test]
async fn a_client_of_signed_tokens_is_never_one_without_signature() {
    let world = World::new();
    let payload = with(&google_claims(), &json!({"sub": "signed"})).to_string();
    let value = format!("Bearer {}", marked(&google_header(), &payload, MARK));
    let on_cloud_run = world.verifier(BY_SUBJECT);
    for header in ["authorization", "x-serverless-authorization"] {
        let inbound = with_headers(&[(header, &value)]);
        let refusal = on_cloud_run.verify(&inbound).await.unwrap_err();
        check_refusal(&refusal, "no-account", header);
    }
    // And a signed one is none of those that the platform checks.
    let signed = token(
        &google_header().to_string(),
        &google_claims().to_string(),
        |m| world.pair.sign(m),
    );
    let refusal = verify(&on_cloud_run, &signed).await.unwrap_err();
    assert_eq!(refusal.detail(), TokenFault::NoClient.to_string());
}

#[tokio::test]
async fn elsewhere_a_token_without_signature_is_nothing() {
    let world = World::new();
    let plain = format!(
        "issuers: [{{issuer: {GOOGLE}, jwks_uri: {GOOGLE_KEYS}, algorithms: [RS256]}}]\n\
         clients: [{{id: signed, identity: {{issuer: {GOOGLE}, subject: \"104857600000000000000\", audience: {AUDIENCE}}}, sources: [zoom]}}]\n"
    );
    let off = verifier(
        Policy::parse(&plain, "access.yaml", false).unwrap(),
        &world.source,
        &TestClock::new(),
    );
    let aws = verifier_on(PlatformCallers::AwsIam, &plain, &world.source);
    let signed = token(
        &google_header().to_string(),
        &google_claims().to_string(),
        |m| world.pair.sign(m),
    );
    let forged = format!("Bearer {}", good());
    for verifier in [&off, &aws] {
        verify(verifier, &signed).await.expect("the control");
        for header in ["authorization", "x-serverless-authorization"] {
            let inbound = with_headers(&[(header, &forged)]);
            let refusal = verifier.verify(&inbound).await.unwrap_err();
            check_refusal(&refusal, "removed", header);
        }
    }
}

#[tokio::test]
async fn a_token_that_the_platform_checked_is_read_anew_for_every_request() {
    let world = World::new();
    let clock = TestClock::new();
    let options = PolicyOptions {
        platform: Some(PlatformCallers::CloudRun),
        ..PolicyOptions::default()
    };
    let policy = Policy::read(&policy_of(BY_SUBJECT), "access.yaml", options).unwrap();
    let verifier = verifier(policy, &world.source, &clock);
    let value = format!("Bearer {}", good());
    let inbound = with_headers(&[("authorization", &value)]);
    assert!(verifier.verify(&inbound).await.is_ok());
    clock.advance(3590 + 59);
    assert!(verifier.verify(&inbound).await.is_ok());
    clock.advance(1);
    let refusal = verifier.verify(&inbound).await.unwrap_err();
    check_refusal(&refusal, "expired", "expired");
    assert_eq!(world.source.fetches(), 0, "no key is needed");
}
