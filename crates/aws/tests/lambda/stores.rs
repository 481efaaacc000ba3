//! Functions whose secrets and rules are in AWS, by the credentials that AWS gives them.

use std::time::Duration;

use hushgate_cli::sample::{LoopbackServer, Request};
use hushgate_gateway::ports::Secret;
use hushgate_host::cloud::{Cloud as _, CloudSecrets};
use hushgate_host::config::Environment;

use crate::moto::services;
use crate::proxy::{Action, Call, Proxy};
use crate::world::{Delays, RULES, World};

pub(crate) const SECRETS: &[(&str, &str)] = &[
    (
        "PSEUDONYM_KEY",
        "1:aHVzaGdhdGUtbGFtYmRhLXRlc3Qta2V5LTMyLWJ5dGVz",
    ),
    ("CLIENT_ID", "client"),
    ("CLIENT_SECRET", "secret-of-the-tests"),
    ("ACCOUNT_ID", "account"),
];

/// Amazon's services behind a proxy, with the secrets of a function below a prefix of its own.
pub(crate) struct Services {
    pub(crate) proxy: Proxy,
    endpoint: String,
    pub(crate) prefix: String,
    pub(crate) place: String,
}

impl Services {
    /// The secrets are in Parameter Store.
    pub(crate) async fn start(
        name: &str,
        script: impl Fn(&Call) -> Action + Send + Sync + 'static,
    ) -> Option<Self> {
        Self::of("aws-ssm", name, script).await
    }

    /// The secrets are in a store of this kind.
    pub(crate) async fn of(
        kind: &str,
        name: &str,
        script: impl Fn(&Call) -> Action + Send + Sync + 'static,
    ) -> Option<Self> {
        let services = Self::bare(kind, name, script).await?;
        for (name, value) in SECRETS {
            services.write(&services.place, name, value).await;
        }
        Some(services)
    }

    /// Without secrets.
    pub(crate) async fn bare(
        kind: &str,
        name: &str,
        script: impl Fn(&Call) -> Action + Send + Sync + 'static,
    ) -> Option<Self> {
        let port = services()?;
        let prefix = format!("/{name}-{}", std::process::id());
        let proxy = Proxy::start(port, script).await;
        Some(Self {
            endpoint: format!("http://127.0.0.1:{}", proxy.port),
            place: format!("{kind}:{prefix}"),
            prefix,
            proxy,
        })
    }

