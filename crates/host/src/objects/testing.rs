//! What every object store must do, as checks that the tests of each store run.
//!
//! A check panics when the store does otherwise. All keys it uses begin with `suite/`.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a check stops where the store fails"
)]

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hushgate_gateway::ports::Objects;
use hushgate_gateway::ports::objects::{
    Head, ObjectBody, ObjectError, Put, read_whole, whole_body,
};

/// Runs every check.
pub async fn check(objects: Arc<dyn Objects>) {
    gives_back_what_was_written(objects.as_ref()).await;
    keeps_what_was_said(objects.as_ref()).await;
    writes_new_ones_only(Arc::clone(&objects)).await;
    writes_all_or_nothing(objects.as_ref()).await;
    writes_and_reads_in_pieces(objects.as_ref()).await;
    lists_in_order(objects.as_ref()).await;
    refuses_what_is_no_key(objects.as_ref()).await;
}

static EMPTY: Head = Head {
    content_type: None,
    content_encoding: None,
    metadata: std::collections::BTreeMap::new(),
};

async fn write(objects: &dyn Objects, key: &str, content: &[u8]) {
    let body = whole_body(content.to_vec());
    let written = objects.write(key, &EMPTY, Put::Replace, body).await;
    let facts = written.expect("an object is written");
    assert_eq!(facts.size, content.len() as u64, "size of `{key}`");
}

async fn read(objects: &dyn Objects, key: &str) -> Option<Vec<u8>> {
    let read = read_whole(objects, key, 64 << 20).await;
    read.expect("the store answers")
}

async fn gives_back_what_was_written(objects: &dyn Objects) {
    let key = "suite/first.json";
    assert_eq!(read(objects, key).await, None);
    assert!(objects.facts(key).await.expect("it answers").is_none());
    objects.remove(key).await.expect("nothing is removed");
    let mut versions = Vec::new();
    let all: Vec<u8> = (0..=255).collect();
    for content in [&b""[..], b"{}", &all, b"\x1f\x8b\x08 no gzip"] {
        write(objects, key, content).await;
        assert_eq!(read(objects, key).await.as_deref(), Some(content));
        let facts = objects.facts(key).await.expect("it answers");
        let facts = facts.expect("it is there");
        assert_eq!(facts.size, content.len() as u64);
        versions.push(facts.version);
    }
    versions.dedup();
    assert_eq!(versions.len(), 4, "each content has its version");
    let limited = read_whole(objects, key, 3).await;
    assert!(matches!(limited, Err(ObjectError::TooLarge { .. })));
    for key in ["suite/ä ö/+&=?#%25.csv", "suite/deep/er/and/deeper"] {
        write(objects, key, key.as_bytes()).await;
        assert_eq!(read(objects, key).await.as_deref(), Some(key.as_bytes()));
    }
    for key in [
        "suite/first.json",
        "suite/ä ö/+&=?#%25.csv",
        "suite/deep/er/and/deeper",
    ] {
        objects.remove(key).await.expect("it is removed");
        assert_eq!(read(objects, key).await, None, "`{key}`");
    }
}

async fn keeps_what_was_said(objects: &dyn Objects) {
    let key = "suite/said.csv.gz";
    let head = Head {
        content_type: Some("text/csv; charset=utf-8".to_owned()),
        content_encoding: Some("gzip".to_owned()),
        metadata: [("rules-digest".to_owned(), "ab 12".to_owned())].into(),
    };
    let body = whole_body(&b"\x1f\x8bas it is"[..]);
    let written = objects.write(key, &head, Put::Replace, body).await;
    written.expect("an object is written");
    let object = objects.read(key).await.expect("it answers");
    let object = object.expect("it is there");
    assert_eq!(object.facts.head, head);
    drop(object);
    let whole = read(objects, key).await;
    assert_eq!(
        whole.as_deref(),
        Some(&b"\x1f\x8bas it is"[..]),
        "nothing is decoded on the way"
    );
    write(objects, key, b"anew").await;
    let facts = objects.facts(key).await.expect("it answers");
    let facts = facts.expect("it is there");
    assert_eq!(
        (facts.head.content_encoding, facts.head.metadata.len()),
        (None, 0),
        "a new object has nothing of the old one's head"
    );
    let broken = Head {
        metadata: [("a".to_owned(), "x\r\nb: y".to_owned())].into(),
        ..Head::default()
    };
    let body = whole_body(&b"x"[..]);
    let refused = objects.write(key, &broken, Put::Replace, body).await;
    assert!(matches!(refused, Err(ObjectError::Head(_))));
    objects.remove(key).await.expect("it is removed");
}

