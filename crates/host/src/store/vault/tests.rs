use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use hushgate_gateway::ports::{Secret, SecretStore, StoreError};

use super::super::admin::{AdminStore, entry};
use super::super::testing;
use super::*;

/// As few rounds as a header may have: these tests stretch often.
const FEW: u32 = 10_000;
const PHRASE: &str = "correct horse battery staple";

struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("hushgate-vault-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        Self(folder)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn create(folder: &Path) -> Vault {
    let lock = Lock::pass_phrase(FEW).unwrap();
    let key = lock.stretch(&Secret::new(PHRASE)).unwrap();
    Vault::create(folder, lock, &key).unwrap()
}

fn open(folder: &Path, phrase: &str) -> Result<Vault, VaultError> {
    let key = Vault::lock_of(folder)?
        .stretch(&Secret::new(phrase))
        .unwrap();
    Vault::open(folder, &key)
}

async fn read(store: &dyn SecretStore, name: &str) -> Result<Option<String>, StoreError> {
    let value = store.read(name).await?;
    Ok(value.map(|s| s.reveal().to_owned()))
}

fn handed(vault: &Vault, compartments: &[&str]) -> HandedKeys {
    let names: Vec<_> = compartments.iter().map(|c| (*c).to_owned()).collect();
    let keys = vault.keys_of(&names).unwrap();
    // As it goes through a variable.
    HandedKeys::parse(&keys.text()).unwrap()
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn does_what_every_store_does() {
    let scratch = Scratch::new("suite");
    let vault = create(&scratch.0);
    testing::check(Arc::new(vault.clone())).await;
    testing::check_admin(Arc::new(vault)).await;
    assert_eq!(files(&scratch.0), ["deployment.sealed", "vault"]);
}

#[tokio::test]
async fn opens_with_the_pass_phrase_only() {
    let scratch = Scratch::new("phrase");
    create(&scratch.0)
        .write("A", Secret::new("geheim"))
        .await
        .unwrap();
    let again = open(&scratch.0, PHRASE).unwrap();
    assert_eq!(read(&again, "A").await.unwrap().as_deref(), Some("geheim"));
    for wrong in ["", "correct horse battery", "Correct horse battery staple"] {
        let error = open(&scratch.0, wrong).unwrap_err();
        assert_eq!(error.code(), "vault-pass-phrase-wrong");
    }
    let lock = Lock::pass_phrase(FEW).unwrap();
    let key = lock.stretch(&Secret::new(PHRASE)).unwrap();
    let twice = Vault::create(&scratch.0, lock, &key).unwrap_err();
    assert_eq!(twice.code(), "vault-exists");
    let other = Lock::pass_phrase(FEW).unwrap();
    let key = other.stretch(&Secret::new("new phrase")).unwrap();
    again.lock_anew(other, &key).unwrap();
    assert_eq!(
        open(&scratch.0, PHRASE).unwrap_err().code(),
        "vault-pass-phrase-wrong"
    );
    let anew = open(&scratch.0, "new phrase").unwrap();
    assert_eq!(read(&anew, "A").await.unwrap().as_deref(), Some("geheim"));
}

#[tokio::test]
async fn opens_with_a_key_from_a_keyring() {
    let scratch = Scratch::new("keyring");
    let key = Key::random().unwrap();
    let vault = Vault::create(&scratch.0, Lock::keyring().unwrap(), &key).unwrap();
    vault.write("A", Secret::new("1")).await.unwrap();
    let again = Vault::open(&scratch.0, &key).unwrap();
    assert_eq!(read(&again, "A").await.unwrap().as_deref(), Some("1"));
    let other = Vault::open(&scratch.0, &Key::random().unwrap()).unwrap_err();
    assert_eq!(other.code(), "vault-keyring-key-wrong");
    assert!(
        Vault::lock_of(&scratch.0)
            .unwrap()
            .stretch(&Secret::new("x"))
            .is_none()
    );
}

#[tokio::test]
async fn a_handed_key_opens_its_own_compartment_and_no_other() {
    let scratch = Scratch::new("handed");
    let vault = create(&scratch.0);
    for id in ["one", "other"] {
        vault
            .write(&entry(id, "TOKEN"), Secret::new(format!("geheim of {id}")))
            .await
            .unwrap();
    }
    vault
        .write("PSEUDONYM_KEY", Secret::new("geheim key"))
        .await
        .unwrap();
    let keys = handed(&vault, &["connections/one"]);
    let function = Vault::open_handed(&scratch.0, keys).unwrap();
    let own = read(&function, "connections/one/TOKEN").await.unwrap();
    assert_eq!(own.as_deref(), Some("geheim of one"));
    function
        .write("connections/one/TOKEN", Secret::new("rotated"))
        .await
        .unwrap();
    let seen = read(&vault, "connections/one/TOKEN").await.unwrap();
    assert_eq!(seen.as_deref(), Some("rotated"));
    for name in [
        "connections/other/TOKEN",
        "PSEUDONYM_KEY",
        "connections/new/TOKEN",
    ] {
        let error = function.read(name).await.unwrap_err();
        assert!(matches!(error, StoreError::Denied { .. }), "{error}");
        assert!(
            error.to_string().contains("vault-key-not-handed"),
            "{error}"
        );
        let written = function.write(name, Secret::new("x")).await;
        assert!(matches!(written, Err(StoreError::Denied { .. })));
    }
    assert_eq!(
        function
            .keys_of(&["connections/other".to_owned()])
            .unwrap_err()
            .code(),
        "vault-key-not-handed"
    );
    // The same key for the other file: the function sees the folder, so it may try.
    let own_key = handed(&vault, &["connections/one"])
        .text()
        .replace("/one=", "/other=");
    let forged = HandedKeys::parse(&own_key).unwrap();
    assert_eq!(
        Vault::open_handed(&scratch.0, forged).unwrap_err().code(),
        "vault-damaged"
    );
    // A revoked connection does not come back by a function that still writes.
    vault.forget("one", &[]).await.unwrap();
    let late = function
        .write("connections/one/TOKEN", Secret::new("x"))
        .await;
    assert!(
        late.unwrap_err()
            .to_string()
            .contains("vault-compartment-missing")
    );
    assert_eq!(
        read(&function, "connections/one/TOKEN").await.unwrap(),
        None
    );
}

#[tokio::test]
async fn a_file_in_the_place_of_another_does_not_open() {
    let scratch = Scratch::new("swap");
    let vault = create(&scratch.0);
    for id in ["one", "other"] {
        vault
            .write(&entry(id, "TOKEN"), Secret::new(id))
            .await
            .unwrap();
    }
    vault
        .write("TOKEN", Secret::new("deployment"))
        .await
        .unwrap();
    let path = |file: &str| scratch.0.join(file);
    let one = std::fs::read(path("connection-one.sealed")).unwrap();
    for target in ["connection-other.sealed", "deployment.sealed"] {
        let before = std::fs::read(path(target)).unwrap();
        std::fs::write(path(target), &one).unwrap();
        let name = match target {
            "deployment.sealed" => "TOKEN",
            _ => "connections/other/TOKEN",
        };
        let error = open(&scratch.0, PHRASE)
            .unwrap()
            .read(name)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("vault-damaged"), "{error}");
        std::fs::write(path(target), before).unwrap();
    }
    // A wrapped key of another compartment before the own content.
    let other = std::fs::read(path("connection-other.sealed")).unwrap();
    let head = 23 + 60;
    let mixed = [&one[..head], &other[head..]].concat();
    std::fs::write(path("connection-other.sealed"), mixed).unwrap();
    let mixed = open(&scratch.0, PHRASE)
        .unwrap()
        .read("connections/other/TOKEN")
        .await;
    assert!(mixed.unwrap_err().to_string().contains("vault-damaged"));
}

