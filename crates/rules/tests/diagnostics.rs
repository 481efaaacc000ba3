//! What the author of a wrong rule file is told: each `diagnostics/NAME.yaml` gives the text of
//! `NAME.stderr`. `BLESS=1` writes the texts anew. A first line `# compat` loads under
//! compatibility.

use hushgate_rules::endpoint::RuleSet;
use hushgate_rules::language::{LoadOptions, RuleFile, parse};
use std::path::Path;

#[test]
fn authors_are_told_what_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let bless = std::env::var_os("BLESS").is_some();
    let mut cases = 0;
    let mut wrong = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files
        .iter()
        .filter(|file| file.extension().is_some_and(|it| it == "yaml"))
    {
        let text = std::fs::read_to_string(file).unwrap();
        let name = file.file_name().unwrap().to_str().unwrap();
        let actual = report(name, &text);
        let expected_file = file.with_extension("stderr");
        if bless {
            std::fs::write(&expected_file, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&expected_file).unwrap_or_default();
        if actual != expected {
            wrong.push(format!(
                "== {name}\n-- expected\n{expected}\n-- actual\n{actual}"
            ));
        }
        cases += 1;
    }
    assert!(cases >= 20, "only {cases} cases");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn report(name: &str, text: &str) -> String {
    let options = LoadOptions {
        compat: text.starts_with("# compat\n"),
        kind: None,
    };
    let is_rest = match parse(name, text, options) {
        Ok(parsed) => matches!(parsed.rules, RuleFile::Rest(_)),
        Err(_) => text.contains("pathTemplate") || text.contains("allowAllEndpoints"),
    };
    let loaded = if is_rest {
        RuleSet::load(name, text, options).map(|(_, warnings)| warnings)
    } else {
        parse(name, text, options).map(hushgate_rules::language::Parsed::into_findings)
    };
    let (outcome, found) = match loaded {
        Ok(found) => ("loaded", found),
        Err(found) => ("refused", found),
    };
    let mut lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    lines.push(format!("{outcome}\n"));
    lines.join("\n")
}
