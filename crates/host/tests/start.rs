//! A function's start: what stops it, with which words, and that it answers when nothing does.

use std::collections::BTreeMap;

use hushgate_host::{BuiltIn, prepare};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

const POLICY: &str = "
issuers:
  - issuer: https://issuer.example.com
    algorithms: [ES256]
clients:
  - id: vendor
    identity: {issuer: https://issuer.example.com, subject: workload-1, audience: https://gw.example.com}
    sources: [sample]
";

static SAMPLE: BuiltIn = BuiltIn {
    id: "sample",
    source_yaml: r#"
id: sample
name: Sample
docs: https://api.example.com/docs
categories: [tests]
target_host:
  pattern: "*.example.com"
  example: acme.example.com
auth:
  type: apiKey
  send: {in: header, name: authorization, value: "Bearer {{ACCESS_TOKEN}}"}
  fields:
    - name: ACCESS_TOKEN
      label: Token
      tooltip: For tests.
"#,
    rules_yaml: "
endpoints:
  - pathTemplate: /v1/users
    allowedMethods: [GET]
    allowedQueryParams: []
    responseSchema: {type: object, properties: {count: {type: integer}}}
",
};

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let usual = [
        ("PORT", "0"),
        ("HUSHGATE_LISTEN", "127.0.0.1"),
        ("HUSHGATE_ACCESS", POLICY),
        ("HUSHGATE_TARGET_HOST", "acme.example.com"),
        ("HUSHGATE_LOG", "off"),
    ];
    let all = usual.iter().chain(pairs);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// The problems that stop a start.
fn problems(pairs: &[(&str, &str)]) -> String {
    match prepare(&SAMPLE, &environment(pairs)) {
        Ok(_) => String::new(),
        Err(problems) => problems.join("\n"),
    }
}

#[test]
fn wrong_rules_stop_the_start_and_are_never_replaced_by_the_built_in_ones() {
    let broken = "endpoints:\n  - pathTemplate: /v1/users\n    allowedMethds: [GET]\n";
    let told = problems(&[("HUSHGATE_RULES", broken)]);
    assert!(
        told.contains("allowedMethds") && told.contains("inline:3:"),
        "{told}"
    );
    let told = problems(&[("HUSHGATE_RULES", "/no/such/rules.yaml")]);
    assert!(told.contains("HUSHGATE_RULES"), "{told}");
}

#[test]
fn policy_and_rules_are_told_together() {
    let told = problems(&[
        ("HUSHGATE_RULES", "endpoints:\n  - nonsense: 1\n"),
        ("HUSHGATE_ACCESS", "clients:\n  - nonsense: 1\n"),
    ]);
    assert!(
        told.contains("HUSHGATE_ACCESS") && told.matches("nonsense").count() >= 2,
        "{told}"
    );
}

#[test]
fn a_host_that_is_not_the_source_s_stops_the_start() {
    let told = problems(&[("HUSHGATE_TARGET_HOST", "evil.example.org")]);
    assert!(
        told.contains("HUSHGATE_TARGET_HOST") && told.contains("*.example.com"),
        "{told}"
    );
    let told = problems(&[("HUSHGATE_TARGET_HOST", "")]);
    assert!(told.contains("HUSHGATE_TARGET_HOST is missing"), "{told}");
}

#[tokio::test]
async fn answers_over_http_1_and_2_and_stops_when_told() {
    let prepared = prepare(&SAMPLE, &environment(&[])).unwrap();
    let address = prepared.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(prepared.serve(async {
        let _ = stopped.await;
    }));
    let request = "GET /v1/users HTTP/1.1\r\nhost: x\r\nx-hushgate-health-check: 1\r\nconnection: close\r\n\r\n";
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with("{\"status\":\"up\"}\r\n"),
        "{answer}"
    );
    // The preface of HTTP/2 with an empty SETTINGS frame is answered by a SETTINGS frame.
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        .await
        .unwrap();
    let mut frame = [0_u8; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4, "not a SETTINGS frame");
    drop(stream);
    stop.send(()).unwrap();
    serving.await.unwrap().unwrap();
}
