//! Sources that are slow, broken or gone; stores that fail; faults of our own.

use hushgate_gateway::reply::ERROR;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hushgate_gateway::ports::{PortFuture, Secret, SecretStore, StoreError};

use hushgate_gateway::refusal::{Cause, Refusal};

use crate::support::{Bench, check_refusal, get, header_of, text_of};
use crate::upstream::{Step, Upstream, json};

const HEAD: &[u8] = b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"users\":[{\"email\":\"ada@example.com\"";

fn quick() -> Bench {
    Bench {
        timeout: Duration::from_millis(300),
        ..Bench::default()
    }
}

#[tokio::test]
async fn a_silent_source_times_out_and_the_call_ends() {
    let upstream = Upstream::start(|_| vec![Step::Hang]).await;
    let started = Instant::now();
    check_refusal(
        &get("/v1/users").to(&quick().before(&upstream)).await,
        "source-timeout",
    );
    assert!(started.elapsed() < Duration::from_secs(2));
    wait_for(|| upstream.abandoned() == 1).await;
}

#[tokio::test]
async fn the_platforms_deadline_ends_a_request_before_the_configured_time() {
    let upstream = Upstream::start(|_| vec![Step::Hang]).await;
    let gateway = Bench::default().before(&upstream);
    let started = Instant::now();
    let mut inbound = get("/v1/users").inbound();
    inbound.deadline = Some(started + Duration::from_millis(200));
    let reply = gateway.handle(inbound).await;
    check_refusal(&reply, "source-timeout");
    let spent = started.elapsed();
    assert!(
        spent >= Duration::from_millis(200) && spent < Duration::from_secs(2),
        "{spent:?}"
    );
    wait_for(|| upstream.abandoned() == 1).await;
}

