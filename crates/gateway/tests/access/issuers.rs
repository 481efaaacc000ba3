//! Tokens of a real, certified OpenID Connect server, with its keys changing while we verify.

use std::sync::Arc;

use hushgate_gateway::access::fetch::{HttpKeySource, KeySource};
use hushgate_gateway::access::policy::Policy;
use hushgate_gateway::access::{Verifier, keys::KeySet};
use hushgate_gateway::egress::{Egress, EgressConfig};
use hushgate_gateway::ports::{Clock, SystemClock};

use crate::peer::Peer;
use crate::support::*;

const ALGORITHMS: [&str; 4] = ["RS256", "PS256", "ES256", "EdDSA"];

/// A running server, and the client that asks it.
struct Server {
    provider: Peer,
    egress: Egress,
}

impl Server {
    /// Starts the server; `None`, with a message, when it is not installed and need not be.
    fn start() -> Option<Self> {
        let config = EgressConfig {
            dev_loopback: true,
            ..EgressConfig::default()
        };
        Some(Self {
            provider: Peer::start("oidc", &[])?,
            egress: Egress::new(config),
        })
    }

    async fn call(&self, method: http::Method, path: &str, form: &str) -> String {
        let url = self
            .egress
            .parse(&format!("{}{path}", self.provider.issuer()))
            .unwrap();
        let request = self.egress.request(method, url).unwrap();
        let response = request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.to_owned())
            .send()
            .await
            .unwrap();
        response.text().await.unwrap()
    }

    async fn control(&self, action: &str) -> String {
        self.call(http::Method::POST, &format!("/control/{action}"), "")
            .await
    }

    async fn token(&self, algorithm: &str, audience: &str) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id=workload-{}&client_secret=a+secret+of+the+tests+only&scope=api&resource={audience}",
            algorithm.to_lowercase()
        );
        let answer = self.call(http::Method::POST, "/token", &form).await;
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        let token = answer["access_token"].as_str().unwrap().to_owned();
        let header = unb64(token.split('.').next().unwrap());
        let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["alg"], algorithm);
        token
    }

    /// A policy with one client per algorithm, pinned to these algorithms.
    fn verifier(&self, algorithms: &str, clock: Arc<dyn Clock>) -> Verifier {
        let issuer = self.provider.issuer();
        let clients: Vec<String> = ALGORITHMS
            .map(str::to_lowercase)
            .iter()
            .map(|name| {
                format!(
                    "  - {{id: {name}, sources: [zoom], identity: {{issuer: \"{issuer}\", subject: workload-{name}, audience: {AUDIENCE}}}}}\n"
                )
            })
            .collect();
        let text = format!(
            "issuers: [{{issuer: \"{issuer}\", algorithms: [{algorithms}]}}]\nclients:\n{}",
            clients.concat()
        );
        let policy = Policy::parse(&text, "access.yaml", true).unwrap();
        let keys: Arc<dyn KeySource> = Arc::new(HttpKeySource::new(self.egress.clone()));
        Verifier::new(policy, "zoom", &keys, clock)
    }
}

#[tokio::test]
async fn tokens_of_a_certified_server_verify_in_every_algorithm() {
    let Some(server) = Server::start() else {
        return;
    };
    let verifier = server.verifier("RS256, PS256, ES256, EdDSA", Arc::new(SystemClock));
    for algorithm in ALGORITHMS {
        let good = server.token(algorithm, AUDIENCE).await;
        let caller = verify(&verifier, &good).await.unwrap();
        assert_eq!(caller.client_id(), algorithm.to_lowercase());
        let other = server.token(algorithm, "https://slack.gw.example").await;
        assert_eq!(refused(&verifier, &other).await, "token-invalid");
        let (rest, signature) = good.rsplit_once('.').unwrap();
        let mut bytes = unb64(signature);
        bytes[7] ^= 1;
        let forged = format!("{rest}.{}", b64(&bytes));
        assert_eq!(refused(&verifier, &forged).await, "token-invalid");
    }
    assert_eq!(server.control("fetches").await, "1");
}

#[tokio::test]
async fn a_certified_server_is_held_to_its_pinned_algorithm() {
    let Some(server) = Server::start() else {
        return;
    };
    let verifier = server.verifier("ES256", Arc::new(SystemClock));
    for algorithm in ALGORITHMS {
        let token = server.token(algorithm, AUDIENCE).await;
        assert_eq!(
            verify(&verifier, &token).await.is_ok(),
            algorithm == "ES256"
        );
    }
}

