//! `hushgate connection connect --web` against a provider of another maker, from the terminal's link to
//! the refresh token in the store.

use serde_json::{Value, json};

use super::command::Running;
use super::drive;
use crate::support::function::scratch;
use crate::support::peer::Peer;

const SECRET: &str = "a secret of the tests only";
const SOURCE: &str = "\
id: vexillum
name: Vexillum
docs: https://vexillum.example/docs
target_host: {pattern: \"*.vexillum.example\", example: api.vexillum.example}
auth:
  type: oauth2
  grant: authorization_code
  authorization: {url: \"https://login.vexillum.example/oauth/authorize\"}
  token_url: https://login.vexillum.example/oauth/token
  client_auth: body
  scope: [openid, offline_access, api]
  scope_sent: false
  validate: {path: /me-at-the-api, success: {member: /id}}
  profile: {account_name: /name, email: /email}
  fields:
    - {name: CLIENT_ID, label: Client id, secret: false}
    - {name: CLIENT_SECRET, label: Client secret}
    - {name: REFRESH_TOKEN, label: Refresh token}
";

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_brings_the_refresh_token_to_the_store_and_nowhere_else() {
    let Some(provider) = Peer::start("oauth2", &[]) else {
        return;
    };
    let folder = scratch("consent");
    std::fs::write(folder.join("source.yaml"), SOURCE).expect("a source");
    let issuer = provider.issuer().to_owned();
    let host = issuer.trim_start_matches("http://").to_owned();
    let environment = [
        ("HUSHGATE_DEV_LOOPBACK", "1"),
        ("HUSHGATE_TOKEN_ORIGIN", issuer.as_str()),
        ("HUSHGATE_TARGET_HOST", host.as_str()),
    ];
    let mut command = Running::start(
        &folder,
        &environment,
        &["source.yaml", "--web", "--id", "garden"],
    );
    let link = command.link().await;
    let arguments =
        json!({"link": link, "client": "app", "secret": SECRET, "account": "Account avery"});
    let Some(seen) = drive("consent.mjs", &arguments).await else {
        return;
    };
    let (succeeded, said) = command.end().await;
    assert!(succeeded, "{said}");
    assert!(said.contains("Account avery"), "{said}");

    let store = std::fs::read_to_string(folder.join("secrets.json")).expect("the store");
    let store: Value = serde_json::from_str(&store).expect("JSON");
    let kept = |name: &str| {
        let value = store[format!("connections/garden/{name}")].as_str();
        value.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let refresh_token = kept("REFRESH_TOKEN");
    assert!(refresh_token.len() > 20);
    assert_eq!(kept("CLIENT_SECRET"), SECRET);
    for secret in [
        refresh_token.as_str(),
        SECRET,
        "a+secret+of",
        "a%20secret%20of",
    ] {
        assert!(
            !seen.to_string().contains(secret),
            "{secret} was seen in the browser"
        );
        assert!(!said.contains(secret), "{secret} was said in the terminal");
    }
}
