//! Hostile tokens, generated. None is accepted, and all refusals look the same from outside.
//!
//! Every case names the fault it must be refused for, so that none passes by an unrelated slip.

mod claims;
mod encodings;
mod headers;
mod keys;
mod signatures;

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_lc_rs::signature as lc;
use bytes::Bytes;
use http::HeaderMap;
use hushgate_gateway::access::fault::TokenFault;
use hushgate_gateway::refusal::{Cause, Refusal};
use hushgate_gateway::reply::Reply;
use hushgate_gateway::request_id::RequestId;
use serde_json::{Value, json};

use crate::support::*;

/// One hostile request: its name, its `Authorization` values, and why it is refused.
pub(crate) struct Case {
    name: String,
    values: Vec<Vec<u8>>,
    faults: Vec<TokenFault>,
}

impl Case {
    /// A token that is refused for exactly this fault.
    pub(crate) fn new(name: impl Into<String>, token: impl AsRef<str>, fault: TokenFault) -> Self {
        Self::any_of(name, token, &[fault])
    }

    /// A token that is refused for one of several faults, as with random damage.
    pub(crate) fn any_of(
        name: impl Into<String>,
        token: impl AsRef<str>,
        faults: &[TokenFault],
    ) -> Self {
        Self::raw(
            name,
            vec![format!("Bearer {}", token.as_ref()).into_bytes()],
            faults,
        )
    }

    /// A request with these `Authorization` values.
    pub(crate) fn raw(
        name: impl Into<String>,
        values: Vec<Vec<u8>>,
        faults: &[TokenFault],
    ) -> Self {
        Self {
            name: name.into(),
            values,
            faults: faults.to_vec(),
        }
    }
}

/// The keys of the issuer, good ones and traps, and those of an attacker.
pub(crate) struct Keys {
    pub(crate) rsa: Pair,
    pub(crate) pss: Pair,
    pub(crate) ec: Pair,
    pub(crate) ed: Pair,
    /// Published without algorithm, so fit for RS256 and PS256.
    pub(crate) any_rsa: Pair,
    /// Published for encryption.
    pub(crate) encryption: Pair,
    /// Published with operations that don't include verifying.
    pub(crate) signing: Pair,
    /// Published for P-384.
    pub(crate) p384: Pair,
    /// Two different keys under one id.
    pub(crate) twins: [Pair; 2],
    /// Published with its private half.
    pub(crate) leaked: Pair,
    pub(crate) attacker: Pair,
    pub(crate) attacker_ec: Pair,
    pub(crate) attacker_ed: Pair,
}

/// A symmetric key that the issuer carelessly publishes.
pub(crate) const OCT: &[u8] = b"0123456789abcdef0123456789abcdef";

impl Keys {
    fn new() -> Self {
        Self {
            rsa: Pair::rsa(),
            pss: Pair::rsa(),
            ec: Pair::p256(),
            ed: Pair::ed(),
            any_rsa: Pair::rsa(),
            encryption: Pair::rsa(),
            signing: Pair::p256(),
            p384: Pair::ec(&lc::ECDSA_P384_SHA384_FIXED_SIGNING),
            twins: [Pair::ed(), Pair::ed()],
            leaked: Pair::ed(),
            attacker: Pair::rsa(),
            attacker_ec: Pair::p256(),
            attacker_ed: Pair::ed(),
        }
    }

    fn set(&self) -> Value {
        let [one, two] = &self.twins;
        json!({"keys": [
            published(&self.rsa, "rsa", "RS256"),
            published(&self.pss, "pss", "PS256"),
            published(&self.ec, "ec", "ES256"),
            published(&self.ed, "ed", "EdDSA"),
            with(&self.any_rsa.jwk(), &json!({"kid": "any-rsa"})),
            with(&self.encryption.jwk(), &json!({"kid": "encryption", "use": "enc"})),
            with(&self.signing.jwk(), &json!({"kid": "signing", "key_ops": ["sign"]})),
            published(&self.p384, "p384", "ES384"),
            with(&published(&self.p384, "p384-mislabelled", "ES256"), &json!({"crv": "P-256"})),
            published(one, "twin", "EdDSA"),
            published(two, "twin", "EdDSA"),
            with(&published(&self.leaked, "leaked", "EdDSA"), &json!({"d": b64(&[7; 32])})),
            {"kty": "oct", "kid": "oct", "use": "sig", "alg": "HS256", "k": b64(OCT)},
        ]})
    }

