//! The public test vectors for JSON Web Signatures, keys and crypto.
//!
//! Everything the vectors call invalid must be refused. What they call valid must be accepted,
//! except where the gateway is stricter on purpose; those cases are listed here with the reason.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;

use hushgate_gateway::access::algorithm::Algorithm;
use hushgate_gateway::access::jws::Jws;
use hushgate_gateway::access::keys::KeySet;
use serde_json::{Value, json};

/// Valid cases that are refused on purpose: file, cases, reason.
const STRICTER: &[(&str, &[u64], &str)] = &[
    (
        SIGNATURE,
        &[1, 348, 352, 357, 358, 359, 372, 373, 376, 377],
        SYMMETRIC,
    ),
    (KEY, &[2, 13, 14, 15], SYMMETRIC),
    (CRYPTO, &[1, 48], SYMMETRIC),
    (
        SIGNATURE,
        &[347, 351],
        "P-521 is not among the algorithms; the key names the unregistered `ES521`",
    ),
    (
        SIGNATURE,
        &[346, 350],
        "the token says PS384, its key says PS256; the two must agree",
    ),
    (
        CRYPTO,
        &[50, 67],
        "an encrypted token has five parts and is never accepted",
    ),
];

const SYMMETRIC: &str = "a symmetric key proves no issuer: whoever can check can also sign";
const SIGNATURE: &str = "json_web_signature_test.json";
const KEY: &str = "json_web_key_test.json";
const CRYPTO: &str = "json_web_crypto_test.json";

#[test]
fn json_web_signatures_are_judged_as_the_vectors_say() {
    check(SIGNATURE, 401);
}

#[test]
fn json_web_keys_are_judged_as_the_vectors_say() {
    check(KEY, 26);
}

#[test]
fn json_web_crypto_is_judged_as_the_vectors_say() {
    check(CRYPTO, 83);
}

fn check(file: &'static str, count: usize) {
    let Some(vectors) = load(file) else { return };
    let mut stricter: BTreeMap<u64, &str> = STRICTER
        .iter()
        .filter(|(f, ..)| *f == file)
        .flat_map(|(_, cases, reason)| cases.iter().map(|case| (*case, *reason)))
        .collect();
    let mut seen = 0;
    for group in vectors["testGroups"].as_array().unwrap() {
        let key = group.get("public").unwrap_or(&group["private"]);
        for case in group["tests"].as_array().unwrap() {
            let id = case["tcId"].as_u64().unwrap();
            let token = case.get("jws").or(case.get("jwe")).unwrap();
            let valid = case["result"] == "valid";
            let reason = stricter.remove(&id);
            assert!(valid || reason.is_none(), "{file} {id} is invalid anyway");
            let expected = valid && reason.is_none();
            let comment = &case["comment"];
            assert_eq!(
                accepts(key, token),
                expected,
                "{file} {id}: {comment} {reason:?}"
            );
            seen += 1;
        }
    }
    assert_eq!(seen, count);
    assert!(stricter.is_empty(), "no such cases: {stricter:?}");
}

/// Whether some algorithm that an issuer could be pinned to accepts the token with these keys.
fn accepts(keys: &Value, token: &Value) -> bool {
    let set = match keys.get("keys") {
        Some(_) => keys.clone(),
        None => json!({ "keys": [keys] }),
    };
    let text = token
        .as_str()
        .map_or_else(|| token.to_string(), str::to_owned);
    let (Ok(jws), Ok(keys)) = (
        Jws::parse(&text),
        KeySet::parse(set.to_string().as_bytes(), Algorithm::ALL),
    ) else {
        return false;
    };
    keys.select(jws.algorithm(), jws.kid())
        .is_ok_and(|key| key.verify(jws.algorithm(), &jws))
}

/// Reads a file of the public suites; `None`, with a message, when they are not on this machine.
fn load(file: &str) -> Option<Value> {
    let shared = std::env::var_os("HUSHGATE_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = shared.join("suites/wycheproof").join(file);
    let Ok(bytes) = std::fs::read(&path) else {
        // Past the capture of passing tests' output.
        let _ = writeln!(std::io::stderr(), "skipped: {} not found", path.display());
        return None;
    };
    Some(serde_json::from_slice(&bytes).unwrap())
}
