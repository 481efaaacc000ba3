//! What Lambda and load balancers carry, to the byte.

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
    let sized = |bytes: usize| world.get(&format!("/v2/sized/{bytes}"));
    for (limit, balanced) in [(6_291_556, false), (1_048_576, true)] {
        let event = |bytes: usize| {
            if balanced {
                sized(bytes).load_balancer()
            } else {
                sized(bytes).function_url()
            }
        };
        let rest = rest(&world, event).await;
        for size in [limit - 1, limit] {
            let answer = world.invoke(&event(size - rest)).await;
            assert_eq!((answer.status(), answer.size()), (200, size));
        }
        for size in [limit + 1, limit + 2, limit + 100_000] {
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
    for size in [limit - 1, limit] {
        let answer = world.invoke(&event(size - rest)).await;
        assert_eq!((answer.status(), answer.size()), (200, size));
        assert!(matches!(answer, Answer::Streamed { .. }));
    }
    let answer = world.invoke(&event(limit + 1 - rest)).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (502, "response-too-large")
    );
    assert!(matches!(answer, Answer::Streamed { .. }));
}
