//! The compact form bent, and good tokens in bent requests.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use hushgate_gateway::access::fault::TokenFault as Fault;
use serde_json::json;

use super::{Case, Keys, ed_with_payload};
use crate::support::*;

pub(super) fn cases(keys: &Keys) -> Vec<Case> {
    let mut cases = encodings(keys);
    cases.extend(requests(keys));
    cases
}

/// The compact form, bent: segments, padding, alphabets, white space.
fn encodings(keys: &Keys) -> Vec<Case> {
    let good = good_token(&keys.ed, "ed", "EdDSA");
    let parts: Vec<&str> = good.split('.').collect();
    let [h, p, s] = parts[..] else { unreachable!() };
    let payload = unb64(p);
    let mut cases = Vec::new();
    let three = [
        ("one part", h.to_owned()),
        ("two parts", format!("{h}.{p}")),
        ("four parts", format!("{good}.{s}")),
        ("a dot at the end", format!("{good}.")),
        ("a dot at the start", format!(".{good}")),
        ("an empty part in the middle", format!("{h}..{p}.{s}")),
        ("five parts, as encrypted", format!("{h}.{p}.{p}.{p}.{s}")),
        ("five parts, some empty", format!("{h}....{s}")),
        ("six parts", format!("{h}.{p}.{s}.{h}.{p}.{s}")),
        ("only dots", "..".repeat(3)),
    ];
    cases.extend(three.map(|(name, token)| Case::new(name, token, Fault::NotThreeParts)));
    let not_base64 = [
        (
            "a header of impossible length",
            format!(
                "{h}A{}.{p}.{s}",
                "A".repeat((8 - (h.len() + 1) % 4 + 1) % 4)
            ),
        ),
        (
            "signature with stray bits",
            format!("{h}.{p}.{}", stray_bits(s)),
        ),
        (
            "payload with one more character",
            format!("{h}.{}.{s}", impossible_length(p)),
        ),
        (
            "signature with one more character",
            format!("{h}.{p}.{}", impossible_length(s)),
        ),
    ];
    cases.extend(not_base64.map(|(name, token)| {
        Case::any_of(name, token, &[Fault::NotBase64Url, Fault::HeaderNotJson])
    }));
    let dots = [(" two dots", ".."), ("a dot", ".")];
    cases.extend(dots.map(|(name, token)| {
        Case::any_of(name, token, &[Fault::HeaderNotJson, Fault::NotThreeParts])
    }));
    let padded = URL_SAFE.encode(&payload);
    let malformed = [
        ("padding of the header", format!("{h}=.{p}.{s}")),
        ("padding of the payload", format!("{h}.{p}=.{s}")),
        ("padding of the signature", format!("{good}==")),
        ("payload padded in full", format!("{h}.{padded}=.{s}")),
        (
            "standard alphabet",
            format!("{h}.{p}.{}+/", &s[..s.len() - 2]),
        ),
        (
            "space in the header",
            format!("{} {}.{p}.{s}", &h[..4], &h[4..]),
        ),
        ("space before a dot", format!("{h} .{p}.{s}")),
        ("space at the end", format!("{good} x")),
        ("tab", format!("{h}.{p}\t.{s}")),
        ("percent-encoded dot", format!("{h}%2e{p}%2e{s}")),
        ("quoted", format!("\"{good}\"")),
        ("in angle brackets", format!("<{good}>")),
        ("with a comma", format!("{good},{good}")),
        ("with a semicolon", format!("{good};x=1")),
        (
            "JSON serialization",
            json!({"payload": p, "signatures": [{"protected": h, "signature": s}]}).to_string(),
        ),
        (
            "flattened JSON serialization",
            json!({"payload": p, "protected": h, "signature": s}).to_string(),
        ),
        ("soft hyphen", format!("{h}.{p}\u{ad}.{s}")),
        ("full-width dot", format!("{h}．{p}．{s}")),
    ];
    cases.extend(malformed.map(|(name, token)| Case::new(name, token, Fault::HeaderMalformed)));
    let big = with(&claims(), &json!({"x": "x".repeat(6200)})).to_string();
    cases.push(Case::new(
        "over 8 KiB",
        ed_with_payload(keys, &big),
        Fault::TooLong,
    ));
    let huge = with(&claims(), &json!({"x": "x".repeat(200_000)})).to_string();
    cases.push(Case::new(
        "over 200 KB",
        ed_with_payload(keys, &huge),
        Fault::TooLong,
    ));
    cases.push(Case::new(
        "8 KiB and a byte of dots",
        ".".repeat(8193),
        Fault::TooLong,
    ));
    cases
}

/// The same bytes for a lenient decoder: the unused low bits of the last character set.
fn stray_bits(part: &str) -> String {
    assert_ne!(part.len() % 4, 0, "the last character has unused bits");
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let last = part.chars().next_back().unwrap();
    let stray = alphabet
        .chars()
        .nth(alphabet.find(last).unwrap() | 1)
        .unwrap();
    format!("{}{stray}", &part[..part.len() - 1])
}

/// Characters added until the length is one that no bytes encode to.
fn impossible_length(part: &str) -> String {
    let mut text = format!("{part}A");
    while text.len() % 4 != 1 {
        text.push('A');
    }
    text
}

/// Good tokens in bent requests.
fn requests(keys: &Keys) -> Vec<Case> {
    let good = good_token(&keys.ed, "ed", "EdDSA");
    let bearer = format!("Bearer {good}").into_bytes();
    let join = |parts: &[&[u8]]| parts.concat();
    let malformed: Vec<(&str, Vec<u8>)> = vec![
        ("two spaces", format!("Bearer  {good}").into_bytes()),
        ("nothing after the scheme", b"Bearer".to_vec()),
        ("a space after the scheme", b"Bearer ".to_vec()),
        (
            "the scheme twice",
            format!("Bearer Bearer {good}").into_bytes(),
        ),
        ("a parameter", format!("Bearer token={good}").into_bytes()),
        ("bytes over 127", join(&[&bearer, b"\xff"])),
        ("UTF-8 after the token", join(&[&bearer, "é".as_bytes()])),
    ];
    let repeated: Vec<(&str, Vec<Vec<u8>>)> = vec![
        (
            "the same header twice",
            vec![bearer.clone(), bearer.clone()],
        ),
        (
            "a second header of another scheme",
            vec![bearer.clone(), b"Basic YTpi".to_vec()],
        ),
        (
            "a first header of another scheme",
            vec![b"Basic YTpi".to_vec(), bearer.clone()],
        ),
        ("an empty second header", vec![bearer, Vec::new()]),
    ];
    let mut cases: Vec<Case> = malformed
        .into_iter()
        .map(|(name, value)| Case::raw(name, vec![value], &[Fault::HeaderMalformed]))
        .collect();
    cases.extend(
        repeated
            .into_iter()
            .map(|(name, values)| Case::raw(name, values, &[Fault::HeaderRepeated])),
    );
    cases
}
