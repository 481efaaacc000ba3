//! The exact bytes of every mechanism: `wire/cases.yaml` goes in, `wire/transcript.http` comes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, Method};
use hushgate_gateway::egress::Egress;
use hushgate_gateway::ports::{
    IdentityRequest, PlatformError, PlatformIdentity, PortFuture, Secret,
};
use reqwest::Url;
use serde::Deserialize;

use crate::server::{Server, json, reply};
use crate::setup::{Setup, bearer, egress, key};

#[path = "wire/normal.rs"]
mod normal;

pub(crate) use normal::verified as jwt;

const ANSWER: &str = r#"{"access_token":"at-do-not-show","expires_in":3600,"token_type":"bearer","scope":"x","more":{"a":[1]}}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    source: Option<String>,
    auth: Option<serde_json::Map<String, serde_json::Value>>,
    #[serde(default)]
    secrets: BTreeMap<String, String>,
    #[serde(default)]
    settings: BTreeMap<String, String>,
    user: Option<String>,
    answer: Option<Answer>,
    #[serde(default)]
    call: Call,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Json(String),
    Other { r#type: String, body: String },
}

/// The call to the source's API that the credential is put on.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Call {
    method: Option<String>,
    target: Option<String>,
    r#type: Option<String>,
    body: Option<String>,
}

impl Case {
    fn source(&self) -> String {
        if let Some(id) = &self.source {
            let file = format!(
                "{}/../../rules/{id}/source.yaml",
                env!("CARGO_MANIFEST_DIR")
            );
            return std::fs::read_to_string(file).unwrap();
        }
        let mut auth = self.auth.clone().unwrap();
        let field =
            |name: &String, kept| serde_json::json!({"name": name, "in": kept, "label": name});
        let secrets = self.secrets.keys().map(|name| field(name, "store"));
        let settings = self.settings.keys().map(|name| field(name, "settings"));
        auth.insert("fields".to_owned(), secrets.chain(settings).collect());
        serde_json::json!({"id": "peer", "name": "Peer", "docs": "https://peer.example", "host": "api.peer.example", "auth": auth})
            .to_string()
    }

    /// Runs the case and gives all its requests as text.
    async fn transcript(&self, egress: &Egress) -> String {
        let answer = match &self.answer {
            None => json(ANSWER),
            Some(Answer::Json(body)) => json(body),
            Some(Answer::Other { r#type, body }) => reply("200 OK", r#type, body),
        };
        let server = Server::start(move |_| answer.clone()).await;
        let secrets: Vec<(String, String)> = self
            .secrets
            .iter()
            .map(|(name, value)| (name.clone(), material(value)))
            .collect();
        let borrowed: Vec<(&str, &str)> = secrets
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let settings: Vec<(&str, &str)> = self
            .settings
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        let mut setup = Setup::of(&self.source(), &server.origin, &borrowed);
        setup.settings = &settings;
        setup.platform = Some(Arc::new(Cloud));
        setup.egress = Some(egress.clone());
        let credential = setup.connector().credential(self.user.as_deref()).await;
        let credential = credential.unwrap_or_else(|e| panic!("{}: {}", self.name, e.detail()));

        let method: Method = self
            .call
            .method
            .as_deref()
            .unwrap_or("GET")
            .parse()
            .unwrap();
        let target = self.call.target.as_deref().unwrap_or("/v1/x?a=1");
        let mut url = Url::parse(&format!("{}{target}", server.origin)).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", "Bearer of-the-caller".parse().unwrap());
        if let Some(kind) = &self.call.r#type {
            headers.insert("content-type", kind.parse().unwrap());
        }
        let mut body = self.call.body.clone().map(Bytes::from);
        credential
            .apply(&method, &mut url, &mut headers, &mut body)
            .unwrap();
        let call = egress.request(method, url).unwrap().headers(headers);
        call.body(body.unwrap_or_default()).send().await.unwrap();

        let part = |name: &str| normal::escaped(self.secrets.get(name).map_or("", |v| v.trim()));
        let key = format!("{}&{}", part("CONSUMER_SECRET"), part("TOKEN_SECRET"));
        let requests: Vec<String> = server
            .requests()
            .iter()
            .map(|request| normal::shown(request, &server.origin, &key))
            .collect();
        format!("### {}\n\n{}\n", self.name, requests.join("\n"))
    }
}

/// The key that a placeholder stands for.
fn material(value: &str) -> String {
    match value {
        "$PKCS1" => key().pkcs1_pem.clone(),
        "$PKCS8" => key().pkcs8_pem.clone(),
        "$PKCS8_BASE64" => format!("  {}\n", STANDARD.encode(&key().pkcs8_pem)),
        "$PKCS8_ONE_LINE" => key().pkcs8_pem.replace('\n', "\\n"),
        "$EC" => normal::ec_key().pem.clone(),
        "$GOOGLE" => google_key(),
        "$GOOGLE_BASE64" => STANDARD.encode(google_key()),
        other => other.to_owned(),
    }
}

pub(crate) fn google_key() -> String {
    serde_json::json!({
        "type": "service_account", "project_id": "p", "private_key_id": "kid-1",
        "private_key": key().pkcs8_pem, "client_email": "reader@p.iam.gserviceaccount.com",
        "client_id": "1", "token_uri": "https://evil.example/token",
    })
    .to_string()
}

/// A hosting cloud that vouches for whomever asks.
pub(crate) struct Cloud;

impl PlatformIdentity for Cloud {
    fn assertion<'a>(
        &'a self,
        request: &'a IdentityRequest<'a>,
    ) -> PortFuture<'a, Result<Secret, PlatformError>> {
        let token = format!("jwt-of-{}-for-{}", request.client_id, request.audience);
        Box::pin(async move { Ok(Secret::new(token)) })
    }
}

