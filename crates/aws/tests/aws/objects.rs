//! Buckets of S3.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hushgate_aws::objects::S3;
use hushgate_gateway::ports::Objects;
use hushgate_gateway::ports::objects::{
    Head, ObjectBody, ObjectError, Put, read_whole, whole_body,
};
use hushgate_host::objects::testing;

use crate::support::{environment, logs, services, unique};

pub(crate) const PART: usize = 8 << 20;

/// A client of the services themselves.
pub(crate) fn client(port: u16) -> aws_sdk_s3::Client {
    use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("x", "y", None, None, "tests"))
        .force_path_style(true)
        .http_client(hushgate_aws::http_client())
        .endpoint_url(format!("http://127.0.0.1:{port}"));
    aws_sdk_s3::Client::from_conf(config.build())
}

/// A new bucket's name.
pub(crate) async fn bucket(port: u16) -> String {
    use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
    logs();
    let name = unique("bucket");
    let place = CreateBucketConfiguration::builder()
        .location_constraint(BucketLocationConstraint::EuCentral1)
        .build();
    let made = client(port)
        .create_bucket()
        .bucket(&name)
        .create_bucket_configuration(place);
    made.send().await.unwrap();
    name
}

/// A bucket of the services at a port, or of what stands before them.
pub(crate) fn open(port: u16, bucket: &str) -> S3 {
    S3::open(bucket, &environment(port)).unwrap()
}

pub(crate) async fn write(
    objects: &dyn Objects,
    key: &str,
    put: Put,
    content: &[u8],
) -> Result<u64, ObjectError> {
    let body = whole_body(content.to_vec());
    let written = objects.write(key, &Head::default(), put, body).await;
    written.map(|facts| facts.size)
}

pub(crate) async fn read(objects: &dyn Objects, key: &str) -> Option<Vec<u8>> {
    read_whole(objects, key, 1 << 30).await.unwrap()
}

/// A body of so many bytes of one kind, in pieces.
pub(crate) fn large(byte: u8, size: usize) -> ObjectBody {
    const PIECE: usize = 100_003;
    let count = size.div_ceil(PIECE);
    let piece = move |n: usize| vec![byte; PIECE.min(size - n * PIECE)];
    Box::pin(stream::iter(0..count).map(move |n| Ok(Bytes::from(piece(n)))))
}

async fn parts_left(port: u16, bucket: &str) -> usize {
    let listed = client(port).list_multipart_uploads().bucket(bucket).send();
    listed.await.unwrap().uploads().len()
}

