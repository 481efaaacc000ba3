//! What a configuration means that names places in clouds: read at start, or refused with the reason.

#![expect(
    clippy::unwrap_used,
    reason = "a test stops where something is missing"
)]

mod sample;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hushgate_gateway::ports::objects::{Facts, Head, Object, ObjectBody, ObjectError, Page, Put};
use hushgate_gateway::ports::{Objects, PortFuture};
use hushgate_host::cloud::{Bucket, Cloud, Clouds};
use hushgate_host::config::Environment;
use hushgate_host::objects::FolderObjects;
use hushgate_host::prepare;

use crate::sample::{POLICY, RULES, environment, sample};

/// A cloud whose buckets are folders below the one that `TEST_BUCKETS` names.
#[derive(Debug)]
struct Folders;

impl Cloud for Folders {
    fn name(&self) -> &'static str {
        "gcp"
    }

    fn objects(
        &self,
        at: &Bucket,
        environment: &Environment,
    ) -> Option<Result<Arc<dyn Objects>, String>> {
        let Bucket::Gcs(name) = at else { return None };
        let folder = Path::new(environment.get("TEST_BUCKETS")?).join(name);
        let opened = FolderObjects::open(&folder).map_err(|e| e.to_string());
        Some(opened.map(|o| Arc::new(o) as Arc<dyn Objects>))
    }
}

/// Buckets with these objects in `acme-rules`.
struct Buckets(PathBuf);

impl Buckets {
    fn new(name: &str, objects: &[(&str, &[u8])]) -> Self {
        let root =
            std::env::temp_dir().join(format!("hushgate-clouds-{name}-{}", std::process::id()));
        let folder = root.join("acme-rules");
        std::fs::create_dir_all(&folder).unwrap();
        for (key, content) in objects {
            std::fs::write(folder.join(key), content).unwrap();
        }
        Self(root)
    }
}

impl Drop for Buckets {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The problems that stop a start; empty when it starts.
async fn problems(buckets: &Buckets, clouds: Clouds, pairs: &[(&str, &str)]) -> String {
    let root = buckets.0.display().to_string();
    let mut pairs = pairs.to_vec();
    pairs.push(("TEST_BUCKETS", &root));
    match prepare(&sample(clouds), &environment(&pairs)).await {
        Ok(_) => String::new(),
        Err(problems) => problems.join("\n"),
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    gzip.finish().unwrap()
}

const BUILT: Clouds = Clouds(&[&Folders]);

#[tokio::test]
async fn rules_and_policy_in_a_bucket_are_read_at_start_plain_and_packed() {
    let packed = gzip(RULES);
    let text = STANDARD.encode(&packed);
    let buckets = Buckets::new(
        "read",
        &[
            ("plain.yaml", RULES.as_bytes()),
            ("rules.gz", &packed),
            ("rules.b64", text.as_bytes()),
            ("policy.yaml", POLICY.as_bytes()),
        ],
    );
    for key in ["plain.yaml", "rules.gz", "rules.b64"] {
        let at = format!("gs://acme-rules/{key}");
        let told = problems(&buckets, BUILT, &[("HUSHGATE_RULES", &at)]).await;
        assert_eq!(told, "", "{key}");
    }
    let at = ("HUSHGATE_ACCESS", "gs://acme-rules/policy.yaml");
    assert_eq!(problems(&buckets, BUILT, &[at]).await, "");
}

#[tokio::test]
async fn rules_that_can_not_be_read_stop_the_start_and_nothing_takes_their_place() {
    let mut broken = gzip(RULES);
    broken.truncate(broken.len() - 9);
    let large = vec![b' '; (8 << 20) + 1];
    let bomb = gzip(&" ".repeat((8 << 20) + 1));
    let buckets = Buckets::new(
        "broken",
        &[
            ("wrong.yaml", b"endpoints:\n  - nonsense: 1\n"),
            ("broken.gz", &broken),
            ("large.yaml", &large),
            ("bomb.gz", &bomb),
            ("binary.yaml", b"\xff\xfe"),
            ("path.yaml", b"/etc/hostname"),
            ("empty.yaml", b""),
        ],
    );
    for (at, wanted) in [
        (
            "gs://acme-rules/none.yaml",
            "there is no object `gs://acme-rules/none.yaml` (document-missing)",
        ),
        ("gs://acme-other/x.yaml", "there is no bucket or folder"),
        ("gs://acme-rules/wrong.yaml", "wrong.yaml:2:"),
        ("gs://acme-rules/broken.gz", "gzip"),
        ("gs://acme-rules/large.yaml", "more than 8388608 bytes"),
        ("gs://acme-rules/bomb.gz", "more than 8388608 bytes"),
        ("gs://acme-rules/binary.yaml", "not UTF-8"),
        // What lies in a bucket is a document, never the path of another.
        ("gs://acme-rules/path.yaml", "path.yaml:1:"),
        ("gs://acme-rules/empty.yaml", "empty.yaml"),
        ("gs://acme-rules/../x", "HUSHGATE_RULES"),
        ("gs://acme-rules", "no key after the bucket"),
        (
            "store:NONE",
            "there is no `NONE` in the environment; check this name, and the place that HUSHGATE_SECRETS names",
        ),
    ] {
        let told = problems(&buckets, BUILT, &[("HUSHGATE_RULES", at)]).await;
        assert!(told.contains(wanted), "{at}: {told}");
    }
}

/// A cloud whose buckets take every question and answer none.
#[derive(Debug)]
struct Silent;

impl Cloud for Silent {
    fn name(&self) -> &'static str {
        "gcp"
    }

    fn objects(&self, _: &Bucket, _: &Environment) -> Option<Result<Arc<dyn Objects>, String>> {
        Some(Ok(Arc::new(Self)))
    }
}

impl Objects for Silent {
    fn read<'a>(&'a self, _: &'a str) -> PortFuture<'a, Result<Option<Object>, ObjectError>> {
        Box::pin(std::future::pending())
    }

