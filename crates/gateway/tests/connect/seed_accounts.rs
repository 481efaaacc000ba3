//! What every shipped source asks about its account: the requests byte for byte, what is read of the
//! answers, what is told of a refusal, and how the connection is given up.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use hushgate_gateway::connect::{Revoked, VendorText};
use serde::Deserialize;
use serde_json::Value;

use crate::seed::{Case, headers_of, pairs, seeds, shipped};
use crate::server::{Recorded, Server, json, reply};
use crate::setup::Setup;

/// `seed_accounts.yaml`: one source's account.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    validate: Request,
    /// The call that answers the account's name, when it is another one.
    profile: Option<Request>,
    name: Option<String>,
    email: Option<String>,
    refusal: Refusal,
    /// How the connection is given up; none: at the vendor's pages only.
    revoke: Option<Request>,
}

/// A request beside the credential on it, and its answer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    line: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Whether the credential of an API request is on it.
    #[serde(default = "yes")]
    credential: bool,
    json: Option<Value>,
    /// The pairs of a form body as they are encoded, in any order.
    form: Option<Vec<String>>,
    /// The status line's end, when it is not `200 OK`.
    status: Option<String>,
    answer: String,
}

/// How the vendor refuses the first call, and what of it is shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusal {
    status: String,
    answer: String,
    message: String,
}

fn yes() -> bool {
    true
}

#[tokio::test]
async fn every_account_is_looked_at_as_its_vendor_wants() {
    let (seeds, accounts) = (seeds(), accounts());
    assert_eq!(
        accounts.keys().cloned().collect::<BTreeSet<_>>(),
        shipped(),
        "the sources of seed_accounts.yaml are those of rules/"
    );
    for (id, account) in &accounts {
        let case = first(&seeds, id);
        looked_at(&case, account).await;
        refused(&case, account).await;
    }
}

#[tokio::test]
async fn every_connection_is_given_up_as_its_vendor_wants() {
    let (seeds, accounts) = (seeds(), accounts());
    for (id, account) in &accounts {
        let case = first(&seeds, id);
        let Some(revoke) = &account.revoke else {
            let stage = case.stage(vec![json("{}")]).await;
            let revoked = stage.connector.revoke().await;
            assert_eq!(revoked.unwrap(), Revoked::NotDeclared, "{id}");
            assert!(stage.server.requests().is_empty(), "{id}");
            continue;
        };
        let stage = case.stage(vec![answer(revoke)]).await;
        let revoked = stage.connector.revoke().await;
        let revoked = revoked.unwrap_or_else(|fault| panic!("{id}: {fault}"));
        assert_eq!(revoked, Revoked::AtVendor, "{id}");
        let sent = stage.server.requests();
        same(&case, revoke, sent.last().unwrap(), "revoke");
    }
}

