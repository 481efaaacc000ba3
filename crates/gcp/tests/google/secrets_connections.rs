//! Secret Manager: connections, which are several secrets, saved and forgotten whole.

use hushgate_gateway::ports::{Secret, StoreError};
use hushgate_host::store::{AdminStore as _, SaveError, entry};

use crate::mishap::Mishap;
use crate::secrets::{Project, newest, project, put};

#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_is_saved_whole_or_not_at_all() {
    let project = project!();
    let store = project.store();
    let changes = || {
        ["connection", "CLIENT_ID", "CLIENT_SECRET"]
            .map(|f| (f.to_owned(), Some(Secret::new(format!("value of {f}")))))
            .to_vec()
    };
    for call in [
        "CLIENT_SECRET:addVersion",
        "connection:addVersion",
        "secretId=acme--connections--a--CLIENT_SECRET",
    ] {
        project
            .front
            .mishap(call, 3, Mishap::Status(403, "PERMISSION_DENIED"));
        let failed = store.save("a", true, changes()).await.unwrap_err();
        assert!(
            matches!(failed, SaveError::Store(StoreError::Denied { .. })),
            "{failed}"
        );
        project.front.calm();
        assert_eq!(
            store.connections().await.unwrap(),
            Vec::<String>::new(),
            "{call}"
        );
    }
    store.save("a", true, changes()).await.unwrap();
    assert_eq!(store.connections().await.unwrap(), ["a"]);
    // What functions write is there for them, empty.
    for id in ["ACCESS_TOKEN", "OAUTH_REFRESH_TOKEN"] {
        let id = format!("acme--connections--a--{id}");
        assert_eq!(project.states(&id).await, [], "{id}");
    }
    let changes = vec![
        ("CLIENT_ID".to_owned(), Some(Secret::new("changed"))),
        ("CLIENT_SECRET".to_owned(), None),
        ("connection".to_owned(), Some(Secret::new("changed"))),
    ];
    project
        .front
        .mishap("DELETE", 3, Mishap::Status(403, "PERMISSION_DENIED"));
    store.save("a", false, changes).await.unwrap_err();
    project.front.calm();
    for field in ["connection", "CLIENT_ID", "CLIENT_SECRET"] {
        let kept = newest(&project.store(), &entry("a", field)).await;
        assert_eq!(kept, Some(format!("value of {field}")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_taken_away_leaves_its_secret_to_the_function() {
    let project = project!();
    let store = project.store();
    let changes = vec![("connection".to_owned(), Some(Secret::new("{}")))];
    store.save("a", true, changes).await.unwrap();
    let journal = entry("a", "ACCESS_TOKEN");
    put(&store, &journal, "token").await;
    store
        .save("a", false, vec![("ACCESS_TOKEN".to_owned(), None)])
        .await
        .unwrap();
    let function = project.store();
    assert_eq!(newest(&function, &journal).await, None);
    project
        .front
        .grant(&[("versions.add", "acme--connections--a--ACCESS_TOKEN")]);
    put(&function, &journal, "next").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_made_beforehand_are_no_connection_yet() {
    let project = project!();
    for field in ["connection", "CLIENT_ID", "OAUTH_REFRESH_TOKEN"] {
        let id = format!("acme--connections--a--{field}");
        project.front.create(&project.id, &id).await;
    }
    let store = project.store();
    assert_eq!(store.connections().await.unwrap(), Vec::<String>::new());
    let changes = vec![("connection".to_owned(), Some(Secret::new("{}")))];
    store.save("a", true, changes).await.unwrap();
    assert_eq!(store.connections().await.unwrap(), ["a"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_made_beforehand_outlives_a_save_that_fails() {
    let project = project!();
    let beforehand = ["connection", "REFRESH_TOKEN"];
    let id = |field| format!("acme--connections--a--{field}");
    for field in beforehand {
        project.front.create(&project.id, &id(field)).await;
    }
    let store = project.store();
    let changes = ["connection", "REFRESH_TOKEN", "SECRET"]
        .map(|f| (f.to_owned(), Some(Secret::new("value"))))
        .to_vec();
    let denied = Mishap::Status(403, "PERMISSION_DENIED");
    project.front.mishap("SECRET:addVersion", 1, denied);
    store.save("a", true, changes).await.unwrap_err();
    assert_eq!(store.connections().await.unwrap(), Vec::<String>::new());
    let function = project.store();
    for field in beforehand {
        let left = newest(&function, &entry("a", field)).await;
        assert_eq!(left, None, "{field}");
    }
    for field in beforehand {
        project.front.grant(&[("versions.add", &id(field))]);
        put(&function, &entry("a", field), "next").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_forgotten_goes_before_its_lock_and_the_record_last() {
    let project = project!();
    let store = project.store();
    let changes = ["connection", "CLIENT_ID", "REFRESH_TOKEN"]
        .map(|f| (f.to_owned(), Some(Secret::new("value"))))
        .to_vec();
    store.save("a", true, changes).await.unwrap();
    put(&store, &entry("a", "ACCESS_TOKEN"), "token").await;
    project.front.calls();
    store.forget("a", &[]).await.unwrap();
    let start = format!(
        "DELETE /v1/projects/{}/secrets/acme--connections--a--",
        project.id
    );
    let calls = project.front.calls();
    let mut deleted: Vec<_> = calls
        .iter()
        .filter_map(|c| c.strip_prefix(&start))
        .collect();
    let end = deleted.split_off(3);
    let bare = |call: &&str| call.split('?').next().unwrap().to_owned();
    let end: Vec<_> = end.iter().map(bare).collect();
    assert_eq!(end, ["OAUTH_REFRESH_TOKEN", "connection"], "{deleted:?}");
    // What no list shows yet is deleted too.
    store.forget("a", &[]).await.unwrap();
    let again = project.front.calls();
    assert_eq!(again.iter().filter(|c| c.starts_with(&start)).count(), 3);
}
