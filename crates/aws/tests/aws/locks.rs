//! Locks: one owner at a time, whatever the network does.

use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::{Locked, SecretStore as _, StoreError};
use hushgate_host::store::AdminStore as _;
use hushgate_host::store::remote::RemoteStore;

use crate::proxy::{Action, Proxy};
use crate::support::{KINDS, Kind, services, unique};

const NAME: &str = "connections/a/TOKEN";
const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(60);

async fn lock(store: &RemoteStore, owner: &str, ttl: Duration) -> Locked {
    store.lock(NAME, owner, ttl).await.unwrap()
}

/// Who of `count` owners that ask at once is told that the lock is its own.
async fn winners(store: &RemoteStore, count: usize, round: usize) -> Vec<String> {
    let store = Arc::new(store.clone());
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let owner = format!("owner {round}.{number}");
                // One that can't tell asks again, as the life cycle does.
                for _ in 0..5 {
                    match store.lock(NAME, &owner, LONG).await {
                        Ok(Locked::Held) => return None,
                        Ok(_) => return Some(owner),
                        Err(StoreError::Unavailable(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
                None
            })
        })
        .collect();
    let mut winners = Vec::new();
    for task in tasks {
        winners.extend(task.await.unwrap());
    }
    winners
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_takes_over_what_ended_or_was_given_back() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let store = kind.store(port, &unique("over"));
        for round in 0..6 {
            let won = winners(&store, 8, round).await;
            assert_eq!(won.len(), 1, "{kind:?} {won:?}");
            let owner = won.first().unwrap();
            if round % 2 == 0 {
                store.unlock(NAME, owner).await.unwrap();
            } else {
                // Its owner dies: the same owner makes its time short and says no more.
                lock(&store, owner, SHORT).await;
                tokio::time::sleep(SHORT * 2).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_wins_while_answers_are_lost_and_calls_come_twice() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        for action in [Action::LoseAnswer, Action::Twice, Action::Cut] {
            let prefix = unique("storm");
            let trouble = action.clone();
            let proxy = Proxy::start(port, move |call| {
                if call.before % 3 == 0 {
                    trouble.clone()
                } else {
                    Action::Pass
                }
            })
            .await;
            let store = kind.store(proxy.port, &prefix);
            let won = winners(&store, 4, 0).await;
            assert!(won.len() <= 1, "{kind:?} {action:?} {won:?}");
            // Whoever has it by what the service says is the one that was told so.
            let calm = kind.store(port, &prefix);
            for owner in &won {
                assert_eq!(lock(&calm, "another", LONG).await, Locked::Held);
                assert_eq!(lock(&calm, owner, LONG).await, Locked::Acquired);
            }
        }
    }
}

/// The lock as an owner sees it that read it before another took it.
async fn late_taker(kind: Kind, port: u16, prefix: &str) -> (Proxy, RemoteStore) {
    let operation = match kind {
        Kind::Parameters => "GetParameter",
        Kind::Secrets => "GetSecretValue",
    };
    let proxy = Proxy::start(port, move |call| {
        if call.is(operation, "TOKEN.lock") && call.before == 1 {
            Action::Replay(0)
        } else {
            Action::Pass
        }
    })
    .await;
    let store = kind.store(proxy.port, prefix);
    (proxy, store)
}

#[tokio::test]
async fn an_old_answer_gives_nobody_a_lock_that_another_has() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let prefix = unique("old");
        let calm = kind.store(port, &prefix);
        assert_eq!(lock(&calm, "first", LONG).await, Locked::Acquired);
        calm.unlock(NAME, "first").await.unwrap();
        let (_proxy, late) = late_taker(kind, port, &prefix).await;
        // The first answer, to be repeated later: the lock is free.
        late.unlock(NAME, "nobody").await.unwrap();
        assert_eq!(lock(&calm, "second", LONG).await, Locked::Acquired);
        assert_eq!(lock(&late, "late", LONG).await, Locked::Held, "{kind:?}");
        // What the late one wrote takes nothing from the second.
        assert_eq!(lock(&calm, "third", LONG).await, Locked::Held, "{kind:?}");
        assert_eq!(lock(&calm, "second", LONG).await, Locked::Acquired);
        calm.unlock(NAME, "late").await.unwrap();
        assert_eq!(lock(&calm, "third", LONG).await, Locked::Held, "{kind:?}");
        calm.unlock(NAME, "second").await.unwrap();
        assert_eq!(lock(&calm, "third", LONG).await, Locked::Acquired);
    }
}

