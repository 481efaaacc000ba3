//! The three legs of OAuth 1.0a.

use super::*;
use crate::server::{json, reply};
use crate::setup::logs;

const AUTH: &str = "type: oauth1, request_token_url: 'https://peer.example/request', authorize_url: 'https://peer.example/authorize?v=1',
    access_token_url: 'https://peer.example/access', authorize_params: {expiration: never},
    fields: [{name: CONSUMER_KEY, label: a}, {name: CONSUMER_SECRET, label: b}, {name: TOKEN, label: c}, {name: TOKEN_SECRET, label: d}]";
const SECRETS: &[(&str, &str)] = &[
    ("CONSUMER_KEY", "ck"),
    ("CONSUMER_SECRET", "cs-do-not-show"),
];
const TEMPORARY: &str =
    "oauth_token=tt%2F1&oauth_token_secret=ts-do-not-show&oauth_callback_confirmed=true";
const TOKEN: &str = "oauth_token=t-do-not-show&oauth_token_secret=s-do-not-show&user_id=7";
const RIGHT: &str = "oauth_token=tt%2F1&oauth_verifier=v-do-not-show%2B";

fn form(body: &str) -> Action {
    reply("200 OK", "application/x-www-form-urlencoded", body)
}

async fn begun() -> Begun {
    Begun::new(AUTH, SECRETS, |n| form([TEMPORARY, TOKEN][n.min(1)])).await
}

#[tokio::test]
async fn a_consent_gives_the_token_and_its_secret() {
    let mut begun = begun().await;
    let origin = begun.server.origin.clone();
    assert_eq!(
        begun.url.as_str(),
        format!("{origin}/authorize?v=1&oauth_token=tt%2F1&expiration=never")
    );
    let obtained = begun.complete(RIGHT).await.unwrap();
    assert_eq!(format!("{obtained:?}"), r#"["TOKEN", "TOKEN_SECRET"]"#);
    assert_eq!(
        entries(obtained),
        [
            ("TOKEN".to_owned(), "t-do-not-show".to_owned()),
            ("TOKEN_SECRET".to_owned(), "s-do-not-show".to_owned())
        ]
    );
    let sent = begun.server.requests();
    assert_eq!(sent.len(), 2);
    assert_eq!(sent[0].line, "POST /request HTTP/1.1");
    assert_eq!(sent[1].line, "POST /access HTTP/1.1");
    for (request, holds) in sent.iter().zip([
        [
            "oauth_callback=\"http%3A%2F%2F127.0.0.1%3A8917%2Fcallback\"",
            "oauth_consumer_key=\"ck\"",
        ],
        [
            "oauth_verifier=\"v-do-not-show%2B\"",
            "oauth_token=\"tt%2F1\"",
        ],
    ]) {
        let header = request.header("authorization");
        assert!(header.starts_with("OAuth "), "{header}");
        assert!(holds.iter().all(|part| header.contains(part)), "{header}");
        assert_eq!(
            (request.body.as_str(), request.header("content-length")),
            ("", "0")
        );
    }
    assert!(!sent[0].header("authorization").contains("oauth_token="));
    let shown = format!("{:?} {}", begun.pending, logs());
    assert!(!shown.contains(MARK));
}

#[tokio::test]
async fn a_forged_answer_is_refused_and_the_right_one_still_counts() {
    let mut begun = begun().await;
    for forged in [
        "",
        "oauth_verifier=do-not-show",
        "oauth_token=do-not-show&oauth_verifier=v",
        "oauth_token=tt%252F1&oauth_verifier=v",
        "denied=do-not-show",
    ] {
        assert!(!begun.pending.recognizer().recognizes(forged));
        assert_eq!(begun.refused(forged).await, "consent-state-mismatch");
    }
    assert_eq!(begun.server.requests().len(), 1);
    begun.complete(RIGHT).await.unwrap();
    assert_eq!(begun.refused(RIGHT).await, "consent-used");
    assert_eq!(begun.server.requests().len(), 2);
}

#[tokio::test]
async fn refusals_are_told() {
    for (answer, wanted) in [
        ("denied=tt%2F1", "consent-refused"),
        (
            "oauth_token=tt%2F1&oauth_problem=permission_denied",
            "consent-refused",
        ),
        (
            "oauth_token=tt%2F1&oauth_problem=do-not-show%1B",
            "consent-refused",
        ),
        ("oauth_token=tt%2F1&error=do-not-show%1B", "consent-refused"),
        ("oauth_token=tt%2F1", "consent-answer-invalid"),
        (
            "oauth_token=tt%2F1&oauth_verifier=do-not-show%0D%0Ax",
            "consent-answer-invalid",
        ),
    ] {
        let mut begun = begun().await;
        assert_eq!(begun.refused(answer).await, wanted, "{answer}");
        assert_eq!(begun.server.requests().len(), 1);
    }
}

#[tokio::test]
async fn an_unusable_first_answer_opens_no_browser() {
    let refused = |status: &'static str, body: &'static str| reply(status, "text/plain", body);
    for (action, code, part) in [
        (
            form("oauth_token=do-not-show&oauth_token_secret=s"),
            "connect-answer-invalid",
            "oauth_callback_confirmed",
        ),
        (
            form("oauth_token=do-not-show&oauth_token_secret=s&oauth_callback_confirmed=false"),
            "connect-answer-invalid",
            "oauth_callback_confirmed",
        ),
        (
            form("oauth_token=&oauth_token_secret=do-not-show&oauth_callback_confirmed=true"),
            "connect-answer-invalid",
            "oauth_token",
        ),
        (
            form(
                "oauth_token=do-not-show%0D%0Ax&oauth_token_secret=s&oauth_callback_confirmed=true",
            ),
            "connect-answer-invalid",
            "characters",
        ),
        (
            form(
                "oauth_token=a&oauth_token=do-not-show&oauth_token_secret=s&oauth_callback_confirmed=true",
            ),
            "connect-answer-invalid",
            "twice",
        ),
        (
            json(r#"{"oauth_token":"do-not-show"}"#),
            "connect-answer-invalid",
            "form-encoded",
        ),
        (
            refused("200 OK", "<html>do-not-show"),
            "connect-answer-invalid",
            "form-encoded",
        ),
        (
            refused(
                "401 Unauthorized",
                "oauth_problem=timestamp_refused&oauth_problem_advice=do-not-show",
            ),
            "connect-rejected",
            "clock",
        ),
        (
            refused("401 Unauthorized", "oauth_problem=do-not-show%1B"),
            "connect-rejected",
            "401",
        ),
        (refused("302 Found", ""), "connect-redirected", "302"),
        (
            refused("503 Service Unavailable", "do-not-show"),
            "connect-unavailable",
            "503",
        ),
    ] {
        let server = Server::start(move |_| action.clone()).await;
        let (_, begun) = begin(AUTH, SECRETS, &server, REDIRECT).await;
        let fault = begun.unwrap_err();
        is_quiet(&fault);
        assert_eq!(fault.code(), code, "{fault}");
        assert!(fault.to_string().contains(part), "{fault}");
    }
}
