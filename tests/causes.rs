//! Every cause of refusal, provoked from outside and held against the table in `docs/errors.md`.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::Duration;

use hushgate_cli::sample::Issuer;
use reqwest::{Method, RequestBuilder};

use crate::support::World;
use crate::support::canned::{JSON, source_that_answers};
use crate::support::function::{root, scratch};
use crate::support::identifiers::found_in;
use crate::support::skipped;
use crate::support::world::{AUDIENCE, SUBJECT, json, policy};

/// Causes that nothing outside can provoke, and why.
const EXEMPT: &[(&str, &str)] = &[(
    "internal",
    "needs a panic, which the tests of the gateway inject",
)];

/// The variables that make a function speak as the reference does.
const COMPAT: &[(&str, &str)] = &[
    ("HUSHGATE_COMPAT", "psoxy"),
    ("PSOXY_SALT", "e2e-salt"),
    ("PSOXY_ENCRYPTION_KEY", "e2e-password"),
];

/// Why a name can't be led to another address.
const NO_HOSTS_FILE: &str =
    "egress-refused: `unshare` lets no process have a hosts file of its own on this system";

/// A call that the rules of zoom list and its examples answer.
const USERS: &str = "/v2/users?status=active&page_size=30";

/// One line of the table.
#[derive(Debug)]
struct Line {
    code: String,
    status: Option<u16>,
    next: String,
    psoxy: Option<String>,
}

/// The first table of `docs/errors.md`, which lists what a caller may be told.
fn documented() -> Vec<Line> {
    let page = std::fs::read_to_string(root().join("docs/errors.md")).expect("docs/errors.md");
    let plain = |cell: &str| cell.trim_matches('`').to_owned();
    page.lines()
        .skip_while(|line| !line.starts_with("| `"))
        .take_while(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
            let [code, status, _, _, next, psoxy] = cells[..] else {
                panic!("not six cells: {line}")
            };
            Line {
                code: plain(code),
                status: status.parse().ok(),
                next: next.to_owned(),
                psoxy: Some(plain(psoxy)).filter(|name| name != "–"),
            }
        })
        .collect()
}

/// What came back.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: http::HeaderMap,
    body: String,
}