    /// The pair, key id and algorithm of each good key.
    pub(crate) fn good(&self) -> [(&Pair, &'static str, &'static str); 4] {
        [
            (&self.rsa, "rsa", "RS256"),
            (&self.pss, "pss", "PS256"),
            (&self.ec, "ec", "ES256"),
            (&self.ed, "ed", "EdDSA"),
        ]
    }
}

/// Signs as the algorithm says.
pub(crate) fn sign_as(pair: &Pair, alg: &str, message: &[u8]) -> Vec<u8> {
    match alg {
        "PS256" => pair.sign_rsa(&lc::RSA_PSS_SHA256, message),
        "PS384" => pair.sign_rsa(&lc::RSA_PSS_SHA384, message),
        "RS384" => pair.sign_rsa(&lc::RSA_PKCS1_SHA384, message),
        "RS512" => pair.sign_rsa(&lc::RSA_PKCS1_SHA512, message),
        _ => pair.sign(message),
    }
}

/// A token with this header and good claims, rightly signed with RS256.
pub(crate) fn rsa_with_header(keys: &Keys, header: &str) -> String {
    token(header, &claims().to_string(), |m| keys.rsa.sign(m))
}

/// A token with a good header and this payload, rightly signed with `EdDSA`.
pub(crate) fn ed_with_payload(keys: &Keys, payload: &str) -> String {
    token(r#"{"alg":"EdDSA","kid":"ed"}"#, payload, |m| {
        keys.ed.sign(m)
    })
}

/// All that a caller sees of a refusal, apart from the request's id, which is fixed here.
fn seen_from_outside(refusal: &Refusal, id: &RequestId) -> (u16, HeaderMap, Bytes) {
    let reply = Reply::refused(refusal, id);
    (
        reply.status().as_u16(),
        reply.headers().clone(),
        reply.body().clone(),
    )
}

