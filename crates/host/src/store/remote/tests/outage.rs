//! What goes on during an outage, and for how long.

use super::*;

#[tokio::test(start_paused = true)]
async fn goes_on_with_what_was_read_for_five_minutes_of_an_outage() {
    let (service, store) = store();
    store.write("A", Secret::new("1")).await.unwrap();
    service.state().out = true;
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
    let error = store.read_newest("A").await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(store.read("A").await.is_err(), "older than five minutes");
    assert!(store.read("B").await.is_err(), "never read");
    service.state().out = false;
    assert_eq!(text(&store, "A").await.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn goes_on_without_what_was_not_there_for_five_minutes_of_an_outage() {
    let (service, store) = store();
    assert_eq!(text(&store, "A").await, None);
    service.state().out = true;
    tokio::time::advance(Duration::from_secs(299)).await;
    assert_eq!(text(&store, "A").await, None);
    tokio::time::advance(Duration::from_secs(1)).await;
    store.read("A").await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_outage_does_not_undo_a_change_whose_outcome_is_not_known() {
    for removed in [false, true] {
        let (service, store) = store();
        store.write("A", Secret::new("old")).await.unwrap();
        service.state().out = true;
        let changed = if removed {
            store.remove("A").await
        } else {
            store.write("A", Secret::new("new")).await
        };
        changed.unwrap_err();
        for _ in 0..2 {
            store.read("A").await.unwrap_err();
            tokio::time::advance(Duration::from_secs(20)).await;
        }
        service.state().out = false;
        assert_eq!(text(&store, "A").await.as_deref(), Some("old"));
        service.state().out = true;
        assert_eq!(
            text(&store, "A").await.as_deref(),
            Some("old"),
            "sure again"
        );
    }
}
