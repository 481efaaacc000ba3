//! What Lambda and load balancers carry, to the byte.

use std::time::Duration;

use crate::runtime_api::Answer;
use crate::world::World;

/// What an answer has besides its body, all of whose bytes but the quotes are one in the answer.
async fn rest(world: &World, event: impl Fn(usize) -> serde_json::Value) -> usize {
    let (small, large) = (
        world.invoke(&event(2000)).await,
        world.invoke(&event(3000)).await,
    );
    assert_eq!((small.status(), large.status()), (200, 200), "{small:?}");
    assert_eq!(large.size() - small.size(), 1000);
    small.size() - 2000
}

#[tokio::test(flavor = "multi_thread")]
async fn whole_answers_reach_the_limit_and_are_refused_beyond_it() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    // As the table in docs/lambda.md has them.
    let (of_lambda, of_load_balancer) = (6_291_556, 1_048_576);
    for (at, limit) in [
        of_lambda,
        of_lambda,
        of_lambda,
        of_lambda,
        of_load_balancer,
        of_load_balancer,
    ]
    .into_iter()
    .enumerate()
    {
        let event = |bytes: usize| {
            let all = world.get(&format!("/v2/sized/{bytes}")).every_way();
            let (_, event) = all.into_iter().nth(at).unwrap();
            event
        };
        let rest = rest(&world, event).await;
        for size in [limit - 1, limit] {
            let answer = world.invoke(&event(size - rest)).await;
            assert_eq!((answer.status(), answer.size()), (200, size));
        }
        for size in [limit + 1, limit + 100_000] {
            let answer = world.invoke(&event(size - rest)).await;
            assert_eq!(answer.status(), 502);
            assert_eq!(answer.code(), "response-too-large");
            // Under the id that the audit line of the request has.
            let id = answer.header("x-hushgate-request-id").unwrap();
            let log = world.log();
            let lines: Vec<_> = log.lines().filter(|line| line.contains(&id)).collect();
            assert_eq!(lines.len(), 2, "{lines:?}");
            assert!(lines[1].contains("response-too-large"), "{lines:?}");
            // The caller was verified.
            assert!(answer.header("x-hushgate-rules").is_some());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streamed_answers_reach_the_limit_and_are_refused_beyond_it() {
    let environment = [
        ("HUSHGATE_LAMBDA_RESPONSE", "streamed"),
        ("HUSHGATE_MAX_RESPONSE_BYTES", "300000000"),
    ];
    let Some(world) = World::start(&environment).await else {
        return;
    };
    let limit = 209_715_200;
    let event = |bytes: usize| world.get(&format!("/v2/sized/{bytes}")).function_url();
    let rest = rest(&world, event).await;
    // At Lambda's bandwidth they take 102 s.
    let time = Duration::from_mins(5);
    for size in [limit - 1, limit] {
        let answer = world.invoke_within(&event(size - rest), time).await;
        assert_eq!((answer.status(), answer.size()), (200, size));
        assert!(matches!(answer, Answer::Streamed { .. }));
    }
    let answer = world.invoke_within(&event(limit + 1 - rest), time).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (502, "response-too-large")
    );
    assert!(matches!(answer, Answer::Streamed { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn streamed_answers_that_lambda_would_cut_off_at_its_time_are_refused() {
    let environment = [("HUSHGATE_LAMBDA_RESPONSE", "streamed")];
    let Some(world) = World::start(&environment).await else {
        return;
    };
    // 12 s at Lambda's bandwidth, and a moment to get and sanitize it.
    let call = world.get("/v2/sized/30000000");
    for event in [call.function_url(), call.rest_api()] {
        let refused = world.invoke_within(&event, Duration::from_secs(10)).await;
        assert_eq!(
            (refused.status(), refused.code().as_str()),
            (502, "response-too-large")
        );
        assert!(matches!(refused, Answer::Streamed { .. }));
        let id = refused.header("x-hushgate-request-id").unwrap();
        let log = world.log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains(&id)).collect();
        assert!(lines[1].contains("in the time that is left"), "{lines:?}");
        let answer = world.invoke_within(&event, Duration::from_mins(1)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.body().len(), 30_000_000);
    }
    // What is within the 6 MB leaves at once, and compressed answers count as they are sent.
    let time = Duration::from_secs(10);
    let small = world.get("/v2/sized/5000000").function_url();
    assert_eq!(world.invoke_within(&small, time).await.status(), 200);
    let compressed = call.header("accept-encoding", "gzip").function_url();
    assert_eq!(world.invoke_within(&compressed, time).await.status(), 200);
}
