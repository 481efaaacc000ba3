//! What an admitted call gets.

use hushgate_cli::examples::Folder;
use serde_json::Value;

use crate::support::World;
use crate::support::canned::{JSON, source_that_answers};
use crate::support::function::root;
use crate::support::world::json;

#[tokio::test]
async fn a_call_with_a_token_gets_a_sanitized_answer() {
    let world = World::start().await;
    let response = world.get("/v2/users?status=active&page_size=30").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert!(response.headers().contains_key("x-hushgate-rules"));
    let body = response.text().await.expect("a body");
    let value: Value = serde_json::from_str(&body).expect("JSON");
    let id = value["users"][0]["id"].as_str().expect("an id");
    assert!(id.starts_with("p~"), "{id}");
    for identifier in zoom_identifiers() {
        assert!(!body.contains(&identifier), "the answer holds {identifier}");
    }
}

#[tokio::test]
async fn a_pseudonym_from_one_answer_works_in_the_next_call() {
    let world = World::start().await;
    let users = world.get("/v2/users?status=active&page_size=30").await;
    let users = json(users).await;
    let id = users["users"][0]["id"].as_str().expect("an id");
    let response = world
        .get(&format!(
            "/v2/users/{id}/meetings?type=scheduled&page_size=30"
        ))
        .await;
    assert_eq!(response.status(), 200, "{:?}", response.text().await);
}

#[tokio::test]
async fn the_same_person_has_the_same_pseudonym_in_every_answer() {
    let world = World::start().await;
    let first = json(world.get("/v2/users?status=active&page_size=30").await).await;
    let second = json(world.get("/v2/users?status=active&page_size=30").await).await;
    assert_eq!(first, second);
}

/// All go to one target; only their bodies tell them apart.
#[tokio::test]
async fn each_graphql_query_gets_its_own_answer() {
    let world = World::of("github", &[]).await;
    let folder = Folder::find(&root().join("rules/github").display().to_string()).expect("github");
    let calls = folder.calls().expect("its calls");
    let mut asked = 0;
    for call in calls.iter().filter(|c| c.template() == "/graphql") {
        // The pseudonyms of the examples were made with other keys than this function's.
        let (Some(name), Some(body)) = (&call.name, &call.body) else {
            continue;
        };
        if body.contains("{{reversible:") {
            continue;
        }
        let request = world.request(reqwest::Method::POST, "/graphql");
        let request = request
            .header("content-type", "application/json")
            .body(body.clone());
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status(), 200, "{name}");
        let expected = std::fs::read_to_string(folder.sanitized(name)).expect("its answer");
        let expected = serde_json::from_str(&expected).expect("JSON");
        assert_eq!(shape(&json(response).await), shape(&expected), "{name}");
        asked += 1;
    }
    assert!(asked > 2, "{asked}");
}

/// A document without its texts.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::Bool(true),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => members.iter().map(|(n, v)| (n.clone(), shape(v))).collect(),
        other => other.clone(),
    }
}

#[tokio::test]
async fn rate_limits_pass_and_other_headers_do_not() {
    let world = World::start().await;
    let response = world.get("/v2/users?status=active&page_size=30").await;
    assert_eq!(response.headers()["x-ratelimit-remaining"], "4999");
    assert!(!response.headers().contains_key("set-cookie"));
    assert!(!response.headers().contains_key("server"));
}

#[tokio::test]
async fn large_answers_are_compressed_when_the_caller_asks() {
    let users = vec!["{\"id\":\"KdYKjnimT4KPd8FFgQt9FQ\",\"status\":\"active\"}"; 200].join(",");
    let body: &'static str = format!("{{\"users\":[{users}]}}").leak();
    let source = source_that_answers(200, &[JSON], body.as_bytes()).await;
    let world = World::before(&source.address().to_string(), &[]).await;
    let response = world
        .request(reqwest::Method::GET, "/v2/users")
        .header("accept-encoding", "gzip")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.headers()["content-encoding"], "gzip");
    assert_eq!(response.bytes().await.expect("a body")[..2], [0x1f, 0x8b]);
    assert!(
        !world
            .get("/v2/users")
            .await
            .headers()
            .contains_key("content-encoding")
    );
}

#[tokio::test]
async fn the_health_check_names_nothing_secret() {
    let world = World::start().await;
    let response = world
        .request(reqwest::Method::GET, "/")
        .header("x-hushgate-health-check", "1")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    let body = response.text().await.expect("a body");
    let value: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(value["configuredSource"], "zoom");
    for secret in crate::support::identifiers::SECRETS {
        assert!(!body.contains(secret), "{body}");
    }
}

#[tokio::test]
async fn the_liveness_path_needs_no_token_and_tells_nothing() {
    let world = World::start().await;
    let response = world
        .client
        .get(format!("{}/healthz", world.function.url()))
        .send()
        .await;
    let response = response.expect("an answer");
    assert_eq!(response.status(), 200);
    assert!(response.text().await.expect("a body").len() < 20);
}

#[tokio::test]
async fn compatibility_mode_speaks_the_other_header_names() {
    let world = World::with(&[
        ("HUSHGATE_COMPAT", "psoxy"),
        ("PSOXY_SALT", "e2e-salt"),
        ("PSOXY_ENCRYPTION_KEY", "e2e-password"),
    ])
    .await;
    let response = world.get("/v2/users?status=active&page_size=30").await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("x-psoxy-rules-sha"));
    let response = world.get("/not/listed").await;
    assert_eq!(response.headers()["x-psoxy-error"], "BLOCKED_BY_RULES");
}

fn zoom_identifiers() -> Vec<String> {
    let path = root().join("rules/zoom/examples/pii.txt");
    let text = std::fs::read_to_string(path).expect("pii.txt");
    text.lines()
        .map(str::trim)
        .filter(|l| l.len() > 3 && !l.starts_with('#'))
        .map(str::to_owned)
        .collect()
}
