//! Pub/Sub: Google's emulator where it is installed, else drongo, directly and over a bad line.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hushgate_gateway::ports::Queue as _;
use hushgate_gateway::ports::queue::{Message, QueueError};
use hushgate_gcp::queue::PubSub;
use hushgate_host::queue::testing;

use crate::deadlines;
use crate::emulator::{drongo, environment, pubsub, skipped, unique};
use crate::mishap::Mishap;
use crate::wire::Wire;

const MINUTE: Duration = Duration::from_mins(1);

/// A topic and a subscription of its own, and the line to them.
pub(crate) struct Place {
    pub(crate) id: String,
    pub(crate) wire: Wire,
    emulator: String,
}

impl Place {
    /// At Google's emulator, or where that is not there at drongo.
    pub(crate) async fn new() -> Option<Self> {
        match pubsub() {
            Some(google) => Some(Self::at(google.url.clone()).await),
            None => Self::at_drongo().await,
        }
    }

    async fn at_drongo() -> Option<Self> {
        let emulator = deadlines::before(&drongo()?.url).await;
        Some(Self::at(emulator).await)
    }

    async fn at(emulator: String) -> Self {
        let id = unique("work");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let base = format!("{emulator}/v1/projects/acme-data");
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
        let wire = Wire::before(&emulator).await;
        Self { id, wire, emulator }
    }

    pub(crate) fn queue(&self) -> PubSub {
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
    let Some(drongo) = Place::at_drongo().await else {
        return;
    };
    testing::check(Arc::new(drongo.queue())).await;
    match pubsub() {
        Some(google) => {
            let google = Place::at(google.url.clone()).await;
            testing::check(Arc::new(google.queue())).await;
        }
        None => skipped(
            "Google's Pub/Sub emulator not found; `gcloud components install pubsub-emulator` installs it",
        ),
    }
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
async fn messages_that_the_answer_does_not_name_are_not_taken_for_stored() {
    let place = place!();
    let queue = place.queue();
    for answer in ["{}", "", r#"{"messageIds": ["1"]}"#] {
        place.mishap("publish", 1, Mishap::Answer(200, answer));
        let error = queue.send(vec![message("a"), message("b")]).await;
        assert_eq!(error.unwrap_err().code(), "queue-unavailable", "{answer}");
    }
    queue.send(vec![message("a"), message("b")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_no_text_is_set_aside_and_the_others_are_given() {
    let place = place!();
    let queue = place.queue();
    let publish = reqwest::Client::builder().no_proxy().build().unwrap();
    let topic = format!("projects/acme-data/topics/{}", place.id);
    for data in ["/w==", "d29yaw=="] {
        let publish = publish
            .post(format!("{}/v1/{topic}:publish", place.emulator))
            .header("content-type", "application/json")
            .body(format!(r#"{{"messages": [{{"data": "{data}"}}]}}"#));
        assert!(publish.send().await.unwrap().status().is_success());
    }
    let mut received = Vec::new();
    let start = Instant::now();
    while received.is_empty() && start.elapsed() < Duration::from_secs(20) {
        let wait = Duration::from_secs(2);
        received = queue.receive(10, wait, MINUTE).await.unwrap();
    }
    let bodies: Vec<_> = received.iter().map(|r| r.message.body.as_str()).collect();
    assert_eq!(bodies, ["work"]);
    queue.done(&received[0].receipt).await.unwrap();
    // Its time at the emulator is ten seconds.
    let rest = queue.receive(10, Duration::from_secs(12), MINUTE).await;
    assert!(rest.unwrap().is_empty());
    let calls = place.wire.mishaps.calls();
    let ended = calls.iter().filter(|c| c.contains(":acknowledge")).count();
    assert_eq!(ended, 2, "once each: {calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_delivery_that_is_over_needs_no_word() {
    let place = place!();
    let queue = place.queue();
    queue.send(vec![message("work")]).await.unwrap();
    let received = queue.receive(1, Duration::from_secs(10), MINUTE).await;
    let receipt = received.unwrap().remove(0).receipt;
    let over = r#"{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message":
        "Some acknowledgement ids in the request were invalid. This could be because they have expired."}}"#;
    let once = r#"{"error": {"code": 400, "details": [{"reason": "EXACTLY_ONCE_ACKID_FAILURE"}]}}"#;
    for answer in [over, once] {
        place.mishap("acknowledge", 1, Mishap::Answer(400, answer));
        queue.done(&receipt).await.unwrap();
    }
    let wrong = r#"{"error": {"code": 400, "message": "Invalid resource name given"}}"#;
    place.mishap("acknowledge", 1, Mishap::Answer(400, wrong));
    let error = queue.done(&receipt).await.unwrap_err();
    assert_eq!(error.code(), "queue-unavailable");
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
