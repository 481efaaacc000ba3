//! Who the command calls as: Google's tokens and AWS's signatures.

use super::servers::{key_file, last, metadata_server, recording, token_endpoint};
use super::{SECRET_KEY, USERS, call, token_file};
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
