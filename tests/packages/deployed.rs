//! The guide for AWS Lambda, followed from its first command to its last: by Amazon's own command line and
//! the packaged `hushgate`, before emulated services. What it deployed is started and called.
//!
//! The function's URL leads nowhere here, so the calls go to the package directly, with the variables
//! that the services have for it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use hushgate_cli::sample::{Issuer, LoopbackServer, Response};
use serde_json::{Value, json};

use super::zip::Lambda;
use super::{machine, package, package_of};
use crate::guides::{blocks, steps};
use crate::support::function::{root, scratch};
use crate::support::world::{AUDIENCE, SUBJECT, policy, served};
use crate::support::{identifiers, skipped};

/// What the package has to be called for the guide, whatever machine made it.
const PACKAGE: &str = concat!(
    "hushgate-zoom-",
    env!("CARGO_PKG_VERSION"),
    "-aws-x86_64.zip"
);

/// Amazon's services on loopback, and who follows the guide before them.
struct Follower {
    services: Child,
    folder: PathBuf,
    variables: BTreeMap<String, String>,
}

impl Follower {
    /// Nothing where there are no emulators or packages.
    fn start(vendor: &str) -> Option<Self> {
        let zip = package(&format!("-aws-{}.zip", machine()))?;
        let Some(python) = std::env::var_os("HUSHGATE_CLOUD_PYTHON") else {
            let required = std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_some();
            assert!(!required, "HUSHGATE_CLOUD_PYTHON is not set");
            skipped("HUSHGATE_CLOUD_PYTHON is not set; `cargo xtask test --cloud` sets it");
            return None;
        };
        let archive = package_of("", &format!("-linux-{}.tar.gz", machine()))?;
        let mut services = Command::new(&python)
            .arg(root().join("crates/aws/tests/aws/services.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the services start");
        let mut port = String::new();
        BufReader::new(services.stdout.take().expect("its output"))
            .read_line(&mut port)
            .expect("its port");
        let folder = scratch("guide");
        let unpacked = Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&folder)
            .status();
        assert!(unpacked.expect("tar").success());
        let tools = Path::new(&python).parent().expect("its folder").to_owned();
        tool(
            &folder,
            "aws",
            &format!("exec {}/aws \"$@\"", tools.display()),
        );
        // The package is there, and is not made again.
        let make = format!(
            "test \"$*\" = 'xtask package zoom --cloud aws --arch x86_64'\n\
             mkdir -p target/packages\ncp '{}' target/packages/{PACKAGE}",
            zip.display()
        );
        tool(&folder, "cargo", &make);
        // A person's answers; and calls of the function's URL, which leads nowhere.
        let command = folder.join("hushgate");
        let person = format!(
            "case \"$1 $2\" in\n\
             'connection connect') exec {0} \"$@\" --fields-stdin < fields.json;;\n\
             'connection revoke') exec {0} \"$@\" --yes;;\n\
             call*) test \"$1 $3 $4 $5\" = 'call --health --token-file token.jwt'; echo \"$2\" >> called;;\n\
             *) exec {0} \"$@\";;\nesac",
            command.display()
        );
        tool(&folder, "hushgate", &person);
        let fields = json!({"CLIENT_ID": "app", "CLIENT_SECRET": "quiet-for-the-guide", "ACCOUNT_ID": "acc"});
        std::fs::write(folder.join("fields.json"), fields.to_string()).expect("the fields");
        let variables = [
            ("PATH", format!("{}/bin:/usr/bin:/bin", folder.display())),
            ("HOME", folder.display().to_string()),
            (
                "AWS_ENDPOINT_URL",
                format!("http://127.0.0.1:{}", port.trim()),
            ),
            ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "example".to_owned()),
            // Version 1 of the command line, which is the one that can be had as a package, knows
            // the region by this name.
            ("AWS_DEFAULT_REGION", "eu-central-1".to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("HUSHGATE_DEV_LOOPBACK", "1".to_owned()),
            ("HUSHGATE_TOKEN_ORIGIN", format!("http://{vendor}")),
            ("HUSHGATE_TARGET_HOST", vendor.to_owned()),
        ];
        let variables = variables
            .map(|(name, value)| (name.to_owned(), value))
            .into();
        Some(Self {
            services,
            folder,
            variables,
        })
    }

