//! What is told of services that do not answer, answer late or refuse; what every store does then is in `world`.

use std::time::{Duration, Instant};

use hushgate_gateway::ports::{Secret, SecretStore as _, StoreError};
use hushgate_host::store::AdminStore as _;

use crate::proxy::{Action, Proxy};
use crate::support::{KINDS, Kind, MARK, logs, newest, services, unique};

fn writes(kind: Kind) -> &'static str {
    match kind {
        Kind::Parameters => "PutParameter",
        Kind::Secrets => "PutSecretValue",
    }
}

#[tokio::test]
async fn a_passing_failure_is_repeated_and_not_seen() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        for failure in [
            Action::Fail(400, "ThrottlingException", "Rate exceeded"),
            Action::Fail(500, "InternalServerError", "x"),
            Action::Fail(503, "", ""),
            Action::Cut,
            Action::LoseAnswer,
        ] {
            let proxy = Proxy::start(port, move |call| {
                if call.before % 3 < 2 {
                    failure.clone()
                } else {
                    Action::Pass
                }
            })
            .await;
            let store = kind.store(proxy.port, &unique("passing"));
            store.write("A", Secret::new("x")).await.unwrap();
            assert_eq!(newest(&store, "A").await.unwrap().as_deref(), Some("x"));
        }
    }
}

#[tokio::test]
async fn throttling_that_lasts_is_told_after_three_attempts() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let proxy = Proxy::start(port, |_| {
            Action::Fail(400, "ThrottlingException", "Rate exceeded")
        })
        .await;
        let store = kind.store(proxy.port, &unique("throttled"));
        let begun = Instant::now();
        let error = newest(&store, "A").await.unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("was called too often (ThrottlingException)"),
            "{text}"
        );
        assert_eq!(proxy.calls().len(), 3);
        assert!(begun.elapsed() < Duration::from_secs(4));
    }
}

#[tokio::test]
async fn a_service_that_hangs_is_given_up_within_the_time_of_a_call() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let hang = Action::Late(Duration::from_secs(30));
        let proxy = Proxy::start(port, move |_| hang.clone()).await;
        let store = kind.store(proxy.port, &unique("hanging"));
        let begun = Instant::now();
        let error = newest(&store, "A").await.unwrap_err();
        assert!(
            error.to_string().contains("got no answer in time"),
            "{error}"
        );
        assert!(
            begun.elapsed() < Duration::from_millis(4_900),
            "{:?}",
            begun.elapsed()
        );
    }
}

#[tokio::test]
async fn a_refusal_names_the_entry_and_the_permission() {
    let Some(port) = services() else { return };
    let refusal = "User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized";
    for kind in KINDS {
        let denied = move |_: &_| Action::Fail(400, "AccessDeniedException", refusal);
        let proxy = Proxy::start(port, denied).await;
        let prefix = unique("denied");
        let store = kind.store(proxy.port, &prefix);
        let name = "connections/a/CLIENT_ID";
        let ttl = Duration::from_secs(9);
        let found = [
            store.read(name).await.unwrap_err(),
            store.read_newest(name).await.unwrap_err(),
            store.write(name, Secret::new(MARK)).await.unwrap_err(),
            store.remove(name).await.unwrap_err(),
            store.lock(name, "me", ttl).await.unwrap_err(),
            store.unlock(name, "me").await.unwrap_err(),
            store.connections().await.unwrap_err(),
            store.forget("a", &[]).await.unwrap_err(),
        ];
        let expected = match kind {
            Kind::Parameters => [
                ("/connections/a/CLIENT_ID", "ssm:GetParameter", ""),
                ("/connections/a/CLIENT_ID", "ssm:GetParameter", ""),
                ("/connections/a/CLIENT_ID", "ssm:PutParameter", ""),
                ("/connections/a/CLIENT_ID", "ssm:DeleteParameter", ""),
                ("/connections/a/CLIENT_ID.lock", "ssm:GetParameter", ""),
                ("/connections/a/CLIENT_ID.lock", "ssm:GetParameter", ""),
                ("/connections", "ssm:GetParametersByPath", ""),
                ("/connections/a", "ssm:GetParametersByPath", ""),
            ],
            Kind::Secrets => [
                (
                    "/connections/a/CLIENT_ID",
                    "secretsmanager:GetSecretValue",
                    "",
                ),
                (
                    "/connections/a/CLIENT_ID",
                    "secretsmanager:GetSecretValue",
                    "",
                ),
                (
                    "/connections/a/CLIENT_ID",
                    "secretsmanager:PutSecretValue",
                    "",
                ),
                (
                    "/connections/a/CLIENT_ID",
                    "secretsmanager:DeleteSecret",
                    "",
                ),
                (
                    "/connections/a/CLIENT_ID.lock",
                    "secretsmanager:GetSecretValue",
                    "",
                ),
                (
                    "/connections/a/CLIENT_ID.lock",
                    "secretsmanager:GetSecretValue",
                    "",
                ),
                ("/connections/", "secretsmanager:ListSecrets", "*"),
                ("/connections/a/", "secretsmanager:ListSecrets", "*"),
            ],
        };
        for (error, (end, permission, resource)) in found.iter().zip(expected) {
            let full = kind.full(&prefix, end.trim_start_matches('/'));
            let resource = match (kind, resource) {
                (_, "*") => "*".to_owned(),
                (Kind::Parameters, _) => format!("parameter{full}"),
                // As a policy must name it: AWS adds a dash and six letters to the name.
                (Kind::Secrets, _) => format!("secret:{full}-??????"),
            };
            let text = format!(
                "the secret store denied access to `{full}`: the role needs `{permission}` on `{resource}`; \
                 a name that is not there is denied in the same way, so check HUSHGATE_SECRETS and HUSHGATE_CONNECTION too"
            );
            assert_eq!(error.to_string(), text);
        }
    }
}

