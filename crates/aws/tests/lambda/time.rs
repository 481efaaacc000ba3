//! The time that Lambda gives an invocation.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::proxy::{Action, Call};
use crate::runtime_api::Answer;
use crate::stores::Services;
use crate::world::{Delays, World};

fn slow() -> Delays {
    Delays {
        slow: Duration::from_secs(8),
        ..Delays::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_code_of_a_slow_source_leaves_before_lambda_ends_the_invocation() {
    for response in ["buffered", "streamed"] {
        let environment = [("HUSHGATE_LAMBDA_RESPONSE", response)];
        let Some(world) = World::with(&environment, slow()).await else {
            return;
        };
        let event = world.get("/v2/slow").function_url();
        for time in [Duration::from_secs(3), Duration::from_secs(6)] {
            let begun = Instant::now();
            let answer = world.invoke_within(&event, time).await;
            assert_eq!(
                (answer.status(), answer.code().as_str()),
                (504, "source-timeout")
            );
            assert!(begun.elapsed() > time * 8 / 10, "{:?}", begun.elapsed());
        }
        assert!(world.log().contains("the time that the platform gives"));
        let next = world.invoke(&world.get("/v2/people").function_url()).await;
        assert_eq!(next.status(), 200, "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shorter_time_of_the_configuration_counts() {
    let environment = [("HUSHGATE_REQUEST_TIMEOUT_SECONDS", "1")];
    let Some(world) = World::with(&environment, slow()).await else {
        return;
    };
    let event = world.get("/v2/slow").function_url();
    let begun = Instant::now();
    let answer = world.invoke_within(&event, Duration::from_mins(1)).await;
    assert_eq!(answer.code(), "source-timeout");
    assert!(begun.elapsed() < Duration::from_secs(6));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_without_any_time_is_answered_or_ended_and_no_more() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    let event = world.get("/v2/people").function_url();
    let answer = world.invoke(&event).await;
    assert_eq!(answer.status(), 200);
    // Lambda ends the process, or just has the answer: that there was no time for the source.
    let answer = world.invoke_within(&event, Duration::ZERO).await;
    if !matches!(answer, Answer::TimedOut) {
        assert_eq!(
            (answer.status(), answer.code().as_str()),
            (504, "source-timeout")
        );
    }
    let answer = world.invoke(&event).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_does_not_wait_for_a_save_that_the_role_may_not_make() {
    // The permission to write is taken away while an exchange is under way.
    let taken = AtomicBool::new(false);
    let script = move |call: &Call| {
        let journal = call.is("PutParameter", "/ACCESS_TOKEN");
        let lock = call.is("PutParameter", "/OAUTH_REFRESH_TOKEN.lock");
        taken.fetch_or(journal, Ordering::SeqCst);
        if journal || lock && taken.load(Ordering::SeqCst) {
            Action::Fail(400, "AccessDeniedException", "x")
        } else {
            Action::Pass
        }
    };
    let Some(services) = Services::start("denied", script).await else {
        return;
    };
    let Some(world) = World::start(&services.with_key()).await else {
        return;
    };
    let event = world.get("/v2/people").function_url();
    for _ in 0..3 {
        let begun = Instant::now();
        let answer = world.invoke_within(&event, Duration::from_secs(20)).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }
    let calls = services.proxy.calls();
    let count = |name| calls.iter().filter(|c| c.is("PutParameter", name)).count();
    assert!(count("/ACCESS_TOKEN") > 0, "nothing was saved at all");
    assert!(
        count("/OAUTH_REFRESH_TOKEN.lock") > 2,
        "saving was not tried again"
    );
    let said = "a new access token could not be shared";
    assert!(world.log().contains(said), "{}", world.log());
}