#[tokio::test]
async fn every_mechanism_sends_exactly_this() {
    let folder = format!("{}/tests/connect/wire", env!("CARGO_MANIFEST_DIR"));
    let cases = std::fs::read_to_string(format!("{folder}/cases.yaml")).unwrap();
    let cases: Vec<Case> = serde_saphyr::from_str(&cases).unwrap();
    let egress = egress(std::time::Duration::from_secs(5));
    let mut transcript = "# What each case of cases.yaml sends; written with BLESS=1, read before it is committed.\n\n".to_owned();
    for case in &cases {
        transcript.push_str(&case.transcript(&egress).await);
    }
    let file = format!("{folder}/transcript.http");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &transcript).unwrap();
    }
    let wanted = std::fs::read_to_string(&file).unwrap_or_default();
    for (is, was) in transcript.split("### ").zip(wanted.split("### ")) {
        assert_eq!(is, was, "if this is meant, run the test with BLESS=1");
    }
    assert_eq!(transcript, wanted);
}

#[tokio::test]
async fn refuses_an_id_that_would_change_the_path() {
    let secrets = [
        ("CLIENT_ID", "x"),
        ("PRIVATE_KEY", key().pkcs1_pem.as_str()),
    ];
    let mut setup = Setup::shipped("github", "http://127.0.0.1:9", &secrets);
    setup.settings = &[("INSTALLATION_ID", "..")];
    let refused = setup.connector().credential(None).await.unwrap_err();
    assert_eq!(refused.cause().code(), "configuration-invalid");
}

