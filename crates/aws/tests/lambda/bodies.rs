//! Bodies to the byte: what callers send, whatever it is, and what they get.

use std::io::{Read as _, Write as _};

use serde_json::json;

use crate::runtime_api::Answer;
use crate::world::World;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Bytes that are no text, and text that may be taken for something else.
fn odd() -> Vec<(&'static str, Vec<u8>)> {
    let every: Vec<u8> = (0..=255).collect();
    let long = every.iter().rev().cycle().take(300_001).copied().collect();
    vec![
        ("every byte", every),
        ("no UTF-8", b"\"\xff\xfe\xc3(\xed\xa0\x80\"".to_vec()),
        ("a gzip", gzip(b"{\"text\":\"packed\"}")),
        ("many bytes", long),
        ("null bytes", vec![0; 3]),
        ("a mark of byte order", b"\xef\xbb\xbf{}\r\n".to_vec()),
        ("text of base64", b"AAECAw==".to_vec()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_caller_sends_reaches_the_source_byte_for_byte_through_every_way() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    for (what, body) in odd() {
        let call = world.get("/v2/upload");
        let call = call.post_bytes("application/octet-stream", &body);
        for (way, event) in call.every_way() {
            assert_eq!(event["isBase64Encoded"], true);
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), 200, "{way} {what}: {answer:?}");
            let seen = world.seen();
            let [(method, target, found)] = seen.as_slice() else {
                panic!("{way} {what}: {seen:?}");
            };
            assert_eq!((method.as_str(), target.as_str()), ("POST", "/v2/upload"));
            assert!(*found == body, "{way} {what}: {} bytes", found.len());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_that_it_is_base64_and_is_not_reaches_no_source() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let call = world.get("/v2/upload").post("text/plain", "");
    for body in [
        "A",
        "AA=",
        "AA",
        "AAE=\n",
        "A_E=",
        "AAE=AAE=",
        "{\"a\":1}",
        "ä",
    ] {
        for (way, mut event) in call.every_way() {
            event["body"] = json!(body);
            event["isBase64Encoded"] = json!(true);
            let answer = world.invoke(&event).await;
            assert_eq!(
                (answer.status(), answer.code().as_str()),
                (400, "request-invalid"),
                "{way} {body}"
            );
        }
    }
    assert!(world.seen().is_empty());
}

/// What is shown of an answer that the source gave in a form that can't be sanitized: nothing.
async fn assert_hidden(
    world: &World,
    headers: &[(&'static str, &'static str)],
    body: &[u8],
    code: &str,
) {
    const NEEDLE: &[u8] = b"needle";
    world.give(headers, body);
    for (way, event) in world.get("/v2/given").every_way() {
        let answer = world.invoke(&event).await;
        let place = format!("{way} {headers:?}");
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (502, code),
            "{place}"
        );
        let shown = answer.body();
        let text = format!("{answer:?}");
        assert!(!shown.windows(NEEDLE.len()).any(|w| w == NEEDLE), "{place}");
        assert!(!text.contains("needle"), "{place}: {text}");
        assert_eq!(
            answer.header("content-type").as_deref(),
            Some("application/json"),
            "{place}"
        );
    }
    world.check_log(&["needle"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_source_answers_that_is_no_json_never_leaves_whole_or_streamed() {
    for mode in ["buffered", "streamed"] {
        let Some(world) = World::start(&[("HUSHGATE_LAMBDA_RESPONSE", mode)]).await else {
            return;
        };
        let every: Vec<u8> = (0..=255).collect();
        let binary = [b"needle", every.as_slice(), b"needle"].concat();
        let broken = b"{\"a\":\"needle\xff\xfe\"}";
        for kind in [
            &[("content-type", "application/octet-stream")][..],
            &[("content-type", "image/png")],
            &[("content-type", "application/gzip")],
            &[],
        ] {
            assert_hidden(&world, kind, &binary, "content-type-refused").await;
        }
        let is_json = ("content-type", "application/json");
        assert_hidden(&world, &[is_json], &binary, "not-sanitizable").await;
        assert_hidden(&world, &[is_json], broken, "not-sanitizable").await;
        // A gzip that nobody declared is no JSON; one in a coding that nobody undoes is not looked at.
        assert_hidden(
            &world,
            &[is_json],
            &gzip(b"{\"a\":\"needle\"}"),
            "not-sanitizable",
        )
        .await;
        let coded = [is_json, ("content-encoding", "compress")];
        assert_hidden(&world, &coded, &binary, "content-type-refused").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_answered_arrives_byte_for_byte_packed_or_not_whole_or_streamed() {
    // Every character that JSON writes in a way of its own, and of every length in UTF-8.
    let mut text: String = (0..=0x17f).filter_map(char::from_u32).collect();
    text.push_str(
        "\u{7ff}\u{800}\u{2028}\u{2029}\u{fffd}\u{feff}\u{ffff}\u{10000}\u{10ffff}</script>",
    );
    let value = json!({"text": text.repeat(20), "number": 12_345_678_901_234_567_890_u64});
    let plain = value.to_string().into_bytes();
    let mut all = Vec::new();
    for mode in ["buffered", "streamed"] {
        let Some(world) = World::start(&[("HUSHGATE_LAMBDA_RESPONSE", mode)]).await else {
            return;
        };
        let is_json = ("content-type", "application/json");
        for (headers, body) in [
            (vec![is_json], plain.clone()),
            (vec![is_json, ("content-encoding", "gzip")], gzip(&plain)),
        ] {
            world.give(&headers, &body);
            for accepted in ["identity", "gzip"] {
                let call = world.get("/v2/given").header("accept-encoding", accepted);
                for (way, event) in call.every_way() {
                    let answer = world.invoke(&event).await;
                    let place = format!("{mode} {way} {accepted} {headers:?}");
                    assert_eq!(answer.status(), 200, "{place}");
                    let streams = ["Function URL", "REST API"].contains(&way) && mode == "streamed";
                    assert_eq!(
                        matches!(answer, Answer::Streamed { .. }),
                        streams,
                        "{place}"
                    );
                    let packs = accepted == "gzip" && (way != "REST API" || streams);
                    let coding = answer.header("content-encoding");
                    assert_eq!(coding.as_deref(), packs.then_some("gzip"), "{place}");
                    if let Answer::Whole { json, .. } = &answer {
                        assert_eq!(json["isBase64Encoded"], packs, "{place}");
                    }
                    let mut body = answer.body();
                    if packs {
                        let mut plain = Vec::new();
                        let mut decoder = flate2::read::GzDecoder::new(&body[..]);
                        decoder.read_to_end(&mut plain).unwrap();
                        // All of it is the one member: nothing was added behind it.
                        assert!(decoder.into_inner().is_empty(), "{place}");
                        body = plain;
                    }
                    let read: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    assert_eq!(read, value, "{place}");
                    all.push((place, body));
                }
            }
        }
    }
    // The same bytes through every way.
    let (_, first) = &all[0];
    for (place, body) in &all {
        assert!(body == first, "{place}");
    }
    assert_eq!(all.len(), 2 * 2 * 2 * 6);
}

/// What the source is asked for through each way, for one query of the caller.
fn asked(
    query: &str,
    grouped: &str,
    grouped_plain: &str,
    last: &str,
) -> [(&'static str, String); 6] {
    let row = |way, query: &str| (way, format!("/v2/people?{query}"));
    [
        row("Function URL", query),
        row("HTTP API", query),
        row("HTTP API, format 1.0", grouped),
        row("REST API", grouped),
        row("load balancer", last),
        row("load balancer, multi-value", grouped_plain),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_and_mixed_parameters_are_asked_for_as_the_page_says_of_each_way() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    for (query, grouped, grouped_plain, last) in [
        (
            "page=2&q=b&page=1",
            "page=2&page=1&q=b",
            "page=2&page=1&q=b",
            "page=1&q=b",
        ),
        (
            "q=&page=&q=&status=a+b&q=%2B%26%3D&page=3",
            "q=&q=&q=%2B%26%3D&page=&page=3&status=a%20b",
            "q=&q=&q=%2B%26%3D&page=&page=3&status=a+b",
            "q=%2B%26%3D&page=3&status=a+b",
        ),
        ("empty&q=1", "empty=&q=1", "empty=&q=1", "empty=&q=1"),
        (
            "q=gr%c3%bc%C3%9Fe&status=%7e%2Da",
            "q=gr%C3%BC%C3%9Fe&status=~-a",
            "q=gr%c3%bc%C3%9Fe&status=%7e%2Da",
            "q=gr%c3%bc%C3%9Fe&status=%7e%2Da",
        ),
    ] {
        let expected = asked(query, grouped, grouped_plain, last);
        let events = world.get("/v2/people").query(query).every_way();
        for ((way, event), (named, target)) in events.into_iter().zip(expected) {
            assert_eq!(way, named);
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), 200, "{way} {query}: {answer:?}");
            let seen: Vec<_> = world
                .seen()
                .into_iter()
                .map(|(_, target, _)| target)
                .collect();
            assert_eq!(seen, [target], "{way}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_is_no_query_reaches_no_source_and_nothing_in_it_is_repaired() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let ways = |query: &str| {
        let all = world.get("/v2/people").query(query).every_way();
        // The other ways hand over what they decoded.
        all.into_iter().filter(|(way, _)| {
            ["Function URL", "HTTP API"].contains(way) || way.starts_with("load")
        })
    };
    for query in [
        "q=%ff",
        "q=%c3(",
        "q=%zz",
        "q=%2",
        "q=a b",
        "q=ä",
        "q=a#b",
        "q=a\u{1}b",
        "q=\r\nx: y",
    ] {
        for (way, event) in ways(query) {
            let answer = world.invoke(&event).await;
            assert_eq!(
                (answer.status(), answer.code().as_str()),
                (400, "request-invalid"),
                "{way} {query:?}"
            );
        }
    }
    assert!(world.seen().is_empty());
    // What is encoded stays so, whatever it stands for.
    for query in ["q=a%00b", "q=%0d%0aX:%20y", "%71=1&q=%25ff"] {
        for (way, event) in ways(query) {
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), 200, "{way} {query:?}");
            let seen: Vec<_> = world
                .seen()
                .into_iter()
                .map(|(_, target, _)| target)
                .collect();
            assert_eq!(seen, [format!("/v2/people?{query}")], "{way}");
        }
    }
}
