//! A connection that several use at once: sources of one family, and functions while it is ended.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Response};
use reqwest::Method;
use serde_json::{Value, json};

use crate::connections_grants::{CONNECT, SECRET, connect, oauth2};
use crate::support::desk::Desk;
use crate::support::peer::Peer;

/// Families of shipped sources: the first, those it serves beside, and its fields without the key.
fn families() -> [(&'static str, &'static str, Value); 3] {
    let entra = "azure-ad,msft-copilot,msft-entra-id,msft-onedrive,msft-teams,outlook-mail";
    [
        (
            "gcal",
            "gmail,gdrive,gdirectory,google-chat,google-meet,gemini-in-workspace-apps",
            json!({}),
        ),
        (
            "outlook-cal",
            entra,
            json!({"TENANT_ID": "contoso.example", "CLIENT_ID": "11111111-2222-3333-4444-555555555555",
                "CREDENTIALS_FLOW": "body", "CLIENT_SECRET": "client-secret-of-the-tests"}),
        ),
        (
            "github",
            "github-copilot,github-non-enterprise",
            json!({"CLIENT_ID": "app-of-the-tests", "INSTALLATION_ID": "4711"}),
        ),
    ]
}

/// Every vendor: a token for whoever asks, and an answer to every call; what was called is written down.
async fn vendor(calls: &Arc<Mutex<Vec<String>>>) -> LoopbackServer {
    let calls = Arc::clone(calls);
    LoopbackServer::start(move |request| {
        let asks = request.method() == Method::POST;
        let token = json!({"access_token": "token-of-the-tests", "token": "token-of-the-tests",
            "expires_in": 3600, "expires_at": "2030-01-01T00:00:00Z"});
        let body = if asks { token } else { json!({}) };
        let path = request.uri().path().to_owned();
        calls.lock().expect("the calls").push(path);
        let mut response = Response::new(Bytes::from(body.to_string()));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    })
    .await
    .expect("a vendor")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_account_serves_all_shipped_sources_of_its_family() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let key = peer.told("private_key");
    for (main, others, mut fields) in families() {
        let calls = Arc::default();
        let vendor = vendor(&calls).await;
        let desk = Desk::at(&vendor.url());
        match main {
            "gcal" => {
                fields["SERVICE_ACCOUNT_KEY"] = json!({
                    "type": "service_account", "private_key": key, "private_key_id": "1",
                    "client_email": "reader@project.example", "client_id": "1",
                })
                .to_string()
                .into();
            }
            "github" => fields["PRIVATE_KEY"] = key.into(),
            _ => {}
        }
        let arguments = [
            "connection",
            "connect",
            main,
            "--serves",
            others,
            "--act-for",
            "admin@example.com",
            "--fields-stdin",
            "--json",
        ];
        let ended = desk.run(&arguments, &fields.to_string());
        assert_eq!(ended.code, Some(0), "{main}: {ended:?}");
        let mut all = vec![main];
        all.extend(others.split(','));
        assert_eq!(ended.json()["serves"], json!(all), "{ended:?}");
        // One set of secrets, under one id.
        let ids: Vec<_> = desk.stored().into_keys().collect();
        let prefix = format!("connections/{main}/");
        assert!(ids.iter().all(|name| name.starts_with(&prefix)), "{ids:?}");
        // The vendor was asked for each.
        let asked = calls.lock().expect("the calls").clone();
        assert!(asked.len() > all.len(), "{main}: {asked:?}");
        // A source of another family has no part in it.
        let before = desk.store();
        let more = [
            "connection",
            "reconnect",
            main,
            "--serves",
            "zoom",
            "--json",
        ];
        let refused = desk.run(&[&more[..], &["--fields-stdin"]].concat(), "{}");
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert_eq!(refused.json()["error"]["code"], "connection-family");
        assert_eq!(desk.store(), before);
    }
}

const REVOKE: &str = "revoke: {url: 'https://login.peer.example/oauth/revoke'}";

