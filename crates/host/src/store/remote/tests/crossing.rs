//! Reads whose answer comes after something else happened to the entry.

use tokio::task::JoinHandle;

use super::*;

const NAME: &str = "connections/one/TOKEN";
/// Longer than anything may take here; time stands still while something can go on.
const FOREVER: Duration = Duration::from_mins(10);

async fn bounded<T>(work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(FOREVER, work).await;
    done.expect("it does not wait for ever")
}

/// A read whose question was put, and whose answer takes its time.
async fn under_way(
    service: &Service,
    store: &RemoteStore,
    care: Care,
    slow: Duration,
) -> JoinHandle<Option<String>> {
    let reads = service.state().reads;
    service.state().slow = slow;
    let store = store.clone();
    let reading = tokio::spawn(async move {
        match care {
            Care::Quick => text(&store, NAME).await,
            Care::Exact => newest(&store, NAME).await,
        }
    });
    while service.state().reads == reads {
        tokio::task::yield_now().await;
    }
    service.state().slow = Duration::ZERO;
    reading
}

/// A store whose entry another process wrote, known to it or not; each read, and answers from before and
/// after the service has settled.
fn cases() -> impl Iterator<Item = (bool, bool, Care, Duration)> {
    let all = [false, true].into_iter();
    let all = all.flat_map(|is_exact| [false, true].map(|known| (is_exact, known)));
    let all = all.flat_map(|(e, k)| [Care::Quick, Care::Exact].map(|care| (e, k, care)));
    all.flat_map(|(e, k, c)| [1, 4].map(|secs| (e, k, c, Duration::from_secs(secs))))
}

async fn prepared(is_exact: bool, known: bool) -> (Service, RemoteStore) {
    let service = Service::default();
    service.state().is_exact = is_exact;
    let store = RemoteStore::new(service.clone());
    service.set("connections/one/connection", "{}");
    service.set(NAME, "old");
    if known {
        assert_eq!(newest(&store, NAME).await.as_deref(), Some("old"));
        tokio::time::advance(Duration::from_secs(20)).await;
    }
    (service, store)
}

