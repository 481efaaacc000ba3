//! A function's start: what stops it, with which words, and that it answers when nothing does.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod sample;

use hushgate_gateway::ports::Secret;
use hushgate_host::cloud::Clouds;
use hushgate_host::store::vault::{Lock, Vault};
use hushgate_host::{BuiltIn, prepare};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::oneshot;

use crate::sample::{POLICY, environment, sample};

static SAMPLE: BuiltIn = sample(Clouds::NONE);

/// The problems that stop a start.
async fn problems(pairs: &[(&str, &str)]) -> String {
    match prepare(&SAMPLE, &environment(pairs)).await {
        Ok(_) => String::new(),
        Err(problems) => problems.join("\n"),
    }
}

#[tokio::test]
async fn wrong_rules_stop_the_start_and_are_never_replaced_by_the_built_in_ones() {
    let broken = "endpoints:\n  - pathTemplate: /v1/users\n    allowedMethds: [GET]\n";
    let told = problems(&[("HUSHGATE_RULES", broken)]).await;
    assert!(
        told.contains("allowedMethds") && told.contains("inline:3:"),
        "{told}"
    );
    let told = problems(&[("HUSHGATE_RULES", "/no/such/rules.yaml")]).await;
    assert!(told.contains("HUSHGATE_RULES"), "{told}");
}

#[tokio::test]
async fn policy_and_rules_are_told_together() {
    let told = problems(&[
        ("HUSHGATE_RULES", "endpoints:\n  - nonsense: 1\n"),
        ("HUSHGATE_ACCESS", "clients:\n  - nonsense: 1\n"),
    ])
    .await;
    assert!(
        told.contains("HUSHGATE_ACCESS") && told.matches("nonsense").count() >= 2,
        "{told}"
    );
}

#[tokio::test]
async fn a_host_that_is_not_the_source_s_stops_the_start() {
    let told = problems(&[("HUSHGATE_TARGET_HOST", "evil.example.org")]).await;
    assert!(
        told.contains("HUSHGATE_TARGET_HOST") && told.contains("*.example.com"),
        "{told}"
    );
    let told = problems(&[("HUSHGATE_TARGET_HOST", "")]).await;
    assert!(told.contains("HUSHGATE_TARGET_HOST is missing"), "{told}");
}

