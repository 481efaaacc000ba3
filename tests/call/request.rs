//! What a function gets of a call.

use super::call;
use super::servers::{last, recording};
use crate::support::function::scratch;

#[tokio::test]
async fn method_body_headers_and_path_arrive_as_they_were_given() {
    let (server, seen) = recording().await;
    let folder = scratch("call-body");
    std::fs::write(folder.join("body.json"), "{\"a\": 1}").expect("a file");
    let body = folder.join("body.json").display().to_string();
    let target = "/v1/a%2Fb//../c?x=%31&x=&=&y==";
    let url = format!("{}/prod", server.url());
    call(
        &[
            &url,
            target,
            "--body",
            &body,
            "-H",
            "X-One: 1",
            "--as-user",
            "p~abc@x.example",
            "--anonymous",
        ],
        &[],
        "",
    )
    .await;
    let request = last(&seen);
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/prod/v1/a%2Fb//../c?x=%31&x=&=&y==")
    );
    assert_eq!(request.body, "{\"a\": 1}");
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(
        (
            request.header("x-one"),
            request.header("x-hushgate-user-to-impersonate")
        ),
        ("1", "p~abc@x.example")
    );
    assert_eq!(request.header("authorization"), "");
    let piped = [
        "--body",
        "-",
        "--content-type",
        "application/x-www-form-urlencoded",
        "-X",
        "PUT",
        "--as-user",
        "u",
        "--compat",
        "psoxy",
        "--anonymous",
    ];
    call(&[&[url.as_str(), "/x"], &piped[..]].concat(), &[], "k=v").await;
    let request = last(&seen);
    assert_eq!(
        (request.method.as_str(), request.body.as_str()),
        ("PUT", "k=v")
    );
    assert_eq!(
        request.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        (
            request.header("x-psoxy-user-to-impersonate"),
            request.header("x-hushgate-user-to-impersonate")
        ),
        ("u", "")
    );
}
