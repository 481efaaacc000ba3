//! `hushgate connection connect --web` against providers of other makers, from the terminal's link to
//! the credential in the store.

use std::path::Path;

use serde_json::{Value, json};

use super::command::Running;
use super::drive;
use crate::support::function::scratch;
use crate::support::peer::Peer;

const SECRET: &str = "a secret of the tests only";
const HEAD: &str = "\
id: vexillum
name: Vexillum
docs: https://vexillum.example/docs
target_host: {pattern: \"*.vexillum.example\", example: api.vexillum.example}
auth:
  validate: {path: /me-at-the-api, success: {member: /id}}
  profile: {account_name: /name, email: /email}
";
const OAUTH2: &str = "  type: oauth2
  token_url: https://login.vexillum.example/oauth/token
  scope: [openid, offline_access, api]
  scope_sent: false
";
const CODE: &str = "  grant: authorization_code
  client_auth: body
  authorization: {url: \"https://login.vexillum.example/oauth/authorize\"}
  fields:
    - {name: CLIENT_ID, label: Client id, secret: false}
    - {name: CLIENT_SECRET, label: Client secret}
    - {name: REFRESH_TOKEN, label: Refresh token}
";
const DEVICE: &str = "  grant: device_code
  client_auth: none
  device: {url: \"https://login.vexillum.example/oauth/device\"}
  fields:
    - {name: CLIENT_ID, label: Client id, secret: false}
    - {name: REFRESH_TOKEN, label: Refresh token}
";
const OAUTH1: &str = "  type: oauth1
  request_token_url: https://login.vexillum.example/initiate
  authorize_url: https://login.vexillum.example/authorize
  access_token_url: https://login.vexillum.example/token
  signature_method: HMAC-SHA256
  fields:
    - {name: CONSUMER_KEY, label: Consumer key, secret: false}
    - {name: CONSUMER_SECRET, label: Consumer secret}
    - {name: TOKEN, label: Token}
    - {name: TOKEN_SECRET, label: Token secret}
";

/// What was kept, and where nothing of it may be.
struct Outcome {
    store: Value,
    seen: String,
    said: String,
}

impl Outcome {
    fn kept(&self, name: &str) -> &str {
        let value = self.store[format!("connections/garden/{name}")].as_str();
        value.unwrap_or_else(|| panic!("no {name}"))
    }

    /// These are in the store, and neither the browser nor the terminal saw them.
    fn hides(&self, names: &[&str]) {
        for name in names {
            let secret = self.kept(name);
            assert!(secret.len() > 10, "{name} is too short to be looked for");
            let encoded = [
                secret.to_owned(),
                secret.replace(' ', "+"),
                secret.replace(' ', "%20"),
            ];
            for form in &encoded {
                assert!(!self.seen.contains(form), "{name} was seen in the browser");
                assert!(!self.said.contains(form), "{name} was said in the terminal");
            }
        }
    }
}

/// Connects to an account at `peer`, with the source of these parts, through a script of the browser;
/// and then again in place.
async fn connect(
    peer: &str,
    auth: &[&str],
    script: &str,
    arguments: impl FnOnce(String) -> Value,
) -> Option<(Outcome, Outcome)> {
    let provider = Peer::start(peer, &[])?;
    let folder = scratch("consent");
    let source = [&[HEAD], auth].concat().concat();
    std::fs::write(folder.join("source.yaml"), source).expect("a source");
    let issuer = provider.issuer();
    let environment = [
        ("HUSHGATE_DEV_LOOPBACK", "1"),
        ("HUSHGATE_TOKEN_ORIGIN", issuer),
        ("HUSHGATE_TARGET_HOST", issuer.trim_start_matches("http://")),
    ];
    let way = ["connect", "source.yaml", "--web", "--id", "garden"];
    let first = visit(&folder, &environment, &way, script, arguments).await?;
    // In place: the consent is asked for again, and nothing that is known.
    let way = ["reconnect", "garden", "--source", "source.yaml", "--web"];
    let again = |link| {
        json!({"link": link, "heading": "Reconnect Vexillum", "fields": {}, "account": "Account avery",
            "device": script == "account.mjs" && peer == "oauth2", "asks": peer == "oauth2"})
    };
    let second = visit(&folder, &environment, &way, "account.mjs", again).await?;
    let names = |outcome: &Outcome| -> Vec<String> {
        let entries = outcome.store.as_object().expect("entries");
        entries.keys().cloned().collect()
    };
    assert_eq!(names(&first), names(&second));
    Some((first, second))
}

async fn visit(
    folder: &Path,
    environment: &[(&str, &str)],
    way: &[&str],
    script: &str,
    arguments: impl FnOnce(String) -> Value,
) -> Option<Outcome> {
    let mut command = Running::start(folder, environment, way);
    let link = command.link().await;
    let seen = drive(script, &arguments(link)).await?;
    let (succeeded, said) = command.end().await;
    assert!(succeeded, "{said}");
    assert!(said.contains("Account avery"), "{said}");
    let store = std::fs::read_to_string(folder.join("secrets.json")).expect("the store");
    Some(Outcome {
        store: serde_json::from_str(&store).expect("JSON"),
        seen: seen.to_string(),
        said,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_brings_the_refresh_token_to_the_store_and_nowhere_else() {
    let arguments =
        |link| json!({"link": link, "client": "app", "secret": SECRET, "account": "Account avery"});
    let connected = connect("oauth2", &[OAUTH2, CODE], "consent.mjs", arguments).await;
    let Some((first, second)) = connected else {
        return;
    };
    for outcome in [&first, &second] {
        assert_eq!(outcome.kept("CLIENT_SECRET"), SECRET);
        outcome.hides(&["REFRESH_TOKEN", "CLIENT_SECRET"]);
    }
    assert_ne!(first.kept("REFRESH_TOKEN"), second.kept("REFRESH_TOKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_entered_at_the_vendor_brings_the_refresh_token() {
    let arguments = |link| {
        json!({"link": link, "fields": {"CLIENT_ID": "device"}, "account": "Account avery",
            "heading": "Connect Vexillum", "device": true, "asks": true})
    };
    let connected = connect("oauth2", &[OAUTH2, DEVICE], "account.mjs", arguments).await;
    let Some((first, second)) = connected else {
        return;
    };
    for outcome in [&first, &second] {
        outcome.hides(&["REFRESH_TOKEN"]);
    }
    assert_ne!(first.kept("REFRESH_TOKEN"), second.kept("REFRESH_TOKEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_three_legs_of_oauth_1_bring_the_token_and_its_secret() {
    let arguments = |link| {
        let fields = json!({"CONSUMER_KEY": "hmac", "CONSUMER_SECRET": SECRET});
        json!({"link": link, "fields": fields, "account": "Account avery",
            "heading": "Connect Vexillum", "device": false, "asks": false})
    };
    let connected = connect("oauth1", &[OAUTH1], "account.mjs", arguments).await;
    let Some((first, second)) = connected else {
        return;
    };
    for outcome in [&first, &second] {
        assert_eq!(outcome.kept("CONSUMER_SECRET"), SECRET);
        outcome.hides(&["TOKEN_SECRET", "CONSUMER_SECRET"]);
    }
    assert_ne!(first.kept("TOKEN_SECRET"), second.kept("TOKEN_SECRET"));
}
