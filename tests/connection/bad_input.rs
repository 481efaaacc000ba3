//! Bad input to every command: a located error with a code, no secret in it, and nothing changed.

use serde_json::json;

use super::keys::{KEY, Vendor};
use crate::support::desk::Desk;

const SECRET: &str = "key-0009-geheim";
const CASES: &str = include_str!("bad_input.txt");

/// A desk with one connection, `there`, and the files that the cases name.
async fn prepared(mut desk: Desk) -> (Desk, Vendor) {
    let vendor = Vendor::start().await;
    desk.set("HUSHGATE_TARGET_HOST", &vendor.host());
    let source = desk.write("source.yaml", &vendor.source("weather-notes", ""));
    desk.write("broken.yaml", "id: weather-notes\nauth:\n  type: apiKee\n");
    desk.write("secret", SECRET);
    desk.connect(&[&source, "--id", "there"], &json!({"API_KEY": KEY}))
        .fine();
    (desk, vendor)
}

fn filled(desk: &Desk, text: &str) -> String {
    text.replace("SOURCE", &desk.path("source.yaml"))
        .replace("BROKEN", &desk.path("broken.yaml"))
        .replace("=FILE", &format!("={}", desk.path("secret")))
        .replace("DESK", &desk.folder.display().to_string())
        .replace("SECRET", SECRET)
        .replace("LONG", &"x".repeat(70_000))
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_nothing_and_tells_what_where_and_next() {
    for desk in [Desk::with_vault(), Desk::with_file()] {
        let (desk, _vendor) = prepared(desk).await;
        let before = desk.store();
        let cases = CASES.lines().filter(|line| !line.starts_with('#'));
        for case in cases {
            let mut parts = case.splitn(4, '|').map(str::trim);
            let mut next = || parts.next().unwrap_or_default();
            let (exit, code) = (next(), next());
            let (arguments, input) = (filled(&desk, next()), filled(&desk, next()));
            let arguments: Vec<&str> = arguments.split(' ').collect();
            let said = desk.run(&[&["connection"], arguments.as_slice()].concat(), &input);
            let exit = exit.parse().expect("an exit code");
            said.failed(exit, &format!("({code})")).hides(&["geheim"]);
            assert_eq!(desk.store(), before, "{case} changed the store");
            let asked = said.err.contains("Asking");
            assert_eq!(asked, code == "check-refused", "{case}: {said:?}");
            let error = said.err.lines().any(|line| line.starts_with("error: "));
            assert!(error, "{case}: {said:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_exits_with_two_and_an_error_may_be_json() {
    let (desk, _vendor) = prepared(Desk::with_file()).await;
    let source = desk.path("source.yaml");
    for wrong in [
        vec!["connection"],
        vec!["connection", "connect"],
        vec!["connection", "connect", &source, "--wait", "0"],
        vec!["connection", "connect", &source, "--port", "x"],
        vec!["connection", "conect", &source],
    ] {
        assert_eq!(desk.run(&wrong, "").code, Some(2), "{wrong:?}");
    }
    let secret = format!("API_KEY={SECRET}");
    let said = desk.connection(&["connect", &source, "--json", "--field", &secret]);
    let error = &said
        .failed(2, "secret-on-command-line")
        .hides(&["geheim"])
        .json()["error"];
    let next = error["next"].as_str().expect("what to do");
    assert!(next.contains("--field-file API_KEY=PATH"), "{error}");
}

#[test]
fn a_store_that_can_t_keep_connections_is_refused_before_anything_is_asked() {
    let mut desk = Desk::empty();
    let said = desk.connection(&["connect", "slack-discovery-api"]);
    said.failed(1, "store-read-only");
    for place in ["vault create", "file:", "aws-ssm:", "gcp-secretmanager:"] {
        assert!(said.err.contains(place), "{place}: {said:?}");
    }
    desk.connection(&["connect", "slack-discovery-ap"])
        .failed(2, "did you mean `slack-discovery-api`?");
    desk.set(
        "HUSHGATE_SECRETS",
        &format!("vault:{}", desk.path("absent")),
    );
    desk.connection(&["list"])
        .failed(1, "there is no vault in the folder");
    desk.set("HUSHGATE_SECRETS", "file:/no/such/file");
    desk.connection(&["list"])
        .failed(1, "configuration-invalid");
    let open = desk.write("open.json", "{}");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(&open, mode).expect("its mode");
    desk.set("HUSHGATE_SECRETS", &format!("file:{open}"));
    desk.connection(&["list"]).failed(1, "chmod 600");
}
