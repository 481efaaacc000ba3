//! Tables that say which test or case shows something: what they name must exist.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Looks up `FILE::NAME`, with the file from the root of the repository: a test function of a Rust file, or a text
/// that a case file holds (its title, say). Files are read once.
#[derive(Default)]
pub(crate) struct Evidence {
    files: BTreeMap<String, Option<String>>,
}

impl Evidence {
    /// What is wrong with a reference; nothing if it leads to a test or a case.
    pub(crate) fn problem(&mut self, reference: &str) -> Option<String> {
        let Some((file, name)) = reference.split_once("::") else {
            return Some(format!("{reference}: write FILE::NAME"));
        };
        let text = self
            .files
            .entry(file.to_owned())
            .or_insert_with(|| std::fs::read_to_string(root().join(file)).ok());
        let Some(text) = text else {
            return Some(format!("{reference}: no such file"));
        };
        let rust = Path::new(file)
            .extension()
            .is_some_and(|ending| ending == "rs");
        let found = if rust {
            is_test(text, name)
        } else {
            holds(text, name)
        };
        (!found).then(|| format!("{reference}: no such test or case in the file"))
    }
}

/// Whether a text holds a name, and not only as the beginning of a longer word.
fn holds(text: &str, name: &str) -> bool {
    let mut ends = text.match_indices(name).map(|(at, _)| at + name.len());
    !name.trim().is_empty() && ends.any(|end| !text[end..].starts_with(char::is_alphanumeric))
}

/// Whether a text defines a test function: one with an attribute that makes it one, or inside `proptest!`.
fn is_test(text: &str, name: &str) -> bool {
    let signature = format!("fn {name}(");
    let mut marked = false;
    let mut generated = false;
    for line in text.lines().map(str::trim) {
        generated |= line.starts_with("proptest!");
        if line.starts_with("#[") && line.contains("test") {
            marked = true;
        } else if line.trim_start_matches("async ").starts_with(&signature) {
            return marked || generated;
        } else if !line.starts_with("#[") && !line.starts_with("//") {
            marked = false;
        }
    }
    false
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A folder of the shared material beside the repository; none, said aloud, where it is not there.
pub(crate) fn shared(folder: &str) -> Option<PathBuf> {
    let beside = root().join("../shared");
    let shared = std::env::var_os("HUSHGATE_SHARED").map_or(beside, PathBuf::from);
    let found = shared.join(folder);
    if !found.exists() {
        // Past the capture of passing tests' output.
        let _ = writeln!(std::io::stderr(), "skipped: {} not found", found.display());
        return None;
    }
    Some(found)
}

#[test]
fn only_tests_and_cases_are_evidence() {
    let mut evidence = Evidence::default();
    let here = "crates/rules/tests/support/evidence.rs";
    let mut accepted = |name: &str| evidence.problem(&format!("{here}::{name}")).is_none();
    assert!(accepted("only_tests_and_cases_are_evidence"));
    assert!(!accepted("is_test"), "a helper");
    assert!(!accepted("only_tests"), "a beginning");
    assert!(!accepted(""), "nothing");
    for wrong in [
        "crates/rules/tests/support/gone.rs::x",
        "crates/rules/tests/admit/bodies.yaml::no such title",
        "crates/rules/tests/admit/bodies.yaml::",
        "crates/rules/tests/admit/bodies.yaml::body-not-admit",
        here,
    ] {
        assert!(evidence.problem(wrong).is_some(), "{wrong}");
    }
}
