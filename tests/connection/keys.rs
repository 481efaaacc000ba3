//! A connection by a static key, from the first word to the last.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::StatusCode;
use hushgate_cli::sample::{LoopbackServer, Response};
use serde_json::json;

use crate::support::desk::{Desk, Said};

pub(crate) const KEY: &str = "key-0001-only-for-the-tests";
const NEW_KEY: &str = "key-0002-only-for-the-tests";

/// A vendor that takes one key, which a revocation ends.
pub(crate) struct Vendor {
    server: LoopbackServer,
    pub(crate) key: Arc<Mutex<String>>,
    pub(crate) calls: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    pub(crate) async fn start() -> Self {
        let key = Arc::new(Mutex::new(KEY.to_owned()));
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (taken, seen) = (Arc::clone(&key), Arc::clone(&calls));
        let server = LoopbackServer::start(move |request| {
            let path = request.uri().path().to_owned();
            seen.lock()
                .expect("the calls")
                .push(format!("{} {path}", request.method()));
            let given = request
                .headers()
                .get("x-api-key")
                .map(|v| v.to_str().expect("text").to_owned());
            let mut good = taken.lock().expect("the key");
            let (status, body) = if given.as_deref() != Some(good.as_str()) {
                (
                    401,
                    json!({"error": {"message": "This key is not known here"}}),
                )
            } else if path == "/revoke" {
                *good = String::new();
                (200, json!({}))
            } else {
                (
                    200,
                    json!({"team": {"name": "Juniper & Co"}, "contact": "it@juniper.example.org"}),
                )
            };
            let mut response = Response::new(Bytes::from(body.to_string()));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            let json = http::HeaderValue::from_static("application/json");
            response.headers_mut().insert("content-type", json);
            response
        });
        Self {
            server: server.await.expect("a vendor"),
            key,
            calls,
        }
    }

    /// A source at this vendor.
    pub(crate) fn source(&self, id: &str, more: &str) -> String {
        let url = self.server.url();
        format!(
            "id: {id}\nname: Weather Notes\ndocs: https://developer.weathernotes.example\ncategories: [tests]\n\
             target_host: {{pattern: \"*\", example: eu.weathernotes.example}}\n\
             auth:\n  type: apiKey\n{more}  send:\n    - {{in: header, name: x-api-key, value: \"{{{{API_KEY}}}}\"}}\n    - {{in: header, name: x-region, value: \"{{{{REGION}}}}\"}}\n  \
             validate: {{url: \"{url}/me\"}}\n  validate_error: /error/message\n  \
             profile: {{account_name: /team/name, email: contact}}\n  \
             revoke: {{kind: call, method: POST, url: \"{url}/revoke\"}}\n  forecast: {{key_life: 90d}}\n  fields:\n    \
             - {{name: API_KEY, label: Admin key, tooltip: On the page Keys., pattern: \"key-[0-9]{{4}}-.*\"}}\n    \
             - {{name: REGION, in: settings, label: Region, options: [eu, us], default: eu}}\n"
        )
    }

    pub(crate) fn host(&self) -> String {
        self.server.url()
    }
}

/// A desk with the connection `weather`, made by label, region and key.
fn connected(desk: &mut Desk, vendor: &Vendor) -> String {
    desk.set("HUSHGATE_TARGET_HOST", &vendor.host());
    let source = desk.write("source.yaml", &vendor.source("weather-notes", ""));
    let fields = json!({"API_KEY": format!("  {KEY}\n"), "REGION": "us"});
    let arguments = [&source, "--id", "weather", "--label", "Weather of IT"];
    let said = desk.connect(&arguments, &fields).fine();
    let result = said.hides(&[KEY]).json();
    assert_eq!(result["account"], "Juniper & Co");
    assert_eq!(result["email"], "it@juniper.example.org");
    assert_eq!(result["serves"], json!(["weather-notes"]));
    source
}

