//! Every mechanism that is no grant of OAuth 2's own, at a server that checks what it is sent.

use std::path::Path;

use serde_json::{Value, json};

use crate::connections_grants::{CONNECT, check_connected};
use crate::support::desk::{Desk, Said};
use crate::support::peer::Peer;
use crate::tls::{certificates, python};

const PASSWORD: &str = "correct: hörse";

/// A way to authenticate, and what is wrong when it is refused.
struct Mechanism {
    auth: String,
    fields: Value,
    account: &'static str,
    /// What is put in the place of a field, and what the command says then.
    wrong: Vec<Wrong>,
}

struct Wrong {
    field: &'static str,
    value: String,
    code: &'static str,
    /// The cause, or what the vendor says.
    told: &'static str,
}

fn wrong(
    field: &'static str,
    value: impl Into<String>,
    code: &'static str,
    told: &'static str,
) -> Vec<Wrong> {
    let value = value.into();
    vec![Wrong {
        field,
        value,
        code,
        told,
    }]
}

/// A source with this `auth`, whose lines are divided by `; `.
fn declare(desk: &Desk, auth: &str, fields: &Value) {
    let field = |name: &String| {
        let kind = if name == "PRIVATE_KEY" {
            "textarea"
        } else {
            "password"
        };
        format!("{{name: {name}, label: {name}, type: {kind}}}")
    };
    let fields = fields.as_object().expect("fields").keys().map(field);
    let fields: Vec<_> = fields.collect();
    let text = format!(
        "id: peer\nname: Peer\ndocs: https://peer.example\nhost: api.peer.example\nauth:\n  {}\n  \
         validate_error: [/error/message, message, error_description]\n  \
         profile: {{account_name: name, email: email}}\n  fields: [{}]\n",
        auth.replace("; ", "\n  "),
        fields.join(", ")
    );
    desk.write("source.yaml", &text);
}

fn connect(desk: &Desk, mechanism: &Mechanism, fields: &Value) -> Said {
    declare(desk, &mechanism.auth, &mechanism.fields);
    desk.run(CONNECT, &fields.to_string())
}

/// It connects with the right fields; with each wrong one it says so and keeps nothing.
fn check(peer: &Peer, mechanism: &Mechanism) {
    let desk = Desk::at(peer.issuer());
    let ended = connect(&desk, mechanism, &mechanism.fields);
    let kept = mechanism.fields.as_object().expect("fields").keys();
    let kept: Vec<_> = kept.map(String::as_str).collect();
    check_connected(&desk, &ended, mechanism.account, &kept);
    for wrong in &mechanism.wrong {
        let desk = Desk::at(peer.issuer());
        let before = desk.store();
        let mut fields = mechanism.fields.clone();
        assert_ne!(fields[wrong.field], wrong.value);
        fields[wrong.field] = wrong.value.clone().into();
        let ended = connect(&desk, mechanism, &fields);
        let secrets = fields.as_object().expect("fields").values();
        let secrets = secrets.filter_map(Value::as_str).filter(|v| v.len() > 12);
        ended
            .failed(1, wrong.code)
            .hides(&secrets.collect::<Vec<_>>());
        let error = &ended.json()["error"];
        assert_eq!(error["code"], wrong.code, "{}: {error}", mechanism.auth);
        let told = [&error["cause"], &error["vendor"]];
        let told = told.iter().any(|t| **t == wrong.told);
        assert!(told, "{}: `{}`: {error}", mechanism.auth, wrong.told);
        assert_eq!(desk.store(), before, "{}", mechanism.auth);
    }
}

#[test]
fn a_key_stands_in_a_header_the_query_or_the_body() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let places = [
        "in: header, name: x-api-key",
        "in: query, name: api_key",
        "in: body, name: service_key",
    ];
    let checks = [
        "{path: /key/header}",
        "{path: /key/query}",
        "{path: /key/body, method: POST}",
    ];
    for (place, validate) in places.into_iter().zip(checks) {
        let mechanism = Mechanism {
            auth: format!(
                "type: apiKey; send: {{{place}, value: '{{{{API_KEY}}}}'}}; validate: {validate}"
            ),
            fields: json!({"API_KEY": peer.told("key")}),
            account: "key",
            wrong: wrong(
                "API_KEY",
                "key-that-nobody-gave",
                "check-refused",
                "This key is not known here",
            ),
        };
        check(&peer, &mechanism);
    }
}

#[test]
fn user_name_and_password_by_http_basic() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let mechanism = Mechanism {
        auth: "type: pwd; validate: {path: /basic/me}".to_owned(),
        fields: json!({"USER_NAME": "avery", "PASSWORD": PASSWORD}),
        account: "avery",
        wrong: wrong(
            "PASSWORD",
            "correct: horse without dots",
            "check-refused",
            "User or password are wrong",
        ),
    };
    check(&peer, &mechanism);
}