/// Writes entries into the desk's store as another process does.
fn put(desk: &Desk, entries: &[(&str, String)]) {
    let mut stored = desk.stored();
    for (name, value) in entries {
        stored.insert(format!("connections/peer/{name}"), value.clone());
    }
    desk.write("new.json", &json!(stored).to_string());
    let moved = std::fs::rename(
        desk.folder.join("new.json"),
        desk.folder.join("secrets.json"),
    );
    moved.expect("it takes the store's place");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_renewed_while_it_is_ended_ends_with_its_newest_token() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let (desk, function) = (Desk::at(peer.issuer()), Desk::at(peer.issuer()));
    let auth = oauth2(&format!(
        "grant: refresh_token; client_auth: body; {REVOKE}"
    ));
    let fields =
        |token: &str| json!({"CLIENT_ID": "app", "CLIENT_SECRET": SECRET, "REFRESH_TOKEN": token});
    let ended = connect(&desk, &auth, &fields(&peer.seed("app").await)).end();
    assert_eq!(ended.code, Some(0), "{ended:?}");
    // A function holds the lock of renewals for some seconds.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a time");
    let until = (now + Duration::from_secs(4)).as_millis();
    put(
        &desk,
        &[("OAUTH_REFRESH_TOKEN", format!("{until} a-function"))],
    );
    let arguments = [
        "connection",
        "revoke",
        "peer",
        "--source",
        "source.yaml",
        "--yes",
        "--json",
    ];
    let revoking = desk.start(&arguments, "");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let old = desk.stored()["connections/peer/REFRESH_TOKEN"].clone();
    let renewed = connect(&function, &auth, &fields(&old)).end();
    assert_eq!(
        renewed.code,
        Some(0),
        "revoked under the function: {renewed:?}"
    );
    let new = function.stored()["connections/peer/REFRESH_TOKEN"].clone();
    put(&desk, &[("REFRESH_TOKEN", new.clone())]);
    let ended = tokio::task::block_in_place(|| revoking.end());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.json()["at_vendor"], "revoked");
    assert_eq!(desk.stored().len(), 0);
    // The newest token is dead, too.
    let stranger = Desk::at(peer.issuer());
    let again = connect(&stranger, &auth, &fields(&new)).end();
    assert_eq!(
        again.json()["error"]["code"],
        "connect-rejected",
        "{again:?}"
    );
}

/// A source whose check no account passes, and the fields for it.
async fn in_vain(peer: &Peer) -> (Desk, Value) {
    let desk = Desk::at(peer.issuer());
    desk.write(
        "source.yaml",
        "id: peer
name: Peer
docs: https://peer.example
host: api.peer.example
auth:
  type: oauth2
  grant: refresh_token
  token_url: https://login.peer.example/oauth/token
  client_auth: body
  validate: {path: /v1/me, success: {member: /never-there}}
  fields:
    - {name: CLIENT_ID, label: Client id}
    - {name: CLIENT_SECRET, label: Client secret}
    - {name: REFRESH_TOKEN, label: Refresh token}
",
    );
    let token = peer.seed("app").await;
    let fields = json!({"CLIENT_ID": "app", "CLIENT_SECRET": SECRET, "REFRESH_TOKEN": token});
    (desk, fields)
}

#[tokio::test]
async fn a_refresh_token_that_was_used_up_in_vain_is_told() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let (desk, fields) = in_vain(&peer).await;
    let before = desk.store();
    let ended = desk.run(CONNECT, &fields.to_string());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let error = ended.json()["error"].clone();
    assert_eq!(error["code"], "check-not-success");
    let message = error["message"].as_str().expect("a text");
    assert!(
        message.contains("`REFRESH_TOKEN` was exchanged"),
        "{message}"
    );
    assert_eq!(desk.store(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_attempt_on_the_page_goes_on_with_the_newest_refresh_token() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let (desk, fields) = in_vain(&peer).await;
    let before = desk.store();
    let mut running = desk.start(&["connection", "connect", "source.yaml", "--web"], "");
    let link = running.address();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .expect("a client");
    let entered = client.get(&link).send().await.expect("the page");
    let cookie = entered.headers()["set-cookie"].to_str().expect("a cookie");
    let cookie = cookie.split(';').next().expect("a pair").to_owned();
    let hop = entered.headers()["location"].to_str().expect("an address");
    let (base, _) = hop.rsplit_once('/').expect("a path");
    let origin = base.rsplit_once('/').expect("an address").0;
    let post = async |place: &str, body: String| {
        let request = client
            .post(format!("{base}/{place}"))
            .header("cookie", &cookie)
            .header("origin", origin)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        assert_eq!(request.send().await.expect("an answer").status(), 303);
        let page = client.get(format!("{base}/")).header("cookie", &cookie);
        let page = page.send().await.expect("the page");
        page.text().await.expect("text")
    };
    let mut form = reqwest::Url::parse("http://localhost").expect("an address");
    for (name, value) in fields.as_object().expect("fields") {
        let value = value.as_str().expect("a text");
        form.query_pairs_mut().append_pair(name, value);
    }
    let first = post("answers", form.query().expect("a form").to_owned()).await;
    assert!(first.contains("check-not-success"), "{first}");
    // What was entered need not be entered again; both ways lead on.
    let kept = "CLIENT_ID=&CLIENT_SECRET=&REFRESH_TOKEN=".to_owned();
    let second = post("answers", kept).await;
    assert!(second.contains("check-not-success"), "{second}");
    let third = post("answers", form.query().expect("a form").to_owned()).await;
    assert!(third.contains("check-not-success"), "{third}");
    let events = peer.events().await;
    assert_eq!(events["granted"]["refresh_token"], 3, "{events}");
    assert_eq!(
        (&events["revoked"], &events["refused"]),
        (&json!(0), &json!([]))
    );
    post("cancel", String::new()).await;
    let ended = tokio::task::block_in_place(|| running.end());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.err.contains("`REFRESH_TOKEN` was exchanged"),
        "{ended:?}"
    );
    assert_eq!(desk.store(), before);
}