async fn writes_new_ones_only(objects: Arc<dyn Objects>) {
    let tasks: Vec<_> = (0..8_u8)
        .map(|number| {
            let objects = Arc::clone(&objects);
            tokio::spawn(async move {
                let body = whole_body(vec![number]);
                let new = objects.write("suite/new", &EMPTY, Put::OnlyNew, body);
                (number, new.await)
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        match task.await.expect("a task") {
            (number, Ok(_)) => winners.push(number),
            (_, Err(ObjectError::Exists(_))) => {}
            (_, Err(error)) => panic!("{error}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    assert_eq!(read(objects.as_ref(), "suite/new").await, Some(winners));
    objects.remove("suite/new").await.expect("it is removed");
}

/// A body that gives some pieces and then an error.
fn breaking(pieces: usize, size: usize) -> ObjectBody {
    let good = stream::repeat_with(move || Ok(Bytes::from(vec![b'x'; size]))).take(pieces);
    let gone = ObjectError::Abandoned("the source broke off".to_owned());
    Box::pin(good.chain(stream::once(async move { Err(gone) })))
}

async fn writes_all_or_nothing(objects: &dyn Objects) {
    write(objects, "suite/whole", b"old").await;
    for (pieces, size) in [(0, 0), (1, 10), (20, 1 << 20)] {
        for key in ["suite/whole", "suite/never"] {
            let body = breaking(pieces, size);
            let broken = objects.write(key, &EMPTY, Put::Replace, body).await;
            assert!(
                matches!(broken, Err(ObjectError::Abandoned(_))),
                "{broken:?}"
            );
        }
        assert_eq!(
            read(objects, "suite/whole").await.as_deref(),
            Some(&b"old"[..])
        );
        assert_eq!(read(objects, "suite/never").await, None);
    }
    objects.remove("suite/whole").await.expect("it is removed");
}

async fn writes_and_reads_in_pieces(objects: &dyn Objects) {
    // Odd sizes, so that no piece falls on a border of what a service takes at once.
    let byte_at = |i: usize, n: usize| (i * 31 + n).to_le_bytes()[0];
    let piece = move |n: usize| -> Bytes { (0..700_001).map(|i| byte_at(i, n)).collect() };
    let count = 25;
    let body = Box::pin(stream::iter((0..count).map(move |n| Ok(piece(n)))));
    let written = objects
        .write("suite/large", &EMPTY, Put::Replace, body)
        .await;
    assert_eq!(written.expect("it is written").size, 700_001 * count as u64);
    let object = objects.read("suite/large").await.expect("it answers");
    let mut body = object.expect("it is there").body;
    let (mut at, mut pieces) = (0_usize, 0);
    while let Some(part) = body.next().await {
        let part = part.expect("it can be read to its end");
        assert!(part.len() <= 8 << 20, "a piece of {} bytes", part.len());
        for byte in part {
            assert_eq!(byte, byte_at(at % 700_001, at / 700_001), "byte {at}");
            at += 1;
        }
        pieces += 1;
    }
    assert_eq!(at, 700_001 * count);
    assert!(pieces > 1, "it came in one piece");
    objects.remove("suite/large").await.expect("it is removed");
}

async fn lists_in_order(objects: &dyn Objects) {
    let keys = [
        "suite/list/a",
        "suite/list/a.b",
        "suite/list/b/c",
        "suite/list/b/d/e",
        "suite/list/ä",
        "suite/listen",
    ];
    for key in keys.iter().rev() {
        write(objects, key, key.as_bytes()).await;
    }
    let page = objects.list("suite/list/", None).await.expect("it answers");
    let found: Vec<_> = page.objects.iter().map(|o| o.key.as_str()).collect();
    assert_eq!(found, keys[..5]);
    assert_eq!(page.objects[0].size, 12);
    assert_eq!(page.more, None);
    let all = objects.list("suite/li", None).await.expect("it answers");
    assert_eq!(all.objects.len(), keys.len());
    let none = objects.list("suite/none/", None).await.expect("it answers");
    assert!(none.objects.is_empty() && none.more.is_none());
    for key in keys {
        objects.remove(key).await.expect("it is removed");
    }
}

async fn refuses_what_is_no_key(objects: &dyn Objects) {
    for key in ["", "/suite", "suite/", "suite//x", "suite/../x", "suite/\n"] {
        let read = objects.read(key).await;
        assert!(matches!(read, Err(ObjectError::Key(_))), "read `{key}`");
        let facts = objects.facts(key).await;
        assert!(matches!(facts, Err(ObjectError::Key(_))), "facts `{key}`");
        let body = whole_body(&b"x"[..]);
        let written = objects.write(key, &EMPTY, Put::Replace, body).await;
        assert!(matches!(written, Err(ObjectError::Key(_))), "write `{key}`");
        let removed = objects.remove(key).await;
        assert!(
            matches!(removed, Err(ObjectError::Key(_))),
            "remove `{key}`"
        );
    }
}
