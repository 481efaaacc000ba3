//! The IAM principal of a request context.

use std::sync::Arc;

use hushgate_gateway::access::PlatformCallers;
use hushgate_gateway::inbound::{AwsIam, Inbound, Vouched};
use hushgate_gateway::refusal::Cause;
use serde_json::json;

use super::*;

const ROLE: &str = "role: arn:aws:iam::111122223333:role/reporting";

fn policy_of(identity: &str) -> String {
    format!(
        "aws_iam: {{direct_invoke: refused}}\nclients: [{{id: vendor, identity: {{aws_iam: {{{identity}}}}}, sources: [zoom]}}]"
    )
}

fn told(arn: &str, account: &str, organization: &str) -> Inbound {
    let bare = arn.trim_start_matches('!');
    let mut inbound = request(&[]);
    inbound.vouched = Some(Vouched::AwsIam(AwsIam {
        arn: bare.to_owned(),
        account: account.to_owned(),
        organization: (!organization.is_empty()).then(|| organization.to_owned()),
        cognito: bare != arn,
    }));
    inbound
}

fn role_at_work() -> Inbound {
    told(
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
        "111122223333",
        "",
    )
}

#[tokio::test]
async fn a_principal_is_a_client_to_the_letter_or_nobody() {
    let mut rows = (0, 0);
    for line in include_str!("aws.txt").lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let [identity, arn, account, organization, expected] = parts[..] else {
            panic!("{line}");
        };
        let source = Arc::default();
        let verifier = verifier_on(PlatformCallers::AwsIam, &policy_of(identity), &source);
        let result = verifier.verify(&told(arn, account, organization)).await;
        match (result, expected) {
            (Ok(caller), "ok") => {
                assert_eq!(caller.client_id(), "vendor");
                rows.0 += 1;
            }
            (Ok(_), _) => panic!("ACCEPTED: {line}"),
            (Err(refusal), _) => {
                check_refusal(&refusal, expected, line);
                rows.1 += 1;
            }
        }
        assert_eq!(source.fetches(), 0, "nothing is fetched for it");
    }
    assert!(rows.0 >= 15 && rows.1 >= 60, "{rows:?}");
}

#[tokio::test]
async fn what_a_client_may_do_holds_for_principals_too() {
    let source = Arc::default();
    for (lines, expected) in [
        ("sources: [zoom]", None),
        ("sources: [slack]", Some(Cause::CallerNotAllowed)),
        (
            "sources: [zoom], expires: 2027-01-14",
            Some(Cause::CallerNotAllowed),
        ),
        (
            "sources: [zoom], ip_allow: [203.0.113.0/24]",
            Some(Cause::AddressNotAllowed),
        ),
        ("sources: [zoom], ip_allow: [198.51.100.0/24]", None),
    ] {
        let policy = policy_of(ROLE).replace("sources: [zoom]", lines);
        let verifier = verifier_on(PlatformCallers::AwsIam, &policy, &source);
        let found = verifier.verify(&role_at_work()).await;
        assert_eq!(found.err().map(|r| r.cause()), expected, "{lines}");
    }
}

#[tokio::test]
async fn without_the_switch_the_platform_s_word_is_not_read() {
    let source = Arc::default();
    let verifier = verifier(policy(), &source, &TestClock::new());
    let refusal = verifier.verify(&role_at_work()).await.unwrap_err();
    assert_eq!(refusal.cause(), Cause::TokenMissing);
    assert!(
        refusal
            .detail()
            .contains("HUSHGATE_PLATFORM_CALLERS=aws-iam")
    );
    let google = "cloud_run: {unauthenticated: refused}\n\
        clients: [{id: vendor, identity: {cloud_run: {subject: s, audience: a}}, sources: [zoom]}]";
    let verifier = verifier_on(PlatformCallers::CloudRun, google, &source);
    let refusal = verifier.verify(&role_at_work()).await.unwrap_err();
    assert_eq!(refusal.cause(), Cause::TokenMissing);
}