#[tokio::test]
async fn every_changed_byte_is_found() {
    let scratch = Scratch::new("tamper");
    let vault = create(&scratch.0);
    vault
        .write("connections/one/TOKEN", Secret::new("geheim"))
        .await
        .unwrap();
    let keys = handed(&vault, &["connections/one"]);
    let with = Vault::lock_of(&scratch.0)
        .unwrap()
        .stretch(&Secret::new(PHRASE))
        .unwrap();
    for file in files(&scratch.0) {
        if file == "deployment.sealed" {
            continue;
        }
        let path = scratch.0.join(&file);
        let before = std::fs::read(&path).unwrap();
        for index in 0..before.len() {
            for flip in [0x01, 0x20, 0x80] {
                let mut changed = before.clone();
                changed[index] ^= flip;
                std::fs::write(&path, &changed).unwrap();
                check_found(&scratch.0, &with, &keys, &format!("{file} byte {index}")).await;
            }
        }
        for length in 0..before.len() {
            std::fs::write(&path, &before[..length]).unwrap();
            check_found(&scratch.0, &with, &keys, &format!("{file} cut at {length}")).await;
        }
        for more in ["\n", " ", "x"] {
            std::fs::write(&path, [&before, more.as_bytes()].concat()).unwrap();
            check_found(&scratch.0, &with, &keys, &format!("{file} with more")).await;
        }
        std::fs::write(&path, &before).unwrap();
    }
    assert_eq!(
        read(&vault, "connections/one/TOKEN")
            .await
            .unwrap()
            .as_deref(),
        Some("geheim")
    );
}

