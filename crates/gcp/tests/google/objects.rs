//! Cloud Storage: fake-gcs-server, directly and over a bad line.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hushgate_gateway::ports::Objects as _;
use hushgate_gateway::ports::objects::{
    Head, ObjectBody, ObjectError, Put, read_whole, whole_body,
};
use hushgate_gcp::objects::CloudStorage;
use hushgate_host::objects::testing;

use crate::emulator::{environment, storage, unique};
use crate::mishap::Mishap;
use crate::wire::Wire;

/// A bucket of its own, and the line to it.
pub(crate) struct Place {
    pub(crate) bucket: String,
    pub(crate) wire: Wire,
}

impl Place {
    pub(crate) async fn new() -> Option<Self> {
        let emulator = storage()?;
        let bucket = unique("bucket");
        let create = reqwest::Client::builder().no_proxy().build().unwrap();
        let create = create
            .post(format!("{}/storage/v1/b?project=p", emulator.url))
            .header("content-type", "application/json")
            .body(format!(r#"{{"name": "{bucket}"}}"#));
        assert!(create.send().await.unwrap().status().is_success());
        let wire = Wire::before(&emulator.url).await;
        Some(Self { bucket, wire })
    }

    pub(crate) fn objects(&self) -> CloudStorage {
        let environment = environment("STORAGE_EMULATOR_HOST", &self.wire.address);
        CloudStorage::open(&self.bucket, &environment).unwrap()
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

/// So many bytes, in odd pieces.
fn content(size: usize) -> Vec<u8> {
    (0..size)
        .map(|n| (n * 7 + n / 251).to_le_bytes()[0])
        .collect()
}

fn in_pieces(bytes: &[u8]) -> ObjectBody {
    let pieces: Vec<_> = bytes
        .chunks(100_003)
        .map(|p| Ok(Bytes::copy_from_slice(p)))
        .collect();
    Box::pin(stream::iter(pieces))
}

async fn put(objects: &CloudStorage, key: &str, bytes: &[u8]) -> Result<(), ObjectError> {
    let head = Head::default();
    let written = objects
        .write(key, &head, Put::Replace, in_pieces(bytes))
        .await?;
    assert_eq!(written.size, bytes.len() as u64);
    Ok(())
}

async fn read(objects: &CloudStorage, key: &str) -> Option<Vec<u8>> {
    read_whole(objects, key, 64 << 20).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn behaves_as_every_store_of_objects() {
    let place = place!();
    testing::check(Arc::new(place.objects())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_at_the_borders_of_parts_are_whole() {
    let place = place!();
    let objects = place.objects();
    let part = 4 << 20;
    for size in [part - 1, part, part + 1, 2 * part, 2 * part + 1] {
        let bytes = content(size);
        put(&objects, "border", &bytes).await.unwrap();
        assert!(
            read(&objects, "border").await.unwrap() == bytes,
            "{size} bytes"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_where_the_line_broke() {
    let place = place!();
    let objects = place.objects();
    let bytes = content(10 << 20);
    for (part, mishap) in [
        ("PUT", Mishap::Cut),
        ("PUT", Mishap::Lost),
        ("PUT", Mishap::Status(503, "")),
        ("PUT", Mishap::Status(500, "")),
        ("PUT", Mishap::Status(429, "")),
        ("PUT", Mishap::Status(408, "")),
        ("uploadType=resumable", Mishap::Cut),
        ("uploadType=resumable", Mishap::Status(429, "")),
    ] {
        place.mishap(part, 1, mishap);
        put(&objects, "large", &bytes).await.unwrap();
        assert!(
            read(&objects, "large").await.unwrap() == bytes,
            "{part} {mishap:?}"
        );
        objects.remove("large").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_is_not_told_of_its_own_object_as_anothers() {
    let place = place!();
    let objects = place.objects();
    for (number, status) in [503, 500, 502].into_iter().enumerate() {
        let key = format!("new-{number}");
        place.mishap("uploadType=multipart", 1, Mishap::Done(status));
        let head = Head::default();
        let written = objects.write(&key, &head, Put::OnlyNew, in_pieces(b"mine"));
        let error = written.await.unwrap_err();
        assert_eq!(error.code(), "objects-unavailable", "{status}");
        assert_eq!(read(&objects, &key).await.as_deref(), Some(&b"mine"[..]));
        let written = objects.write(&key, &head, Put::OnlyNew, in_pieces(b"again"));
        assert!(matches!(written.await, Err(ObjectError::Exists(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_can_t_end_leaves_nothing_and_ends_its_session() {
    let place = place!();
    let objects = place.objects();
    put(&objects, "large", b"old").await.unwrap();
    place.mishap("PUT", usize::MAX, Mishap::Status(403, ""));
    let error = put(&objects, "large", &content(10 << 20))
        .await
        .unwrap_err();
    assert_eq!(error.code(), "objects-denied");
    let calls = place.wire.mishaps.calls();
    assert!(
        calls.last().unwrap().starts_with("DELETE /upload/"),
        "{calls:?}"
    );
    assert_eq!(read(&objects, "large").await.as_deref(), Some(&b"old"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_where_the_line_broke() {
    let place = place!();
    let objects = place.objects();
    let bytes = content(3 << 20);
    put(&objects, "object", &bytes).await.unwrap();
    for after in [1, 70_000, 2 << 20] {
        place.mishap("alt=media", 2, Mishap::Broken(after));
        assert!(read(&objects, "object").await.unwrap() == bytes, "{after}");
    }
    place.mishap("alt=media", usize::MAX, Mishap::Broken(0));
    let error = read_whole(&objects, "object", 64 << 20).await.unwrap_err();
    assert_eq!(error.code(), "objects-unavailable", "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_under_a_reader_is_an_error_and_never_a_mixture() {
    let place = place!();
    let objects = place.objects();
    put(&objects, "object", &content(2 << 20)).await.unwrap();
    place.mishap("alt=media", 1, Mishap::Broken(100_000));
    let mut body = objects.read("object").await.unwrap().unwrap().body;
    let mut read = body.next().await.unwrap().unwrap().len();
    put(&objects, "object", &content(3 << 20)).await.unwrap();
    let mut end = None;
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => read += piece.len(),
            Err(error) => end = Some(error.code()),
        }
    }
    assert_eq!((end, read), (Some("object-changed"), 100_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_new_is_never_sent_twice_when_its_fate_is_not_known() {
    let place = place!();
    let objects = place.objects();
    place.mishap("uploadType=multipart", 1, Mishap::Lost);
    let head = Head::default();
    let first = objects
        .write("new", &head, Put::OnlyNew, whole_body(&b"x"[..]))
        .await;
    assert!(
        matches!(first, Err(ObjectError::Unavailable(_))),
        "{first:?}"
    );
    let second = objects
        .write("new", &head, Put::OnlyNew, whole_body(&b"y"[..]))
        .await;
    assert!(matches!(second, Err(ObjectError::Exists(_))), "{second:?}");
    // Where nothing was done, it is tried again.
    place.mishap("uploadType=multipart", 2, Mishap::Status(429, ""));
    let third = objects
        .write("other", &head, Put::OnlyNew, whole_body(&b"y"[..]))
        .await;
    third.unwrap();
    // The same in parts.
    let large = content(9 << 20);
    let fourth = objects
        .write("new", &head, Put::OnlyNew, in_pieces(&large))
        .await;
    assert!(matches!(fourth, Err(ObjectError::Exists(_))), "{fourth:?}");
    assert_eq!(read(&objects, "new").await.as_deref(), Some(&b"x"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn denials_of_objects_name_bucket_key_and_permission() {
    let place = place!();
    let objects = place.objects();
    put(&objects, "a/b", b"the content").await.unwrap();
    place.mishap("/o", usize::MAX, Mishap::Status(403, ""));
    let place_of = |key: &str| format!("gs://{}/{key}", place.bucket);
    let body = whole_body(&b"the content"[..]);
    for (denied, name, permission) in [
        (
            objects.read("a/b").await.map(drop),
            place_of("a/b"),
            "storage.objects.get",
        ),
        (
            objects.facts("a/b").await.map(drop),
            place_of("a/b"),
            "storage.objects.get",
        ),
        (
            objects
                .write("a/b", &Head::default(), Put::Replace, body)
                .await
                .map(drop),
            place_of("a/b"),
            "storage.objects.create",
        ),
        (
            objects.remove("a/b").await,
            place_of("a/b"),
            "storage.objects.delete",
        ),
        (
            objects.list("a", None).await.map(drop),
            place_of(""),
            "storage.objects.list",
        ),
    ] {
        let error = denied.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&format!("`{name}`")) && text.contains(permission),
            "{text}"
        );
        assert!(
            !text.contains("the content") && !text.contains("a message of"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_and_outages_of_objects_are_waited_out_or_told() {
    let place = place!();
    let objects = place.objects();
    for mishap in [
        Mishap::Status(429, ""),
        Mishap::Status(502, ""),
        Mishap::Cut,
        Mishap::Lost,
    ] {
        place.mishap("/o", 2, mishap);
        put(&objects, "key", b"content").await.unwrap();
        place.mishap("/o", 2, mishap);
        assert_eq!(
            read(&objects, "key").await.as_deref(),
            Some(&b"content"[..])
        );
    }
    place.mishap("/o", usize::MAX, Mishap::Status(503, ""));
    let start = std::time::Instant::now();
    let error = objects.list("", None).await.unwrap_err();
    assert_eq!(error.code(), "objects-unavailable");
    assert!(error.to_string().contains("it answered 503"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_missing_is_told_of() {
    let place = place!();
    let environment = environment("STORAGE_EMULATOR_HOST", &place.wire.address);
    let objects = CloudStorage::open("no-such-bucket", &environment).unwrap();
    let listed = objects.list("", None).await;
    assert!(
        matches!(listed, Err(ObjectError::NoBucket(_))),
        "{listed:?}"
    );
    let written = put(&objects, "key", b"x").await;
    assert!(
        matches!(written, Err(ObjectError::NoBucket(_))),
        "{written:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_of_one_object_at_once_leave_one_of_them_whole() {
    let place = place!();
    // Those of the second half are written in parts.
    let size = |n: u8| 1000 + usize::from(n / 4) * (5 << 20);
    let writers = (0..8_u8).map(|n| {
        let objects = place.objects();
        tokio::spawn(async move { put(&objects, "object", &vec![n; size(n)]).await })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    let kept = read(&place.objects(), "object").await.unwrap();
    let first = kept[0];
    assert!(kept.len() == size(first) && kept.iter().all(|b| *b == first));
}
