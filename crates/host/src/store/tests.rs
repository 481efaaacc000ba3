use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use hushgate_gateway::ports::MemoryStore;

use super::*;

pub(super) mod disk_faults;
mod faults;
mod life;

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, text: &str, mode: u32) -> Self {
        let directory =
            std::env::temp_dir().join(format!("hushgate-store-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("secrets");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}

async fn read(store: &dyn SecretStore, name: &str) -> Option<String> {
    store
        .read(name)
        .await
        .unwrap()
        .map(|s| s.reveal().to_owned())
}

#[tokio::test]
async fn reads_both_forms_and_writes_them_back_closed_to_others() {
    for (form, text) in [
        ("json", "{\"A\": \"one\", \"KEY\": \"line 1\\nline 2\"}"),
        (
            "lines",
            "# comment\nexport A=one\nKEY=\"line 1\\nline 2\"\n",
        ),
    ] {
        let scratch = Scratch::new(form, text, 0o600);
        let store = FileStore::open(&scratch.0).unwrap();
        assert_eq!(read(&store, "A").await.as_deref(), Some("one"));
        assert_eq!(read(&store, "KEY").await.as_deref(), Some("line 1\nline 2"));
        assert_eq!(read(&store, "B").await, None);
        store.write("B", Secret::new("t\"w\\o\n=#")).await.unwrap();
        let again = FileStore::open(&scratch.0).unwrap();
        for name in ["A", "KEY", "B"] {
            assert_eq!(
                read(&again, name).await,
                read(&store, name).await,
                "{form} {name}"
            );
        }
        assert_eq!(read(&again, "B").await.as_deref(), Some("t\"w\\o\n=#"));
        assert_eq!(
            std::fs::metadata(&scratch.0).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            std::fs::read_dir(scratch.0.parent().unwrap())
                .unwrap()
                .count(),
            1,
            "a temporary file stayed"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_does_what_every_store_does() {
    for (form, text) in [("json", "{}"), ("lines", "")] {
        let scratch = Scratch::new(&format!("suite-{form}"), text, 0o600);
        let store = FileStore::open(&scratch.0).unwrap();
        testing::check(Arc::new(store.clone())).await;
        testing::check_admin(Arc::new(store)).await;
        let left = std::fs::read_to_string(&scratch.0).unwrap();
        assert_eq!(left.trim(), text, "{form}");
    }
}

#[tokio::test]
async fn memory_does_what_every_store_does() {
    testing::check(Arc::new(MemoryStore::default())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_openers_of_a_file_lose_no_write_of_each_other() {
    let scratch = Scratch::new("several", "{}", 0o600);
    let stores: Vec<_> = (0..3)
        .map(|_| FileStore::open(&scratch.0).unwrap())
        .collect();
    let tasks: Vec<_> = (0..30)
        .map(|n: usize| {
            let store = stores[n % 3].clone();
            tokio::spawn(async move {
                let written = store
                    .write(&format!("N{n}"), Secret::new(n.to_string()))
                    .await;
                written.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for store in &stores {
        for n in 0..30 {
            assert_eq!(read(store, &format!("N{n}")).await, Some(n.to_string()));
        }
    }
}

#[tokio::test]
async fn takes_up_a_change_from_outside_and_keeps_it_when_writing() {
    let scratch = Scratch::new("outside", "{\"A\":\"1\"}", 0o600);
    let store = FileStore::open(&scratch.0).unwrap();
    let other = FileStore::open(&scratch.0).unwrap();
    other.write("B", Secret::new("2")).await.unwrap();
    store.write("C", Secret::new("3")).await.unwrap();
    for (name, value) in [("A", "1"), ("B", "2"), ("C", "3")] {
        assert_eq!(read(&other, name).await.as_deref(), Some(value));
    }
}

#[test]
fn refuses_files_others_can_read() {
    for mode in [0o644, 0o640, 0o604, 0o660, 0o601] {
        let scratch = Scratch::new(&format!("mode{mode:o}"), "{}", mode);
        assert!(
            FileStore::open(&scratch.0).is_err_and(|e| e.code() == "store-open-to-others"),
            "{mode:o}"
        );
    }
}

#[test]
fn refuses_malformed_files_without_showing_them() {
    for text in [
        "{\"A\": 1}",
        "{\"A\": \"geheim\"",
        "geheim",
        "A=1\nA=2",
        "=geheim",
        "A=\"geheim",
        "A='geheim",
        "A B=geheim",
        "{\"A\":{\"B\":\"geheim\"}}",
    ] {
        let scratch = Scratch::new("malformed", text, 0o600);
        let error = FileStore::open(&scratch.0).unwrap_err();
        assert!(matches!(error, FileError::Malformed(_)), "{text}");
        assert!(!error.to_string().contains("geheim"));
    }
    let folder = FileStore::open(std::path::Path::new("/tmp")).unwrap_err();
    assert_eq!(folder.code(), "store-wrong-kind");
}

#[tokio::test]
async fn the_environment_is_read_only_and_a_blank_is_no_secret() {
    let store = EnvironmentStore::new(
        [
            ("A".to_owned(), "1".to_owned()),
            ("B".to_owned(), String::new()),
        ]
        .into(),
    );
    assert_eq!(read(&store, "A").await.as_deref(), Some("1"));
    assert_eq!(read(&store, "B").await, None);
    assert!(matches!(
        store.write("A", Secret::new("2")).await,
        Err(StoreError::ReadOnly(_))
    ));
}

#[tokio::test]
async fn an_entry_has_a_whole_name_wherever_it_is_kept() {
    let scratch = Scratch::new("whole", "{}", 0o600);
    let file = FileStore::open(&scratch.0).unwrap();
    let place = scratch.0.display();
    let wanted = format!("`A` in the secrets file {place}");
    assert_eq!(file.whole_name("A"), wanted);
    let view = ConnectionView::new(Arc::new(file), "work");
    let wanted = format!("`connections/work/A` in the secrets file {place}");
    assert_eq!(view.whole_name("A"), wanted);
    let environment = EnvironmentStore::new(Environment::new());
    assert_eq!(environment.whole_name("A"), "`A` in the environment");
    let view = ConnectionView::new(Arc::new(environment), "work");
    assert_eq!(
        view.whole_name("A"),
        "`connections/work/A` in the environment"
    );
}
