//! Several writers of one vault, and one that is killed.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::*;

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
                "store::vault::tests::writers::writer_that_is_killed",
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
