//! A function that was built for Google Cloud alone, given what belongs to AWS.

use crate::world::{World, world};

const AWS_STORES: [(&str, &str, &str); 4] = [
    ("HUSHGATE_SECRETS", "aws-ssm:/hushgate/zoom", "aws-ssm"),
    (
        "HUSHGATE_SECRETS",
        "aws-secretsmanager:hushgate/zoom",
        "aws-secretsmanager",
    ),
    ("HUSHGATE_RULES", "s3://acme-rules/zoom.yaml", "s3"),
    ("HUSHGATE_ACCESS", "s3://acme-rules/access.yaml", "s3"),
];

/// What Lambda sets, as far as it matters.
const LAMBDA: [(&str, &str); 4] = [
    ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
    ("AWS_LAMBDA_FUNCTION_NAME", "zoom"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
];

/// What a function says that these variables keep from starting.
async fn said(world: &World, given: &[(&str, &str)]) -> String {
    let (status, log) = world.end(given).await;
    assert_eq!(status.code(), Some(1), "{given:?}: {log}");
    assert!(!log.contains("\"ready\""), "{given:?}: {log}");
    // Nothing was asked of anybody.
    assert_eq!(world.metadata.asked(), 0, "{given:?}");
    log
}

fn not_built_in(what: &str) -> String {
    format!(
        "`{what}` needs a program built for `aws`; this one was built for `gcp` only: deploy the package for \
         `aws`, or build it with `--features aws` (cloud-not-built-in)"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_of_another_cloud_stop_the_start() {
    let world = world!();
    for (name, value, word) in AWS_STORES {
        // Nothing else has to be fetched, so nothing else can be what is told.
        let policy = world.policy("");
        let mut given = vec![
            ("HUSHGATE_ACCESS", policy.as_str()),
            ("HUSHGATE_RULES", crate::world::RULES),
        ];
        given.push((name, value));
        let log = said(&world, &given).await;
        let told = format!("error: {name}: {}", not_built_in(word));
        assert_eq!(log.trim_end(), told);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lambda_runs_no_function_of_another_cloud() {
    let world = world!();
    for given in [&LAMBDA[..1], &LAMBDA] {
        let log = said(&world, given).await;
        let told = format!("error: {}", not_built_in("AWS_LAMBDA_RUNTIME_API"));
        assert_eq!(log.trim_end(), told);
    }
    // What is for a developer's machine is for no cloud's.
    let log = said(&world, &LAMBDA[1..2]).await;
    let told = "HUSHGATE_DEV_LOOPBACK: refused on a cloud host (AWS_LAMBDA_FUNCTION_NAME is set)";
    assert!(log.contains(told), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hosts_of_two_clouds_at_once_stop_the_start() {
    let world = world!();
    for google in ["K_SERVICE", "FUNCTION_TARGET"] {
        for (aws, value) in &LAMBDA[..2] {
            // Whatever a developer's machine is allowed is refused on its own.
            let given = [
                (google, "zoom"),
                (*aws, *value),
                ("HUSHGATE_DEV_LOOPBACK", "0"),
            ];
            let log = said(&world, &given).await;
            let told = format!(
                "error: {google}: {aws} is set too, so this looks like Google Cloud and like AWS at once; \
                 remove what the cloud did not set itself (clouds-mixed)"
            );
            assert_eq!(log.trim_end(), told);
        }
    }
}
