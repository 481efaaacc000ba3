//! Callers for whom a platform vouches, forged over real HTTP against a whole function.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where something is missing"
)]

mod sample;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hushgate_host::cloud::Clouds;
use hushgate_host::{BuiltIn, prepare};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::sample::{POLICY, sample};

const AUDIENCE: &str = "https://sample-1234.run.example";
const ON_CLOUD_RUN: &str = "  - id: checked
    identity: {cloud_run: {email: loader@project.example, audience: https://sample-1234.run.example}}
    sources: [sample]
cloud_run: {unauthenticated: refused}
";
const ON_AWS: &str = "  - id: by-role
    identity: {aws_iam: {role: arn:aws:iam::111122223333:role/reporting}}
    sources: [sample]
aws_iam: {direct_invoke: refused}
";

static SAMPLE: BuiltIn = sample(Clouds::NONE);

/// The variables of a function on a host with these marks.
fn environment(policy: &str, pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut all = vec![
        ("HUSHGATE_ACCESS", policy),
        (
            "PSEUDONYM_KEY",
            "Zm9yIHRlc3RzIG9ubHksIG5ldmVyIHVzZSB0aGlzIGtleQ==",
        ),
    ];
    all.extend(pairs);
    sample::environment(&all)
}

const SWITCH: &str = "HUSHGATE_PLATFORM_CALLERS";
const LAPTOP: &[(&str, &str)] = &[];
const CLOUD_RUN: &[(&str, &str)] = &[("K_SERVICE", "sample"), ("K_REVISION", "sample-1")];
const LAMBDA: &[(&str, &str)] = &[
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "sample"),
];

/// What a metadata server has at `instance/region`; its address.
async fn metadata(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                asked.push(stream.read_u8().await.unwrap());
            }
            assert!(asked.starts_with(b"GET /computeMetadata/v1/instance/region "));
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nmetadata-flavor: Google\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

/// The metadata server of an instance of Cloud Run.
async fn cloud_run() -> String {
    metadata("200 OK", "projects/104857600000/regions/europe-west6").await
}

/// A function that serves until it is dropped.
struct Function {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl Function {
    async fn start(policy: &str, pairs: &[(&str, &str)]) -> Self {
        let prepared = prepare(&SAMPLE, &environment(policy, pairs)).await.unwrap();
        let address = prepared.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(prepared.serve(async {
            let _ = stopped.await;
        }));
        Self {
            address,
            _stop: stop,
        }
    }

    /// The code of the answer, and the answer without what differs from request to request.
    async fn call(&self, lines: &str, body: &str) -> (String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let method = if body.is_empty() { "GET" } else { "POST" };
        let length = body.len();
        let request = format!(
            "{method} /v1/nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n{lines}\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let header = |name: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {answer}"))
                .to_owned()
        };
        let code = header("x-hushgate-error: ");
        let plain = answer
            .replace(&header("x-hushgate-request-id: "), "ID")
            .lines()
            .filter(|line| !line.starts_with("date: "))
            .collect::<Vec<_>>()
            .join("\n");
        (code, plain)
    }
}

fn claims(email: &str) -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    json!({
        "iss": "https://accounts.google.com", "sub": "104857600000000000000", "aud": AUDIENCE,
        "email": email, "email_verified": true, "iat": now - 10, "exp": now + 3500,
    })
}

fn token(claims: &Value, signature: &str) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let header = part(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#);
    format!("{header}.{}.{signature}", part(&claims.to_string()))
}

/// A row of the table with its tokens made.
fn made(headers: &str) -> String {
    const MARK: &str = "SIGNATURE_REMOVED_BY_GOOGLE";
    let client = claims("loader@project.example");
    let attacker = claims("attacker@other.example");
    let lines = headers
        .replace("{GOOD}", &token(&client, MARK))
        .replace("{LOWER}", &token(&client, &MARK.to_lowercase()))
        .replace("{NONE}", &token(&client, ""))
        .replace("{OWN}", &token(&attacker, MARK));
    format!("{}\r\n", lines.replace(";;", "\r\n"))
}

fn join<'t>(marks: &[(&'t str, &'t str)], word: &'t str) -> Vec<(&'t str, &'t str)> {
    marks.iter().copied().chain([(SWITCH, word)]).collect()
}

