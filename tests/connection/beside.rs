//! `connection test` while the connection is made anew: the vendor's answer to the test comes last.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Response};
use serde_json::json;

use crate::support::desk::Desk;

const KEY: &str = "key-0001-only-for-the-tests";
const PATIENCE: Duration = Duration::from_secs(20);

/// A vendor whose account changes its name, and which keeps one call waiting.
struct Vendor {
    server: LoopbackServer,
    account: Arc<Mutex<&'static str>>,
    /// The next call waits.
    hold: Arc<AtomicBool>,
    /// A call waits.
    held: Arc<AtomicBool>,
}

impl Vendor {
    async fn start() -> Self {
        let account = Arc::new(Mutex::new("First"));
        let (hold, waiting) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let (name, holds, waits) = (
            Arc::clone(&account),
            Arc::clone(&hold),
            Arc::clone(&waiting),
        );
        let server = LoopbackServer::start(move |_| {
            let name = *name.lock().expect("a name");
            if holds.swap(false, Ordering::SeqCst) {
                waits.store(true, Ordering::SeqCst);
                tokio::task::block_in_place(|| until(|| !waits.load(Ordering::SeqCst)));
            }
            let mut response = Response::new(Bytes::from(json!({ "name": name }).to_string()));
            let json = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert("content-type", json);
            response
        });
        Self {
            server: server.await.expect("a vendor"),
            account,
            hold,
            held: waiting,
        }
    }

    fn is_now(&self, name: &'static str) {
        *self.account.lock().expect("a name") = name;
    }
}

fn until(reached: impl Fn() -> bool) {
    let start = Instant::now();
    while !reached() {
        assert!(start.elapsed() < PATIENCE, "nothing happens");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_test_that_ends_after_a_reconnect_leaves_the_new_record_alone() {
    let mut desk = Desk::with_file();
    let vendor = Vendor::start().await;
    desk.set("HUSHGATE_TARGET_HOST", &vendor.server.url());
    let source = desk.write(
        "source.yaml",
        "id: weather\nname: Weather Notes\ndocs: https://developer.weathernotes.example\n\
         target_host: {pattern: \"*\", example: eu.weathernotes.example}\nauth:\n  type: apiKey\n  \
         send: {in: header, name: x-api-key, value: \"{{API_KEY}}\"}\n  validate: {path: /me}\n  \
         profile: {account_name: name}\n  fields:\n    - {name: API_KEY, label: Admin key}\n",
    );
    let fields = json!({ "API_KEY": KEY }).to_string();
    let on = |verb: &str| {
        ["connection", verb, "weather", "--source", &source, "--json"].map(str::to_owned)
    };
    let record = || {
        desk.connection(&["show", "weather", "--source", &source, "--json"])
            .fine()
            .json()
    };
    desk.connect(&[&source], &json!({ "API_KEY": KEY })).fine();
    assert_eq!(record()["account"], "First");

    vendor.hold.store(true, Ordering::SeqCst);
    let test = on("test");
    let testing = desk.start(&test.each_ref().map(String::as_str), "");
    until(|| vendor.held.load(Ordering::SeqCst));
    vendor.is_now("Second");
    let again = [
        &on("reconnect")[..],
        &[
            "--fields-stdin".to_owned(),
            "--label".to_owned(),
            "New".to_owned(),
        ],
    ]
    .concat();
    let again: Vec<&str> = again.iter().map(String::as_str).collect();
    desk.run(&again, &fields).fine();
    let renewed = record();
    assert_eq!(
        (&renewed["account"], &renewed["label"]),
        (&json!("Second"), &json!("New"))
    );
    // The test learns now who it was before.
    vendor.held.store(false, Ordering::SeqCst);
    let tested = testing.end().fine().json();
    assert_eq!(
        (&tested["works"], &tested["account"]),
        (&json!(true), &json!("First"))
    );
    assert_eq!(record(), renewed);

    // Alone, it keeps what it learns.
    vendor.is_now("Third");
    desk.run(&test.each_ref().map(String::as_str), "").fine();
    assert_eq!(
        (&record()["account"], &record()["label"]),
        (&json!("Third"), &json!("New"))
    );
}
