//! The exact bytes of every mechanism.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hushgate_gateway::ports::{
    IdentityRequest, PlatformError, PlatformIdentity, PortFuture, Secret,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde_json::Value;

use crate::server::{Server, json, reply};
use crate::setup::{START, Setup, apply, bearer, key};

const ANSWER: &str = r#"{"access_token":"at-do-not-show","expires_in":3600,"token_type":"bearer","scope":"x","more":{"a":[1]}}"#;

/// Checks the signature and gives header and claims.
pub(crate) fn jwt(token: &str) -> (Value, Value) {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Value>(
        token,
        &DecodingKey::from_rsa_der(&key().public),
        &validation,
    );
    let header = URL_SAFE_NO_PAD
        .decode(token.split('.').next().unwrap())
        .unwrap();
    (
        serde_json::from_slice(&header).unwrap(),
        claims.unwrap().claims,
    )
}

fn form(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
        .collect()
}

fn basic(pair: &str) -> String {
    format!("Basic {}", STANDARD.encode(pair))
}

#[tokio::test]
async fn account_credentials_as_zoom_wants_them() {
    let server = Server::start(|_| json(ANSWER)).await;
    // Stray white space as copying leaves it.
    let secrets = [
        ("CLIENT_ID", " id\n"),
        ("CLIENT_SECRET", "\u{feff}se+cr:et\r\n"),
        ("ACCOUNT_ID", "\tac/c&t "),
    ];
    let connector = Setup::shipped("zoom", &server.origin, &secrets).connector();
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer at-do-not-show"
    );
    let sent = server.only();
    assert_eq!(sent.line, "POST /oauth/token HTTP/1.1");
    assert_eq!(sent.header("authorization"), basic("id:se+cr:et"));
    assert_eq!(
        sent.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(sent.header("accept"), "application/json");
    assert_eq!(
        sent.form(),
        form(&[
            ("grant_type", "account_credentials"),
            ("account_id", "ac/c&t")
        ])
    );
}

#[tokio::test]
async fn client_credentials_with_the_secret_in_the_body_as_salesforce_wants_them() {
    let server = Server::start(|_| json(r#"{"access_token":"00D!at","instance_url":"https://acme.my.salesforce.com","issued_at":"1","token_type":"Bearer"}"#)).await;
    let secrets = [("CLIENT_ID", "3MVG.id"), ("CLIENT_SECRET", "s e=c")];
    let connector = Setup::shipped("salesforce", &server.origin, &secrets).connector();
    assert_eq!(
        bearer(&connector.credential(None).await.unwrap()),
        "Bearer 00D!at"
    );
    let sent = server.only();
    assert_eq!(sent.line, "POST /services/oauth2/token HTTP/1.1");
    assert_eq!(sent.header("authorization"), "");
    assert_eq!(
        sent.form(),
        form(&[
            ("grant_type", "client_credentials"),
            ("client_id", "3MVG.id"),
            ("client_secret", "s e=c")
        ])
    );
}

#[tokio::test]
async fn refresh_token_with_the_secret_in_the_body_as_atlassian_wants_it() {
    let server = Server::start(|_| json(ANSWER)).await;
    let secrets = [
        ("CLIENT_ID", "id"),
        ("CLIENT_SECRET", "sec"),
        ("REFRESH_TOKEN", "rt+/="),
    ];
    let connector = Setup::shipped("jira-cloud", &server.origin, &secrets).connector();
    connector.credential(None).await.unwrap();
    let sent = server.only();
    assert_eq!(sent.line, "POST /oauth/token HTTP/1.1");
    assert_eq!(
        sent.form(),
        form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", "rt+/="),
            ("client_id", "id"),
            ("client_secret", "sec")
        ])
    );
}

#[tokio::test]
async fn refresh_token_in_the_query_with_basic_encodes_once() {
    let server = Server::start(|_| json(ANSWER)).await;
    let yaml = "{id: q, name: Q, docs: 'https://q.example', host: api.q.example, auth: {type: oauth2, grant: refresh_token,
        token_url: 'https://app.q.example/oauth2/generate', client_auth: basic, params_in: query, fields: [{name: CLIENT_ID, label: a},
        {name: CLIENT_SECRET, label: b}, {name: REFRESH_TOKEN, label: c}]}}";
    let secrets = [
        ("CLIENT_ID", "id"),
        ("CLIENT_SECRET", "sec"),
        ("REFRESH_TOKEN", "a%2Fb+c="),
    ];
    let connector = Setup::of(yaml, &server.origin, &secrets).connector();
    connector.credential(None).await.unwrap();
    let sent = server.only();
    assert!(
        sent.line.starts_with("POST /oauth2/generate?"),
        "{}",
        sent.line
    );
    assert!(
        sent.line.contains("refresh_token=a%252Fb%2Bc%3D"),
        "{}",
        sent.line
    );
    assert_eq!(
        sent.query(),
        form(&[
            ("grant_type", "refresh_token"),
            ("refresh_token", "a%2Fb+c=")
        ])
    );
    assert_eq!(sent.body, "");
    assert_eq!(sent.header("authorization"), basic("id:sec"));
}

