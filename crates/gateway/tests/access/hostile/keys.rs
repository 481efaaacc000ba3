//! Public keys used as HMAC secrets, one algorithm's key with another's name, and keys that the token
//! brings along or that the issuer published for something else.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hushgate_gateway::access::fault::TokenFault as Fault;
use serde_json::json;

use super::{Case, Keys, OCT, sign_as};
use crate::support::*;

pub(super) fn cases(keys: &Keys) -> Vec<Case> {
    let mut cases = as_secrets(keys);
    cases.extend(under_other_names(keys));
    cases.extend(injected_keys(keys));
    cases.extend(unfit_keys(keys));
    cases
}

/// HMACs keyed with what everybody knows.
fn as_secrets(keys: &Keys) -> Vec<Case> {
    let der = keys.rsa.spki();
    let body = STANDARD.encode(&der);
    let lines: Vec<&str> = (0..body.len())
        .step_by(64)
        .map(|i| &body[i..(i + 64).min(body.len())])
        .collect();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----",
        lines.join("\n")
    );
    let jwk = published(&keys.rsa, "rsa", "RS256");
    let modulus = jwk["n"].as_str().unwrap().to_owned();
    let secrets: Vec<(&str, &str, Vec<u8>)> = vec![
        ("SPKI DER", "rsa", der.clone()),
        ("PKCS#1 DER", "rsa", keys.rsa.public()),
        ("PEM", "rsa", pem.clone().into_bytes()),
        ("PEM and newline", "rsa", format!("{pem}\n").into_bytes()),
        (
            "PEM with CRLF",
            "rsa",
            pem.replace('\n', "\r\n").into_bytes(),
        ),
        ("JWK", "rsa", jwk.to_string().into_bytes()),
        ("modulus bytes", "rsa", unb64(&modulus)),
        ("modulus text", "rsa", modulus.into_bytes()),
        ("EC point", "ec", keys.ec.public()),
        ("EC SPKI", "ec", keys.ec.spki()),
        ("Ed25519 bytes", "ed", keys.ed.public()),
        ("Ed25519 SPKI", "ed", keys.ed.spki()),
        ("published oct key", "oct", OCT.to_vec()),
        ("empty", "rsa", Vec::new()),
    ];
    let hashes = [
        ("HS256", hmac::HMAC_SHA256),
        ("HS384", hmac::HMAC_SHA384),
        ("HS512", hmac::HMAC_SHA512),
    ];
    let mut cases = Vec::new();
    for (what, kid, secret) in &secrets {
        for (alg, hash) in hashes {
            let header = json!({"alg": alg, "kid": kid}).to_string();
            let forged = token(&header, &claims().to_string(), |m| mac(hash, secret, m));
            cases.push(Case::new(
                format!("{alg} with {what}"),
                forged,
                Fault::AlgorithmUnknown,
            ));
        }
    }
    for (_, kid, alg) in keys.good() {
        let header = json!({"alg": alg, "kid": kid}).to_string();
        let forged = token(&header, &claims().to_string(), |m| {
            mac(hmac::HMAC_SHA256, &der, m)
        });
        cases.push(Case::new(
            format!("{alg} over an HMAC"),
            forged,
            Fault::SignatureMismatch,
        ));
    }
    let header = json!({"alg": "HS256", "kid": "../../../../dev/null"}).to_string();
    let forged = token(&header, &claims().to_string(), |m| {
        mac(hmac::HMAC_SHA256, b"", m)
    });
    cases.push(Case::new(
        "kid of an empty file",
        forged,
        Fault::AlgorithmUnknown,
    ));
    cases
}

