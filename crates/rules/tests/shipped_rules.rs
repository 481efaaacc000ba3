//! Every shipped rule file loads, natively and under compatibility, without errors.

use hushgate_rules::endpoint::RuleSet;
use hushgate_rules::language::LoadOptions;
use std::path::Path;

#[test]
fn every_shipped_rule_file_loads() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let mut loaded = 0;
    for source in std::fs::read_dir(&rules).unwrap() {
        let file = source.unwrap().path().join("rules.yaml");
        let Ok(text) = std::fs::read_to_string(&file) else {
            continue;
        };
        for compat in [false, true] {
            let options = LoadOptions { compat, kind: None };
            match RuleSet::load(&file.display().to_string(), &text, options) {
                Ok((set, _)) => assert!(!set.endpoints().is_empty()),
                Err(found) => {
                    let errors: Vec<String> = found.iter().map(ToString::to_string).collect();
                    panic!("{}", errors.join("\n"));
                }
            }
            loaded += 1;
        }
    }
    assert!(loaded > 0, "no rule files in {}", rules.display());
}

#[test]
fn the_documented_example_loads_without_a_finding() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rules.md");
    let page = std::fs::read_to_string(page).unwrap();
    let (_, after) = page.split_once("```yaml\n").unwrap();
    let (example, _) = after.split_once("```").unwrap();
    let (_, found) = RuleSet::load("example", example, LoadOptions::default()).unwrap();
    assert!(found.is_empty(), "{found:?}");
}
