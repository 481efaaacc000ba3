//! Random input: nothing panics, nothing random is accepted, and a key set is read alike in any order.

use hushgate_gateway::access::address::{TrustedProxies, parse_range};
use hushgate_gateway::access::algorithm::Algorithm;
use hushgate_gateway::access::jws::Jws;
use hushgate_gateway::access::keys::KeySet;
use hushgate_gateway::access::policy::Policy;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::*;

/// JSON values that look like headers, keys and policies.
fn document() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "alg",
        "kid",
        "kty",
        "crv",
        "x",
        "y",
        "n",
        "e",
        "use",
        "key_ops",
        "keys",
        "typ",
        "issuers",
        "clients",
        "issuer",
        "algorithms",
        "identity",
        "subject",
        "audience",
        "sources",
        "ip_allow",
        "trusted_proxies",
        "expires",
        "id",
    ]);
    let texts = prop::sample::select(vec![
        "RSA",
        "EC",
        "OKP",
        "P-256",
        "P-384",
        "Ed25519",
        "sig",
        "verify",
        "RS256",
        "ES256",
        "EdDSA",
        "AQAB",
        "AQ",
        "",
        "JWT",
        "https://issuer.example",
        "2027-06-30",
        "10.0.0.0/8",
        "x",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts.prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 30..70).prop_map(|bytes| Value::from(b64(&bytes))),
        prop::collection::vec(any::<u8>(), 256).prop_map(|bytes| Value::from(b64(&bytes))),
    ];
    leaf.prop_recursive(5, 60, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..8).prop_map(|members| members
                .into_iter()
                .map(|(n, v)| (n.to_owned(), v))
                .collect()),
        ]
    })
}

proptest! {
    #[test]
    fn any_text_is_taken_apart_without_a_panic(text in ".{0,200}", part in "[A-Za-z0-9_.-]{0,200}") {
        let _ = Jws::parse(&text);
        let _ = Jws::parse(&part);
    }

    #[test]
    fn any_header_and_key_set_are_read_without_a_panic(header in document(), payload in document(), keys in document()) {
        let token = token(&header.to_string(), &payload.to_string(), |_| vec![1; 64]);
        let set = KeySet::parse(json!({ "keys": [keys] }).to_string().as_bytes(), Algorithm::ALL);
        let _ = KeySet::parse(header.to_string().as_bytes(), Algorithm::ALL);
        if let (Ok(jws), Ok(set)) = (Jws::parse(&token), set)
            && let Ok(key) = set.select(jws.algorithm(), jws.kid())
        {
            prop_assert!(!key.verify(jws.algorithm(), &jws));
        }
    }

    #[test]
    fn any_policy_is_read_without_a_panic(document in document(), text in "(issuers|clients|[ \\[\\]{}:,#&*!|>\"'\\-\n]|[a-z0-9./]){0,80}") {
        let _ = Policy::parse(&document.to_string(), "p", true);
        let _ = Policy::parse(&text, "p", false);
    }

    #[test]
    fn a_forged_left_part_never_changes_the_callers_address(left in "[ -~]{0,60}", hop in any::<[u8; 4]>()) {
        prop_assume!(hop[0] != 10);
        let trusted = TrustedProxies::Ranges(vec![parse_range("10.0.0.0/8").unwrap()]);
        let mut request = request(&[]);
        request.peer = Some([10, 0, 0, 1].into());
        let address = std::net::IpAddr::from(hop);
        request.headers.insert("x-forwarded-for", format!("{left}, {address}, 10.9.9.9").parse().unwrap());
        prop_assert_eq!(trusted.client_address(&request), Some(address));
        prop_assert_eq!(TrustedProxies::Hops(2).client_address(&request), Some(address));
    }
}
