//! What is asked about the account behind a connection, and what is shown of the answers.

use hushgate_gateway::connect::{CheckFault, Connector, Diagnosis, Revoked, Source, SourceOptions};

use crate::server::{Action, Server, json, reply, reply_with};
use crate::setup::{MARK, Setup, logs};

/// A source with a token of a refresh token, and everything declared.
const GARDEN: &str = r#"
id: page-garden
name: Page Garden
docs: https://developer.pagegarden.example
host: api.pagegarden.example
base_path: /v2
auth:
  type: oauth2
  grant: refresh_token
  token_url: https://login.pagegarden.example/token
  client_auth: body
  rotation: constant
  shared: false
  validate:
    path: /teams/{{TEAM}}/me
    query: {fields: "id,name"}
    headers: {x-team: "{{TEAM}}"}
    success: {status: [200], member: /ok, equals: "true"}
  validate_error: [/error/message, error]
  profile:
    method: POST
    url: https://login.pagegarden.example/profile
    body: {json: {of: "{{TEAM}}"}}
    account_name: [/team/name, /team/id]
    email: /user/mail
  revoke:
    url: https://login.pagegarden.example/revoke
    client_auth: basic
    params: {team: "{{TEAM}}"}
  fields:
    - {name: CLIENT_ID, label: I, secret: false}
    - {name: CLIENT_SECRET, label: S}
    - {name: REFRESH_TOKEN, label: R}
    - {name: TEAM, label: T, secret: false}
"#;
const SECRETS: &[(&str, &str)] = &[
    ("CLIENT_ID", "the-client"),
    ("CLIENT_SECRET", "do-not-show-secret"),
    ("REFRESH_TOKEN", " do-not-show-refresh\n"),
    ("TEAM", "a b/c"),
];

const TOKEN: &str = r#"{"access_token":"do-not-show-access","expires_in":3600}"#;
const OK: &str = r#"{"ok":true,"id":7}"#;

struct Case {
    server: Server,
    connector: Connector,
}

async fn case(yaml: &str, answers: Vec<Action>) -> Case {
    let last = answers.len() - 1;
    let server = Server::start(move |number| answers[number.min(last)].clone()).await;
    let origin = server.origin.clone();
    let connector = Setup::of(yaml, &origin, SECRETS).connector();
    Case { server, connector }
}

/// The source with another way to give the connection up.
fn with_revoke(own: &str) -> String {
    let start = GARDEN.find("  revoke:").unwrap();
    let end = GARDEN.find("  fields:").unwrap();
    format!("{}{own}{}", &GARDEN[..start], &GARDEN[end..])
}

async fn revoking(own: &str, answers: Vec<Action>) -> Case {
    case(&with_revoke(own), answers).await
}

fn refused(fault: &CheckFault) -> (&'static str, String) {
    (fault.code(), fault.to_string())
}

