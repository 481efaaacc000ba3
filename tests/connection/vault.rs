//! The vault by its commands: locks, keys, keyring.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;

use super::keys::Vendor;
use crate::support::desk::{Desk, PHRASE, occurs};

const KEY: &str = "key-0001-only-for-the-tests";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_the_folder_can_be_read_without_the_pass_phrase() {
    let mut desk = Desk::with_vault();
    let vendor = Vendor::start().await;
    desk.set("HUSHGATE_TARGET_HOST", &vendor.host());
    let source = desk.write("source.yaml", &vendor.source("weather-notes", ""));
    desk.connect(&[&source], &json!({"API_KEY": KEY})).fine();
    desk.run(&["vault", "put", "PSEUDONYM_KEY"], "1:geheim-geheim\n")
        .fine()
        .hides(&["geheim"]);
    let vault = desk.folder.join("v");
    for text in [KEY, "geheim-geheim", "Juniper", "API_KEY", PHRASE] {
        assert!(!occurs(text, &vault), "`{text}` stands in the vault");
    }
    desk.write("other", "another pass phrase\n");
    let other = desk.path("other");
    desk.set("HUSHGATE_VAULT_PASSPHRASE_FILE", &other);
    desk.connection(&["list"])
        .failed(1, "vault-pass-phrase-wrong");
    desk.unset("HUSHGATE_VAULT_PASSPHRASE_FILE");
    desk.connection(&["list"]).failed(1, "vault-locked");
    std::fs::set_permissions(&vault, std::fs::Permissions::from_mode(0o755)).expect("a mode");
    desk.connection(&["list"]).failed(1, "chmod 700");
}

#[test]
fn a_vault_is_made_once_and_relocked() {
    let mut desk = Desk::with_vault();
    desk.run(&["vault", "put", "A"], "one").fine();
    let before = desk.store();
    desk.run(&["vault", "create", "v"], "")
        .failed(1, "vault-exists");
    assert_eq!(desk.store(), before);
    desk.write("short", "short\n");
    let (short, good) = (desk.path("short"), desk.path("phrase"));
    desk.set("HUSHGATE_VAULT_PASSPHRASE_FILE", &short);
    desk.run(&["vault", "create", "w"], "")
        .failed(1, "vault-pass-phrase-short");
    assert!(!desk.folder.join("w").exists());
    desk.set("HUSHGATE_VAULT_PASSPHRASE_FILE", &good);
    desk.run(&["vault", "put", "../A"], "two")
        .failed(1, "store-name-invalid");
    desk.run(&["vault", "put", "A"], "")
        .failed(2, "secret-empty");
    desk.run(&["vault", "keys", "absent"], "")
        .failed(1, "vault-compartment-missing");
    desk.run(&["vault", "keys", "Ab sent"], "")
        .failed(2, "connection-id-invalid");
}

#[test]
fn a_name_that_no_function_reads_is_told_and_what_is_no_vault_says_what_stores_it() {
    let mut desk = Desk::with_vault();
    for (name, warns) in [
        ("PSEUDONYM_KEY", None),
        ("PSOXY_SALT", None),
        ("CLIENT_SECRET", None),
        ("connections/work/ANY", None),
        ("PSEUDONIM_KEY", Some("did you mean `PSEUDONYM_KEY`?")),
        ("POLICY", Some("`store:POLICY`")),
    ] {
        let said = desk.run(&["vault", "put", name], "geheim").fine();
        said.hides(&["geheim"]);
        let told = said.err.lines().find(|line| line.starts_with("warning: "));
        assert_eq!(told.is_some(), warns.is_some(), "{name}: {said:?}");
        assert!(told.unwrap_or("").contains(warns.unwrap_or("")), "{said:?}");
    }
    desk.set("HUSHGATE_ACCESS", "store:POLICY");
    let said = desk.run(&["vault", "put", "POLICY"], "clients: []").fine();
    assert!(!said.err.contains("warning"), "{said:?}");

    let file = desk.write("secrets.json", "{}");
    desk.unset("HUSHGATE_VAULT_PASSPHRASE_FILE");
    for (store, says) in [
        (
            "aws-ssm:hushgate/zoom",
            "aws ssm put-parameter --name /hushgate/zoom/SLACK_TOKEN --type SecureString --value file://PATH",
        ),
        (
            "aws-secretsmanager:hushgate/zoom",
            "aws secretsmanager create-secret --name hushgate/zoom/SLACK_TOKEN --secret-string file://PATH",
        ),
        (
            "gcp-secretmanager:acme-data-1/zoom",
            "gcloud secrets create zoom--SLACK_TOKEN --project acme-data-1 --data-file=PATH",
        ),
        (
            &format!("file:{file}"),
            "a member `SLACK_TOKEN` of its JSON object",
        ),
        ("env", "vault create FOLDER"),
    ] {
        desk.set("HUSHGATE_SECRETS", store);
        let said = desk.run(&["vault", "put", "SLACK_TOKEN"], "geheim");
        said.failed(2, "names no vault").hides(&["geheim"]);
        assert!(said.err.contains(says), "{store}: {said:?}");
    }
}

/// A stand-in for `secret-tool` that keeps secrets in files, as the real one is called.
const SECRET_TOOL: &str = "#!/bin/sh
set -eu
cd \"$(dirname \"$0\")\"
case \"$1\" in
  store) cat > \"kept-$7\" ;;
  lookup) cat \"kept-$5\" ;;
esac
";

#[test]
fn the_key_of_a_vault_may_be_in_the_keyring() {
    let mut desk = Desk::empty();
    desk.run(&["vault", "create", "v", "--keyring"], "")
        .failed(1, "keyring-missing");
    let tools = desk.folder.join("tools");
    std::fs::create_dir(&tools).expect("a folder");
    let tool = tools.join("secret-tool");
    std::fs::write(&tool, SECRET_TOOL).expect("a tool");
    std::fs::set_permissions(&tool, std::fs::Permissions::from_mode(0o700)).expect("its mode");
    desk.set("PATH", &format!("{}:/usr/bin:/bin", tools.display()));
    desk.run(&["vault", "create", "v", "--keyring"], "").fine();
    let at = format!("vault:{}", desk.path("v"));
    desk.set("HUSHGATE_SECRETS", &at);
    desk.run(&["vault", "put", "A"], "one").fine();
    desk.connection(&["list"]).fine();
    // Without the keyring the vault stays closed, also to a pass phrase.
    let kept: Vec<_> = std::fs::read_dir(&tools)
        .expect("the tools")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path != &tool)
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let key = std::fs::read(&kept[0]).expect("the key");
    std::fs::remove_file(&kept[0]).expect("it goes");
    desk.connection(&["list"]).failed(1, "keyring-refused");
    std::fs::write(&kept[0], "AAAA").expect("a wrong key");
    desk.connection(&["list"]).failed(1, "keyring-key-missing");
    std::fs::write(&kept[0], "A".repeat(43)).expect("another key");
    desk.connection(&["list"])
        .failed(1, "vault-keyring-key-wrong");
    std::fs::write(&kept[0], key).expect("the key");
    // And from the keyring to a pass phrase.
    desk.write("phrase", PHRASE);
    let phrase = desk.path("phrase");
    desk.set("HUSHGATE_VAULT_PASSPHRASE_FILE", &phrase);
    desk.run(&["vault", "relock"], "").fine();
    desk.set("PATH", "/usr/bin:/bin");
    desk.connection(&["list"]).fine();
}
