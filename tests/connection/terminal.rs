//! The questions in a terminal: a real one, by `script`.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::keys::Vendor;
use crate::support::desk::{Desk, PHRASE};
use crate::support::function::binary;
use crate::support::skipped;

const KEY: &str = "key-0001-only-for-the-tests";

#[tokio::test(flavor = "multi_thread")]
async fn asks_for_every_field_again_until_it_fits_and_shows_no_secret() {
    if Command::new("script").arg("--version").output().is_err() {
        skipped("no terminal: `script` of util-linux not found");
        return;
    }
    let mut desk = Desk::with_vault();
    let vendor = Vendor::start().await;
    desk.unset("HUSHGATE_VAULT_PASSPHRASE_FILE");
    let source = desk.write("source.yaml", &vendor.source("weather-notes", ""));
    let command = format!(
        "{} connection connect {source}",
        binary("hushgate").display()
    );
    let mut child = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env_clear()
        .envs(desk.variables())
        .current_dir(&desk.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a terminal");
    let mut keyboard = child.stdin.take().expect("a keyboard");
    let mut screen = child.stdout.take().expect("a screen");
    let (seen, pieces) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(count @ 1..) = screen.read(&mut buffer) {
            let _ = seen.send(String::from_utf8_lossy(&buffer[..count]).into_owned());
        }
    });
    let mut shown = String::new();
    let mut mark = 0;
    let mut wait_for = |part: &str| loop {
        if let Some(at) = shown[mark..].find(part) {
            mark += at + part.len();
            return shown.clone();
        }
        match pieces.recv_timeout(Duration::from_secs(20)) {
            Ok(piece) => shown.push_str(&piece),
            Err(e) => panic!("`{part}` is not asked ({e}):\n{shown}"),
        }
    };
    let mut answer = |text: &str| {
        // The question stands there before the terminal is quiet.
        std::thread::sleep(Duration::from_millis(200));
        keyboard.write_all(text.as_bytes()).expect("it is typed");
    };
    wait_for("Pass phrase of the vault: ");
    answer(&format!("{PHRASE}\n"));
    wait_for("Your host at Weather Notes");
    wait_for("HUSHGATE_TARGET_HOST: ");
    answer("user@wrong host\n");
    wait_for("`HUSHGATE_TARGET_HOST` is not a plain host");
    answer(&format!("{}\n", vendor.host()));
    wait_for("Admin key");
    wait_for("On the page Keys.");
    wait_for("API_KEY: ");
    answer("not-a-key-geheim\n");
    wait_for("does not have the form");
    answer(&format!("{KEY}\n"));
    wait_for("REGION [eu]: ");
    answer("\n");
    let shown = wait_for("is connected to Weather Notes: Juniper & Co");
    assert!(child.wait().expect("it ends").success());
    for secret in [KEY, "geheim", PHRASE] {
        assert!(!shown.contains(secret), "`{secret}` was shown:\n{shown}");
    }
    let phrase = desk.path("phrase");
    desk.set("HUSHGATE_VAULT_PASSPHRASE_FILE", &phrase);
    let listed = desk.connection(&["list", "--json"]).fine().json();
    assert_eq!(listed[0]["id"], "weather-notes");
}
