//! A command that was built without the clouds, before values that name one.

use super::{hushgate, texts};
use crate::support::function::scratch;

/// What the command says of a cloud that it was built without; nothing when this one has every cloud.
#[test]
fn without_a_cloud_it_says_how_to_get_a_command_with_it() {
    let folder = scratch("clouds");
    let table: &[(&[&str], &str, &str, &str)] = &[
        (
            &["connection", "list"],
            "HUSHGATE_SECRETS",
            "gcp-secretmanager:a-project/zoom",
            "gcp",
        ),
        (
            &["connection", "list"],
            "HUSHGATE_SECRETS",
            "aws-ssm:/hushgate/zoom",
            "aws",
        ),
        (
            &["connection", "list"],
            "HUSHGATE_SECRETS",
            "aws-secretsmanager:zoom",
            "aws",
        ),
        (
            &["serve", "zoom"],
            "HUSHGATE_SECRETS",
            "aws-ssm:/hushgate/zoom",
            "aws",
        ),
        (
            &["serve", "zoom"],
            "HUSHGATE_RULES",
            "s3://a-bucket/rules.yaml",
            "aws",
        ),
        (
            &["serve", "zoom"],
            "HUSHGATE_ACCESS",
            "gs://a-bucket/access.yaml",
            "gcp",
        ),
    ];
    for (arguments, variable, place, cloud) in table {
        let output = hushgate(arguments, &[(variable, place)], "", &folder);
        let (out, err) = texts(&output);
        assert_eq!(
            output.status.code(),
            Some(1),
            "{arguments:?} {place}: {out}{err}"
        );
        let build = format!("`cargo install --locked --path crates/cli --features {cloud}`");
        let start = format!("{variable}: this `hushgate` was built without `{cloud}`");
        assert!(
            err.contains(&start) && err.contains(&build),
            "{arguments:?} {place}: {err}"
        );
        // That is for whoever deploys a function.
        assert!(
            !err.contains("deploy") && !out.contains("deploy"),
            "{out}{err}"
        );
    }
}
