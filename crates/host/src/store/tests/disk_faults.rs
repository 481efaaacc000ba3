//! Files and folders that are taken away, exchanged, damaged or closed while a store uses them.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hushgate_gateway::ports::{Locked, Secret, SecretStore, StoreError};

use super::super::disk::Guard;

/// What stands in the place of a file or a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Instead {
    Nothing,
    AFile,
    AnEmptyFolder,
    ALinkToNowhere,
    /// Its first half.
    Half,
    /// A file without a byte.
    NoByte,
    /// As many bytes as there were, and others.
    OtherBytes,
    TooManyBytes,
    /// The same, with another mode.
    Closed(u32),
}

/// What was done to a place, to be undone.
#[derive(Debug, Default)]
pub(in super::super) struct Exchanged(Mutex<Option<(PathBuf, Instead)>>);

impl Exchanged {
    /// Puts something else in a place. A store's own writers are waited for, and the next ones wait: what
    /// they do in the middle of an exchange would be undone with it.
    pub(in super::super) fn exchange(&self, place: &Path, guarded: &Path, instead: Instead) {
        let guard = Guard::wait(guarded).unwrap();
        let aside = aside(place);
        match instead {
            Instead::Closed(mode) => {
                // Renamed as all others, so that the mode of before is there to be restored.
                let before = std::fs::metadata(place).unwrap().permissions();
                std::fs::write(&aside, before.mode().to_string()).unwrap();
                std::fs::set_permissions(place, std::fs::Permissions::from_mode(mode)).unwrap();
            }
            Instead::Half | Instead::NoByte | Instead::OtherBytes | Instead::TooManyBytes => {
                let bytes = std::fs::read(place).unwrap();
                std::fs::copy(place, &aside).unwrap();
                let other = match instead {
                    Instead::Half => bytes[..bytes.len() / 2].to_vec(),
                    Instead::NoByte => Vec::new(),
                    Instead::OtherBytes => {
                        bytes.iter().map(|byte| byte.wrapping_add(101)).collect()
                    }
                    _ => bytes.repeat((2 << 20) / bytes.len()),
                };
                // In place, as a careless editor or a full disk does it.
                std::fs::write(place, other).unwrap();
            }
            _ => {
                if place.exists() {
                    std::fs::rename(place, &aside).unwrap();
                }
                match instead {
                    Instead::AFile => std::fs::write(place, "a file").unwrap(),
                    Instead::AnEmptyFolder => {
                        std::fs::create_dir(place).unwrap();
                        let closed = std::fs::Permissions::from_mode(0o700);
                        std::fs::set_permissions(place, closed).unwrap();
                    }
                    Instead::ALinkToNowhere => symlink("/nowhere/at/all", place).unwrap(),
                    _ => {}
                }
            }
        }
        drop(guard);
        let before = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .replace((place.to_owned(), instead));
        assert!(before.is_none(), "one exchange at a time");
    }

    /// Puts back what was there.
    pub(in super::super) fn restore(&self) {
        let exchanged = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((place, instead)) = exchanged else {
            return;
        };
        let aside = aside(&place);
        if let Instead::Closed(_) = instead {
            let mode = std::fs::read_to_string(&aside).unwrap().parse().unwrap();
            std::fs::set_permissions(&place, std::fs::Permissions::from_mode(mode)).unwrap();
            std::fs::remove_file(&aside).unwrap();
            return;
        }
        if instead == Instead::AnEmptyFolder {
            std::fs::remove_dir(&place).unwrap();
        }
        if !aside.exists() {
            return;
        }
        if aside.is_dir() && place.symlink_metadata().is_ok() {
            std::fs::remove_file(&place).unwrap();
        }
        std::fs::rename(&aside, &place).unwrap();
    }
}

/// Where the thing itself is meanwhile: outside of every folder that is exchanged.
fn aside(place: &Path) -> PathBuf {
    let words = [place.parent().and_then(Path::file_name), place.file_name()];
    let words = words.map(|word| word.unwrap_or_default().to_string_lossy().into_owned());
    let name = format!("hushgate-aside-{}-{}", std::process::id(), words.join("-"));
    std::env::temp_dir().join(name)
}

/// Whether this process is one to which no mode of a file closes it.
pub(in super::super) fn is_root() -> bool {
    let file = std::env::temp_dir().join(format!("hushgate-who-{}", std::process::id()));
    std::fs::write(&file, "").unwrap();
    let uid = std::fs::metadata(&file).unwrap().uid();
    let _ = std::fs::remove_file(&file);
    uid == 0
}

/// Runs a test of this program once more as somebody whom modes keep out. To be called as root.
pub(in super::super) fn as_nobody(test: &str) {
    let own = std::env::current_exe().unwrap();
    let run = |program: &Path| {
        let mut command = Command::new(program);
        command.args(["--exact", test, "--nocapture"]);
        command.current_dir("/").uid(65534).gid(65534).output()
    };
    let output = run(&own).or_else(|_| {
        // Built where only root comes.
        let copy = std::env::temp_dir().join(format!("hushgate-test-{}", std::process::id()));
        std::fs::copy(&own, &copy).unwrap();
        let output = run(&copy);
        let _ = std::fs::remove_file(&copy);
        output
    });
    passed(&output.expect("it runs as another user"));
}

/// Runs an ignored test of this program where no file grows beyond a few KiB, which meets root too: a write
/// fails in its middle, as it does on a full disk.
pub(in super::super) fn with_little_room(test: &str) {
    let limited = r#"trap '' XFSZ; ulimit -f 16; exec "$0" "$@""#;
    let mut command = Command::new("sh");
    command
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    passed(&command.output().expect("sh runs"));
}

fn passed(output: &Output) {
    let said = String::from_utf8_lossy(&output.stdout);
    let passed = output.status.success() && said.contains("1 passed");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(passed, "{said}{errors}");
}

/// What a store in this folder does when a value is more than fits. To be run with little room.
pub(in super::super) async fn check_little_room(store: &dyn SecretStore, folder: &Path) {
    let (name, other) = ("connections/one/A", "connections/one/LOCK");
    store.write(name, Secret::new("old")).await.unwrap();
    let files = || {
        let names = std::fs::read_dir(folder).unwrap();
        names
            .map(|e| e.unwrap().file_name())
            .collect::<BTreeSet<_>>()
    };
    let before = files();
    let large = "too-much ".repeat(8 << 10);
    for _ in 0..2 {
        let error = store.write(name, Secret::new(large.as_str())).await;
        let error = error.expect_err("it does not fit");
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains("can't be written: file too large"), "{text}");
        assert!(!format!("{error:?}").contains("too-much"), "{text}");
        for read in [store.read(name).await, store.read_newest(name).await] {
            assert_eq!(read.unwrap().unwrap().reveal(), "old");
        }
        assert_eq!(files(), before, "a part of it is left");
    }
    let lock = store.lock(other, "me", Duration::from_mins(1)).await;
    assert_eq!(lock.unwrap(), Locked::Acquired);
    store.write(name, Secret::new("new")).await.unwrap();
    let read = store.read_newest(name).await.unwrap();
    assert_eq!(read.unwrap().reveal(), "new");
}