#[test]
fn user_name_and_password_at_a_login_of_the_vendors_own() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let mechanism = Mechanism {
        auth: "type: pwd; token_url: https://login.peer.example/login; \
            body: {json: {user: '{{USER_NAME}}', password: '{{PASSWORD}}'}}; \
            answer: {access_token: /session/token, expires_at: /session/ends}; validate: {path: /v1/me}"
            .to_owned(),
        fields: json!({"USER_NAME": "avery", "PASSWORD": PASSWORD}),
        account: "avery",
        wrong: wrong(
            "PASSWORD",
            "correct: horse without dots",
            "connect-rejected",
            "wrong-password",
        ),
    };
    check(&peer, &mechanism);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_made_by_hand() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let (_, made) = peer.ask("POST", "/control/token", "").await;
    let mechanism = Mechanism {
        auth: "type: oauth2; grant: personal_access_token; validate: {path: /v1/me}".to_owned(),
        fields: json!({"ACCESS_TOKEN": made["access_token"]}),
        account: "avery",
        wrong: wrong(
            "ACCESS_TOKEN",
            "token-that-nobody-made",
            "check-refused",
            "This token is not known here",
        ),
    };
    tokio::task::block_in_place(|| check(&peer, &mechanism));
}

#[test]
fn an_app_that_is_installed() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let Some(folder) = python().map(|python| certificates(&python)) else {
        return;
    };
    let other_key = key_of(&folder.join("client.pem"));
    let wrong = [
        wrong("PRIVATE_KEY", other_key, "connect-rejected", "key-unknown"),
        wrong("CLIENT_ID", "app-2", "connect-rejected", "wrong-id"),
        wrong("INSTALLATION", "4712", "connect-rejected", "wrong-id"),
    ];
    let mechanism = Mechanism {
        auth: "type: oauth2; grant: github_app; \
            token_url: 'https://login.peer.example/app/installations/{{INSTALLATION}}/access_tokens'; \
            assertion: {key: PRIVATE_KEY, issuer: '{{CLIENT_ID}}', lifetime: 9m, backdate: 60s}; \
            answer: {access_token: token, expires_at: expires_at}; validate: {path: /v1/me}; \
            revoke: {kind: call, method: DELETE, path: /installation/token, success: {status: [204]}}"
            .to_owned(),
        fields: json!({"CLIENT_ID": "app-1", "PRIVATE_KEY": peer.told("private_key"), "INSTALLATION": "4711"}),
        account: "installation",
        wrong: wrong.into_iter().flatten().collect(),
    };
    check(&peer, &mechanism);
    let desk = Desk::at(peer.issuer());
    connect(&desk, &mechanism, &mechanism.fields).fine();
    let revoke = [
        "revoke",
        "peer",
        "--source",
        "source.yaml",
        "--yes",
        "--json",
    ];
    let ended = desk.connection(&revoke).fine();
    assert_eq!(ended.json()["at_vendor"], "revoked");
}

#[test]
fn a_certificate_that_the_assertion_names() {
    let Some(folder) = python().map(|python| certificates(&python)) else {
        return;
    };
    let file = folder.join("client.pem");
    let certificate = file.to_str().expect("a path");
    let Some(peer) = Peer::start("oauth2", &[("CLIENT_CERTIFICATE", certificate)]) else {
        return;
    };
    let stranger = "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33";
    let other_key = peer.told("private_key");
    let wrong = [
        wrong("FINGERPRINT", stranger, "connect-rejected", "key-unknown"),
        wrong(
            "PRIVATE_KEY",
            other_key,
            "connect-rejected",
            "client-changed",
        ),
    ];
    let mechanism = Mechanism {
        auth: "type: oauth2; grant: client_credentials; client_auth: certificate; \
            token_url: https://login.peer.example/oauth/token; \
            assertion: {key: PRIVATE_KEY, fingerprint: FINGERPRINT}; validate: {path: /v1/me}"
            .to_owned(),
        fields: json!({"CLIENT_ID": "machine-certificate", "PRIVATE_KEY": key_of(&file),
            "FINGERPRINT": peer.told("fingerprint")}),
        account: "machine-certificate",
        wrong: wrong.into_iter().flatten().collect(),
    };
    check(&peer, &mechanism);
}

/// The private key in a file of PEM blocks.
fn key_of(file: &Path) -> String {
    let text = std::fs::read_to_string(file).expect("the file");
    let at = text.find("-----BEGIN PRIVATE KEY").expect("a key");
    text[at..].to_owned()
}
