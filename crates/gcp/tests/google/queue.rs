//! Pub/Sub: Google's emulator, directly and over a bad line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hushgate_gateway::ports::Queue as _;
use hushgate_gateway::ports::queue::{Message, QueueError};
use hushgate_gcp::queue::PubSub;
use hushgate_host::queue::testing;

use crate::emulator::{environment, pubsub, unique};
use crate::mishap::Mishap;
use crate::wire::Wire;

const MINUTE: Duration = Duration::from_mins(1);

/// A topic and a subscription of its own, and the line to them.
pub(crate) struct Place {
    pub(crate) id: String,
    pub(crate) wire: Wire,
}

impl Place {
    pub(crate) async fn new() -> Option<Self> {
        let emulator = pubsub()?;
        let id = unique("work");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("{}/v1/projects/acme-data", emulator.url);
        for (path, body) in [
            ("topics", "{}".to_owned()),
            (
                "subscriptions",
                format!(r#"{{"topic": "projects/acme-data/topics/{id}"}}"#),
            ),
        ] {
            let create = client
                .put(format!("{base}/{path}/{id}"))
                .header("content-type", "application/json")
                .body(body);
            assert!(create.send().await.unwrap().status().is_success());
        }
        let wire = Wire::before(&emulator.url).await;
        Some(Self { id, wire })
    }

    fn queue(&self) -> PubSub {
        let environment = environment("PUBSUB_EMULATOR_HOST", &self.wire.address);
        PubSub::open("acme-data", &self.id, &self.id, &environment).unwrap()
    }

    fn mishap(&self, part: &str, times: usize, mishap: Mishap) {
        self.wire.mishaps.add(part, times, mishap);
    }
}

macro_rules! place {
    () => {
        match Place::new().await {
            Some(place) => place,
            None => return,
        }
    };
}

fn message(body: &str) -> Message {
    Message {
        body: body.to_owned(),
        ..Message::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn behaves_as_every_queue() {
    let place = place!();
    testing::check(Arc::new(place.queue())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_which_only_a_part_was_stored_says_which() {
    let place = place!();
    let queue = place.queue();
    let messages: Vec<_> = (0..50).map(|n| message(&n.to_string())).collect();
    // The first request passes, the second never does.
    place.mishap("publish", 1, Mishap::Slow(Duration::ZERO));
    place.mishap("publish", usize::MAX, Mishap::Status(503, ""));
    let sent = queue.send(messages).await;
    let Err(QueueError::Partly { unsent, reason }) = sent else {
        panic!("{sent:?}");
    };
    assert_eq!(unsent, (20..50).collect::<Vec<_>>());
    assert!(reason.contains("it answered 503"), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_of_a_queue_is_waited_out() {
    let place = place!();
    let queue = place.queue();
    for mishap in [
        Mishap::Status(429, ""),
        Mishap::Status(500, ""),
        Mishap::Cut,
    ] {
        place.mishap(":", 2, mishap);
        queue.send(vec![message("work")]).await.unwrap();
        place.mishap(":", 2, mishap);
        let received = queue
            .receive(1, Duration::from_secs(10), MINUTE)
            .await
            .unwrap();
        assert_eq!(received[0].message, message("work"));
        queue.done(&received[0].receipt).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_of_a_queue_name_it_and_the_permission() {
    let place = place!();
    let queue = place.queue();
    place.mishap(":", usize::MAX, Mishap::Status(403, ""));
    let sent = queue.send(vec![message("the content")]).await.unwrap_err();
    let received = queue.receive(1, Duration::ZERO, MINUTE).await.unwrap_err();
    for (error, kind, permission) in [
        (sent, "topics", "pubsub.topics.publish"),
        (received, "subscriptions", "pubsub.subscriptions.consume"),
    ] {
        let text = error.to_string();
        let name = format!("projects/acme-data/{kind}/{}", place.id);
        assert!(text.contains(&name) && text.contains(permission), "{text}");
        assert!(
            !text.contains("the content") && !text.contains("a message of"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_missing_is_told_of() {
    let place = place!();
    let environment = environment("PUBSUB_EMULATOR_HOST", &place.wire.address);
    let queue = PubSub::open("acme-data", "missing", "missing", &environment).unwrap();
    let sent = queue.send(vec![message("x")]).await;
    assert!(matches!(sent, Err(QueueError::NoQueue(_))), "{sent:?}");
    let received = queue.receive(1, Duration::ZERO, MINUTE).await;
    assert!(
        matches!(received, Err(QueueError::NoQueue(_))),
        "{received:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_pub_sub_can_t_hold_is_refused_before_anything_is_sent() {
    let place = place!();
    let queue = place.queue();
    for (name, value) in [("googlish", "x".to_owned()), ("name", "x".repeat(1025))] {
        let mut bad = message("x");
        bad.attributes.insert(name.to_owned(), value);
        let refused = queue.send(vec![message("fine"), bad]).await;
        assert!(
            matches!(refused, Err(QueueError::Message { index: 1, .. })),
            "{refused:?}"
        );
    }
    let start = Instant::now();
    let none = queue
        .receive(1, Duration::from_millis(300), MINUTE)
        .await
        .unwrap();
    assert!(none.is_empty() && start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_a_queue_is_told_in_time() {
    let place = place!();
    let queue = place.queue();
    for (mishap, words) in [
        (Mishap::Status(503, ""), "it answered 503"),
        (Mishap::Cut, "the connection broke"),
    ] {
        place.mishap(":", usize::MAX, mishap);
        let start = Instant::now();
        let sent = queue.send(vec![message("x")]).await.unwrap_err();
        let received = queue.receive(1, Duration::ZERO, MINUTE).await.unwrap_err();
        for error in [sent, received] {
            assert_eq!(error.code(), "queue-unavailable");
            assert!(error.to_string().contains(words), "{error}");
        }
        assert!(start.elapsed() < Duration::from_secs(10));
        place.wire.mishaps.calm();
    }
    queue.send(vec![message("x")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_lost_lose_no_message() {
    let place = place!();
    let queue = place.queue();
    // The message is there; whoever heard nothing sends it again.
    place.mishap(":publish", 1, Mishap::Lost);
    queue.send(vec![message("work")]).await.unwrap();
    // Messages of a lost answer are given again when their time is over.
    place.mishap(":pull", 1, Mishap::Lost);
    let mut got = 0;
    let start = Instant::now();
    while got < 2 && start.elapsed() < Duration::from_secs(40) {
        let wait = Duration::from_secs(5);
        for one in queue.receive(10, wait, MINUTE).await.unwrap() {
            assert_eq!(one.message, message("work"));
            place.mishap(":acknowledge", 1, Mishap::Lost);
            queue.done(&one.receipt).await.unwrap();
            got += 1;
        }
    }
    assert_eq!(got, 2, "at least once, here twice");
    let rest = queue.receive(10, Duration::from_secs(1), MINUTE).await;
    assert!(rest.unwrap().is_empty(), "what is done does not come again");
}