#[tokio::test(start_paused = true)]
async fn what_was_forgotten_is_not_brought_back_by_a_read_under_way() {
    for (is_exact, known, care, slow) in cases() {
        let case = format!("exact {is_exact}, known {known}, {care:?}, {slow:?}");
        let (service, store) = prepared(is_exact, known).await;
        let reading = under_way(&service, &store, care, slow).await;
        bounded(store.forget("one", &[])).await.unwrap();
        // A read after it that was answered before must not open the way.
        assert_eq!(bounded(newest(&store, NAME)).await, None, "{case}");
        assert_eq!(bounded(reading).await.unwrap(), None, "{case}");
        assert_eq!(bounded(text(&store, NAME)).await, None, "{case}");
        assert_eq!(bounded(newest(&store, NAME)).await, None, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_under_way_does_not_bring_back_an_older_value() {
    for (is_exact, known, care, slow) in cases() {
        for forgotten in [false, true] {
            let case = format!("exact {is_exact}, known {known}, {care:?}, {slow:?}, {forgotten}");
            let (service, store) = prepared(is_exact, known).await;
            let reading = under_way(&service, &store, care, slow).await;
            let changes = vec![
                change("connection", Some("{}")),
                change("TOKEN", Some("new")),
            ];
            if forgotten {
                bounded(store.forget("one", &[])).await.unwrap();
                // As in a service that counts anew for what is made anew.
                service.state().count = 0;
            }
            let saved = bounded(store.save("one", forgotten, changes)).await;
            saved.unwrap();
            let read = bounded(reading).await.unwrap();
            assert_eq!(read.as_deref(), Some("new"), "{case}");
            assert_eq!(text(&store, NAME).await.as_deref(), Some("new"), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_under_way_does_not_hide_what_a_later_one_found() {
    for care in [Care::Quick, Care::Exact] {
        let (service, store) = prepared(true, false).await;
        let reading = under_way(&service, &store, care, Duration::from_secs(4)).await;
        service.set(NAME, "new");
        assert_eq!(newest(&store, NAME).await.as_deref(), Some("new"));
        let read = bounded(reading).await.unwrap();
        assert_eq!(read.as_deref(), Some("new"), "{care:?}");
        assert_eq!(text(&store, NAME).await.as_deref(), Some("new"), "{care:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_of_unknown_outcome_is_not_hidden_by_a_read_under_way() {
    for (is_exact, known, care, slow) in cases() {
        let case = format!("exact {is_exact}, known {known}, {care:?}, {slow:?}");
        let (service, store) = prepared(is_exact, known).await;
        let reading = under_way(&service, &store, care, slow).await;
        service.state().lost.push(NAME.to_owned());
        // It is deleted, and nobody hears of it.
        bounded(store.remove(NAME)).await.unwrap_err();
        let read = bounded(reading).await.unwrap();
        assert_eq!(read.as_deref(), Some("old"), "{case}");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(bounded(text(&store, NAME)).await, None, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_before_a_change_of_unknown_outcome_is_not_believed_after_it() {
    let (service, store) = prepared(true, true).await;
    service.state().late = Duration::from_secs(1);
    service.state().lost.push(NAME.to_owned());
    let other = store.clone();
    let removing = tokio::spawn(async move { other.remove(NAME).await });
    tokio::task::yield_now().await;
    // It is still there, and read anew since it may go any time.
    assert_eq!(text(&store, NAME).await.as_deref(), Some("old"));
    bounded(removing).await.unwrap().unwrap_err();
    assert_eq!(bounded(text(&store, NAME)).await, None);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_nobody_waits_for_any_more_is_not_hidden_by_what_was_known() {
    let (service, store) = prepared(false, true).await;
    assert_eq!(text(&store, NAME).await.as_deref(), Some("old"));
    service.state().slow = Duration::from_secs(4);
    let writing = store.write(NAME, Secret::new("new"));
    let waited = tokio::time::timeout(Duration::from_secs(1), writing).await;
    waited.unwrap_err();
    assert_eq!(bounded(text(&store, NAME)).await.as_deref(), Some("new"));
}

#[tokio::test(start_paused = true)]
async fn what_was_replaced_since_the_question_is_not_believed_however_late_it_comes() {
    let memory = Memory::new(Ages::default(), false);
    let found = |value: &str| Found {
        value: Some(Secret::new(value)),
        version: Some(Version::Id(format!("id of {value}"))),
    };
    memory.answered("A", memory.now(), found("old"));
    let asked = memory.now();
    memory.answered("A", memory.now(), found("new"));
    tokio::time::advance(Duration::from_secs(4)).await;
    let late = memory.answered("A", asked, found("old"));
    assert_eq!(late.unwrap().reveal(), "new");
    // Asked for after the service has settled, it is what somebody went back to.
    let back = memory.answered("A", memory.now(), found("old"));
    assert_eq!(back.unwrap().reveal(), "old");
}

#[tokio::test(start_paused = true)]
async fn of_two_writes_at_once_the_later_is_known() {
    let memory = Memory::new(Ages::default(), true);
    let begun = memory.now();
    for number in [2, 1] {
        let value = Secret::new(number.to_string());
        memory.wrote("A", begun, &value, Some(Version::Number(number)));
    }
    assert_eq!(memory.version("A"), Some(Version::Number(2)));
    assert_eq!(memory.at_hand("A").unwrap().0.unwrap().reveal(), "2");
    // Begun later, it is of an entry that was made anew.
    let value = Secret::new("1");
    memory.wrote("A", memory.now(), &value, Some(Version::Number(1)));
    assert_eq!(memory.at_hand("A").unwrap().0.unwrap().reveal(), "1");
}

#[tokio::test(start_paused = true)]
async fn a_version_without_value_is_not_overtaken_by_the_one_before() {
    let memory = Memory::new(Ages::default(), true);
    let asked = memory.now();
    let found = |value: Option<&str>, number| Found {
        value: value.map(Secret::new),
        version: Some(Version::Number(number)),
    };
    let emptied = memory.answered("A", memory.now(), found(None, 5));
    assert!(emptied.is_none());
    let late = memory.answered("A", asked, found(Some("old"), 4));
    assert!(late.is_none());
    assert_eq!(memory.version("A"), Some(Version::Number(5)));
}

/// A connection with everything that one has, whose lock is held.
async fn connected() -> (Service, RemoteStore) {
    let (service, store) = store();
    let fields = ["connection", "ACCESS_TOKEN", "CLIENT_ID", "ZONE"];
    let changes = fields.map(|field| change(field, Some("value"))).to_vec();
    store.save("one", true, changes).await.unwrap();
    let lock = "connections/one/OAUTH_REFRESH_TOKEN";
    let locked = store.lock(lock, "me", FOREVER).await.unwrap();
    assert_eq!(locked, Locked::Acquired);
    (service, store)
}

#[tokio::test(start_paused = true)]
async fn what_an_exchange_uses_is_forgotten_before_its_lock_and_the_record_last() {
    let (service, store) = connected().await;
    store.forget("one", &[]).await.unwrap();
    let deleted = service.state().deleted.clone();
    let fields = [
        "ACCESS_TOKEN",
        "CLIENT_ID",
        "ZONE",
        "OAUTH_REFRESH_TOKEN.lock",
        "connection",
    ];
    assert_eq!(
        deleted,
        fields.map(|field| format!("connections/one/{field}"))
    );
    assert!(service.state().entries.is_empty());
}

#[tokio::test(start_paused = true)]
async fn forgetting_that_was_interrupted_is_done_again() {
    for (at, field) in [
        "ACCESS_TOKEN",
        "ZONE",
        "OAUTH_REFRESH_TOKEN.lock",
        "connection",
    ]
    .iter()
    .enumerate()
    {
        let (service, store) = connected().await;
        let name = format!("connections/one/{field}");
        service.state().failing.push(name.clone());
        store.forget("one", &[]).await.unwrap_err();
        assert_eq!(store.connections().await.unwrap(), ["one"], "{field}");
        if at < 3 {
            // The lock keeps others out for as long as there is anything for an exchange.
            let lock = "connections/one/OAUTH_REFRESH_TOKEN";
            service.state().failing.clear();
            let locked = store.lock(lock, "another", FOREVER).await.unwrap();
            assert_eq!(locked, Locked::Held, "{field}");
        }
        service.state().failing.clear();
        store.forget("one", &[]).await.unwrap();
        assert_eq!(store.connections().await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test(start_paused = true)]
async fn forgetting_without_an_answer_is_not_hidden_by_what_was_known() {
    let (service, store) = connected().await;
    let name = "connections/one/CLIENT_ID";
    assert_eq!(text(&store, name).await.as_deref(), Some("value"));
    tokio::time::advance(Duration::from_secs(3)).await;
    service.state().lost.push(name.to_owned());
    store.forget("one", &[]).await.unwrap_err();
    assert_eq!(text(&store, name).await, None, "it is gone");
}