fn on(desk: &Desk, verb: &str, source: &str, more: &[&str]) -> Said {
    desk.connection(&[&[verb, "weather", "--source", source], more].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn is_connected_tested_and_shown_without_its_key() {
    for mut desk in [Desk::with_vault(), Desk::with_file()] {
        let vendor = Vendor::start().await;
        let source = connected(&mut desk, &vendor);
        let listed = desk.connection(&["list", "--json"]).fine();
        let rows = listed.hides(&[KEY]).json();
        assert_eq!(rows[0]["id"], "weather");
        assert_eq!(rows[0]["label"], "Weather of IT");
        assert_eq!(rows[0]["account"], "Juniper & Co");
        let lines = desk.connection(&["list"]).fine();
        assert!(
            lines
                .out
                .starts_with("weather\tweather-notes\tJuniper & Co\t"),
            "{}",
            lines.out
        );
        let shown = on(&desk, "show", &source, &["--json"]).fine();
        let row = shown.hides(&[KEY]).json();
        assert_eq!(row["secrets"], json!(["API_KEY"]));
        assert_eq!(row["settings"], json!({"REGION": "us"}));
        assert_eq!(row["outlook"][0]["code"], "key-ends");
        let text = on(&desk, "show", &source, &[]).fine();
        text.hides(&[KEY]);
        assert!(
            text.out.contains("settings: REGION = us") && text.out.contains("the key ends by"),
            "{}",
            text.out
        );
        let tested = on(&desk, "test", &source, &["--json"]).fine();
        assert_eq!(tested.json()["works"], true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn takes_a_new_key_in_place_when_the_vendor_replaced_it() {
    for mut desk in [Desk::with_vault(), Desk::with_file()] {
        let vendor = Vendor::start().await;
        let source = connected(&mut desk, &vendor);
        *vendor.key.lock().expect("the key") = NEW_KEY.to_owned();
        let refused = on(&desk, "test", &source, &[]);
        refused.failed(1, "check-refused").hides(&[KEY]);
        for told in [
            "This key is not known here",
            "hushgate connection reconnect weather",
        ] {
            assert!(refused.err.contains(told), "{refused:?}");
        }
        let give = |verb: &str, key: &str| {
            let arguments = ["connection", verb, "weather", "--source", &source];
            let all = [&arguments[..], &["--fields-stdin", "--json"]].concat();
            desk.run(&all, &json!({"API_KEY": key}).to_string())
        };
        let before = desk.store();
        give("reconnect", KEY)
            .failed(1, "check-refused")
            .hides(&[KEY]);
        give("rotate", KEY).failed(1, "check-refused").hides(&[KEY]);
        assert_eq!(desk.store(), before, "a failed renewal changed the store");
        let said = give("reconnect", NEW_KEY).fine();
        assert_eq!(said.hides(&[NEW_KEY]).json()["id"], "weather");
        let row = on(&desk, "show", &source, &["--json"]).fine().json();
        assert_eq!(row["settings"], json!({"REGION": "us"}), "settings stay");
        assert_eq!(row["label"], "Weather of IT");
        on(&desk, "test", &source, &[]).fine();
        *vendor.key.lock().expect("the key") = KEY.to_owned();
        give("rotate", KEY).fine();
        on(&desk, "test", &source, &[]).fine();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn is_revoked_at_the_vendor_and_gone_here() {
    for mut desk in [Desk::with_vault(), Desk::with_file()] {
        let vendor = Vendor::start().await;
        let source = connected(&mut desk, &vendor);
        let revoked = on(&desk, "revoke", &source, &["--yes", "--json"]).fine();
        assert_eq!(revoked.json()["at_vendor"], "revoked");
        let calls = vendor.calls.lock().expect("the calls").clone();
        assert_eq!(calls.last().map(String::as_str), Some("POST /revoke"));
        assert_eq!(
            desk.connection(&["list", "--json"]).fine().json(),
            json!([])
        );
        desk.connection(&["show", "weather"])
            .failed(1, "connection-unknown");
        for path in desk.store().keys() {
            assert!(
                !path.display().to_string().contains("weather"),
                "{path:?} is left"
            );
        }
        if let Ok(left) = std::fs::read_to_string(desk.folder.join("secrets.json")) {
            let left: serde_json::Value = serde_json::from_str(&left).expect("JSON");
            assert_eq!(left, json!({"PSEUDONYM_KEY": "1:kept"}));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_does_not_revoke_keeps_the_connection_here() {
    let mut desk = Desk::with_vault();
    let vendor = Vendor::start().await;
    desk.set("HUSHGATE_TARGET_HOST", &vendor.host());
    let source = desk.write("source.yaml", &vendor.source("weather-notes", ""));
    desk.connect(&[&source], &json!({"API_KEY": KEY})).fine();
    *vendor.key.lock().expect("the key") = "another".to_owned();
    let refused = desk.connection(&["revoke", "weather-notes", "--source", &source, "--yes"]);
    refused.failed(1, "check-refused").hides(&[KEY]);
    assert!(refused.err.contains("--keep-remote"), "{refused:?}");
    assert_eq!(
        desk.connection(&["list", "--json"]).fine().json()[0]["id"],
        "weather-notes"
    );
    let calls = vendor.calls.lock().expect("the calls").len();
    desk.connection(&["revoke", "weather-notes", "--keep-remote", "--yes"])
        .fine();
    assert_eq!(
        vendor.calls.lock().expect("the calls").len(),
        calls,
        "the vendor was asked"
    );
    assert_eq!(
        desk.connection(&["list", "--json"]).fine().json(),
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_serves_the_sources_of_its_family_and_no_other() {
    let mut desk = Desk::with_vault();
    let vendor = Vendor::start().await;
    desk.set("HUSHGATE_TARGET_HOST", &vendor.host());
    let family = "  family: notes\n";
    let one = desk.write("one.yaml", &vendor.source("weather-notes", family));
    let two = desk.write("two.yaml", &vendor.source("weather-maps", family));
    let other = desk.write("other.yaml", &vendor.source("weather-mail", ""));
    let fields = json!({"API_KEY": KEY});
    let before = desk.store();
    let refused = desk.connect(&[&one, "--serves", &other], &fields);
    refused.failed(2, "connection-family").hides(&[KEY]);
    assert!(refused.out.contains("weather-mail"), "{refused:?}");
    assert_eq!(desk.store(), before);
    let said = desk.connect(&[&one, "--serves", &two], &fields).fine();
    assert_eq!(
        said.json()["serves"],
        json!(["weather-notes", "weather-maps"])
    );
    // Each was asked.
    let calls = vendor.calls.lock().expect("the calls").clone();
    assert_eq!(
        calls.iter().filter(|call| *call == "GET /me").count(),
        2,
        "{calls:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_that_are_made_at_once_under_one_id_one_is_kept() {
    for mut desk in [Desk::with_vault(), Desk::with_file()] {
        let vendor = Vendor::start().await;
        desk.set("HUSHGATE_TARGET_HOST", &vendor.host());
        let source = desk.write("source.yaml", &vendor.source("weather-notes", ""));
        let fields = |region: &str| json!({"API_KEY": KEY, "REGION": region});
        let makers: Vec<_> = std::thread::scope(|scope| {
            let started: Vec<_> = ["eu", "us", "eu", "us"]
                .map(|region| scope.spawn(|| desk.connect(&[&source], &fields(region))))
                .into_iter()
                .collect();
            started
                .into_iter()
                .map(|m| m.join().expect("a maker"))
                .collect()
        });
        let kept = makers.iter().filter(|said| said.code == Some(0)).count();
        assert_eq!(kept, 1, "{makers:?}");
        for said in makers.iter().filter(|said| said.code != Some(0)) {
            said.failed(1, "connection-exists").hides(&[KEY]);
        }
        let tested = desk.connection(&["test", "weather-notes", "--source", &source]);
        tested.fine();
    }
}
