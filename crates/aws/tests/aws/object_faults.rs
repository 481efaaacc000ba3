//! Buckets that can't be reached, refuse, break off, or change meanwhile.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt as _;
use hushgate_gateway::ports::Objects;
use hushgate_gateway::ports::objects::{Head, ObjectError, Put, read_whole, whole_body};

use crate::objects::{PART, bucket, client, large, open, read, write};
use crate::proxy::{Action, Proxy};
use crate::recorder::{Recorder, answer};
use crate::support::{MARK, logs, services};

/// The errors of all operations.
async fn all(objects: &dyn Objects, key: &str) -> [ObjectError; 5] {
    [
        objects.read(key).await.map(drop).unwrap_err(),
        objects.facts(key).await.map(drop).unwrap_err(),
        write(objects, key, Put::Replace, b"x")
            .await
            .map(drop)
            .unwrap_err(),
        objects.list("", None).await.map(drop).unwrap_err(),
        objects.remove(key).await.unwrap_err(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_told_and_nothing_stands_in_for_an_object() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    for action in [
        Action::Cut,
        Action::Fail(500, "InternalError", "x"),
        Action::Fail(503, "", "x"),
    ] {
        let proxy = Proxy::start(port, move |_| action.clone()).await;
        for error in all(&open(proxy.port, &name), "a").await {
            assert_eq!(error.code(), "objects-unavailable", "{error}");
        }
    }
    let proxy = Proxy::start(port, |_| Action::Pass).await;
    let objects = open(proxy.port, &name);
    write(&objects, "a", Put::Replace, b"x").await.unwrap();
    proxy.stop().await;
    for error in all(&objects, "a").await {
        assert_eq!(error.code(), "objects-unavailable", "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_waited_out_for_a_while_and_told_then() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let slow = Action::Fail(503, "SlowDown", "Please reduce your request rate.");
    let again = slow.clone();
    let proxy = Proxy::start(port, move |call| match call.before {
        0 | 1 => again.clone(),
        _ => Action::Pass,
    })
    .await;
    let objects = open(proxy.port, &name);
    for (key, put) in [("a", Put::Replace), ("b", Put::OnlyNew)] {
        assert_eq!(write(&objects, key, put, b"x").await.unwrap(), 1);
        assert_eq!(read(&objects, key).await.as_deref(), Some(&b"x"[..]));
        assert_eq!(objects.facts(key).await.unwrap().unwrap().size, 1);
        objects.remove(key).await.unwrap();
    }
    let proxy = Proxy::start(port, move |_| slow.clone()).await;
    for error in all(&open(proxy.port, &name), "a").await {
        let text = error.to_string();
        assert_eq!(error.code(), "objects-unavailable", "{error}");
        assert!(
            text.contains("called too often") || text.contains("failed"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_names_the_object_and_the_permission() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let denied = |_: &_| Action::Fail(403, "AccessDenied", "Access Denied");
    let proxy = Proxy::start(port, denied).await;
    let errors = all(&open(proxy.port, &name), "dir/a").await;
    let object = format!("`s3://{name}/dir/a`");
    let bucket_alone = format!("`s3://{name}/`");
    for (error, (place, action, arn)) in errors.iter().zip([
        (&object, "s3:GetObject", "/dir/a"),
        (&object, "s3:GetObject", "/dir/a"),
        (&object, "s3:PutObject", "/dir/a"),
        (&bucket_alone, "s3:ListBucket", ""),
        (&object, "s3:DeleteObject", "/dir/a"),
    ]) {
        assert_eq!(error.code(), "objects-denied", "{error}");
        let text = error.to_string();
        assert!(text.contains(place.as_str()), "{text}");
        let need = format!("the role needs `{action}` on `arn:aws:s3:::{name}{arn}`");
        assert!(text.contains(&need), "{text}");
    }
    for (code, word) in [
        (
            "ExpiredToken",
            "does not accept the credentials (ExpiredToken)",
        ),
        ("InvalidAccessKeyId", "does not accept the credentials"),
        ("PermanentRedirect", "another region"),
    ] {
        let status = if word.contains("region") { 301 } else { 403 };
        let proxy = Proxy::start(port, move |_| Action::Fail(status, code, "x")).await;
        let error = open(proxy.port, &name).read("a").await.unwrap_err();
        assert_eq!(error.code(), "objects-denied", "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    let key = |_: &_| {
        Action::Fail(
            403,
            "AccessDenied",
            "not authorized to perform: kms:GenerateDataKey",
        )
    };
    let proxy = Proxy::start(port, key).await;
    let error = write(&open(proxy.port, &name), "a", Put::Replace, b"x").await;
    let text = error.unwrap_err().to_string();
    assert!(text.contains("`kms:GenerateDataKey` on the key"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_not_there_is_told_by_every_operation() {
    let Some(port) = services() else { return };
    for error in all(&open(port, "no-such-bucket-here"), "a").await {
        assert!(
            matches!(&error, ObjectError::NoBucket(name) if name == "no-such-bucket-here"),
            "{error}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_not_taken_for_an_object_of_another() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    for (operation, size) in [("PutObject", 10), ("CompleteMultipartUpload", PART + 1)] {
        let proxy = Proxy::start(port, move |call| {
            if call.operation == operation && call.before == 0 {
                Action::LoseAnswer
            } else {
                Action::Pass
            }
        })
        .await;
        let objects = open(proxy.port, &name);
        let head = Head::default();
        let new = objects.write(operation, &head, Put::OnlyNew, large(b'x', size));
        let error = new.await.unwrap_err();
        assert_eq!(error.code(), "objects-unavailable", "{error}");
        let found = read(&objects, operation).await.unwrap();
        assert_eq!(found.len(), size, "whole, or not at all");
        let again = write(&objects, operation, Put::OnlyNew, b"y").await;
        assert!(matches!(again, Err(ObjectError::Exists(_))), "{again:?}");
        // To replace is the same whether once or twice.
        assert_eq!(
            write(&objects, operation, Put::Replace, b"y")
                .await
                .unwrap(),
            1
        );
    }
}

/// A bucket that completes uploads of two parts without saying so, and tells what lies there afterwards.
async fn silent_completion(found: &'static str, size: usize) -> Recorder {
    Recorder::start(move |sent| {
        let line = sent.line();
        let is = |method: &str| line.starts_with(method);
        if is("POST") && line.contains("uploads") {
            let text = "<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>";
            return Some(answer(200, "", text.as_bytes()));
        }
        if is("PUT") {
            // Of `x` as often as a part has it is of no matter here.
            let sum = if line.contains("partNumber=1") { "6Le+Qw==" } else { "cb7v+Q==" };
            let headers = format!("etag: \"p\"\r\nx-amz-checksum-crc32: {sum}\r\n");
            return Some(answer(200, &headers, b""));
        }
        if is("POST") {
            let text = "<Error><Code>NoSuchUpload</Code><Message>x</Message></Error>";
            return Some(answer(404, "", text.as_bytes()));
        }
        if is("HEAD") {
            let head = format!(
                "HTTP/1.1 200 X\r\netag: \"made-2\"\r\nx-amz-checksum-crc32: {found}\r\ncontent-length: {size}\r\n\r\n"
            );
            return Some(head.into_bytes());
        }
        Some(answer(204, "", b""))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_was_completed_without_an_answer_is_written() {
    let size = PART + 1;
    let sums = [0xe8_b7_be_43_u32, 0x71_be_ef_f9]
        .map(u32::to_be_bytes)
        .concat();
    let sum = STANDARD.encode(crc32fast::hash(&sums).to_be_bytes());
    let ours: &'static str = format!("{sum}-2").leak();
    for put in [Put::Replace, Put::OnlyNew] {
        for (found, length, is_written) in [
            (ours, size, true),
            (ours, size - 1, false),
            ("AAAAAA==-2", size, false),
        ] {
            let recorder = silent_completion(found, length).await;
            let objects = open(recorder.port, "bucket-of-it");
            let body = large(b'x', size);
            let written = objects.write("a", &Head::default(), put, body).await;
            let aborted = recorder
                .sent()
                .iter()
                .any(|s| s.line().starts_with("DELETE"));
            assert_eq!(aborted, !is_written, "{found}");
            match written {
                Ok(facts) => {
                    assert!(is_written, "{found}");
                    assert_eq!(
                        (facts.size, facts.version.as_str()),
                        (size as u64, "\"made-2\"")
                    );
                }
                Err(error) => {
                    assert!(!is_written, "{error}");
                    assert_eq!(error.code(), "objects-unavailable");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_that_meet_try_again() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    for (operation, size) in [("PutObject", 10), ("CompleteMultipartUpload", PART + 1)] {
        let proxy = Proxy::start(port, move |call| {
            if call.operation == operation && call.before == 0 {
                Action::Fail(409, "ConditionalRequestConflict", "x")
            } else {
                Action::Pass
            }
        })
        .await;
        let objects = open(proxy.port, &name);
        let body = large(b'x', size);
        let written = objects
            .write(operation, &Head::default(), Put::OnlyNew, body)
            .await;
        assert_eq!(written.unwrap().size, size as u64);
        assert_eq!(proxy.count(operation), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_leaves_the_old_object_and_no_parts() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    for operation in [
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
    ] {
        for action in [Action::Cut, Action::Fail(403, "AccessDenied", "x")] {
            let proxy = Proxy::start(port, move |call| {
                let is_second = call.target.contains("partNumber=2");
                if call.operation == operation && (operation != "UploadPart" || is_second) {
                    action.clone()
                } else {
                    Action::Pass
                }
            })
            .await;
            let objects = open(proxy.port, &name);
            write(&objects, "a", Put::Replace, b"old").await.unwrap();
            let body = large(b'x', 3 * PART);
            let written = objects
                .write("a", &Head::default(), Put::Replace, body)
                .await;
            assert!(written.is_err(), "{operation}");
            assert_eq!(read(&objects, "a").await.as_deref(), Some(&b"old"[..]));
            let left = client(port).list_multipart_uploads().bucket(&name).send();
            assert!(left.await.unwrap().uploads().is_empty(), "{operation}");
        }
    }
    // Who may not remove the parts is told why the object was not written all the same.
    let proxy = Proxy::start(port, |call| match call.operation.as_str() {
        "AbortMultipartUpload" => Action::Fail(403, "AccessDenied", "x"),
        _ => Action::Pass,
    })
    .await;
    let gone = ObjectError::Abandoned("the source broke off".to_owned());
    let end = futures_util::stream::once(async move { Err(gone) });
    let body = Box::pin(large(b'x', PART + 1).chain(end));
    let (objects, head) = (open(proxy.port, &name), Head::default());
    let written = objects.write("a", &head, Put::Replace, body).await;
    let error = written.unwrap_err();
    assert!(matches!(error, ObjectError::Abandoned(_)), "{error}");
    assert!(logs().contains("s3:AbortMultipartUpload"));
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_where_a_connection_broke() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let content: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n / 251).to_le_bytes()[0])
        .collect();
    write(&open(port, &name), "a", Put::Replace, &content)
        .await
        .unwrap();
    let proxy = Proxy::start(port, |call| match call.before {
        0..=4 => Action::CutAfter(500_000),
        _ => Action::Pass,
    })
    .await;
    assert_eq!(read(&open(proxy.port, &name), "a").await, Some(content));
    assert_eq!(proxy.count("GetObject"), 6);
    // Without a byte in between, not for ever.
    let proxy = Proxy::start(port, |call| match call.before {
        0 => Action::CutAfter(500_000),
        _ => Action::Cut,
    })
    .await;
    let error = read_whole(&open(proxy.port, &name), "a", 1 << 30).await;
    assert_eq!(error.unwrap_err().code(), "objects-unavailable");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_changes_while_it_is_read_is_no_mixture() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let direct = open(port, &name);
    for removed in [false, true] {
        write(&direct, "a", Put::Replace, &vec![b'1'; 2_000_000])
            .await
            .unwrap();
        let proxy = Proxy::start(port, |call| match call.before {
            0 => Action::CutAfter(500_000),
            _ => Action::Pass,
        })
        .await;
        let objects = open(proxy.port, &name);
        let mut body = objects.read("a").await.unwrap().unwrap().body;
        let mut count = body.next().await.unwrap().unwrap().len();
        if removed {
            direct.remove("a").await.unwrap();
        } else {
            write(&direct, "a", Put::Replace, &vec![b'2'; 2_000_000])
                .await
                .unwrap();
        }
        let error = loop {
            match body.next().await.unwrap() {
                Ok(piece) => {
                    assert!(piece.iter().all(|byte| *byte == b'1'));
                    count += piece.len();
                }
                Err(error) => break error,
            }
        };
        assert!(count < 2_000_000);
        assert!(matches!(error, ObjectError::Changed(_)), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_are_too_large_are_refused_before_they_are_held() {
    let Some(port) = services() else { return };
    let objects = Arc::new(open(port, &bucket(port).await));
    write(objects.as_ref(), "a", Put::Replace, &[b'x'; 1000])
        .await
        .unwrap();
    for (most, fits) in [(999, false), (1000, true), (1001, true)] {
        let read = read_whole(objects.as_ref(), "a", most).await;
        assert_eq!(read.is_ok(), fits, "{most}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_error_and_no_log_line_shows_content() {
    let Some(port) = services() else { return };
    let name = bucket(port).await;
    let content = format!("{MARK}-content").repeat(100);
    for action in [
        Action::Pass,
        Action::Cut,
        Action::LoseAnswer,
        Action::Fail(400, "InvalidRequest", "do-not-show"),
        Action::Fail(500, "do-not-show-value", "do-not-show"),
        Action::Fail(403, "AccessDenied", "do-not-show"),
    ] {
        let proxy = Proxy::start(port, move |_| action.clone()).await;
        let objects = open(proxy.port, &name);
        let body = whole_body(content.clone());
        let written = objects
            .write("a", &Head::default(), Put::Replace, body)
            .await;
        let read = objects.read("a").await;
        for text in [format!("{written:?} {read:?}"), logs()] {
            assert!(!text.contains(MARK), "{text}");
        }
    }
}
