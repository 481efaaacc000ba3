//! A store that can't be written while a vendor's refresh token, which works once, is to be saved.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Response};
use serde_json::json;

use crate::connections_grants::{connect, oauth2};
use crate::support::desk::Desk;

/// Puts a folder in place of a store's file, and gives the place of the file.
fn take_away(store: &PathBuf) -> PathBuf {
    let aside = store.with_extension("aside");
    std::fs::rename(store, &aside).expect("the store moves");
    std::fs::create_dir(store).expect("a folder");
    aside
}

/// A vendor that gives a new refresh token with each exchange; the store is gone from the second on.
async fn vendor(
    store: Arc<std::sync::OnceLock<PathBuf>>,
    turns: Arc<AtomicUsize>,
) -> LoopbackServer {
    let server = LoopbackServer::start(move |request| {
        let body = if request.uri().path() == "/oauth/token" {
            let turn = turns.fetch_add(1, Ordering::SeqCst) + 1;
            if turn == 2 {
                take_away(store.get().expect("the store's place"));
            }
            json!({
                "access_token": format!("access-{turn}"), "token_type": "Bearer", "expires_in": 3600,
                "refresh_token": format!("refresh-{turn}"),
            })
        } else {
            json!({"name": "Juniper & Co", "email": "it@juniper.example.org"})
        };
        let mut response = Response::new(Bytes::from(body.to_string()));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    });
    server.await.expect("a vendor")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_says_what_it_waits_for_and_ends_when_the_store_is_back() {
    let (store, turns) = (Arc::default(), Arc::default());
    let vendor = vendor(Arc::clone(&store), Arc::clone(&turns)).await;
    let desk = Desk::at(vendor.url().as_str().trim_end_matches('/'));
    let file = desk.folder.join("secrets.json");
    store.set(file.clone()).expect("it is set once");
    let fields = json!({
        "CLIENT_ID": "app", "CLIENT_SECRET": "quiet", "REFRESH_TOKEN": "refresh-entered",
    });
    let auth = oauth2("grant: refresh_token; client_auth: body");
    let connected = connect(&desk, &auth, &fields).end();
    assert_eq!(connected.code, Some(0), "{connected:?}");
    let arguments = ["connection", "rotate", "peer", "--source", "source.yaml"];
    let mut running = desk.start(&arguments, "");
    running.hear("still waiting");
    running.interrupt();
    running.hear("interrupted");
    std::fs::remove_dir(&file).expect("the folder goes");
    std::fs::rename(file.with_extension("aside"), &file).expect("the store is back");
    let ended = running.end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let last = turns.load(Ordering::SeqCst);
    let stored = desk.stored();
    let kept = stored.get("connections/peer/REFRESH_TOKEN");
    assert_eq!(kept, Some(&format!("refresh-{last}")), "{ended:?}");
    assert!(last >= 2, "{ended:?}");
    ended.hides(&["refresh-", "access-"]);
}
