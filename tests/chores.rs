//! `cargo xtask test` on a machine that lacks something.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::function::{binary, scratch};

/// What `cargo xtask test` says when only these programs, with these versions, are there.
fn said(programs: &[(&str, &str)]) -> String {
    let folder = scratch("path");
    for (name, version) in programs {
        let file = folder.join(name);
        let script = format!("#!/bin/sh\necho {version}\n");
        std::fs::write(&file, script).expect("a program");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&file, executable).expect("it can be started");
    }
    let output = run(&folder);
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn run(path: &Path) -> std::process::Output {
    let mut command = Command::new(binary("xtask"));
    command.arg("test").env("PATH", path);
    command.output().expect("it starts")
}

#[test]
fn every_missing_program_is_named_at_once_with_where_it_comes_from() {
    let all = said(&[]);
    for program in ["node", "npm", "python3", "cc"] {
        assert!(
            all.contains(&format!("`{program}` is missing: install")),
            "{all}"
        );
    }
    let some = said(&[("node", "v20.1.0"), ("npm", "10"), ("cc", "13")]);
    assert!(
        some.contains("`python3` is missing: install Python 3.10 or newer"),
        "{some}"
    );
    assert!(!some.contains("`node`") && !some.contains("`cc`"), "{some}");
}

#[test]
fn an_old_node_is_refused_with_its_version() {
    let programs = [
        ("node", "v18.19.1"),
        ("npm", "9"),
        ("python3", "Python 3.11"),
        ("cc", "13"),
    ];
    let answer = said(&programs);
    assert!(
        answer.contains("Node.js 20 or newer; `node --version` says v18.19.1"),
        "{answer}"
    );
}
