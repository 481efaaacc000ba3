//! `connect` by every grant, at providers of other makers: a credential, the account's name, a new
//! token on demand, the revocation.

use serde_json::{Value, json};

use super::desk::{Desk, Said, Waiting};
use crate::support::peer::Peer;
use crate::support::person::{Arrived, Person};

const SECRET: &str = "a secret of the tests only";

/// One way to connect.
struct Way<'w> {
    auth: &'w str,
    fields: Vec<(&'w str, &'w str)>,
    account: &'w str,
    revoke: &'w str,
}

/// A source at a provider, whose consent fills `obtained`.
fn source(issuer: &str, way: &Way<'_>, obtained: &[&str]) -> String {
    let names = way.fields.iter().map(|(name, _)| name).chain(obtained);
    let fields: Vec<_> = names
        .map(|name| format!("    - {{name: {name}, label: x, type: textarea}}\n"))
        .collect();
    let auth = way.auth.replace("ISSUER", issuer);
    let revoke = way.revoke.replace("ISSUER", issuer);
    format!(
        "id: peer\nname: Peer\ndocs: https://peer.example\ncategories: [tests]\n\
         target_host: {{pattern: \"*\", example: peer.example}}\nauth:\n{auth}  \
         validate: {{path: /account}}\n  profile: {{account_name: name, email: email}}\n{revoke}  fields:\n{}",
        fields.concat()
    )
}

fn desk(peer: &Peer, text: &str) -> (Desk, String) {
    let mut desk = Desk::with_vault();
    desk.set("HUSHGATE_TARGET_HOST", peer.issuer());
    let path = desk.write("source.yaml", text);
    (desk, path)
}

fn values(fields: &[(&str, &str)]) -> Value {
    let members = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)));
    Value::Object(members.collect())
}

fn is_account(said: &Said, account: &str) {
    let result = said.json();
    assert_eq!(result["account"], format!("Account {account}"), "{said:?}");
    assert_eq!(
        result["email"],
        format!("{account}@example.com"),
        "{said:?}"
    );
}

