//! How the services are reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hushgate_aws::CLOUD;
use hushgate_gateway::ports::queue::Receipt;
use hushgate_host::cloud::{Bucket, Cloud as _, CloudSecrets, QueueAt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::environment;

/// A service that keeps connections and refuses everything; counts them and the requests.
async fn refusing() -> (u16, Arc<[AtomicUsize; 2]>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let counts = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let shared = Arc::clone(&counts);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counts = Arc::clone(&shared);
            counts[0].fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut bytes = Vec::new();
                loop {
                    let mut piece = [0; 4096];
                    let Ok(count @ 1..) = stream.read(&mut piece).await else {
                        return;
                    };
                    bytes.extend_from_slice(&piece[..count]);
                    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
                        continue;
                    };
                    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
                    let length = head.split("content-length: ").nth(1);
                    let length = length.and_then(|l| l.lines().next()?.parse().ok());
                    if bytes.len() < end + 4 + length.unwrap_or(0) {
                        continue;
                    }
                    bytes.clear();
                    counts[1].fetch_add(1, Ordering::SeqCst);
                    let text = "{\"__type\":\"AccessDeniedException\"}";
                    let answer = format!(
                        "HTTP/1.1 403 X\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\n\r\n{text}",
                        text.len()
                    );
                    if stream.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (port, counts)
}

/// One after the other, so that whatever has a client of its own has a connection of its own.
#[tokio::test(flavor = "multi_thread")]
async fn all_services_share_one_client() {
    let (port, counts) = refusing().await;
    let environment = environment(port);
    let stores = [
        CloudSecrets::AwsSsm {
            prefix: "/shared".to_owned(),
        },
        CloudSecrets::AwsSecretsManager {
            prefix: "shared".to_owned(),
        },
    ];
    for at in &stores {
        let store = CLOUD.secrets(at, &environment).unwrap().unwrap();
        assert!(store.read("A").await.is_err());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let bucket = Bucket::S3("shared".to_owned());
    let objects = CLOUD.objects(&bucket, &environment).unwrap().unwrap();
    assert!(objects.remove("a").await.is_err());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let queue = QueueAt::Sqs {
        url: format!("http://127.0.0.1:{port}/1/a"),
    };
    let queue = CLOUD.queue(&queue, &environment).unwrap().unwrap();
    assert!(queue.done(&Receipt("a".to_owned())).await.is_err());
    let counts: Vec<_> = counts.iter().map(|c| c.load(Ordering::SeqCst)).collect();
    assert_eq!(counts, [1, 4], "connections and requests");
}

#[tokio::test]
async fn places_of_another_cloud_are_left_to_it() {
    let environment = environment(1);
    let gcs = Bucket::Gcs("other".to_owned());
    assert!(CLOUD.objects(&gcs, &environment).is_none());
    let topic = QueueAt::PubSub {
        project: "project".to_owned(),
        topic: "topic".to_owned(),
        subscription: "subscription".to_owned(),
    };
    assert!(CLOUD.queue(&topic, &environment).is_none());
    let fifo = QueueAt::Sqs {
        url: "https://sqs.eu-central-1.amazonaws.com/1/a.fifo".to_owned(),
    };
    assert!(CLOUD.queue(&fifo, &environment).unwrap().is_err());
}

/// Opening calls nothing and reads no file.
#[tokio::test]
async fn what_is_opened_is_not_called_before_it_is_used() {
    let (port, counts) = refusing().await;
    let environment = environment(port);
    let bucket = Bucket::S3("shared".to_owned());
    let objects = CLOUD.objects(&bucket, &environment).unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(counts[0].load(Ordering::SeqCst), 0);
    drop(objects);
}
