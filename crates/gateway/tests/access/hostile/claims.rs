//! Hostile claims, all rightly signed.

use hushgate_gateway::access::fault::TokenFault as Fault;
use serde_json::{Value, json};

use super::{Case, Keys, ed_with_payload};
use crate::support::*;

pub(super) fn cases(keys: &Keys) -> Vec<Case> {
    let mut cases = near_misses(keys);
    cases.extend(dates(keys));
    cases.extend(duplicates(keys));
    cases.extend(payloads(keys));
    cases
}

/// Issuers, audiences and subjects that are almost right, or of another type.
fn near_misses(keys: &Keys) -> Vec<Case> {
    let iss = [
        "https://issuer.example/",
        "https://issuer.example//",
        "https://Issuer.example",
        "HTTPS://issuer.example",
        "http://issuer.example",
        "https://issuer.example:443",
        "https://issuer.example.evil.example",
        "https://issuer.exampl",
        "https://issuer.example?",
        "https://issuer.example#",
        "https://issuer.example/x",
        "https://evil.example/https://issuer.example",
        "https://issuer.example@evil.example",
        "issuer.example",
        " https://issuer.example",
        "https://issuer.example ",
        "https://issuer.example\0",
        "https://issuer.example\n",
        "https://ıssuer.example",
        "https://issuer．example",
        "https://іssuer.example",
        "https%3A%2F%2Fissuer.example",
    ];
    let aud = [
        "https://zoom.gw.example/",
        "https://Zoom.gw.example",
        "http://zoom.gw.example",
        "https://zoom.gw.exampl",
        "https://zoom.gw.example.evil.example",
        "https://slack.gw.example",
        "zoom.gw.example",
        "*",
        "",
        "https://*.gw.example",
        "https://zoom.gw.example https://other.example",
        "https://zoom.gw.example,https://other.example",
        " https://zoom.gw.example",
        "https://zoom.gw.example\0",
        "https://zoom.gw.example?x",
        "https://zооm.gw.example",
        ".*",
        "[\"https://zoom.gw.example\"]",
    ];
    let sub = [
        "11223",
        "1122330",
        " 112233",
        "112233 ",
        "112233\0",
        "112233\n",
        "0112233",
        "１１２２３３",
        "*",
        "admin",
        "112233' OR '1'='1",
        "112233,445566",
    ];
    let mut cases = Vec::new();
    let mut add = |claim: &str, value: Value, fault: Fault| {
        let payload = with(&claims(), &json!({ claim: value })).to_string();
        cases.push(Case::new(
            format!("{claim} {value}"),
            ed_with_payload(keys, &payload),
            fault,
        ));
    };
    for text in iss {
        add("iss", json!(text), Fault::IssuerNotTrusted);
    }
    for text in aud {
        add("aud", json!(text), Fault::NoClient);
    }
    for text in sub {
        add("sub", json!(text), Fault::NoClient);
    }
    let list = |texts: &[&str]| json!(texts);
    for audience in [
        list(&[]),
        list(&["https://other.example"]),
        list(&["https://zoom.gw.example/", "zoom"]),
    ] {
        add("aud", audience, Fault::NoClient);
    }
    let mut many: Vec<String> = (0..40).map(|i| format!("https://{i}.example")).collect();
    many.push(AUDIENCE.to_owned());
    let wrong_types = [
        ("aud", json!([[AUDIENCE]])),
        ("aud", json!([AUDIENCE, 1])),
        ("aud", json!([AUDIENCE, null])),
        ("aud", json!([{"aud": AUDIENCE}])),
        ("aud", json!({"aud": AUDIENCE})),
        ("aud", json!({AUDIENCE: true})),
        ("aud", json!(null)),
        ("aud", json!(1)),
        ("aud", json!(true)),
        ("iss", json!([ISSUER])),
        ("iss", json!({"iss": ISSUER})),
        ("iss", json!(null)),
        ("iss", json!(1)),
        ("iss", json!("")),
        ("sub", json!([SUBJECT])),
        ("sub", json!(112_233)),
        ("sub", json!(null)),
        ("sub", json!("")),
        ("sub", json!({"sub": SUBJECT})),
    ];
    for (claim, value) in wrong_types {
        add(claim, value, Fault::ClaimMalformed);
    }
    let crowd = with(&claims(), &json!({"aud": many})).to_string();
    cases.push(Case::new(
        "41 audiences, ours among them",
        ed_with_payload(keys, &crowd),
        Fault::ClaimMalformed,
    ));
    for claim in ["iss", "sub", "aud", "exp"] {
        let payload = without(&claims(), claim).to_string();
        cases.push(Case::new(
            format!("no {claim}"),
            ed_with_payload(keys, &payload),
            Fault::ClaimMalformed,
        ));
        let renamed = payload.replacen(
            '{',
            &format!("{{\"{}\":{},", claim.to_uppercase(), claims()[claim]),
            1,
        );
        cases.push(Case::new(
            format!("{claim} in capitals"),
            ed_with_payload(keys, &renamed),
            Fault::ClaimMalformed,
        ));
    }
    cases
}

