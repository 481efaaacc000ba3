//! Damaged, forged, swapped and malformed signatures.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{self as lc, EcdsaKeyPair};
use hushgate_gateway::access::fault::TokenFault as Fault;
use serde_json::json;

use super::{Case, Keys, sign_as};
use crate::support::*;

/// The order of P-256's group, big-endian.
const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

pub(super) fn cases(keys: &Keys) -> Vec<Case> {
    let mut cases = bit_flips(keys);
    cases.extend(lengths(keys));
    cases.extend(ecdsa(keys));
    cases.extend(swaps(keys));
    cases.extend(paddings(keys));
    cases
}

fn good(keys: &Keys) -> Vec<(&'static str, [String; 3])> {
    keys.good()
        .iter()
        .map(|(pair, kid, alg)| {
            let header = json!({"alg": alg, "kid": kid}).to_string();
            let token = token(&header, &claims().to_string(), |m| sign_as(pair, alg, m));
            let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
            (*alg, parts.try_into().unwrap())
        })
        .collect()
}

/// One bit flipped, at places spread over each part of a token of each algorithm.
fn bit_flips(keys: &Keys) -> Vec<Case> {
    let anything = [
        Fault::SignatureMismatch,
        Fault::HeaderNotJson,
        Fault::AlgorithmUnknown,
        Fault::AlgorithmNotPinned,
        Fault::KeyUnknown,
        Fault::KeyAmbiguous,
        Fault::ClaimsNotJson,
        Fault::ClaimMalformed,
        Fault::DateMalformed,
        Fault::IssuerNotTrusted,
    ];
    let mut cases = Vec::new();
    for (alg, parts) in good(keys) {
        for (part, name) in ["header", "payload", "signature"].iter().enumerate() {
            let bytes = unb64(&parts[part]);
            for i in 0..12 {
                let mut flipped = bytes.clone();
                flipped[i * bytes.len() / 12] ^= 1 << (i % 8);
                let mut parts = parts.clone();
                parts[part] = b64(&flipped);
                let faults = if part == 2 {
                    &anything[..1]
                } else {
                    &anything[..]
                };
                let name = format!("{alg} {name} bit {i} flipped");
                cases.push(Case::any_of(name, parts.join("."), faults));
            }
        }
    }
    cases
}

/// Signatures of other lengths, and of constant bytes.
fn lengths(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    for (alg, [header, payload, signature]) in good(keys) {
        let bytes = unb64(&signature);
        let n = bytes.len();
        let variants: Vec<(&str, Vec<u8>)> = vec![
            ("empty", Vec::new()),
            ("one byte", bytes[..1].to_vec()),
            ("first half", bytes[..n / 2].to_vec()),
            ("one byte short", bytes[..n - 1].to_vec()),
            ("without its first byte", bytes[1..].to_vec()),
            ("one byte more", [&bytes[..], &[0]].concat()),
            ("a zero byte before", [&[0], &bytes[..]].concat()),
            ("twice", [&bytes[..], &bytes[..]].concat()),
            ("all zero", vec![0; n]),
            ("all ones", vec![0xff; n]),
            ("reversed", bytes.iter().rev().copied().collect()),
            ("the number one", [vec![0; n - 1], vec![1]].concat()),
            ("as text", signature.clone().into_bytes()),
        ];
        for (what, bytes) in variants {
            let token = format!("{header}.{payload}.{}", b64(&bytes));
            cases.push(Case::new(
                format!("{alg} signature {what}"),
                token,
                Fault::SignatureMismatch,
            ));
        }
    }
    cases
}

