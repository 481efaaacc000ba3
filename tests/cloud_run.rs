//! The HTTP host as Cloud Run and other container hosts use it.

use bytes::Bytes;
use reqwest::{Client, Method};

use crate::support::function::Function;

mod callers;
mod probe;
mod stopping;
mod versions;

/// What Cloud Run sets in every container of a service.
const CLOUD_RUN: &[(&str, &str)] = &[
    ("K_SERVICE", "zoom"),
    ("K_REVISION", "zoom-00001-abc"),
    ("K_CONFIGURATION", "zoom"),
];

/// A client that speaks HTTP/2 without TLS and without asking, as Cloud Run does when it is told to.
fn h2c() -> Client {
    let builder = Client::builder().no_proxy().no_gzip();
    let builder = builder.http2_prior_knowledge();
    builder.build().expect("a client")
}

/// What a probe sees: status, header names, body.
async fn seen(client: &Client, method: Method, url: String) -> (u16, Vec<String>, Bytes) {
    let response = client.request(method, url).send().await;
    let response = response.expect("an answer");
    let names = response.headers().keys().map(ToString::to_string);
    let mut names: Vec<_> = names.collect();
    names.sort();
    let status = response.status().as_u16();
    (status, names, response.bytes().await.expect("a body"))
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_all_addresses_at_the_given_port_where_cloud_run_starts_it() {
    let mut function = Function::start("zoom", CLOUD_RUN);
    // Another address of this machine than the one it was waited for at.
    let url = format!("http://127.0.0.2:{}", function.address().port());
    let plain = Client::builder().no_proxy().build().expect("a client");
    let answer = seen(&plain, Method::GET, format!("{url}/healthz")).await;
    assert_eq!((answer.0, &answer.2[..]), (200, &b"ok\n"[..]));
    // No policy was given: nobody may call.
    let refused = plain.get(format!("{url}/v2/users")).send().await;
    assert_eq!(refused.expect("an answer").status(), 401);
    let code = tokio::task::block_in_place(|| function.terminate());
    assert_eq!(code, Some(0));
    for line in function.log().lines() {
        let parsed: Result<serde_json::Value, _> = serde_json::from_str(line);
        assert!(parsed.is_ok(), "a log line that is no JSON: {line}");
    }
}
