//! The page `docs/connection-command.md`: its examples work as written, and it names every code.

use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Response};

use crate::support::desk::Desk;
use crate::support::function::{binary, root};
use crate::support::world::KEY;

fn page() -> String {
    std::fs::read_to_string(root().join("docs/connection-command.md")).expect("the page")
}

/// Zoom as far as a connection to it goes.
async fn vendor() -> LoopbackServer {
    let count = AtomicUsize::new(0);
    let server = LoopbackServer::start(move |request| {
        let body = match request.uri().path() {
            "/oauth/token" => {
                let number = count.fetch_add(1, Ordering::Relaxed);
                format!(
                    "{{\"access_token\":\"sample-access-token-{number}\",\"expires_in\":3600,\"token_type\":\"bearer\"}}"
                )
            }
            _ => "{}".to_owned(),
        };
        let mut response = Response::new(Bytes::from(body));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    });
    server.await.expect("a vendor")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_works_as_written() {
    let vendor = vendor().await;
    let mut desk = Desk::empty();
    let address = vendor.url().trim_start_matches("http://").to_owned();
    desk.set("HUSHGATE_TARGET_HOST", &address);
    desk.set("HUSHGATE_TOKEN_ORIGIN", &vendor.url());
    desk.write("phrase", "seven words that nobody else would choose");
    let phrase = desk.path("phrase");
    desk.set("HUSHGATE_VAULT_PASSPHRASE_FILE", &phrase);
    desk.write("pseudonym-key.txt", KEY);
    desk.write(
        "zoom.json",
        "{\"CLIENT_ID\": \"e2e-client-id\", \"CLIENT_SECRET\": \"e2e-client-secret\", \"ACCOUNT_ID\": \"e2e-account\"}",
    );
    let command = binary("hushgate");
    let folder = command.parent().expect("its folder").display().to_string();
    desk.set("PATH", &format!("{folder}:/usr/bin:/bin"));
    let page = page();
    let examples: Vec<&str> = page
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert!(examples.len() >= 4, "{} examples", examples.len());
    desk.write("examples.sh", &examples.concat());
    let output = std::process::Command::new("sh")
        .args(["-eux", "examples.sh"])
        .env_clear()
        .envs(desk.variables())
        .current_dir(&desk.folder)
        .output()
        .expect("a shell");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("`zoom` works"), "{out}\n{err}");
    assert!(err.contains("there is no connection"), "{out}\n{err}");
    assert!(!out.contains("e2e-client-secret") && !err.contains("e2e-client-secret"));
}

#[test]
fn every_code_that_a_wrong_input_gives_is_explained() {
    let page = page();
    let cases = include_str!("bad_input.txt").lines();
    for case in cases.filter(|line| !line.starts_with('#')) {
        let code = case.split('|').nth(1).expect("a code").trim();
        let known = page.contains(&format!("`{code}`")) || code.starts_with("check-");
        assert!(known, "`{code}` is not on the page");
    }
}
