//! Many callers at once.

use std::sync::Arc;

use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_calls_in_flight_are_all_answered_alike() {
    let world = Arc::new(World::start().await);
    let expected = world
        .get("/v2/users?status=active&page_size=30")
        .await
        .text()
        .await
        .expect("a body");
    let calls: Vec<_> = (0..500)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let response = world.get("/v2/users?status=active&page_size=30").await;
                (response.status(), response.text().await.expect("a body"))
            })
        })
        .collect();
    for call in calls {
        let (status, body) = call.await.expect("the call ends");
        assert_eq!(status, 200, "{body}");
        assert_eq!(body, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_allowed_are_refused_with_a_code_and_then_served_again() {
    let world = Arc::new(World::with(&[("HUSHGATE_MAX_IN_FLIGHT", "1")]).await);
    let calls: Vec<_> = (0..100)
        .map(|_| {
            let world = Arc::clone(&world);
            tokio::spawn(async move {
                let response = world.get("/v2/users?status=active&page_size=30").await;
                let status = response.status();
                (status, response.text().await.expect("a body"))
            })
        })
        .collect();
    let mut answered = 0;
    for call in calls {
        let (status, body) = call.await.expect("the call ends");
        if status == 200 {
            answered += 1;
        } else {
            assert_eq!(status, 503, "{body}");
            assert!(body.contains("overloaded"), "{body}");
        }
    }
    assert!(answered > 0);
    assert_eq!(
        world
            .get("/v2/users?status=active&page_size=30")
            .await
            .status(),
        200
    );
}
