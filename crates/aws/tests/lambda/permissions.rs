//! What the pages say that a function and an administrator must be permitted: enough, needed, and no more. What
//! is missing or denied is told to the log with the permission, and never with a value.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Response};
use hushgate_cli::sample::{LoopbackServer, Request};

use crate::policy::{Grant, Judge, policy};
use crate::stores::{SECRETS, Services};
use crate::world::{World, scratch};

/// The stores, and the numbers of their policies for functions on the page.
const KINDS: [(&str, usize); 2] = [("aws-ssm", 1), ("aws-secretsmanager", 2)];
/// The number of the policy for administrators, of both stores.
const ADMINISTRATORS: usize = 3;

/// A store with the secrets of connection `work`, before a judge who permits nothing yet.
struct Store {
    kind: &'static str,
    services: Services,
    prefix: String,
    place: String,
    judge: Judge,
}

impl Store {
    /// Below a prefix of this name, which no other test uses.
    async fn bare(kind: &'static str, name: &str) -> Option<Self> {
        let judge = Judge::default();
        let services = Services::bare(kind, name, judge.script()).await?;
        let prefix = services.prefix.trim_start_matches('/').to_owned();
        Some(Self {
            kind,
            place: format!("{kind}:{prefix}"),
            services,
            prefix,
            judge,
        })
    }

    /// With the secrets.
    async fn new(kind: &'static str, name: &str) -> Option<Self> {
        let store = Self::bare(kind, &format!("{name}-{kind}")).await?;
        for (name, value) in SECRETS {
            let name = match *name {
                "PSEUDONYM_KEY" => name.to_string(),
                field => format!("connections/work/{field}"),
            };
            store.write(&name, value).await;
        }
        Some(store)
    }

    /// Writes an entry past the judge, who is told of it.
    async fn write(&self, name: &str, value: &str) {
        self.services.write(&self.place, name, value).await;
        self.judge.made(&format!("{}/{name}", self.prefix));
    }

    /// The service's actions begin so.
    fn service(&self) -> &'static str {
        match self.kind {
            "aws-ssm" => "ssm:",
            _ => "secretsmanager:",
        }
    }

    fn variables(&self) -> Vec<(&str, &str)> {
        let mut all = self.services.with_key();
        all.extend([
            ("HUSHGATE_SECRETS", self.place.as_str()),
            ("HUSHGATE_CONNECTION", "work"),
        ]);
        all
    }

    /// How the log names a permission that is missing.
    fn told(grant: &Grant) -> String {
        let (action, name) = grant;
        let resource = name.rsplit(":123456789012:").next().unwrap();
        // A name that is not there is told as one that is.
        let end = match resource.strip_prefix("secret:") {
            Some(name) if !name.ends_with("-??????") => "-??????",
            _ => "",
        };
        format!("the role needs `{action}` on `{resource}{end}`")
    }
}