    fn write_policy(&self, text: &str) {
        std::fs::write(self.folder.join("access.yaml"), text).expect("the policy");
    }

    /// Runs a script in the shell of those before; gives what it wrote.
    fn run(&self, script: &str) -> String {
        // Reading logs as they come is in version 2 of the command line alone.
        let script: Vec<_> = script
            .lines()
            .filter(|line| !line.starts_with("aws logs tail "))
            .collect();
        let script = format!(
            "set -euo pipefail\ntest ! -e shell || . ./shell\n{}\nexport -p > shell\n",
            script.join("\n")
        );
        // A command that waits for ever is to fail with its text.
        let output = Command::new("timeout")
            .args(["300", "bash", "-c", &script])
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.variables)
            .stdin(Stdio::null())
            .output()
            .expect("bash starts");
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert!(output.status.success(), "{script}\n{out}{err}");
        out.into_owned()
    }

    /// What a command of Amazon's says, as JSON.
    fn ask(&self, command: &str) -> Value {
        let said = self.run(&format!("aws {command} --output json"));
        serde_json::from_str(&said).unwrap_or_else(|e| panic!("{e}: {said}"))
    }

    /// The names of all entries.
    fn entries(&self) -> Vec<String> {
        let found = self.ask("ssm get-parameters-by-path --path /hushgate --recursive");
        let found = found["Parameters"].as_array().expect("parameters").iter();
        let mut names: Vec<_> = found
            .map(|p| p["Name"].as_str().expect("a name").to_owned())
            .collect();
        names.sort();
        names
    }

    /// The function, started as the services have it.
    fn deployed(&self) -> Lambda {
        let function = self.ask("lambda get-function-configuration --function-name hushgate-zoom");
        assert_eq!(function["Runtime"], "provided.al2023", "{function}");
        assert_eq!(function["Handler"], "bootstrap", "{function}");
        let own = function["Environment"]["Variables"]
            .as_object()
            .expect("variables");
        let own = own
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str().expect("text")));
        let around = [
            "AWS_ENDPOINT_URL",
            "HUSHGATE_DEV_LOOPBACK",
            "HUSHGATE_TOKEN_ORIGIN",
            "HUSHGATE_TARGET_HOST",
        ];
        let around = around
            .iter()
            .map(|name| (*name, self.variables[*name].as_str()));
        let region = [("AWS_REGION", "eu-central-1")];
        let all: Vec<_> = own.chain(around).chain(region).collect();
        Lambda::start(&all).expect("the package is there")
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.services.kill();
        let _ = self.services.wait();
    }
}

/// Puts a command first on the path.
fn tool(folder: &Path, name: &str, script: &str) {
    let path = folder.join("bin").join(name);
    std::fs::create_dir_all(folder.join("bin")).expect("a folder");
    std::fs::write(&path, format!("#!/bin/sh\nset -eu\n{script}\n")).expect("a command");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("its mode");
}

/// The commands below a heading of the guide; without one, those before the first.
fn part(heading: Option<&str>) -> String {
    let steps = steps("lambda.md");
    let mut parts = steps.split("\n### ");
    let part = match heading {
        None => parts.next(),
        Some(heading) => parts.find(|part| part.starts_with(&format!("{heading}\n"))),
    };
    let found = blocks(part.expect("the part"), "sh").concat();
    assert!(!found.is_empty(), "{heading:?}");
    found
}