#[tokio::test]
async fn an_entry_is_named_with_its_prefix_and_service() {
    for (kind, wanted) in [
        (
            Kind::Parameters,
            "`/acme/zoom/connections/work/A` in Parameter Store",
        ),
        (
            Kind::Secrets,
            "`acme/zoom/connections/work/A` in Secrets Manager",
        ),
    ] {
        let store = kind.store(9, "acme/zoom");
        assert_eq!(store.whole_name("connections/work/A"), wanted);
    }
}

#[tokio::test]
async fn a_key_that_can_t_be_used_is_told_as_that() {
    let Some(port) = services() else { return };
    for (kind, code, message, permission) in [
        (
            Kind::Parameters,
            "AccessDeniedException",
            "not authorized to perform: kms:Decrypt on resource: x",
            "kms:Decrypt",
        ),
        (Kind::Parameters, "InvalidKeyId", "", "kms:Decrypt"),
        (Kind::Secrets, "DecryptionFailure", "", "kms:Decrypt"),
        (
            Kind::Secrets,
            "AccessDeniedException",
            "Access to KMS is not allowed",
            "kms:Decrypt",
        ),
    ] {
        let proxy = Proxy::start(port, move |_| Action::Fail(400, code, message)).await;
        let store = kind.store(proxy.port, &unique("key"));
        let error = newest(&store, "A").await.unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
        let text = format!("the role needs `{permission}` on the key that encrypts");
        assert!(error.to_string().contains(&text), "{error}");
    }
}

#[tokio::test]
async fn credentials_that_ended_are_told_as_that() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let ended = |_: &_| Action::Fail(400, "ExpiredTokenException", "The security token");
        let proxy = Proxy::start(port, ended).await;
        let store = kind.store(proxy.port, &unique("ended"));
        let error = newest(&store, "A").await.unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
        let text = "AWS does not accept the credentials (ExpiredTokenException)";
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[tokio::test]
async fn too_many_versions_are_told_with_the_way_out() {
    let Some(port) = services() else { return };
    let proxy = Proxy::start(port, |call| match call.operation.as_str() {
        "PutSecretValue" => Action::Fail(400, "LimitExceededException", "x"),
        _ => Action::Pass,
    })
    .await;
    let store = Kind::Secrets.store(proxy.port, &unique("versions"));
    let error = store.write("A", Secret::new("x")).await.unwrap_err();
    assert!(
        error.to_string().contains("belong into `aws-ssm:`"),
        "{error}"
    );
}

#[tokio::test]
async fn no_error_and_no_log_line_shows_a_value() {
    let Some(port) = services() else { return };
    let value = format!("{MARK}-value");
    let mut shown = Vec::new();
    for kind in KINDS {
        for action in [
            Action::Pass,
            Action::Cut,
            Action::LoseAnswer,
            Action::Fail(
                400,
                "ValidationException",
                "1 validation error detected: Value 'do-not-show-value' at 'value'",
            ),
            Action::Fail(500, "do-not-show-value", "do-not-show-value"),
            Action::Fail(400, "AccessDeniedException", "do-not-show-value"),
        ] {
            let operation = writes(kind);
            let given = action.clone();
            let proxy = Proxy::start(port, move |call| match call.operation.as_str() {
                "CreateSecret" => given.clone(),
                o if o == operation => given.clone(),
                _ => Action::Pass,
            })
            .await;
            let store = kind.store(proxy.port, &unique("quiet"));
            let written = store.write("A", Secret::new(value.as_str())).await;
            let large = Secret::new(value.repeat(8000));
            let large = store.write("A", large).await;
            let changes = vec![("B".to_owned(), Some(Secret::new(value.as_str())))];
            let saved = store.save("a", true, changes).await;
            shown.push(format!("{written:?} {large:?} {saved:?}"));
            shown.extend(written.err().map(|e| e.to_string()));
            shown.extend(saved.err().map(|e| e.to_string()));
            shown.push(format!("{:?}", store.read_newest("A").await));
            drop(store);
        }
    }
    for text in shown.into_iter().chain([logs()]) {
        assert!(!text.contains(MARK), "{text}");
    }
}
