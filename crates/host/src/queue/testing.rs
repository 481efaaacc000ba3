//! What every queue must do, as checks that the tests of each queue run.
//!
//! A check panics when the queue does otherwise. The queue must be empty, and is left empty.
#![expect(clippy::expect_used, reason = "a check stops where the queue fails")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::Queue;
use hushgate_gateway::ports::queue::{Message, QueueError, Received};

/// How long a message that must come is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a message is waited for that must not come.
const SHORT: Duration = Duration::from_millis(1200);
/// The time that a receiver has.
const HOLD: Duration = Duration::from_mins(1);

/// Runs every check.
pub async fn check(queue: Arc<dyn Queue>) {
    gives_what_was_sent(queue.as_ref()).await;
    gives_again_what_was_not_done(queue.as_ref()).await;
    refuses_what_it_can_not_hold(queue.as_ref()).await;
    loses_and_repeats_nothing_with_many_receivers(queue).await;
}

fn message(body: &str) -> Message {
    Message {
        body: body.to_owned(),
        attributes: [("kind".to_owned(), "suite ä".to_owned())].into(),
    }
}

/// Receives until so many have come.
async fn receive(queue: &dyn Queue, count: usize) -> Vec<Received> {
    let mut all = Vec::new();
    while all.len() < count {
        let some = queue.receive(10, PATIENCE, HOLD).await;
        let some = some.expect("the queue answers");
        assert!(!some.is_empty(), "{} of {count} messages came", all.len());
        all.extend(some);
    }
    all
}

async fn is_empty(queue: &dyn Queue) -> bool {
    let none = queue.receive(1, SHORT, HOLD).await;
    none.expect("the queue answers").is_empty()
}

async fn gives_what_was_sent(queue: &dyn Queue) {
    assert!(is_empty(queue).await, "the queue is empty at first");
    let bodies = [
        "plain",
        "{\"a\": \"<&>\\n\u{1f511}\"}",
        " \t\r\n x ",
        "Grüße",
    ];
    queue.send(Vec::new()).await.expect("nothing is sent");
    let messages: Vec<_> = bodies.iter().map(|body| message(body)).collect();
    queue.send(messages).await.expect("messages are sent");
    let received = receive(queue, bodies.len()).await;
    let found: BTreeSet<_> = received.iter().map(|r| r.message.body.as_str()).collect();
    assert_eq!(found, BTreeSet::from(bodies));
    for one in &received {
        assert_eq!(one.message.attributes, message("").attributes);
        queue.done(&one.receipt).await.expect("it is taken out");
        queue.done(&one.receipt).await.expect("it is gone already");
    }
    assert!(is_empty(queue).await, "what is done does not come again");
    let largest = message(&"x".repeat(200 << 10));
    queue.send(vec![largest.clone()]).await.expect("it is sent");
    let received = receive(queue, 1).await;
    assert!(received[0].message == largest, "a large message");
    queue
        .done(&received[0].receipt)
        .await
        .expect("it is taken out");
}

async fn gives_again_what_was_not_done(queue: &dyn Queue) {
    queue
        .send(vec![message("again")])
        .await
        .expect("it is sent");
    let first = receive(queue, 1).await;
    assert!(is_empty(queue).await, "it is hidden while it is held");
    let held = queue.hold(&first[0].receipt, Duration::ZERO).await;
    held.expect("it is given back");
    let second = receive(queue, 1).await;
    assert_eq!(second[0].message, first[0].message);
    // Some services count only where they are told to.
    assert!(second[0].attempt >= first[0].attempt);
    let held = queue
        .hold(&second[0].receipt, Duration::from_secs(11))
        .await;
    held.expect("it is held longer");
    assert!(is_empty(queue).await, "it is hidden still");
    let third = receive(queue, 1).await;
    assert_eq!(third[0].message, first[0].message);
    queue
        .done(&third[0].receipt)
        .await
        .expect("it is taken out");
    assert!(is_empty(queue).await);
}

async fn refuses_what_it_can_not_hold(queue: &dyn Queue) {
    for bad in [
        message(""),
        message("a\0"),
        message("\u{ffff}"),
        message(&"x".repeat(300 << 10)),
    ] {
        let refused = queue.send(vec![message("fine"), bad]).await;
        assert!(
            matches!(refused, Err(QueueError::Message { index: 1, .. })),
            "{refused:?}"
        );
    }
    assert!(is_empty(queue).await, "nothing of a refused batch is sent");
}

async fn loses_and_repeats_nothing_with_many_receivers(queue: Arc<dyn Queue>) {
    let all: BTreeSet<_> = (0..60).map(|n| format!("message {n}")).collect();
    let messages: Vec<_> = all.iter().map(|body| message(body)).collect();
    queue.send(messages).await.expect("messages are sent");
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move {
                let mut mine = Vec::new();
                loop {
                    let some = queue.receive(7, Duration::from_secs(3), HOLD).await;
                    let some = some.expect("the queue answers");
                    if some.is_empty() {
                        return mine;
                    }
                    for one in some {
                        queue.done(&one.receipt).await.expect("it is taken out");
                        mine.push(one.message.body);
                    }
                }
            })
        })
        .collect();
    let mut found = Vec::new();
    for task in tasks {
        found.extend(task.await.expect("a receiver"));
    }
    let count = found.len();
    let found: BTreeSet<_> = found.into_iter().collect();
    assert_eq!(found, all);
    assert!(
        count < all.len() + 10,
        "{count} deliveries of {}",
        all.len()
    );
}