/// Signature values outside the group, the DER form, and other curves.
fn ecdsa(keys: &Keys) -> Vec<Case> {
    let (_, [header, payload, signature]) = good(keys).remove(2);
    let input = format!("{header}.{payload}");
    let signature = unb64(&signature);
    let (r, s) = signature.split_at(32);
    let order: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&P256_ORDER[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let number = |last: u8| [vec![0; 31], vec![last]].concat();
    let (zero, one) = (number(0), number(1));
    let mut below = order.clone();
    below[31] -= 1;
    let edges = [("0", &zero), ("1", &one), ("n-1", &below), ("n", &order)];
    let mut variants: Vec<(String, Vec<u8>)> = Vec::new();
    for (a, x) in edges {
        for (b, y) in edges {
            variants.push((format!("r={a}, s={b}"), [&x[..], &y[..]].concat()));
        }
        variants.push((format!("r={a}"), [x, s].concat()));
        variants.push((format!("s={a}"), [r, x].concat()));
    }
    variants.push(("r and s swapped".to_owned(), [s, r].concat()));
    variants.push(("r twice".to_owned(), [r, r].concat()));
    let Pair::Ec(_, pkcs8) = &keys.ec else {
        unreachable!()
    };
    let der = EcdsaKeyPair::from_pkcs8(&lc::ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8).unwrap();
    let der = der.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
    variants.push(("in DER".to_owned(), der.as_ref().to_vec()));
    let others: [(&str, &'static lc::EcdsaSigningAlgorithm); 3] = [
        ("P-384", &lc::ECDSA_P384_SHA384_FIXED_SIGNING),
        ("P-521", &lc::ECDSA_P521_SHA512_FIXED_SIGNING),
        ("secp256k1", &lc::ECDSA_P256K1_SHA256_FIXED_SIGNING),
    ];
    for (curve, algorithm) in others {
        variants.push((
            format!("on {curve}"),
            Pair::ec(algorithm).sign(input.as_bytes()),
        ));
    }
    variants
        .into_iter()
        .map(|(what, bytes)| {
            let token = format!("{input}.{}", b64(&bytes));
            Case::new(
                format!("ES256 signature {what}"),
                token,
                Fault::SignatureMismatch,
            )
        })
        .collect()
}

/// Real signatures of the issuer, over something else.
fn swaps(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    let tokens = good(keys);
    for (alg, [header, payload, _]) in &tokens {
        for (other, [_, _, signature]) in tokens.iter().filter(|(other, _)| other != alg) {
            let token = format!("{header}.{payload}.{signature}");
            cases.push(Case::new(
                format!("{alg} with the signature of {other}"),
                token,
                Fault::SignatureMismatch,
            ));
        }
    }
    for (pair, kid, alg) in keys.good() {
        let header = json!({"alg": alg, "kid": kid}).to_string();
        let other = with(&claims(), &json!({"sub": "445566"})).to_string();
        let signed = token(&header, &other, |m| sign_as(pair, alg, m));
        let signature = signed.rsplit('.').next().unwrap();
        let input = format!(
            "{}.{}",
            b64(header.as_bytes()),
            b64(claims().to_string().as_bytes())
        );
        let grafted = format!("{input}.{signature}");
        cases.push(Case::new(
            format!("{alg} signature of other claims"),
            grafted,
            Fault::SignatureMismatch,
        ));
        let over_payload = token(&header, &claims().to_string(), |m| {
            let dot = m.iter().position(|b| *b == b'.').unwrap();
            sign_as(pair, alg, &m[dot + 1..])
        });
        cases.push(Case::new(
            format!("{alg} signature of the payload only"),
            over_payload,
            Fault::SignatureMismatch,
        ));
        let over_raw = token(&header, &claims().to_string(), |_| {
            sign_as(pair, alg, claims().to_string().as_bytes())
        });
        cases.push(Case::new(
            format!("{alg} signature of the decoded claims"),
            over_raw,
            Fault::SignatureMismatch,
        ));
    }
    cases
}

/// The other RSA padding or hash, with a key that is fit for both.
fn paddings(keys: &Keys) -> Vec<Case> {
    let mut cases = Vec::new();
    for named in ["RS256", "PS256"] {
        for made in ["RS256", "RS384", "RS512", "PS256", "PS384"] {
            if named == made {
                continue;
            }
            let header = json!({"alg": named, "kid": "any-rsa"}).to_string();
            let signed = token(&header, &claims().to_string(), |m| {
                sign_as(&keys.any_rsa, made, m)
            });
            cases.push(Case::new(
                format!("{named} made as {made}"),
                signed,
                Fault::SignatureMismatch,
            ));
        }
    }
    cases
}