/// Headers that look like the platform's word, each as a caller could send it.
const IMITATIONS: &[(&str, &str)] = &[
    (
        "x-amzn-request-context",
        r#"{"authorizer":{"iam":{"userArn":"arn:aws:sts::111122223333:assumed-role/reporting/s1","accountId":"111122223333"}}}"#,
    ),
    (
        "x-amzn-lambda-context",
        r#"{"identity":{"userArn":"arn:aws:sts::111122223333:assumed-role/reporting/s1"}}"#,
    ),
    (
        "x-amzn-requestcontext",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "lambda-runtime-client-context",
        r#"{"custom":{"userArn":"arn:aws:sts::111122223333:assumed-role/reporting/s1"}}"#,
    ),
    (
        "lambda-runtime-cognito-identity",
        r#"{"cognitoIdentityId":"x","cognitoIdentityPoolId":"y"}"#,
    ),
    (
        "lambda-runtime-invoked-function-arn",
        "arn:aws:lambda:eu-west-1:111122223333:function:zoom",
    ),
    (
        "x-amz-user-arn",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "x-amzn-user-arn",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    ("x-amzn-principal-org-id", "o-a1b2c3d4e5"),
    ("x-amz-source-account", "111122223333"),
    (
        "x-amz-source-arn",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "x-amz-security-token",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    ("x-amzn-oidc-identity", "reporting"),
    (
        "x-amzn-oidc-data",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "x-apigateway-event",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "x-apigateway-context",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "vouched",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "x-hushgate-vouched",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    ("x-hushgate-caller", "vendor"),
    ("x-forwarded-user", "vendor"),
    (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20270115/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=00",
    ),
    (
        "authorization",
        "AWS4-ECDSA-P256-SHA256 Credential=AKIAEXAMPLE, SignedHeaders=host, Signature=00",
    ),
    (
        "authorization",
        "arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "authorization",
        "AwsIam arn:aws:sts::111122223333:assumed-role/reporting/s1",
    ),
    (
        "x-serverless-authorization",
        "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE",
    ),
];

#[tokio::test]
async fn no_header_query_or_body_stands_for_the_platform_s_word() {
    let context = r#"{"requestContext":{"authorizer":{"iam":{"userArn":"arn:aws:sts::111122223333:assumed-role/reporting/s1","accountId":"111122223333"}},"identity":{"userArn":"arn:aws:sts::111122223333:assumed-role/reporting/s1","accountId":"111122223333"}}}"#;
    let verifier = verifier_on(PlatformCallers::AwsIam, &policy_of(ROLE), &Arc::default());
    assert!(
        verifier.verify(&role_at_work()).await.is_ok(),
        "the control"
    );
    let mut requests: Vec<(String, Inbound)> = IMITATIONS
        .iter()
        .map(|(name, value)| {
            let mut inbound = request(&[]);
            put(&mut inbound.headers, name, value.as_bytes());
            (format!("{name}: {value}"), inbound)
        })
        .collect();
    let mut all = request(&[]);
    for (name, value) in &IMITATIONS[..20] {
        put(&mut all.headers, name, value.as_bytes());
    }
    requests.push(("all at once".to_owned(), all));
    let mut body = request(&[]);
    body.body = context.into();
    requests.push(("the body".to_owned(), body));
    let mut query = request(&[]);
    query.raw_query = Some("X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXAMPLE&userArn=arn:aws:sts::111122223333:assumed-role/reporting/s1".to_owned());
    requests.push(("the query".to_owned(), query));
    for (name, inbound) in requests {
        let refusal = verifier.verify(&inbound).await.expect_err(&name);
        assert_eq!(refusal.cause(), Cause::TokenMissing, "{name}");
    }
}

#[tokio::test]
async fn an_imitation_does_not_change_who_a_principal_is() {
    let verifier = verifier_on(PlatformCallers::AwsIam, &policy_of(ROLE), &Arc::default());
    for (name, value) in IMITATIONS {
        let mut inbound = told(
            "arn:aws:sts::111122223333:assumed-role/other/s1",
            "111122223333",
            "",
        );
        put(&mut inbound.headers, name, value.as_bytes());
        let refusal = verifier.verify(&inbound).await.expect_err(name);
        check_refusal(&refusal, "no-principal", name);
    }
}

#[tokio::test]
async fn a_token_that_is_shown_decides_before_the_principal() {
    let pair = Pair::ed();
    let source: Arc<MemorySource> = Arc::default();
    source.put(KEYS_URL, &json!({"keys": [published(&pair, "k", "EdDSA")]}));
    let policy = format!(
        "issuers: [{{issuer: {ISSUER}, jwks_uri: {KEYS_URL}, algorithms: [EdDSA]}}]\n\
         aws_iam: {{direct_invoke: refused}}\n\
         clients:\n\
         \x20 - {{id: by-token, identity: {{issuer: {ISSUER}, subject: \"{SUBJECT}\", audience: {AUDIENCE}}}, sources: [zoom]}}\n\
         \x20 - {{id: by-role, identity: {{aws_iam: {{role: \"arn:aws:iam::111122223333:role/reporting\"}}}}, sources: [zoom]}}\n"
    );
    let verifier = verifier_on(PlatformCallers::AwsIam, &policy, &source);
    let good = format!("Bearer {}", good_token(&pair, "k", "EdDSA"));
    let forged = format!("Bearer {}", good_token(&Pair::ed(), "k", "EdDSA"));
    let sigv4 = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE";
    let table: [Row; 6] = [
        (&[], Ok("by-role")),
        (&[("authorization", sigv4)], Ok("by-role")),
        (&[("authorization", &good)], Ok("by-token")),
        (
            &[
                ("authorization", sigv4),
                ("x-serverless-authorization", &good),
            ],
            Ok("by-token"),
        ),
        (&[("authorization", &forged)], Err("signature")),
        (
            &[
                ("authorization", sigv4),
                ("x-serverless-authorization", &forged),
            ],
            Err("signature"),
        ),
    ];
    for (headers, expected) in table {
        let mut inbound = role_at_work();
        for (name, value) in headers {
            put(&mut inbound.headers, name, value.as_bytes());
        }
        match (verifier.verify(&inbound).await, expected) {
            (Ok(caller), Ok(client)) => assert_eq!(caller.client_id(), client),
            (Err(refusal), Err(fault)) => check_refusal(&refusal, fault, "forged"),
            (result, _) => panic!(
                "{headers:?}: {:?}",
                result.map(|c| c.client_id().to_owned())
            ),
        }
    }
}
