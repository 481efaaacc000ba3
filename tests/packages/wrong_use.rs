//! `cargo xtask package` asked for what it can't make.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::packages::machine;
use crate::support::function::{binary, scratch};

/// What the chore says, which must fail.
fn said(arguments: &[&str], change: impl FnOnce(&mut Command)) -> String {
    said_by("package", arguments, change)
}

fn said_by(chore: &str, arguments: &[&str], change: impl FnOnce(&mut Command)) -> String {
    let mut command = Command::new(binary("xtask"));
    command.arg(chore).args(arguments);
    command.env_remove("HUSHGATE_CROSS_RUSTC");
    change(&mut command);
    let output = command.output().expect("it starts");
    assert!(!output.status.success(), "{arguments:?} must fail");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn other_machine() -> &'static str {
    if machine() == "arm64" {
        "x86_64"
    } else {
        "arm64"
    }
}

/// A program that does this in a shell.
pub(crate) fn program(folder: &Path, name: &str, script: &str) {
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a program");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&file, executable).expect("it can be started");
}

#[test]
fn every_unknown_source_is_named_beside_those_that_there_are() {
    let text = said(&["zoom", "zom", "../zoom", "--cloud", "aws"], |_| {});
    assert!(text.contains("no function for `zom`, `../zoom`;"), "{text}");
    assert!(text.contains("gcal") && text.contains("zoom"), "{text}");
}

#[test]
fn a_source_or_all_must_be_asked_for_and_a_cloud_named() {
    let text = said(&["--cloud", "aws"], |_| {});
    assert!(text.contains("<SOURCES>"), "{text}");
    let text = said(&["zoom", "--all", "--cloud", "aws"], |_| {});
    assert!(text.contains("cannot be used with"), "{text}");
    let text = said(&["zoom"], |_| {});
    assert!(text.contains("--cloud"), "{text}");
    let text = said(&["zoom", "--cloud", "azure"], |_| {});
    assert!(text.contains("aws, gcp, none"), "{text}");
    let text = said(&["zoom", "--cloud", "aws", "--arch", "sparc"], |_| {});
    assert!(text.contains("x86_64, arm64"), "{text}");
}

#[test]
fn a_missing_standard_library_is_named_with_both_ways_to_get_it() {
    let folder = scratch("rustc");
    program(&folder, "rustc", "echo /nonexistent");
    let rustc = folder.join("rustc");
    let arguments = ["zoom", "--cloud", "aws", "--arch", other_machine()];
    for variable in ["RUSTC", "HUSHGATE_CROSS_RUSTC"] {
        let text = said(&arguments, |command| {
            command.env(variable, &rustc);
        });
        assert!(text.contains("rustup target add"), "{text}");
        assert!(text.contains("HUSHGATE_CROSS_RUSTC"), "{text}");
    }
}

#[test]
fn a_missing_c_compiler_is_named_with_its_package() {
    let folder = scratch("rustc");
    std::fs::write(folder.join("libstd-0.so"), "").expect("a library");
    let libraries = folder.to_str().expect("a readable path");
    program(&folder, "rustc", &format!("echo '{libraries}'"));
    let rustc = folder.join("rustc");
    let arguments = ["zoom", "--cloud", "none", "--arch", other_machine()];
    let text = said(&arguments, |command| {
        command.env("RUSTC", &rustc).env("PATH", &folder);
    });
    assert!(text.contains("-linux-gnu-gcc` is missing"), "{text}");
    assert!(
        text.contains("install your system's package `gcc-"),
        "{text}"
    );
}

#[test]
fn tests_packages_are_for_this_machine_alone() {
    let arguments = [
        "zoom",
        "--cloud",
        "none",
        "--profile",
        "dev",
        "--arch",
        other_machine(),
    ];
    let text = said(&arguments, |_| {});
    let refused = "the `dev` profile is for tests on this machine";
    assert!(text.contains(refused), "{text}");
    let arguments = ["--profile", "dev", "--arch", other_machine()];
    let text = said_by("package-command", &arguments, |_| {});
    assert!(text.contains(refused), "{text}");
}
