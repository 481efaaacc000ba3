//! Queues of SQS.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hushgate_aws::queue::Sqs;
use hushgate_gateway::ports::Queue as _;
use hushgate_gateway::ports::queue::{Message, QueueError, Receipt};
use hushgate_host::queue::testing;
use serde_json::json;

use crate::proxy::{Action, Proxy};
use crate::support::{MARK, environment, logs, services, unique};

const HOLD: Duration = Duration::from_mins(1);

/// A new queue's address.
pub(crate) async fn address(port: u16) -> String {
    use aws_sdk_sqs::config::{BehaviorVersion, Config, Credentials, Region};
    logs();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .http_client(hushgate_aws::http_client())
        .credentials_provider(Credentials::new("x", "y", None, None, "tests"))
        .endpoint_url(format!("http://127.0.0.1:{port}"));
    let client = aws_sdk_sqs::Client::from_conf(config.build());
    let made = client.create_queue().queue_name(unique("queue")).send();
    made.await.unwrap().queue_url.unwrap()
}

pub(crate) fn open(port: u16, url: &str) -> Sqs {
    Sqs::open(url, &environment(port)).unwrap()
}

fn messages(bodies: &[&str]) -> Vec<Message> {
    let message = |body: &&str| Message {
        body: (*body).to_owned(),
        ..Message::default()
    };
    bodies.iter().map(message).collect()
}

