//! The bill of materials beside a package.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::packages::{machine, package, unpacked};
use crate::support::function::{root, scratch};
use crate::support::skipped;

/// Each cloud's package and bill; none where no packages were made.
fn pairs() -> Vec<(PathBuf, PathBuf)> {
    let ends = [("aws", "zip"), ("gcp", "oci.tar"), ("container", "oci.tar")];
    let pair = |(cloud, kind): (&str, &str)| {
        let start = format!("-{cloud}-{}", machine());
        Some((
            package(&format!("{start}.{kind}"))?,
            package(&format!("{start}.cdx.json"))?,
        ))
    };
    ends.into_iter().map_while(pair).collect()
}

fn json(file: &Path) -> Value {
    let text = std::fs::read(file).expect("a file");
    serde_json::from_slice(&text).expect("JSON")
}

/// What `CycloneDX`'s schema finds wrong with each; none, with a message, where there is no validator.
fn judged(bills: &[&Path]) -> Option<Vec<Vec<String>>> {
    let Some(peers) = std::env::var_os("HUSHGATE_PEERS") else {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none_or(|v| v != "1"),
            "the test peers are not installed: run `cargo xtask test`"
        );
        skipped("no JSON Schema validator; `cargo xtask test` installs it and sets HUSHGATE_PEERS");
        return None;
    };
    let output = Command::new("node")
        .arg(root().join("tests/peers/schema/bill.mjs"))
        .args(bills)
        .env("HUSHGATE_PEERS", peers)
        .output()
        .expect("node starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Some(serde_json::from_slice(&output.stdout).expect("a JSON list"))
}

#[test]
fn the_bill_is_valid_by_the_schema_of_its_makers() {
    let pairs = pairs();
    let Some((_, one)) = pairs.first() else {
        return;
    };
    let mut damaged = json(one);
    damaged["components"][0]["scope"] = "sometimes".into();
    let strange = scratch("bill").join("damaged.json");
    std::fs::write(&strange, damaged.to_string()).expect("a bill");
    let mut bills: Vec<_> = pairs.iter().map(|(_, bill)| bill.as_path()).collect();
    bills.push(&strange);
    let Some(mut found) = judged(&bills) else {
        return;
    };
    let wrong = found.pop().expect("a judgement of the damaged one");
    assert!(
        wrong.iter().any(|w| w.starts_with("/components/0/scope ")),
        "{wrong:?}"
    );
    for (errors, bill) in found.iter().zip(&bills) {
        assert!(errors.is_empty(), "{}: {errors:?}", bill.display());
    }
}

/// `name version scope` of every crate that the program itself lists, but for the program.
fn listed(program: &Path) -> BTreeSet<String> {
    let output = Command::new("python3")
        .arg(root().join("tests/peers/crates.py"))
        .arg(program)
        .output()
        .expect("Python starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let list: Value = serde_json::from_slice(&output.stdout).expect("a list");
    let crates = list["packages"].as_array().expect("crates").iter();
    let others = crates.filter(|one| one["root"] != true);
    others
        .map(|one| {
            let built = one["kind"] == "build";
            let scope = if built { "excluded" } else { "required" };
            format!("{} {} {scope}", text(one, "name"), text(one, "version"))
        })
        .collect()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

#[test]
fn the_bill_lists_the_crates_that_the_program_holds_and_no_others() {
    for (package, bill) in pairs() {
        let folder = unpacked(&package);
        let programs = ["bootstrap", "function"].map(|name| folder.join(name));
        let program = programs.iter().find(|p| p.exists()).expect("a program");
        let bill = json(&bill);
        let parts = bill["components"].as_array().expect("components").iter();
        let crates = parts.filter(|part| part.get("scope").is_some());
        let stated: BTreeSet<_> = crates
            .map(|part| {
                let names = ["name", "version", "scope"].map(|name| text(part, name));
                names.join(" ")
            })
            .collect();
        let listed = listed(program);
        assert!(listed.len() > 100, "{listed:?}");
        assert_eq!(stated, listed, "{}", package.display());
    }
}

#[test]
fn every_library_of_an_image_stands_in_its_bill() {
    for (package, bill) in pairs() {
        let libraries = unpacked(&package).join("lib");
        let Ok(libraries) = std::fs::read_dir(libraries) else {
            continue;
        };
        let bill = json(&bill);
        let parts = bill["components"].as_array().expect("components");
        for library in libraries {
            let file = library.expect("a library").path();
            let name = format!(
                "lib/{}",
                file.file_name().expect("a name").to_string_lossy()
            );
            let part = parts.iter().find(|part| part["bom-ref"] == *name);
            let part = part.unwrap_or_else(|| panic!("{name} is not in the bill"));
            let sum = Command::new("sha256sum")
                .arg(&file)
                .output()
                .expect("a sum");
            let sum = String::from_utf8_lossy(&sum.stdout).into_owned();
            assert!(
                sum.starts_with(text(&part["hashes"][0], "content")),
                "{name}"
            );
            let licence = text(&part["licenses"][0], "expression");
            assert!(licence.contains("GPL-"), "{name}: {licence}");
        }
    }
}
