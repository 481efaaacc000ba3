//! A function that proves itself by the identity of its cloud: metadata server, token endpoint, API.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hushgate_cli::sample::{LoopbackServer, Request, Response};
use serde_json::{Value, json};

use crate::support::World;
use crate::support::desk::Desk;

const AUDIENCE: &str = "api://AzureADTokenExchange";
const TENANT: &str = "contoso.example";
const CLIENT: &str = "11111111-2222-3333-4444-555555555555";
const ACCESS: &str = "access-of-the-cloud";
const CALL: &str = "/v1.0/groups/0f9e8d7c-6b5a-4321-9876-abcdefabcdef";

/// The identity token of the cloud.
fn identity() -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": "1"});
    let signature = URL_SAFE_NO_PAD.encode("not checked here");
    format!(
        "{}.{}.{signature}",
        part(json!({"alg": "RS256", "kid": "1"})),
        part(claims)
    )
}

/// What happens on the way: each step by its name.
type Steps = Arc<Mutex<Vec<String>>>;

/// The metadata server, which answers with this status, and Microsoft, which takes its token.
async fn cloud(status: u16, steps: &Steps) -> LoopbackServer {
    let steps = Arc::clone(steps);
    LoopbackServer::start(move |request| {
        let path = request.uri().path().to_owned();
        let (step, status, body) = if path.starts_with("/computeMetadata/") {
            metadata(&request, status)
        } else if path == format!("/{TENANT}/oauth2/v2.0/token") {
            token(&request)
        } else {
            api(&request)
        };
        steps
            .lock()
            .expect("the steps")
            .push(format!("{step} {status}"));
        let mut response = Response::new(Bytes::from(body));
        *response.status_mut() = http::StatusCode::from_u16(status).expect("a status");
        let headers = response.headers_mut();
        headers.insert(
            "content-type",
            http::HeaderValue::from_static("application/json"),
        );
        headers.insert("metadata-flavor", http::HeaderValue::from_static("Google"));
        response
    })
    .await
    .expect("a cloud")
}

fn metadata(request: &Request, status: u16) -> (&'static str, u16, String) {
    let asked = request.uri().query() == Some("audience=api%3A%2F%2FAzureADTokenExchange");
    let flavor = request.headers().get("metadata-flavor");
    let fits = asked && flavor.is_some_and(|f| f == "Google");
    let status = if fits { status } else { 400 };
    (
        "metadata",
        status,
        if status == 200 {
            identity()
        } else {
            "no".to_owned()
        },
    )
}

fn token(request: &Request) -> (&'static str, u16, String) {
    let mut form = reqwest::Url::parse("http://localhost").expect("an address");
    form.set_query(std::str::from_utf8(request.body()).ok());
    let wanted = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
        ("client_assertion", &identity()),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let given: Vec<_> = form.query_pairs().collect();
    let fits = given.len() == wanted.len()
        && wanted
            .iter()
            .all(|(name, value)| given.iter().any(|(n, v)| n == name && v == value));
    if !fits {
        return ("token", 401, json!({"error": "invalid_client"}).to_string());
    }
    let body = json!({"access_token": ACCESS, "token_type": "Bearer", "expires_in": 3600});
    ("token", 200, body.to_string())
}

fn api(request: &Request) -> (&'static str, u16, String) {
    let authorization = request.headers().get("authorization");
    if authorization.is_none_or(|a| a != &format!("Bearer {ACCESS}")) {
        return ("api", 401, "{}".to_owned());
    }
    let body = json!({"id": "0f9e8d7c-6b5a-4321-9876-abcdefabcdef", "mailEnabled": true});
    ("api", 200, body.to_string())
}

/// outlook-cal before this cloud.
async fn world(cloud: &LoopbackServer) -> World {
    let address = cloud.address().to_string();
    World::of_before(
        "outlook-cal",
        &address,
        &[
            ("HUSHGATE_PLATFORM", "google"),
            ("GCE_METADATA_HOST", &address),
            ("CREDENTIALS_FLOW", "federated"),
            ("AUDIENCE", AUDIENCE),
            ("TENANT_ID", TENANT),
            ("CLIENT_ID", CLIENT),
            ("CLIENT_SECRET", ""),
            ("PRIVATE_KEY", ""),
            ("PRIVATE_KEY_ID", ""),
        ],
    )
    .await
}

#[tokio::test]
async fn a_call_is_made_with_the_identity_of_the_cloud_alone() {
    let steps = Steps::default();
    let cloud = cloud(200, &steps).await;
    let world = world(&cloud).await;
    for _ in 0..2 {
        let response = world.get(CALL).await;
        let status = response.status();
        let body = response.text().await.expect("a body");
        assert_eq!(status, 200, "{body}\n{}", world.function.log());
    }
    // The access token serves the second call, too.
    let steps = steps.lock().expect("the steps").clone();
    assert_eq!(steps, ["metadata 200", "token 200", "api 200", "api 200"]);
    let log = world.function.log();
    assert!(!log.contains(&identity()) && !log.contains(ACCESS), "{log}");
}

#[tokio::test]
async fn a_cloud_that_denies_its_identity_is_a_refused_credential() {
    let steps = Steps::default();
    let cloud = cloud(403, &steps).await;
    let world = world(&cloud).await;
    for _ in 0..3 {
        let response = world.get(CALL).await;
        assert_eq!(response.status(), 502);
        assert_eq!(
            response.headers()["x-hushgate-error"],
            "credential-rejected"
        );
    }
    let log = world.function.log();
    assert!(log.contains("connect-platform-denied"), "{log}");
    assert!(
        log.contains("allow this workload to use the identity"),
        "{log}"
    );
    // It is not asked at every call.
    assert_eq!(*steps.lock().expect("the steps"), ["metadata 403"]);
}

#[tokio::test]
async fn a_cloud_that_does_not_answer_is_an_unreachable_source() {
    let steps = Steps::default();
    let cloud = cloud(503, &steps).await;
    let world = world(&cloud).await;
    let response = world.get(CALL).await;
    assert_eq!(response.headers()["x-hushgate-error"], "source-unreachable");
    assert!(world.function.log().contains("connect-platform-failed"));
}

#[test]
fn at_a_desk_such_a_connection_is_kept_unchecked_and_every_check_says_why() {
    let desk = Desk::at("http://127.0.0.1:9");
    let fields = json!({"TENANT_ID": TENANT, "CLIENT_ID": CLIENT, "AUDIENCE": AUDIENCE});
    let made = desk.connect(&["outlook-cal"], &fields).fine().json();
    let note = made["notes"][0].as_str().expect("a note");
    assert!(note.starts_with("Not checked"), "{note}");
    let before = desk.store();
    for verb in ["test", "rotate"] {
        let said = desk.connection(&[verb, "outlook-cal", "--json"]);
        said.failed(1, "connection-only-in-cloud");
        let error = said.json()["error"].clone();
        let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
        assert!(
            text("message").contains("in the cloud only"),
            "{verb}: {error}"
        );
        assert!(text("next").contains("hushgate call"), "{verb}: {error}");
    }
    assert_eq!(desk.store(), before);
    let shown = desk
        .connection(&["show", "outlook-cal", "--json"])
        .fine()
        .json();
    assert_eq!(shown["validated"], Value::Null, "{shown}");
}