#[tokio::test]
async fn no_hostile_token_is_accepted_and_all_refusals_look_the_same() {
    let keys = Keys::new();
    let source: Arc<MemorySource> = Arc::default();
    source.put(KEYS_URL, &keys.set());
    let verifier = verifier(policy(), &source, &TestClock::new());
    let mut good = Vec::new();
    for (pair, kid, alg) in keys.good() {
        let header = json!({"alg": alg, "kid": kid, "typ": "JWT"}).to_string();
        good.push(token(&header, &claims().to_string(), |m| {
            sign_as(pair, alg, m)
        }));
    }
    for token in &good {
        verify(&verifier, token)
            .await
            .expect("the control is accepted");
    }

    let mut cases = headers::cases(&keys);
    cases.extend(keys::cases(&keys));
    cases.extend(encodings::cases(&keys));
    cases.extend(claims::cases(&keys));
    cases.extend(signatures::cases(&keys));

    let id = RequestId::fresh();
    let expected = seen_from_outside(&Refusal::new(Cause::TokenInvalid, ""), &id);
    let mut names = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in &cases {
        assert!(
            names.insert(case.name.as_str()),
            "two cases `{}`",
            case.name
        );
        let values: Vec<&[u8]> = case.values.iter().map(Vec::as_slice).collect();
        match verifier.verify(&request(&values)).await {
            Ok(_) => wrong.push(format!("ACCEPTED: {}", case.name)),
            Err(refusal) => {
                assert_eq!(seen_from_outside(&refusal, &id), expected, "{}", case.name);
                if !case
                    .faults
                    .iter()
                    .any(|f| f.to_string() == refusal.detail())
                {
                    wrong.push(format!("{}: {}", case.name, refusal.detail()));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(cases.len() >= 250, "{} cases", cases.len());
    println!("{} hostile tokens, all refused alike", cases.len());

    for token in &good {
        verify(&verifier, token)
            .await
            .expect("the control is still accepted");
    }
    assert!(
        source.fetched().iter().all(|url| url == KEYS_URL),
        "no address of a token was fetched"
    );
}

#[tokio::test]
async fn what_is_harmless_is_accepted() {
    let keys = Keys::new();
    let source: Arc<MemorySource> = Arc::default();
    source.put(KEYS_URL, &keys.set());
    let verifier = verifier(policy(), &source, &TestClock::new());
    let headers = [
        r#"{"alg":"RS256","kid":"rsa"}"#,
        r#"{"alg":"RS256","kid":"rsa","typ":"at+jwt"}"#,
        r#"{"alg":"RS256","kid":"rsa","typ":"AT+JWT"}"#,
        r#"{"alg":"RS256","kid":"rsa","typ":"application/at+jwt"}"#,
        r#" { "kid" : "rsa" , "alg" : "RS256" } "#,
        r#"{"alg":"RS256","kid":"\u0072sa","unknown":{"a":[1]}}"#,
        r#"{"alg":"RS256","kid":"rsa","jku":"https://evil.example/","x5u":"https://evil.example/"}"#,
        r#"{"alg":"RS256","kid":"rsa","jwk":{"kty":"RSA"},"x5c":["AAAA"],"x5t":"AAAA"}"#,
    ];
    for header in headers {
        verify(&verifier, &rsa_with_header(&keys, header))
            .await
            .expect(header);
    }
    let payloads = [
        claims(),
        with(&claims(), &json!({"aud": [AUDIENCE]})),
        with(
            &claims(),
            &json!({"aud": ["https://other.example", AUDIENCE]}),
        ),
        with(
            &claims(),
            &json!({"nbf": NOW, "extra": {"aud": "x", "deep": [[[1]]]}, "email": null}),
        ),
        without(&claims(), "iat"),
        with(&claims(), &json!({"exp": NOW - 59})),
    ];
    for payload in payloads {
        let payload = payload.to_string();
        verify(&verifier, &ed_with_payload(&keys, &payload))
            .await
            .expect(&payload);
    }
    let any = token(
        r#"{"alg":"PS256","kid":"any-rsa"}"#,
        &claims().to_string(),
        |m| sign_as(&keys.any_rsa, "PS256", m),
    );
    verify(&verifier, &any)
        .await
        .expect("a key without algorithm serves those of its type");
}

#[tokio::test]
async fn a_token_without_key_id_needs_exactly_one_fitting_key() {
    let pairs = [Pair::ed(), Pair::ed(), Pair::p256()];
    let set = |chosen: &[usize]| {
        let keys: Vec<Value> = chosen
            .iter()
            .map(|i| with(&pairs[*i].jwk(), &json!({"kid": format!("k{i}")})))
            .collect();
        json!({ "keys": keys })
    };
    let bare = token(r#"{"alg":"EdDSA"}"#, &claims().to_string(), |m| {
        pairs[0].sign(m)
    });
    for (chosen, accepted) in [
        (&[0][..], true),
        (&[0, 2], true),
        (&[0, 0], true),
        (&[1], false),
        (&[0, 1], false),
        (&[1, 0], false),
        (&[2], false),
    ] {
        let source: Arc<MemorySource> = Arc::default();
        source.put(KEYS_URL, &set(chosen));
        let verifier = verifier(policy(), &source, &TestClock::new());
        assert_eq!(
            verify(&verifier, &bare).await.is_ok(),
            accepted,
            "{chosen:?}"
        );
        assert_eq!(source.fetches(), 1);
    }
}