/// Dates of the wrong type, out of range, or not now.
fn dates(keys: &Keys) -> Vec<Case> {
    let soon = NOW + 100;
    let malformed = [
        "null",
        "true",
        "[]",
        "{}",
        "\"\"",
        "-1",
        "-0",
        "1e3",
        "1.8e9",
        "1e308",
        "-1e308",
        "253402300800",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "99999999999999999999999999999999999999",
    ];
    let mut cases = Vec::new();
    for claim in ["exp", "nbf", "iat"] {
        let mut values: Vec<String> = malformed.iter().map(|v| (*v).to_owned()).collect();
        values.extend([
            format!("\"{soon}\""),
            format!("{soon}.0"),
            format!("{soon}.5"),
            format!("[{soon}]"),
            "\"2027-01-15T08:05:00Z\"".to_owned(),
        ]);
        for value in values {
            let payload = replaced(claim, &value);
            let name = format!("{claim} is {value}");
            cases.push(Case::new(
                name,
                ed_with_payload(keys, &payload),
                Fault::DateMalformed,
            ));
        }
        for value in [
            "NaN",
            "Infinity",
            "1e400",
            "01",
            "0x6b49d200",
            "+1",
            "1_800_000_100",
            "1.",
        ] {
            let payload = replaced(claim, value);
            let name = format!("{claim} is {value}");
            cases.push(Case::new(
                name,
                ed_with_payload(keys, &payload),
                Fault::ClaimsNotJson,
            ));
        }
    }
    let untimely = [
        (
            "expired a minute ago",
            json!({"exp": NOW - 60}),
            Fault::Expired,
        ),
        (
            "expired a day ago",
            json!({"exp": NOW - 86_400, "iat": NOW - 90_000}),
            Fault::Expired,
        ),
        ("expired in 1970", json!({"exp": 0}), Fault::Expired),
        (
            "expires in milliseconds",
            json!({"exp": soon * 1000}),
            Fault::DateMalformed,
        ),
        (
            "expires in the year 9999",
            json!({"exp": 253_402_300_799_u64}),
            Fault::LivesTooLong,
        ),
        (
            "lives a second too long",
            json!({"exp": NOW - 10 + 86_401}),
            Fault::LivesTooLong,
        ),
        (
            "was issued too long ago",
            json!({"iat": NOW - 86_400, "exp": NOW + 1}),
            Fault::LivesTooLong,
        ),
        ("was issued in 1970", json!({"iat": 0}), Fault::LivesTooLong),
        (
            "begins in 61 seconds",
            json!({"nbf": NOW + 61}),
            Fault::NotYetValid,
        ),
        (
            "begins in the year 9999",
            json!({"nbf": 253_402_300_799_u64}),
            Fault::NotYetValid,
        ),
        (
            "issued in 61 seconds",
            json!({"iat": NOW + 61}),
            Fault::NotYetValid,
        ),
        (
            "issued in an hour",
            json!({"iat": NOW + 3600, "exp": NOW + 7200}),
            Fault::NotYetValid,
        ),
    ];
    for (name, more, fault) in untimely {
        let payload = with(&claims(), &more).to_string();
        cases.push(Case::new(name, ed_with_payload(keys, &payload), fault));
    }
    let unbounded = with(&without(&claims(), "iat"), &json!({"exp": NOW + 86_461})).to_string();
    cases.push(Case::new(
        "lives too long without iat",
        ed_with_payload(keys, &unbounded),
        Fault::LivesTooLong,
    ));
    cases
}

