//! What happens to calls on their way: silence, a cut, a redirect.

use std::time::Instant;

use hushgate_gateway::ports::objects::{Head, Put};
use hushgate_gateway::ports::{Objects as _, Secret, SecretStore as _, StoreError};

use crate::objects::{PART, bucket, large, open, read};
use crate::proxy::{Action, Proxy};
use crate::recorder::{Recorder, answer};
use crate::support::{KINDS, Kind, newest, services, unique};

#[tokio::test]
async fn silence_ends_with_an_attempt_and_the_next_has_a_connection_of_its_own() {
    let server = Recorder::start(|_| None).await;
    let store = Kind::Parameters.store(server.port, &unique("silent"));
    let begun = Instant::now();
    let error = newest(&store, "A").await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("got no answer in time"), "{text}");
    let time = begun.elapsed();
    assert!((3000..4900).contains(&time.as_millis()), "{time:?}");
    assert_eq!(server.sent().len(), 3);
}

#[tokio::test]
async fn of_an_answer_that_is_cut_nothing_is_kept() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        // In the body, which is the last of the answer.
        let cut = |call: &crate::proxy::Call| match call.operation.as_str() {
            "GetParameter" | "GetSecretValue" if call.before < 2 => Action::CutShort(9),
            _ => Action::Pass,
        };
        let proxy = Proxy::start(port, cut).await;
        let store = kind.store(proxy.port, &unique("cut"));
        store.write("A", Secret::new("x")).await.unwrap();
        assert_eq!(newest(&store, "A").await.unwrap().as_deref(), Some("x"));
        let proxy = Proxy::start(port, |_| Action::CutShort(9)).await;
        let store = kind.store(proxy.port, &unique("cut"));
        let error = newest(&store, "A").await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert_eq!(proxy.calls().len(), 3);
    }
}

#[tokio::test]
async fn a_service_that_points_elsewhere_is_not_followed() {
    let other = Recorder::start(|_| Some(answer(200, "", b"{}"))).await;
    let to = format!("location: http://127.0.0.1:{}/\r\n", other.port);
    let server = Recorder::start(move |_| Some(answer(307, &to, b""))).await;
    for kind in KINDS {
        let store = kind.store(server.port, &unique("elsewhere"));
        assert!(newest(&store, "A").await.is_err());
    }
    let error = open(server.port, "elsewhere").read("a").await.unwrap_err();
    assert!(error.to_string().contains("another region"), "{error}");
    assert!(!server.sent().is_empty());
    assert!(other.sent().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_sent_with_their_length() {
    let server = Recorder::start(|sent| {
        let body: &[u8] = match sent.line() {
            line if line.contains("uploads") => {
                b"<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
            }
            line if line.starts_with("POST") => {
                b"<CompleteMultipartUploadResult><ETag>v</ETag></CompleteMultipartUploadResult>"
            }
            _ => b"",
        };
        Some(answer(200, "etag: v\r\n", body))
    })
    .await;
    let size = 2 * PART + 1;
    let head = Head::default();
    let objects = open(server.port, "parts");
    let written = objects.write("a", &head, Put::Replace, large(b'a', size));
    assert_eq!(written.await.unwrap().size, size as u64);
    let sent = server.sent();
    let parts: Vec<_> = sent
        .iter()
        .filter(|s| s.line().starts_with("PUT"))
        .collect();
    let lengths: Vec<_> = parts.iter().map(|part| part.body.len()).collect();
    assert_eq!(lengths, [PART, PART, 1]);
    for part in parts {
        assert_eq!(part.header("transfer-encoding"), None);
        assert!(part.body.iter().all(|byte| *byte == b'a'));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_objects_come_back_packed() {
    let Some(port) = services() else { return };
    let objects = open(port, &bucket(port).await);
    let head = Head {
        content_encoding: Some("gzip".to_owned()),
        ..Head::default()
    };
    // Whoever unpacked this would fail.
    let body = large(b'z', 1000);
    objects.write("a", &head, Put::Replace, body).await.unwrap();
    assert_eq!(objects.facts("a").await.unwrap().unwrap().head, head);
    assert_eq!(read(&objects, "a").await, Some(vec![b'z'; 1000]));
}
