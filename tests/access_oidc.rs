//! A function that trusts an OpenID Connect server of another maker, from the token request to the sanitized answer.

use serde_json::Value;

use crate::support::World;
use crate::support::peer::Peer;
use crate::support::world::{AUDIENCE, json};

const USERS: &str = "/v2/users?status=active&page_size=30";
const OTHER_AUDIENCE: &str = "https://slack.gw.example";

/// The running server, and a client of it.
struct Server {
    peer: Peer,
    client: reqwest::Client,
}

impl Server {
    /// Starts it; `None`, with a message, when it is not installed and need not be.
    fn start() -> Option<Self> {
        let client = reqwest::Client::builder().no_proxy().build();
        Some(Self {
            peer: Peer::start("oidc", &[])?,
            client: client.expect("a client"),
        })
    }

    async fn post(&self, path: &str, form: String) -> String {
        let request = self.client.post(format!("{}{path}", self.peer.issuer()));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = request.body(form).send().await.expect("an answer");
        response.text().await.expect("a body")
    }

    /// An access token by client credentials, signed with this algorithm.
    async fn token(&self, algorithm: &str, audience: &str) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id=workload-{algorithm}&client_secret=a+secret+of+the+tests+only\
             &scope=api&resource={audience}"
        );
        let answer = self.post("/token", form).await;
        let answer: Value = serde_json::from_str(&answer).expect("JSON");
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// A policy that knows the workload with the ES256 key.
    fn policy(&self) -> String {
        let issuer = self.peer.issuer();
        format!(
            "issuers:\n  - issuer: {issuer}\n    algorithms: [ES256]\nclients:\n  - id: vendor-test\n    \
             identity: {{issuer: \"{issuer}\", subject: workload-es256, audience: \"{AUDIENCE}\"}}\n    \
             sources: [zoom]\n"
        )
    }
}

async fn call(world: &World, token: &str) -> reqwest::Response {
    let request = world.client.get(format!("{}{USERS}", world.function.url()));
    request.bearer_auth(token).send().await.expect("an answer")
}

#[tokio::test]
async fn a_token_of_a_certified_server_gets_a_sanitized_answer() {
    let Some(server) = Server::start() else {
        return;
    };
    let world = World::with(&[("HUSHGATE_ACCESS", &server.policy())]).await;
    let token = server.token("es256", AUDIENCE).await;
    let response = call(&world, &token).await;
    assert_eq!(response.status(), 200);
    let body = json(response).await;
    let id = body["users"][0]["id"].as_str().expect("an id");
    assert!(id.starts_with("p~"), "{id}");
    let text = body.to_string();
    let found = crate::support::identifiers::found_in(&text);
    assert!(found.is_empty(), "the answer holds {found:?}");
    assert!(
        !world.function.log().contains(&token),
        "the token is in the log"
    );
}

#[tokio::test]
async fn tokens_of_a_certified_server_for_others_are_refused() {
    let Some(server) = Server::start() else {
        return;
    };
    let world = World::with(&[("HUSHGATE_ACCESS", &server.policy())]).await;
    for (algorithm, audience) in [
        ("es256", OTHER_AUDIENCE),
        // Another workload, with an algorithm that is not agreed.
        ("rs256", AUDIENCE),
    ] {
        let token = server.token(algorithm, audience).await;
        let response = call(&world, &token).await;
        assert_eq!(response.status(), 401, "{algorithm} {audience}");
        assert_eq!(response.headers()["x-hushgate-error"], "token-invalid");
    }
    assert_eq!(world.source.as_ref().expect("a source").calls(), 0);
}

#[tokio::test]
async fn keys_are_rotated_while_the_function_runs() {
    let Some(server) = Server::start() else {
        return;
    };
    let world = World::with(&[("HUSHGATE_ACCESS", &server.policy())]).await;
    let before = server.token("es256", AUDIENCE).await;
    assert_eq!(call(&world, &before).await.status(), 200);

    server.post("/control/rotate", String::new()).await;
    let after = server.token("es256", AUDIENCE).await;
    let new = call(&world, &after).await;
    assert_eq!(new.status(), 200, "the new key is found at once");
    let old = call(&world, &before).await;
    assert_eq!(old.status(), 401, "a key that is gone");
    let fetches = server.post("/control/fetches", String::new()).await;
    assert_eq!(fetches, "2", "unknown keys don't lead to a fetch each");
}

#[tokio::test]
async fn known_keys_serve_on_while_a_certified_server_is_down() {
    let Some(server) = Server::start() else {
        return;
    };
    let world = World::with(&[("HUSHGATE_ACCESS", &server.policy())]).await;
    let token = server.token("es256", AUDIENCE).await;
    assert_eq!(call(&world, &token).await.status(), 200);
    server.post("/control/down", String::new()).await;
    assert_eq!(call(&world, &token).await.status(), 200);
}