/// One algorithm's key with another's name.
fn under_other_names(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    for (pair, kid, own) in keys.good() {
        for (_, _, other) in keys.good().into_iter().filter(|(.., other)| *other != own) {
            let header = json!({"alg": other, "kid": kid}).to_string();
            let signed = token(&header, &claims().to_string(), |m| {
                let alg = if own.ends_with("S256") && other.starts_with("ES") {
                    own
                } else {
                    other
                };
                if matches!(pair, Pair::Rsa(_)) {
                    sign_as(pair, alg, m)
                } else {
                    pair.sign(m)
                }
            });
            cases.push(Case::new(
                format!("{other} with the key of {own}"),
                signed,
                Fault::KeyAmbiguous,
            ));
        }
    }
    cases
}

fn mac(hash: hmac::Algorithm, secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hash, secret), message)
        .as_ref()
        .to_vec()
}

/// Keys, or addresses of keys, that the token brings along.
fn injected_keys(keys: &Keys) -> Vec<Case> {
    let own = published(&keys.attacker, "evil", "RS256");
    let chain = json!([STANDARD.encode(keys.attacker.spki())]);
    let members = [
        ("jwk", json!({ "jwk": own })),
        (
            "jwk with the issuer's key id",
            json!({"jwk": with(&own, &json!({"kid": "rsa"}))}),
        ),
        ("jku", json!({"jku": "https://evil.example/keys"})),
        (
            "jku at the issuer",
            json!({"jku": "https://issuer.example/../evil"}),
        ),
        ("x5u", json!({"x5u": "https://evil.example/chain"})),
        ("x5u of a file", json!({"x5u": "file:///etc/passwd"})),
        ("x5c", json!({ "x5c": chain })),
        ("x5t", json!({"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"})),
        (
            "all of them",
            json!({"jwk": own, "jku": "https://evil.example", "x5u": "https://evil.example", "x5c": chain}),
        ),
    ];
    let ids = [
        (Some("rsa"), Fault::SignatureMismatch),
        (Some("evil"), Fault::KeyUnknown),
        (None, Fault::KeyAmbiguous),
    ];
    let mut cases = Vec::new();
    for (what, more) in &members {
        for (kid, fault) in ids {
            let mut header = with(&json!({"alg": "RS256"}), more);
            if let Some(kid) = kid {
                header["kid"] = json!(kid);
            }
            let forged = token(&header.to_string(), &claims().to_string(), |m| {
                keys.attacker.sign(m)
            });
            cases.push(Case::new(format!("{what}, key id {kid:?}"), forged, fault));
        }
    }
    cases
}

/// Keys that the issuer published, but not for this, each with its real private half.
fn unfit_keys(keys: &Keys) -> Vec<Case> {
    let table = [
        ("encryption", &keys.encryption, "RS256", Fault::KeyUnknown),
        ("signing", &keys.signing, "ES256", Fault::KeyUnknown),
        ("p384", &keys.p384, "ES256", Fault::KeyUnknown),
        ("p384-mislabelled", &keys.p384, "ES256", Fault::KeyUnknown),
        ("leaked", &keys.leaked, "EdDSA", Fault::KeyUnknown),
        ("oct", &keys.ed, "EdDSA", Fault::KeyUnknown),
        ("twin", &keys.twins[0], "EdDSA", Fault::KeyAmbiguous),
        ("rsa", &keys.attacker, "RS256", Fault::SignatureMismatch),
        ("pss", &keys.attacker, "PS256", Fault::SignatureMismatch),
        ("ec", &keys.attacker_ec, "ES256", Fault::SignatureMismatch),
        ("ed", &keys.attacker_ed, "EdDSA", Fault::SignatureMismatch),
        ("rsa", &keys.any_rsa, "RS256", Fault::SignatureMismatch),
    ];
    table
        .iter()
        .enumerate()
        .map(|(i, (kid, pair, alg, fault))| {
            let header = json!({"alg": alg, "kid": kid}).to_string();
            let signed = token(&header, &claims().to_string(), |m| sign_as(pair, alg, m));
            Case::new(format!("unfit key {kid} ({i})"), signed, *fault)
        })
        .collect()
}
