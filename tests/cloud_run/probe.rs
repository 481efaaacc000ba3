//! The probe: the same for everybody, and nothing beside it.

use bytes::Bytes;
use reqwest::Method;

use super::{h2c, seen};
use crate::support::{World, raw};

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_is_the_same_bytes_for_everybody() {
    let world = World::start().await;
    let token = world.token();
    for request in [
        "GET /healthz HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "GET /healthz?verbose=1 HTTP/1.1\r\nhost: x\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: x\r\nauthorization: Bearer nonsense\r\n".to_owned(),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n"),
        "GET /healthz HTTP/1.1\r\nhost: x\r\nx-hushgate-health-check: 1\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nhost: x\r\nuser-agent: kube-probe/1.30\r\naccept-encoding: gzip\r\norigin: https://evil.example\r\n".to_owned(),
    ] {
        let bytes = format!("{request}connection: close\r\n\r\n");
        let address = world.function.address();
        let answer =
            tokio::task::block_in_place(|| raw::exchange(address, bytes.as_bytes()));
        let (before, rest) = answer.split_once("date: ").expect("a date");
        assert_eq!(before, "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n", "{request}");
        let (date, rest) = rest.split_once("\r\n").expect("a line's end");
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
        assert_eq!(rest, "\r\nok\n", "{request}");
    }
    assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
    assert!(
        !world.function.log().contains("healthz"),
        "it is not logged"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_probe_answers_in_both_versions_and_nothing_beside_it_does() {
    let world = World::start().await;
    for client in [&world.client, &h2c()] {
        let url = |path: &str| format!("{}{path}", world.function.url());
        let answer = seen(client, Method::GET, url("/healthz")).await;
        let names = ["content-length", "date"].map(str::to_owned).to_vec();
        assert_eq!(answer, (200, names.clone(), Bytes::from_static(b"ok\n")));
        let head = seen(client, Method::HEAD, url("/healthz")).await;
        assert_eq!(head, (200, names, Bytes::new()));
        // A refusal has a body; an answer to `HEAD` has not.
        let refused = seen(client, Method::HEAD, url("/v2/users")).await;
        assert_eq!((refused.0, refused.2), (401, Bytes::new()));
        for (method, path) in [
            (Method::POST, "/healthz"),
            (Method::OPTIONS, "/healthz"),
            (Method::GET, "/healthz/"),
            (Method::GET, "/healthz/x"),
            (Method::GET, "/HEALTHZ"),
            (Method::GET, "/%68ealthz"),
            (Method::GET, "//healthz"),
            (Method::GET, "/healthz;x"),
        ] {
            let (status, _, body) = seen(client, method.clone(), url(path)).await;
            assert_eq!(status, 401, "{method} {path}");
            assert!(!body.starts_with(b"ok"), "{method} {path}");
        }
    }
}