#[tokio::test]
async fn the_declared_calls_are_made_and_the_account_is_told() {
    let profile = r#"{"team":{"name":null,"id":42},"user":{"mail":" ada@garden.example\r\n"}}"#;
    let case = case(GARDEN, vec![json(TOKEN), json(OK), json(profile)]).await;
    let validated = case.connector.validate(None).await.unwrap();
    assert!(validated.asked);
    assert_eq!(validated.account_name.unwrap().as_str(), "42");
    assert_eq!(validated.email.unwrap().as_str(), "ada@garden.example");

    let requests = case.server.requests();
    let [_, check, profile] = requests.as_slice() else {
        panic!("{} requests", requests.len())
    };
    assert_eq!(
        check.line,
        "GET /v2/teams/a%20b%2Fc/me?fields=id%2Cname HTTP/1.1"
    );
    assert_eq!(check.header("authorization"), "Bearer do-not-show-access");
    assert_eq!(check.header("x-team"), "a b/c");
    assert_eq!(check.header("accept"), "application/json");
    assert_eq!(check.body, "");
    assert_eq!(profile.line, "POST /profile HTTP/1.1");
    assert_eq!(profile.header("content-type"), "application/json");
    assert_eq!(profile.body, r#"{"of":"a b/c"}"#);
}

#[tokio::test]
async fn tokens_that_end_before_instances_can_share_them_are_told() {
    for (life, fine) in [(1, false), (4, false), (5, true)] {
        let token = format!(r#"{{"access_token":"do-not-show-access","expires_in":{life}}}"#);
        let case = case(GARDEN, vec![json(&token), json(OK), json("{}")]).await;
        let checked = case.connector.validate(None).await;
        assert_eq!(checked.is_ok(), fine, "{life}");
        if let Err(fault) = checked {
            let (code, text) = refused(&fault);
            assert_eq!(code, "check-token-too-short");
            assert!(text.contains(&format!("live for {life} s")), "{text}");
            assert_eq!(case.server.requests().len(), 1, "the account was asked for");
        }
    }
}

#[tokio::test]
async fn a_refused_credential_is_renewed_once() {
    let unauthorized = reply("401 Unauthorized", "application/json", "{}");
    let new = json(r#"{"access_token":"new","expires_in":3600}"#);
    let answers = vec![json(TOKEN), unauthorized, new, json(OK), json("{}")];
    let case = case(GARDEN, answers).await;
    let validated = case.connector.validate(None).await.unwrap();
    assert!(validated.account_name.is_none() && validated.email.is_none());
    assert_eq!(
        case.server.requests()[3].header("authorization"),
        "Bearer new"
    );

    let always = reply("401 Unauthorized", "application/json", "{}");
    let again = json(r#"{"access_token":"newer","expires_in":3600}"#);
    let answers = vec![json(TOKEN), always.clone(), again, always];
    let case = self::case(GARDEN, answers).await;
    let fault = case.connector.validate(None).await.unwrap_err();
    assert_eq!(fault.code(), "check-refused");
    assert_eq!(case.server.requests().len(), 4);
}

#[tokio::test]
async fn the_vendors_message_is_for_the_terminal_alone() {
    let body = r#"{"error":{"message":"token do-not-show-access of \u001b[31mtheir-words\r\n was refused"}}"#;
    let forbidden = reply("403 Forbidden", "application/json", body);
    let case = case(GARDEN, vec![json(TOKEN), forbidden]).await;
    let fault = case.connector.validate(None).await.unwrap_err();
    let message = fault.vendor_message().unwrap().as_str();
    assert_eq!(message, "token … of [31mtheir-words was refused");
    let (code, text) = refused(&fault);
    assert_eq!(code, "check-refused");
    assert!(
        text.contains("status 403") && text.contains("scopes"),
        "{text}"
    );
    let shown = format!("{text} {fault:?}");
    tracing::warn!(error = %fault, debug = ?fault, "shown");
    for word in ["their-words", MARK] {
        assert!(!shown.contains(word), "{shown}");
        assert!(!logs().contains(word), "the log holds {word}");
    }
}

#[tokio::test]
async fn only_the_declared_success_is_one() {
    let html = "<html>do-not-show</html>";
    let big = format!(r#"{{"ok":true,"x":"{}"}}"#, "x".repeat(70_000));
    let elsewhere = reply_with("302 Found", "location: https://evil.example/\r\n", "");
    let later = reply_with("429 Too Many Requests", "retry-after: 9\r\n", "");
    let cases = [
        (
            json(r#"{"ok":false,"error":"invalid_auth"}"#),
            "check-not-success",
        ),
        (json(r#"{"error":"x"}"#), "check-not-success"),
        (json(r#"{"ok":[true]}"#), "check-not-success"),
        (json("[]"), "check-not-success"),
        (reply("200 OK", "text/html", html), "check-not-success"),
        (
            reply("204 No Content", "application/json", ""),
            "check-refused",
        ),
        (
            reply("404 Not Found", "application/json", "{}"),
            "check-refused",
        ),
        (elsewhere, "connect-redirected"),
        (later, "check-unavailable"),
        (reply("503 Busy", "text/plain", "x"), "check-unavailable"),
        (json(&big), "connect-answer-too-large"),
        (
            Action::Break(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec()),
            "connect-network",
        ),
        (Action::Silence, "connect-network"),
    ];
    for (answer, wanted) in cases {
        let case = case(GARDEN, vec![json(TOKEN), answer]).await;
        let (code, text) = refused(&case.connector.validate(None).await.unwrap_err());
        assert_eq!(code, wanted, "{text}");
        assert!(!text.contains(MARK), "{text}");
    }
    let refusal = reply(
        "400 Bad Request",
        "application/json",
        r#"{"error":"invalid_grant"}"#,
    );
    let case = case(GARDEN, vec![refusal]).await;
    let fault = case.connector.validate(None).await.unwrap_err();
    assert_eq!(fault.code(), "connect-rejected");
    assert_eq!(fault.diagnosis(), Some(Diagnosis::RefreshTokenUnknown));
    assert!(
        fault.to_string().contains("refresh-token-unknown"),
        "{fault}"
    );
}

#[tokio::test]
async fn without_declared_calls_a_credential_is_all_that_is_known() {
    let plain = GARDEN.split("  validate:").next().unwrap();
    let fields = "  fields:\n    - {name: CLIENT_ID, label: I}\n    - {name: CLIENT_SECRET, label: S}\n    - {name: REFRESH_TOKEN, label: R}\n";
    let case = case(&format!("{plain}{fields}"), vec![json(TOKEN)]).await;
    let validated = case.connector.validate(None).await.unwrap();
    assert!(!validated.asked && validated.account_name.is_none());
    assert_eq!(case.server.requests().len(), 1);
    assert_eq!(case.connector.revoke().await.unwrap(), Revoked::NotDeclared);
    assert_eq!(case.server.requests().len(), 1);
}

#[tokio::test]
async fn a_token_is_revoked_as_rfc_7009_says() {
    let case = case(GARDEN, vec![reply("200 OK", "text/plain", "")]).await;
    assert_eq!(case.connector.revoke().await.unwrap(), Revoked::AtVendor);
    let request = case.server.only();
    assert_eq!(request.line, "POST /revoke HTTP/1.1");
    let basic = "Basic dGhlLWNsaWVudDpkby1ub3Qtc2hvdy1zZWNyZXQ=";
    assert_eq!(request.header("authorization"), basic);
    let form = request.form();
    assert_eq!(form["token"], "do-not-show-refresh");
    assert_eq!(form["token_type_hint"], "refresh_token");
    assert_eq!(form["team"], "a b/c");
    assert_eq!(form.len(), 3);

    let refused = reply(
        "400 Bad Request",
        "application/json",
        r#"{"error":"do-not-show"}"#,
    );
    let case = self::case(GARDEN, vec![refused]).await;
    let (code, text) = self::refused(&case.connector.revoke().await.unwrap_err());
    assert_eq!(code, "check-refused");
    assert!(
        text.contains("revocation") && !text.contains(MARK),
        "{text}"
    );
    let busy = reply("503 Busy", "text/plain", "");
    let case = self::case(GARDEN, vec![busy]).await;
    let fault = case.connector.revoke().await.unwrap_err();
    assert_eq!(fault.code(), "check-unavailable");
}

#[tokio::test]
async fn a_vendors_own_call_revokes_with_the_credential_on_it() {
    let own = "  revoke:\n    kind: call\n    method: DELETE\n    path: /grants/{{access_token}}\n    body: {form: {t: \"{{refresh_token}}\"}}\n    success: {status: [204]}\n";
    let done = reply("204 No Content", "text/plain", "");
    let case = revoking(own, vec![json(TOKEN), done]).await;
    assert_eq!(case.connector.revoke().await.unwrap(), Revoked::AtVendor);
    let request = &case.server.requests()[1];
    assert_eq!(
        request.line,
        "DELETE /v2/grants/do-not-show-access HTTP/1.1"
    );
    assert_eq!(request.header("authorization"), "Bearer do-not-show-access");
    assert_eq!(request.form()["t"], "do-not-show-refresh");
}

#[tokio::test]
async fn a_vendors_own_call_may_carry_the_client_instead_of_the_credential() {
    let own = "  revoke:\n    kind: call\n    client_auth: basic\n    method: DELETE\n    path: /grants\n    body: {json: {token: \"{{access_token}}\"}}\n";
    let token = || json(r#"{"access_token":"a\"b","expires_in":3600}"#);
    let done = reply("204 No Content", "text/plain", "");
    let case = revoking(own, vec![token(), done]).await;
    assert_eq!(case.connector.revoke().await.unwrap(), Revoked::AtVendor);
    let request = &case.server.requests()[1];
    assert_eq!(request.line, "DELETE /v2/grants HTTP/1.1");
    // the-client:do-not-show-secret
    let client = "Basic dGhlLWNsaWVudDpkby1ub3Qtc2hvdy1zZWNyZXQ=";
    assert_eq!(request.header("authorization"), client);
    assert_eq!(request.body, r#"{"token":"a\"b"}"#);

    let refused = reply("404 Not Found", "application/json", "{}");
    let case = revoking(own, vec![token(), refused]).await;
    let fault = case.connector.revoke().await.unwrap_err();
    assert_eq!(fault.code(), "check-refused");
}

#[tokio::test]
async fn a_vendor_that_echoes_the_tokens_of_a_revocation_is_not_quoted_with_them() {
    let own = "  revoke: {kind: call, method: POST, path: /end, body: {json: {t: \"{{refresh_token}}\"}}}\n";
    let yaml = with_revoke(own).replace("rotation: constant", "rotation: rotating");
    let token = r#"{"access_token":"do-not-show-access","refresh_token":"do-not-show-successor","expires_in":3600}"#;
    let echo =
        r#"{"error":"no do-not-show-successor, do-not-show-access, do-not-show-secret here"}"#;
    let refused = reply("400 Bad Request", "application/json", echo);
    let case = case(&yaml, vec![json(token), refused]).await;
    let fault = case.connector.revoke().await.unwrap_err();
    let body = &case.server.requests()[1].body;
    assert_eq!(body, r#"{"t":"do-not-show-successor"}"#);
    let told = fault
        .vendor_message()
        .expect("what the vendor says")
        .as_str();
    assert!(told.starts_with("no ") && told.ends_with(" here"), "{told}");
    assert!(!told.contains(MARK), "{told}");
    assert!(!format!("{fault} {fault:?}").contains(MARK));
}

#[test]
fn a_vendors_own_call_carries_the_client_by_basic_only_and_only_where_there_is_one() {
    let own = |kind: &str| {
        with_revoke(&format!(
            "  revoke: {{kind: call, client_auth: {kind}, method: POST, path: /end}}\n"
        ))
    };
    let key = "id: k\nname: K\ndocs: https://k.example\nhost: api.k.example\nauth:\n  type: apiKey\n  send: {in: header, name: x-api-key, value: \"{{KEY}}\"}\n  revoke: {kind: call, client_auth: basic, method: POST, path: /end}\n  fields:\n    - {name: KEY, label: K}\n";
    let room = "a call of the vendor's own has room for `client_auth: basic` only";
    let needs = "`client_auth` needs what the exchange does not have";
    for (yaml, wanted) in [
        (own("body"), room),
        (own("none"), room),
        (key.to_owned(), needs),
    ] {
        let told = Source::load("source.yaml", &yaml, SourceOptions::default()).unwrap_err();
        let told: Vec<_> = told.iter().map(|p| p.message.as_str()).collect();
        assert_eq!(told, [wanted], "{yaml}");
    }
    let loaded = Source::load("source.yaml", &own("basic"), SourceOptions::default());
    assert!(loaded.is_ok(), "{}", loaded.unwrap_err()[0]);
}

#[tokio::test]
async fn a_vendors_own_address_may_hold_the_token_as_one_component() {
    let own = "  revoke:\n    kind: call\n    method: POST\n    url: \"https://login.pagegarden.example/end/{{access_token}}/{{TEAM}}?t={{refresh_token}}\"\n";
    let token = json(r#"{"access_token":"a/../b?c","expires_in":3600}"#);
    let case = revoking(own, vec![token, json("{}")]).await;
    assert_eq!(case.connector.revoke().await.unwrap(), Revoked::AtVendor);
    assert_eq!(
        case.server.requests()[1].line,
        "POST /end/a%2F..%2Fb%3Fc/a%20b%2Fc?t=do-not-show-refresh HTTP/1.1"
    );
}

#[tokio::test]
async fn a_key_is_looked_at_with_the_key_on_the_call() {
    let yaml = "id: k\nname: K\ndocs: https://k.example\nhost: api.k.example\nauth:\n  type: apiKey\n  send:\n    - {in: header, name: x-api-key, value: \"{{CLIENT_SECRET}}\"}\n    - {in: query, name: team, value: \"{{TEAM}}\"}\n  validate: {path: /me}\n  profile: {account_name: name}\n  fields:\n    - {name: CLIENT_SECRET, label: K}\n    - {name: TEAM, label: T}\n";
    let case = case(yaml, vec![json(r#"{"name":"Acme"}"#)]).await;
    let validated = case.connector.validate(None).await.unwrap();
    assert_eq!(validated.account_name.unwrap().as_str(), "Acme");
    let request = case.server.only();
    assert_eq!(request.line, "GET /me?team=a%20b%2Fc HTTP/1.1");
    assert_eq!(request.header("x-api-key"), "do-not-show-secret");
}