#[tokio::test]
async fn github_app_from_every_form_of_key() {
    let keys = [
        key().pkcs1_pem.clone(),
        key().pkcs8_pem.clone(),
        STANDARD.encode(&key().pkcs1_pem),
        format!("  {}\n", STANDARD.encode(&key().pkcs8_pem)),
        key().pkcs8_pem.replace('\n', "\\n"),
    ];
    for pem in keys {
        let server = Server::start(|_| reply("201 Created", "application/json; charset=utf-8",
            r#"{"token":"ghs_do-not-show","expires_at":"2026-11-21T11:00:00Z","permissions":{"issues":"read"},"repository_selection":"all"}"#)).await;
        let mut setup = Setup::shipped(
            "github",
            &server.origin,
            &[("CLIENT_ID", "Iv1.abc"), ("PRIVATE_KEY", &pem)],
        );
        setup.settings = &[("INSTALLATION_ID", "12345")];
        let connector = setup.connector();
        assert_eq!(
            bearer(&connector.credential(None).await.unwrap()),
            "Bearer ghs_do-not-show"
        );
        let sent = server.only();
        assert_eq!(
            sent.line,
            "POST /app/installations/12345/access_tokens HTTP/1.1"
        );
        assert_eq!(
            (sent.body.as_str(), sent.header("content-length")),
            ("", "0")
        );
        assert_eq!(sent.header("accept"), "application/json");
        let (header, claims) = jwt(sent
            .header("authorization")
            .strip_prefix("Bearer ")
            .unwrap());
        assert_eq!(header, serde_json::json!({"typ": "JWT", "alg": "RS256"}));
        assert_eq!(
            claims,
            serde_json::json!({"iss": "Iv1.abc", "iat": START - 60, "exp": START - 60 + 540})
        );
    }
}

#[tokio::test]
async fn an_installation_id_can_not_leave_its_path_segment() {
    let server = Server::start(|_| json(ANSWER)).await;
    let mut setup = Setup::shipped(
        "github",
        &server.origin,
        &[("CLIENT_ID", "x"), ("PRIVATE_KEY", &key().pkcs1_pem)],
    );
    setup.settings = &[("INSTALLATION_ID", "1/../../x?y#z")];
    let refused = setup.connector().credential(None).await.unwrap_err();
    assert_eq!(refused.cause().code(), "source-error");
    assert_eq!(
        server.only().line,
        "POST /app/installations/1%2F..%2F..%2Fx%3Fy%23z/access_tokens HTTP/1.1"
    );
    let mut setup = Setup::shipped(
        "github",
        &server.origin,
        &[("CLIENT_ID", "x"), ("PRIVATE_KEY", &key().pkcs1_pem)],
    );
    setup.settings = &[("INSTALLATION_ID", "..")];
    let refused = setup.connector().credential(None).await.unwrap_err();
    assert_eq!(refused.cause().code(), "configuration-invalid");
}

pub(crate) fn google_key() -> String {
    serde_json::json!({
        "type": "service_account", "project_id": "p", "private_key_id": "kid-1", "private_key": key().pkcs8_pem,
        "client_email": "reader@p.iam.gserviceaccount.com", "client_id": "1",
        "token_uri": "https://evil.example/token",
    })
    .to_string()
}

#[tokio::test]
async fn google_service_account_acts_for_each_user() {
    for stored in [google_key(), STANDARD.encode(google_key())] {
        let server = Server::start(|n| {
            json(&format!(
                r#"{{"access_token":"t{n}","expires_in":3599,"token_type":"Bearer"}}"#
            ))
        })
        .await;
        let connector =
            Setup::shipped("gcal", &server.origin, &[("SERVICE_ACCOUNT_KEY", &stored)]).connector();
        for (user, token) in [
            ("avery@example.com", "Bearer t0"),
            ("blake@example.com", "Bearer t1"),
            ("avery@example.com", "Bearer t0"),
        ] {
            assert_eq!(
                bearer(&connector.credential(Some(user)).await.unwrap()),
                token
            );
        }
        assert_eq!(
            bearer(&connector.credential(None).await.unwrap()),
            "Bearer t2"
        );
        let sent = server.requests();
        assert_eq!(sent.len(), 3);
        for (request, sub) in
            sent.iter()
                .zip([Some("avery@example.com"), Some("blake@example.com"), None])
        {
            assert_eq!(request.line, "POST /token HTTP/1.1");
            let form = request.form();
            assert_eq!(form.len(), 2);
            assert_eq!(
                form["grant_type"],
                "urn:ietf:params:oauth:grant-type:jwt-bearer"
            );
            let (header, claims) = jwt(&form["assertion"]);
            assert_eq!(
                header,
                serde_json::json!({"typ": "JWT", "alg": "RS256", "kid": "kid-1"})
            );
            assert_eq!(claims["iss"], "reader@p.iam.gserviceaccount.com");
            assert_eq!(
                claims["scope"],
                "https://www.googleapis.com/auth/calendar.readonly"
            );
            // Never the address that the key file names.
            assert_eq!(claims["aud"], format!("{}/token", server.origin));
            assert_eq!(claims.get("sub").and_then(Value::as_str), sub);
            assert_eq!(
                (claims["iat"].as_u64(), claims["exp"].as_u64()),
                (Some(START), Some(START + 3600))
            );
        }
    }
}

#[tokio::test]
async fn refuses_users_that_are_no_addresses() {
    let server = Server::start(|_| json(ANSWER)).await;
    let connector = Setup::shipped(
        "gcal",
        &server.origin,
        &[("SERVICE_ACCOUNT_KEY", &google_key())],
    )
    .connector();
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

const OUTLOOK: &[(&str, &str)] = &[("TENANT_ID", "11111111-aaaa"), ("CLIENT_ID", "app-1")];

#[tokio::test]
async fn entra_with_a_certificate() {
    let server = Server::start(|_| json(ANSWER)).await;
    let fingerprint =
        "sha1 Fingerprint=84:E0:5C:1D:98:BC:E3:A5:42:1D:22:5B:14:0B:36:E8:6A:3D:55:34";
    let mut setup = Setup::shipped(
        "outlook-cal",
        &server.origin,
        &[
            ("PRIVATE_KEY", &key().pkcs8_pem),
            ("PRIVATE_KEY_ID", fingerprint),
        ],
    );
    let settings = [OUTLOOK, &[("CREDENTIALS_FLOW", "certificate")]].concat();
    setup.settings = &settings;
    let connector = setup.connector();
    connector.credential(None).await.unwrap();
    let sent = server.only();
    assert_eq!(sent.line, "POST /11111111-aaaa/oauth2/v2.0/token HTTP/1.1");
    let mut sent_form = sent.form();
    let (header, claims) = jwt(&sent_form.remove("client_assertion").unwrap());
    assert_eq!(
        sent_form,
        form(&[
            ("grant_type", "client_credentials"),
            ("client_id", "app-1"),
            ("scope", "https://graph.microsoft.com/.default"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            ),
        ])
    );
    assert_eq!(
        header,
        serde_json::json!({"typ": "JWT", "alg": "RS256", "x5t": "hOBcHZi846VCHSJbFAs26Go9VTQ"})
    );
    assert_eq!(
        (&claims["iss"], &claims["sub"]),
        (&Value::from("app-1"), &Value::from("app-1"))
    );
    assert_eq!(
        claims["aud"],
        format!("{}/11111111-aaaa/oauth2/v2.0/token", server.origin)
    );
    assert_eq!(
        (claims["iat"].as_u64(), claims["exp"].as_u64()),
        (Some(START), Some(START + 300))
    );
    assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
}

pub(crate) struct Cloud;

impl PlatformIdentity for Cloud {
    fn assertion<'a>(
        &'a self,
        request: &'a IdentityRequest<'a>,
    ) -> PortFuture<'a, Result<Secret, PlatformError>> {
        let IdentityRequest {
            audience,
            client_id,
        } = request;
        Box::pin(async move { Ok(Secret::new(format!("jwt-of-{client_id}-for-{audience}"))) })
    }
}

#[tokio::test]
async fn entra_with_the_identity_of_the_cloud() {
    let server = Server::start(|_| json(ANSWER)).await;
    let mut setup = Setup::shipped("outlook-cal", &server.origin, &[]);
    setup.settings = OUTLOOK;
    setup.platform = Some(Arc::new(Cloud));
    setup.connector().credential(None).await.unwrap();
    assert_eq!(
        server.only().form(),
        form(&[
            ("grant_type", "client_credentials"),
            ("client_id", "app-1"),
            ("scope", "https://graph.microsoft.com/.default"),
            (
                "client_assertion_type",
                "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            ),
            (
                "client_assertion",
                "jwt-of-app-1-for-api://AzureADTokenExchange"
            ),
        ])
    );
}

#[tokio::test]
async fn a_host_without_a_platform_says_so() {
    let mut setup = Setup::shipped("outlook-cal", "http://127.0.0.1:9", &[]);
    setup.settings = OUTLOOK;
    let refused = setup.connector().credential(None).await.unwrap_err();
    assert_eq!(refused.cause().code(), "configuration-invalid");
    assert!(
        refused.detail().contains("connect-platform-missing"),
        "{}",
        refused.detail()
    );
}

#[tokio::test]
async fn entra_with_a_client_secret() {
    let server = Server::start(|_| json(ANSWER)).await;
    let mut setup = Setup::shipped("outlook-cal", &server.origin, &[("CLIENT_SECRET", "s")]);
    let settings = [OUTLOOK, &[("CREDENTIALS_FLOW", "body")]].concat();
    setup.settings = &settings;
    setup.connector().credential(None).await.unwrap();
    assert_eq!(
        server.only().form(),
        form(&[
            ("grant_type", "client_credentials"),
            ("client_id", "app-1"),
            ("client_secret", "s"),
            ("scope", "https://graph.microsoft.com/.default"),
        ])
    );
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

fn keyed(send: &str) -> String {
    format!(
        "{{id: k, name: K, docs: 'https://k.example', host: api.k.example, auth: {{type: apiKey, send: {send}, fields: [{{name: KEY, label: k}}]}}}}"
    )
}

#[tokio::test]
async fn static_credentials_stand_where_they_are_declared() {
    let server = Server::start(|_| json(ANSWER)).await;
    let of = |yaml: String| Setup::of(&yaml, &server.origin, &[("KEY", " k-1=\n")]).connector();

    let slack = Setup::shipped(
        "slack-discovery-api",
        &server.origin,
        &[("ACCESS_TOKEN", "xoxp-1")],
    )
    .connector();
    assert_eq!(
        bearer(&slack.credential(None).await.unwrap()),
        "Bearer xoxp-1"
    );

    let own = apply(
        &of(keyed("{in: header, name: x-api-key, value: '{{KEY}}'}"))
            .credential(None)
            .await
            .unwrap(),
    );
    assert_eq!(own.header("x-api-key"), "k-1=");

    let basic_user = apply(
        &of(keyed("{in: basic, user: '{{KEY}}'}"))
            .credential(None)
            .await
            .unwrap(),
    );
    assert_eq!(basic_user.header("authorization"), basic("k-1=:"));

    let query = apply(
        &of(keyed("{in: query, name: api_key, value: '{{KEY}}'}"))
            .credential(None)
            .await
            .unwrap(),
    );
    assert_eq!(query.url.query(), Some("a=1&api_key=k-1%3D"));

    let body = apply(
        &of(keyed("{in: body, name: service_key, value: '{{KEY}}'}"))
            .credential(None)
            .await
            .unwrap(),
    );
    assert_eq!(body.body.unwrap(), r#"{"service_key":"k-1="}"#);

    let pwd = "{id: p, name: P, docs: 'https://p.example', host: p.example.com, auth: {type: pwd, fields: [{name: USER_NAME, label: u}, {name: PASSWORD, label: p}]}}";
    let pwd = Setup::of(
        pwd,
        &server.origin,
        &[("USER_NAME", "avery"), ("PASSWORD", "p:w")],
    )
    .connector();
    assert_eq!(
        bearer(&pwd.credential(None).await.unwrap()),
        basic("avery:p:w")
    );
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn accepts_a_form_encoded_answer_where_declared() {
    let server = Server::start(|_| {
        reply(
            "200 OK",
            "application/x-www-form-urlencoded; charset=utf-8",
            "access_token=gho_1&expires_in=28800&refresh_token=ghr_2&token_type=bearer&scope=",
        )
    })
    .await;
    let yaml = |form| {
        format!("{{id: f, name: F, docs: 'https://f.example', host: api.f.example, auth: {{type: oauth2, grant: client_credentials,
        token_url: 'https://f.example/t', client_auth: body, answer: {{form: {form}}}, fields: [{{name: CLIENT_ID, label: a}}, {{name: CLIENT_SECRET, label: b}}]}}}}")
    };
    let secrets = [("CLIENT_ID", "i"), ("CLIENT_SECRET", "s")];
    let declared = Setup::of(&yaml(true), &server.origin, &secrets).connector();
    assert_eq!(
        bearer(&declared.credential(None).await.unwrap()),
        "Bearer gho_1"
    );
    let other = Setup::of(&yaml(false), &server.origin, &secrets).connector();
    let refused = other.credential(None).await.unwrap_err();
    assert!(
        refused.detail().contains("form-encoded"),
        "{}",
        refused.detail()
    );
}
