//! Entries that are missing, too large, of another kind, or on their way out.

use std::time::Duration;

use aws_sdk_secretsmanager::primitives::Blob;
use hushgate_aws::parameters::{Parameters, parameters};
use hushgate_aws::secrets_manager::{SecretsManager, secrets};
use hushgate_gateway::ports::{Secret, SecretStore as _, StoreError};
use hushgate_host::store::remote::RemoteStore;
use hushgate_host::store::{AdminStore as _, entry};

use crate::proxy::{Action, Proxy};
use crate::support::{KINDS, Kind, environment, newest, read, services, unique};

/// The service's own client, for what a store never does.
fn administrator(port: u16) -> aws_sdk_secretsmanager::Client {
    let key = aws_sdk_secretsmanager::config::Credentials::new("a", "b", None, None, "test");
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-central-1"))
        .http_client(hushgate_aws::http_client())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .credentials_provider(aws_sdk_ssm::config::SharedCredentialsProvider::new(key))
        .build();
    aws_sdk_secretsmanager::Client::new(&config)
}

#[tokio::test]
async fn what_is_not_there_is_none_and_a_wrong_prefix_finds_nothing() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let prefix = unique("missing");
        let store = kind.store(port, &prefix);
        store.write("HERE", Secret::new("x")).await.unwrap();
        assert_eq!(newest(&store, "NOT_HERE").await.unwrap(), None);
        let wrong = kind.store(port, &format!("{prefix}-wrong"));
        assert_eq!(newest(&wrong, "HERE").await.unwrap(), None);
        assert_eq!(wrong.connections().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_value_is_as_large_as_the_service_takes_and_no_larger() {
    let Some(port) = services() else { return };
    for (kind, most) in [(Kind::Parameters, 8 << 10), (Kind::Secrets, 64 << 10)] {
        let store = kind.store(port, &unique("size"));
        // Past the 4 KB of a standard parameter too.
        for size in [4096, 4097, most] {
            let value = "x".repeat(size);
            store.write("A", Secret::new(value.as_str())).await.unwrap();
            assert_eq!(newest(&store, "A").await.unwrap(), Some(value));
        }
        let error = store
            .write("A", Secret::new("x".repeat(most + 1)))
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, StoreError::Unfit { .. }), "{text}");
        assert!(text.contains(&format!("at most {most}")), "{text}");
        // Smaller again, whatever tier it is in.
        store.write("A", Secret::new("y")).await.unwrap();
        assert_eq!(newest(&store, "A").await.unwrap().as_deref(), Some("y"));
    }
}

#[tokio::test]
async fn parameters_are_encrypted_with_the_key_that_is_named() {
    let Some(port) = services() else { return };
    let proxy = Proxy::start(port, |_| Action::Pass).await;
    let mut environment = environment(proxy.port);
    let standard = parameters(&unique("key"), &environment).unwrap();
    let name = "HUSHGATE_AWS_KMS_KEY".to_owned();
    environment.insert(name, "alias/hushgate".to_owned());
    let own = RemoteStore::new(Parameters::of(&unique("key"), &environment).unwrap());
    for store in [&standard, &own] {
        store.write("A", Secret::new("x")).await.unwrap();
    }
    let calls = proxy.calls();
    assert!(calls.iter().all(|c| c.body["Type"] == "SecureString"));
    assert_eq!(calls[0].body.get("KeyId"), None);
    assert_eq!(calls[1].body["KeyId"], "alias/hushgate");
    let own = secrets(&unique("key"), &environment).unwrap();
    own.write("A", Secret::new("x")).await.unwrap();
    let calls = proxy.calls();
    let made = calls.iter().find(|c| c.operation == "CreateSecret");
    assert_eq!(made.unwrap().body["KmsKeyId"], "alias/hushgate");
}

#[tokio::test]
async fn a_secret_of_bytes_is_told_as_that() {
    let Some(port) = services() else { return };
    let prefix = unique("bytes");
    let store = Kind::Secrets.store(port, &prefix);
    let administrator = administrator(port);
    let made = administrator
        .create_secret()
        .name(format!("{prefix}/A"))
        .secret_binary(Blob::new([0xff, 0x00]));
    made.send().await.unwrap();
    let error = newest(&store, "A").await.unwrap_err().to_string();
    let expected = format!(
        "the secret store can't hold `{prefix}/A`: it holds bytes; store its text as `SecretString`"
    );
    assert_eq!(error, expected);
    store.write("A", Secret::new("text")).await.unwrap();
    assert_eq!(newest(&store, "A").await.unwrap().as_deref(), Some("text"));
}