    /// Writes an entry, past the proxy.
    pub(crate) async fn write(&self, place: &str, name: &str, value: &str) {
        let endpoint = format!("http://127.0.0.1:{}", services().unwrap());
        let environment = [
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "y"),
            ("AWS_ENDPOINT_URL", &endpoint),
        ];
        let pair = |(n, v): (&str, &str)| (n.to_owned(), v.to_owned());
        let environment: Environment = environment.into_iter().map(pair).collect();
        let at = CloudSecrets::parse(place).unwrap().unwrap();
        let store = hushgate_aws::CLOUD.secrets(&at, &environment).unwrap();
        store
            .unwrap()
            .write(name, Secret::new(value))
            .await
            .unwrap();
    }

    /// What a function needs to find them, but no credentials.
    pub(crate) fn variables(&self) -> Vec<(&str, &str)> {
        vec![
            ("HUSHGATE_SECRETS", &self.place),
            ("AWS_ENDPOINT_URL", &self.endpoint),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]
    }

    /// The same with the credentials that Lambda sets.
    pub(crate) fn with_key(&self) -> Vec<(&str, &str)> {
        let mut all = self.variables();
        all.extend([
            ("AWS_ACCESS_KEY_ID", "AKIDOFTHEROLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests"),
            ("AWS_SESSION_TOKEN", "secret-of-the-tests"),
        ]);
        all
    }

    /// An object in a bucket of its own.
    pub(crate) async fn put(&self, bucket: &str, key: &str, content: &(impl AsRef<[u8]> + ?Sized)) {
        use aws_sdk_s3::config::{BehaviorVersion, Config, Credentials, Region};
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("x", "y", None, None, "tests"))
            .force_path_style(true)
            .http_client(hushgate_aws::http_client())
            .endpoint_url(format!("http://127.0.0.1:{}", services().unwrap()));
        let client = aws_sdk_s3::Client::from_conf(config.build());
        client.create_bucket().bucket(bucket).send().await.unwrap();
        let put = client.put_object().bucket(bucket).key(key);
        let put = put.body(content.as_ref().to_vec().into());
        put.send().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_it_is_told_what_is_missing() {
    let Some(services) = Services::start("no-key", |_| Action::Pass).await else {
        return;
    };
    let Some(world) = World::start(&services.variables()).await else {
        return;
    };
    let answer = world.invoke(&world.get("/v2/people").function_url()).await;
    assert_eq!(answer.code(), "configuration-invalid");
    let text = "no AWS credentials were found: on Lambda the function's role gives them; \
                elsewhere set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE";
    assert!(world.log().contains(text), "{}", world.log());
    // The caller learns nothing of it.
    assert!(!String::from_utf8_lossy(&answer.body()).contains("AWS"));
    assert!(services.proxy.calls().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_come_from_the_standard_chain() {
    let role = LoopbackServer::start(|_: Request| {
        let text = "{\"AccessKeyId\":\"AKIDOFTHECONTAINER\",\"SecretAccessKey\":\"secret-of-the-tests\",\
                    \"Token\":\"secret-of-the-tests\",\"Expiration\":\"2099-01-01T00:00:00Z\"}";
        http::Response::new(text.into())
    });
    let server = role.await.unwrap();
    let role = format!("{}/role", server.url());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("credentials-{}", std::process::id()));
    let text = "[of-the-tests]\naws_access_key_id = AKIDOFTHEPROFILE\naws_secret_access_key = secret-of-the-tests\n";
    std::fs::write(&file, text).unwrap();
    let file = file.display().to_string();
    for (key, variables) in [
        (
            "AKIDOFTHEVARIABLES",
            vec![
                ("AWS_ACCESS_KEY_ID", "AKIDOFTHEVARIABLES"),
                ("AWS_SECRET_ACCESS_KEY", "secret-of-the-tests"),
            ],
        ),
        (
            "AKIDOFTHEPROFILE",
            vec![
                ("AWS_SHARED_CREDENTIALS_FILE", file.as_str()),
                ("AWS_PROFILE", "of-the-tests"),
            ],
        ),
        (
            "AKIDOFTHECONTAINER",
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.as_str())],
        ),
    ] {
        let Some(services) = Services::start("chain", |_| Action::Pass).await else {
            return;
        };
        let mut all = services.variables();
        all.extend(variables);
        let Some(world) = World::start(&all).await else {
            return;
        };
        let answer = world.invoke(&world.get("/v2/people").function_url()).await;
        assert_eq!(answer.status(), 200, "{key}: {answer:?}");
        let calls = services.proxy.calls();
        assert!(
            !calls.is_empty() && calls.iter().all(|c| c.access_key == key),
            "{key}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_come_from_a_bucket_or_the_function_does_not_start() {
    let Some(services) = Services::start("rules", |_| Action::Pass).await else {
        return;
    };
    let bucket = format!("rules-{}", std::process::id());
    services.put(&bucket, "zoom/rules.yaml", RULES).await;
    let large = format!("{RULES}#{}\n", "x".repeat(8 << 20));
    services.put(&bucket, "zoom/large.yaml", &large).await;
    services
        .put(&bucket, "zoom/broken.yaml", "endpoints: [")
        .await;
    let at = |key: &str| format!("s3://{bucket}/zoom/{key}");
    let rules = at("rules.yaml");
    let mut all = services.with_key();
    all.push(("HUSHGATE_RULES", &rules));
    let Some(world) = World::start(&all).await else {
        return;
    };
    for (path, status) in [("/v2/people", 200), ("/v2/users", 403)] {
        let answer = world.invoke(&world.get(path).function_url()).await;
        assert_eq!(answer.status(), status, "{path}: {answer:?}");
    }
    drop(world);
    let elsewhere = "s3://no-such-bucket-of-the-tests/rules.yaml".to_owned();
    for (rules, said) in [
        (at("missing.yaml"), "there is no object `s3://rules-"),
        (at("large.yaml"), "has more than"),
        (at("broken.yaml"), "zoom/broken.yaml:1:12"),
        (elsewhere, "there is no bucket"),
    ] {
        let mut all = services.with_key();
        all.push(("HUSHGATE_RULES", &rules));
        let (status, log) = World::end_of(&all).await.unwrap();
        assert_eq!(status.code(), Some(1), "{rules}");
        assert!(log.contains(said), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_policy_come_from_the_store_or_the_function_does_not_start() {
    for kind in ["aws-ssm:", "aws-secretsmanager:"] {
        let Some(services) = Services::start("documents", |_| Action::Pass).await else {
            return;
        };
        let prefix = services.prefix.trim_start_matches('/');
        let place = match kind {
            "aws-ssm:" => services.place.clone(),
            _ => format!("{kind}{prefix}"),
        };
        for (name, value) in SECRETS
            .iter()
            .copied()
            .chain([("RULES", RULES), ("CLOSED", "clients: []\n")])
        {
            services.write(&place, name, value).await;
        }
        let started = |name, value| {
            let mut all = services.with_key();
            all.extend([("HUSHGATE_SECRETS", place.as_str()), (name, value)]);
            all
        };
        let Some(world) = World::start(&started("HUSHGATE_RULES", "store:RULES")).await else {
            return;
        };
        for (path, status) in [("/v2/people", 200), ("/v2/users", 403)] {
            let answer = world.invoke(&world.get(path).function_url()).await;
            assert_eq!(answer.status(), status, "{kind} {path}: {answer:?}");
        }
        drop(world);
        let closed = World::start(&started("HUSHGATE_ACCESS", "store:CLOSED"))
            .await
            .unwrap();
        let answer = closed
            .invoke(&closed.get("/v2/people").function_url())
            .await;
        assert_eq!(answer.status(), 401, "{kind}: {answer:?}");
        drop(closed);
        for variable in ["HUSHGATE_RULES", "HUSHGATE_ACCESS"] {
            let (status, log) = World::end_of(&started(variable, "store:NOTHING"))
                .await
                .unwrap();
            assert_eq!(status.code(), Some(1), "{kind}: {log}");
            let said = format!("{variable}: there is no `");
            assert!(
                log.contains(&said) && log.contains("NOTHING`"),
                "{kind}: {log}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_build_has_and_another_cloud_sets_stops_the_start() {
    for (name, value, said) in [
        (
            "HUSHGATE_SECRETS",
            "gcp-secretmanager:acme-data/zoom",
            "built for `aws` only: deploy the package for `gcp`",
        ),
        (
            "HUSHGATE_RULES",
            "gs://bucket/rules.yaml",
            "built for `aws` only: deploy the package for `gcp`",
        ),
        (
            "HUSHGATE_ACCESS",
            "gs://bucket/access.yaml",
            "built for `aws` only: deploy the package for `gcp`",
        ),
        (
            "K_SERVICE",
            "zoom",
            "error: K_SERVICE: AWS_LAMBDA_RUNTIME_API is set too, so this looks like Google Cloud and like AWS at \
             once; remove what the cloud did not set itself (clouds-mixed)",
        ),
        (
            "FUNCTION_TARGET",
            "zoom",
            "error: FUNCTION_TARGET: AWS_LAMBDA_RUNTIME_API is set too",
        ),
    ] {
        let Some((status, log)) = World::end_of(&[(name, value)]).await else {
            return;
        };
        assert_eq!(status.code(), Some(1), "{name}: {log}");
        assert!(log.contains(said), "{name}: {log}");
        let coded = log.contains("(cloud-not-built-in)") || log.contains("(clouds-mixed)");
        assert!(coded, "{name}: {log}");
        assert!(!log.contains("\"ready\""), "{name}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_can_not_be_read_are_never_replaced_by_the_built_in_ones() {
    for (action, said) in [
        (Action::Cut, "unavailable"),
        (
            Action::Fail(403, "AccessDenied", "x"),
            "the role needs `s3:GetObject` on `arn:aws:s3:::rules-of-nobody/rules.yaml`",
        ),
    ] {
        let script = move |call: &Call| match call.operation.as_str() {
            "GetObject" => action.clone(),
            _ => Action::Pass,
        };
        let Some(services) = Services::start("fail-closed", script).await else {
            return;
        };
        let mut all = services.with_key();
        all.push(("HUSHGATE_RULES", "s3://rules-of-nobody/rules.yaml"));
        let Some((status, log)) = World::end_of(&all).await else {
            return;
        };
        assert_eq!(status.code(), Some(1));
        assert!(log.contains(said), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_store_is_told_by_its_code_and_passes() {
    let out = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let is_out = std::sync::Arc::clone(&out);
    let script = move |_: &Call| {
        if is_out.load(std::sync::atomic::Ordering::SeqCst) {
            Action::Fail(503, "ServiceUnavailable", "x")
        } else {
            Action::Pass
        }
    };
    let Some(services) = Services::start("outage", script).await else {
        return;
    };
    let delays = Delays::default();
    let Some(world) = World::with(&services.with_key(), delays).await else {
        return;
    };
    let event = world.get("/v2/people").function_url();
    let answer = world.invoke(&event).await;
    assert_eq!(
        (answer.status(), answer.code().as_str()),
        (503, "store-unavailable")
    );
    out.store(false, std::sync::atomic::Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = world.invoke(&event).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
}
