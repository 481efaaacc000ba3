//! What the command makes of answers that need not be a function's.

use super::servers::answering;
use super::{Pairs, call, kept, token_file};
use crate::support::World;

const OURS: Pairs<'_> = &[("x-hushgate-request-id", "r1")];

#[tokio::test]
async fn only_the_whole_path_and_the_word_of_a_function_say_that_it_runs() {
    let world = World::start().await;
    let runs = answering(200, &[], b"ok").await;
    let other = answering(200, &[], b"{\"status\":\"ok\"}").await;
    let missing = answering(404, &[], b"ok").await;
    for (server, base, path, code) in [
        (&world.function.url(), "", Some("/healthz"), 0),
        (&world.function.url(), "/healthz", None, 0),
        (&runs.url(), "", Some("/healthz"), 0),
        (&runs.url(), "/healthz", None, 0),
        (&runs.url(), "/prod", Some("/healthz"), 0),
        (&runs.url(), "/healthz?x=1", None, 0),
        (&runs.url(), "", Some("/v2/x/healthz"), 1),
        (&runs.url(), "/v2/x/healthz", None, 1),
        (&runs.url(), "/prod", Some("/x/healthz"), 1),
        (&runs.url(), "", Some("/xhealthz"), 1),
        (&other.url(), "", Some("/healthz"), 1),
        (&missing.url(), "", Some("/healthz"), 1),
        (&missing.url(), "/healthz", None, 1),
    ] {
        let url = format!("{server}{base}");
        let mut arguments = vec![url.as_str(), "--anonymous"];
        arguments.extend(path);
        let ran = call(&arguments, &[], "").await;
        assert_eq!(ran.code, Some(code), "{arguments:?}: {ran:?}");
        let told = ran.error.contains("not-a-function: ") && ran.error.contains("next: ");
        assert_eq!(told, code == 1, "{arguments:?}: {ran:?}");
    }
}

#[tokio::test]
async fn each_call_that_failed_has_a_code_and_a_next_step() {
    for (status, headers) in [
        (500, OURS),
        (404, OURS),
        (301, OURS),
        (500, &[]),
        (404, &[]),
    ] {
        let server = answering(status, headers, b"{}").await;
        for options in [&["/x"][..], &["--health"], &["/healthz"]] {
            let url = server.url();
            let arguments = [&[url.as_str(), "--anonymous", "--json"], options].concat();
            let ran = call(&arguments, &[], "").await;
            assert_eq!(ran.code, Some(1), "{status} {options:?}: {ran:?}");
            let object = ran.json();
            assert!(
                object["code"].is_string() && object["next"].is_string(),
                "{status} {options:?}: {ran:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_refusal_of_aws_has_two_causes_and_is_not_about_the_token() {
    let world = World::start().await;
    let file = token_file(&world);
    let denied = [("x-amzn-errortype", "AccessDeniedException")];
    let server = answering(403, &denied, b"{\"Message\":null}").await;
    let ran = call(&[&server.url(), "/x", "--token-file", &file], &[], "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for says in [
        "not-a-function: ",
        "sign with --aws-iam",
        "auth type NONE",
        "`*` lambda:InvokeFunctionUrl and, for a URL made since October 2025, lambda:InvokeFunction",
    ] {
        assert!(ran.error.contains(says), "{says}: {ran:?}");
    }
    for about_token in ["issuer", "subject", "audience", "access policy"] {
        assert!(!ran.error.contains(about_token), "{about_token}: {ran:?}");
    }
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", super::SECRET_KEY),
        ("AWS_REGION", "eu-west-1"),
    ];
    let both = ["/x", "--aws-iam", "--token-file", &file];
    let ran = call(&[&[server.url().as_str()], &both[..]].concat(), &keys, "").await;
    assert!(
        ran.error
            .contains("signed with access key AKIDEXAMPLE for lambda in eu-west-1")
            && !ran.error.contains("issuer"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn the_health_check_shows_all_headers_when_asked() {
    let server = answering(
        200,
        &[OURS, &[("x-odd", "7")]].concat(),
        b"{\"status\":\"up\"}",
    )
    .await;
    let ran = call(&[&server.url(), "--health", "-i"], &[], "").await;
    assert!(
        ran.code == Some(0) && ran.error.contains("x-odd: 7"),
        "{ran:?}"
    );
    let ran = call(&[&server.url(), "--health"], &[], "").await;
    assert!(ran.code == Some(0) && ran.error.is_empty(), "{ran:?}");
    let word = kept("opaque-secret");
    let ran = call(&[&server.url(), "--health", "--token-file", &word], &[], "").await;
    assert!(ran.error.contains("identity-not-accepted"), "{ran:?}");
}