/// Opens a changed vault in both ways; every error must be a vault's own, and none may show a value.
async fn check_found(folder: &Path, with: &Key, keys: &HandedKeys, what: &str) {
    const CODES: &[&str] = &["vault-damaged", "vault-version"];
    for opened in [
        Vault::open(folder, with),
        Vault::open_handed(folder, keys.clone()),
    ] {
        let problem = match opened {
            Err(error) => error.to_string() + error.code(),
            Ok(vault) => match vault.read_newest("connections/one/TOKEN").await {
                Ok(found) => panic!("{what}: read {:?}", found.is_some()),
                Err(error) => error.to_string(),
            },
        };
        assert!(
            CODES.iter().any(|code| problem.contains(code)),
            "{what}: {problem}"
        );
        assert!(!problem.contains("geheim"), "{what}");
    }
}

#[tokio::test]
async fn refuses_folders_and_files_that_others_can_open() {
    let scratch = Scratch::new("mode");
    let vault = create(&scratch.0);
    vault.write("A", Secret::new("1")).await.unwrap();
    let mode = |path: &Path, mode: u32| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    for file in ["vault", "deployment.sealed"] {
        let path = scratch.0.join(file);
        let given = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(given & 0o777, 0o600, "{file}");
    }
    let given = std::fs::metadata(&scratch.0).unwrap().permissions().mode();
    assert_eq!(given & 0o777, 0o700);
    for wide in [0o750, 0o701, 0o755, 0o770] {
        mode(&scratch.0, wide);
        let error = open(&scratch.0, PHRASE).unwrap_err();
        assert_eq!(error.code(), "store-open-to-others");
        assert!(error.to_string().contains("chmod 700"), "{error}");
        let open_vault = vault.read_newest("A").await;
        assert!(open_vault.is_err(), "{wide:o}");
        assert!(vault.write("A", Secret::new("2")).await.is_err());
    }
    mode(&scratch.0, 0o700);
    for wide in [0o640, 0o604, 0o644] {
        mode(&scratch.0.join("deployment.sealed"), wide);
        let error = open(&scratch.0, PHRASE)
            .unwrap()
            .read("A")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");
        mode(&scratch.0.join("deployment.sealed"), 0o600);
        mode(&scratch.0.join("vault"), wide);
        assert_eq!(
            open(&scratch.0, PHRASE).unwrap_err().code(),
            "store-open-to-others"
        );
        mode(&scratch.0.join("vault"), 0o600);
    }
    assert_eq!(read(&vault, "A").await.unwrap().as_deref(), Some("1"));
}

#[tokio::test]
async fn names_that_could_leave_a_compartment_are_refused() {
    let scratch = Scratch::new("names");
    let vault = create(&scratch.0);
    let long = "x".repeat(200);
    for name in [
        "",
        "/",
        "a/b",
        "../vault",
        "connections/",
        "connections/a",
        "connections/a/",
        "connections/../A",
        "connections/A/B",
        "connections/a-/B",
        "connections/-a/B",
        "connections/a--b/B",
        "connections/a/B/C",
        "connections/a/..\\B",
        "A B",
        "A\n",
        &long,
        "connections/a\u{0}/B",
        "connections/\u{e9}/B",
    ] {
        for result in [
            vault.write(name, Secret::new("x")).await.map(|()| None),
            vault.read(name).await,
        ] {
            let error = result.expect_err(name);
            assert!(
                error.to_string().contains("store-name-invalid"),
                "{name}: {error}"
            );
        }
    }
    assert_eq!(files(&scratch.0), ["vault"]);
}

#[test]
fn handed_keys_are_read_strictly_and_never_shown() {
    let good = HandedKeys::new([("deployment".to_owned(), Key::random().unwrap())]);
    let text = good.text().to_string();
    assert!(HandedKeys::parse(&text).is_ok());
    assert!(!format!("{good:?}").contains(text.rsplit('=').next().unwrap()));
    for (bad, error) in [
        (String::new(), HandedError::Empty),
        (" , ".to_owned(), HandedError::Empty),
        ("deployment".to_owned(), HandedError::Entry(1)),
        (
            text.replace("deployment", "Deployment"),
            HandedError::Compartment(1),
        ),
        (
            text.replace("deployment", "connections/../x"),
            HandedError::Compartment(1),
        ),
        (format!("{text},{text}"), HandedError::Repeated(2)),
        (text[..text.len() - 1].to_owned(), HandedError::Entry(1)),
        (format!("{text}A"), HandedError::Entry(1)),
    ] {
        assert_eq!(HandedKeys::parse(&bad).unwrap_err(), error, "{bad}");
    }
}

