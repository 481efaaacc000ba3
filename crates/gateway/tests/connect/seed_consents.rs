//! Every shipped source with a consent: the address that the browser opens and the code's exchange,
//! as the vendor documents them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hushgate_gateway::connect::consent::Consent;
use hushgate_gateway::connect::{Source, SourceHost, SourceOptions};
use serde::Deserialize;

use crate::server::{Server, json};
use crate::setup::Setup;

const REDIRECT: &str = "http://localhost:8917/callback";
const SECRETS: &[(&str, &str)] = &[("CLIENT_ID", "id-1"), ("CLIENT_SECRET", "se+cr:et")];
const CODE: &str = "c+1/2=";

/// `seed_consents.yaml`: what is expected, by source. `<state>`, `<challenge>` and `<verifier>` are made by
/// the run.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// The account's host, where it decides.
    host: Option<String>,
    address: String,
    /// The pairs of the address's query as they are encoded, in any order.
    query: Vec<String>,
    exchange: Exchange,
    /// The answer, and what is stored of it.
    answer: String,
    stored: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    line: String,
    #[serde(default)]
    authorization: String,
    #[serde(default)]
    query: Vec<String>,
    #[serde(default)]
    body: Vec<String>,
}

#[tokio::test]
async fn every_consent_is_asked_for_and_completed_as_its_vendor_wants() {
    let all = expected();
    assert_eq!(
        all.keys().cloned().collect::<BTreeSet<_>>(),
        with_a_consent(),
        "the sources of seed_consents.yaml are those that declare `authorization`"
    );
    for (id, expected) in &all {
        address(id, expected).await;
        exchange(id, expected).await;
    }
}

/// The address at the vendor, before anything is sent.
async fn address(id: &str, expected: &Expected) {
    let setup = Setup::shipped(id, "https://unused.example", SECRETS);
    let (source, mut parts) = setup.into_parts();
    parts.token_origin = None;
    parts.target_host.clone_from(&expected.host);
    let (_pending, url) = Consent::begin(source, parts, REDIRECT)
        .await
        .unwrap_or_else(|fault| panic!("{id}: {fault}"));
    let query = url.query().unwrap_or_default();
    let plain = url.as_str().split('?').next().unwrap();
    assert_eq!(plain, expected.address, "{id}: the address");
    let made = [("state", "<state>"), ("code_challenge", "<challenge>")];
    assert_eq!(
        pairs(query, &made),
        sorted(&expected.query),
        "{id}: the query of the address"
    );
}

/// The exchange of the code at a server of this machine.
async fn exchange(id: &str, expected: &Expected) {
    let answer = expected.answer.clone();
    let server = Server::start(move |_| json(&answer)).await;
    let (source, parts) = Setup::shipped(id, &server.origin, SECRETS).into_parts();
    let (mut pending, url) = Consent::begin(source, parts, REDIRECT).await.unwrap();
    let asked: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    let mut back = reqwest::Url::parse(REDIRECT).unwrap();
    back.query_pairs_mut()
        .append_pair("code", CODE)
        .append_pair("state", &asked["state"]);
    let obtained = pending
        .complete(back.as_str())
        .await
        .unwrap_or_else(|fault| panic!("{id}: {fault}"));

    let sent = server.only();
    let (path, query) = sent.line.split_once('?').map_or(
        (sent.line.trim_end_matches(" HTTP/1.1"), ""),
        |(path, rest)| (path, rest.trim_end_matches(" HTTP/1.1")),
    );
    assert_eq!(path, expected.exchange.line, "{id}: the exchange");
    let made = [("code_verifier", "<verifier>")];
    let wanted = &expected.exchange;
    assert_eq!(
        pairs(query, &made),
        sorted(&wanted.query),
        "{id}: its query"
    );
    assert_eq!(
        pairs(&sent.body, &made),
        sorted(&wanted.body),
        "{id}: its body"
    );
    assert_eq!(sent.header("authorization"), wanted.authorization, "{id}");
    assert_eq!(sent.header("accept"), "application/json", "{id}");
    if let Some(challenge) = asked.get("code_challenge") {
        let parameters = if sent.body.is_empty() {
            sent.query()
        } else {
            sent.form()
        };
        let hash = digest(&SHA256, parameters["code_verifier"].as_bytes());
        assert_eq!(URL_SAFE_NO_PAD.encode(hash), *challenge, "{id}: RFC 7636");
    }
    let stored: BTreeMap<_, _> = obtained
        .into_entries()
        .into_iter()
        .map(|(name, value)| (name, value.reveal().to_owned()))
        .collect();
    for (name, value) in &expected.stored {
        assert_eq!(stored.get(name), Some(value), "{id}: `{name}`");
    }
}

/// The encoded pairs, sorted; the values of `made` give way to their marks.
fn pairs(encoded: &str, made: &[(&str, &str)]) -> Vec<String> {
    let pairs = encoded.split('&').filter(|pair| !pair.is_empty());
    let mut pairs: Vec<_> = pairs
        .map(|pair| {
            let name = pair.split('=').next().unwrap();
            let mark = made.iter().find(|(known, _)| *known == name);
            mark.map_or_else(|| pair.to_owned(), |(_, mark)| format!("{name}={mark}"))
        })
        .collect();
    pairs.sort();
    pairs
}

fn sorted(pairs: &[String]) -> Vec<String> {
    let mut pairs = pairs.to_vec();
    pairs.sort();
    pairs
}

fn expected() -> BTreeMap<String, Expected> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connect/seed_consents.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn with_a_consent() -> BTreeSet<String> {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let folders = std::fs::read_dir(rules).unwrap();
    let sources = folders.filter_map(|entry| {
        let text = std::fs::read_to_string(entry.unwrap().path().join("source.yaml")).ok()?;
        Source::load("source.yaml", &text, SourceOptions::default()).ok()
    });
    sources
        .filter(|source| source.auth.authorization.is_some())
        .map(|source| {
            let account = matches!(source.host, SourceHost::Account { .. });
            let host = expected().remove(&source.id).and_then(|e| e.host);
            assert_eq!(host.is_some(), account, "{}: its host", source.id);
            source.id
        })
        .collect()
}
