//! A token endpoint that misbehaves: each way gives its own coded refusal, and nothing of it is shown.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::server::{Action, Server, json, reply, reply_with};
use crate::setup::{MARK, Setup, logs};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn token(members: &str) -> Action {
    json(&format!(r#"{{"access_token":"at-{MARK}"{members}}}"#))
}

/// The scenario, the answer, the cause and the fault's code.
#[expect(clippy::too_many_lines, reason = "a table")]
fn scenarios() -> Vec<(&'static str, Action, &'static str, &'static str)> {
    let bomb = gzip(&vec![b' '; 50 << 20]);
    let error = |status, body: &str| reply(status, "application/json", body);
    vec![
        (
            "silence",
            Action::Silence,
            "source-timeout",
            "connect-network",
        ),
        (
            "a head and then silence",
            Action::Break(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{\"acc".to_vec()),
            "source-interrupted",
            "connect-network",
        ),
        (
            "closed at once",
            Action::Break(Vec::new()),
            "source-interrupted",
            "connect-network",
        ),
        (
            "not HTTP",
            Action::Reply(format!("{MARK}\r\n\r\n").into_bytes()),
            "source-interrupted",
            "connect-network",
        ),
        (
            "a page with 200",
            reply("200 OK", "text/html", format!("<html>{MARK}</html>")),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a page said to be JSON",
            reply("200 OK", "application/json", format!("<html>{MARK}</html>")),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "nothing",
            json(""),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a list",
            json("[1]"),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "cut JSON",
            json(r#"{"access_token":"do-not-show","expires"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "not UTF-8",
            reply("200 OK", "application/json", b"{\"access_token\":\"\xff\"}"),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "no token",
            json(r#"{"expires_in":3600}"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a number as token",
            json(r#"{"access_token":12345}"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "an object as token",
            json(r#"{"access_token":{"do-not-show":1}}"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "an empty token",
            json(r#"{"access_token":""}"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a token that splits a header",
            json(r#"{"access_token":"do-not-show\r\nx: y"}"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a huge token",
            json(&format!(r#"{{"access_token":"{}"}}"#, "a".repeat(20_000))),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a text as lifetime",
            token(r#","expires_in":"3600""#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a fraction as lifetime",
            token(r#","expires_in":3600.5"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a negative lifetime",
            token(r#","expires_in":-1"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "no lifetime at all",
            token(r#","expires_in":0"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a huge lifetime",
            token(r#","expires_in":99999999999999999999"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a lifetime of a century",
            token(r#","expires_in":3155760000"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a list as refresh token",
            token(r#","refresh_token":["do-not-show"]"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "another token type",
            token(r#","token_type":"mac""#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a number as token type",
            token(r#","token_type":1"#),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a form-encoded answer",
            reply(
                "200 OK",
                "application/x-www-form-urlencoded",
                "access_token=do-not-show",
            ),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "an error with 200",
            json(r#"{"error":"bad_refresh_token","error_description":"do-not-show"}"#),
            "credential-rejected",
            "connect-rejected",
        ),
        (
            "a gzip bomb",
            reply_with(
                "200 OK",
                "content-type: application/json\r\ncontent-encoding: gzip\r\n",
                bomb,
            ),
            "response-too-large",
            "connect-answer-too-large",
        ),
        (
            "a large answer",
            json(&format!(
                r#"{{"access_token":"x","pad":"{}"}}"#,
                "p".repeat(70_000)
            )),
            "response-too-large",
            "connect-answer-too-large",
        ),
        (
            "broken gzip",
            reply_with("200 OK", "content-encoding: gzip\r\n", MARK),
            "source-interrupted",
            "connect-network",
        ),
        (
            "an unknown coding",
            reply_with("200 OK", "content-encoding: compress\r\n", MARK),
            "source-error",
            "connect-answer-invalid",
        ),
        (
            "a redirect elsewhere",
            reply_with(
                "302 Found",
                "location: http://127.0.0.1:1/do-not-show\r\n",
                "",
            ),
            "redirect-refused",
            "connect-redirected",
        ),
        (
            "a redirect that keeps the body",
            reply_with("307 Temporary Redirect", "location: /do-not-show\r\n", ""),
            "redirect-refused",
            "connect-redirected",
        ),
        (
            "too many requests",
            reply_with("429 Too Many Requests", "retry-after: 7\r\n", MARK),
            "source-unreachable",
            "connect-unavailable",
        ),
        (
            "too many requests until a date",
            reply_with(
                "429 Too Many Requests",
                "retry-after: Sat, 21 Nov 2026 10:00:30 GMT\r\n",
                "",
            ),
            "source-unreachable",
            "connect-unavailable",
        ),
        (
            "too many requests, nonsense",
            reply_with("429 Too Many Requests", "retry-after: do-not-show\r\n", ""),
            "source-unreachable",
            "connect-unavailable",
        ),
        (
            "a server error",
            error("500 Internal Server Error", r#"{"error":"do-not-show"}"#),
            "source-unreachable",
            "connect-unavailable",
        ),
        (
            "a bad gateway page",
            reply("502 Bad Gateway", "text/html", MARK),
            "source-unreachable",
            "connect-unavailable",
        ),
        (
            "unauthorized",
            error(
                "401 Unauthorized",
                r#"{"error":"invalid_client","error_description":"do-not-show"}"#,
            ),
            "credential-rejected",
            "connect-rejected",
        ),
        (
            "an unknown error",
            error("400 Bad Request", r#"{"error":"do-not-show"}"#),
            "credential-rejected",
            "connect-rejected",
        ),
        (
            "an error of another shape",
            error("400 Bad Request", r#"{"error":{"message":"do-not-show"}}"#),
            "credential-rejected",
            "connect-rejected",
        ),
        (
            "forbidden by a page",
            reply("403 Forbidden", "text/html", MARK),
            "credential-rejected",
            "connect-rejected",
        ),
        (
            "not found",
            error("404 Not Found", "{}"),
            "credential-rejected",
            "connect-rejected",
        ),
    ]
}

#[tokio::test]
async fn every_misbehaviour_is_a_coded_refusal_that_shows_nothing() {
    let mut ran = 0;
    for (name, action, cause, code) in scenarios() {
        let server = Server::start(move |_| action.clone()).await;
        let secrets = [
            ("CLIENT_ID", format!("id-{MARK}")),
            ("CLIENT_SECRET", format!("secret-{MARK}")),
            ("REFRESH_TOKEN", format!("refresh-{MARK}")),
        ];
        let secrets: Vec<(&str, &str)> = secrets.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let setup = Setup::shipped("jira-cloud", &server.origin, &secrets);
        let refused = setup.connector().credential(None).await.expect_err(name);
        assert_eq!(
            refused.cause().code(),
            cause,
            "{name}: {}",
            refused.detail()
        );
        assert!(
            refused.detail().starts_with(&format!("{code}: ")),
            "{name}: {}",
            refused.detail()
        );
        for text in [refused.to_string(), format!("{refused:?}")] {
            assert!(
                !text.contains(MARK) && !text.contains("127.0.0.1"),
                "{name}: {text}"
            );
        }
        assert_eq!(server.requests().len(), 1, "{name}");
        ran += 1;
    }
    assert!(ran >= 40);
    let logged = logs();
    assert!(logged.contains("connect-rejected"));
    // Only what this crate logs: the HTTP client's own trace lines are not enabled in a function.
    let ours = logged.lines().filter(|l| l.contains("hushgate"));
    assert_eq!(ours.filter(|l| l.contains(MARK)).count(), 0);
}

#[tokio::test]
async fn a_known_error_is_named_with_its_next_step() {
    let server = Server::start(|_| reply("400 Bad Request", "application/json",
        r#"{"error":"unauthorized_client","error_description":"do-not-show","error_codes":[700016]}"#)).await;
    let connector = Setup::shipped(
        "salesforce",
        &server.origin,
        &[("CLIENT_ID", "i"), ("CLIENT_SECRET", "s")],
    )
    .connector();
    let detail = connector
        .credential(None)
        .await
        .unwrap_err()
        .detail()
        .to_owned();
    assert_eq!(
        detail,
        "connect-rejected: the token endpoint refused the credential: status 400, unauthorized_client, number 700016; the client may not use this grant; check the client id, the tenant and the consent or delegation"
    );
}

#[tokio::test]
async fn unusable_secrets_are_named_and_not_shown() {
    let told = |id: &'static str,
                secrets: Vec<(&'static str, &'static str)>,
                settings: &'static [(&'static str, &'static str)]| async move {
        let mut setup = Setup::shipped(id, "http://127.0.0.1:9", &secrets);
        setup.settings = settings;
        let refused = setup.connector().credential(None).await.unwrap_err();
        assert!(!refused.detail().contains(MARK), "{}", refused.detail());
        refused.detail().to_owned()
    };
    let app: &[(&str, &str)] = &[("INSTALLATION_ID", "1")];
    let rows = [
        (
            told(
                "zoom",
                vec![("CLIENT_ID", "a"), ("CLIENT_SECRET", " \n")],
                &[],
            )
            .await,
            "connect-secret-missing: secret `CLIENT_SECRET`",
        ),
        (
            told(
                "zoom",
                vec![
                    ("CLIENT_ID", "a:do-not-show"),
                    ("CLIENT_SECRET", "b"),
                    ("ACCOUNT_ID", "c"),
                ],
                &[],
            )
            .await,
            "connect-field-invalid: `CLIENT_ID`, `CLIENT_SECRET`",
        ),
        (
            told(
                "slack-discovery-api",
                vec![("ACCESS_TOKEN", "do-not\n-show")],
                &[],
            )
            .await,
            "connect-field-invalid: `ACCESS_TOKEN`",
        ),
        (
            told(
                "github",
                vec![("CLIENT_ID", "a"), ("PRIVATE_KEY", "do-not-show")],
                app,
            )
            .await,
            "connect-field-invalid: `PRIVATE_KEY`",
        ),
        (
            told(
                "github",
                vec![
                    ("CLIENT_ID", "a"),
                    (
                        "PRIVATE_KEY",
                        "-----BEGIN PRIVATE KEY-----\ndo-not-show\n-----END PRIVATE KEY-----",
                    ),
                ],
                app,
            )
            .await,
            "connect-field-invalid: `PRIVATE_KEY`",
        ),
        (
            told(
                "github",
                vec![
                    ("CLIENT_ID", "a"),
                    (
                        "PRIVATE_KEY",
                        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
                    ),
                ],
                app,
            )
            .await,
            "connect-field-invalid: `PRIVATE_KEY`",
        ),
        (
            told("gcal", vec![("SERVICE_ACCOUNT_KEY", "do-not-show")], &[]).await,
            "connect-field-invalid: `SERVICE_ACCOUNT_KEY`",
        ),
        (
            told(
                "gcal",
                vec![("SERVICE_ACCOUNT_KEY", r#"{"client_email":"do-not-show"}"#)],
                &[],
            )
            .await,
            "connect-field-invalid: `SERVICE_ACCOUNT_KEY`",
        ),
    ];
    for (detail, start) in rows {
        assert!(detail.starts_with(start), "{detail}");
    }
}
