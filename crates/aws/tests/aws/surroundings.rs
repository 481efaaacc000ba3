//! What the machine around a function says: proxies, certificate authorities, credentials. Each case is a
//! process of its own, because that is told by variables.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use hushgate_aws::parameters::Parameters;
use hushgate_host::store::remote::{Ages, RemoteStore};

use crate::recorder::{Recorder, Sent, answer, closed};
use crate::support::{MARK, logs, newest};

const ALONE: &str = "HUSHGATE_TESTS_ALONE";
/// What comes before what the process alone found.
const FOUND: &str = "found: ";
const NONE: &[u8] = b"{\"__type\":\"ParameterNotFound\"}";
const ROLE: &str = "{\"Code\":\"Success\",\"Type\":\"AWS-HMAC\",\"LastUpdated\":\"2026-01-01T00:00:00Z\",\
                    \"AccessKeyId\":\"AKIDOFTHEROLE\",\"SecretAccessKey\":\"do-not-show\",\
                    \"Token\":\"do-not-show\",\"Expiration\":\"2099-01-01T00:00:00Z\"}";

/// What a process with these variables alone finds when it reads an entry that is not there.
async fn found(variables: &[(&str, &str)]) -> String {
    let told = told(variables).await;
    let line = told.lines().find_map(|line| line.split_once(FOUND));
    line.expect("what it found").1.to_owned()
}

/// The same with what it logs.
async fn told(variables: &[(&str, &str)]) -> String {
    let output = tokio::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "surroundings::reads_by_its_variables",
            "--nocapture",
        ])
        .env_clear()
        .env(ALONE, "1")
        .env("AWS_REGION", "eu-central-1")
        .envs(variables.iter().copied())
        .output()
        .await
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{told}");
    assert!(!told.contains(MARK), "{told}");
    told
}

/// Reads an entry of the account that the variables name.
#[tokio::test]
async fn reads_by_its_variables() {
    if std::env::var_os(ALONE).is_none() {
        // Without variables there is no account.
        assert!(Parameters::of("alone", &BTreeMap::new()).is_err());
        return;
    }
    let environment = std::env::vars().collect();
    let store = Parameters::of("alone", &environment).unwrap();
    let store = RemoteStore::with_ages(store, Ages::default());
    logs();
    let read = newest(&store, "A").await;
    eprintln!("{}", logs());
    match read {
        Ok(value) => eprintln!("{FOUND}{value:?}"),
        Err(error) => eprintln!("{FOUND}{error}"),
    }
}

/// Variables of an account with a key, whose services are at an endpoint.
fn account(endpoint: &str) -> Vec<(&str, &str)> {
    vec![
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "do-not-show"),
        ("AWS_ENDPOINT_URL", endpoint),
    ]
}

