//! Start, freezing between invocations, and end.

use std::time::{Duration, Instant};

use crate::world::{Delays, World};

async fn wait_for_a_poll(world: &World) {
    let begun = Instant::now();
    while world.api.polls() == 0 {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", world.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_polls_without_a_port_and_without_asking_the_source() {
    // A function that listened would fail to.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let Some(world) = World::start(&[("PORT", &port)]).await else {
        return;
    };
    wait_for_a_poll(&world).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(world.seen().is_empty());
    assert_eq!(world.tokens(), 0);
    assert_eq!(world.api.polls(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_function_goes_on_where_it_was() {
    let Some(world) = World::start(&[]).await else {
        return;
    };
    for _ in 0..3 {
        let answer = world.invoke(&world.get("/v2/people").function_url()).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        world.signal("STOP");
        tokio::time::sleep(Duration::from_millis(500)).await;
        world.signal("CONT");
    }
    assert_eq!(world.tokens(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_under_way_is_brought_to_its_end_before_the_answer() {
    // Nine seconds of the ten are the request's; the exchange ends in what is kept back.
    let time = Duration::from_secs(10);
    let delays = Delays {
        token: Duration::from_millis(9100),
        ..Delays::default()
    };
    let Some(world) = World::with(&[], delays).await else {
        return;
    };
    wait_for_a_poll(&world).await;
    let event = world.get("/v2/people").function_url();
    let answer = world.invoke_within(&event, time).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (504, "source-timeout")
    );
    // From here on the process does not run until it is invoked again.
    world.signal("STOP");
    assert_eq!(world.tokens(), 1);
    world.signal("CONT");
    let answer = world.invoke(&event).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert_eq!(
        world.tokens(),
        1,
        "the token of the first exchange was lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signal_before_the_end_ends_it_in_order() {
    let Some(mut world) = World::start(&[]).await else {
        return;
    };
    let answer = world.invoke(&world.get("/v2/people").function_url()).await;
    assert_eq!(answer.status(), 200);
    let begun = Instant::now();
    world.signal("TERM");
    assert_eq!(world.end().await.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_does_not_start_in_an_environment_that_is_not_lambdas() {
    for (name, value, said) in [
        (
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "much",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE: ",
        ),
        (
            "HUSHGATE_LAMBDA_RESPONSE",
            "piecewise",
            "HUSHGATE_LAMBDA_RESPONSE: ",
        ),
    ] {
        let Some((status, log)) = World::end_of(&[(name, value)]).await else {
            return;
        };
        assert_eq!(status.code(), Some(1), "{name}");
        assert!(log.contains(said), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_to_this_machine_is_refused_in_the_real_lambda() {
    for (name, value) in [
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_RUNTIME_API", "169.254.100.1:9001"),
    ] {
        let Some((status, log)) = World::end_of(&[(name, value)]).await else {
            return;
        };
        assert_eq!(status.code(), Some(1), "{name}");
        assert!(
            log.contains("HUSHGATE_DEV_LOOPBACK: refused on a cloud host"),
            "{log}"
        );
    }
}
