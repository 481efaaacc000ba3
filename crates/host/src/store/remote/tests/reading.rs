//! When the service is asked, how often, and what for.

use super::*;

/// A service whose answers take a second.
fn slow() -> (Service, RemoteStore) {
    let (service, store) = store();
    service.state().slow = Duration::from_secs(1);
    (service, store)
}

/// So many reads at once.
fn reads(store: &RemoteStore, number: usize) -> tokio::task::JoinSet<Option<String>> {
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..number {
        let store = store.clone();
        reading.spawn(async move { text(&store, "A").await });
    }
    reading
}

#[tokio::test(start_paused = true)]
async fn asks_the_service_once_in_a_while_and_past_the_memory_always() {
    let (service, store) = store();
    store.write("A", Secret::new("1")).await.unwrap();
    for _ in 0..5 {
        assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
    }
    assert_eq!(service.state().reads, 0, "what was written is known");
    tokio::time::advance(Duration::from_secs(15)).await;
    for _ in 0..5 {
        assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
    }
    assert_eq!(service.state().reads, 1);
    newest(&store, "A").await;
    newest(&store, "A").await;
    assert_eq!(service.state().reads, 3);
    // That there is nothing is known like a value, and no longer.
    for _ in 0..5 {
        assert_eq!(text(&store, "B").await, None);
    }
    assert_eq!(service.state().reads, 4);
    service.set("B", "1");
    assert_eq!(newest(&store, "B").await.as_deref(), Some("1"));
    assert_eq!(text(&store, "B").await.as_deref(), Some("1"));
    assert_eq!(text(&store, "C").await, None);
    service.set("C", "1");
    tokio::time::advance(Duration::from_secs(15)).await;
    assert_eq!(text(&store, "C").await.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn reads_of_one_entry_share_one_question() {
    let (service, store) = slow();
    service.set("A", "1");
    for read in reads(&store, 20).join_all().await {
        assert_eq!(read.as_deref(), Some("1"));
    }
    assert_eq!(service.state().reads, 1);
    tokio::time::advance(Duration::from_secs(15)).await;
    reads(&store, 20).join_all().await;
    assert_eq!(service.state().reads, 2);
}

#[tokio::test(start_paused = true)]
async fn reads_of_an_entry_that_is_not_there_share_one_question() {
    let begun = tokio::time::Instant::now();
    let (service, store) = slow();
    for read in reads(&store, 20).join_all().await {
        assert_eq!(read, None);
    }
    assert_eq!(service.state().reads, 1);
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_more_than_one_other() {
    let begun = tokio::time::Instant::now();
    let (service, store) = slow();
    service.set("A", "1");
    service.state().unanswered = true;
    let mut reading = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        reading.spawn(async move { store.read("A").await.is_err() });
    }
    assert!(reading.join_all().await.into_iter().all(|failed| failed));
    assert_eq!(service.state().reads, 20, "what fails is not shared");
    assert_eq!(begun.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_others_may_go_away() {
    let (service, store) = slow();
    service.set("A", "1");
    let asking = tokio::spawn({
        let store = store.clone();
        async move { text(&store, "A").await }
    });
    while service.state().reads == 0 {
        tokio::task::yield_now().await;
    }
    let waiting = reads(&store, 5);
    tokio::task::yield_now().await;
    asking.abort();
    let waited = tokio::time::timeout(Duration::from_secs(5), waiting.join_all()).await;
    for read in waited.unwrap() {
        assert_eq!(read.as_deref(), Some("1"));
    }
    // And leaves no turn behind.
    tokio::time::advance(Duration::from_secs(15)).await;
    let before = service.state().reads;
    reads(&store, 5).join_all().await;
    assert_eq!(service.state().reads, before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_is_left_alone_for_ten_seconds() {
    let (service, store) = store();
    store.write("A", Secret::new("1")).await.unwrap();
    tokio::time::advance(Duration::from_secs(15)).await;
    service.state().out = true;
    service.state().calls = 0;
    for second in 0..25 {
        assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
        assert_eq!(service.state().calls, 1 + second / 10, "after {second} s");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    // Where there is nothing to use meanwhile, it is asked.
    store.read("B").await.unwrap_err();
    service.state().out = false;
    assert_eq!(text(&store, "B").await, None);
    // Back again, its word counts at once for who asks it, and then for all.
    service.set("A", "2");
    assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
    assert_eq!(newest(&store, "A").await.as_deref(), Some("2"));
    assert_eq!(text(&store, "A").await.as_deref(), Some("2"));
}

#[tokio::test(start_paused = true)]
async fn what_is_known_is_told_to_a_service_that_tells_late() {
    let (service, store) = store();
    service.state().is_exact = true;
    let store = {
        drop(store);
        RemoteStore::new(service.clone())
    };
    let asked = |service: &Service| std::mem::take(&mut service.state().known);
    text(&store, "A").await;
    newest(&store, "A").await;
    assert_eq!(asked(&service), [(None, Care::Quick), (None, Care::Exact)]);
    store.write("A", Secret::new("1")).await.unwrap();
    newest(&store, "A").await;
    tokio::time::advance(Duration::from_secs(15)).await;
    text(&store, "A").await;
    let one = Some(Version::Number(1));
    let expected = [(one.clone(), Care::Exact), (one, Care::Quick)];
    assert_eq!(asked(&service), expected);
    // What was removed is no beginning any more.
    store.remove("A").await.unwrap();
    newest(&store, "A").await;
    assert_eq!(asked(&service), [(None, Care::Exact)]);
}

#[tokio::test(start_paused = true)]
async fn an_exact_service_is_believed_at_once() {
    let service = Service::default();
    service.state().is_exact = true;
    let store = RemoteStore::new(service.clone());
    for value in ["1", "2", "3"] {
        store.write("A", Secret::new(value)).await.unwrap();
    }
    service.state().entries.clear();
    assert_eq!(newest(&store, "A").await, None, "another removed it");
    service.state().count = 0;
    service.set("A", "again");
    assert_eq!(newest(&store, "A").await.as_deref(), Some("again"));
    assert_eq!(text(&store, "A").await.as_deref(), Some("again"));
    assert_eq!(
        store.settle(),
        Duration::from_secs(2),
        "for other instances"
    );
}