#[tokio::test]
async fn answers_over_http_1_and_2_and_stops_when_told() {
    let prepared = prepare(&SAMPLE, &environment(&[])).await.unwrap();
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

struct Secrets(std::path::PathBuf);

impl Secrets {
    fn new(name: &str, text: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path =
            std::env::temp_dir().join(format!("hushgate-start-{name}-{}", std::process::id()));
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self(path)
    }

    fn at(&self) -> String {
        format!("file:{}", self.0.display())
    }
}

impl Drop for Secrets {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[tokio::test]
async fn the_policy_in_the_store_is_read_at_start_and_nothing_takes_its_place() {
    let text = |policy: &str| serde_json::json!({"ACCESS_POLICY": policy}).to_string();
    let good = Secrets::new("policy", &text(POLICY));
    let access = ("HUSHGATE_ACCESS", "store:ACCESS_POLICY");
    assert_eq!(
        problems(&[access, ("HUSHGATE_SECRETS", &good.at())]).await,
        ""
    );
    let told = problems(&[
        ("HUSHGATE_ACCESS", "store:OTHER"),
        ("HUSHGATE_SECRETS", &good.at()),
    ])
    .await;
    let wanted = format!(
        "HUSHGATE_ACCESS: there is no `OTHER` in the secrets file {}; check this name, and the place that HUSHGATE_SECRETS names (document-missing)",
        good.0.display()
    );
    assert_eq!(told, wanted);
    let wrong = Secrets::new("policy-wrong", &text("clients:\n  - nonsense: geheim\n"));
    let told = problems(&[access, ("HUSHGATE_SECRETS", &wrong.at())]).await;
    assert!(told.contains("store:ACCESS_POLICY:2:"), "{told}");
    for bad in ["store:", "store:../x", "store:a/b"] {
        let told = problems(&[("HUSHGATE_ACCESS", bad)]).await;
        assert!(told.contains("HUSHGATE_ACCESS"), "{bad}: {told}");
    }
}

#[tokio::test]
async fn a_connection_gives_its_host_and_must_serve_the_source() {
    let record = |serves: &str| {
        let record = format!(
            "{{\"id\":\"acme\",\"source\":\"sample\",\"serves\":[{serves}],\"target_host\":\"acme.example.com\",\"created\":1,\"authorized\":1}}"
        );
        serde_json::json!({"connections/acme/connection": record}).to_string()
    };
    let start = async |text: &str, host: &str| {
        let secrets = Secrets::new("connection", text);
        problems(&[
            ("HUSHGATE_SECRETS", &secrets.at()),
            ("HUSHGATE_CONNECTION", "acme"),
            ("HUSHGATE_TARGET_HOST", host),
        ])
        .await
    };
    assert_eq!(start(&record("\"sample\""), "").await, "");
    let told = start(&record("\"other\",\"third\""), "").await;
    assert!(
        told.contains("connection acme serves other, third, not sample"),
        "{told}"
    );
    let told = start("{\"connections/acme/connection\":\"{geheim\"}", "").await;
    assert!(
        told.contains("HUSHGATE_CONNECTION") && !told.contains("geheim"),
        "{told}"
    );
    // Without a record its fields are used, and the host comes from the configuration.
    assert_eq!(start("{}", "acme.example.com").await, "");
    let told = start("{}", "").await;
    assert!(told.contains("HUSHGATE_TARGET_HOST is missing"), "{told}");
    let told = problems(&[("HUSHGATE_CONNECTION", "Acme/..")]).await;
    assert!(told.contains("not the id of a connection"), "{told}");
}

#[tokio::test]
async fn a_locked_vault_stops_the_start_with_what_to_set() {
    let folder = std::env::temp_dir().join(format!("hushgate-start-vault-{}", std::process::id()));
    let lock = Lock::pass_phrase(10_000).unwrap();
    let key = lock.stretch(&Secret::new("a phrase")).unwrap();
    let vault = Vault::create(&folder, lock, &key).unwrap();
    let keys = vault.keys_of(&["deployment".to_owned()]).unwrap();
    let phrase = Secrets::new("phrase", "a phrase\n");
    let wrong = Secrets::new("phrase-wrong", "another phrase\n");
    let at = format!("vault:{}", folder.display());
    let start = async |pairs: &[(&str, &str)]| {
        let all: Vec<_> = [("HUSHGATE_SECRETS", at.as_str())]
            .iter()
            .chain(pairs)
            .copied()
            .collect();
        problems(&all).await
    };
    let told = start(&[]).await;
    assert!(
        told.contains("HUSHGATE_VAULT_KEYS") && told.contains("HUSHGATE_VAULT_PASSPHRASE_FILE"),
        "{told}"
    );
    let phrase_file = |secrets: &Secrets| secrets.0.display().to_string();
    assert_eq!(
        start(&[("HUSHGATE_VAULT_PASSPHRASE_FILE", &phrase_file(&phrase))]).await,
        ""
    );
    let told = start(&[("HUSHGATE_VAULT_PASSPHRASE_FILE", &phrase_file(&wrong))]).await;
    assert!(told.contains("vault-pass-phrase-wrong"), "{told}");
    assert_eq!(start(&[("HUSHGATE_VAULT_KEYS", &keys.text())]).await, "");
    let file = Secrets::new("keys", &keys.text());
    assert_eq!(
        start(&[("HUSHGATE_VAULT_KEYS", &phrase_file(&file))]).await,
        ""
    );
    let told = start(&[("HUSHGATE_VAULT_KEYS", "deployment=geheim")]).await;
    assert!(
        told.contains("HUSHGATE_VAULT_KEYS") && !told.contains("geheim"),
        "{told}"
    );
    let told = problems(&[("HUSHGATE_VAULT_KEYS", &keys.text())]).await;
    assert!(told.contains("HUSHGATE_SECRETS names no vault"), "{told}");
    std::fs::remove_dir_all(folder).unwrap();
}
