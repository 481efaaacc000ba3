//! The zip, started as AWS Lambda's `provided.al2023` starts it: `bootstrap` in the folder of the
//! zip, which is read only, by a user who is not root, with Lambda's variables and no others.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use hushgate_cli::sample::{Issuer, SampleSource};
use serde_json::{Value, json};

use crate::packages::{SOURCES, confined, machine, namespaces, package_of, unpacked};
use crate::support::function::scratch;
use crate::support::identifiers;
use crate::support::runtime_api::RuntimeApi;
use crate::support::world::{AUDIENCE, SUBJECT, served, variables};

const LONG: Duration = Duration::from_secs(30);

/// What Lambda sets for a custom runtime, beside the address of the Runtime API.
/// Source: AWS, "Defined runtime environment variables".
const LAMBDAS: &[(&str, &str)] = &[
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
    ("AWS_LAMBDA_FUNCTION_NAME", "zoom"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/zoom"),
    ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/21/[$LATEST]0"),
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "example"),
    ("AWS_SESSION_TOKEN", "example"),
    ("LANG", "en_US.UTF-8"),
    (
        "LD_LIBRARY_PATH",
        "/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib",
    ),
    ("PATH", "/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
    ("TZ", ":UTC"),
];

/// Those of them that only the service itself sets; with one of them, nothing on loopback is allowed.
const SERVICES: &[(&str, &str)] = &[
    ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
    ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    ("AWS_XRAY_DAEMON_ADDRESS", "169.254.79.129:2000"),
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
    ("LAMBDA_TASK_ROOT", "/var/task"),
    ("_HANDLER", "bootstrap"),
];

pub(super) struct Lambda {
    child: Child,
    log: PathBuf,
    api: RuntimeApi,
}

impl Lambda {
    /// Starts source zoom's zip with these variables; nothing where no zip was made.
    pub(super) fn start(variables: &[(&str, &str)]) -> Option<Self> {
        Self::start_source("zoom", variables)
    }

    fn start_source(source: &str, variables: &[(&str, &str)]) -> Option<Self> {
        let zip = package_of(source, &format!("-aws-{}.zip", machine()))?;
        let task = unpacked(&zip);
        let log = scratch("lambda").join("function.log");
        let output = File::create(&log).expect("a log file");
        let api = RuntimeApi::start();
        let mut command = if namespaces() {
            confined(&task, 993, &["./bootstrap"])
        } else {
            Command::new(task.join("bootstrap"))
        };
        let child = command
            .current_dir(&task)
            .env_clear()
            .envs(LAMBDAS.iter().chain(variables).copied())
            .env("AWS_LAMBDA_RUNTIME_API", api.address())
            .stdin(Stdio::null())
            .stdout(output.try_clone().expect("a second handle"))
            .stderr(output)
            .spawn()
            .expect("the function starts");
        let mut lambda = Self { child, log, api };
        let polled = lambda.api.poll(LONG).is_some();
        assert!(polled, "it never asks for an event: {}", lambda.end());
        Some(lambda)
    }

    /// The answer to a Function URL's event (payload format 2.0) for this target and token.
    pub(super) fn call(&mut self, target: &str, token: Option<&str>) -> Value {
        let mut headers = json!({"host": "example.lambda-url.us-east-1.on.aws"});
        if let Some(token) = token {
            headers["authorization"] = json!(format!("Bearer {token}"));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let event = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": path,
            "rawQueryString": query,
            "headers": headers,
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "example",
                "domainName": "example.lambda-url.us-east-1.on.aws",
                "domainPrefix": "example",
                "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "test"},
                "requestId": "4c0b1a3f-0000-4000-8000-000000000000",
                "routeKey": "$default",
                "stage": "$default",
                "time": "21/Nov/2026:12:00:00 +0000",
                "timeEpoch": 1_795_262_400_000_u64,
            },
            "isBase64Encoded": false,
        });
        let answer = self.api.invoke(&event.to_string(), LONG);
        let answer = answer.unwrap_or_else(|| panic!("no answer: {}", self.end()));
        let (at, took) = (answer.at, answer.took);
        assert_eq!(answer.kind, "response", "{at:?}, after {took:?}");
        serde_json::from_slice(&answer.body).expect("a response in JSON")
    }

    /// Ends it and gives all that it wrote.
    fn end(&mut self) -> String {
        let _ = self.child.kill();
        let _ = self.child.wait();
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let log = self.end();
        if !std::thread::panicking() {
            let found = identifiers::found_in(&log);
            assert!(found.is_empty(), "the log holds {found:?}:\n{log}");
        }
    }
}

#[test]
fn the_zip_starts_with_all_that_lambda_sets_and_refuses_a_stranger() {
    let issuer = "https://issuer.example";
    let own = variables("zoom", issuer, "api.zoom.us");
    let mut all: Vec<_> = SERVICES.to_vec();
    all.extend(
        own.iter()
            .filter(|(name, _)| !name.starts_with("HUSHGATE_") || name == "HUSHGATE_ACCESS")
            .map(|(name, value)| (name.as_str(), value.as_str())),
    );
    let Some(mut lambda) = Lambda::start(&all) else {
        return;
    };
    let answer = lambda.call("/v2/users", None);
    assert_eq!(answer["statusCode"], 401, "{answer}");
    let answer = lambda.call("/v2/users", Some("e30.e30.e30"));
    assert_eq!(answer["statusCode"], 401, "{answer}");
    assert!(answer.to_string().contains("token"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_source_s_zip_answers_a_call_sanitized() {
    for (id, target, word) in SOURCES {
        let issuer = Issuer::start().await.expect("the issuer");
        let source = SampleSource::start(served(id), None)
            .await
            .expect("the source");
        let address = source.url().trim_start_matches("http://").to_owned();
        let own = variables(id, &issuer.url(), &address);
        let own: Vec<_> = own.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let Some(mut lambda) = Lambda::start_source(id, &own) else {
            return;
        };
        let token = issuer
            .token(SUBJECT, AUDIENCE, Duration::from_mins(10))
            .expect("a token");
        let answer = lambda.call(target, Some(&token));
        assert_eq!(answer["statusCode"], 200, "{id}: {answer}");
        let text = answer["body"].as_str().expect("a body");
        assert!(text.contains(word), "{text}");
        let found = identifiers::found_in(text);
        assert!(found.is_empty(), "{found:?} in {text}");
    }
}
