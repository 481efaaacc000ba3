//! Starting and stopping.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hushgate_cli::sample::{LoopbackServer, Response};

use crate::support::World;
use crate::support::function::{binary, scratch};

#[tokio::test(flavor = "multi_thread")]
async fn a_running_call_is_finished_when_the_function_is_told_to_stop() {
    let server = LoopbackServer::start(|request| {
        let body = if request.method() == http::Method::POST {
            "{\"access_token\":\"sample-access-token\",\"expires_in\":3600,\"token_type\":\"bearer\"}"
        } else {
            std::thread::sleep(Duration::from_millis(700));
            "{\"users\":[]}"
        };
        let mut response = Response::new(bytes::Bytes::from_static(body.as_bytes()));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    })
    .await
    .expect("a slow source");
    let world = World::before(&server.address().to_string(), &[]).await;
    let request = world.request(reqwest::Method::GET, "/v2/users");
    let call = tokio::spawn(async move { request.send().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut world = world;
    let code = tokio::task::block_in_place(|| world.function.terminate());
    let response = call
        .await
        .expect("the call ends")
        .expect("an answer, not a cut connection");
    assert_eq!(response.status(), 200);
    assert_eq!(code, Some(0));
}

#[test]
fn a_wrong_configuration_stops_the_start_and_names_every_problem() {
    let output = Command::new(binary("zoom"))
        .env_clear()
        .env("PORT", "eighty")
        .env("HUSHGATE_COMPAT", "other")
        .env("HUSHGATE_SECRETS", "file:")
        .current_dir(scratch("wrong"))
        .output()
        .expect("it starts");
    assert!(!output.status.success());
    let text = String::from_utf8_lossy(&output.stderr).into_owned()
        + &String::from_utf8_lossy(&output.stdout);
    for name in ["PORT", "HUSHGATE_COMPAT", "HUSHGATE_SECRETS"] {
        assert!(text.contains(name), "{name} is not named:\n{text}");
    }
}

#[tokio::test]
async fn without_an_access_policy_every_call_is_refused() {
    let world = World::with(&[("HUSHGATE_ACCESS", "")]).await;
    let response = world.get("/v2/users").await;
    assert_eq!(response.status(), 401);
}

#[tokio::test]
async fn loopback_is_refused_as_a_source_unless_switched_on() {
    let world = Arc::new(World::with(&[]).await);
    assert_eq!(
        world
            .get("/v2/users?status=active&page_size=30")
            .await
            .status(),
        200
    );
    let output = Command::new(binary("zoom"))
        .env_clear()
        .env("PORT", "0")
        .env("K_SERVICE", "zoom")
        .env("HUSHGATE_DEV_LOOPBACK", "1")
        .current_dir(scratch("cloud"))
        .output()
        .expect("it starts");
    assert!(
        !output.status.success(),
        "loopback on a cloud host must stop the start"
    );
}
