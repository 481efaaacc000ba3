//! The page that sets up a connection, in a real browser.

use std::path::PathBuf;
use std::sync::Arc;

use hushgate_cli::connection::failure::Failure;
use hushgate_cli::connection::web::{Connected, Options, Web};
use hushgate_gateway::connect::ConnectFault;
use serde_json::{Value, json};

use crate::support::function::root;
use crate::support::skipped;

mod command;
mod consent;
mod flow;
mod sources;

use flow::{Script, form};

const SECRET: &str = "Kx9-only-in-the-form/&?";

/// Runs a script of `peers/browser` and gives what it prints, or null; `None`, with a message, where
/// there is no browser.
async fn drive(script: &str, arguments: &Value) -> Option<Value> {
    let required = std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_some_and(|v| v == "1");
    let peers = std::env::var_os("HUSHGATE_PEERS").map(PathBuf::from);
    let Some(peers) = peers.filter(|p| p.join("node_modules/playwright-core").exists()) else {
        assert!(
            !required,
            "playwright-core is not installed: run `cargo xtask test`"
        );
        skipped(
            "no browser tests: `cargo xtask test` installs their packages and sets HUSHGATE_PEERS",
        );
        return None;
    };
    let output = tokio::process::Command::new("node")
        .arg(root().join("tests/peers/browser").join(script))
        .arg(arguments.to_string())
        .env("HUSHGATE_PEERS", peers)
        .kill_on_drop(true)
        .output()
        .await
        .expect("node starts");
    if output.status.code() == Some(3) {
        assert!(
            !required,
            "no Chromium: install one, or name it in HUSHGATE_CHROMIUM"
        );
        skipped(
            "no browser tests: no Chromium is installed and the npm packages hold none for this system",
        );
        return None;
    }
    assert!(
        output.status.success(),
        "{script}: {}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Some(serde_json::from_slice(&output.stdout).unwrap_or_default())
}

/// A page being served; the command's end of it.
struct Served {
    link: String,
    end: tokio::task::JoinHandle<anyhow::Result<Connected>>,
}

async fn serve(flow: Arc<Script>) -> Served {
    let web = Web::prepare(flow, &Options::default())
        .await
        .expect("a page");
    Served {
        link: web.link().to_owned(),
        end: tokio::spawn(web.run()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyboard_is_enough_from_the_form_to_the_account() {
    let refused = Failure {
        message: "the source refused the credentials".into(),
        vendor: Some("invalid_client: <b>no such client</b>".into()),
        next: Some("look at the client's id and secret in the vendor's console".into()),
        ..Failure::from(ConnectFault::RefusedWhenFresh)
    };
    let connected = Connected {
        account: Some("Example & Sons <Ltd>".into()),
        email: Some("admin@example.com".into()),
        notes: vec!["The client secret is valid until 2027-03-01.".into()],
    };
    let flow = Arc::new(Script::new(form(), [Err(refused), Ok(connected.clone())]));
    let served = serve(flow.clone()).await;
    let arguments =
        json!({"link": served.link, "secret": SECRET, "account": "Example & Sons <Ltd>"});
    if drive("form.mjs", &arguments).await.is_none() {
        return;
    }
    let end = served
        .end
        .await
        .expect("it runs to its end")
        .expect("a connection");
    assert_eq!(end, connected);
    let answers = flow.answers();
    assert_eq!(answers["CLIENT_SECRET"], SECRET);
    assert_eq!(answers["ACCOUNT"], "acct-7");
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_in_the_browser_reach_nothing() {
    let flow = Arc::new(Script::new(form(), []));
    let served = serve(flow.clone()).await;
    if drive("hostile.mjs", &json!({"link": served.link}))
        .await
        .is_some()
    {
        assert_eq!(flow.answers().len(), 0, "the setup was begun");
        assert!(!served.end.is_finished(), "the setup was ended");
    }
    served.end.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_other_page() {
    let mut pages = Vec::new();
    let mut ends = Vec::new();
    for (name, path, press, heading, flow) in flow::states() {
        let served = serve(Arc::new(flow)).await;
        pages.push(json!({"name": name, "link": served.link, "path": path, "press": press, "heading": heading}));
        ends.push(served.end);
    }
    drive("states.mjs", &json!({"pages": pages})).await;
    ends.iter().for_each(tokio::task::JoinHandle::abort);
}
