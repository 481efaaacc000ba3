//! A clock to set, an issuer that answers from memory, keys made for the run, and tokens.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    self as lc, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RsaEncoding,
    RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method};
use hushgate_gateway::access::fetch::{Document, FetchFault, KeySource};
use hushgate_gateway::access::policy::Policy;
use hushgate_gateway::access::{Caller, Verifier};
use hushgate_gateway::inbound::Inbound;
use hushgate_gateway::ports::{Clock, PortFuture};
use hushgate_gateway::refusal::Refusal;
use serde_json::{Value, json};
use tokio::sync::watch;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const ISSUER: &str = "https://issuer.example";
pub(crate) const KEYS_URL: &str = "https://issuer.example/keys";
pub(crate) const AUDIENCE: &str = "https://zoom.gw.example";
pub(crate) const SUBJECT: &str = "112233";

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicU64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::at(NOW))
    }

    pub(crate) fn at(seconds: u64) -> Self {
        Self(AtomicU64::new(seconds))
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }

    pub(crate) fn set(&self, seconds: u64) {
        self.0.store(seconds, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst))
    }
}

/// Answers fetches from memory and counts them.
#[derive(Default)]
pub(crate) struct MemorySource {
    documents: Mutex<HashMap<String, Answer>>,
    fetched: Mutex<Vec<String>>,
    delay_millis: AtomicU64,
    held: watch::Sender<bool>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// What a [`MemorySource`] answers for an address; it answers 404 for unknown ones.
#[derive(Clone)]
pub(crate) enum Answer {
    Body(Vec<u8>, Option<u64>),
    Fails,
}

impl MemorySource {
    pub(crate) fn put(&self, url: &str, document: &Value) {
        self.answer(url, Answer::Body(document.to_string().into_bytes(), None));
    }

    pub(crate) fn answer(&self, url: &str, answer: Answer) {
        self.documents
            .lock()
            .unwrap()
            .insert(url.to_owned(), answer);
    }

    pub(crate) fn slow_down(&self, millis: u64) {
        self.delay_millis.store(millis, Ordering::SeqCst);
    }

    /// Lets no fetch end until [`MemorySource::release`].
    pub(crate) fn hold(&self) {
        self.held.send_replace(true);
    }

    pub(crate) fn release(&self) {
        self.held.send_replace(false);
    }

    pub(crate) fn fetched(&self) -> Vec<String> {
        self.fetched.lock().unwrap().clone()
    }

    pub(crate) fn fetches(&self) -> usize {
        self.fetched().len()
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::SeqCst)
    }
}

impl KeySource for MemorySource {
    fn fetch<'a>(&'a self, url: &'a str) -> PortFuture<'a, Result<Document, FetchFault>> {
        Box::pin(async move {
            self.fetched.lock().unwrap().push(url.to_owned());
            let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
            self.most_in_flight.fetch_max(now, Ordering::SeqCst);
            let delay = self.delay_millis.load(Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(delay)).await;
            let mut held = self.held.subscribe();
            held.wait_for(|held| !held).await.unwrap();
            self.in_flight.fetch_sub(1, Ordering::SeqCst);
            let answer = self.documents.lock().unwrap().get(url).cloned();
            match answer {
                Some(Answer::Body(body, max_age)) => Ok(Document {
                    body: Bytes::from(body),
                    max_age: max_age.map(Duration::from_secs),
                }),
                Some(Answer::Fails) => Err(FetchFault::Unreachable("down".to_owned())),
                None => Err(FetchFault::Status(404)),
            }
        })
    }
}

/// A key pair made for this run.
pub(crate) enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, Vec<u8>),
    Ed(Ed25519KeyPair),
}