#[tokio::test]
async fn keys_rotate_at_a_running_server_without_an_outage() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = Arc::new(TestClock::at(SystemClock.unix_seconds()));
    let verifier = server.verifier("RS256, PS256, ES256, EdDSA", clock.clone());
    let mut old = Vec::new();
    for algorithm in ALGORITHMS {
        old.push(server.token(algorithm, AUDIENCE).await);
    }
    for token in &old {
        verify(&verifier, token).await.unwrap();
    }
    // New keys beside the old ones: both kinds of token work from the next fetch on.
    server.control("add").await;
    clock.advance(31);
    for (algorithm, token) in ALGORITHMS.iter().zip(&old) {
        verify(&verifier, &server.token(algorithm, AUDIENCE).await)
            .await
            .unwrap();
        verify(&verifier, token).await.unwrap();
    }
    assert_eq!(server.control("fetches").await, "2");
    // The old keys go: their tokens are refused as soon as the new set is known.
    server.control("rotate").await;
    clock.advance(31);
    for (algorithm, token) in ALGORITHMS.iter().zip(&old) {
        verify(&verifier, &server.token(algorithm, AUDIENCE).await)
            .await
            .unwrap();
        assert_eq!(refused(&verifier, token).await, "token-invalid");
    }
    assert_eq!(server.control("fetches").await, "3");
    // An outage: what is known goes on working, also past the age of the keys.
    let known = server.token("RS256", AUDIENCE).await;
    server.control("down").await;
    clock.advance(31);
    verify(&verifier, &known).await.unwrap();
    server.control("up").await;
}

#[tokio::test]
async fn an_unreachable_server_is_named_unavailable_and_recovers() {
    let Some(server) = Server::start() else {
        return;
    };
    let clock = Arc::new(TestClock::at(SystemClock.unix_seconds()));
    let verifier = server.verifier("ES256", clock.clone());
    let token = server.token("ES256", AUDIENCE).await;
    server.control("down").await;
    assert_eq!(refused(&verifier, &token).await, "issuer-unavailable");
    server.control("up").await;
    clock.advance(2);
    verify(&verifier, &token).await.unwrap();
}

#[tokio::test]
async fn the_http_source_stops_at_redirects_size_and_time() {
    use hushgate_gateway::access::algorithm::Algorithm;
    let keys = serde_json::json!({"keys": [published(&Pair::ed(), "k", "EdDSA")]}).to_string();
    let answer = |head: &str, body: &str| {
        format!(
            "HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let big = format!("{{\"keys\":[],\"x\":\"{}\"}}", "x".repeat(256 * 1024));
    let table = [
        (answer("200 OK\r\nCache-Control: max-age=77", &keys), "ok"),
        (
            answer("302 Found\r\nLocation: /elsewhere", &keys),
            "issuer-status",
        ),
        (answer("404 Not Found", &keys), "issuer-status"),
        (answer("500 Oh", ""), "issuer-status"),
        (answer("200 OK", &big), "issuer-answer-too-large"),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"keys\":".to_owned(),
            "issuer-unreachable",
        ),
        ("garbage\r\n\r\n".to_owned(), "issuer-unreachable"),
        (String::new(), "issuer-unreachable"),
    ];
    let egress = Egress::new(EgressConfig {
        dev_loopback: true,
        ..EgressConfig::default()
    });
    let source = HttpKeySource::new(egress);
    for (response, expected) in table {
        let url = serve_once(response.clone()).await;
        let found = match source.fetch(&url).await {
            Ok(document) => {
                assert_eq!(document.max_age.unwrap().as_secs(), 77);
                KeySet::parse(&document.body, &[Algorithm::EdDsa]).unwrap();
                "ok"
            }
            Err(fault) => fault.code(),
        };
        assert_eq!(found, expected, "{response:.80}");
    }
    let outside = source
        .fetch("http://issuer.example/keys")
        .await
        .unwrap_err();
    assert_eq!(outside.code(), "egress-scheme");
    let metadata = source
        .fetch("https://169.254.169.254/keys")
        .await
        .unwrap_err();
    assert_eq!(metadata.code(), "egress-address");
}

/// Serves one connection on this machine with raw bytes; gives the address.
async fn serve_once(response: String) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 4096];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(response.as_bytes()).await;
        let _ = stream.shutdown().await;
    });
    url
}
