//! The vault: what every store does, and the names it takes.

use std::sync::Arc;

use hushgate_gateway::ports::{Secret, SecretStore, StoreError};

use super::super::admin::{AdminStore, entry};
use super::super::testing;
use super::*;

mod damage;
mod faults;
mod handing;
mod life;
mod locks;
mod modes;
mod writers;

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
