//! Files that were changed, cut or exchanged, or are of a later version.

use super::*;

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
