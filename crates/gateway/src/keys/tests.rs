use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Barrier;

use super::*;
use crate::ports::{MemoryStore, PortFuture};

/// A store that answers nobody before so many ask at once.
struct Meeting {
    all: Barrier,
    store: MemoryStore,
}

impl SecretStore for Meeting {
    fn read<'a>(&'a self, name: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            self.all.wait().await;
            self.store.read(name).await
        })
    }

    fn write<'a>(&'a self, name: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
    }
}

fn settings(compat: bool) -> Settings {
    Settings {
        compat,
        pseudonyms: pseudonym::Options::default(),
        request_timeout: Duration::from_secs(1),
        max_response_bytes: 1000,
        max_response_depth: 10,
        warnings: Vec::new(),
    }
}

#[tokio::test]
async fn all_keys_are_asked_for_at_once() {
    for compat in [false, true] {
        let wanted = if compat { COMPAT } else { NATIVE };
        let entries = wanted.iter().take(2).map(|name| match *name {
            names::PSEUDONYM_KEY => (*name, "1:a2V5LW9mLXRoZS10ZXN0cy10aGlydHktdHdvLWJ5dGU"),
            name => (name, "salt of the tests, long enough for any"),
        });
        let store = Meeting {
            all: Barrier::new(wanted.len()),
            store: MemoryStore::new(entries),
        };
        let keys = Arc::new(Keys::new(Arc::new(store), &settings(compat)));
        let loaded = tokio::time::timeout(Duration::from_secs(10), keys.load()).await;
        let loaded = loaded.unwrap_or_else(|_| panic!("one after the other, {compat}"));
        assert!(loaded.is_ok(), "{:?}", loaded.err());
    }
}

/// A store whose entry may change, be removed, or be out of reach; counts its reads.
#[derive(Default)]
struct Changing {
    key: Mutex<Option<String>>,
    out: AtomicBool,
    reads: AtomicUsize,
}

impl Changing {
    fn put(&self, key: Option<&str>) {
        *self.key.lock().unwrap() = key.map(str::to_owned);
    }
}

impl SecretStore for Changing {
    fn read<'a>(&'a self, _: &'a str) -> PortFuture<'a, Result<Option<Secret>, StoreError>> {
        Box::pin(async move {
            self.reads.fetch_add(1, Ordering::Relaxed);
            if self.out.load(Ordering::Relaxed) {
                return Err(StoreError::Unavailable("out".to_owned()));
            }
            Ok(self.key.lock().unwrap().as_deref().map(Secret::new))
        })
    }

    fn write<'a>(&'a self, name: &'a str, _: Secret) -> PortFuture<'a, Result<(), StoreError>> {
        Box::pin(async move { Err(StoreError::ReadOnly(name.to_owned())) })
    }
}

const OLD: &str = "1:a2V5LW9mLXRoZS10ZXN0cy10aGlydHktdHdvLWJ5dGU";
const BOTH: &str =
    "2:YW5vdGhlci1rZXktb2YtdGhlc2UtdGVzdHMtMzItYnk,1:a2V5LW9mLXRoZS10ZXN0cy10aGlydHktdHdvLWJ5dGU";

fn changing(key: &str) -> (Arc<Changing>, Arc<Keys>) {
    let store = Arc::new(Changing::default());
    store.put(Some(key));
    let keys = Arc::new(Keys::new(store.clone(), &settings(false)));
    (store, keys)
}

fn token(loaded: &Loaded, domain: Option<&str>) -> String {
    let sanitizer = loaded.sanitizer(domain.map(str::to_owned)).unwrap();
    let keys = sanitizer.pseudonymizer();
    keys.tokenize("ada@example.com").unwrap()
}

/// The request that begins another look, and the end of it.
async fn looked_again(keys: &Arc<Keys>) -> Result<Arc<Loaded>, Vec<Lacking>> {
    tokio::time::advance(FRESH).await;
    let loaded = keys.load().await;
    drop(keys.reading.lock().await);
    loaded
}

#[tokio::test(start_paused = true)]
async fn a_rotated_key_is_taken_up_by_a_running_function() {
    let (store, keys) = changing(OLD);
    let first = keys.load().await.unwrap();
    store.put(Some(BOTH));
    let same = keys.load().await.unwrap();
    assert!(
        Arc::ptr_eq(&first, &same),
        "the store is not asked each time"
    );
    let same = looked_again(&keys).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same), "nobody waits for another look");
    let next = keys.load().await.unwrap();
    for domain in [None, Some("vendor")] {
        let (old, new) = (token(&first, domain), token(&next, domain));
        assert_ne!(old, new, "the newest generation encrypts, {domain:?}");
        let sanitizer = next.sanitizer(domain.map(str::to_owned)).unwrap();
        let reversed = sanitizer.pseudonymizer().reverse(&old);
        assert!(reversed.is_ok(), "{domain:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_long_pause_a_request_waits_for_the_keys_of_now() {
    let (store, keys) = changing(OLD);
    let first = keys.load().await.unwrap();
    store.put(Some(BOTH));
    tokio::time::advance(LONGEST).await;
    let next = keys.load().await.unwrap();
    assert_ne!(token(&first, None), token(&next, None));
}

#[tokio::test(start_paused = true)]
async fn keys_that_did_not_change_are_derived_once() {
    let (store, keys) = changing(OLD);
    let first = keys.load().await.unwrap().sanitizer(None).unwrap();
    looked_again(&keys).await.unwrap();
    let again = keys.load().await.unwrap().sanitizer(None).unwrap();
    assert!(Arc::ptr_eq(&first, &again));
    assert_eq!(store.reads.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_gone_or_can_not_be_read_are_used_no_longer() {
    for (key, out, cause) in [
        (None, false, Cause::ConfigurationInvalid),
        (Some("2:nonsense"), false, Cause::ConfigurationInvalid),
        (Some(OLD), true, Cause::StoreUnavailable),
    ] {
        let (store, keys) = changing(OLD);
        keys.load().await.unwrap();
        store.put(key);
        store.out.store(out, Ordering::Relaxed);
        looked_again(&keys).await.unwrap();
        let refused = keys.load().await.err();
        let refused = refused.and_then(|lacking| Lacking::refusal_of(&lacking));
        let refused = refused.map(|refusal| refusal.cause());
        assert_eq!(refused, Some(cause), "{key:?}");
        store.put(Some(OLD));
        store.out.store(false, Ordering::Relaxed);
        assert!(keys.load().await.is_ok(), "a failure is not held, {key:?}");
    }
}