/// A service without entries.
async fn empty() -> Recorder {
    Recorder::start(|_| Some(answer(400, "", NONE))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_go_by_the_proxy_that_the_environment_names() {
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let proxy = empty().await;
        let endpoint = format!("http://127.0.0.1:{}", closed().await);
        let url = format!("http://user:do-not-show@127.0.0.1:{}", proxy.port);
        let mut variables = account(&endpoint);
        variables.push((name, &url));
        assert_eq!(found(&variables).await, "None", "{name}");
        let sent = &proxy.sent()[0];
        assert_eq!(sent.line(), format!("POST {endpoint}/ HTTP/1.1"));
        let host = endpoint.trim_start_matches("http://");
        assert_eq!(sent.header("host"), Some(host));
        // The name and the word, in Base64.
        let expected = "Basic dXNlcjpkby1ub3Qtc2hvdw==";
        assert_eq!(sent.header("proxy-authorization"), Some(expected));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_over_tls_go_through_a_tunnel_of_the_proxy() {
    for name in ["HTTPS_PROXY", "https_proxy"] {
        let proxy = Recorder::start(|_| Some(answer(502, "", b"do-not-show"))).await;
        let url = format!("http://127.0.0.1:{}", proxy.port);
        let mut variables = account("https://ssm.example.com");
        variables.push((name, &url));
        let text = found(&variables).await;
        assert!(text.contains("got no connection"), "{text}");
        let sent = proxy.sent();
        assert_eq!(sent.len(), 3);
        for sent in sent {
            assert_eq!(sent.line(), "CONNECT ssm.example.com:443 HTTP/1.1");
            assert_eq!(sent.header("authorization"), None);
            assert!(sent.body.is_empty());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_the_environment_leaves_out_are_called_without_a_proxy() {
    for (name, hosts, is_left_out) in [
        ("NO_PROXY", "127.0.0.1", true),
        ("no_proxy", "example.com, 127.0.0.0/8", true),
        ("NO_PROXY", "example.com,127.0.0.2", false),
    ] {
        let (proxy, service) = (empty().await, empty().await);
        let endpoint = format!("http://127.0.0.1:{}", service.port);
        let url = format!("http://127.0.0.1:{}", proxy.port);
        let mut variables = account(&endpoint);
        variables.extend([("HTTP_PROXY", url.as_str()), (name, hosts)]);
        assert_eq!(found(&variables).await, "None");
        let counts = (service.sent().len(), proxy.sent().len());
        let expected = if is_left_out { (1, 0) } else { (0, 1) };
        assert_eq!(counts, expected, "{name}={hosts}");
    }
}

/// Answers as the instance, as a container's host, or as a service without entries.
fn surroundings(sent: &Sent) -> Vec<u8> {
    let line = sent.line();
    let path = line.split(' ').nth(1).unwrap_or_default();
    let token = "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n";
    match path {
        "/latest/api/token" => answer(200, token, b"token-of-the-instance"),
        "/latest/meta-data/iam/security-credentials/" => answer(200, "", b"role"),
        "/latest/meta-data/iam/security-credentials/role" | "/container" => {
            answer(200, "", ROLE.as_bytes())
        }
        "/" => answer(400, "", NONE),
        _ => answer(404, "", b""),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_of_containers_and_instances_are_asked_for() {
    for (name, path) in [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "/container"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", ""),
    ] {
        let mut tries = 0;
        let sent = loop {
            let server = Recorder::start(|sent| Some(surroundings(sent))).await;
            let endpoint = format!("http://127.0.0.1:{}", server.port);
            let at = format!("{endpoint}{path}");
            let variables = [("AWS_ENDPOINT_URL", endpoint.as_str()), (name, &at)];
            let text = found(&variables).await;
            tries += 1;
            // The SDK gives an instance one second, which a busy machine may not keep.
            if tries < 3 && text.contains("no AWS credentials were found") {
                continue;
            }
            assert_eq!(text, "None", "{name}");
            break server.sent();
        };
        let last = sent.last().unwrap();
        let signed = last.header("authorization").unwrap();
        assert!(signed.contains("Credential=AKIDOFTHEROLE/"), "{signed}");
        let token = "x-aws-ec2-metadata-token";
        let of_instance = sent.iter().any(|s| s.header(token).is_some());
        assert_eq!(of_instance, path.is_empty(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_identity_is_exchanged_over_tls() {
    let proxy = Recorder::start(|_| Some(answer(502, "", b""))).await;
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let file = scratch("identity").join("token");
    std::fs::write(&file, "do-not-show").unwrap();
    let variables = [
        ("HTTPS_PROXY", url.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/a"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let text = found(&variables).await;
    assert!(text.contains("no AWS credentials were found"), "{text}");
    let sent = proxy.sent();
    let expected = "CONNECT sts.eu-central-1.amazonaws.com:443 HTTP/1.1";
    assert!(!sent.is_empty());
    assert!(sent.iter().all(|s| s.line() == expected), "{sent:?}");
}

fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let folder = folder.join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A service over TLS, and the authority of its certificate.
struct Tls {
    child: Child,
    port: String,
    authority: String,
}

impl Tls {
    /// Starts one that speaks TLS up to a version, and chooses HTTP/2, which it does not speak, when it is
    /// offered; none without the Python that has certificates.
    fn start(version: &str) -> Option<Self> {
        crate::support::services()?;
        let python = std::env::var_os("HUSHGATE_CLOUD_PYTHON")?;
        let peers = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers");
        let folder = scratch(&format!("tls-{version}"));
        let made = Command::new(&python)
            .arg(peers.join("certificates.py"))
            .arg(&folder)
            .status();
        assert!(made.unwrap().success());
        let mut child = Command::new(&python)
            .arg(peers.join("tls_source.py"))
            .arg(&folder)
            .args([version, "h2"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        output.read_line(&mut port).unwrap();
        Some(Self {
            child,
            port: port.trim().to_owned(),
            authority: folder.join("ca.pem").display().to_string(),
        })
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_service_with_a_trusted_certificate_is_called() {
    let (Some(service), Some(other)) = (Tls::start("1.2"), Tls::start("1.3")) else {
        return;
    };
    for (of, trusted, expected) in [
        (&service, &service, "None"),
        (&other, &other, "None"),
        (&service, &other, "got no connection"),
        (&other, &service, "got no connection"),
    ] {
        let endpoint = format!("https://127.0.0.1:{}", of.port);
        let mut variables = account(&endpoint);
        variables.push(("SSL_CERT_FILE", &trusted.authority));
        let text = found(&variables).await;
        assert!(text.contains(expected), "{text}");
    }
    // Nobody is trusted where there are no authorities.
    let endpoint = format!("https://127.0.0.1:{}", service.port);
    let mut variables = account(&endpoint);
    variables.push(("SSL_CERT_FILE", "/nowhere"));
    let text = told(&variables).await;
    assert!(text.contains("got no connection"), "{text}");
    assert!(text.contains("has no certificate authorities"), "{text}");
}
