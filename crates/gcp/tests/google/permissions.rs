//! What `docs/cloud-stores.md` says that a function must be allowed to do is enough, needed, and narrow.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::objects::{Head, Objects as _, Put, whole_body};
use hushgate_gateway::ports::queue::Message;
use hushgate_gateway::ports::{Queue as _, Secret, SecretStore as _, StoreError};
use hushgate_host::store::testing::life::{CONNECTION, Store, check_one_exchange, connect};
use hushgate_host::store::{AdminStore as _, entry};

use crate::secrets::Project;
use crate::{objects, queue};

/// A permission, and the id of the secret it is on.
type Grant = (String, String);

/// The rows of the page's table for functions.
fn documented() -> Vec<Vec<Grant>> {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cloud-stores.md");
    let page = std::fs::read_to_string(page).unwrap();
    let google = page.split("\n## Google Cloud\n").nth(1).unwrap();
    let part = google.split("\n#### What a function may do\n").nth(1);
    let rows = part.unwrap().lines().skip_while(|l| !l.starts_with("|---"));
    let rows = rows.skip(1).take_while(|l| l.starts_with('|'));
    rows.map(grants_of).collect()
}

fn grants_of(row: &str) -> Vec<Grant> {
    let words = |cell: &str| {
        let odd = cell.split('`').skip(1).step_by(2);
        odd.map(str::to_owned).collect::<Vec<_>>()
    };
    let mut cells = row.split('|').skip(1);
    let (permissions, ids) = (words(cells.next().unwrap()), words(cells.next().unwrap()));
    let mut grants = Vec::new();
    for permission in &permissions {
        let permission = permission.strip_prefix("secretmanager.").unwrap();
        let ids = ids.iter().map(|id| id.replace("zoom--", "acme--"));
        grants.extend(ids.map(|id| (permission.to_owned(), id)));
    }
    grants
}

impl Project {
    fn allow(&self, grants: &[Grant]) {
        let grants: Vec<_> = grants
            .iter()
            .map(|(p, id)| (p.as_str(), id.as_str()))
            .collect();
        self.front.grant(&grants);
    }

