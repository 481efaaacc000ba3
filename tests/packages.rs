//! Packages, started as the platform that takes them would start them; and wrong use of the chore
//! that makes them.
//!
//! `cargo xtask test --cloud` makes the packages and says where they are.

mod bill;
mod contents;
mod deployed;
mod environment;
mod image;
mod tree;
mod workflow;
mod wrong_use;
mod zip;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::function::{root, scratch};
use crate::support::skipped;

/// The sources whose functions were packaged in one call for each cloud, with a call of each and a word of
/// its answer.
const SOURCES: [(&str, &str, &str); 2] = [
    ("zoom", "/v2/users?status=active&page_size=30", "\"users\""),
    (
        "gcal",
        "/calendar/v3/calendars/primary",
        "\"calendar#calendar\"",
    ),
];

/// The one package of source zoom whose name ends so; nothing when no packages were made.
fn package(ending: &str) -> Option<PathBuf> {
    package_of("zoom", ending)
}

/// The same for any source, or for the command, whose name is none.
fn package_of(source: &str, ending: &str) -> Option<PathBuf> {
    let Some(folder) = packages() else {
        skipped(
            "HUSHGATE_PACKAGES is not set; `cargo xtask test --cloud` makes packages and sets it",
        );
        return None;
    };
    let files = std::fs::read_dir(&folder).expect("the folder of packages");
    let mut found = files
        .map(|file| file.expect("a file").path())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let rest = name.strip_prefix(&format!("hushgate-{source}"));
            rest.is_some_and(|rest| rest.ends_with(ending))
        });
    let path = found.next();
    assert!(found.next().is_none(), "more than one package {ending}");
    Some(path.unwrap_or_else(|| panic!("no package {ending} in {}", folder.display())))
}

fn packages() -> Option<PathBuf> {
    std::env::var_os("HUSHGATE_PACKAGES").map(PathBuf::from)
}

/// The end of this machine's packages' names.
fn machine() -> &'static str {
    if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    }
}

/// Whether this system lets a test mount and be somebody else; says so when it does not.
fn namespaces() -> bool {
    let trial = Command::new("unshare")
        .args(["--map-root-user", "--mount", "true"])
        .status();
    let given = trial.is_ok_and(|status| status.success());
    if !given {
        skipped(
            "`unshare --map-root-user --mount` is refused here: no read-only root, no other user",
        );
    }
    given
}

/// Unpacks a package with Python's readers, modes included, into a fresh folder.
fn unpacked(package: &Path) -> PathBuf {
    let folder = scratch("package");
    let done = Command::new("python3")
        .arg(root().join("tests/peers/unpack.py"))
        .args([package, &folder])
        .status()
        .expect("Python starts");
    assert!(done.success(), "{} is unpacked", package.display());
    folder
}

/// A command that mounts `folder` read only, and does the rest of `then` in it as user `id`, whom
/// nothing in it belongs to.
fn confined(folder: &Path, id: u32, then: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-ceu"]);
    command.arg(
        "folder=$1 id=$2; shift 2\n\
         mount --bind \"$folder\" \"$folder\"\n\
         mount -o remount,bind,ro \"$folder\"\n\
         cd \"$folder\"\n\
         exec unshare --user --map-user=\"$id\" --map-group=\"$id\" \"$@\"",
    );
    command.arg("sh").arg(folder).arg(id.to_string());
    command.args(then);
    command
}