impl Pair {
    pub(crate) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub(crate) fn ec(algorithm: &'static EcdsaSigningAlgorithm) -> Self {
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref()).unwrap();
        Self::Ec(pair, pkcs8.as_ref().to_vec())
    }

    pub(crate) fn p256() -> Self {
        Self::ec(&lc::ECDSA_P256_SHA256_FIXED_SIGNING)
    }

    pub(crate) fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    /// The public key as its key type's raw bytes: PKCS#1 DER, point, or 32 bytes.
    pub(crate) fn public(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref().to_vec(),
            Self::Ec(pair, _) => pair.public_key().as_ref().to_vec(),
            Self::Ed(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// The public key as `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> Vec<u8> {
        match self {
            Self::Rsa(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ec(pair, _) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
            Self::Ed(pair) => pair.public_key().as_der().unwrap().as_ref().to_vec(),
        }
    }

    /// The public key as a JWK without `kid`, `use` and `alg`.
    pub(crate) fn jwk(&self) -> Value {
        let public = self.public();
        match self {
            Self::Rsa(pair) => json!({
                "kty": "RSA",
                "n": b64(pair.public_key().modulus().big_endian_without_leading_zero()),
                "e": b64(pair.public_key().exponent().big_endian_without_leading_zero()),
            }),
            Self::Ec(..) => {
                let (x, y) = public[1..].split_at((public.len() - 1) / 2);
                let curve = match x.len() {
                    32 => "P-256",
                    48 => "P-384",
                    _ => "P-521",
                };
                json!({"kty": "EC", "crv": curve, "x": b64(x), "y": b64(y)})
            }
            Self::Ed(_) => json!({"kty": "OKP", "crv": "Ed25519", "x": b64(&public)}),
        }
    }

    /// Signs with PKCS#1 v1.5, ECDSA of the pair's own kind, or Ed25519.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Rsa(_) => self.sign_rsa(&lc::RSA_PKCS1_SHA256, message),
            Self::Ec(pair, _) => pair
                .sign(&SystemRandom::new(), message)
                .unwrap()
                .as_ref()
                .to_vec(),
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
        }
    }

    pub(crate) fn sign_rsa(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let Self::Rsa(pair) = self else {
            panic!("not an RSA key");
        };
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
            .unwrap();
        signature
    }
}

/// A JWK with a key id, a use and an algorithm.
pub(crate) fn published(pair: &Pair, kid: &str, alg: &str) -> Value {
    with(&pair.jwk(), &json!({"kid": kid, "use": "sig", "alg": alg}))
}

/// A copy of an object with members added or replaced.
pub(crate) fn with(object: &Value, members: &Value) -> Value {
    let mut copy = object.clone();
    for (name, value) in members.as_object().unwrap() {
        copy[name] = value.clone();
    }
    copy
}

/// A copy of an object without a member.
pub(crate) fn without(object: &Value, member: &str) -> Value {
    let mut copy = object.clone();
    copy.as_object_mut().unwrap().remove(member);
    copy
}

pub(crate) fn b64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// Claims that are accepted at [`NOW`].
pub(crate) fn claims() -> Value {
    json!({"iss": ISSUER, "sub": SUBJECT, "aud": AUDIENCE, "iat": NOW - 10, "exp": NOW + 3590})
}

/// A compact token of these texts, signed by `sign`.
pub(crate) fn token(header: &str, payload: &str, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let input = format!("{}.{}", b64(header.as_bytes()), b64(payload.as_bytes()));
    let signature = sign(input.as_bytes());
    format!("{input}.{}", b64(&signature))
}

/// A good token of this key.
pub(crate) fn good_token(pair: &Pair, kid: &str, alg: &str) -> String {
    let header = json!({"alg": alg, "kid": kid, "typ": "JWT"}).to_string();
    token(&header, &claims().to_string(), |m| pair.sign(m))
}

/// The policy of most tests: one issuer, one client.
pub(crate) fn policy() -> Policy {
    policy_with("")
}

/// The policy of most tests with more lines for the issuer, indented by four.
pub(crate) fn policy_with(issuer_lines: &str) -> Policy {
    let text = format!(
        "issuers:\n  - issuer: {ISSUER}\n    jwks_uri: {KEYS_URL}\n    algorithms: [RS256, PS256, ES256, EdDSA]\n{issuer_lines}\
         clients:\n  - id: vendor\n    identity: {{issuer: {ISSUER}, subject: \"{SUBJECT}\", audience: {AUDIENCE}}}\n    sources: [zoom]\n"
    );
    Policy::parse(&text, "access.yaml", false).unwrap()
}

pub(crate) fn verifier(
    policy: Policy,
    source: &Arc<MemorySource>,
    clock: &Arc<TestClock>,
) -> Verifier {
    let keys: Arc<dyn KeySource> = source.clone();
    Verifier::new(policy, "zoom", &keys, clock.clone())
}

/// A request with these `Authorization` values.
pub(crate) fn request(values: &[&[u8]]) -> Inbound {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
    }
    Inbound {
        method: Method::GET,
        raw_path: "/v2/users".to_owned(),
        raw_query: None,
        headers,
        body: Bytes::new(),
        peer: Some(IpAddr::from([198, 51, 100, 4])),
        vouched: None,
        deadline: None,
        received: Instant::now(),
    }
}

pub(crate) async fn verify(verifier: &Verifier, token: &str) -> Result<Caller, Refusal> {
    verifier
        .verify(&request(&[format!("Bearer {token}").as_bytes()]))
        .await
}

/// The code of a refusal; panics if the token was accepted.
pub(crate) async fn refused(verifier: &Verifier, token: &str) -> &'static str {
    verify(verifier, token).await.unwrap_err().cause().code()
}
