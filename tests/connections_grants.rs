//! `hushgate connection connect` for every grant, at servers of other makers.

use serde_json::{Value, json};

use crate::support::desk::{Desk, Running, Said};
use crate::support::peer::Peer;
use crate::support::person::{Arrived, Person};

pub(crate) const SECRET: &str = "a secret of the tests only";
pub(crate) const CONNECT: &[&str] = &[
    "connection",
    "connect",
    "source.yaml",
    "--fields-stdin",
    "--json",
];

/// A source with this `auth`; the names of its fields are given.
fn declare(desk: &Desk, auth: &str, fields: &Value) {
    let fields: Vec<_> = fields
        .as_object()
        .expect("fields")
        .keys()
        .map(|name| {
            let kind = if name == "PRIVATE_KEY" {
                "textarea"
            } else {
                "password"
            };
            format!("{{name: {name}, label: {name}, type: {kind}}}")
        })
        .collect();
    let text = format!(
        "id: peer\nname: Peer\ndocs: https://peer.example\nhost: api.peer.example\nauth:\n  {auth}\n  \
         validate: {{path: /v1/me}}\n  profile: {{account_name: name, email: email}}\n  fields: [{}]\n",
        fields.join(", ")
    );
    desk.write("source.yaml", &text);
}

/// Starts `connection connect` for such a source; the fields that have a value are given.
pub(crate) fn connect(desk: &Desk, auth: &str, fields: &Value) -> Running {
    declare(desk, auth, fields);
    let mut given = fields.clone();
    let members = given.as_object_mut().expect("fields");
    members.retain(|_, value| !value.is_null());
    desk.start(CONNECT, &given.to_string())
}

/// A connection was made, to this account, and what it needs is kept, and nothing secret was shown.
pub(crate) fn check_connected(desk: &Desk, ended: &Said, account: &str, kept: &[&str]) {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = ended.json();
    assert_eq!(told["id"], "peer", "{told}");
    assert_eq!(told["account"], format!("Account {account}"), "{told}");
    assert_eq!(told["email"], format!("{account}@example.com"), "{told}");
    let stored = desk.stored();
    for name in kept {
        assert!(
            stored.contains_key(&format!("connections/peer/{name}")),
            "{name}: {:?}",
            stored.keys()
        );
    }
    for (name, value) in stored {
        let open = ["/connection", "/CLIENT_ID", "/CONSUMER_KEY"];
        let secret = value.len() > 12 && !open.iter().any(|end| name.ends_with(end));
        assert!(
            !secret || !ended.text().contains(&value),
            "`{name}` is shown: {ended:?}"
        );
    }
}

/// The `auth` of a source at the OAuth 2 server.
pub(crate) fn oauth2(rest: &str) -> String {
    format!(
        "type: oauth2\n  token_url: https://login.peer.example/oauth/token\n  {}",
        rest.replace("; ", "\n  ")
    )
}

#[test]
fn grants_without_a_consent() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let key = peer.told("private_key");
    let client = |id: &str| json!({"CLIENT_ID": id, "CLIENT_SECRET": SECRET});
    let with = |id: &str, more: Value| {
        let mut fields = client(id);
        let more = more.as_object().expect("fields").clone();
        fields.as_object_mut().expect("fields").extend(more);
        fields
    };
    let person = json!({"USER_NAME": "avery", "PASSWORD": "correct horse"});
    let rows = [
        (
            "grant: client_credentials; client_auth: body",
            client("machine-body"),
            "machine-body",
        ),
        (
            "grant: client_credentials; client_auth: basic",
            client("machine-basic"),
            "machine-basic",
        ),
        (
            "grant: client_credentials; client_auth: private_key_jwt; assertion: {key: PRIVATE_KEY}",
            json!({"CLIENT_ID": "machine-jwt", "PRIVATE_KEY": key}),
            "machine-jwt",
        ),
        (
            "grant: account_credentials; client_auth: basic; params: {account_id: '{{ACCOUNT_ID}}'}",
            with("account", json!({"ACCOUNT_ID": "account-1"})),
            "account-1",
        ),
        (
            "grant: password; client_auth: body",
            with("person", person),
            "avery",
        ),
        (
            "grant: jwt_bearer; client_auth: body; assertion: {key: PRIVATE_KEY, issuer: '{{CLIENT_ID}}', subject: avery, audience: '{{token_url}}'}",
            with("bearer", json!({"PRIVATE_KEY": key})),
            "avery",
        ),
        (
            "grant: token_exchange; client_auth: body; token_exchange: {subject: '{{SUBJECT}}', subject_type: jwt}",
            with(
                "exchanger",
                json!({"SUBJECT": "subject-token-of-the-tests"}),
            ),
            "workload",
        ),
    ];
    for (grant, fields, account) in rows {
        let desk = Desk::at(peer.issuer());
        let ended = connect(&desk, &oauth2(grant), &fields).end();
        let kept: Vec<_> = fields
            .as_object()
            .expect("fields")
            .keys()
            .map(String::as_str)
            .collect();
        check_connected(&desk, &ended, account, &kept);
    }
}

#[tokio::test]
async fn a_refresh_token_that_was_had_elsewhere() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let desk = Desk::at(peer.issuer());
    let seed = peer.seed("app").await;
    let fields = json!({"CLIENT_ID": "app", "CLIENT_SECRET": SECRET, "REFRESH_TOKEN": seed});
    let ended = connect(
        &desk,
        &oauth2("grant: refresh_token; client_auth: body"),
        &fields,
    )
    .end();
    check_connected(&desk, &ended, "avery", &["REFRESH_TOKEN"]);
    // It works once; what came for it is kept.
    assert_ne!(desk.stored()["connections/peer/REFRESH_TOKEN"], seed);
    assert_eq!(peer.events().await["revoked"], 0);
}

