//! The example of the documentation is a policy, and says what the page says.

use hushgate_gateway::access::PlatformCallers;
use hushgate_gateway::access::address::TrustedProxies;
use hushgate_gateway::access::algorithm::Algorithm;
use hushgate_gateway::access::policy::{Policy, PolicyOptions};

use crate::support::NOW;

const PAGE: &str = include_str!("../../../../docs/access-policy.md");

#[test]
fn the_example_is_read_without_a_problem() {
    let (_, rest) = PAGE.split_once("```yaml\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let policy = Policy::parse(example, "docs/access-policy.md", false).unwrap();
    let ids: Vec<&str> = policy.client_ids().collect();
    assert_eq!(ids, ["vendor-prod", "own-reports"]);
    let zoom: Vec<&str> = policy.clients_of("zoom", NOW).collect();
    assert_eq!(zoom, ["vendor-prod", "own-reports"]);
    let slack: Vec<&str> = policy.clients_of("slack-discovery-api", NOW).collect();
    assert_eq!(slack, ["vendor-prod"]);
    let july = NOW + 180 * 24 * 3600;
    assert_eq!(policy.clients_of("slack-discovery-api", july).count(), 0);
    assert!(matches!(policy.proxies(), TrustedProxies::Ranges(ranges) if ranges.len() == 1));
}

#[test]
fn the_examples_of_platforms_are_read_on_their_platform_only() {
    let on = |platform, text: &str| {
        let options = PolicyOptions {
            platform,
            ..PolicyOptions::default()
        };
        Policy::read(text, "docs/access-policy.md", options)
    };
    let examples: Vec<&str> = PAGE
        .split("```yaml\n")
        .skip(2)
        .map(|rest| rest.split_once("```").unwrap().0)
        .collect();
    let expected = [
        (
            PlatformCallers::AwsIam,
            &["reports", "loader", "analytics-account"][..],
        ),
        (PlatformCallers::CloudRun, &["reports", "loader"]),
    ];
    assert_eq!(examples.len(), expected.len());
    for (example, (platform, clients)) in examples.iter().zip(expected) {
        let policy = on(Some(platform), example).unwrap();
        assert_eq!(policy.client_ids().collect::<Vec<_>>(), clients);
        for other in [
            None,
            Some(PlatformCallers::AwsIam),
            Some(PlatformCallers::CloudRun),
        ] {
            assert_eq!(on(other, example).is_ok(), other == Some(platform));
        }
    }
}

#[test]
fn every_algorithm_and_every_key_is_documented() {
    for algorithm in Algorithm::ALL {
        assert!(PAGE.contains(&format!("`{algorithm}`")), "{algorithm}");
    }
    let unknown = "issuers: [{x: 1}]\nclients: [{x: 1, identity: {x: 1}}, {identity: {aws_iam: {x: 1}}}, {identity: {cloud_run: {x: 1}}}]\ncloud_run: {x: 1}\naws_iam: {x: 1}\nx: 1";
    let error = Policy::parse(unknown, "p", false).unwrap_err();
    let mut keys = 0;
    for problem in error.problems() {
        let Some((_, allowed)) = problem.message.split_once("allowed: ") else {
            continue;
        };
        for key in allowed.split(", ") {
            assert!(PAGE.contains(&format!("`{key}`")), "{key}");
            keys += 1;
        }
    }
    assert_eq!(
        keys,
        5 + 7 + 5 + 5 + 3 + 1 + 1 + 5,
        "all keys of all levels"
    );
}