#[tokio::test]
async fn an_instance_behind_a_path_is_reached_there_and_nowhere_else() {
    let secrets = [("ACCESS_TOKEN", "glpat-1")];
    for (id, path) in [
        ("gitlab-managed", "/api/v4/personal_access_tokens/self"),
        ("jira-server", "/rest/api/2/myself"),
    ] {
        for (given, prefix) in [("", ""), (" /jira/ ", "/jira"), ("/a/b~c", "/a/b~c")] {
            let server = Server::start(|_| json(r#"{"active":true}"#)).await;
            let settings = [("PATH_PREFIX", given)];
            let mut setup = Setup::shipped(id, &server.origin, &secrets);
            setup.settings = &settings;
            setup.connector().validate(None).await.unwrap();
            let wanted = format!("GET {prefix}{path} HTTP/1.1");
            assert_eq!(server.requests()[0].line, wanted, "{id}");
        }
        for bad in [
            "jira",
            "/..",
            "/a/../b",
            "//evil.example",
            "/a//b",
            "/a?b",
            "/a#b",
            "/%2e",
            "/a b",
            "/a\\b",
            "@evil.example",
            ".evil.example",
        ] {
            let settings = [("PATH_PREFIX", bad)];
            let mut setup = Setup::shipped(id, "http://127.0.0.1:9", &secrets);
            setup.settings = &settings;
            let refused = setup
                .try_connector()
                .err()
                .unwrap_or_else(|| panic!("{bad}"));
            assert_eq!(refused.code(), "connect-settings", "{bad}");
            let told = refused.to_string();
            assert!(
                told.contains("PATH_PREFIX") && !told.contains("evil"),
                "{told}"
            );
        }
    }
}

async fn looked_at(case: &Case<'_>, account: &Account) {
    let id = case.id;
    let calls: Vec<_> = [Some(&account.validate), account.profile.as_ref()]
        .into_iter()
        .flatten()
        .collect();
    let stage = case
        .stage(calls.iter().map(|call| answer(call)).collect())
        .await;
    let user = case.mechanism.user.as_deref();
    let seen = stage.connector.validate(user).await;
    let seen = seen.unwrap_or_else(|fault| panic!("{id}: {fault}"));
    let sent = stage.server.requests();
    assert_eq!(sent.len(), stage.exchanges + calls.len(), "{id}");
    for (call, sent) in calls.iter().zip(&sent[stage.exchanges..]) {
        same(case, call, sent, "look at the account");
    }
    let text = |text: Option<VendorText>| text.map(|t| t.as_str().to_owned());
    assert!(seen.asked, "{id}");
    assert_eq!(text(seen.account_name), account.name, "{id}: the name");
    assert_eq!(text(seen.email), account.email, "{id}: the address");
}

async fn refused(case: &Case<'_>, account: &Account) {
    let Refusal {
        status,
        answer,
        message,
    } = &account.refusal;
    let stage = case
        .stage(vec![reply(status, "application/json", answer)])
        .await;
    let user = case.mechanism.user.as_deref();
    let fault = stage.connector.validate(user).await.unwrap_err();
    let told = fault.vendor_message().map(VendorText::as_str);
    assert_eq!(told, Some(message.as_str()), "{}: {fault}", case.id);
    assert!(!fault.to_string().contains(message), "{}: {fault}", case.id);
}

/// Whether a request is the declared one with the credential on it.
fn same(case: &Case<'_>, expected: &Request, sent: &Recorded, what: &str) {
    let place = format!("{}: {what}", case.id);
    let line = sent.line.trim_end_matches(" HTTP/1.1");
    assert_eq!(line, expected.line, "{place}");
    let mut headers = expected.headers.clone();
    let mut object = expected.json.clone();
    let mut written = vec![("accept", "application/json")];
    if expected.form.is_some() {
        written.push(("content-type", "application/x-www-form-urlencoded"));
    }
    if expected.credential {
        headers.extend(case.mechanism.call.headers.clone());
        if let (Some(Value::Object(members)), Some(Value::Object(with))) =
            (&mut object, &case.mechanism.call.body)
        {
            let own = case.seed.body.as_ref().and_then(Value::as_object);
            let credential = with
                .iter()
                .filter(|(name, _)| own.is_none_or(|own| !own.contains_key(*name)));
            members.extend(credential.map(|(n, v)| (n.clone(), v.clone())));
        }
    }
    if object.is_some() {
        written.push(("content-type", "application/json"));
    }
    headers.extend(
        written
            .into_iter()
            .map(|(n, v)| (n.to_owned(), v.to_owned())),
    );
    assert_eq!(headers_of(sent), headers, "{place}: the headers");
    match (&object, &expected.form) {
        (Some(object), _) => {
            let body: Value = serde_json::from_str(&sent.body).unwrap();
            assert_eq!(body, *object, "{place}: the body");
        }
        (None, Some(form)) => {
            let mut form = form.clone();
            form.sort();
            assert_eq!(pairs(&sent.body), form, "{place}: the body");
        }
        (None, None) => assert_eq!(sent.body, "", "{place}: the body"),
    }
}

fn answer(request: &Request) -> crate::server::Action {
    let status = request.status.as_deref().unwrap_or("200 OK");
    reply(status, "application/json", &request.answer)
}

/// A source with the first of its mechanisms.
fn first<'a>(seeds: &'a crate::seed::Seeds, id: &'a str) -> Case<'a> {
    let seed = &seeds.sources[id];
    let name = &seed.mechanisms[0];
    let mechanism = &seeds.mechanisms[name];
    Case {
        id,
        name,
        seed,
        mechanism,
    }
}

fn accounts() -> BTreeMap<String, Account> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/connect/seed_accounts.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}