#[tokio::test(flavor = "multi_thread")]
async fn buckets_do_what_every_store_of_objects_does() {
    let Some(port) = services() else { return };
    let bucket = bucket(port).await;
    testing::check(Arc::new(open(port, &bucket))).await;
    assert_eq!(parts_left(port, &bucket).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_of_every_size_around_a_part_come_back() {
    let Some(port) = services() else { return };
    let objects = open(port, &bucket(port).await);
    for size in [0, 1, PART - 1, PART, PART + 1, 2 * PART, 2 * PART + 1] {
        let body = large(b'a', size);
        let head = Head::default();
        let written = objects.write("a", &head, Put::Replace, body).await.unwrap();
        assert_eq!(written.size, size as u64);
        let found = read(&objects, "a").await.unwrap();
        assert_eq!(found.len(), size);
        assert!(found.iter().all(|b| *b == b'a'), "{size}");
        let facts = objects.facts("a").await.unwrap().unwrap();
        assert_eq!((facts.size, facts.version), (size as u64, written.version));
        assert!(facts.modified.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn large_objects_are_written_only_if_new_too() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let objects = open(port, &name);
    let head = Head {
        content_type: Some("text/plain".to_owned()),
        metadata: [("digest".to_owned(), "x".to_owned())].into(),
        ..Head::default()
    };
    let new = objects.write("a", &head, Put::OnlyNew, large(b'1', PART + 1));
    new.await.unwrap();
    assert_eq!(objects.facts("a").await.unwrap().unwrap().head, head);
    for size in [3, PART + 1] {
        let again = objects.write("a", &head, Put::OnlyNew, large(b'2', size));
        let error = again.await.unwrap_err();
        assert!(matches!(error, ObjectError::Exists(_)), "{error}");
    }
    let found = read(&objects, "a").await.unwrap();
    assert!(found.len() == PART + 1 && found[0] == b'1');
    assert_eq!(parts_left(port, &name).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_writers_one_object_is_left_whole() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let objects = Arc::new(open(port, &name));
    let tasks: Vec<_> = (0..4_u8)
        .map(|number| {
            let objects = Arc::clone(&objects);
            let size = [100, PART + 1][usize::from(number % 2)];
            tokio::spawn(async move {
                let head = Head::default();
                let body = large(b'0' + number, size);
                objects.write("a", &head, Put::Replace, body).await.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let found = read(objects.as_ref(), "a").await.unwrap();
    let size = [100, PART + 1][usize::from((found[0] - b'0') % 2)];
    assert_eq!(found.len(), size);
    assert!(found.iter().all(|byte| *byte == found[0]));
    assert_eq!(parts_left(port, &name).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_goes_away_leaves_nothing() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let objects = open(port, &name);
    let head = Head::default();
    let endless = large(b'x', 2 * PART).chain(stream::pending());
    let writing = objects.write("a", &head, Put::Replace, Box::pin(endless));
    let early = tokio::time::timeout(Duration::from_secs(3), writing).await;
    assert!(early.is_err());
    let begun = std::time::Instant::now();
    while parts_left(port, &name).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10), "parts are left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(read(&objects, "a").await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_many_pages_lose_nothing_and_hold_no_folders() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let objects = open(port, &name);
    let keys: Vec<_> = (0..1003).map(|n| format!("many/{n:04} ä+%25")).collect();
    let written = stream::iter(&keys).map(|key| write(&objects, key, Put::Replace, b"x"));
    let sizes: Vec<_> = written.buffered(16).collect().await;
    assert!(sizes.iter().all(|size| *size.as_ref().unwrap() == 1));
    for other in ["many/", "many/folder/", "many/a\u{1}b", "many//x"] {
        let put = client(port).put_object().bucket(&name).key(other);
        put.send().await.unwrap();
    }
    let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = objects.list("many/", after.as_deref()).await.unwrap();
        found.extend(page.objects.into_iter().map(|o| o.key));
        pages += 1;
        after = page.more;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 2);
    assert_eq!(found, keys);
}

/// Memory of this process in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    let number = line.split_whitespace().nth(1).unwrap();
    number.parse().unwrap()
}

/// A process of its own, so that no other test's memory counts.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_object_takes_no_more_memory_than_its_parts() {
    const ALONE: &str = "HUSHGATE_TESTS_ALONE";
    let Some(port) = services() else { return };
    if std::env::var_os(ALONE).is_none() {
        let name = "objects::the_largest_object_takes_no_more_memory_than_its_parts";
        let mut alone = tokio::process::Command::new(std::env::current_exe().unwrap());
        let alone = alone.args(["--exact", name, "--nocapture"]).env(ALONE, "1");
        assert!(alone.status().await.unwrap().success());
        return;
    }
    let objects = open(port, &bucket(port).await);
    let head = Head::default();
    let small = objects.write("a", &head, Put::Replace, large(b'a', 2 * PART));
    small.await.unwrap();
    let (before, size) = (resident(), 192 << 20);
    let peak = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let watch = Arc::clone(&peak);
    let body = large(b'a', size).inspect(move |_| {
        watch.fetch_max(resident(), std::sync::atomic::Ordering::Relaxed);
    });
    let written = objects.write("a", &head, Put::Replace, Box::pin(body));
    assert_eq!(written.await.unwrap().size, size as u64);
    let mut read = objects.read("a").await.unwrap().unwrap().body;
    let mut count = 0;
    while let Some(piece) = read.next().await {
        count += piece.unwrap().len();
        peak.fetch_max(resident(), std::sync::atomic::Ordering::Relaxed);
    }
    assert_eq!(count, size);
    let grown = peak
        .load(std::sync::atomic::Ordering::Relaxed)
        .saturating_sub(before);
    assert!(grown < 64 << 10, "{grown} KiB more");
}