#[tokio::test]
async fn an_old_answer_gives_back_nothing_that_another_has() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let prefix = unique("back");
        let calm = kind.store(port, &prefix);
        let (_proxy, late) = late_taker(kind, port, &prefix).await;
        assert_eq!(lock(&calm, "first", LONG).await, Locked::Acquired);
        // The answer to be repeated: the lock is the first's.
        assert_eq!(lock(&late, "other", LONG).await, Locked::Held);
        assert_eq!(lock(&calm, "first", SHORT).await, Locked::Acquired);
        tokio::time::sleep(SHORT * 2).await;
        assert_eq!(lock(&calm, "second", LONG).await, Locked::Acquired);
        late.unlock(NAME, "first").await.unwrap();
        assert_eq!(lock(&calm, "third", LONG).await, Locked::Held, "{kind:?}");
        calm.unlock(NAME, "second").await.unwrap();
        assert_eq!(lock(&calm, "third", LONG).await, Locked::Acquired);
    }
}

#[tokio::test]
async fn is_kept_on_and_given_back_again_and_again() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let store = kind.store(port, &unique("kept"));
        for round in 0..3 {
            for _ in 0..3 {
                assert_eq!(lock(&store, "one", LONG).await, Locked::Acquired);
                assert_eq!(lock(&store, "two", LONG).await, Locked::Held, "{round}");
            }
            store.unlock(NAME, "one").await.unwrap();
            assert_eq!(lock(&store, "two", LONG).await, Locked::Acquired);
            store.unlock(NAME, "two").await.unwrap();
            store.unlock(NAME, "two").await.unwrap();
        }
    }
}

#[tokio::test]
async fn works_again_after_its_connection_was_forgotten() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let store = kind.store(port, &unique("forgotten"));
        assert_eq!(lock(&store, "one", LONG).await, Locked::Acquired);
        assert_eq!(store.connections().await.unwrap(), Vec::<String>::new());
        store.forget("a", &[]).await.unwrap();
        assert_eq!(
            lock(&store, "two", LONG).await,
            Locked::Acquired,
            "{kind:?}"
        );
    }
}

#[tokio::test]
async fn a_lock_adds_few_versions_and_gives_no_key_work() {
    let Some(port) = services() else { return };
    for kind in KINDS {
        let proxy = Proxy::start(port, |_| Action::Pass).await;
        let store = kind.store(proxy.port, &unique("cost"));
        lock(&store, "one", LONG).await;
        store.unlock(NAME, "one").await.unwrap();
        let before = proxy.calls().len();
        lock(&store, "two", LONG).await;
        store.unlock(NAME, "two").await.unwrap();
        let calls = proxy.calls().split_off(before);
        let operations: Vec<_> = calls.iter().map(|c| c.operation.as_str()).collect();
        match kind {
            Kind::Parameters => {
                let all = [
                    "GetParameter",
                    "PutParameter",
                    "GetParameter",
                    "PutParameter",
                ];
                assert_eq!(operations, all);
                assert_eq!(calls[1].body["Type"], "String");
            }
            Kind::Secrets => assert_eq!(
                operations,
                [
                    "GetSecretValue",
                    "PutSecretValue",
                    "UpdateSecretVersionStage",
                    "GetSecretValue",
                    "UpdateSecretVersionStage"
                ]
            ),
        }
    }
}

#[tokio::test]
async fn a_lock_that_a_hand_changed_is_free() {
    let Some(port) = services() else { return };
    let prefix = unique("hand");
    let store = Kind::Parameters.store(port, &prefix);
    assert_eq!(lock(&store, "one", LONG).await, Locked::Acquired);
    let full = Kind::Parameters.full(&prefix, &format!("{NAME}.lock"));
    let administrator = administrator(port);
    let text = administrator.put_parameter().name(&full).value("free");
    text.overwrite(true).send().await.unwrap();
    assert_eq!(lock(&store, "two", LONG).await, Locked::Acquired);
    assert_eq!(lock(&store, "one", LONG).await, Locked::Held);
}

