//! The published JSON Schema of `source.yaml`, in a validator of other makers, beside `rules check`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::function::{binary, root, scratch};
use crate::support::skipped;

/// The declarations of which one line is broken, by name.
const BASES: &str = include_str!("schema/bases.yaml");
/// `base | what stands in it | what stands there instead`, one a line.
const WRONG: &str = include_str!("schema/wrong.txt");

#[test]
fn every_right_declaration_is_valid_by_the_published_schema() {
    let shipped = std::fs::read_dir(root().join("rules")).expect("the sources");
    let shipped = shipped.map(|folder| folder.expect("a folder").path().join("source.yaml"));
    let mut right: Vec<(String, String)> = shipped
        .map(|file| (file.display().to_string(), read(&file)))
        .collect();
    assert!(right.len() >= 39, "{}", right.len());
    let page = read(&root().join("docs/connections.md"));
    let examples = page.split("```yaml\n").skip(1);
    let examples = examples.filter_map(|rest| rest.split("```").next());
    let examples = examples.filter(|text| text.starts_with("id:"));
    right.extend(examples.map(|text| ("docs/connections.md".to_owned(), text.to_owned())));
    let bases = bases().into_iter();
    right.extend(bases.map(|(name, text)| (name.to_owned(), text.to_owned())));
    let texts: Vec<&str> = right.iter().map(|(_, text)| text.as_str()).collect();
    let Some(found) = judged(&texts) else { return };
    for ((name, text), found) in right.iter().zip(found) {
        assert!(found.is_empty(), "{name}: {found:#?}\n{text}");
    }
    let (refused, told) = checked(&texts);
    assert!(refused.iter().all(|refused| !refused), "{told}");
}

#[test]
fn what_the_published_schema_refuses_is_refused_by_the_command_too() {
    let bases = bases();
    let rows = WRONG
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    let rows: Vec<(&str, String)> = rows.map(|row| (row, broken(&bases, row))).collect();
    assert!(rows.len() >= 80, "{}", rows.len());
    let texts: Vec<&str> = rows.iter().map(|(_, text)| text.as_str()).collect();
    let (refused, told) = checked(&texts);
    for ((row, text), refused) in rows.iter().zip(refused) {
        assert!(refused, "`rules check` takes {row}:\n{text}\n{told}");
    }
    let Some(found) = judged(&texts) else { return };
    let taken = rows.iter().zip(found).filter(|(_, found)| found.is_empty());
    let taken: Vec<&str> = taken.map(|((row, _), _)| *row).collect();
    assert!(taken.is_empty(), "the schema takes {taken:#?}");
}

fn bases() -> BTreeMap<&'static str, &'static str> {
    let blocks = BASES.split("--- # ").skip(1);
    let bases: BTreeMap<_, _> = blocks
        .map(|block| block.split_once('\n').expect("a name and a declaration"))
        .collect();
    assert!(bases.len() >= 6, "{}", bases.len());
    bases
}

/// The declaration of a row of `wrong.txt`.
fn broken(bases: &BTreeMap<&str, &str>, row: &str) -> String {
    let cells: Vec<&str> = row.split(" | ").collect();
    let [name, there, instead] = cells[..] else {
        panic!("not three cells: {row}");
    };
    let base = bases.get(name).unwrap_or_else(|| panic!("no base: {row}"));
    let (there, instead) = (there.replace("\\n", "\n"), instead.replace("\\n", "\n"));
    assert_eq!(
        base.matches(&there).count(),
        1,
        "not once in its base: {row}"
    );
    base.replace(&there, &instead)
}

/// What the schema finds wrong with each; `None`, with a message, where there is no validator.
fn judged(texts: &[&str]) -> Option<Vec<Vec<String>>> {
    let Some(peers) = std::env::var_os("HUSHGATE_PEERS") else {
        assert!(
            std::env::var_os("HUSHGATE_REQUIRE_PEERS").is_none_or(|v| v != "1"),
            "the test peers are not installed: run `cargo xtask test`"
        );
        skipped("no JSON Schema validator; `cargo xtask test` installs it and sets HUSHGATE_PEERS");
        return None;
    };
    let mut node = Command::new("node")
        .arg(root().join("tests/peers/schema/validate.mjs"))
        .arg(root().join("docs/source.schema.json"))
        .env("HUSHGATE_PEERS", peers)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    let documents = serde_json::to_vec(texts).expect("JSON");
    let mut input = node.stdin.take().expect("its input");
    input.write_all(&documents).expect("it reads");
    drop(input);
    let output = node.wait_with_output().expect("it ends");
    let found: Vec<Vec<String>> = serde_json::from_slice(&output.stdout).expect("a JSON list");
    assert_eq!(found.len(), texts.len());
    Some(found)
}

/// Whether `hushgate rules check` finds an error in each, and all it says.
fn checked(texts: &[&str]) -> (Vec<bool>, String) {
    let folder = scratch("schema");
    let files: Vec<String> = (0..texts.len()).map(|n| format!("{n}.yaml")).collect();
    for (file, text) in files.iter().zip(texts) {
        std::fs::write(folder.join(file), text).expect("a file");
    }
    let output = Command::new(binary("hushgate"))
        .args(["rules", "check"])
        .args(&files)
        .env_clear()
        .current_dir(&folder)
        .output()
        .expect("the command starts");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    // An error is told as `error[code]: …`, and its place in the next line.
    let errors = told.split("error[").skip(1);
    let places = errors.filter_map(|error| error.split("--> ").nth(1)?.split(':').next());
    let places: Vec<&str> = places.collect();
    let refused = files.iter().map(|file| places.contains(&file.as_str()));
    (refused.collect(), told.clone())
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).expect("a file")
}
