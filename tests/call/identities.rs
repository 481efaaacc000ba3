//! Who the command calls as: Google's tokens and AWS's signatures.

use std::time::Duration;

use super::servers::{answering, key_file, last, metadata_server, recording, token_endpoint};
use super::{SECRET_KEY, USERS, call, kept, token_file};
use crate::support::World;
use crate::support::world::AUDIENCE;

#[tokio::test]
async fn google_tokens_come_from_the_metadata_server_or_a_key_file() {
    let world = World::start().await;
    let token = world.token();
    let metadata = metadata_server(&token).await;
    let place = metadata.url().replace("http://", "");
    let machine = [("GCE_METADATA_HOST", place.as_str())];
    let url = world.function.url();
    let ran = call(
        &[&url, USERS, "--google", "--audience", AUDIENCE],
        &machine,
        "",
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = call(
        &[
            &url,
            USERS,
            "--google",
            "--audience",
            "https://other.example",
        ],
        &machine,
        "",
    )
    .await;
    assert!(
        ran.code == Some(1) && ran.error.contains("google-metadata-refused"),
        "{ran:?}"
    );

    let endpoint = token_endpoint(&token).await;
    let key = key_file(&format!("{}/token", endpoint.url()));
    let ran = call(
        &[&url, USERS, "--google-key", &key, "--audience", AUDIENCE],
        &[],
        "",
    )
    .await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = call(
        &[
            &url,
            USERS,
            "--google-key",
            &key,
            "--audience",
            "https://other.example",
        ],
        &[],
        "",
    )
    .await;
    assert!(
        ran.code == Some(1) && ran.error.contains("google-key-refused"),
        "{ran:?}"
    );
    let clear = key_file("http://oauth2.example/token");
    let ran = call(&[&url, USERS, "--google-key", &clear], &[], "").await;
    assert!(
        ran.code == Some(1) && ran.error.contains("not https"),
        "{ran:?}"
    );

    let (server, seen) = recording().await;
    let file = token_file(&world);
    call(
        &[
            &server.url(),
            "/x",
            "--token-file",
            &file,
            "--google",
            "--audience",
            AUDIENCE,
        ],
        &machine,
        "",
    )
    .await;
    let request = last(&seen);
    assert!(request.header("authorization").starts_with("Bearer eyJ"));
    assert_eq!(
        request.header("x-serverless-authorization"),
        format!("Bearer {token}")
    );
}

#[tokio::test]
async fn signed_calls_carry_the_signature_and_never_the_secret() {
    let (server, seen) = recording().await;
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_SESSION_TOKEN", "session-1"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let ran = call(
        &[&server.url(), "/v2/users?x=1", "--aws-iam", "-i"],
        &environment,
        "",
    )
    .await;
    assert!(!format!("{ran:?}").contains("session-1"));
    let request = last(&seen);
    let authorization = request.header("authorization");
    assert!(
        authorization.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20"),
        "{authorization}"
    );
    assert!(authorization.contains("/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="));
    assert_eq!(request.header("x-amz-security-token"), "session-1");
    assert_eq!(
        request.header("x-amz-content-sha256"),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    let all: Vec<_> = request
        .headers
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    assert!(!all.concat().contains(SECRET_KEY));
}

#[tokio::test]
async fn a_workload_token_goes_beside_a_signature_and_the_function_takes_it() {
    let world = World::start().await;
    let (url, file) = (world.function.url(), token_file(&world));
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", "eu-west-1"),
    ];
    let both = ["--aws-iam", "--token-file", &file];
    let ran = call(&[&[url.as_str(), USERS], &both[..]].concat(), &keys, "").await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = call(
        &[&[url.as_str(), "--health"], &both[..]].concat(),
        &keys,
        "",
    )
    .await;
    assert!(
        ran.code == Some(0) && ran.out.contains("vendor-test"),
        "{ran:?}"
    );

    let (server, seen) = recording().await;
    let place = server.url();
    let command = format!("cat '{file}'");
    for token in [["--token-file", &file], ["--token-command", &command]] {
        let arguments = [&[place.as_str(), "/x", "--aws-iam"], &token[..]].concat();
        call(&arguments, &keys, "").await;
        let request = last(&seen);
        let signature = request.header("authorization");
        assert!(signature.starts_with("AWS4-HMAC-SHA256 "), "{signature}");
        let kept = std::fs::read_to_string(&file).expect("the token");
        let token = request.header("x-serverless-authorization");
        assert_eq!(token, format!("Bearer {}", kept.trim()));
    }
    // The variable stands for no option, not beside one.
    let variable = [&keys[..], &[("HUSHGATE_CALL_TOKEN", "opaque-secret")]].concat();
    call(&[&place, "/x", "--aws-iam"], &variable, "").await;
    assert_eq!(last(&seen).header("x-serverless-authorization"), "");
}

#[tokio::test]
async fn a_function_that_does_not_take_an_identity_is_told_what_was_sent() {
    let world = World::start().await;
    let url = world.function.url();
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", "eu-west-1"),
    ];
    let ran = call(&[&url, USERS, "--aws-iam"], &keys, "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.error.contains("token-missing: "), "{ran:?}");
    assert!(
        ran.error.contains(
            "beside --aws-iam, or ask its operator for HUSHGATE_PLATFORM_CALLERS=aws-iam"
        ),
        "{ran:?}"
    );
    let strange = world
        .issuer
        .token("somebody", AUDIENCE, Duration::from_mins(5));
    let strange = kept(&strange.expect("a token"));
    let both = [url.as_str(), USERS, "--aws-iam", "--token-file", &strange];
    let ran = call(&both, &keys, "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for says in [
        "token-invalid: ",
        "signed with access key AKIDEXAMPLE for lambda in eu-west-1",
        "subject is `somebody`",
    ] {
        assert!(ran.error.contains(says), "{says}: {ran:?}");
    }
    assert!(
        !ran.error.contains("--aws-iam"),
        "the token decided: {ran:?}"
    );

    let other = world
        .issuer
        .token("somebody", AUDIENCE, Duration::from_mins(5));
    let metadata = metadata_server(&other.expect("a token")).await;
    let place = metadata.url().replace("http://", "");
    let machine = [("GCE_METADATA_HOST", place.as_str())];
    let google = [url.as_str(), USERS, "--google", "--audience", AUDIENCE];
    let ran = call(&google, &machine, "").await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    for says in [
        "token-invalid: ",
        "subject is `somebody`",
        "HUSHGATE_PLATFORM_CALLERS=cloud-run",
    ] {
        assert!(ran.error.contains(says), "{says}: {ran:?}");
    }

    let strange = [
        ("x-hushgate-request-id", "r1"),
        ("x-hushgate-error", "token-invalid"),
    ];
    let function = answering(401, &strange, b"{}").await;
    let ran = call(&[&function.url(), "/x", "--aws-iam"], &keys, "").await;
    assert!(
        ran.code == Some(1)
            && ran
                .error
                .contains("name this IAM principal in the access policy"),
        "{ran:?}"
    );
}
