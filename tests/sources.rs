//! Every declared source at the command: it can be connected to by its id, with or without rules.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use hushgate_cli::sources::Declared;

use crate::support::function::{binary, scratch};

#[test]
fn connecting_asks_exactly_for_what_the_source_needs_and_keeps_nothing_half_done() {
    let folder = scratch("sources-connect");
    let store = folder.join("secrets.json");
    std::fs::write(&store, "{}").expect("the store");
    restrict(&store);
    assert!(Declared::all().len() >= 39);
    for declared in Declared::all() {
        let id = declared.id;
        let output = connect(id, "{}", &folder);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{id}: {told}");
        assert_eq!(missing(&told), needed(declared), "{id}: {told}");
        let kept = std::fs::read_to_string(&store).expect("the store");
        assert_eq!(kept, "{}", "{id}");
    }
}

#[test]
fn a_value_of_the_wrong_form_is_refused_before_the_vendor_is_asked() {
    let folder = scratch("sources-form");
    let store = folder.join("secrets.json");
    std::fs::write(&store, "{}").expect("the store");
    restrict(&store);
    let input = r#"{"ADMIN_API_KEY": "sk-ant-api03-not-this-kind"}"#;
    for id in ["claude", "claude-code"] {
        let output = connect(id, input, &folder);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success(), "{id}");
        assert!(
            told.contains("ADMIN_API_KEY") && told.contains("sk-ant-"),
            "{told}"
        );
        assert!(!told.contains("not-this-kind"), "{told}");
        assert_eq!(std::fs::read_to_string(&store).expect("the store"), "{}");
    }
}

#[test]
fn a_source_without_rules_has_no_function_and_says_so() {
    let folder = scratch("sources-serve");
    let output = run(&["serve", "asana"], "", &folder);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{told}");
    assert!(told.contains("source `asana` has no rules yet"), "{told}");
}

/// The fields that nobody gave, as the command lists them.
fn missing(told: &str) -> BTreeSet<String> {
    let lines = told.lines().filter(|line| line.contains("` is missing"));
    lines
        .filter_map(|line| line.split('`').nth(1))
        .map(str::to_owned)
        .collect()
}

/// The fields that a new connection can't do without.
fn needed(declared: &Declared) -> BTreeSet<String> {
    let source = declared.load().expect("a shipped declaration");
    let auth = &source.auth;
    let usual = auth.exchange.as_ref().map(|e| e.client_auth.default);
    let fields = auth.fields.iter();
    let mut needed: BTreeSet<_> = fields
        .filter(|f| f.required && f.default.is_none() && !f.obtained && f.applies(usual))
        .map(|f| f.name.clone())
        .collect();
    if source.origin(None, false).is_err() {
        needed.insert("HUSHGATE_TARGET_HOST".to_owned());
    }
    needed
}

fn connect(id: &str, input: &str, folder: &Path) -> Output {
    let arguments = ["connection", "connect", id, "--fields-stdin", "--no-input"];
    run(&arguments, input, folder)
}

fn run(arguments: &[&str], input: &str, folder: &Path) -> Output {
    let mut child = Command::new(binary("hushgate"))
        .args(arguments)
        .env_clear()
        .env("HUSHGATE_SECRETS", "file:secrets.json")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut pipe = child.stdin.take().expect("its input");
    // A command that ends early on wrong usage doesn't read its input.
    pipe.write_all(input.as_bytes()).ok();
    drop(pipe);
    child.wait_with_output().expect("it ends")
}

fn restrict(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let only_me = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(file, only_me).expect("its mode");
}
