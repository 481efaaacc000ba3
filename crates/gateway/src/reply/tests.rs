use std::io::Read as _;

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};

use super::*;

#[test]
fn tells_the_caller_the_code_and_never_the_detail() {
    let refusal = Refusal::new(Cause::EndpointNotListed, "ada@example.com in detail");
    let reply = Reply::refused(&refusal, &RequestId::fresh());
    assert_eq!(reply.status(), StatusCode::FORBIDDEN);
    assert_eq!(reply.headers()[ERROR], "endpoint-not-listed");
    let text = std::str::from_utf8(reply.body()).unwrap();
    let body: serde_json::Value = serde_json::from_str(text).unwrap();
    for member in ["code", "message", "next", "request_id"] {
        assert!(body["error"][member].is_string(), "{member}");
    }
    assert!(!text.contains("example.com"));
}

#[test]
fn answers_every_kind_of_bad_token_alike() {
    let id = RequestId::fresh();
    let answers: Vec<_> = ["expired", "wrong audience", "alg none"]
        .map(|d| Reply::refused(&Refusal::new(Cause::TokenInvalid, d), &id))
        .into_iter()
        .map(|r| (r.status(), r.headers().clone(), r.body().clone()))
        .collect();
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(answers[0].1[WWW_AUTHENTICATE], "Bearer");
}

#[test]
fn reads_accept_encoding_with_weights() {
    for (value, takes) in [
        ("gzip", true),
        ("GZIP", true),
        ("x-gzip", true),
        ("br, gzip;q=0.5", true),
        ("*", true),
        ("gzip;q=0", false),
        ("gzip;q=0.000", false),
        ("gzip;q=0.001", true),
        ("*;q=0", false),
        ("gzip;q=0, *", false),
        ("identity", false),
        ("", false),
        ("gzip;q=2", false),
        ("gzip;q=x", false),
        ("gzip;q=1.001", false),
        ("gzip;q=0.0001", false),
        ("gzip ; q=1", true),
        ("br;q=1, *;q=0.1", true),
        ("gzipped", false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, value.parse().unwrap());
        assert_eq!(encoding::takes_gzip(&headers), takes, "{value}");
    }
}

#[test]
fn compresses_only_what_is_worth_it_and_wanted() {
    let mut wants = HeaderMap::new();
    wants.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let long = "x".repeat(5000);
    let reply = |body: &str| Reply::own(StatusCode::OK, body.to_owned(), &RequestId::fresh());
    let small = reply("{}").compress_for(&wants);
    assert!(!small.headers().contains_key(CONTENT_ENCODING));
    let plain = reply(&long).compress_for(&HeaderMap::new());
    assert!(!plain.headers().contains_key(CONTENT_ENCODING));
    let packed = reply(&long).compress_for(&wants);
    assert_eq!(packed.headers()[CONTENT_ENCODING], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed.body()[..])
        .take(10_000)
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, long);
}
