//! Callers that Cloud Run has checked.

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hushgate_cli::sample::LoopbackServer;
use reqwest::Client;

use super::CLOUD_RUN;
use crate::support::function::{Function, binary};

/// A token as Cloud Run hands it over: checked, and without its signature.
fn unsigned(subject: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a clock").as_secs();
    let claims = serde_json::json!({
        "iss": "https://accounts.google.com", "sub": subject, "aud": "https://zoom-1234.run.example",
        "iat": now - 5, "exp": now + 1800,
    });
    let parts = [
        r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#.to_owned(),
        claims.to_string(),
    ];
    let [head, claims] = parts.map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("Bearer {head}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE")
}

/// The metadata server of an instance of Cloud Run; with another status, of some other machine.
async fn metadata_server(status: u16) -> LoopbackServer {
    let server = LoopbackServer::start(move |request| {
        let region = "/computeMetadata/v1/instance/region";
        let asked =
            request.uri().path() == region && request.headers().get("metadata-flavor").is_some();
        let status = if asked { status } else { 403 };
        let body = Bytes::from_static(b"projects/104857600000/regions/europe-west6");
        let response = http::Response::builder()
            .status(status)
            .header("metadata-flavor", "Google");
        response.body(body).expect("an answer")
    });
    server.await.expect("a metadata server")
}

#[test]
fn variables_of_cloud_run_alone_make_no_cloud_run() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let machine = runtime.block_on(metadata_server(404));
    let address = machine.address().to_string();
    for (variables, says) in [
        (
            vec![("GCE_METADATA_HOST", address.as_str())],
            "it has no region for this instance",
        ),
        (vec![("GCE_METADATA_HOST", "127.0.0.1:1")], "no connection"),
        (
            vec![("KUBERNETES_SERVICE_HOST", "10.0.0.1")],
            "but Kubernetes",
        ),
    ] {
        let output = Command::new(binary("zoom"))
            .env_clear()
            .env("PORT", "0")
            .env("HUSHGATE_PLATFORM_CALLERS", "cloud-run")
            .envs(CLOUD_RUN.iter().copied())
            .envs(variables)
            .output();
        let output = output.expect("it ends by itself");
        assert_eq!(output.status.code(), Some(1));
        let told = String::from_utf8_lossy(&output.stderr);
        let told: Vec<_> = told
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("HUSHGATE_PLATFORM_CALLERS: this host is not"),
            "{told:?}"
        );
        assert!(told[0].contains(says), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_platforms_word_counts_where_it_was_asked_for_and_nowhere_else() {
    let signed = crate::support::world::policy("https://issuer.example.com", "[zoom]");
    let checked = format!(
        "{signed}  - id: checked\n    identity: {{cloud_run: {{subject: \"104857\", audience: \"https://zoom-1234.run.example\"}}}}\n    \
         sources: [zoom]\ncloud_run: {{unauthenticated: refused}}\n"
    );
    let start = |policy: &str, more: &[(&str, &str)]| {
        let mut all = more.to_vec();
        all.push(("HUSHGATE_ACCESS", policy));
        all.push(("PSEUDONYM_KEY", crate::support::world::KEY));
        Function::start("zoom", &all)
    };
    let switch = [("HUSHGATE_PLATFORM_CALLERS", "cloud-run")];
    let there = metadata_server(200).await;
    let address = there.address().to_string();
    let metadata = [("GCE_METADATA_HOST", address.as_str())];
    let on = start(&checked, &[CLOUD_RUN, &switch, &metadata].concat());
    let off = start(&signed, CLOUD_RUN);
    let elsewhere = start(&signed, &[]);
    let client = Client::builder().no_proxy().build().expect("a client");
    let (known, stranger) = (unsigned("104857"), unsigned("104858"));
    for (function, headers, status) in [
        // Known: the rules decide, and do not list this call.
        (&on, vec![("authorization", &known)], 403),
        (&on, vec![("x-serverless-authorization", &known)], 403),
        (&on, vec![("authorization", &stranger)], 401),
        (
            &on,
            vec![
                ("authorization", &known),
                ("x-serverless-authorization", &stranger),
            ],
            401,
        ),
        (&off, vec![("authorization", &known)], 401),
        (&off, vec![("x-serverless-authorization", &known)], 401),
        (&elsewhere, vec![("authorization", &known)], 401),
        (
            &elsewhere,
            vec![("x-serverless-authorization", &known)],
            401,
        ),
    ] {
        let mut request = client.get(format!("{}/v2/not/listed", function.url()));
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let names: Vec<_> = headers.iter().map(|(name, _)| *name).collect();
        assert_eq!(answer.status(), status, "{names:?}\n{}", function.log());
    }
}
