//! Hostile headers: algorithms, extensions, key ids, documents. Most stand in `headers.json`.

use std::sync::LazyLock;

use hushgate_gateway::access::fault::TokenFault as Fault;
use serde_json::{Value, json};

use super::{Case, Keys, rsa_with_header, sign_as};
use crate::support::*;

static TABLES: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("headers.json")).unwrap());

pub(super) fn cases(keys: &Keys) -> Vec<Case> {
    let mut cases = algorithms(keys);
    cases.extend(extensions(keys));
    cases.extend(key_ids(keys));
    cases.extend(documents(keys));
    cases
}

fn table(name: &str) -> &'static [Value] {
    TABLES[name].as_array().unwrap()
}

/// A case named by what its header holds.
fn shown(keys: &Keys, what: &str, header: &str, fault: Fault) -> Case {
    let mut name: String = what.chars().take(60).collect();
    if name != what {
        name = format!("{name}… of {} bytes", what.len());
    }
    Case::new(name, rsa_with_header(keys, header), fault)
}

/// `alg` values, each with no signature and with one that is right for RS256.
fn algorithms(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    for alg in table("unknown_algorithms") {
        let header = json!({"alg": alg, "kid": "rsa"}).to_string();
        let unsigned = token(&header, &claims().to_string(), |_| Vec::new());
        cases.push(Case::new(
            format!("alg {alg} unsigned"),
            unsigned,
            Fault::AlgorithmUnknown,
        ));
        let what = format!("alg {alg} signed");
        cases.push(shown(keys, &what, &header, Fault::AlgorithmUnknown));
    }
    for alg in ["RS384", "RS512", "PS384", "PS512", "ES384"] {
        let header = json!({"alg": alg, "kid": "any-rsa"}).to_string();
        let pair = if alg == "ES384" {
            &keys.p384
        } else {
            &keys.any_rsa
        };
        let signed = token(&header, &claims().to_string(), |m| sign_as(pair, alg, m));
        cases.push(Case::new(
            format!("alg {alg} not pinned"),
            signed,
            Fault::AlgorithmNotPinned,
        ));
    }
    cases.push(shown(
        keys,
        "no alg",
        r#"{"kid":"rsa"}"#,
        Fault::AlgorithmUnknown,
    ));
    cases
}

/// Members that change the meaning of the rest; `typ` of other kinds of token.
fn extensions(keys: &Keys) -> Vec<Case> {
    let base = json!({"alg": "RS256", "kid": "rsa"});
    let case = |more: &Value, fault| {
        let header = with(&base, more).to_string();
        shown(keys, &format!("header {more}"), &header, fault)
    };
    let members = table("members_not_understood").iter();
    let mut cases: Vec<_> = members
        .map(|more| case(more, Fault::ExtensionNotUnderstood))
        .collect();
    let types = table("types_not_accepted").iter();
    cases.extend(types.map(|typ| case(&json!({ "typ": typ }), Fault::TypeNotAccepted)));
    cases
}

/// Key ids that mean something to a file system, a database, a shell or a careless comparison.
fn key_ids(keys: &Keys) -> Vec<Case> {
    let case = |kid: &Value, fault| {
        let header = json!({"alg": "RS256", "kid": kid}).to_string();
        shown(keys, &format!("kid {kid}"), &header, fault)
    };
    let long = [
        json!("x".repeat(257)),
        json!("é".repeat(129)),
        json!("rsa".repeat(900)),
    ];
    let longest = json!("x".repeat(256));
    let unknown = table("unknown_key_ids").iter().chain([&longest]);
    let malformed = table("malformed_key_ids").iter().chain(&long);
    unknown
        .map(|kid| case(kid, Fault::KeyUnknown))
        .chain(malformed.map(|kid| case(kid, Fault::KeyIdMalformed)))
        .collect()
}

/// Headers that are not one plain JSON object.
fn documents(keys: &Keys) -> Vec<Case> {
    let deep = format!(
        r#"{{"alg":"RS256","kid":"rsa","x":{}1{}}}"#,
        "[".repeat(60),
        "]".repeat(60)
    );
    let texts = table("header_documents").iter();
    let texts = texts.map(|text| text.as_str().unwrap());
    texts
        .chain([deep.as_str()])
        .map(|text| {
            shown(
                keys,
                &format!("header {text:?}"),
                text,
                Fault::HeaderNotJson,
            )
        })
        .collect()
}
