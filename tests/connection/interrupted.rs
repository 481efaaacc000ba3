//! Ctrl-C in the middle: what was begun at the vendor comes to its end, so that no token is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Response};
use serde_json::json;

use crate::connections_grants::{connect, oauth2};
use crate::support::desk::Desk;

/// A vendor whose refresh tokens work once, and which keeps a check of the account waiting.
struct Slow {
    server: LoopbackServer,
    exchanges: Arc<AtomicUsize>,
    asked: Arc<AtomicBool>,
    go_on: Arc<AtomicBool>,
}

impl Slow {
    async fn start(answer: u16) -> Self {
        let exchanges = Arc::new(AtomicUsize::new(0));
        let asked = Arc::new(AtomicBool::new(false));
        let go_on = Arc::new(AtomicBool::new(false));
        let shared = (
            Arc::clone(&exchanges),
            Arc::clone(&asked),
            Arc::clone(&go_on),
        );
        let server = LoopbackServer::start(move |request| {
            let (exchanges, asked, go_on) = &shared;
            let (status, body) = if request.uri().path() == "/oauth/token" {
                let turn = exchanges.fetch_add(1, Ordering::SeqCst) + 1;
                let tokens = json!({
                    "access_token": format!("access-{turn}"), "token_type": "Bearer", "expires_in": 3600,
                    "refresh_token": format!("refresh-{turn}"),
                });
                (200, tokens)
            } else {
                asked.store(true, Ordering::SeqCst);
                wait_for(go_on);
                (
                    answer,
                    json!({"name": "Juniper & Co", "email": "it@juniper.example.org"}),
                )
            };
            let mut response = Response::new(Bytes::from(body.to_string()));
            *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
            let json = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert("content-type", json);
            response
        });
        Self {
            server: server.await.expect("a vendor"),
            exchanges,
            asked,
            go_on,
        }
    }
}

/// Waits for a flag, with a bound that only a hanging test meets.
fn wait_for(flag: &AtomicBool) {
    let begin = Instant::now();
    while !flag.load(Ordering::SeqCst) && begin.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Connects with a refresh token entered by hand, and interrupts while the vendor checks.
async fn interrupted(answer: u16) -> (Slow, Desk, crate::support::desk::Said) {
    let vendor = Slow::start(answer).await;
    let url = vendor.server.url();
    let desk = Desk::at(url.as_str().trim_end_matches('/'));
    let fields = json!({
        "CLIENT_ID": "app", "CLIENT_SECRET": "quiet", "REFRESH_TOKEN": "refresh-entered",
    });
    let auth = oauth2("grant: refresh_token; client_auth: body");
    let mut running = connect(&desk, &auth, &fields);
    wait_for(&vendor.asked);
    running.interrupt();
    running.hear("interrupted");
    vendor.go_on.store(true, Ordering::SeqCst);
    let ended = running.end();
    (vendor, desk, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_successor_of_an_entered_refresh_token_is_kept_before_the_command_ends() {
    let (vendor, desk, ended) = interrupted(200).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(vendor.exchanges.load(Ordering::SeqCst), 1);
    let stored = desk.stored();
    assert_eq!(
        stored
            .get("connections/peer/REFRESH_TOKEN")
            .map(String::as_str),
        Some("refresh-1"),
        "{:?}",
        stored.keys()
    );
    ended.hides(&["refresh-1", "refresh-entered", "access-1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_fails_then_says_that_the_entered_token_is_used_up() {
    let (_vendor, desk, ended) = interrupted(403).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.text().contains("used up"), "{ended:?}");
    assert!(desk.stored().is_empty(), "{:?}", desk.stored().keys());
    ended.hides(&["refresh-1", "refresh-entered", "access-1"]);
}