/// What follows a connection: test, a new token, the list, the end.
fn live_and_end(desk: &Desk, source: &str, revoke_ends: bool) {
    let tested = desk
        .connection(&["test", "peer", "--source", source, "--json"])
        .fine();
    assert_eq!(tested.json()["works"], true);
    let rotated = desk
        .connection(&["rotate", "peer", "--source", source, "--json"])
        .fine();
    rotated.hides(&[SECRET]);
    desk.connection(&["test", "peer", "--source", source])
        .fine();
    let revoked = desk
        .connection(&["revoke", "peer", "--source", source, "--yes", "--json"])
        .fine();
    let expected = if revoke_ends {
        "revoked"
    } else {
        "not possible"
    };
    assert_eq!(revoked.json()["at_vendor"], expected);
    assert_eq!(
        desk.connection(&["list", "--json"]).fine().json(),
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_grant_without_a_consent_connects() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let key = peer.told("private_key");
    let token = "  type: oauth2\n  token_url: ISSUER/oauth/token\n";
    let of = |more: &str| format!("{token}{more}");
    let standard = "  revoke: {url: \"ISSUER/oauth/revoke\"}\n";
    let seeded = peer.seed("app").await;
    let ways: Vec<(String, Vec<(&str, &str)>, &str, &str)> = vec![
        (
            of("  grant: client_credentials\n  client_auth: body\n"),
            vec![("CLIENT_ID", "machine-body"), ("CLIENT_SECRET", SECRET)],
            "machine-body",
            standard,
        ),
        (
            of("  grant: client_credentials\n  client_auth: basic\n"),
            vec![("CLIENT_ID", "machine-basic"), ("CLIENT_SECRET", SECRET)],
            "machine-basic",
            standard,
        ),
        (
            of(
                "  grant: client_credentials\n  client_auth: private_key_jwt\n  assertion: {key: PRIVATE_KEY}\n",
            ),
            vec![("CLIENT_ID", "machine-jwt"), ("PRIVATE_KEY", key)],
            "machine-jwt",
            "",
        ),
        (
            of(
                "  grant: account_credentials\n  client_auth: basic\n  params: {account_id: \"{{ACCOUNT_ID}}\"}\n",
            ),
            vec![
                ("CLIENT_ID", "account"),
                ("CLIENT_SECRET", SECRET),
                ("ACCOUNT_ID", "account-1"),
            ],
            "account-1",
            standard,
        ),
        (
            of("  grant: password\n  client_auth: body\n"),
            vec![
                ("CLIENT_ID", "person"),
                ("CLIENT_SECRET", SECRET),
                ("USER_NAME", "avery"),
                ("PASSWORD", "correct horse"),
            ],
            "avery",
            "",
        ),
        (
            of(
                "  grant: token_exchange\n  client_auth: body\n  token_exchange: {subject: \"{{SUBJECT}}\", subject_type: jwt}\n",
            ),
            vec![
                ("CLIENT_ID", "exchanger"),
                ("CLIENT_SECRET", SECRET),
                ("SUBJECT", "subject-token-of-the-tests"),
            ],
            "workload",
            "",
        ),
        (
            of(
                "  grant: jwt_bearer\n  client_auth: body\n  assertion: {key: PRIVATE_KEY, issuer: \"{{CLIENT_ID}}\", subject: avery, audience: \"{{token_url}}\"}\n",
            ),
            vec![
                ("CLIENT_ID", "bearer"),
                ("CLIENT_SECRET", SECRET),
                ("PRIVATE_KEY", key),
            ],
            "avery",
            "",
        ),
        (
            of("  grant: refresh_token\n  client_auth: body\n"),
            vec![
                ("CLIENT_ID", "app"),
                ("CLIENT_SECRET", SECRET),
                ("REFRESH_TOKEN", seeded.as_str()),
            ],
            "avery",
            standard,
        ),
    ];
    for (auth, fields, account, revoke) in ways {
        let way = Way {
            auth: &auth,
            fields,
            account,
            revoke,
        };
        let (desk, path) = desk(&peer, &source(peer.issuer(), &way, &[]));
        let said = desk.connect(&[&path], &values(&way.fields));
        assert_eq!(said.code, Some(0), "{auth}: {said:?}");
        said.hides(&[SECRET, &seeded]);
        is_account(&said, way.account);
        live_and_end(&desk, &path, !way.revoke.is_empty());
    }
}

/// The address that a waiting command tells to open.
fn address(waiting: &mut Waiting) -> String {
    waiting.line("http://")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_in_the_browser_connects_and_connects_anew() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    for (client, client_auth) in [
        ("app", "body"),
        ("app-basic", "basic"),
        ("app-public", "none"),
    ] {
        let auth = format!(
            "  type: oauth2\n  grant: authorization_code\n  token_url: ISSUER/oauth/token\n  client_auth: {client_auth}\n  \
             authorization: {{url: ISSUER/oauth/authorize, params: {{prompt: consent}}}}\n  scope: [openid, offline_access, api]\n  scope_sent: false\n  \
             forecast: {{refresh_token_life: 365d}}\n"
        );
        let mut fields = vec![("CLIENT_ID", client)];
        if client_auth != "none" {
            fields.push(("CLIENT_SECRET", SECRET));
        }
        let revoke = "  revoke: {url: ISSUER/oauth/revoke}\n";
        let way = Way {
            auth: &auth,
            fields,
            account: "avery",
            revoke,
        };
        let (desk, path) = desk(&peer, &source(peer.issuer(), &way, &["REFRESH_TOKEN"]));
        let arguments = ["connection", "connect", &path, "--fields-stdin", "--json"];
        let mut waiting = desk.begin(&arguments, &values(&way.fields).to_string());
        let url = address(&mut waiting);
        let mut person = Person::new();
        let Arrived::Away(back) = person.consent(&url).await else {
            panic!("the provider does not send the browser back");
        };
        // An answer to no consent of ours is turned away and changes nothing.
        let mut forged = back.clone();
        forged.set_query(Some("code=stolen&state=guessed"));
        assert_eq!(person.arrive(forged).await.0, 400);
        let mut elsewhere = back.clone();
        elsewhere.set_path("/other");
        assert_eq!(person.arrive(elsewhere).await.0, 404);
        let (status, page) = person.arrive(back.clone()).await;
        assert_eq!(status, 200, "{page}");
        let said = waiting.end().fine();
        is_account(&said, way.account);
        let code = back
            .query_pairs()
            .find(|(name, _)| name == "code")
            .expect("a code")
            .1
            .into_owned();
        said.hides(&[SECRET, &code]);

        // In place: the client is known, only the consent is given again.
        let before = desk
            .connection(&["show", "peer", "--source", &path, "--json"])
            .fine()
            .json();
        assert_eq!(before["outlook"][0]["code"], "consent-ends");
        let again = [
            "connection",
            "reconnect",
            "peer",
            "--source",
            &path,
            "--no-input",
            "--json",
        ];
        let mut waiting = desk.begin(&again, "");
        let url = address(&mut waiting);
        let Arrived::Away(back) = Person::new().consent(&url).await else {
            panic!("the provider does not send the browser back");
        };
        assert_eq!(Person::new().arrive(back).await.0, 200);
        is_account(&waiting.end().fine(), way.account);
        live_and_end(&desk, &path, true);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_consent_keeps_nothing() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let auth = "  type: oauth2\n  grant: authorization_code\n  token_url: ISSUER/oauth/token\n  client_auth: body\n  \
                authorization: {url: ISSUER/oauth/authorize}\n  scope: [openid, offline_access]\n  scope_sent: false\n";
    let fields = vec![("CLIENT_ID", "app"), ("CLIENT_SECRET", SECRET)];
    let way = Way {
        auth,
        fields,
        account: "avery",
        revoke: "",
    };
    let (desk, path) = desk(&peer, &source(peer.issuer(), &way, &["REFRESH_TOKEN"]));
    let before = desk.store();
    let arguments = ["connection", "connect", &path, "--fields-stdin", "--json"];
    let mut waiting = desk.begin(&arguments, &values(&way.fields).to_string());
    let url = reqwest::Url::parse(&address(&mut waiting)).expect("an address");
    let sent = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.expect("a parameter").1.into_owned()
    };
    let mut back = reqwest::Url::parse(&sent("redirect_uri")).expect("the redirect");
    back.query_pairs_mut()
        .append_pair("error", "access_denied")
        .append_pair("error_description", "<b>geheim</b>")
        .append_pair("state", &sent("state"));
    Person::new().arrive(back).await;
    let said = waiting.end();
    said.failed(1, "consent-refused").hides(&["geheim", SECRET]);
    assert_eq!(desk.store(), before);

    // A wrong code, with the right state.
    let mut waiting = desk.begin(&arguments, &values(&way.fields).to_string());
    let url = reqwest::Url::parse(&address(&mut waiting)).expect("an address");
    let sent = |name: &str| {
        let found = url.query_pairs().find(|(key, _)| key == name);
        found.expect("a parameter").1.into_owned()
    };
    let mut back = reqwest::Url::parse(&sent("redirect_uri")).expect("the redirect");
    back.query_pairs_mut()
        .append_pair("code", "made-up-code")
        .append_pair("state", &sent("state"));
    Person::new().arrive(back).await;
    let said = waiting.end();
    said.failed(1, "connect-rejected")
        .hides(&["made-up-code", SECRET]);
    assert_eq!(desk.store(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_entered_on_another_device_connects() {
    let Some(peer) = Peer::start("oauth2", &[]) else {
        return;
    };
    let auth = "  type: oauth2\n  grant: device_code\n  token_url: ISSUER/oauth/token\n  client_auth: none\n  \
                device: {url: ISSUER/oauth/device}\n  scope: [openid, offline_access, api]\n  scope_sent: false\n";
    let revoke = "  revoke: {url: ISSUER/oauth/revoke}\n";
    let way = Way {
        auth,
        fields: vec![("CLIENT_ID", "device")],
        account: "avery",
        revoke,
    };
    let (desk, path) = desk(&peer, &source(peer.issuer(), &way, &["REFRESH_TOKEN"]));
    let arguments = ["connection", "connect", &path, "--fields-stdin", "--json"];
    let mut waiting = desk.begin(&arguments, &values(&way.fields).to_string());
    let url = address(&mut waiting);
    assert!(waiting.line("code: ").len() > 8);
    let Arrived::Page(page) = Person::new().consent(&url).await else {
        panic!("the provider sends the browser away");
    };
    assert!(!page.is_empty());
    is_account(&waiting.end().fine(), way.account);
    live_and_end(&desk, &path, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_by_oauth_1_connects() {
    let Some(peer) = Peer::start("oauth1", &[]) else {
        return;
    };
    let key = peer.told("private_key");
    for (client, method, more) in [
        ("hmac", "HMAC-SHA1", ""),
        ("hmac", "HMAC-SHA256", ""),
        ("plain", "PLAINTEXT", ""),
        ("rsa", "RSA-SHA1", "  private_key: PRIVATE_KEY\n"),
    ] {
        let auth = format!(
            "  type: oauth1\n  request_token_url: ISSUER/initiate\n  authorize_url: ISSUER/authorize\n  access_token_url: ISSUER/token\n  \
             signature_method: {method}\n{more}"
        );
        let secret = if client == "rsa" {
            ("PRIVATE_KEY", key)
        } else {
            ("CONSUMER_SECRET", SECRET)
        };
        let way = Way {
            auth: &auth,
            fields: vec![("CONSUMER_KEY", client), secret],
            account: "",
            revoke: "",
        };
        let (desk, path) = desk(
            &peer,
            &source(peer.issuer(), &way, &["TOKEN", "TOKEN_SECRET"]),
        );
        let arguments = ["connection", "connect", &path, "--fields-stdin", "--json"];
        let mut waiting = desk.begin(&arguments, &values(&way.fields).to_string());
        let url = address(&mut waiting);
        let Arrived::Away(back) = Person::new().consent(&url).await else {
            panic!("the provider does not send the browser back");
        };
        assert_eq!(Person::new().arrive(back).await.0, 200);
        let said = waiting.end();
        assert_eq!(said.code, Some(0), "{method}: {said:?}");
        assert!(said.json()["account"].is_string(), "{method}: {said:?}");
        desk.connection(&["test", "peer", "--source", &path]).fine();
    }
}