    /// Everything that is there before a function, as an administrator makes it.
    async fn prepare(&self) {
        let admin: Store = Arc::new(self.store());
        let key = Secret::new("key");
        admin.write("PSEUDONYM_KEY", key).await.unwrap();
        connect(&admin).await;
        for field in ["ACCESS_TOKEN", "OAUTH_REFRESH_TOKEN"] {
            let id = format!("acme--connections--{CONNECTION}--{field}");
            self.front.create(&self.id, &id).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_documented_is_enough() {
    let Some(project) = Project::new().await else {
        return;
    };
    project.prepare().await;
    let rows = documented();
    assert_eq!(rows.len(), 4);
    project.allow(&rows.concat());
    let store = || Arc::new(project.store()) as Store;
    let key = store().read("PSEUDONYM_KEY").await.unwrap();
    assert_eq!(key.unwrap().reveal(), "key");
    check_one_exchange((0..3).map(|_| store()).collect()).await;
    // The last row is for old versions only.
    project.allow(&rows[..3].concat());
    check_renewal(&project).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_is_needed_and_its_absence_named() {
    let Some(project) = Project::new().await else {
        return;
    };
    project.prepare().await;
    let rows = documented();
    for missing in rows[..3].concat() {
        if missing.1 == "acme--ACCESS" {
            // Only a policy in the store is read from there.
            continue;
        }
        let mut grants = rows.concat();
        grants.retain(|grant| *grant != missing);
        project.allow(&grants);
        let error = check_renewal(&project).await.unwrap_err();
        let StoreError::Denied { name, hint } = &error else {
            panic!("without {missing:?}: {error}");
        };
        let start = missing.1.trim_end_matches('*');
        assert!(name.contains(start), "{missing:?}: {name}");
        assert!(
            hint.contains(&format!("`secretmanager.{}`", missing.0)),
            "{missing:?}: {hint}"
        );
    }
}

/// What a renewal asks of a store.
async fn check_renewal(project: &Project) -> Result<(), StoreError> {
    let store = project.store();
    let at = |field: &str| entry(CONNECTION, field);
    store.read("PSEUDONYM_KEY").await?;
    for field in ["CLIENT_ID", "CLIENT_SECRET"] {
        store.read(&at(field)).await?;
    }
    let lock = at("OAUTH_REFRESH_TOKEN");
    store.lock(&lock, "one", Duration::from_mins(1)).await?;
    for field in ["REFRESH_TOKEN", "ACCESS_TOKEN"] {
        store.read_newest(&at(field)).await?;
        store.write(&at(field), Secret::new("next")).await?;
    }
    store.unlock(&lock, "one").await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_is_allowed_by_it() {
    let Some(project) = Project::new().await else {
        return;
    };
    project.prepare().await;
    let admin = project.store();
    for name in ["OTHER_KEY", "connections/other/CLIENT_ID"] {
        admin.write(name, Secret::new("theirs")).await.unwrap();
    }
    project.allow(&documented().concat());
    let store = project.store();
    let minute = Duration::from_mins(1);
    let new = Secret::new("x");
    let others = entry("other", "CLIENT_ID");
    for (what, done) in [
        ("read", store.read("OTHER_KEY").await.map(drop)),
        ("read", store.read(&others).await.map(drop)),
        ("write", store.write(&others, new.clone()).await),
        ("write", store.write("PSEUDONYM_KEY", new.clone()).await),
        (
            "write",
            store
                .write(&entry(CONNECTION, "CLIENT_SECRET"), new.clone())
                .await,
        ),
        ("create", store.write("NEW", new).await),
        (
            "remove",
            store.remove(&entry(CONNECTION, "REFRESH_TOKEN")).await,
        ),
        (
            "lock",
            store.lock("PSEUDONYM_KEY", "o", minute).await.map(drop),
        ),
        ("list", store.connections().await.map(drop)),
    ] {
        assert!(
            matches!(done, Err(StoreError::Denied { .. })),
            "{what}: {done:?}"
        );
    }
}

/// The page's part on Google below a heading, up to the next.
fn part(heading: &str) -> String {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cloud-stores.md");
    let page = std::fs::read_to_string(page).unwrap();
    let part = page.split(&format!("\n### {heading}\n")).nth(1).unwrap();
    part.split("\n### ").next().unwrap().to_owned()
}

/// The permissions that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split('`').skip(1).step_by(2);
    let permissions = words.filter(|w| w.starts_with("storage.") || w.starts_with("pubsub."));
    permissions.map(str::to_owned).collect()
}

/// The permission that a call of Cloud Storage needs; `replaces` an object, if it is an upload that does.
/// (<https://cloud.google.com/storage/docs/access-control/iam-json>)
fn permissions_of_objects(call: &str, bucket: &str, replaces: bool) -> Vec<&'static str> {
    let (method, target) = call.split_once(' ').unwrap();
    let path = target.split('?').next().unwrap();
    let whole = format!("/b/{bucket}/o");
    let (_, object) = path.split_once(&whole).unwrap();
    match (method, object) {
        ("GET", "") => vec!["storage.objects.list"],
        ("GET", _) => vec!["storage.objects.get"],
        ("DELETE", key) if !key.is_empty() => vec!["storage.objects.delete"],
        // An upload in one piece or in parts; a part says in its query to which it belongs.
        ("POST" | "PUT", "") if replaces => {
            vec!["storage.objects.create", "storage.objects.delete"]
        }
        ("POST" | "PUT", "") => vec!["storage.objects.create"],
        other => panic!("an unexpected call: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_row_of_objects_is_what_its_calls_need() {
    let Some(place) = objects::Place::new().await else {
        return;
    };
    let store = place.objects();
    let part = part("Cloud Storage: `gs://BUCKET/KEY`");
    let rows = part.lines().skip_while(|l| !l.starts_with("|---")).skip(1);
    let rows: Vec<_> = rows.take_while(|l| l.starts_with('|')).collect();
    assert_eq!(rows.len(), 4);
    let head = Head::default();
    let write = async |put: Put, size: usize| {
        let written = store.write("dir/a", &head, put, whole_body(vec![b'a'; size]));
        written.await.unwrap();
    };
    let needed = |replaces: bool| -> BTreeSet<String> {
        let calls = place.wire.mishaps.calls();
        assert!(!calls.is_empty());
        let of = |call: &String| permissions_of_objects(call, &place.bucket, replaces);
        calls.iter().flat_map(of).map(str::to_owned).collect()
    };
    let mut found = std::collections::BTreeMap::new();
    write(Put::OnlyNew, 10).await;
    let made = needed(false);
    for size in [10, 5 << 20] {
        write(Put::Replace, size).await;
    }
    found.insert("write", made.union(&needed(true)).cloned().collect());
    store.facts("dir/a").await.unwrap().unwrap();
    store.read("dir/a").await.unwrap().unwrap();
    found.insert("read", needed(false));
    store.list("dir/", None).await.unwrap();
    found.insert("list", needed(false));
    store.remove("dir/a").await.unwrap();
    found.insert("remove", needed(false));
    // What only makes objects need not be allowed to remove any.
    assert_eq!(made, BTreeSet::from(["storage.objects.create".to_owned()]));
    for row in rows {
        let operation = row.split('|').nth(1).unwrap().trim();
        let used: BTreeSet<String> = found.remove(operation).unwrap();
        assert_eq!(used, named(row), "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_page_says_of_queues_is_what_their_calls_need() {
    let Some(place) = queue::Place::new().await else {
        return;
    };
    let queue = place.queue();
    let message = Message {
        body: "a".to_owned(),
        ..Message::default()
    };
    queue.send(vec![message]).await.unwrap();
    let (wait, hold) = (Duration::from_secs(20), Duration::from_mins(1));
    let received = queue.receive(1, wait, hold).await.unwrap();
    queue.hold(&received[0].receipt, hold).await.unwrap();
    queue.done(&received[0].receipt).await.unwrap();
    let mut used = BTreeSet::new();
    for call in place.wire.mishaps.calls() {
        let (place, verb) = call.rsplit_once(':').unwrap();
        let permission = match (place.contains("/topics/"), verb) {
            (true, "publish") => "pubsub.topics.publish",
            (false, "pull" | "acknowledge" | "modifyAckDeadline") => "pubsub.subscriptions.consume",
            other => panic!("an unexpected call: {other:?}"),
        };
        used.insert(permission.to_owned());
    }
    assert_eq!(used, named(&part("Pub/Sub")));
}
