//! Authorization code with PKCE, state and issuer.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hushgate_gateway::connect::consent::CONSENT_LIFETIME;

use super::*;
use crate::server::{json, reply};
use crate::setup::logs;

const AUTH: &str = "type: oauth2, grant: authorization_code, token_url: 'https://peer.example/token', client_auth: body, scope: [read, offline],
    authorization: {url: 'https://peer.example/authorize?tenant=1', params: {prompt: consent}, issuer: 'https://peer.example'},
    fields: [{name: CLIENT_ID, label: a}, {name: CLIENT_SECRET, label: b}, {name: REFRESH_TOKEN, label: c}]";
const SECRETS: &[(&str, &str)] = &[("CLIENT_ID", "i&d"), ("CLIENT_SECRET", "s-do-not-show")];
const ANSWER: &str = r#"{"access_token":"at-do-not-show","expires_in":3600,"refresh_token":"rt-do-not-show","token_type":"Bearer"}"#;
const ISSUER: &str = "iss=https%3A%2F%2Fpeer.example";

async fn begun() -> Begun {
    Begun::new(AUTH, SECRETS, |_| json(ANSWER)).await
}

impl Begun {
    fn right(&self) -> String {
        format!(
            "?code=c-{MARK}%2F%2B&state={}&{ISSUER}",
            self.param("state")
        )
    }
}