#[tokio::test]
async fn a_later_version_is_told_from_damage() {
    let scratch = Scratch::new("version");
    let vault = create(&scratch.0);
    vault.write("A", Secret::new("1")).await.unwrap();
    for file in ["vault", "deployment.sealed"] {
        let path = scratch.0.join(file);
        let before = std::fs::read(&path).unwrap();
        let at = before.iter().position(|b| *b == b'1').unwrap();
        let mut later = before.clone();
        later[at] = b'2';
        std::fs::write(&path, later).unwrap();
        let error = match open(&scratch.0, PHRASE) {
            Err(error) => error.code().to_owned(),
            Ok(vault) => vault.read("A").await.unwrap_err().to_string(),
        };
        assert!(error.contains("vault-version"), "{error}");
        std::fs::write(&path, before).unwrap();
    }
}

#[test]
fn the_key_of_a_pass_phrase_is_the_standard_one() {
    // PBKDF2-HMAC-SHA-256, computed with Python's hashlib.pbkdf2_hmac.
    let lock = Lock::PassPhrase {
        rounds: 10_000,
        salt: b"0123456789abcdef".to_vec(),
    };
    let key = lock.stretch(&Secret::new("password")).unwrap();
    assert_eq!(hex(key.bytes()), PBKDF2_EXPECTED);
}

const PBKDF2_EXPECTED: &str = "d18753e9c0dc5f9aa20da832d227be16b33644df15f0c0b46ee2ab0eb8fe6805";

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The process that the test below kills: it writes two entries of a compartment, always alike.
#[tokio::test]
#[ignore = "started by another test"]
async fn writer_that_is_killed() {
    let folder = std::env::var("HUSHGATE_TEST_VAULT").unwrap();
    let vault = open(Path::new(&folder), PHRASE).unwrap();
    for number in 0_u64.. {
        let value = || Some(Secret::new(format!("{number} {}", "x".repeat(20_000))));
        let changes = vec![("A".to_owned(), value()), ("B".to_owned(), value())];
        vault.save("one", false, changes).await.unwrap();
    }
}

#[tokio::test]
async fn a_killed_writer_leaves_the_old_or_the_new_value() {
    let scratch = Scratch::new("crash");
    let vault = create(&scratch.0);
    let first = || Some(Secret::new("first"));
    let changes = vec![("A".to_owned(), first()), ("B".to_owned(), first())];
    vault.save("one", true, changes).await.unwrap();
    let both = async || {
        let a = read(&vault, "connections/one/A").await.unwrap();
        let b = read(&vault, "connections/one/B").await.unwrap();
        // Read one after the other, they may be of two changes while somebody writes.
        (a.unwrap(), b.unwrap())
    };
    for round in 0..20_u64 {
        let before = both().await;
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::vault::tests::writer_that_is_killed",
                "--ignored",
            ])
            .env("HUSHGATE_TEST_VAULT", &scratch.0)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = std::time::Instant::now();
        while both().await == before {
            assert!(start.elapsed().as_secs() < 60, "the writer does not write");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // Another point of a write each time.
        tokio::time::sleep(Duration::from_micros(round * 700)).await;
        writer.kill().unwrap();
        writer.wait().unwrap();
        let (a, b) = both().await;
        assert!(a == b, "half a change was kept");
        // The lock of the dead process is free, and its left-over file is in nobody's way.
        let value = Secret::new(round.to_string());
        vault.write("connections/one/C", value).await.unwrap();
    }
    let kept = files(&scratch.0);
    assert_eq!(kept, ["connection-one.sealed", "vault"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_openers_lose_no_write_of_each_other() {
    let scratch = Scratch::new("several");
    let first = create(&scratch.0);
    first
        .write("connections/one/START", Secret::new("1"))
        .await
        .unwrap();
    let keys = handed(&first, &["connections/one"]);
    let stores = [
        first,
        open(&scratch.0, PHRASE).unwrap(),
        Vault::open_handed(&scratch.0, keys).unwrap(),
    ];
    let tasks: Vec<_> = (0..30)
        .map(|n: usize| {
            let store = stores[n % 3].clone();
            tokio::spawn(async move {
                let name = format!("connections/one/N{n}");
                store
                    .write(&name, Secret::new(n.to_string()))
                    .await
                    .unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    for store in &stores {
        for n in 0..30 {
            let value = read(store, &format!("connections/one/N{n}")).await.unwrap();
            assert_eq!(value, Some(n.to_string()));
        }
    }
}