#[tokio::test]
async fn a_later_deadline_of_the_platform_does_not_lengthen_the_configured_time() {
    let upstream = Upstream::start(|_| vec![Step::Hang]).await;
    let gateway = quick().before(&upstream);
    let started = Instant::now();
    let mut inbound = get("/v1/users").inbound();
    inbound.deadline = Some(started + Duration::from_mins(5));
    check_refusal(&gateway.handle(inbound).await, "source-timeout");
    assert!(started.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_deadline_that_is_over_still_gets_an_answer() {
    let upstream = Upstream::start(|_| vec![Step::Hang]).await;
    let mut inbound = get("/v1/users").inbound();
    inbound.deadline = Some(inbound.received);
    let reply = Bench::default().before(&upstream).handle(inbound).await;
    assert!(reply.status().is_server_error(), "{}", text_of(&reply));
}

#[tokio::test]
async fn an_answer_that_can_not_be_carried_is_replaced_under_its_id() {
    let upstream = Upstream::start(|_| vec![Step::Send(json(r#"{"users":[]}"#))]).await;
    let gateway = Bench::default().before(&upstream);
    let reply = get("/v1/users").to(&gateway).await;
    assert_eq!(reply.status(), 200, "{}", text_of(&reply));
    let refusal = Refusal::new(Cause::ResponseTooLarge, "larger than the platform carries");
    let instead = gateway.replace(&reply, &refusal);
    check_refusal(&instead, "response-too-large");
    for header in ["x-hushgate-request-id", "x-hushgate-rules"] {
        assert_eq!(header_of(&instead, header), header_of(&reply, header));
    }
    let unverified = get("/v1/users").without("authorization").to(&gateway).await;
    let instead = gateway.replace(&unverified, &refusal);
    assert_eq!(header_of(&instead, "x-hushgate-rules"), None);
}

#[tokio::test]
async fn a_dribbling_source_times_out() {
    let upstream = Upstream::start(|_| {
        let mut steps = vec![Step::Send(HEAD.to_vec())];
        steps.extend((0..200).flat_map(|_| {
            [
                Step::Wait(Duration::from_millis(20)),
                Step::Send(b" ".to_vec()),
            ]
        }));
        steps
    })
    .await;
    let reply = get("/v1/users").to(&quick().before(&upstream)).await;
    check_refusal(&reply, "source-timeout");
    assert!(!text_of(&reply).contains("ada"));
}

#[tokio::test]
async fn a_source_that_dies_in_the_middle_leaks_nothing() {
    let chunked = b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"users\":[\"ada\"\r\n";
    for bytes in [HEAD.to_vec(), chunked.to_vec()] {
        let upstream = Upstream::start(move |_| vec![Step::Send(bytes.clone())]).await;
        let reply = get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await;
        check_refusal(&reply, "source-interrupted");
        assert!(!text_of(&reply).contains("ada"));
    }
    let upstream = Upstream::start(|_| vec![Step::Send(b"HTTP/1.1 20".to_vec())]).await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await,
        "source-interrupted",
    );
    let upstream =
        Upstream::start(|_| vec![Step::Send(b"220 mail.example.com ESMTP\r\n".to_vec())]).await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await,
        "source-interrupted",
    );
}

#[tokio::test]
async fn a_source_that_is_not_there_is_told_as_such() {
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().at("127.0.0.1:9"))
            .await,
        "source-unreachable",
    );
}

#[tokio::test]
async fn a_source_on_this_machine_is_refused_outside_development() {
    let upstream = Upstream::answering(json("{}")).await;
    let gateway = Bench {
        loopback: false,
        ..Bench::default()
    }
    .before(&upstream);
    check_refusal(&get("/v1/users").to(&gateway).await, "egress-refused");
    assert!(upstream.seen().is_empty());
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_refused_without_being_read() {
    let announced = Upstream::start(|_| vec![Step::Send(b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n".to_vec()), Step::Hang]).await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&announced))
            .await,
        "response-too-large",
    );
    wait_for(|| announced.abandoned() == 1).await;
    let endless = Upstream::start(|_| {
        let mut steps = vec![Step::Send(
            b"HTTP/1.1 200 X\r\ncontent-type: application/json\r\n\r\n".to_vec(),
        )];
        steps.extend((0..1000).map(|_| Step::Send(vec![b' '; 64 << 10])));
        steps
    })
    .await;
    check_refusal(
        &get("/v1/users")
            .to(&Bench::default().before(&endless))
            .await,
        "response-too-large",
    );
    wait_for(|| endless.abandoned() == 1).await;
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_the_call_to_the_source() {
    let upstream = Upstream::start(|_| vec![Step::Send(HEAD.to_vec()), Step::Hang]).await;
    let gateway = Arc::new(Bench::default().before(&upstream));
    let running = tokio::spawn({
        let gateway = gateway.clone();
        async move { get("/v1/users").to(&gateway).await }
    });
    wait_for(|| upstream.seen().len() == 1).await;
    running.abort();
    wait_for(|| upstream.abandoned() == 1).await;
}

/// Fails in the way it is told to.
enum Failing {
    Unavailable,
    Denied,
    Panic,
}

impl SecretStore for Failing {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            match self {
                Self::Unavailable => Err(StoreError::Unavailable("try later".to_owned())),
                Self::Denied => Err(StoreError::Denied {
                    name: name.to_owned(),
                    hint: "read".to_owned(),
                }),
                Self::Panic => panic!("ada@example.com in a panic"),
            }
        })
    }

    fn write<'a>(&'a self, name: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
    }
}

#[tokio::test]
async fn failing_stores_and_panics_refuse_with_their_cause() {
    let upstream = Upstream::answering(json("{}")).await;
    for (store, code) in [
        (Failing::Unavailable, "store-unavailable"),
        (Failing::Denied, "configuration-invalid"),
        (Failing::Panic, "internal"),
    ] {
        let gateway = Bench {
            store: Arc::new(store),
            ..Bench::default()
        }
        .before(&upstream);
        for _ in 0..2 {
            let reply = get("/v1/users").to(&gateway).await;
            check_refusal(&reply, code);
            assert!(!text_of(&reply).contains("ada"));
        }
    }
    assert!(upstream.seen().is_empty());
}

async fn wait_for(condition: impl Fn() -> bool) {
    for _ in 0..400 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("waited in vain");
}

/// Ways of framing an answer, fair and foul; each names a person where nothing may leave from.
#[tokio::test]
async fn framing_decides_between_an_answer_and_a_code() {
    const BODY: &str = r#"{"users":[{"email":"ada@example.com"}]}"#;
    const OK: &str = "HTTP/1.1 200 X\r\ncontent-type: application/json\r\n";
    let length = BODY.len();
    let chunked = |tail: &str| {
        format!("{OK}transfer-encoding: chunked\r\n\r\n{length:x};ext=ada\r\n{BODY}\r\n{tail}")
    };
    let table = [
        (chunked("0\r\n\r\n"), None),
        (
            chunked("0\r\nx-owner: ada\r\nlink: <https://x/?u=ada>; rel=next\r\n\r\n"),
            None,
        ),
        (
            format!(
                "HTTP/1.1 103 X\r\nlink: </ada>\r\n\r\n{OK}content-length: {length}\r\n\r\n{BODY}"
            ),
            None,
        ),
        // Without a length the end of the connection is the end of the answer.
        (format!("{OK}\r\n{BODY}"), None),
        (
            format!("{OK}\r\n{}", &BODY[..length - 5]),
            Some("not-sanitizable"),
        ),
        (chunked(""), Some("source-interrupted")),
        (chunked("zz\r\n"), Some("source-interrupted")),
        (chunked("-1\r\n"), Some("source-interrupted")),
        (
            chunked("ffffffffffffffffff\r\n"),
            Some("source-interrupted"),
        ),
        (
            format!("{OK}content-length: {}\r\n\r\n{BODY}", length + 1),
            Some("source-interrupted"),
        ),
        (
            format!(
                "{OK}content-length: {length}\r\ncontent-length: {}\r\n\r\n{BODY}",
                length - 5
            ),
            Some("source-interrupted"),
        ),
        (
            format!("{OK}content-length: -{length}\r\n\r\n{BODY}"),
            Some("source-interrupted"),
        ),
        (
            format!(
                "{OK}{}content-length: {length}\r\n\r\n{BODY}",
                "x-filler: ada\r\n".repeat(200)
            ),
            Some("source-interrupted"),
        ),
        (
            format!(
                "{OK}x-filler: {}\r\ncontent-length: {length}\r\n\r\n{BODY}",
                "ada".repeat(400_000)
            ),
            Some("source-interrupted"),
        ),
        (
            format!("{OK}x-ada: a\rb\r\ncontent-length: {length}\r\n\r\n{BODY}"),
            Some("source-interrupted"),
        ),
        (
            format!("HTTP/1.1 101 X\r\nupgrade: ada\r\nconnection: upgrade\r\n\r\n{BODY}"),
            Some("source-error"),
        ),
        (
            format!("HTTP/0.9 200 X\r\n\r\n{BODY}"),
            Some("source-interrupted"),
        ),
        (BODY.to_owned(), Some("source-interrupted")),
    ];
    for (bytes, code) in table {
        let upstream = Upstream::answering(bytes.clone().into_bytes()).await;
        let reply = get("/v1/users")
            .to(&Bench::default().before(&upstream))
            .await;
        let shown = &bytes[..bytes.len().min(200)];
        match code {
            None => assert_eq!(reply.status(), 200, "{shown}"),
            Some(code) => {
                assert_eq!(reply.headers().get(ERROR).unwrap(), code, "{shown}");
            }
        }
        // The gateway's own hexadecimal marks may spell a name by chance.
        let mut headers = reply.headers().clone();
        headers.remove("x-hushgate-request-id");
        headers.remove("x-hushgate-rules");
        let whole = format!("{headers:?}{}", text_of(&reply));
        assert!(!whole.contains("ada"), "{shown}: {whole}");
    }
}