#[tokio::test]
async fn nothing_over_http_passes_for_the_platform_s_word() {
    let google = format!("{POLICY}{ON_CLOUD_RUN}");
    let aws = format!("{POLICY}{ON_AWS}");
    let server = cloud_run().await;
    let mut on_cloud_run = join(CLOUD_RUN, "cloud-run");
    on_cloud_run.push(("GCE_METADATA_HOST", &server));
    let functions = [
        (1, Function::start(POLICY, LAPTOP).await),
        (1, Function::start(POLICY, CLOUD_RUN).await),
        (1, Function::start(POLICY, LAMBDA).await),
        (2, Function::start(&google, &on_cloud_run).await),
        (3, Function::start(&aws, &join(LAMBDA, "aws-iam")).await),
    ];
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut refused = 0;
    for row in include_str!("platform_callers/hostile.txt").lines() {
        if row.starts_with('#') || row.is_empty() {
            continue;
        }
        let columns: Vec<&str> = row.split(" | ").map(str::trim).collect();
        assert_eq!(columns.len(), 4, "{row}");
        let lines = made(columns[0]);
        for (column, function) in &functions {
            let (code, answer) = function.call(&lines, "").await;
            assert_eq!(code, columns[*column], "column {column}: {row}");
            if code.starts_with("token-") {
                seen.entry(code).or_default().insert(answer);
                refused += 1;
            }
        }
    }
    assert!(refused >= 240, "{refused}");
    // Whatever was tried, on whatever host: one answer for each code.
    assert_eq!(seen.len(), 2);
    for (code, answers) in seen {
        assert_eq!(answers.len(), 1, "{code}: {answers:#?}");
    }
}

#[tokio::test]
async fn a_body_in_the_form_of_an_event_is_a_body() {
    let aws = format!("{POLICY}{ON_AWS}");
    let function = Function::start(&aws, &join(LAMBDA, "aws-iam")).await;
    let principal = json!({"userArn": "arn:aws:sts::111122223333:assumed-role/reporting/s1", "accountId": "111122223333"});
    for event in [
        json!({"requestContext": {"authorizer": {"iam": principal}}}),
        json!({"version": "2.0", "rawPath": "/v1/users", "requestContext": {"authorizer": {"iam": principal}, "http": {"method": "GET"}}}),
        json!({"httpMethod": "GET", "path": "/v1/users", "requestContext": {"identity": principal}}),
        json!({"vouched": {"AwsIam": {"arn": principal["userArn"], "account": "111122223333"}}}),
    ] {
        let lines = "content-type: application/json\r\n";
        let (code, _) = function.call(lines, &event.to_string()).await;
        assert_eq!(code, "token-missing", "{event}");
    }
}

#[tokio::test]
async fn a_policy_and_a_host_that_don_t_fit_stop_the_start() {
    let google = format!("{POLICY}{ON_CLOUD_RUN}");
    let aws = format!("{POLICY}{ON_AWS}");
    let without = |policy: &str, key: &str| {
        let lines = policy.lines().filter(|line| !line.starts_with(key));
        lines.collect::<Vec<_>>().join("\n")
    };
    let both = [CLOUD_RUN, LAMBDA].concat();
    // The same variables, but no Cloud Run: a machine at Google, a cluster of its own, nothing known.
    let machine = metadata("404 Not Found", "no").await;
    let there = cloud_run().await;
    let in_cluster = [CLOUD_RUN, &[("KUBERNETES_SERVICE_HOST", "10.0.0.1")]].concat();
    for row in include_str!("platform_callers/starts.txt").lines() {
        if row.starts_with('#') || row.is_empty() {
            continue;
        }
        let columns: Vec<&str> = row.split(" | ").map(str::trim).collect();
        let [policy, host, switch, expected] = columns[..] else {
            panic!("{row}");
        };
        let policy = match policy {
            "signed" => POLICY.to_owned(),
            "google" => google.clone(),
            "aws" => aws.clone(),
            "google-unsaid" => without(&google, "cloud_run:"),
            "aws-unsaid" => without(&aws, "aws_iam:"),
            _ => panic!("{row}"),
        };
        let marks = match host {
            "laptop" => LAPTOP,
            "cloud-run" | "knative-at-google" | "knative" => CLOUD_RUN,
            "knative-in-cluster" => &in_cluster,
            "lambda" => LAMBDA,
            "both" => &both,
            _ => panic!("{row}"),
        };
        let mut pairs = marks.to_vec();
        pairs.push((
            "GCE_METADATA_HOST",
            match host {
                "knative-at-google" => &machine,
                "knative" => "127.0.0.1:1",
                _ => &there,
            },
        ));
        if switch != "-" {
            pairs.push((SWITCH, switch));
        }
        match prepare(&SAMPLE, &environment(&policy, &pairs)).await {
            Ok(_) => assert_eq!(expected, "starts", "{row}"),
            Err(problems) => {
                let told = problems.join("\n");
                for words in expected.split(" ; ") {
                    assert!(told.contains(words), "{row}: {told}");
                }
            }
        }
    }
}