/// The errors of all operations.
async fn all(queue: &Sqs) -> [QueueError; 4] {
    let receipt = Receipt("receipt".to_owned());
    [
        queue.send(messages(&["a"])).await.unwrap_err(),
        queue.receive(1, Duration::ZERO, HOLD).await.unwrap_err(),
        queue.done(&receipt).await.unwrap_err(),
        queue.hold(&receipt, HOLD).await.unwrap_err(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_do_what_every_queue_does() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    testing::check(Arc::new(open(port, &url))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_queue_is_waited_at_for_the_time_given() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    let proxy = Proxy::start(port, |_| Action::Pass).await;
    let queue = open(proxy.port, &url);
    // More than the time of a call that waits for nothing.
    for (millis, calls) in [(0, 1), (400, 2), (7300, 3)] {
        let (begun, before) = (Instant::now(), proxy.count("ReceiveMessage"));
        let wait = Duration::from_millis(millis);
        assert!(queue.receive(1, wait, HOLD).await.unwrap().is_empty());
        let took = begun.elapsed();
        assert!(
            took >= wait && took < wait + Duration::from_secs(2),
            "{took:?}"
        );
        assert!(proxy.count("ReceiveMessage") - before <= calls);
    }
    // Who waits has the message when it comes.
    let sender = open(port, &url);
    let (received, sent) = tokio::join!(queue.receive(1, Duration::from_secs(15), HOLD), async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send(messages(&["late"])).await.unwrap();
        Instant::now()
    });
    assert_eq!(received.unwrap()[0].message.body, "late");
    assert!(sent.elapsed() < Duration::from_secs(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_and_throttling_are_told() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    for action in [
        Action::Cut,
        Action::Fail(500, "InternalFailure", "x"),
        Action::Fail(400, "RequestThrottled", "x"),
        Action::Fail(400, "ThrottlingException", "x"),
    ] {
        let proxy = Proxy::start(port, move |_| action.clone()).await;
        for error in all(&open(proxy.port, &url)).await {
            assert_eq!(error.code(), "queue-unavailable", "{error}");
        }
    }
    // What passes is waited out.
    let proxy = Proxy::start(port, |call| match call.before {
        0 => Action::Fail(400, "ThrottlingException", "x"),
        1 => Action::Cut,
        _ => Action::Pass,
    })
    .await;
    let queue = open(proxy.port, &url);
    queue.send(messages(&["a"])).await.unwrap();
    let received = queue
        .receive(1, Duration::from_secs(5), HOLD)
        .await
        .unwrap();
    queue.done(&received[0].receipt).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_queue_and_the_permission() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    let denied = |_: &_| Action::Fail(403, "AccessDeniedException", "x");
    let proxy = Proxy::start(port, denied).await;
    let actions = [
        "SendMessage",
        "ReceiveMessage",
        "DeleteMessage",
        "ChangeMessageVisibility",
    ];
    for (error, action) in all(&open(proxy.port, &url)).await.iter().zip(actions) {
        let expected =
            format!("the queue `{url}` denied access: the role needs `sqs:{action}` on `{url}`");
        assert_eq!(error.to_string(), expected);
        assert_eq!(error.code(), "queue-denied");
    }
    for (code, word) in [
        ("KmsAccessDenied", "`kms:Decrypt` on the key"),
        ("ExpiredTokenException", "does not accept the credentials"),
    ] {
        let proxy = Proxy::start(port, move |_| Action::Fail(400, code, "x")).await;
        for error in all(&open(proxy.port, &url)).await {
            assert_eq!(error.code(), "queue-denied", "{error}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_not_there_is_told_by_every_operation() {
    let Some(port) = services() else { return };
    let url = format!("http://127.0.0.1:{port}/123456789012/no-such-queue");
    for error in all(&open(port, &url)).await {
        assert!(
            matches!(&error, QueueError::NoQueue(name) if *name == url),
            "{error}"
        );
    }
}

/// An answer that says which messages were stored, and which were not.
fn stored(successful: &[&str], failed: &serde_json::Value) -> Action {
    let entry = |id: &&str| json!({"Id": id, "MessageId": "m", "MD5OfMessageBody": "x"});
    let successful: Vec<_> = successful.iter().map(entry).collect();
    Action::Answer(json!({"Successful": successful, "Failed": failed}).to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_answer_does_not_mention_is_not_taken_for_stored() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    for answer in ["{}", r#"{"Successful": [], "Failed": []}"#] {
        let proxy = Proxy::start(port, move |_| Action::Answer(answer.to_owned())).await;
        let error = open(proxy.port, &url).send(messages(&["a", "b"])).await;
        assert_eq!(error.unwrap_err().code(), "queue-unavailable");
        assert_eq!(proxy.calls().len(), 3);
    }
    let proxy = Proxy::start(port, |_| stored(&["0"], &json!([]))).await;
    let error = open(proxy.port, &url).send(messages(&["a", "b"])).await;
    let error = error.unwrap_err();
    assert!(
        matches!(&error, QueueError::Partly { unsent, .. } if *unsent == [1]),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_message_is_sent_again_by_its_own_failure_alone() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    let lasting = json!({"Id": "0", "Code": "InvalidMessageContents", "SenderFault": true});
    let passing = json!({"Id": "1", "Code": "InternalError", "SenderFault": false});
    for failed in [json!([lasting, passing]), json!([passing, lasting])] {
        let proxy = Proxy::start(port, move |call| match call.before {
            0 => stored(&["2"], &failed),
            _ => stored(&["1"], &json!([])),
        })
        .await;
        let sent = open(proxy.port, &url)
            .send(messages(&["a", "b", "c"]))
            .await;
        let error = sent.unwrap_err();
        assert!(
            matches!(&error, QueueError::Partly { unsent, reason }
                if *unsent == [0] && reason.contains("InvalidMessageContents")),
            "{error:?}"
        );
        let calls = proxy.calls();
        assert_eq!(calls.len(), 2);
        let again = calls[1].body["Entries"].as_array().unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0]["Id"], "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_the_service_does_not_take_are_sent_again_and_told() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    let failed = |id: &str, code: &str, senders: bool| json!({"Id": id, "Code": code, "SenderFault": senders, "Message": "do-not-show"});
    // Two fail at first, one for good.
    let proxy = Proxy::start(port, move |call| match call.before {
        0 => stored(
            &["0", "2"],
            &json!([
                failed("1", "InternalError", false),
                failed("3", "InternalError", false)
            ]),
        ),
        _ => stored(&["1"], &json!([failed("3", "InternalError", false)])),
    })
    .await;
    let queue = open(proxy.port, &url);
    let sent = queue.send(messages(&["a", "b", "c", "d"])).await;
    let error = sent.unwrap_err();
    assert!(
        matches!(&error, QueueError::Partly { unsent, .. } if *unsent == [3]),
        "{error:?}"
    );
    assert!(!error.to_string().contains(MARK), "{error}");
    let ids: Vec<Vec<_>> = proxy
        .calls()
        .iter()
        .map(|call| {
            let entries = call.body["Entries"].as_array().unwrap().iter();
            entries
                .map(|e| e["Id"].as_str().unwrap().to_owned())
                .collect()
        })
        .collect();
    assert_eq!(ids, [vec!["0", "1", "2", "3"], vec!["1", "3"], vec!["3"]]);
    // What is the sender's fault is not sent again.
    let proxy = Proxy::start(port, move |_| {
        stored(&[], &json!([failed("0", "InvalidMessageContents", true)]))
    })
    .await;
    let error = open(proxy.port, &url)
        .send(messages(&["a"]))
        .await
        .unwrap_err();
    assert_eq!(proxy.calls().len(), 1);
    assert!(
        error.to_string().contains("InvalidMessageContents"),
        "{error}"
    );
    // A later request that fails does not take the earlier ones back.
    let proxy = Proxy::start(port, |call| match call.before {
        0 => Action::Pass,
        _ => Action::Fail(403, "AccessDeniedException", "x"),
    })
    .await;
    let error = open(proxy.port, &url)
        .send(messages(&["x"; 15]))
        .await
        .unwrap_err();
    assert!(
        matches!(&error, QueueError::Partly { unsent, .. } if *unsent == [10, 11, 12, 13, 14]),
        "{error:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_any_count_and_size_are_cut_into_requests() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    let queue = open(port, &url);
    let bodies: Vec<String> = (0..23)
        .map(|n| format!("{n:03}{}", "x".repeat(60_000)))
        .collect();
    let all: Vec<_> = bodies.iter().map(String::as_str).collect();
    queue.send(messages(&all)).await.unwrap();
    let mut found = Vec::new();
    while found.len() < bodies.len() {
        let some = queue
            .receive(10, Duration::from_secs(5), HOLD)
            .await
            .unwrap();
        assert!(!some.is_empty(), "{}", found.len());
        found.extend(some.into_iter().map(|r| r.message.body));
    }
    found.sort();
    assert_eq!(found, bodies);
    // Attributes count with their types.
    let largest = |beside: usize| Message {
        body: "x".repeat((256 << 10) - 2 - beside),
        attributes: [("n".to_owned(), "v".to_owned())].into(),
    };
    queue.send(vec![largest("String".len())]).await.unwrap();
    let error = queue.send(vec![largest(5)]).await.unwrap_err();
    assert!(
        matches!(error, QueueError::Message { index: 0, .. }),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_delivery_was_lost_comes_again() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    let proxy = Proxy::start(port, |call| {
        if call.operation == "ReceiveMessage" && call.before == 0 {
            Action::LoseAnswer
        } else {
            Action::Pass
        }
    })
    .await;
    let queue = open(proxy.port, &url);
    queue.send(messages(&["a"])).await.unwrap();
    let hold = Duration::from_secs(2);
    let received = queue
        .receive(1, Duration::from_secs(10), hold)
        .await
        .unwrap();
    assert_eq!(
        (received[0].message.body.as_str(), received[0].attempt),
        ("a", 2)
    );
    // A delivery that is over ends nothing of the next one.
    tokio::time::sleep(hold).await;
    let next = queue
        .receive(1, Duration::from_secs(10), HOLD)
        .await
        .unwrap();
    queue.hold(&next[0].receipt, HOLD).await.unwrap();
    queue.done(&next[0].receipt).await.unwrap();
    queue.done(&received[0].receipt).await.unwrap();
    queue.hold(&received[0].receipt, HOLD).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_and_no_log_line_shows_a_message() {
    let Some(port) = services() else { return };
    let url = address(port).await;
    let body = format!("{MARK}-message");
    for action in [
        Action::Pass,
        Action::Cut,
        Action::Fail(400, "InvalidMessageContents", "do-not-show"),
        Action::Fail(500, "do-not-show-value", "do-not-show"),
    ] {
        let proxy = Proxy::start(port, move |_| action.clone()).await;
        let queue = open(proxy.port, &url);
        let sent = queue.send(messages(&[&body])).await;
        let received = queue.receive(1, Duration::ZERO, HOLD).await;
        for text in [format!("{sent:?} {received:?}"), logs()] {
            assert!(!text.contains(MARK), "{text}");
        }
    }
}
