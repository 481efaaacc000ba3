//! Events that are broken, hostile, or no requests at all. Every test ends with a good call: the
//! function has to be there still.

use serde_json::{Value, json};

use crate::runtime_api::Answer;
use crate::world::World;

async fn still_serves(world: &World) {
    let answer = world.invoke(&world.get("/v2/people").function_url()).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
}

fn failed(answer: &Answer) -> &Value {
    match answer {
        Answer::Failed { kind, error } => {
            assert_eq!(kind, "unhandled");
            error
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_json_fails_the_invocation_by_code() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let event = world.get("/v2/people").function_url().to_string();
    let cut = &event.as_bytes()[..event.len() / 2];
    let deep = "[".repeat(1_000_000);
    let events: [&[u8]; 7] = [
        b"",
        b"ada@acme.example",
        b"{\"rawPath\":\"ada@acme.example",
        b"{\"rawPath\":\"\xff\xfe\"}",
        b"\0\0\0",
        cut,
        deep.as_bytes(),
    ];
    for event in events {
        let answer = world.invoke_raw(event).await;
        let error = failed(&answer);
        assert_eq!(error["errorType"], "event-malformed");
        assert_eq!(error["errorMessage"], "the event is not well-formed JSON");
    }
    still_serves(&world).await;
    assert!(world.log().contains("event-malformed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_are_no_requests_fail_the_invocation_by_code() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let person = "ada@acme.example";
    let events = [
        json!({"Records": [{"messageId": "1", "body": person, "eventSource": "aws:sqs"}]}),
        json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": person}}}]}),
        json!({"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {"who": person}}),
        json!({"warmer": true, "who": person}),
        json!({"version": "2.0", "rawPath": [person], "requestContext": {"http": {"method": "GET"}}}),
        json!(person),
        json!([person]),
        json!(null),
        json!({}),
    ];
    for event in events {
        let answer = world.invoke(&event).await;
        let error = failed(&answer);
        assert_eq!(error["errorType"], "event-not-http", "{event}");
        assert!(!error.to_string().contains(person), "{error}");
    }
    still_serves(&world).await;
    assert!(world.log().contains("event-not-http"));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_http_does_not_allow_are_answered_in_the_form_of_their_way() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let good = world.get("/v2/people");
    let hostile = [
        good.clone()
            .header("x-plain", "a\r\nx-injected: ada@acme.example"),
        good.clone().header("x-plain", "a\u{0}"),
        good.clone().header("x-plain\r\nx-injected", "1"),
        good.clone().header("", "1"),
    ];
    for call in hostile {
        for (way, event) in call.every_way() {
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), 400, "{way}");
            assert_eq!(answer.code(), "request-invalid", "{way}");
            assert_eq!(answer.header("x-injected"), None, "{way}");
            let Answer::Whole { json, .. } = &answer else {
                panic!("{way}");
            };
            let multi = json.get("multiValueHeaders").is_some();
            assert_eq!(multi, way == "load balancer, multi-value", "{way}");
        }
    }
    let mut event = good.clone().post("application/json", "%%%").function_url();
    event["isBase64Encoded"] = json!(true);
    assert_eq!(world.invoke(&event).await.code(), "request-invalid");
    let mut event = good.function_url();
    event["requestContext"]["http"]["method"] = json!("GET /v2/people HTTP/1.1\r\n");
    assert_eq!(world.invoke(&event).await.code(), "request-invalid");
    assert!(world.seen().is_empty());
    still_serves(&world).await;
    world.check_log(&["x-injected"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_requests_are_answered_in_the_form_of_their_way() {
    let Some(world) = World::start(&[("HUSHGATE_MAX_REQUEST_BYTES", "1000")]).await else {
        return;
    };
    let body = |length: usize| format!("{{\"text\":\"{}\"}}", "x".repeat(length - 11));
    for (length, status) in [(999, 200), (1000, 200), (1001, 413), (5_000_000, 413)] {
        let call = world
            .get("/v2/search")
            .post("application/json", &body(length));
        for (way, event) in call.every_way() {
            let answer = world.invoke(&event).await;
            assert_eq!(answer.status(), status, "{way} {length}");
            if status == 413 {
                assert_eq!(answer.code(), "request-too-large", "{way}");
            }
        }
    }
    let mut many = world.get("/v2/people");
    for number in 0..40_000 {
        many = many.header(&format!("x-{number}"), "");
    }
    assert_eq!(
        world.invoke(&many.function_url()).await.code(),
        "request-too-large"
    );
    still_serves(&world).await;
}

/// The runtime's library takes it apart before the event; Lambda starts another process then.
#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_client_context_ends_the_process_without_quoting_it() {
    use std::time::Duration;
    let Some(mut world) = World::start(&[]).await else {
        return;
    };
    let event = world.get("/v2/people").function_url().to_string();
    let context = "{\"client\": \"ada@acme.example\"}";
    let answer = world
        .api
        .invoke(event.into(), Duration::from_secs(2), Some(context))
        .await;
    assert!(matches!(answer, Answer::TimedOut), "{answer:?}");
    assert_eq!(world.end().await.code(), Some(1));
    assert!(world.log().contains("error: "), "{}", world.log());
}
