use std::time::Instant;

use bytes::Bytes;
use http::{HeaderValue, Method};

use super::*;

fn request(headers: &[(&'static str, &[u8])], vouched: bool) -> Inbound {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).unwrap();
        map.append(HeaderName::from_static(name), value);
    }
    Inbound {
        method: Method::GET,
        raw_path: "/".to_owned(),
        raw_query: None,
        headers: map,
        body: Bytes::new(),
        peer: None,
        vouched: vouched.then(|| Vouched::AwsIam(AwsIam::default())),
        received: Instant::now(),
        deadline: None,
    }
}

/// The credential or refusal of a request, in the words of the table.
fn outcome(inbound: &Inbound, platform: Option<PlatformCallers>) -> String {
    let refusal = match Credential::of(inbound, platform) {
        Ok(Credential::Token(token)) => return format!("token {token}"),
        Ok(Credential::CheckedByCloudRun(token)) => return format!("checked {token}"),
        Ok(Credential::AwsIam(_)) => return "iam".to_owned(),
        Err(refusal) => refusal,
    };
    if refusal.cause() == Cause::TokenMissing {
        return "missing".to_owned();
    }
    assert_eq!(refusal.cause(), Cause::TokenInvalid);
    let words = [
        (TokenFault::HeaderMalformed, "malformed"),
        (TokenFault::HeaderRepeated, "repeated"),
        (TokenFault::SignatureRemoved, "removed"),
        (TokenFault::NotChecked, "unchecked"),
    ];
    let word = words
        .iter()
        .find(|(fault, _)| fault.to_string() == refusal.detail());
    word.map_or(refusal.detail(), |(_, word)| word).to_owned()
}

#[test]
fn one_credential_decides_and_a_bad_one_is_never_made_up_for() {
    let mut rows = 0;
    for line in include_str!("cases.txt").lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let line = line.replace("MARK", "SIGNATURE_REMOVED_BY_GOOGLE");
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [platform, headers, expected] = parts[..] else {
            panic!("{line}");
        };
        let (word, vouched) = match platform.strip_suffix(" +iam") {
            Some(word) => (word, true),
            None => (platform, false),
        };
        let callers = PlatformCallers::from_word(word);
        assert!(callers.is_some() || word == "off", "{line}");
        let headers: Vec<(&str, &[u8])> = headers
            .split(';')
            .filter(|header| !header.is_empty())
            .map(|header| {
                let (name, value) = header.trim().split_once('=').unwrap();
                let name = match name {
                    "A" => "authorization",
                    "S" => "x-serverless-authorization",
                    "P" => "proxy-authorization",
                    "C" => "connection",
                    "U" => "x_serverless_authorization",
                    "I" => "x-goog-iap-jwt-assertion",
                    _ => panic!("{line}"),
                };
                (name, value.as_bytes())
            })
            .collect();
        assert_eq!(
            outcome(&request(&headers, vouched), callers),
            expected,
            "{line}"
        );
        rows += 1;
    }
    assert!(rows > 100, "{rows} rows");
}

#[test]
fn refuses_bytes_that_no_table_can_hold() {
    let long = [b"Bearer ".as_slice(), &vec![b'a'; MAX_TOKEN_BYTES + 1]].concat();
    for name in ["authorization", "x-serverless-authorization"] {
        for (value, expected) in [
            (b"Bearer ".as_slice(), "malformed"),
            (b"Bearer a.b.\xc3\xa9", "malformed"),
            (b"Bearer a.b.\xff", "malformed"),
            (b"Bearer\ta.b.c", "missing"),
            (&long, "the token is too long"),
        ] {
            let request = request(&[(name, value)], false);
            assert_eq!(outcome(&request, None), expected, "{name}");
        }
    }
}

#[test]
fn a_missing_token_on_cloud_run_tells_the_operator_what_it_means() {
    let bare = request(&[], false);
    let refusal = Credential::of(&bare, Some(PlatformCallers::CloudRun)).unwrap_err();
    assert!(
        refusal
            .detail()
            .contains("allows unauthenticated invocations")
    );
    let told = request(&[], true);
    let refusal = Credential::of(&told, None).unwrap_err();
    assert!(
        refusal
            .detail()
            .contains("HUSHGATE_PLATFORM_CALLERS=aws-iam")
    );
}