/// Zoom, as far as the guide needs it.
async fn zoom() -> LoopbackServer {
    let users = served("zoom")
        .into_iter()
        .find(|call| call.target.starts_with("/v2/users?"));
    let users = users.expect("the example of users").body;
    let server = LoopbackServer::start(move |request| {
        let body = match request.uri().path() {
            "/oauth/token" => json!({"access_token": "guide-access-token", "token_type": "bearer", "expires_in": 3600}).to_string(),
            "/v2/users" => users.clone(),
            "/oauth/revoke" => json!({"status": "success"}).to_string(),
            other => panic!("nobody asks for {other}"),
        };
        let mut response = Response::new(Bytes::from(body));
        let json = http::HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    });
    server.await.expect("a vendor")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guide_for_lambda_deploys_answers_and_what_it_removes_is_gone() {
    let (issuer, vendor) = (Issuer::start().await.expect("the issuer"), zoom().await);
    let Some(follower) = Follower::start(&vendor.address().to_string()) else {
        return;
    };
    let token = issuer
        .token(SUBJECT, AUDIENCE, Duration::from_mins(10))
        .expect("a token");
    follower.write_policy(&policy(&issuer.url(), "[zoom]"));
    follower.run(&part(None));

    // The role may read every entry that there is, by its name.
    let role =
        follower.ask("iam get-role-policy --role-name hushgate-zoom --policy-name hushgate-zoom");
    let statements = role["PolicyDocument"]["Statement"].as_array();
    let statements = statements.expect("statements");
    let may = |action: &str, name: &str| {
        let resource = format!("\"arn:aws:ssm:eu-central-1:123456789012:parameter{name}\"");
        let mut of_action = statements.iter().filter(|s| s["Action"] == action);
        of_action.any(|s| s["Resource"].to_string().contains(&resource))
    };
    let entries = follower.entries();
    assert!(entries.len() >= 6, "{entries:?}");
    for name in &entries {
        assert!(may("ssm:GetParameter", name), "{name}: {role}");
    }
    for kept in ["ACCESS_TOKEN", "OAUTH_REFRESH_TOKEN.lock"] {
        let name = format!("/hushgate/zoom/connections/work/{kept}");
        assert!(may("ssm:PutParameter", &name), "{name}: {role}");
    }

    let mut function = follower.deployed();
    let answer = function.call("/v2/users?status=active&page_size=30", Some(&token));
    assert_eq!(answer["statusCode"], 200, "{answer}");
    let text = answer["body"].as_str().expect("a body");
    assert!(text.contains("\"users\""), "{text}");
    let found = identifiers::found_in(text);
    assert!(found.is_empty(), "{found:?} in {text}");
    drop(function);

    follower.run(&part(Some("Another version, and back")));

    // Another policy counts from the next start on, which the guide brings about.
    let before = follower.ask("lambda get-function-configuration --function-name hushgate-zoom");
    follower.write_policy(&policy(&issuer.url(), "[gcal]"));
    follower.run(&part(Some("Another policy or rules")));
    let after = follower.ask("lambda get-function-configuration --function-name hushgate-zoom");
    assert_ne!(before["Environment"], after["Environment"]);
    let mut function = follower.deployed();
    let answer = function.call("/v2/users?status=active&page_size=30", Some(&token));
    assert_eq!(answer["statusCode"], 403, "{answer}");
    drop(function);

    // In place of the open URL, one for a principal.
    follower.run("aws lambda delete-function-url-config --function-name hushgate-zoom");
    follower.run(&part(Some("With IAM in front")));
    let url = follower.ask("lambda get-function-url-config --function-name hushgate-zoom");
    assert_eq!(url["AuthType"], "AWS_IAM");

    follower.run(&part(Some("Removing it")));
    assert_eq!(follower.entries(), ["/hushgate/zoom/PSEUDONYM_KEY"]);
    for (command, kind) in [
        ("lambda list-functions", "Functions"),
        ("iam list-roles", "Roles"),
        ("logs describe-log-groups", "logGroups"),
    ] {
        assert_eq!(follower.ask(command)[kind], json!([]), "{command}");
    }
    let called = std::fs::read_to_string(follower.folder.join("called")).expect("calls");
    assert!(called.lines().count() >= 2, "{called}");
    assert!(
        called
            .lines()
            .all(|url| url.starts_with("https://") && url.contains(".lambda-url.")),
        "{called}"
    );
}