#[tokio::test]
async fn a_secret_that_waits_for_its_deletion_is_told_as_that() {
    let Some(port) = services() else { return };
    let prefix = unique("deleting");
    let store = Kind::Secrets.store(port, &prefix);
    store.write("A", Secret::new("x")).await.unwrap();
    let administrator = administrator(port);
    let name = format!("{prefix}/A");
    let deleted = administrator.delete_secret().secret_id(&name);
    deleted.send().await.unwrap();
    let error = newest(&store, "A").await.unwrap_err();
    assert!(matches!(error, StoreError::Unfit { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains(&name), "{text}");
    assert!(text.contains("scheduled for deletion"), "{text}");
    let restored = administrator.restore_secret().secret_id(&name);
    restored.send().await.unwrap();
    assert_eq!(newest(&store, "A").await.unwrap().as_deref(), Some("x"));
}

/// What the service says of a secret that is deleted in the background, and of its name.
const DELETING: &str =
    "You can't perform this operation on the secret because it was marked for deletion.";
const SCHEDULED: &str = "You can't create this secret because a secret with this name is already scheduled for deletion.";

#[tokio::test]
async fn a_secret_that_was_removed_here_is_gone_while_the_service_still_deletes_it() {
    let Some(port) = services() else { return };
    let proxy = Proxy::start(port, move |call| match call.operation.as_str() {
        "GetSecretValue" | "PutSecretValue" if call.before > 0 => {
            Action::Fail(400, "InvalidRequestException", DELETING)
        }
        "CreateSecret" if call.before > 0 => {
            Action::Fail(400, "InvalidRequestException", SCHEDULED)
        }
        _ => Action::Pass,
    })
    .await;
    let prefix = unique("removed");
    let backend = || SecretsManager::of(&prefix, &environment(proxy.port)).unwrap();
    let patience = Duration::from_secs(1);
    let store = RemoteStore::new(backend().with_patience(patience));
    assert_eq!(newest(&store, "A").await.unwrap(), None);
    store.write("A", Secret::new("x")).await.unwrap();
    store.remove("A").await.unwrap();
    assert_eq!(newest(&store, "A").await.unwrap(), None);
    // Not for ever; what is to be done fits both kinds of deletion, here and in another process.
    let other = RemoteStore::new(backend().with_patience(patience));
    for store in [store, other] {
        let before = proxy.calls().len();
        let error = store.write("A", Secret::new("y")).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("try again") && text.contains("restore-secret"),
            "{text}"
        );
        assert!(proxy.calls().len() > before + 2, "it is tried again");
    }
}

#[tokio::test]
async fn a_connection_is_made_again_right_after_it_was_removed() {
    let Some(port) = services() else { return };
    let all = || {
        ["connection", "CLIENT_ID", "ACCESS_TOKEN"]
            .map(|f| (f.to_owned(), Some(Secret::new("new"))))
            .to_vec()
    };
    // The deletion is under way for the first questions of each entry.
    for (kind, trouble) in [
        (
            Kind::Secrets,
            Some(("InvalidRequestException", DELETING, SCHEDULED)),
        ),
        (Kind::Secrets, None),
        (Kind::Parameters, None),
    ] {
        let proxy = Proxy::start(port, move |call| {
            let (code, reading, making) = trouble.unwrap_or(("", "", SCHEDULED));
            match call.operation.as_str() {
                "GetSecretValue" | "PutSecretValue" if call.before < 2 && trouble.is_some() => {
                    Action::Fail(400, code, reading)
                }
                "CreateSecret" if call.before < 2 => {
                    Action::Fail(400, "InvalidRequestException", making)
                }
                "PutParameter" if call.before < 1 && call.body["Overwrite"] == false => {
                    Action::Fail(400, "ParameterAlreadyExists", "x")
                }
                _ => Action::Pass,
            }
        })
        .await;
        let prefix = unique("again");
        let store = kind.store(proxy.port, &prefix);
        store.save("a", true, all()).await.unwrap();
        let direct = kind.store(port, &prefix);
        for field in ["connection", "CLIENT_ID", "ACCESS_TOKEN"] {
            let found = newest(&direct, &entry("a", field)).await.unwrap();
            assert_eq!(found.as_deref(), Some("new"), "{kind:?} {field}");
        }
    }
}

#[tokio::test]
async fn a_function_lists_nothing() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let proxy = Proxy::start(port, |_| Action::Pass).await;
        let store = kind.store(proxy.port, &unique("path"));
        for name in ["CLIENT_ID", "connections/a/ACCESS_TOKEN"] {
            read(&store, name).await.unwrap();
            store.write(name, Secret::new("x")).await.unwrap();
            store.write(name, Secret::new("y")).await.unwrap();
            newest(&store, name).await.unwrap();
            let ttl = Duration::from_secs(9);
            store.lock(name, "me", ttl).await.unwrap();
            store.unlock(name, "me").await.unwrap();
        }
        let mut used: Vec<_> = proxy.calls().into_iter().map(|c| c.operation).collect();
        used.sort();
        used.dedup();
        let documented: &[&str] = match kind {
            Kind::Parameters => &["GetParameter", "PutParameter"],
            Kind::Secrets => &[
                "CreateSecret",
                "GetSecretValue",
                "PutSecretValue",
                "UpdateSecretVersionStage",
            ],
        };
        assert_eq!(used, documented);
    }
}

#[tokio::test]
async fn what_the_environment_lacks_is_told_before_any_call() {
    let mut without = environment(1);
    without.remove("AWS_REGION");
    for error in [
        Parameters::of("/p", &without).err(),
        SecretsManager::of("p", &without).err(),
    ] {
        let error = error.unwrap();
        assert_eq!(
            error,
            "AWS_REGION is not set; set it to the region of the store"
        );
    }
}