/// Waits until it is so, for a while; what was to be is asserted behind it.
async fn until(is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() && begun.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_asks_for_what_its_documented_policy_permits_and_no_more() {
    for (kind, number) in KINDS {
        let Some(store) = Store::new(kind, "policy").await else {
            return;
        };
        store.judge.grant(policy(number, &store.prefix));
        let Some(world) = World::start(&store.variables()).await else {
            return;
        };
        let answer = world.invoke(&world.get("/v2/people").function_url()).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        // The lock is given back behind the answer.
        until(|| store.judge.unused().is_empty()).await;
        drop(world);
        assert!(
            store.judge.denied().is_empty(),
            "{:?}",
            store.judge.denied()
        );
        assert_eq!(store.judge.unused(), [], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_permission_of_a_function_is_needed_and_its_absence_named() {
    for (kind, number) in KINDS {
        for index in 0.. {
            let Some(store) = Store::new(kind, &format!("without-{index}")).await else {
                return;
            };
            let mut granted = policy(number, &store.prefix);
            if index == granted.len() {
                break;
            }
            let missing = granted.remove(index);
            store.judge.grant(granted);
            let told = Store::told(&missing);
            if missing.1.contains("/connections/work/connection") {
                // Without the record it does not start.
                let Some((status, log)) = World::end_of(&store.variables()).await else {
                    return;
                };
                assert_eq!(status.code(), Some(1), "{log}");
                assert!(log.contains(&told), "{told}: {log}");
                continue;
            }
            let Some(world) = World::start(&store.variables()).await else {
                return;
            };
            let answer = world.invoke(&world.get("/v2/people").function_url()).await;
            // What is written back is written behind the answer.
            until(|| world.log().contains(&told)).await;
            assert!(world.log().contains(&told), "{told}: {}", world.log());
            let denied = store.judge.denied();
            assert!(
                denied.iter().all(|(action, _)| *action == missing.0),
                "{denied:?}"
            );
            // The caller learns neither names nor permissions.
            let body = String::from_utf8_lossy(&answer.body()).into_owned();
            for hidden in [&store.prefix, &missing.0] {
                assert!(!body.contains(hidden), "{body}");
            }
            // Without what it shares with others it works alone.
            let shared = ["/ACCESS_TOKEN", "/OAUTH_REFRESH_TOKEN.lock"];
            if shared.iter().any(|entry| missing.1.contains(entry)) {
                assert_eq!(answer.status(), 200, "{missing:?}: {answer:?}");
            } else {
                assert_eq!(answer.status(), 500, "{missing:?}: {answer:?}");
                assert_eq!(answer.code(), "configuration-invalid", "{missing:?}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slip_in_the_prefix_is_told_with_the_name_that_was_looked_for_and_its_permission() {
    for (kind, service, resource) in [
        ("aws-ssm", "Parameter Store", "parameter"),
        ("aws-secretsmanager", "Secrets Manager", "secret:"),
    ] {
        let Some(mut store) = Store::new(kind, "slip").await else {
            return;
        };
        let permitted = |judge: &Judge, names: &str| {
            judge.grant(match kind {
                "aws-ssm" => vec![("ssm:GetParameter".to_owned(), names.to_owned())],
                _ => vec![("secretsmanager:GetSecretValue".to_owned(), names.to_owned())],
            });
        };
        store.place.push('x');
        let name = match kind {
            "aws-ssm" => format!("/{}x/PSEUDONYM_KEY", store.prefix),
            _ => format!("{}x/PSEUDONYM_KEY", store.prefix),
        };
        let full = match kind {
            "aws-ssm" => format!("`ssm:GetParameter` on `{resource}{name}`"),
            _ => format!("`secretsmanager:GetSecretValue` on `{resource}{name}-??????`"),
        };
        for (names, told) in [
            // Where the role may read every name, it is missing; else AWS tells nobody.
            (
                "*",
                format!(
                    "secret `{name}` in {service} (reading it takes {full}) is missing: check first that \
                     HUSHGATE_SECRETS names the right place"
                ),
            ),
            (
                "nothing",
                format!(
                    "the secret store denied access to `{name}`: the role needs {full}; a name that is not there is \
                     denied in the same way, so check HUSHGATE_SECRETS and HUSHGATE_CONNECTION too"
                ),
            ),
        ] {
            permitted(&store.judge, names);
            let mut variables = store.variables();
            variables.retain(|(name, _)| *name != "HUSHGATE_CONNECTION");
            let Some(world) = World::start(&variables).await else {
                return;
            };
            let answer = world.invoke(&world.get("/v2/people").function_url()).await;
            assert_eq!(
                (answer.status(), answer.code().as_str()),
                (500, "configuration-invalid")
            );
            assert!(world.log().contains(&told), "{told}: {}", world.log());
            // The caller learns neither; the world looks for values in the log when it ends.
            let body = String::from_utf8_lossy(&answer.body()).into_owned();
            let (prefix, action) = (store.prefix.as_str(), full.split('`').nth(1).unwrap());
            for hidden in [prefix, action, "PSEUDONYM_KEY", "aHVzaGdhdGUt"] {
                assert!(!body.contains(hidden), "{body}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_missing_or_denied_is_told_with_its_permission() {
    for (kind, number) in KINDS {
        for is_denied in [false, true] {
            let Some(store) = Store::bare(kind, &format!("field-{kind}-{is_denied}")).await else {
                return;
            };
            for (name, value) in SECRETS.iter().filter(|(name, _)| *name != "CLIENT_SECRET") {
                store.write(name, value).await;
            }
            let mut granted: Vec<_> = policy(number, &store.prefix);
            for (_, name) in &mut granted {
                *name = name.replace("connections/work/", "");
            }
            let missing = granted
                .iter()
                .find(|(_, name)| name.contains("/CLIENT_SECRET"));
            let missing = missing.unwrap().clone();
            if is_denied {
                granted.retain(|grant| *grant != missing);
            } else {
                let bare = missing.1.trim_end_matches("-??????").to_owned();
                granted.push((missing.0.clone(), bare));
            }
            store.judge.grant(granted);
            let mut variables = store.variables();
            variables.retain(|(name, _)| *name != "HUSHGATE_CONNECTION");
            let Some(world) = World::start(&variables).await else {
                return;
            };
            let answer = world.invoke(&world.get("/v2/people").function_url()).await;
            let told = Store::told(&missing);
            let (cause, told) = if is_denied {
                (
                    "configuration-invalid",
                    format!(
                        "connect-store-refused: the secret store denied access to `{}`: {told}",
                        whole(&store, "CLIENT_SECRET")
                    ),
                )
            } else {
                let permission = told.replace("the role needs ", "reading it takes ");
                (
                    "credential-missing",
                    format!(" ({permission}) is missing or blank; check that HUSHGATE_SECRETS"),
                )
            };
            assert_eq!(
                (answer.status(), answer.code().as_str()),
                (500, cause),
                "{kind}"
            );
            assert!(world.log().contains(&told), "{told}: {}", world.log());
            let body = String::from_utf8_lossy(&answer.body()).into_owned();
            assert!(
                !body.contains(&store.prefix) && !body.contains(&missing.0),
                "{body}"
            );
        }
    }
}

/// An entry's whole name.
fn whole(store: &Store, name: &str) -> String {
    let slash = if store.kind == "aws-ssm" { "/" } else { "" };
    format!("{slash}{}/{name}", store.prefix)
}

/// The packaged command; nothing, with a message, where none was made.
fn command() -> Option<PathBuf> {
    let Some(packages) = std::env::var_os("HUSHGATE_PACKAGES") else {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none(),
            "HUSHGATE_PACKAGES is not set; run `cargo xtask test --cloud`"
        );
        eprintln!("skipped: HUSHGATE_PACKAGES is not set; `cargo xtask test --cloud` sets it");
        return None;
    };
    let files = std::fs::read_dir(packages).unwrap();
    let end = format!(
        "-linux-{}.tar.gz",
        if cfg!(target_arch = "aarch64") {
            "arm64"
        } else {
            "x86_64"
        }
    );
    let mut files = files.map(|file| file.unwrap().path());
    let archive = files
        .find(|path| path.to_string_lossy().ends_with(&end))
        .unwrap();
    let folder = scratch();
    let unpacked = Command::new("tar")
        .arg("-xzf")
        .arg(archive)
        .arg("-C")
        .arg(&folder)
        .status();
    assert!(unpacked.unwrap().success());
    Some(folder.join("hushgate"))
}

/// Zoom as an administrator's command asks it.
async fn vendor() -> LoopbackServer {
    let count = AtomicUsize::new(0);
    let server = LoopbackServer::start(move |request: Request| {
        let body = match request.uri().path() {
            "/oauth/token" => {
                let number = count.fetch_add(1, Ordering::SeqCst);
                format!(
                    "{{\"access_token\":\"token-of-the-source-{number}\",\"token_type\":\"bearer\",\"expires_in\":3600}}"
                )
            }
            "/oauth/revoke" => "{\"status\":\"success\"}".to_owned(),
            _ => "{\"users\":[]}".to_owned(),
        };
        let mut response = Response::new(Bytes::from(body));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert("content-type", json);
        response
    });
    server.await.unwrap()
}

/// What an administrator does with a connection, from its beginning to its end.
const LIFE: &[&[&str]] = &[
    &["connect", "zoom", "--id", "work", "--fields-stdin"],
    &["list"],
    &["show", "work"],
    &["reconnect", "work", "--fields-stdin"],
    &["test", "work"],
    &["rotate", "work"],
    &["revoke", "work", "--yes"],
];

/// Does all of it, up to the first that fails; gives what was said to people, and whether nothing failed.
async fn live(command: &Path, store: &Store, vendor: &LoopbackServer) -> (bool, String) {
    let mut all = String::new();
    for arguments in LIFE {
        let mut run = tokio::process::Command::new(command);
        run.arg("connection")
            .args(*arguments)
            .env_clear()
            .envs(store.services.with_key())
            .env("AWS_REGION", "eu-central-1")
            .env("HUSHGATE_SECRETS", &store.place)
            .env("HUSHGATE_DEV_LOOPBACK", "1")
            .env("HUSHGATE_TOKEN_ORIGIN", vendor.url())
            .env(
                "HUSHGATE_TARGET_HOST",
                vendor.url().trim_start_matches("http://"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = run.spawn().unwrap();
        let fields = "{\"CLIENT_ID\":\"client\",\"CLIENT_SECRET\":\"secret-of-the-tests\",\"ACCOUNT_ID\":\"account\"}";
        let mut input = child.stdin.take().unwrap();
        // A command that asks for nothing does not read it.
        let _ = tokio::io::AsyncWriteExt::write_all(&mut input, fields.as_bytes()).await;
        drop(input);
        let Output {
            status,
            stdout,
            stderr,
        } = child.wait_with_output().await.unwrap();
        let said = [stdout, stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        for hidden in ["secret-of-the-tests", "token-of-the-source"] {
            assert!(!said.contains(hidden), "{arguments:?}: {said}");
        }
        all = format!("{all}{arguments:?}: {said}");
        if !status.success() {
            return (false, all);
        }
    }
    (true, all)
}

/// The grants of an administrator, of one store.
fn of_an_administrator(store: &Store) -> Vec<Grant> {
    let mut granted = policy(ADMINISTRATORS, &store.prefix);
    granted.retain(|(action, _)| action.starts_with(store.service()));
    granted
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrators_policy_is_enough_and_has_nothing_that_no_command_needs() {
    let Some(command) = command() else { return };
    let vendor = vendor().await;
    for (kind, _) in KINDS {
        let Some(store) = Store::bare(kind, &format!("admin-{kind}")).await else {
            return;
        };
        store.judge.grant(of_an_administrator(&store));
        let (is_done, said) = live(&command, &store, &vendor).await;
        assert!(is_done, "{said}");
        assert!(
            store.judge.denied().is_empty(),
            "{:?}",
            store.judge.denied()
        );
        assert_eq!(store.judge.unused(), [], "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_permission_of_an_administrator_is_needed_and_its_absence_named() {
    let Some(command) = command() else { return };
    let (command, vendor) = (Arc::new(command), Arc::new(vendor().await));
    let mut lives = tokio::task::JoinSet::new();
    for (kind, _) in KINDS {
        for index in 0.. {
            let name = format!("admin-{kind}-{index}");
            let Some(store) = Store::bare(kind, &name).await else {
                return;
            };
            let mut granted = of_an_administrator(&store);
            if index == granted.len() {
                break;
            }
            let (missing, _) = granted.remove(index);
            store.judge.grant(granted);
            let (command, vendor) = (Arc::clone(&command), Arc::clone(&vendor));
            lives.spawn(async move {
                let (_, said) = live(&command, &store, &vendor).await;
                let needs = format!("the role needs `{missing}` on `");
                assert!(said.contains(&needs), "{missing}: {said}");
            });
        }
    }
    let all = tokio::time::timeout(Duration::from_mins(10), lives.join_all());
    all.await.unwrap();
}
