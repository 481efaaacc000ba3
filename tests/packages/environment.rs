//! What `cargo xtask package` builds does not depend on the settings of the person who builds.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::packages::wrong_use::program;
use crate::support::function::{binary, scratch};

/// Notes what it is asked to build, with its variables, and builds nothing.
const CARGO: &str = "[ \"$1\" = install ] && exit 0\n\
    { for argument; do echo \"argument $argument\"; done; env | sort; } > \"$(dirname \"$0\")/asked\"\n\
    exit 1";

/// Variables that a compiler, cargo or a build script reads.
const SETTINGS: [&str; 16] = [
    "AR",
    "AWS_LC_SYS_CFLAGS",
    "AWS_LC_SYS_NO_ASM",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_DIST_OPT_LEVEL",
    "CARGO_PROFILE_RELEASE_LTO",
    "CC",
    "CC_x86_64-unknown-linux-gnu",
    "CFLAGS",
    "CFLAGS_x86_64-unknown-linux-gnu",
    "CFLAGS_x86_64_unknown_linux_gnu",
    "HOST_CFLAGS",
    "LD_PRELOAD_OF_NOBODY",
    "RUSTFLAGS",
    "ZSTD_SYS_USE_PKG_CONFIG",
];

/// The chore with a cargo that only takes notes, and with `home` as cargo's.
fn chore(folder: &Path, home: &Path) -> Command {
    program(folder, "cargo", CARGO);
    let mut command = Command::new(binary("xtask"));
    command
        .args(["package", "zoom", "--cloud", "none"])
        .env("CARGO", folder.join("cargo"))
        .env("CARGO_HOME", home)
        .env_remove("HUSHGATE_CROSS_RUSTC");
    command
}

fn asked(folder: &Path, output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    std::fs::read_to_string(folder.join("asked")).unwrap_or_else(|_| panic!("no build: {said}"))
}

#[test]
fn variables_of_the_environment_change_nothing_in_a_build() {
    let folder = scratch("environment");
    let mut plain = chore(&folder, &folder);
    for name in SETTINGS {
        plain.env_remove(name);
    }
    let plain = asked(&folder, &plain.output().expect("it starts"));
    let mut set = chore(&folder, &folder);
    for name in SETTINGS {
        set.env(name, "strange");
    }
    set.env("RUSTC_WRAPPER", folder.join("wrapper"));
    let set = asked(&folder, &set.output().expect("it starts"));
    assert!(plain.contains("argument dist\n"), "{plain}");
    assert!(plain.contains("\nRUSTC_WRAPPER=\n"), "{plain}");
    assert!(plain.contains("--remap-path-prefix="), "{plain}");
    assert_eq!(plain, set);
}

#[test]
fn a_profile_in_the_builders_settings_is_refused_and_named() {
    let folder = scratch("environment");
    let home: PathBuf = scratch("home");
    std::fs::write(home.join("config.toml"), "[profile.dist]\nopt-level = 0\n").expect("settings");
    let output = chore(&folder, &home).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && !folder.join("asked").exists(),
        "{said}"
    );
    assert!(said.contains("config.toml sets profile"), "{said}");
    assert!(said.contains("CARGO_HOME"), "{said}");
}