    fn facts<'a>(&'a self, _: &'a str) -> PortFuture<'a, Result<Option<Facts>, ObjectError>> {
        Box::pin(std::future::pending())
    }

    fn write<'a>(
        &'a self,
        _: &'a str,
        _: &'a Head,
        _: Put,
        _: ObjectBody,
    ) -> PortFuture<'a, Result<Facts, ObjectError>> {
        Box::pin(std::future::pending())
    }

    fn list<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
    ) -> PortFuture<'a, Result<Page, ObjectError>> {
        Box::pin(std::future::pending())
    }

    fn remove<'a>(&'a self, _: &'a str) -> PortFuture<'a, Result<(), ObjectError>> {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_does_not_answer_is_told_by_name_while_the_start_may_last() {
    let pairs = [
        ("HUSHGATE_RULES", "gs://acme-rules/rules.yaml"),
        ("HUSHGATE_ACCESS", "gs://acme-rules/policy.yaml"),
    ];
    let begun = tokio::time::Instant::now();
    let (sample, environment) = (sample(Clouds(&[&Silent])), environment(&pairs));
    let prepared = prepare(&sample, &environment);
    let prepared = tokio::time::timeout(Duration::from_mins(10), prepared).await;
    let told = prepared.expect("it ends").map(drop).unwrap_err().join("\n");
    assert!(
        begun.elapsed() < Duration::from_secs(9),
        "{:?}",
        begun.elapsed()
    );
    for (variable, at) in pairs {
        let wanted = format!("{variable}: the object `{at}` did not come within 8 seconds");
        assert!(told.contains(&wanted), "{told}");
    }
}

#[tokio::test]
async fn a_place_in_a_cloud_that_is_not_built_in_says_which_build_is_needed() {
    let buckets = Buckets::new("absent", &[]);
    for (name, value, cloud) in [
        ("HUSHGATE_SECRETS", "aws-ssm:/hushgate/sample", "aws"),
        ("HUSHGATE_SECRETS", "aws-secretsmanager:hushgate", "aws"),
        (
            "HUSHGATE_SECRETS",
            "gcp-secretmanager:acme-data/hushgate",
            "gcp",
        ),
        ("HUSHGATE_RULES", "s3://acme-rules/rules.yaml", "aws"),
        ("HUSHGATE_RULES", "gs://acme-rules/rules.yaml", "gcp"),
        ("HUSHGATE_ACCESS", "gs://acme-rules/policy.yaml", "gcp"),
    ] {
        let told = problems(&buckets, Clouds::NONE, &[(name, value)]).await;
        assert!(
            told.starts_with(name)
                && told.contains(&format!("built for `{cloud}`"))
                && told.contains("built for no cloud"),
            "{value}: {told}"
        );
    }
    let other = [("HUSHGATE_RULES", "s3://acme-rules/rules.yaml")];
    let told = problems(&buckets, BUILT, &other).await;
    assert!(told.contains("built for `gcp` only"), "{told}");
    let wrong = [("HUSHGATE_SECRETS", "aws-ssm:/a b")];
    let told = problems(&buckets, BUILT, &wrong).await;
    assert!(
        told.contains("allowed: `env`") && !told.contains("a b"),
        "{told}"
    );
}

#[tokio::test]
async fn variables_of_both_clouds_at_once_stop_the_start() {
    let buckets = Buckets::new("both", &[]);
    for aws in ["AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME"] {
        for google in ["K_SERVICE", "FUNCTION_TARGET"] {
            let told = problems(&buckets, BUILT, &[(aws, "x"), (google, "x")]).await;
            assert!(
                told.contains(aws) && told.contains(google) && told.contains("at once"),
                "{told}"
            );
        }
    }
}

#[test]
fn a_function_without_lambda_s_host_says_so_on_lambda() {
    let environment = [(
        "AWS_LAMBDA_RUNTIME_API".to_owned(),
        "127.0.0.1:9001".to_owned(),
    )];
    let told = BUILT.service(&environment.into()).err().unwrap();
    assert!(
        told.contains("AWS_LAMBDA_RUNTIME_API") && told.contains("built for `aws`"),
        "{told}"
    );
    assert!(BUILT.service(&Environment::new()).unwrap().is_none());
}