/// The good claims with one written as this text.
fn replaced(claim: &str, text: &str) -> String {
    let rest = without(&claims(), claim).to_string();
    rest.replacen('{', &format!("{{\"{claim}\":{text},"), 1)
}

/// Every claim given twice: the good one first, last, or under an escaped name.
fn duplicates(keys: &Keys) -> Vec<Case> {
    let evil = json!({
        "iss": "https://evil.example", "sub": "445566", "aud": "https://other.example",
        "exp": 4_102_444_800_u64, "iat": NOW - 20, "nbf": 0, "jti": "x",
    });
    let mut cases = Vec::new();
    for (claim, value) in evil.as_object().unwrap() {
        let good = with(&claims(), &json!({"nbf": NOW - 10, "jti": "y"})).to_string();
        let inner = &good[1..good.len() - 1];
        let escaped = format!("\\u{:04x}{}", claim.as_bytes()[0], &claim[1..]);
        let texts = [
            ("evil first", format!(r#"{{"{claim}":{value},{inner}}}"#)),
            ("evil last", format!(r#"{{{inner},"{claim}":{value}}}"#)),
            (
                "evil escaped",
                format!(r#"{{{inner},"{escaped}":{value}}}"#),
            ),
        ];
        for (how, text) in texts {
            cases.push(Case::new(
                format!("{claim} twice, {how}"),
                ed_with_payload(keys, &text),
                Fault::ClaimsNotJson,
            ));
        }
    }
    let nested = replaced("x", r#"{"a":1,"a":2}"#);
    cases.push(Case::new(
        "a name twice inside a claim",
        ed_with_payload(keys, &nested),
        Fault::ClaimsNotJson,
    ));
    cases
}

/// Payloads that are not one plain JSON object.
fn payloads(keys: &Keys) -> Vec<Case> {
    let good = claims().to_string();
    let deep = replaced("x", &format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40)));
    let wide = replaced(
        "x",
        &format!(
            "{{{}}}",
            (0..600)
                .map(|i| format!("\"{i}\":0"))
                .collect::<Vec<_>>()
                .join(",")
        ),
    );
    let texts = [
        ("empty", String::new()),
        ("white space", "  \n".to_owned()),
        ("a nested token", good_token(&keys.ed, "ed", "EdDSA")),
        (
            "a nested token as a string",
            json!(good_token(&keys.ed, "ed", "EdDSA")).to_string(),
        ),
        ("an array", format!("[{good}]")),
        ("a string", json!(good).to_string()),
        ("a number", "1".to_owned()),
        ("null", "null".to_owned()),
        ("text behind", format!("{good} x")),
        ("a second object behind", format!("{good}{good}")),
        ("a NUL behind", format!("{good}\0")),
        ("a byte order mark", format!("\u{feff}{good}")),
        ("a trailing comma", good.replace('}', ",}")),
        ("a comment", good.replacen('{', "{/* */", 1)),
        ("single quotes", good.replace('"', "'")),
        ("a lone surrogate", replaced("x", r#""\udc00""#)),
        ("a raw newline in a string", replaced("x", "\"a\nb\"")),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("too deep", deep),
        ("too many members", wide),
    ];
    let mut cases: Vec<Case> = texts
        .into_iter()
        .map(|(name, text)| {
            Case::new(
                format!("payload: {name}"),
                ed_with_payload(keys, &text),
                Fault::ClaimsNotJson,
            )
        })
        .collect();
    let mut bytes = good.into_bytes();
    let place = bytes.len() - 3;
    bytes[place] = 0xff;
    let input = format!("{}.{}", b64(br#"{"alg":"EdDSA","kid":"ed"}"#), b64(&bytes));
    let signed = format!("{input}.{}", b64(&keys.ed.sign(input.as_bytes())));
    cases.push(Case::new(
        "payload: not UTF-8",
        signed,
        Fault::ClaimsNotJson,
    ));
    cases
}