#[tokio::test]
async fn a_consent_gives_the_refresh_token() {
    let mut begun = begun().await;
    let (state, challenge) = (begun.param("state"), begun.param("code_challenge"));
    assert_eq!((state.len(), challenge.len()), (43, 43));
    assert_eq!(
        begun.url.as_str(),
        format!(
            "{}/authorize?tenant=1&response_type=code&client_id=i%26d&redirect_uri=http%3A%2F%2F127.0.0.1%3A8917%2Fcallback\
             &scope=read%20offline&state={state}&code_challenge={challenge}&code_challenge_method=S256&prompt=consent",
            begun.server.origin
        )
    );
    let obtained = begun.complete(&begun.right()).await.unwrap();
    assert_eq!(format!("{obtained:?}"), r#"["REFRESH_TOKEN"]"#);
    assert_eq!(
        entries(obtained),
        [("REFRESH_TOKEN".to_owned(), "rt-do-not-show".to_owned())]
    );
    let sent = begun.server.only();
    assert_eq!(sent.line, "POST /token HTTP/1.1");
    let verifier = sent.form()["code_verifier"].clone();
    let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    assert_eq!(hash, challenge);
    assert_eq!(
        sent.body,
        format!(
            "grant_type=authorization_code&code=c-{MARK}%2F%2B&redirect_uri=http%3A%2F%2F127.0.0.1%3A8917%2Fcallback\
             &code_verifier={verifier}&client_id=i%26d&client_secret=s-{MARK}"
        )
    );
    let shown = format!("{:?} {}", begun.pending, logs());
    for secret in [MARK, &state, &verifier] {
        assert!(!shown.contains(secret));
    }
}

#[tokio::test]
async fn consents_never_share_state_or_verifier() {
    let (one, other) = (begun().await, begun().await);
    assert_ne!(one.param("state"), other.param("state"));
    assert_ne!(one.param("code_challenge"), other.param("code_challenge"));
}

#[tokio::test]
async fn a_forged_answer_is_refused_and_the_right_one_still_counts() {
    let other = begun().await.right();
    let mut begun = begun().await;
    let state = begun.param("state");
    for forged in [
        "",
        "?",
        "code=c-do-not-show",
        "code=c-do-not-show&state=",
        "code=c-do-not-show&state=do-not-show",
        &format!("code=c&state={}", &state[..42]),
        &format!("code=c&state={state}x"),
        &format!("code=c&State={state}"),
        &format!("error=access_denied&state={}", state.to_lowercase()),
        "error=access_denied",
        &other,
    ] {
        assert!(!begun.pending.recognizer().recognizes(forged));
        assert_eq!(begun.refused(forged).await, "consent-state-mismatch");
    }
    for twice in ["code=a&code=b", "code=a", "state=x"] {
        let answer = format!("{twice}&state={state}&state={state}");
        assert_eq!(begun.refused(&answer).await, "consent-answer-invalid");
    }
    let long = format!("{}&pad={}", begun.right(), "a".repeat(16 * 1024));
    assert_eq!(begun.refused(&long).await, "consent-answer-invalid");
    assert!(begun.server.requests().is_empty());
    assert!(begun.pending.recognizer().recognizes(&begun.right()));
    begun.complete(&begun.right()).await.unwrap();
}

#[tokio::test]
async fn takes_the_whole_address_and_no_other_one() {
    let mut begun = begun().await;
    let query = begun.right();
    for other in [
        "https://127.0.0.1:8917/callback",
        "http://127.0.0.1:8918/callback",
        "http://localhost:8917/callback",
        "http://127.0.0.1:8917/callback/",
        "http://127.0.0.1:8917/do-not-show/../other",
        "http://user:do-not-show@127.0.0.1:8917/callback",
        "http://127.0.0.1.evil.example:8917/callback",
        "http://evil.example/callback",
    ] {
        let answer = format!("{other}{query}");
        assert_eq!(begun.refused(&answer).await, "consent-redirect-mismatch");
    }
    let broken = format!("http://[do-not-show{query}");
    assert_eq!(begun.refused(&broken).await, "consent-answer-invalid");
    let whole = format!("  {REDIRECT}{query}#_=_\n");
    begun.complete(&whole).await.unwrap();
}

#[tokio::test]
async fn an_answer_counts_once() {
    let mut begun = begun().await;
    let right = begun.right();
    begun.complete(&right).await.unwrap();
    assert_eq!(begun.refused(&right).await, "consent-used");
    assert_eq!(begun.server.requests().len(), 1);
}

#[tokio::test]
async fn a_late_answer_is_refused() {
    let mut begun = begun().await;
    begun
        .clock
        .advance(CONSENT_LIFETIME + Duration::from_secs(1));
    let right = begun.right();
    assert_eq!(begun.refused(&right).await, "consent-expired");
    assert!(begun.server.requests().is_empty());
}

#[tokio::test]
async fn an_answer_of_another_server_is_refused() {
    for issuer in [
        "",
        "&iss=",
        "&iss=https%3A%2F%2Fpeer.example%2F",
        "&iss=https%3A%2F%2Fdo-not-show.example",
    ] {
        let mut begun = begun().await;
        let answer = format!("code=c&state={}{issuer}", begun.param("state"));
        assert_eq!(begun.refused(&answer).await, "consent-issuer-mismatch");
        assert!(begun.server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_refusal_names_known_causes_and_shows_nothing_of_the_vendor() {
    for (error, wanted) in [
        ("access_denied", "access_denied"),
        ("invalid_scope", "invalid_scope"),
        ("%1B%5D0%3Bdo-not-show%07", "not a standard one"),
        ("", "not a standard one"),
    ] {
        let mut begun = begun().await;
        let answer = format!(
            "error={error}&error_description=do-not-show%1B%5B2J%0D%0A&error_uri=javascript%3Ado-not-show&state={}",
            begun.param("state")
        );
        let fault = begun.complete(&answer).await.unwrap_err();
        is_quiet(&fault);
        assert_eq!(fault.code(), "consent-refused");
        assert!(fault.to_string().contains(wanted), "{fault}");
        assert!(begun.server.requests().is_empty());
    }
}

#[tokio::test]
async fn a_code_that_is_none_is_not_sent() {
    for code in [
        "",
        "code=",
        "code=do-not-show%0D%0Ax",
        "code=%C3%A9",
        "code=a%00",
    ] {
        let mut begun = begun().await;
        let answer = format!("{code}&state={}&{ISSUER}", begun.param("state"));
        assert_eq!(
            begun.refused(&answer).await,
            "consent-answer-invalid",
            "{code}"
        );
        assert!(begun.server.requests().is_empty());
    }
}

#[tokio::test]
async fn an_unusable_token_answer_is_told() {
    let token = |refresh: &str| {
        format!(r#"{{"access_token":"at","refresh_token":{refresh},"token_type":"Bearer"}}"#)
    };
    for (status, body, wanted) in [
        (
            "200 OK",
            r#"{"access_token":"at"}"#.to_owned(),
            "consent-no-refresh-token",
        ),
        ("200 OK", token("null"), "consent-no-refresh-token"),
        (
            "200 OK",
            token(r#""do-not-show\r\nx""#),
            "connect-answer-invalid",
        ),
        ("200 OK", token("[1]"), "connect-answer-invalid"),
        (
            "200 OK",
            "<html>do-not-show".to_owned(),
            "connect-answer-invalid",
        ),
        ("302 Found", String::new(), "connect-redirected"),
    ] {
        let body_of = body.clone();
        let script = move |_| reply(status, "application/json", &body_of);
        let mut begun = Begun::new(AUTH, SECRETS, script).await;
        let right = begun.right();
        assert_eq!(begun.refused(&right).await, wanted, "{body}");
        assert_eq!(begun.refused(&right).await, "consent-used");
    }
}

#[tokio::test]
async fn another_redirect_address_is_refused() {
    let server = Server::start(|_| json(ANSWER)).await;
    for other in [
        "",
        "/callback",
        "http://127.0.0.1/callback",
        "http://localhost:8917/callback",
        "https://127.0.0.1:8917/callback",
        "http://127.0.0.1:8917/other",
        "http://127.0.0.1:8917/callback?x=1",
        "http://127.0.0.1:8917/callback#x",
        "http://user@127.0.0.1:8917/callback",
        "http://evil.example:8917/callback",
    ] {
        let (_, begun) = begin(AUTH, SECRETS, &server, other).await;
        let fault = begun.unwrap_err();
        assert_eq!(fault.code(), "consent-redirect-not-declared", "{other}");
    }
    let fixed = AUTH.replace("issuer:", "redirect: 'http://localhost:7000/back', issuer:");
    for (port, wanted) in [(7000, true), (7001, false)] {
        let redirect = format!("http://localhost:{port}/back");
        let (_, begun) = begin(&fixed, SECRETS, &server, &redirect).await;
        assert_eq!(begun.is_ok(), wanted);
    }
}

#[tokio::test]
async fn what_is_missing_is_told_before_a_browser_opens() {
    let server = Server::start(|_| json(ANSWER)).await;
    let (_, begun) = begin(AUTH, &[("CLIENT_ID", "i")], &server, REDIRECT).await;
    assert_eq!(begun.unwrap_err().code(), "connect-secret-missing");
    let none = "type: apiKey, send: {in: header, name: x, value: '{{KEY}}'}, fields: [{name: KEY, label: k}]";
    let (_, begun) = begin(none, &[("KEY", "k")], &server, REDIRECT).await;
    assert_eq!(begun.unwrap_err().code(), "consent-not-declared");
}

#[tokio::test]
async fn a_public_client_without_pkce_and_issuer_sends_neither() {
    let auth = "type: oauth2, grant: refresh_token, token_url: 'https://peer.example/token', client_auth: none, params_in: query,
        authorization: {url: 'https://peer.example/authorize', pkce: false, scope_param: user_scope, scope: [a]},
        fields: [{name: CLIENT_ID, label: a}, {name: REFRESH_TOKEN, label: c}]";
    let mut begun = Begun::new(auth, &[("CLIENT_ID", "id")], |_| json(ANSWER)).await;
    let state = begun.param("state");
    assert_eq!(
        begun.url.query().unwrap(),
        format!(
            "response_type=code&client_id=id&redirect_uri=http%3A%2F%2F127.0.0.1%3A8917%2Fcallback&user_scope=a&state={state}"
        )
    );
    let answer = format!("code=c%201&state={state}&iss=https%3A%2F%2Fanyone.example");
    begun.complete(&answer).await.unwrap();
    let sent = begun.server.only();
    let names: Vec<String> = sent.query().into_keys().collect();
    assert_eq!(names, ["client_id", "code", "grant_type", "redirect_uri"]);
    assert_eq!(
        (sent.query()["code"].as_str(), sent.body.as_str()),
        ("c 1", "")
    );
}