#[tokio::test]
async fn an_assertion_is_taken_once() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let fields = json!({"CLIENT_ID": "machine-jwt", "PRIVATE_KEY": peer.told("private_key")});
    let grant = oauth2(
        "grant: client_credentials; client_auth: private_key_jwt; assertion: {key: PRIVATE_KEY}",
    );
    for _ in 0..2 {
        let desk = Desk::at(peer.issuer());
        let ended = connect(&desk, &grant, &fields).end();
        check_connected(&desk, &ended, "machine-jwt", &["PRIVATE_KEY"]);
    }
    let (_, last) = peer.ask("GET", "/control/last", "").await;
    assert!(last["client_assertion"].is_string(), "{last}");
    let mut url = reqwest::Url::parse("http://localhost").expect("an address");
    for (name, value) in last.as_object().expect("parameters") {
        url.query_pairs_mut()
            .append_pair(name, value.as_str().expect("text"));
    }
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let again = client
        .post(format!("{}/oauth/token", peer.issuer()))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(url.query().unwrap_or_default().to_owned());
    let answer = again.send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    assert!(
        answer
            .text()
            .await
            .expect("text")
            .contains("invalid_client")
    );
}

pub(crate) const BROWSER: &str = "authorization: {url: 'https://login.peer.example/oauth/authorize', params: {prompt: consent}}; \
    scope: [openid, offline_access, api]";

/// A person goes where the command sends them, consents, and comes back; others try before.
pub(crate) async fn consent(mut running: Running) -> Said {
    let address = running.address();
    match Person::new().consent(&address).await {
        Arrived::Away(back) => {
            let mut forged = back.clone();
            forged.set_query(Some(
                "code=stolen&state=forged&oauth_token=forged&oauth_verifier=x",
            ));
            let (status, _) = Person::new().arrive(forged).await;
            assert_eq!(status, 400, "a forged answer");
            let (status, page) = Person::new().arrive(back).await;
            assert_eq!(status, 200, "{page}");
        }
        Arrived::Page(page) => {
            assert!(page.to_lowercase().contains("success"), "{page}");
        }
    }
    tokio::task::block_in_place(|| running.end())
}

#[tokio::test(flavor = "multi_thread")]
async fn consents_in_a_browser_with_a_code_challenge() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let rows = [
        ("body", json!({"CLIENT_ID": "app", "CLIENT_SECRET": SECRET})),
        (
            "basic",
            json!({"CLIENT_ID": "app-basic", "CLIENT_SECRET": SECRET}),
        ),
        ("none", json!({"CLIENT_ID": "app-public"})),
    ];
    for (client_auth, mut fields) in rows {
        let desk = Desk::at(peer.issuer());
        let grant = format!("grant: authorization_code; client_auth: {client_auth}; {BROWSER}");
        fields["REFRESH_TOKEN"] = Value::Null;
        let ended = consent(connect(&desk, &oauth2(&grant), &fields)).await;
        check_connected(&desk, &ended, "avery", &["CLIENT_ID", "REFRESH_TOKEN"]);
    }
    let events = peer.events().await;
    assert_eq!(
        (&events["revoked"], &events["refused"]),
        (&json!(0), &json!([]))
    );
    assert_eq!(events["granted"]["authorization_code"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_on_another_device() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let desk = Desk::at(peer.issuer());
    let grant = "grant: device_code; client_auth: none; device: {url: 'https://login.peer.example/oauth/device'}; \
        scope: [openid, offline_access, api]";
    let fields = json!({"CLIENT_ID": "device", "REFRESH_TOKEN": null});
    let ended = consent(connect(&desk, &oauth2(grant), &fields)).await;
    check_connected(&desk, &ended, "avery", &["CLIENT_ID", "REFRESH_TOKEN"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn three_legs_with_every_signature() {
    let Some(peer) = Peer::start("oauth1", &[]) else {
        return;
    };
    let secret = json!(SECRET);
    let rows = [
        ("hmac", "HMAC-SHA1", &secret),
        ("hmac", "HMAC-SHA256", &secret),
        ("plain", "PLAINTEXT", &secret),
        ("rsa", "RSA-SHA1", &json!(peer.told("private_key"))),
    ];
    for (client, method, secret) in rows {
        let desk = Desk::at(peer.issuer());
        let rsa = method == "RSA-SHA1";
        let name = if rsa {
            "PRIVATE_KEY"
        } else {
            "CONSUMER_SECRET"
        };
        let key = if rsa {
            "\n  private_key: PRIVATE_KEY"
        } else {
            ""
        };
        let auth = format!(
            "type: oauth1\n  signature_method: {method}{key}\n  request_token_url: https://login.peer.example/initiate\n  \
             authorize_url: https://login.peer.example/authorize\n  access_token_url: https://login.peer.example/token"
        );
        let fields =
            json!({"CONSUMER_KEY": client, name: secret, "TOKEN": null, "TOKEN_SECRET": null});
        let ended = consent(connect(&desk, &auth, &fields)).await;
        check_connected(&desk, &ended, "avery", &["TOKEN", "TOKEN_SECRET"]);
    }
    let events = peer.events().await;
    assert_eq!(events["refused"], json!([]), "{events}");
    // What was signed once is not taken again.
    let (_, replayed) = peer.ask("POST", "/control/replay", "").await;
    assert_eq!(replayed["status"], 401);
    assert_eq!(peer.events().await["refused"], json!(["invalid_nonce"]));
}