async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.expect("an answer");
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.text().await.expect("a body"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cause_is_met_as_documented() {
    let lines = documented();
    assert!(lines.len() > 20, "{lines:?}");
    let mut wrong = Vec::new();
    for line in &lines {
        if EXEMPT.iter().any(|(code, _)| *code == line.code) {
            continue;
        }
        for mode in [&[], COMPAT] {
            let Some(answer) = provoke(&line.code, mode).await else {
                if line.code == "egress-refused" {
                    skipped(NO_HOSTS_FILE);
                    break;
                }
                wrong.push(format!("{}: no test provokes it", line.code));
                break;
            };
            let named = answer.headers.get("x-psoxy-error");
            let named = named.and_then(|v| v.to_str().ok()).map(str::to_owned);
            let expected = line.psoxy.clone().filter(|_| !mode.is_empty());
            if named != expected {
                wrong.push(format!("{}: X-Psoxy-Error is {named:?}", line.code));
            }
            wrong.extend(differences(line, &answer));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_documented_causes_are_exempt() {
    let documented: BTreeSet<String> = documented().into_iter().map(|l| l.code).collect();
    for (code, reason) in EXEMPT {
        assert!(documented.contains(*code) && !reason.is_empty(), "{code}");
    }
}

fn differences(line: &Line, answer: &Answer) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let error = &value["error"];
    let header = |name: &str| answer.headers.get(name).and_then(|v| v.to_str().ok());
    let checks = [
        ("status", line.status.is_none_or(|s| s == answer.status)),
        ("header", header("x-hushgate-error") == Some(&line.code)),
        ("code", error["code"] == line.code.as_str()),
        ("next", error["next"] == line.next.as_str()),
        ("message", error["message"].is_string()),
        ("identifiers", found_in(&answer.body).is_empty()),
        (
            "headers",
            found_in(&format!("{:?}", answer.headers)).is_empty(),
        ),
        (
            "request id",
            error["request_id"].as_str() == header("x-hushgate-request-id"),
        ),
    ];
    checks
        .iter()
        .filter(|(_, fits)| !fits)
        .map(|(what, _)| format!("{}: {what}: {} {}", line.code, answer.status, answer.body))
        .collect()
}

/// Makes a function refuse with this cause; none when there is no way known here.
async fn provoke(code: &str, mode: &[(&str, &str)]) -> Option<Answer> {
    let answer = match code {
        "https-required"
        | "request-invalid"
        | "token-missing"
        | "token-invalid"
        | "endpoint-not-listed"
        | "method-not-listed"
        | "parameter-not-listed"
        | "path-not-normal"
        | "pseudonym-invalid" => caller_side(code, mode).await,
        "request-too-large" => {
            let world = World::with(&with(mode, &[("HUSHGATE_MAX_REQUEST_BYTES", "10")])).await;
            send(world.request(Method::POST, USERS).body("eleven bytes")).await
        }
        "body-not-listed" => {
            let world = World::of("salesforce", mode).await;
            let body = "{\"compositeRequest\":[{\"method\":\"DELETE\",\"url\":\"/services/data/v64.0/sobjects/User/1\",\"referenceId\":\"a\"}]}";
            let request = world.request(Method::POST, "/services/data/v64.0/composite");
            send(
                request
                    .header("content-type", "application/json")
                    .body(body),
            )
            .await
        }
        "address-not-allowed" => {
            let range = "    ip_allow: [203.0.113.0/24]\n";
            with_policy(mode, |usual| format!("{usual}{range}")).await
        }
        "caller-not-allowed" => with_policy(mode, |usual| usual.replace("[zoom]", "[gcal]")).await,
        "issuer-unavailable" => issuer_down(mode).await,
        "credential-missing" => {
            let world = World::with(&with(mode, &[("CLIENT_SECRET", "")])).await;
            send(world.request(Method::GET, USERS)).await
        }
        "credential-rejected" => credential_rejected(mode).await,
        "store-unavailable" => store_gone(mode).await,
        "configuration-invalid" => {
            let none = [("PSEUDONYM_KEY", ""), ("PSOXY_SALT", "")];
            let rest: Vec<_> = mode
                .iter()
                .copied()
                .filter(|(name, _)| *name != "PSOXY_SALT")
                .collect();
            let world = World::with(&with(&rest, &none)).await;
            send(world.request(Method::GET, USERS)).await
        }
        "source-timeout" => {
            let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
            let limit = [("HUSHGATE_REQUEST_TIMEOUT_SECONDS", "1")];
            at(&address_of(&silent), &with(mode, &limit)).await
        }
        "source-unreachable" => {
            let closed = TcpListener::bind("127.0.0.1:0").expect("a port");
            let address = address_of(&closed);
            drop(closed);
            at(&address, mode).await
        }
        "egress-refused" => return rebound("169.254.169.254", mode).await,
        "overloaded" => overloaded(mode).await,
        _ => return source_side(code, mode).await,
    };
    Some(answer)
}

async fn caller_side(code: &str, mode: &[(&str, &str)]) -> Answer {
    let world = World::with(mode).await;
    let get = |target: &str| world.request(Method::GET, target);
    let bare = world.client.get(format!("{}{USERS}", world.function.url()));
    let request = match code {
        "https-required" => get(USERS).header("x-forwarded-proto", "http"),
        "request-invalid" => get(USERS).header("x-hushgate-other", "1"),
        "token-missing" => bare,
        "token-invalid" => bare.bearer_auth("a.b.c"),
        "endpoint-not-listed" => get("/not/listed"),
        "method-not-listed" => world.request(Method::DELETE, "/v2/users"),
        "parameter-not-listed" => get("/v2/users?unknown=1"),
        "path-not-normal" => get("/v2//users"),
        "pseudonym-invalid" => {
            let users = json(world.get(USERS).await).await;
            let id = users["users"][0]["id"].as_str().expect("an id");
            let half = id.get(..id.len() - 20).expect("a long id");
            get(&format!("/v2/users/{half}/meetings"))
        }
        _ => panic!("{code} is not one of these"),
    };
    let answer = send(request).await;
    if code == "token-missing" || code == "token-invalid" {
        assert!(answer.headers.contains_key("www-authenticate"));
        assert!(!answer.headers.contains_key("x-hushgate-rules"));
        assert!(!answer.headers.contains_key("x-hushgate-version"));
    }
    answer
}

/// Causes that an answer of the source leads to.
async fn source_side(code: &str, mode: &[(&str, &str)]) -> Option<Answer> {
    static LARGE: [u8; 4096] = [b' '; 4096];
    let limit: &[(&str, &str)] = &[("HUSHGATE_MAX_RESPONSE_BYTES", "1024")];
    let person = b"<p>Quentin Hollis quentin.hollis@example.com</p>";
    let gzip: &'static [(&str, &str)] = &[JSON, ("content-encoding", "gzip")];
    let away: &'static [(&str, &str)] = &[("location", "http://127.0.0.2:1/x")];
    let html: &'static [(&str, &str)] = &[("content-type", "text/html")];
    let (source, extra) = match code {
        "source-interrupted" => (source_that_answers(200, gzip, person).await, &[][..]),
        "redirect-refused" => (source_that_answers(302, away, b"").await, &[][..]),
        "response-too-large" => (source_that_answers(200, &[JSON], &LARGE).await, limit),
        "source-error" => (source_that_answers(410, html, person).await, &[][..]),
        "content-type-refused" => (source_that_answers(200, html, person).await, &[][..]),
        "not-sanitizable" => (source_that_answers(200, &[JSON], person).await, &[][..]),
        _ => return None,
    };
    let answer = at(&source.address().to_string(), &with(mode, extra)).await;
    assert!(
        code != "source-error" || answer.status == 410,
        "the status is the source's own: {answer:?}"
    );
    Some(answer)
}

async fn with_policy(mode: &[(&str, &str)], change: impl Fn(&str) -> String) -> Answer {
    let issuer = Issuer::start().await.expect("an issuer");
    let policy = change(&policy(&issuer.url(), "[zoom]"));
    let token = issuer.token(SUBJECT, AUDIENCE, Duration::from_mins(10));
    let world = World::with(&with(mode, &[("HUSHGATE_ACCESS", &policy)])).await;
    let request = world.client.get(format!("{}{USERS}", world.function.url()));
    send(request.bearer_auth(token.expect("a token"))).await
}

async fn issuer_down(mode: &[(&str, &str)]) -> Answer {
    let issuer = Issuer::start().await.expect("an issuer");
    let policy = policy(&issuer.url(), "[zoom]");
    let token = issuer.token(SUBJECT, AUDIENCE, Duration::from_mins(10));
    drop(issuer);
    let world = World::with(&with(mode, &[("HUSHGATE_ACCESS", &policy)])).await;
    let request = world.client.get(format!("{}{USERS}", world.function.url()));
    send(request.bearer_auth(token.expect("a token"))).await
}

async fn credential_rejected(mode: &[(&str, &str)]) -> Answer {
    let source = hushgate_cli::sample::LoopbackServer::start(|_| {
        let body = bytes::Bytes::from_static(b"{\"error\":\"invalid_client\"}");
        let mut response = hushgate_cli::sample::Response::new(body);
        *response.status_mut() = http::StatusCode::UNAUTHORIZED;
        response
    });
    let source = source.await.expect("a source");
    at(&source.address().to_string(), mode).await
}

/// The secrets file goes away after the function started.
async fn store_gone(mode: &[(&str, &str)]) -> Answer {
    use std::io::Write as _;
    let path = scratch("store").join("secrets");
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .expect("a secrets file");
    let lines = format!(
        "PSEUDONYM_KEY={}\nPSOXY_SALT=e2e-salt\n",
        crate::support::world::KEY
    );
    file.write_all(lines.as_bytes()).expect("it is written");
    let store = format!("file:{}", path.display());
    let world = World::with(&with(mode, &[("HUSHGATE_SECRETS", &store)])).await;
    std::fs::remove_file(&path).expect("it is removed");
    send(world.request(Method::GET, USERS)).await
}

/// The source's own name leads to another address.
async fn rebound(address: &str, mode: &[(&str, &str)]) -> Option<Answer> {
    let source = source_that_answers(200, &[JSON], b"{}").await;
    let hosts = format!("127.0.0.1 localhost\n{address} api.zoom.us\n");
    let tokens = source.address().to_string();
    let world = World::with_hosts(&hosts, &tokens, mode).await?;
    Some(send(world.request(Method::GET, USERS)).await)
}

#[tokio::test]
async fn a_source_whose_name_leads_to_an_inner_address_is_not_called() {
    for address in [
        "169.254.169.254",
        "10.0.0.7",
        "192.168.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "0.0.0.0",
        "fd00:ec2::254",
        "fe80::1",
        "::1",
        "::ffff:10.0.0.7",
    ] {
        let Some(answer) = rebound(address, &[]).await else {
            skipped(NO_HOSTS_FILE);
            return;
        };
        let code = answer.headers.get("x-hushgate-error").expect("a code");
        assert_eq!(
            (answer.status, code.as_bytes()),
            (502, &b"egress-refused"[..]),
            "{address}"
        );
    }
}

/// One call waits for a source that never answers; the limit lets no second one in.
async fn overloaded(mode: &[(&str, &str)]) -> Answer {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let limit = [("HUSHGATE_MAX_IN_FLIGHT", "1")];
    let world = World::before(&address_of(&silent), &with(mode, &limit)).await;
    let waiting = tokio::spawn(world.request(Method::GET, USERS).send());
    let held = tokio::task::block_in_place(|| silent.accept()).expect("the first call arrives");
    let answer = send(world.request(Method::GET, USERS)).await;
    waiting.abort();
    drop(held);
    answer
}

/// A call whose source is at `address`.
async fn at(address: &str, environment: &[(&str, &str)]) -> Answer {
    let world = World::before(address, environment).await;
    send(world.request(Method::GET, USERS)).await
}

fn address_of(listener: &TcpListener) -> String {
    listener.local_addr().expect("its address").to_string()
}

fn with<'a>(
    mode: &[(&'a str, &'a str)],
    further: &[(&'a str, &'a str)],
) -> Vec<(&'a str, &'a str)> {
    mode.iter().chain(further).copied().collect()
}