/// A lock whose owner's time is over, with so many claims of others after it that all saw the same.
async fn crowded(port: u16, claims: i64) -> (String, RemoteStore) {
    let prefix = unique("crowded");
    let store = Kind::Parameters.store(port, &prefix);
    assert_eq!(lock(&store, "first", SHORT).await, Locked::Acquired);
    tokio::time::sleep(SHORT * 2).await;
    let full = Kind::Parameters.full(&prefix, &format!("{NAME}.lock"));
    let administrator = administrator(port);
    for claim in 1..=claims {
        let claim = administrator
            .put_parameter()
            .name(&full)
            .value(format!("1 1000 claimer {claim}"))
            .overwrite(true);
        claim.send().await.unwrap();
    }
    (prefix, store)
}

/// The same service, in which the newest write of the lock is a quarter of an hour old at first.
async fn a_quarter_later(port: u16, prefix: &str, claims: i64) -> (Proxy, RemoteStore) {
    let name = Kind::Parameters.full(prefix, &format!("{NAME}.lock"));
    let since = std::time::SystemTime::now() - Duration::from_mins(15);
    let since = since.duration_since(std::time::UNIX_EPOCH).unwrap();
    let answer = serde_json::json!({"Parameter": {
        "Name": name, "Type": "String", "Value": format!("1 1000 claimer {claims}"),
        "Version": claims + 1, "LastModifiedDate": since.as_secs_f64(),
    }});
    let proxy = Proxy::start(port, move |call| {
        if call.is("GetParameter", "TOKEN.lock") && call.before == 0 {
            Action::Answer(answer.to_string())
        } else {
            Action::Pass
        }
    })
    .await;
    let store = Kind::Parameters.store(proxy.port, prefix);
    (proxy, store)
}

#[tokio::test]
async fn many_claims_of_one_moment_are_judged_up_to_a_limit() {
    let Some(port) = services() else { return };
    let (_, store) = crowded(port, 40).await;
    assert_eq!(lock(&store, "next", LONG).await, Locked::Acquired);
    assert_eq!(lock(&store, "other", LONG).await, Locked::Held);
    store.unlock(NAME, "next").await.unwrap();
    assert_eq!(lock(&store, "other", LONG).await, Locked::Acquired);
}

#[tokio::test]
async fn more_claims_of_one_moment_lock_for_a_quarter_of_an_hour_and_not_for_ever() {
    let Some(port) = services() else { return };
    for claims in [41, 60, 130] {
        let (prefix, store) = crowded(port, claims).await;
        for error in [
            store.lock(NAME, "early", LONG).await.unwrap_err(),
            store.unlock(NAME, "early").await.unwrap_err(),
        ] {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
            let text = error.to_string();
            let full = Kind::Parameters.full(&prefix, &format!("{NAME}.lock"));
            assert!(text.contains(&full) && text.contains("deleted"), "{text}");
        }
        let mut late = Vec::new();
        for _ in 0..3 {
            late.push(a_quarter_later(port, &prefix, claims).await);
        }
        // Of those who see that, one has it, and the others' claims count nowhere.
        let mut told = Vec::new();
        for (number, (_, store)) in late.iter().enumerate() {
            told.push(lock(store, &format!("late {number}"), LONG).await);
        }
        assert_eq!(told, [Locked::Acquired, Locked::Held, Locked::Held]);
        assert_eq!(lock(&store, "other", LONG).await, Locked::Held);
        assert_eq!(lock(&store, "late 0", LONG).await, Locked::Acquired);
        store.unlock(NAME, "late 0").await.unwrap();
        assert_eq!(lock(&store, "other", LONG).await, Locked::Acquired);
        store.unlock(NAME, "other").await.unwrap();
    }
}

fn administrator(port: u16) -> aws_sdk_ssm::Client {
    let key = aws_sdk_ssm::config::Credentials::new("a", "b", None, None, "test");
    let config = aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::new("eu-central-1"))
        .http_client(hushgate_aws::http_client())
        .endpoint_url(format!("http://127.0.0.1:{port}"))
        .credentials_provider(aws_sdk_ssm::config::SharedCredentialsProvider::new(key))
        .build();
    aws_sdk_ssm::Client::new(&config)
}