#[tokio::test]
async fn refuses_users_that_are_no_addresses() {
    let server = Server::start(|_| json(ANSWER)).await;
    let secrets = [("SERVICE_ACCOUNT_KEY", google_key())];
    let secrets = secrets.each_ref().map(|(n, v)| (*n, v.as_str()));
    let connector = Setup::shipped("gcal", &server.origin, &secrets).connector();
    let long = format!("{}@example.com", "a".repeat(320));
    for user in [
        "",
        "avery",
        "@example.com",
        "avery@",
        "a b@example.com",
        "a@example.com\r\nx: y",
        &long,
    ] {
        let refused = connector.credential(Some(user)).await.unwrap_err();
        assert_eq!(refused.cause().code(), "request-invalid", "{user}");
        assert!(user.is_empty() || !refused.detail().contains(user));
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_host_without_a_platform_says_so() {
    let mut setup = Setup::shipped("outlook-cal", "http://127.0.0.1:9", &[]);
    setup.settings = &[("TENANT_ID", "t"), ("CLIENT_ID", "app-1")];
    let refused = setup.connector().credential(None).await.unwrap_err();
    assert_eq!(refused.cause().code(), "configuration-invalid");
    assert!(refused.detail().contains("connect-platform-missing"));
}

#[test]
fn missing_and_wrong_settings_are_told_when_the_connector_is_made() {
    let told = |settings: &'static [(&str, &str)]| {
        let mut setup = Setup::shipped("outlook-cal", "http://127.0.0.1:9", &[]);
        setup.settings = settings;
        setup.try_connector().err().unwrap().to_string()
    };
    let both = told(&[]);
    assert!(
        both.contains("`TENANT_ID`") && both.contains("`CLIENT_ID`"),
        "{both}"
    );
    let wrong = told(&[
        ("TENANT_ID", "t"),
        ("CLIENT_ID", "c"),
        ("CREDENTIALS_FLOW", "bas1c"),
    ]);
    assert!(
        wrong.contains("`federated`, `certificate`, `body`") && !wrong.contains("bas1c"),
        "{wrong}"
    );
}

#[tokio::test]
async fn a_call_does_not_ask_for_what_only_a_look_at_the_account_needs() {
    let server = Server::start(|_| json("{}")).await;
    let secrets = [("ACCESS_TOKEN", "t")];
    let setup = Setup::shipped("atlassian-organization", &server.origin, &secrets);
    let connector = setup.connector();
    assert!(connector.lacking_secrets().await.is_empty());
    let credential = connector.credential(None).await.unwrap();
    assert_eq!(bearer(&credential), "Bearer t");
    let fault = connector.validate(None).await.unwrap_err();
    assert!(fault.to_string().contains("`ORGANIZATION_ID`"), "{fault}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn values_that_can_not_stand_in_their_place_are_named_and_not_shown() {
    let assertion = "type: oauth2, grant: client_credentials, token_url: 'https://peer.example/token', client_auth: private_key_jwt, assertion: {key: KEY, algorithm: ALGORITHM}, fields: [{name: CLIENT_ID, label: a}, {name: KEY, label: b}]";
    let signed = "type: oauth1, request_token_url: 'https://peer.example/r', authorize_url: 'https://peer.example/a', access_token_url: 'https://peer.example/t', realm: 'of {{REALM}}',
        fields: [{name: CONSUMER_KEY, label: a}, {name: CONSUMER_SECRET, label: b}, {name: TOKEN, label: c}, {name: TOKEN_SECRET, label: d}, {name: REALM, label: e}]";
    let rsa = signed
        .replace(
            "realm: 'of {{REALM}}'",
            "signature_method: RSA-SHA1, private_key: KEY",
        )
        .replace("CONSUMER_SECRET", "KEY")
        .replace(", {name: REALM, label: e}", "");
    let login = "type: pwd, token_url: 'https://peer.example/{{SITE}}/login', headers: {x-tenant: '{{TENANT}}'}, client_auth: basic,
        fields: [{name: SITE, label: s}, {name: TENANT, label: t}, {name: USER_NAME, label: u}, {name: PASSWORD, label: p}]";
    let (rsa_key, ec_key) = (key().pkcs8_pem.as_str(), normal::ec_key().pem.as_str());
    for (auth, name, value, wanted) in [
        (
            assertion.replace("ALGORITHM", "ES256").as_str(),
            "KEY",
            rsa_key,
            "field-invalid: `KEY`",
        ),
        (
            &assertion.replace("ALGORITHM", "RS256"),
            "KEY",
            ec_key,
            "field-invalid: `KEY`",
        ),
        (
            &assertion.replace("ALGORITHM", "PS256"),
            "KEY",
            "do-not-show",
            "field-invalid: `KEY`",
        ),
        (&rsa, "KEY", ec_key, "field-invalid: `KEY`"),
        (signed, "REALM", "do-not-show\"", "field-invalid: `realm`"),
        (signed, "TOKEN", " ", "secret-missing: secret `TOKEN`"),
        (
            login,
            "TENANT",
            "do-not-show\r\nx: y",
            "field-invalid: `TENANT`",
        ),
        (login, "SITE", "..", "field-invalid: `SITE`"),
        (
            login,
            "USER_NAME",
            "do:not-show",
            "field-invalid: `USER_NAME`, `PASSWORD`",
        ),
    ] {
        let yaml = format!(
            "{{id: p, name: P, docs: 'https://p.example', host: api.p.example, auth: {{{auth}}}}}"
        );
        let others = [
            "CLIENT_ID",
            "CONSUMER_KEY",
            "CONSUMER_SECRET",
            "TOKEN",
            "TOKEN_SECRET",
            "REALM",
            "SITE",
            "TENANT",
            "USER_NAME",
            "PASSWORD",
        ];
        let mut secrets = others.map(|name| (name, "x")).to_vec();
        secrets.push((name, value));
        let connector = Setup::of(&yaml, "http://127.0.0.1:9", &secrets).connector();
        let refused = connector.credential(None).await.unwrap_err();
        let detail = refused.detail();
        assert!(detail.starts_with(&format!("connect-{wanted}")), "{detail}");
        assert!(
            !detail.contains("show") && !detail.contains("BEGIN PRIVATE KEY-----\n"),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn a_form_encoded_answer_is_taken_only_where_declared() {
    let server = Server::start(|_| {
        let body = "access_token=gho_1&expires_in=28800&token_type=bearer&scope=";
        reply(
            "200 OK",
            "application/x-www-form-urlencoded; charset=utf-8",
            body,
        )
    })
    .await;
    let secrets = [("CLIENT_ID", "i"), ("CLIENT_SECRET", "s")];
    let yaml = "{id: f, name: F, docs: 'https://f.example', host: api.f.example, auth: {type: oauth2, grant: client_credentials,
        token_url: 'https://f.example/t', client_auth: body, answer: {form: FORM}, fields: [{name: CLIENT_ID, label: a}, {name: CLIENT_SECRET, label: b}]}}";
    let declared = Setup::of(&yaml.replace("FORM", "true"), &server.origin, &secrets).connector();
    assert_eq!(
        bearer(&declared.credential(None).await.unwrap()),
        "Bearer gho_1"
    );
    let other = Setup::of(&yaml.replace("FORM", "false"), &server.origin, &secrets).connector();
    let refused = other.credential(None).await.unwrap_err();
    assert!(
        refused.detail().contains("form-encoded"),
        "{}",
        refused.detail()
    );
}
