//! Which of two states counts: what is remembered, or what the service answers.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_old_answer_does_not_hide_what_this_process_wrote() {
    let (service, store) = store();
    store.write("A", Secret::new("old")).await.unwrap();
    let old = service.state().entries.get("A").cloned();
    store.write("A", Secret::new("new")).await.unwrap();
    for behind in [old.clone(), None] {
        service.state().old.insert("A".to_owned(), behind);
        assert_eq!(newest(&store, "A").await.as_deref(), Some("new"));
    }
    // The service settles within two seconds; after that its word counts.
    service.state().old.insert("A".to_owned(), old.clone());
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(newest(&store, "A").await.as_deref(), Some("old"));
    service.state().old.clear();
    store.remove("A").await.unwrap();
    service.state().old.insert("A".to_owned(), old);
    assert_eq!(newest(&store, "A").await, None, "it was removed here");
}

#[tokio::test]
async fn a_newer_version_of_another_process_is_taken_at_once() {
    let (service, store) = store();
    store.write("A", Secret::new("ours")).await.unwrap();
    let theirs = RemoteStore::new(service);
    theirs.write("A", Secret::new("theirs")).await.unwrap();
    assert_eq!(newest(&store, "A").await.as_deref(), Some("theirs"));
    assert_eq!(text(&store, "A").await.as_deref(), Some("theirs"));
}

#[tokio::test]
async fn versions_without_order_are_told_apart_by_what_was_replaced() {
    let memory = Memory::new(Ages::default(), false);
    let entry = |value: &str| Entry {
        value: Secret::new(value),
        version: Version::Id(format!("id of {value}")),
    };
    let answered = |value: &str| {
        let shown = memory.answered("A", memory.now(), Some(entry(value)).into());
        shown.map(|s| s.reveal().to_owned())
    };
    assert_eq!(answered("1").as_deref(), Some("1"));
    let version = Some(Version::Id("id of 2".to_owned()));
    memory.wrote("A", memory.now(), &Secret::new("2"), version);
    assert_eq!(answered("1").as_deref(), Some("2"), "replaced here");
    assert_eq!(answered("3").as_deref(), Some("3"), "unknown, so newer");
    assert_eq!(answered("2").as_deref(), Some("3"));
    memory.removed("A", None);
    assert_eq!(answered("3"), None);
}

#[tokio::test]
async fn a_failed_write_is_not_read_from_memory() {
    let (service, store) = store();
    store.write("A", Secret::new("1")).await.unwrap();
    service.state().failing.push("A".to_owned());
    assert!(store.write("A", Secret::new("2")).await.is_err());
    let entry = ("2".to_owned(), 9);
    service.state().entries.insert("A".to_owned(), entry);
    assert_eq!(text(&store, "A").await.as_deref(), Some("2"));
}
