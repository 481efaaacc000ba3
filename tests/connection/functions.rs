//! Functions with connections: they serve with their own and can't open another's.

use hushgate_cli::sample::{Issuer, SampleSource, Served};
use serde_json::json;

use crate::support::desk::Desk;
use crate::support::function::Function;
use crate::support::world::{AUDIENCE, KEY, SUBJECT, policy};

const SECRET: &str = "e2e-client-secret";

async fn vendor() -> SampleSource {
    let users = Served {
        method: "GET".to_owned(),
        target: "/v2/users?page_size=1".to_owned(),
        body: "{\"users\": []}".to_owned(),
        request: None,
    };
    SampleSource::start(vec![users], None)
        .await
        .expect("the sample source")
}

fn fields() -> serde_json::Value {
    json!({"CLIENT_ID": "e2e-client-id", "CLIENT_SECRET": SECRET, "ACCOUNT_ID": "e2e-account"})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_serves_with_its_connection_and_can_t_open_another() {
    let vendor = vendor().await;
    let issuer = Issuer::start().await.expect("the issuer");
    let mut desk = Desk::with_vault();
    let host = vendor.url().trim_start_matches("http://").to_owned();
    desk.set("HUSHGATE_TARGET_HOST", &host);
    desk.set("HUSHGATE_TOKEN_ORIGIN", &vendor.url());
    desk.run(&["vault", "put", "PSEUDONYM_KEY"], KEY).fine();
    desk.run(
        &["vault", "put", "ACCESS_POLICY"],
        &policy(&issuer.url(), "[zoom]"),
    )
    .fine();
    for id in ["zoom-main", "zoom-other"] {
        let said = desk.connect(&["zoom", "--id", id], &fields()).fine();
        said.hides(&[SECRET]);
    }
    let keys = desk
        .run(&["vault", "keys", "zoom-main"], "")
        .fine()
        .out
        .trim()
        .to_owned();
    desk.unset("HUSHGATE_VAULT_PASSPHRASE_FILE");
    desk.set("HUSHGATE_VAULT_KEYS", &keys);
    desk.set("HUSHGATE_ACCESS", "store:ACCESS_POLICY");
    desk.set("HUSHGATE_CONNECTION", "zoom-main");

    let token = issuer
        .token(SUBJECT, AUDIENCE, std::time::Duration::from_mins(5))
        .expect("a token");
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let function = Function::start("zoom", &desk.variables());
    let answer = client
        .get(format!("{}/v2/users?page_size=1", function.url()))
        .bearer_auth(&token);
    let answer = answer.send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{}", function.log());
    drop(function);

    // The same keys do not open the other connection: every way in is refused.
    let said = desk.connection(&["show", "zoom-other"]);
    said.failed(1, "vault-key-not-handed").hides(&[SECRET]);
    desk.connection(&["test", "zoom-other"])
        .failed(1, "vault-key-not-handed");
    desk.set("HUSHGATE_CONNECTION", "zoom-other");
    let refused = std::process::Command::new(crate::support::function::binary("zoom"))
        .env_clear()
        .envs(desk.variables())
        .env("PORT", "0")
        .output()
        .expect("the function starts");
    let told = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("vault-key-not-handed"), "{told}");

    // A connection of another source is told at the start, not at the first call.
    desk.set("HUSHGATE_CONNECTION", "zoom-main");
    let wrong = std::process::Command::new(crate::support::function::binary("github"))
        .env_clear()
        .envs(desk.variables())
        .env("PORT", "0")
        .output()
        .expect("the function starts");
    let told = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(1), "{told}");
    assert!(
        told.contains("connection zoom-main serves zoom, not github"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_gives_the_function_its_own_keys_only() {
    let vendor = vendor().await;
    let issuer = Issuer::start().await.expect("the issuer");
    let mut desk = Desk::with_vault();
    let host = vendor.url().trim_start_matches("http://").to_owned();
    desk.set("HUSHGATE_TARGET_HOST", &host);
    desk.set("HUSHGATE_TOKEN_ORIGIN", &vendor.url());
    desk.run(&["vault", "put", "PSEUDONYM_KEY"], KEY).fine();
    desk.connect(&["zoom"], &fields()).fine();
    desk.set("HUSHGATE_ACCESS", &policy(&issuer.url(), "[zoom]"));
    desk.set("HUSHGATE_CONNECTION", "zoom");
    desk.set("PORT", "0");
    let mut serving = tokio::process::Command::new(crate::support::function::binary("hushgate"))
        .args(["serve", "zoom"])
        .env_clear()
        .envs(desk.variables())
        .current_dir(&desk.folder)
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it serves");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(
        serving.stdout.take().expect("its log"),
    ));
    let address = loop {
        let line = lines
            .next_line()
            .await
            .expect("text")
            .expect("it says that it is ready");
        if line.contains("\"ready\"") {
            let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            let found = line["fields"]["address"]
                .as_str()
                .or_else(|| line["address"].as_str());
            break found.expect("its address").to_owned();
        }
    };
    let token = issuer
        .token(SUBJECT, AUDIENCE, std::time::Duration::from_mins(5))
        .expect("a token");
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let call = client
        .get(format!("http://{address}/v2/users?page_size=1"))
        .bearer_auth(token);
    let status = call.send().await.expect("an answer").status();
    assert_eq!(status, 200);
    // A connection that is not there is told before anything listens.
    desk.set("HUSHGATE_CONNECTION", "absent");
    desk.run(&["serve", "zoom"], "")
        .failed(1, "vault-compartment-missing");
}
